"""What a person is shown of results, items, usage and agents."""

from __future__ import annotations

import json
import logging
import pickle
from typing import Any

import pytest

from agents_lite import (
    Agent,
    AgentsException,
    BadRequestError,
    CodeInterpreterTool,
    HostedMCPTool,
    MCPServerError,
    ModelSettings,
    RunConfig,
    RunContextWrapper,
    Runner,
    RunResult,
    ToolApprovalItem,
    enable_verbose_stdout_logging,
    function_tool,
    handoff,
)
from agents_lite.shown import escaped_json, in_few_words
from agents_lite.testing import ScriptedModel, call, handoff_to, reasoning, refusal, text, turn

SECRET = "s3cr3t"
HOSTILE = "<script>alert(1)</script>\x1b[2J"


class Context:
    def __repr__(self) -> str:
        return SECRET


@function_tool
def add(context: RunContextWrapper[Any], a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def agent_with_secrets() -> Agent[Any]:
    helper = Agent(name="Helper", model=ScriptedModel([text("Five.")]))
    return Agent(
        name="A",
        instructions="Answer briefly.",
        model=ScriptedModel([turn(reasoning("Hm"), call("add", a=2, b=3)), handoff_to("Helper")]),
        model_settings=ModelSettings(extra_headers={"key": SECRET}, extra_body={"key": SECRET}),
        tools=[
            add,
            HostedMCPTool({"type": "mcp", "server_label": "m", "authorization": SECRET}),
            CodeInterpreterTool({"type": "code_interpreter", "container": SECRET}),
        ],
        handoffs=[handoff(helper)],
    )


@pytest.fixture
def result() -> RunResult:
    return Runner.run_sync(agent_with_secrets(), "2 and 3?", context=Context())


def test_items_are_shown_by_kind_agent_and_words(result: RunResult) -> None:
    assert [repr(item) for item in result.new_items] == [
        "<ReasoningItem of A: Hm>",
        '<ToolCallItem of A: add({"a":2,"b":3})>',
        "<ToolCallOutputItem of A: 5>",
        "<HandoffCallItem of A: transfer_to_helper({})>",
        "<HandoffOutputItem of A: A -> Helper>",
        "<MessageOutputItem of Helper: Five.>",
    ]


def test_a_printed_result_tells_the_run_step_by_step(result: RunResult) -> None:
    first, *steps, last = str(result).splitlines()
    assert first == f"RunResult of Helper, {result.usage.in_words()}"
    assert steps[1] == '  A, tool_call: add({"a":2,"b":3})'
    assert len(steps) == 6
    assert last == "Five."


def test_a_refusal_is_shown() -> None:
    agent = Agent(name="A", model=ScriptedModel([refusal("No.")]))
    with pytest.raises(Exception) as raised:
        Runner.run_sync(agent, "Hi")
    details = raised.value.run_data  # type: ignore[attr-defined]
    assert repr(details.new_items[0]) == "<MessageOutputItem of A: No.>"
    assert str(details).splitlines()[-1] == "No final output"


def test_a_paused_result_says_what_waits() -> None:
    tool = function_tool(lambda: 1, name_override="pay", needs_approval=True)
    agent = Agent(name="A", tools=[tool], model=ScriptedModel([call("pay")]))
    result = Runner.run_sync(agent, "Hi")
    assert repr(result.interruptions) == "[<ToolApprovalItem of A: pay({}) waits: approval>]"
    assert str(result).splitlines()[-1] == "Paused: approval"


@pytest.mark.parametrize(
    ("asked", "arguments"),
    [
        ({"arguments": '{"a": 1}'}, '{"a": 1}'),
        ({"arguments": {"a": None}}, '{"a":null}'),  # as some servers give them
        ({"input": "ls"}, "ls"),
        ({"operation": {"type": "delete_file"}}, '{"type":"delete_file"}'),
        ({"type": "computer_call", "action": {"type": "wait"}}, '[{"type":"wait"}]'),
        ({"type": "local_shell_call", "action": {"command": ["ls"]}}, '{"command":["ls"]}'),
    ],
)
def test_what_a_call_that_waits_asks_for_is_json_or_its_free_text(
    asked: dict[str, Any], arguments: str
) -> None:
    raw = {"type": "function_call", "call_id": "c", "name": "f", **asked}
    assert ToolApprovalItem(Agent("A"), raw, "c").arguments == arguments


def test_usage_is_shown_in_words(result: RunResult) -> None:
    usage = result.usage
    counts = f"{usage.input_tokens} tokens in, {usage.output_tokens} out"
    assert repr(usage) == str(usage) == f"<Usage: 3 requests, {counts}>"
    usage.input_tokens_details = type(usage.input_tokens_details)(cached_tokens=7)
    assert "(7 cached)" in repr(usage)


def test_a_model_response_is_shown_briefly(result: RunResult) -> None:
    response = result.raw_responses[0]
    shown = f"<ModelResponse {response.response_id}: reasoning, function_call; "
    assert repr(response) == f"{shown}{response.usage.in_words()}>"


def test_tools_handoffs_and_settings_are_shown_briefly() -> None:
    settings = ModelSettings(temperature=0.2, extra_headers={"key": SECRET})
    assert repr(settings) == "ModelSettings(temperature=0.2)"
    assert "workflow_name" not in repr(RunConfig())
    config = RunConfig(model_settings=settings)
    assert "model_settings=ModelSettings(temperature=0.2)" in repr(config)
    assert repr(add) == "FunctionTool('add')"
    assert repr(handoff(Agent(name="B"))) == "Handoff('transfer_to_b')"


def test_nothing_secret_is_shown(result: RunResult) -> None:
    agent = agent_with_secrets()
    things = [result, result.context_wrapper, result.usage, agent, *agent.tools]
    things += [*result.new_items, *result.raw_responses, agent.model_settings]
    things += [RunConfig(model_settings=agent.model_settings), *agent.handoffs]
    for thing in things:
        html = getattr(thing, "_repr_html_", str)()
        assert SECRET not in f"{thing!r} {thing} {html}"


def test_a_notebook_shows_hostile_text_as_text() -> None:
    tool = function_tool(lambda x: x, name_override="echo")
    model = ScriptedModel([call("echo", x=HOSTILE), text(HOSTILE)])
    agent = Agent(name=HOSTILE, instructions=HOSTILE, tools=[tool], model=model)
    result = Runner.run_sync(agent, HOSTILE)
    for thing in [result, agent, result.usage, *result.new_items]:
        html = thing._repr_html_()
        assert "<script" not in html
        assert html.startswith("<table>")
    assert "&lt;script&gt;" in result._repr_html_()


def test_no_text_commands_the_terminal() -> None:
    agent = Agent(name="A", model=ScriptedModel([text(HOSTILE)]))
    result = Runner.run_sync(agent, "Hi")
    assert "\x1b" not in f"{result} {result!r} {result.new_items}"


def test_a_notebook_shows_what_an_agent_has() -> None:
    html = agent_with_secrets()._repr_html_()
    assert "Answer briefly." in html
    assert "add, hosted_mcp, code_interpreter" in html
    assert "transfer_to_helper" in html


def test_what_cannot_be_shown_is_named_by_its_class() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    assert in_few_words(Broken()) == "<Broken>"
    assert in_few_words("a\n  b" + "c" * 100, 10) == "a bcccccc…"


def test_usage_stays_equal_and_portable(result: RunResult) -> None:
    usage = pickle.loads(pickle.dumps(result.usage))
    assert usage == result.usage


ACTED_ON = "X\x1b]52;c;QQ==\x07\x9b31m\u202eY\rZ\x00\x7f\ud800"


def fail_acting_on() -> str:
    raise ValueError(ACTED_ON[:-1])  # pytest keeps the traceback, and xdist sends it


@pytest.mark.parametrize(
    ("turns", "options"),
    [
        ([call(ACTED_ON)], {}),
        ([refusal(ACTED_ON)], {}),
        ([ACTED_ON], {"output_type": int}),
        (
            [call("fail")],
            {
                "tools": [
                    function_tool(fail_acting_on, name_override="fail", failure_error_function=None)
                ]
            },
        ),
        ([BadRequestError(ACTED_ON, status_code=400, headers={})], {}),
        ([MCPServerError(ACTED_ON, "m")], {}),
    ],
    ids=["unknown tool", "refusal", "output", "failing tool", "server", "MCP server"],
)
def test_no_error_or_log_line_commands_the_terminal(
    turns: list[Any], options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "agents_lite")
    with pytest.raises(AgentsException) as failed:
        Runner.run_sync(Agent("A", model=ScriptedModel(turns), **options), "x")
    said = [str(failed.value), failed.value.message, *caplog.messages]
    assert any(r"X\x1b]52;c;QQ==\x07\x9b31m\u202eY\rZ" in each for each in said)
    for each in said:
        assert "".join(each.split("\n")).isprintable()


def test_the_log_on_standard_output_does_not_command_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.getLogger("agents_lite")
    before = logger.handlers[:], logger.level
    try:
        enable_verbose_stdout_logging()
        fails = function_tool(fail_acting_on, name_override="fail")
        model = ScriptedModel([call("fail"), "ok"])
        Runner.run_sync(Agent("A", model=model, tools=[fails]), "x")
    finally:
        logger.handlers[:], logger.level = before
    written = capsys.readouterr().out
    assert r"ValueError: X\x1b]52" in written  # in the traceback, too
    assert "".join(written.split("\n")).isprintable()


def test_json_with_other_escapes_has_the_same_value() -> None:
    value = {"a\x9b": [ACTED_ON[:-1], "é\u202e\\x1b"]}
    shown = escaped_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(shown) == value
    assert "".join(shown.split("\n")).isprintable()
