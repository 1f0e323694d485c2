"""The page of differences from the OpenAI Agents SDK: each of its lines is held by a test."""

from __future__ import annotations

import asyncio
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

import agents_lite
from agents_lite import (
    Agent,
    AgentHooks,
    BatchTraceProcessor,
    ConsoleSpanExporter,
    FunctionTool,
    ModelRequest,
    ModelSettings,
    OpenAIResponsesModel,
    ResponsesClient,
    RunConfig,
    RunContextWrapper,
    Runner,
    RunState,
    ToolGuardrailFunctionOutput,
    UserError,
    add_trace_processor,
    function_tool,
    handoff,
    tool_input_guardrail,
    trace,
)
from agents_lite.models.openai_responses import request_body
from agents_lite.schema.function_schema import function_schema
from agents_lite.testing import ScriptedModel, call, handoff_to
from tests.support.spans import recorded_spans

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "coming-from-openai-agents.md").read_text("utf-8")
LINES = [
    *re.findall(r"^\| (`.+?|a .+?) \|", PAGE, re.MULTILINE),
    *re.findall(r"^\* (.+)", PAGE, re.MULTILINE),
    *re.findall(r"^\*\*(.+?)\*\*", PAGE, re.MULTILINE),
]
HERE = "behaviour/test_coming_from_openai_agents.py::"
HELD = {
    "`set_default_openai_client": "models/test_provider.py::"
    "test_a_client_of_the_openai_package_says_which_server",
    "`from agents import AsyncOpenAI": "models/test_provider.py::"
    "test_a_client_of_the_openai_package_says_which_server",
    "`isinstance(event.data": "test_response_types.py::"
    "test_objects_are_of_the_classes_that_openai_has_for_them",
    "a `Model` with": "models/test_two_methods.py::test_its_calls_are_traced_by_itself",
    "`await session.add_items": "memory/test_stores.py::"
    "test_methods_may_be_awaited_though_they_are_plain",
    "`await RunState": HERE + "test_a_state_may_be_awaited",
    "`await server.list_tools": "mcp/test_server.py::test_what_a_server_gives_may_be_awaited",
    "`SQLAlchemySession": "extensions/memory/test_sqlalchemy_session.py::"
    "test_a_url_that_cannot_be_used_is_refused_at_once",
    "`LitellmModel`": "models/test_provider.py::test_a_known_server_is_asked_by_chat_completions",
    "`MultiProvider": "models/test_provider.py::test_other_names_go_to_the_default",
    "a model where": "models/test_provider.py::test_the_default_model_is_the_environment_s",
    "`ToolOutputTrimmer": "extensions/test_tool_output_trimmer.py::"
    "test_old_outputs_are_shortened_and_stay_so",
    "`OpenAIResponsesCompaction": "memory/test_openai_responses_compaction_session.py::"
    "test_a_long_conversation_is_compacted_when_a_run_has_ended",
    "`AdvancedSQLiteSession`": "extensions/memory/test_advanced_sqlite_session.py::"
    "test_runs_leave_their_turns_tools_and_usage",
    "`tool.__wrapped__`": "test_tool.py::test_bare_decorator_makes_a_tool_of_a_function",
    "`ComputerTool(ComputerProvider": "test_checks.py::test_options_of_the_wrong_kind_are_refused",
    "`DaprSession`": HERE + "test_what_there_is_not_has_no_name",
    "`run_demo_loop": HERE + "test_what_there_is_not_has_no_name",
    "`ModelSettings(frequency": HERE + "test_penalties_are_refused_by_the_responses_api",
    "`ModelSettings(retry": "models/test_retrying.py::test_a_policy_decides_about_each_try",
    "`await model.get_response": "models/test_two_methods.py::"
    "test_a_model_of_one_method_is_asked_through_two",
    "`await tool.on_invoke": "test_tool.py::test_a_tool_may_be_awaited_on_an_event_loop",
    "`function_schema": HERE + "test_a_function_schema_reads_arguments",
    "`OpenAIResponsesModel(..., openai": "models/test_provider.py::"
    "test_a_client_of_the_openai_package_says_which_server",
    "`RunResult(input": HERE + "test_results_are_made_by_runs",
    "`Agent(mcp_config": "mcp/test_runs.py::"
    "test_names_that_occur_twice_get_the_name_of_their_server",
    "`except ModelTimeoutError": "http/test_client.py::"
    "test_the_whole_request_has_a_timeout_wherever_it_is",
    "Spans of tasks": HERE + "test_what_there_is_not_has_no_name",
    "`MessageOutputItem": HERE + "test_the_class_of_an_item_says_its_type",
    "`RunConfig(tracing": "tracing/test_default.py::"
    "test_tracing_key_set_on_purpose_sends_every_trace",
    "`logging.getLogger": "test_logs.py::test_all_that_is_logged_is_printed_once",
    "Settings of a session": "behaviour/test_sessions_in_runs.py::"
    "test_only_the_newest_of_a_history_may_be_read",
    "Items come": HERE + "test_items_come_when_the_answer_is_whole",
    "Error handlers have": "running/test_output_faults.py::test_a_handler_gives_the_final_output",
    "A run that goes on": HERE + "test_a_run_that_goes_on_begins_its_trace_again",
    "`context.approve_tool": HERE + "test_calls_are_decided_on_the_state",
    "`RunConfig(tool_name_coll": "test_run_config.py::"
    "test_the_last_of_one_name_may_be_offered_alone",
    "`class Mine(MCPServer": "mcp/test_own_methods.py::"
    "test_tools_are_listed_and_called_by_async_methods",
    "\"After the turn": HERE + "test_after_the_turn_is_after_the_turn_at_hand",
    "A filter may be": HERE + "test_a_filter_may_be_async",
    "MCP servers over": HERE + "test_what_there_is_not_has_no_name",
    "Websockets": HERE + "test_what_there_is_not_has_no_name",
    "Sandboxes (`SandboxAgent`)": HERE + "test_what_there_is_not_has_no_name",
    "`description` and `title`": HERE + "test_tool_guardrails_see_a_call_once_it_is_approved",
    "`ModelSettings(prompt_cache": HERE + "test_other_parameters_are_sent_as_they_are",
    "`preserve_raw_usage`": HERE + "test_what_there_is_not_has_no_name",
    "`agents.testing`": "testing/test_scripted_model.py::"
    "test_a_list_is_one_turn_of_several_items",
    "`ToolSearchTool`, with": HERE + "test_what_there_is_not_has_no_name",
    "Synchronous first": "test_run.py::test_run_sync_works_inside_a_running_loop",
    "The reader drives": "behaviour/test_cancelling.py::"
    "test_nothing_goes_on_after_the_reader_has_left",
    "Guardrails before": "test_guardrails.py::"
    "test_tools_handoffs_and_the_session_wait_for_the_verdict",
    "Sessions hold": "behaviour/test_sessions_in_runs.py::"
    "test_a_failure_leaves_whole_turns_and_can_be_repeated",
    "A result holds": "test_results.py::test_the_input_list_has_nothing_of_a_session_s_history",
    "Histories are mended": "behaviour/test_sessions_in_runs.py::"
    "test_a_broken_history_is_mended_for_the_model_only",
    "Filters shape": "test_handoffs.py::test_a_filter_shapes_what_is_sent_and_never_the_record",
    "`FunctionTool(..., timeout": HERE + "test_a_tool_made_by_hand_has_the_options_of_a_function",
    "A folded history": "test_handoffs.py::test_a_conversation_is_folded_into_one_message",
    "A listener's error": HERE + "test_what_a_listener_raises_is_told_to_the_model",
    "The model is told": "test_tool.py::test_default_error_message",
    "Tool outputs": "test_tool_output.py::test_other_values_become_json",
    "Errors of HTTP": HERE + "test_errors_of_http_are_of_this_package",
    "Traces stay": "tracing/test_default.py::test_trace_of_other_models_or_none_is_not_sent",
    "Mistakes are told": HERE + "test_mistakes_are_told_where_they_are_made",
    "What is in neither": "mcp/test_runs.py::test_who_is_asked_for_consent",
    "Names are unique": HERE + "test_names_are_unique",
    "The receiver hears": HERE + "test_the_receiver_hears_of_a_handoff",
    "Trace ids": "tracing/test_traces.py::"
    "test_malformed_trace_id_stays_locally_and_is_mapped_on_export",
    "Sensitive data": HERE + "test_sensitive_data_is_a_matter_of_the_outer_run",
    "Errors of spans": "tracing/test_spans.py::"
    "test_exception_becomes_the_error_of_each_span_it_leaves",
    "There is more": HERE + "test_what_the_page_names_is_there",
}
"""Beginnings of the page's lines, each with the test that holds it."""


@pytest.mark.parametrize("line", LINES)
def test_each_line_is_held(line: str) -> None:
    test = next((test for start, test in HELD.items() if line.startswith(start)), None)
    assert test is not None, "say in HELD which test holds the line"
    path, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / path).read_text("utf-8")


def test_each_test_holds_a_line() -> None:
    assert [start for start in HELD if not any(line.startswith(start) for line in LINES)] == []


def test_what_the_page_names_is_there() -> None:
    for path in re.findall(r"`(?:agents_lite)?(\.[a-z_.]+)`", PAGE.partition("## ")[0]):
        importlib.import_module(f"agents_lite{path}")


MISSING = """
    DaprSession MCPServerManager MCPServerSse MongoDBSession OpenAIResponsesWSModel
    ProgrammaticToolCallingTool SandboxAgent ToolSearchTool codex_tool
    responses_websocket_session run_demo_loop tool_namespace task_span turn_span ToolOrigin
    AgentToolInvocation resolve_computer set_conversation_history_wrappers
    set_default_openai_agent_registration set_default_openai_harness
    default_handoff_history_mapper
""".split()


def test_settings_may_be_dicts() -> None:
    model = ScriptedModel(["Hi"])
    agent = Agent(name="A", model=model, model_settings={"temperature": 0.5})  # type: ignore[arg-type]
    options: Any = {"run_config": {"model_settings": {"top_p": 0.3}}}
    assert Runner.run_sync(agent, "Hello", **options).final_output == "Hi"
    settings = model.requests[0].model_settings
    assert (settings.temperature, settings.top_p) == (0.5, 0.3)


def test_classes_may_be_named_with_the_type_of_the_context() -> None:
    names = "Agent AgentHooks Handoff InputGuardrail OutputGuardrail RunContextWrapper RunHooks"
    for name in f"{names} ToolContext ToolInputGuardrail ToolOutputGuardrail ComputerTool".split():
        assert getattr(agents_lite, name)[Any] is not None


def test_what_there_is_not_has_no_name() -> None:
    assert [name for name in MISSING if hasattr(agents_lite, name)] == []
    assert [name for name in MISSING if f"`{name}" not in PAGE] == []


def test_tool_guardrails_see_a_call_once_it_is_approved() -> None:
    seen = []

    @tool_input_guardrail
    def look(data: Any) -> ToolGuardrailFunctionOutput:
        seen.append(data.context.tool_name)
        return ToolGuardrailFunctionOutput.allow()

    pay = function_tool(
        lambda: 1, name_override="pay", needs_approval=True, tool_input_guardrails=[look]
    )
    agent = Agent("A", tools=[pay], model=ScriptedModel([call("pay"), "done"]))
    result = Runner.run_sync(agent, "Hi")
    state = result.to_state()
    assert seen == []
    assert not hasattr(result.new_items[0], "title")
    state.approve(state.get_interruptions()[0])
    Runner.run_sync(agent, state)
    assert seen == ["pay"]


def test_other_parameters_are_sent_as_they_are() -> None:
    options = {"prompt_cache_options": {"mode": "explicit"}}
    request = ModelRequest([], model_settings=ModelSettings(extra_args=options))
    assert request_body("m", request).items() >= options.items()


def test_a_model_may_be_asked_outside_a_run() -> None:
    answer = ScriptedModel(["Hi"]).respond(ModelRequest([{"role": "user", "content": "Hello"}]))
    assert agents_lite.ItemHelpers.extract_text(answer.output[0]) == "Hi"


def test_a_tool_is_invoked_without_await() -> None:
    double = function_tool(lambda n: n * 2, name_override="double", strict_mode=False)
    context = RunContextWrapper(None)
    assert double.on_invoke_tool(context, '{"n": 2}') == 4  # type: ignore[arg-type]
    with pytest.raises(Exception, match="double"):
        double.on_invoke_tool(context, "{}")  # type: ignore[arg-type]


def test_a_function_schema_reads_arguments() -> None:
    def add(a: int, b: int = 2) -> int:
        return a + b

    schema = function_schema(add)
    assert schema.params_json_schema["required"] == ["a", "b"]
    args, named = schema.bind('{"a": 1, "b": 4}')
    assert add(*args, **named) == 5


def test_results_are_made_by_runs() -> None:
    with pytest.raises(TypeError):
        agents_lite.RunResult(input="x", new_items=[])  # type: ignore[call-arg]


def test_the_class_of_an_item_says_its_type() -> None:
    agent = Agent(name="A")
    assert agents_lite.MessageOutputItem(agent=agent, raw_item={}).type == "message_output_item"


def test_items_come_when_the_answer_is_whole() -> None:
    tool = function_tool(lambda: "done", name_override="do")
    agent = Agent(name="A", model=ScriptedModel([call("do"), "ok"]), tools=[tool])
    events = Runner.run_streamed(agent, "Hi").stream_events()
    seen = [getattr(getattr(event, "data", event), "type", "") for event in events]
    items = [place for place, kind in enumerate(seen) if kind == "run_item_stream_event"]
    assert seen[items[0] - 1] == seen[items[-1] - 1] == "response.completed"


def test_calls_are_decided_on_the_state() -> None:
    tool = function_tool(lambda: "done", name_override="do", needs_approval=True)
    agent = Agent(name="A", model=ScriptedModel([call("do"), "ok"]), tools=[tool])
    paused = Runner.run_sync(agent, "Hi")
    state = paused.to_state()
    state.approve(paused.interruptions[0])
    assert Runner.run_sync(agent, state).final_output == "ok"
    assert not hasattr(paused.context_wrapper, "approve_tool")


def test_a_run_that_goes_on_begins_its_trace_again() -> None:
    tool = function_tool(lambda: "done", name_override="do", needs_approval=True)
    agent = Agent(name="A", model=ScriptedModel([call("do"), "ok"]), tools=[tool])
    with recorded_spans() as recorder:
        paused = Runner.run_sync(agent, "Hi")
        state = paused.to_state()
        state.approve(paused.interruptions[0])
        Runner.run_sync(agent, state)
    first, second = recorder.traces
    assert first is not second and first.trace_id == second.trace_id


def test_after_the_turn_is_after_the_turn_at_hand() -> None:
    stream = Runner.run_streamed(Agent(name="A", model=ScriptedModel([])), "Hi")
    for _ in stream.stream_events():
        stream.cancel(mode="after_turn")
    assert stream.pause_reason == "after_turn" and stream.raw_responses == []


def test_a_filter_may_be_async() -> None:
    async def nothing_else(data: Any) -> Any:
        return data.clone(input_history=(), pre_handoff_items=(), new_items=data.new_items)

    model = ScriptedModel([handoff_to("B"), "ok"])
    b = Agent(name="B", model=model)
    offer = handoff(b, input_filter=nothing_else)
    Runner.run_sync(Agent(name="A", model=model, handoffs=[offer]), "Hi")
    assert [item["type"] for item in model.requests[1].input] == [
        "function_call",
        "function_call_output",
    ]


def test_a_state_may_be_awaited() -> None:
    agent = Agent(name="A", model=ScriptedModel(["Hi"]))
    written = Runner.run_sync(agent, "Hello", context="old").to_state().to_json()

    async def read() -> Any:
        return await RunState.from_json(agent, written, context="new")

    assert asyncio.run(read()).context == "new"


def test_spans_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    processor = BatchTraceProcessor(ConsoleSpanExporter())
    with recorded_spans():
        add_trace_processor(processor)
        with trace("Shown"):
            pass
        processor.force_flush()
    assert "Shown" in "".join(capsys.readouterr())


def test_penalties_are_refused_by_the_responses_api() -> None:
    model = OpenAIResponsesModel("m", ResponsesClient(base_url="http://127.0.0.1:9/v1"))
    agent = Agent(name="A", model=model, model_settings=ModelSettings(frequency_penalty=1.0))
    with pytest.raises(UserError, match="frequency_penalty"):
        Runner.run_sync(agent, "Hi")


def test_a_tool_that_is_not_there_may_be_told() -> None:
    agent = Agent(name="A", model=ScriptedModel([call("nothing"), "done"]))
    config = RunConfig(tool_not_found_behavior="return_error_to_model")
    assert Runner.run_sync(agent, "Hi", run_config=config).final_output == "done"


def test_errors_of_http_are_of_this_package() -> None:
    for name in ("RateLimitError", "APIConnectionError", "APITimeoutError", "ResponseFailedError"):
        assert issubclass(getattr(agents_lite, name), agents_lite.AgentsException)


@pytest.mark.parametrize(
    "given",
    [
        {"tools": [print]},
        {"output_type": dict[str, int]},
        {"hooks": agents_lite.RunHooks()},
        {"handoffs": ["B"]},
    ],
)
def test_mistakes_are_told_where_they_are_made(given: Any) -> None:
    with pytest.raises(UserError):
        Agent(name="A", **given)


def test_names_are_unique() -> None:
    tool = function_tool(lambda: None, name_override="same")
    agent = Agent(name="A", model=ScriptedModel([]), tools=[tool, tool])
    with pytest.raises(UserError, match="more than one tool or handoff named same"):
        Runner.run_sync(agent, "Hi")


def test_the_receiver_hears_of_a_handoff() -> None:
    heard = []

    class Ears(AgentHooks[Any]):
        def on_handoff(self, context: Any, agent: Agent[Any], source: Agent[Any]) -> None:
            heard.append((self.owner, agent.name, source.name))

        def __init__(self, owner: str) -> None:
            self.owner = owner

    model = ScriptedModel([handoff_to("B"), "done"])
    b = Agent(name="B", model=model, hooks=Ears("B"))
    Runner.run_sync(Agent(name="A", model=model, handoffs=[b], hooks=Ears("A")), "Hi")
    assert heard == [("B", "B", "A")]


def test_sensitive_data_is_a_matter_of_the_outer_run() -> None:
    inner = Agent(name="B", model=ScriptedModel(["secret"]))
    tool = function_tool(
        lambda: Runner.run_sync(inner, "secret").final_output, name_override="ask"
    )
    agent = Agent(name="A", model=ScriptedModel([call("ask"), "done"]), tools=[tool])
    config = RunConfig(trace_include_sensitive_data=False)
    with recorded_spans() as recorder:
        Runner.run_sync(agent, "Hi", run_config=config)
    assert "secret" not in str([span.span_data.export() for span in recorder.spans])


def test_a_tool_made_by_hand_has_the_options_of_a_function() -> None:
    made: Any = {"name": "f", "description": "", "params_json_schema": {}}
    assert FunctionTool(**made, on_invoke_tool=lambda ctx, text: 1, timeout=2).timeout == 2
    with pytest.raises(TypeError, match="timeout_seconds"):
        FunctionTool(**made, on_invoke_tool=lambda ctx, text: 1, timeout_seconds=2)


def test_what_a_listener_raises_is_told_to_the_model() -> None:
    def listen(event: Any) -> None:
        raise ValueError("too loud")

    inner = Agent(name="Inner", model=ScriptedModel(["ok"]))
    tool = inner.as_tool("ask", "Asks.", on_stream=listen)
    model = ScriptedModel([call("ask", input="Hi"), "done"])
    result = Runner.run_sync(Agent(name="A", model=model, tools=[tool]), "Hi")
    assert "too loud" in result.new_items[1].output
