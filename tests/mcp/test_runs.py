"""Agents with MCP servers, at work."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    MCPServerError,
    MCPServerStdio,
    MCPToolMetaContext,
    RunConfig,
    Runner,
    RunState,
    RunTimeout,
    SQLiteJournal,
    ToolGuardrailFunctionOutput,
    UserError,
    function_tool,
    tool_input_guardrail,
    tool_output_guardrail,
)
from agents_lite.mcp.agent_tools import as_function_tool
from agents_lite.mcp.objects import MCPTool
from agents_lite.testing import ScriptedModel, call
from tests.support.spans import recorded_spans
from tests.support.threads import no_thread_left
from tests.support.waiting import LIMIT, PATIENCE, time_is_up_once, wait_until

Script = Callable[..., MCPServerStdio]
Heard = Callable[[], list[dict[str, Any]]]


def outputs(result: Any) -> list[Any]:
    return [item.output for item in result.new_items if item.type == "tool_call_output_item"]


def offered(model: Any) -> list[str]:
    """The names of the tools that the model was last offered."""
    return [tool.name for tool in model.requests[-1].tools]


def test_a_model_calls_a_tool_of_a_server(scripted: Any, script: Script) -> None:
    model = scripted([call("echo", text="hi"), "done"])
    agent = Agent("A", mcp_servers=[script()], model=model)
    result = Runner.run_sync(agent, "Echo")
    assert outputs(result) == ["hi"]
    assert result.final_output == "done"


def test_a_text_that_stands_for_an_object_goes_to_the_server_as_that(
    scripted: Any, script: Script, heard: Heard, tmp_path: Path
) -> None:
    """Where a model may be told of no open objects, as Gemini's layer refuses them."""
    schema = {"type": "object", "properties": {"found": {"type": "object"}}}
    answers = {
        "tools/list": {"tools": [{"name": "note", "inputSchema": schema}]},
        "tools/call": {"content": [{"type": "text", "text": "noted"}]},
    }
    server = script({"log": str(tmp_path / "log"), "answers": answers})
    model = scripted([call("note", found='{"a": 1}'), "done"])
    Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "Note")
    [called] = [each for each in heard() if each.get("method") == "tools/call"]
    assert called["params"]["arguments"] == {"found": {"a": 1}}


@pytest.mark.parametrize("how", ["run_sync", "run", "run_streamed"])
def test_a_server_that_was_not_entered_is_closed_with_the_run(
    scripted: Any, script: Script, how: str
) -> None:
    server = script()
    agent = Agent("A", mcp_servers=[server], model=scripted([call("pid"), call("pid"), "done"]))
    with no_thread_left():
        if how == "run":
            result: Any = asyncio.run(Runner.run(agent, "Go"))
        else:
            result = getattr(Runner, how)(agent, "Go")
        if how == "run_streamed":
            list(result.stream_events())
    first, second = outputs(result)
    assert first == second
    with pytest.raises(ProcessLookupError):
        os.kill(int(first), 0)


def test_a_server_that_was_entered_stays(scripted: Any, script: Script) -> None:
    model = scripted([call("pid"), "done", call("pid"), "done"])
    with script() as server:
        agent = Agent("A", mcp_servers=[server], model=model)
        pids = [outputs(Runner.run_sync(agent, "Go"))[0] for _ in range(2)]
        assert pids[0] == pids[1] == server.call_tool("pid").content[0].text


def test_a_run_that_fails_closes_its_servers_too(scripted: Any, script: Script) -> None:
    server = script()
    agent = Agent("A", mcp_servers=[server], model=scripted([call("echo", text="a"), OSError()]))
    with pytest.raises(OSError):
        Runner.run_sync(agent, "Go")
    assert server._session is None


def test_calls_of_a_turn_are_made_side_by_side(scripted: Any, script: Script) -> None:
    """Neither is answered before the server has both."""
    agent = Agent("A", mcp_servers=[script()], model=scripted([[call("late")] * 2, "done"]))
    assert outputs(Runner.run_sync(agent, "Go", timeout=PATIENCE)) == ["late", "late"]


def test_names_that_occur_twice_get_the_name_of_their_server(scripted: Any, script: Script) -> None:
    @function_tool
    def write(text: str) -> str:
        return f"mine: {text}"

    model = scripted([[call("write", text="a"), call("b_c_write", text="b")], "done"])
    servers = [
        script({"tools": ["echo", "pid"]}, name="a"),
        script({"tools": ["echo", "write"]}, name="b/c"),
        script({"tools": ["echo"]}, name="b c"),
    ]
    agent = Agent("A", tools=[write], mcp_servers=servers, model=model)
    assert outputs(Runner.run_sync(agent, "Go")) == ["mine: a", "b"]
    assert offered(model) == ["write", "a_echo", "pid", "b_c_echo", "b_c_write", "b_c_echo_2"]


def test_names_that_models_do_not_take_are_made_fit(scripted: Any, script: Script) -> None:
    long = "x" * 80
    model = scripted(["done"])
    server = script({"tools": ["files.read/all", long, long + "y"]})
    Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "Go")
    plain, *long_ones = offered(model)
    assert plain == "files_read_all"
    assert [len(name) for name in long_ones] == [64, 64]
    assert len(set(long_ones)) == 2


def test_a_tool_that_fails_is_told_to_the_model(scripted: Any, script: Script) -> None:
    agent = Agent("A", mcp_servers=[script()], model=scripted([call("fail"), "done"]))
    assert outputs(Runner.run_sync(agent, "Go")) == ["the moon is full"]


def test_a_server_that_dies_is_told_to_the_model_and_started_anew(
    scripted: Any, script: Script
) -> None:
    model = scripted([call("write", text="a"), call("echo", text="b"), "done"])
    agent = Agent("A", mcp_servers=[script({"die": {"write": 1}})], model=model)
    first, second = outputs(Runner.run_sync(agent, "Go"))
    assert "exit code 1" in first
    assert second == "b"


def test_a_failure_leaves_the_run_where_that_is_wanted(scripted: Any, script: Script) -> None:
    server = script({"die": {"write": 1}}, failure_error_function=None)
    model = scripted([call("write", text="a")])
    with pytest.raises(MCPServerError, match="exit code 1"):
        Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "Go")


def test_arguments_that_are_no_object_are_told_to_the_model(scripted: Any, script: Script) -> None:
    model = scripted([call("echo", "[1]"), call("echo", "{"), "done"])
    agent = Agent("A", mcp_servers=[script()], model=model)
    no_object, no_json = outputs(Runner.run_sync(agent, "Go"))
    assert "should be an object" in no_object
    assert "valid JSON" in no_json


def test_a_server_that_cannot_be_started_fails_the_run(scripted: Any) -> None:
    server = MCPServerStdio({"command": "no-such-program"}, name="ghost")
    with pytest.raises(MCPServerError, match="'ghost'"):
        Runner.run_sync(Agent("A", mcp_servers=[server], model=scripted([])), "Go")


def test_a_server_that_cannot_be_started_is_left_out_where_that_is_wanted(
    scripted: Any, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    ghost = MCPServerStdio({"command": "no-such-program"}, name="ghost", on_failure="skip")
    model = scripted([call("echo", text="a"), "done"])
    agent = Agent("A", mcp_servers=[ghost, script({"tools": ["echo"]})], model=model)
    assert outputs(Runner.run_sync(agent, "Go")) == ["a"]
    assert offered(model) == ["echo"]
    assert "goes on without tools: MCP server 'ghost'" in caplog.text


def test_a_filter_function_is_given_run_and_agent(scripted: Any, script: Script) -> None:
    def mine(context: Any, tool: Any) -> bool:
        return bool(tool.name == context.run_context.context and context.agent.name == "A")

    model = scripted(["done"])
    agent = Agent("A", mcp_servers=[script(tool_filter=mine)], model=model)
    Runner.run_sync(agent, "Go", context="pid")
    assert offered(model) == ["pid"]


def test_a_question_of_a_server_is_answered_on_the_loop_of_the_caller(
    scripted: Any, script: Script
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def answer(question: Any) -> Any:
            assert asyncio.get_running_loop() is loop
            return {"age": 44}

        server = script(on_elicitation=answer)
        agent = Agent("A", mcp_servers=[server], model=scripted([call("ask"), "done"]))
        [said] = outputs(await Runner.run(agent, "Go"))
        assert json.loads(said)["content"] == {"age": 44}

    asyncio.run(main())


def test_a_run_that_is_out_of_time_ends_the_call(
    scripted: Any, script: Script, heard: Heard, tmp_path: Path
) -> None:
    model = scripted([call("write", text="a")])
    with script({"hang": ["write"], "log": str(tmp_path / "log")}) as server:
        is_called = lambda: any(each.get("method") == "tools/call" for each in heard())  # noqa: E731
        with time_is_up_once(is_called), pytest.raises(RunTimeout):
            Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "Go", timeout=LIMIT)
        wait_until(lambda: heard()[-1]["method"] == "notifications/cancelled")


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize("how", ["run_sync", "run"])
def test_a_call_tells_the_server_whose_it_is(
    scripted: Any, script: Script, heard: Heard, tmp_path: Path, modern: bool, how: str
) -> None:
    asked: list[Any] = []

    async def whose(call: MCPToolMetaContext) -> Any:
        asked.append((call.server_name, dict(call.arguments)))
        call.arguments["whose"] = "a"  # which the server is not told
        return {"tenant": call.run_context.context} if call.tool_name == "echo" else None

    plan = {"log": str(tmp_path / "log"), "modern": modern}
    server = script(plan, tool_meta_resolver=whose)
    model = scripted([call("echo", text="hi"), call("pid"), "done"])
    agent: Agent[str] = Agent("A", mcp_servers=[server], model=model)
    ended = getattr(Runner, how)(agent, "Go", context="acme")
    asyncio.run(ended) if how == "run" else None
    server.call_tool("echo", {"text": "b"}, meta={"tenant": "b"})
    made = [m["params"] for m in heard() if m["method"] == "tools/call"]
    assert [each["arguments"] for each in made] == [{"text": "hi"}, {}, {"text": "b"}]
    told = [each.get("_meta", {}) for each in made]
    assert [meta.get("tenant") for meta in told] == ["acme", None, "b"]
    assert all("io.modelcontextprotocol/protocolVersion" in meta for meta in told) is modern
    assert asked == [("script", {"text": "hi"}), ("script", {})]


def test_what_tells_whose_a_call_is_gives_an_object(scripted: Any, script: Script) -> None:
    server = script(tool_meta_resolver=lambda _: "acme", failure_error_function=None)
    model = scripted([call("echo", text="hi")])
    with pytest.raises(UserError, match="What a tool_meta_resolver gives must be a dict or None"):
        Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "Go")
    with pytest.raises(UserError, match="tool_meta_resolver"):
        script(tool_meta_resolver="acme")


def test_guardrails_of_a_server_stand_before_and_behind_each_of_its_tools(
    scripted: Any, script: Script
) -> None:
    @tool_input_guardrail
    def no_b(data: Any) -> Any:
        if "b" in data.context.tool_arguments:
            return ToolGuardrailFunctionOutput.reject_content("no b")
        return ToolGuardrailFunctionOutput.allow()

    @tool_output_guardrail
    def no_c(data: Any) -> Any:
        if data.output == "c":
            return ToolGuardrailFunctionOutput.reject_content("no c")
        return ToolGuardrailFunctionOutput.allow()

    server = script(tool_input_guardrails=[no_b], tool_output_guardrails=(no_c,))
    model = scripted([[call("echo", text=each) for each in "abc"], "done"])
    result = Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "Go")
    assert outputs(result) == ["a", "no b", "no c"]
    assert len(result.tool_output_guardrail_results) == 2
    with pytest.raises(UserError, match="tool_input_guardrail"):
        script(tool_input_guardrails=[no_c])


def test_an_agent_as_a_tool_has_servers_of_its_own(scripted: Any, script: Script) -> None:
    inner = Agent("B", mcp_servers=[script()], model=scripted([call("echo", text="a"), "inner"]))
    outer = Agent("A", tools=[inner.as_tool()], model=scripted([call("b", input="x"), "outer"]))
    assert outputs(Runner.run_sync(outer, "Go")) == ["inner"]


def test_listing_and_calling_have_spans(scripted: Any, script: Script) -> None:
    model = scripted([call("fail"), "done"])
    agent = Agent("A", mcp_servers=[script({"tools": ["fail"]})], model=model)
    with recorded_spans() as recorder:
        Runner.run_sync(agent, "Go")
    found = [span.span_data.export() for span in recorder.spans]
    listed = {"type": "mcp_tools", "server": "script", "result": ["fail"]}
    assert [data for data in found if data["type"] == "mcp_tools"] == [listed, listed]
    [called] = [span for span in recorder.spans if span.span_data.type == "function"]
    assert called.span_data.mcp_data == {"server": "script"}
    assert called.error["message"] == "The tool says that it failed"


STRICT = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
OPTIONAL = {"type": "object", "properties": {"a": {"type": "string"}}}
OPEN = {"type": "object", "additionalProperties": True}


@pytest.mark.parametrize(
    ("schema", "is_strict"),
    [(STRICT, True), (OPTIONAL, False), (OPEN, False), ({}, True), (None, True)],
)
def test_schemas_are_strict_where_that_changes_nothing(
    script: Script, schema: Any, is_strict: bool
) -> None:
    tool = as_function_tool(MCPTool({"name": "t", "inputSchema": schema}), script(), "t")
    assert tool.strict_json_schema is is_strict
    if schema and not is_strict:
        assert {**tool.params_json_schema, **schema} == tool.params_json_schema


def test_a_tool_that_no_model_can_be_offered_is_left_out(
    scripted: Any, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    model = scripted(["done"])
    server = script({"tools": ["echo", "odd"]})
    Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "Go")
    assert offered(model) == ["echo"]
    assert "A tool of MCP server script is left out" in caplog.text


READ = {"readOnlyHint": True}
ADD = {"readOnlyHint": False, "destructiveHint": False}
BOTH = {"always": {"tool_names": ["t"]}, "never": {"tool_names": ["u"]}}


@pytest.mark.parametrize(
    ("policy", "hints", "asks"),
    [
        (None, {}, False),
        ("never", {}, False),
        ("always", READ, True),
        (True, READ, True),
        ("auto", {}, True),
        ("auto", READ, False),
        ("auto", ADD, False),
        ("auto", {"destructiveHint": True}, True),
        ({"t": "always"}, READ, True),
        ({"u": "always"}, {}, False),
        ({"t": "auto"}, READ, False),
        (BOTH, READ, True),
        ({"always": {"tool_names": ["u"]}}, {}, False),
        ({"never": {"tool_names": ["u"]}}, {}, True),
        ({"never": {"tool_names": ["t"]}}, {}, False),
        ({}, {}, False),
    ],
)
def test_who_is_asked_for_consent(script: Script, policy: Any, hints: Any, asks: bool) -> None:
    server = script(require_approval=policy)
    tool = as_function_tool(MCPTool({"name": "t", "annotations": hints}), server, "t")
    assert tool.needs_approval is asks


def test_a_function_decides_who_is_asked(script: Script) -> None:
    async def large(context: Any, agent: Any, tool: Any) -> bool:
        asked.append((agent.name, tool.name))
        return bool(len(json.loads(context.tool_arguments)["text"]) > 5)

    asked: list[Any] = []
    server = script({"tools": ["echo"]}, require_approval=large)
    model = ScriptedModel([[call("echo", text="hi"), call("echo", text="much longer")]])
    with server:
        result = Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "x")
    assert [item.arguments for item in result.interruptions] == ['{"text":"much longer"}']
    assert asked == [("A", "echo")] * 2


@pytest.mark.parametrize(("hints", "end"), [({}, "ask"), ({"idempotentHint": True}, None)])
def test_an_unknown_end_is_asked_about_unless_a_call_may_be_repeated(
    script: Script, hints: Any, end: Any
) -> None:
    tool = as_function_tool(MCPTool({"name": "t", "annotations": hints}), script(), "t")
    assert tool.on_unknown_end == end


def test_a_call_waits_for_consent_and_is_made_in_another_process(
    scripted: Any, script: Script
) -> None:
    def agent(*turns: Any) -> Agent[Any]:
        servers = [
            script({"tools": ["write"]}, name="other"),
            script({"tools": ["write", "pid"]}, require_approval="auto"),
        ]
        return Agent("A", mcp_servers=servers, model=scripted(list(turns)))

    calls = [call("script_write", text="a"), call("script_write", text="b"), call("pid")]
    paused = Runner.run_sync(agent(calls), "Go")
    waiting = paused.interruptions
    assert [item.tool_name for item in waiting] == ["script_write", "script_write", "pid"]
    text = paused.to_state().to_string()

    then = agent("done")
    state = RunState.from_string(then, text)
    first, second, third = state.get_interruptions()
    state.approve(first)
    state.reject(second, rejection_message="Not b.")
    state.provide_output(third, "7")
    with no_thread_left():
        result = Runner.run_sync(then, state)
    assert result.final_output == "done"
    assert outputs(result)[-3:] == ["a", "Not b.", "7"]


def test_a_server_of_a_run_that_pauses_again_is_closed(scripted: Any, script: Script) -> None:
    server = script(require_approval="auto")
    agent = Agent(
        "A", mcp_servers=[server], model=scripted([[call("write", text="a"), call("pid")]])
    )
    state = Runner.run_sync(agent, "Go").to_state()
    state.approve(state.get_interruptions()[0])
    assert len(Runner.run_sync(agent, state).interruptions) == 1
    assert server._session is None


def test_a_run_in_a_journal_makes_no_call_of_a_server_again(
    scripted: Any, script: Script, heard: Heard, tmp_path: Path
) -> None:
    starts = []

    @function_tool
    def stop() -> str:
        """Stop the run, once."""
        starts.append(1)
        if len(starts) == 1:
            raise KeyboardInterrupt
        return "stopped"

    model = scripted([call("write", text="a"), call("stop"), call("echo", text="b"), "done"])
    config = RunConfig(journal=SQLiteJournal(tmp_path / "runs.db"), run_id="r")

    def start() -> Any:
        server = script({"log": str(tmp_path / "log")})
        agent = Agent("A", mcp_servers=[server], tools=[stop], model=model)
        return Runner.run_sync(agent, "Go", run_config=config)

    with pytest.raises(KeyboardInterrupt):
        start()
    assert [*outputs(start()), *outputs(start())] == ["a", "stopped", "b"] * 2
    called = [each["params"]["name"] for each in heard() if each.get("method") == "tools/call"]
    assert (called, len(starts)) == (["write", "echo"], 2)


def test_servers_of_the_wrong_kind_are_a_user_error() -> None:
    with pytest.raises(UserError, match="mcp_servers must be a list of MCP servers"):
        Agent("A", mcp_servers=["npx"])  # type: ignore[list-item]


def test_what_a_run_shows_holds_no_token(
    scripted: Any, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = script({"die": {"write": 1}}, env={"API_TOKEN": "tok-1234567"})
    agent = Agent("A", mcp_servers=[server], model=scripted([call("write", text="a"), "done"]))
    result = Runner.run_sync(agent, "Go", run_config=RunConfig())
    shown = f"{agent!r} {server!r} {result!r} {result.to_input_list()} {caplog.text}"
    assert "dying of write with ***" in shown
    assert "tok-1234567" not in shown
