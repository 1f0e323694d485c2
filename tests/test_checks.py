"""Options of the wrong kind: told of where they are given, by name, not in the midst of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import wraps
from typing import Any

import pytest
import requests

from agents_lite import (
    Agent,
    ApplyPatchTool,
    CodeInterpreterTool,
    Compaction,
    CompactionSession,
    ComputerTool,
    CustomTool,
    FileSearchTool,
    FunctionTool,
    Handoff,
    HostedMCPTool,
    ImageGenerationTool,
    ItemHelpers,
    LocalShellTool,
    Model,
    ModelInputData,
    ModelProvider,
    ModelRetrySettings,
    ModelSettings,
    MultiProvider,
    OpenAIChatCompletionsModel,
    OpenAIResponsesCompactionSession,
    OpenAIResponsesModel,
    ResponsesClient,
    RunConfig,
    Runner,
    SessionSettings,
    ShellTool,
    SQLiteJournal,
    SQLiteSession,
    UserError,
    add_trace_processor,
    apply_diff,
    custom_span,
    function_tool,
    handoff,
    input_image,
    output_guardrail,
    set_default_openai_api,
    set_prices,
    set_trace_processors,
    trace,
)
from agents_lite.checks import check_takes, from_fields
from agents_lite.exceptions import AgentsException
from agents_lite.extensions.memory.trim import trim_items
from agents_lite.local_tools import FolderEditor, LocalShell
from agents_lite.mcp import MCPServerStdio, MCPServerStreamableHttp
from agents_lite.testing import ScriptedModel, call, handoff_to, text, turn
from agents_lite.tracing import SQLiteTraceProcessor, TraceStore
from tests.support.drivers import run_sync, whole_and_streamed

ANYTHING: Any = object()
AGENT = Agent("Al", model=ScriptedModel(["Hello!"]))


URL = "http://127.0.0.1:9/mcp"


def at_mcp_server(**options: Any) -> MCPServerStreamableHttp:
    return MCPServerStreamableHttp({"url": URL}, **options)


class Screen:
    """As much of a computer as is looked at."""

    def screenshot(self) -> str:
        return ""


SCREEN: Any = Screen()


class Editor:
    create_file = update_file = delete_file = lambda self, operation: None


def tool(**options: Any) -> FunctionTool:
    given = {"name": "f", "description": "", "params_json_schema": {}, "on_invoke_tool": print}
    return FunctionTool(**{**given, **options})


def custom(**options: Any) -> CustomTool:
    return CustomTool(**{"name": "f", "description": "", "on_invoke_tool": print, **options})


def a_handoff(**options: Any) -> Handoff[Any, Any]:
    given = {"tool_name": "t", "tool_description": "", "input_json_schema": {}, "agent_name": "b"}
    return Handoff(**{**given, "on_invoke_handoff": print, **options})


DOORS: list[tuple[Callable[..., Any], str, list[Any]]] = [
    (lambda **it: Agent("a", **it), "prompt", ["pmpt_1", 3, [], lambda: {}]),
    (lambda **it: Agent("a", **it), "model_settings", [{"temprature": 0}, 3]),
    (RunConfig, "model_settings", [{"temprature": 0}]),
    (RunConfig, "group_id", [3, lambda: "g"]),
    (RunConfig, "run_id", [3, lambda: "r"]),
    (RunConfig, "handoff_history_mapper", ["x", lambda: []]),
    (RunConfig, "tool_not_found_behavior", ["ignore", []]),
    (lambda **it: output_guardrail(lambda c, a, o: ANYTHING, **it), "on_trip", ["rety", None]),
    (Runner.run_streamed(AGENT, "Hi").cancel, "mode", ["after-turn", None]),
    (lambda **it: apply_diff("", "+a", **it), "mode", ["new", None]),
    (lambda **it: OpenAIChatCompletionsModel("m", **it), "replay_reasoning", ["always", None]),
    (lambda **it: Runner.run_sync(AGENT, "Hi", **it), "run_config", [{"modle": "m"}, 3]),
    (lambda **it: list(Runner.run_many(AGENT, **it)), "inputs", ["one text", None, 3]),
    (lambda **it: list(Runner.run_many(AGENT, ["Hi"], **it)), "executor", ["x", 4]),
    (lambda **it: list(Runner.run_many(AGENT, ["Hi"], **it)), "on_result", ["x", lambda: 0]),
    (ModelSettings, "include", ["reasoning.encrypted_content", 3]),
    (ModelSettings, "response_include", ["reasoning.encrypted_content", 3]),
    (ModelSettings, "tool_choice", [3, ["f"], print]),
    (ModelSettings, "retry", [3, "twice", {"retries": 3}]),
    (ModelRetrySettings, "max_retries", ["3", -1, [3]]),
    (ModelRetrySettings, "backoff", [2.0, {"delay": 1}, {"initial_delay": "1"}]),
    (ModelRetrySettings, "policy", [True, lambda: True]),
    (tool, "description", [3, ["d"]]),
    (tool, "needs_approval", ["always", lambda: True, int]),
    (lambda **it: function_tool(print, **it), "docstring_style", ["html", ["google"]]),
    (a_handoff, "tool_description", [3, ["d"]]),
    (lambda **it: handoff(AGENT, on_handoff=print, **it), "input_type", [{}, {"a": 1}, len]),
    (lambda **it: handoff(AGENT, **it), "is_enabled", ["x", str]),
    (FileSearchTool, "vector_store_ids", ["vs_1", None]),
    (lambda **it: FileSearchTool(["vs_1"], **it), "max_num_results", [0, 51, -1, True, "3", 2.0]),
    (CodeInterpreterTool, "tool_config", ["x", None, []]),
    (ImageGenerationTool, "tool_config", ["x", None, []]),
    (HostedMCPTool, "tool_config", ["x", None, []]),
    (lambda **it: HostedMCPTool({}, **it), "on_approval_request", [True, lambda: True]),
    (ComputerTool, "computer", [print, Screen, None]),
    (lambda **it: ComputerTool(SCREEN, **it), "on_safety_check", [True, lambda: True]),
    (lambda **it: ComputerTool(SCREEN, **it), "needs_approval", ["always", lambda: True]),
    (lambda **it: ApplyPatchTool(Editor(), **it), "on_approval", [True, lambda: True]),  # type: ignore[arg-type]
    (lambda **it: LocalShellTool(print, **it), "needs_approval", ["always", lambda: True]),
    (LocalShellTool, "executor", ["sh", lambda: ""]),
    (ShellTool, "executor", ["sh", lambda: ""]),
    (lambda **it: ShellTool(print, **it), "environment", ["local", 3]),  # type: ignore[arg-type]
    (custom, "on_invoke_tool", ["x", lambda: ""]),
    (custom, "failure_error_function", ["x", lambda: ""]),
    (Compaction, "target", ["0.4", None]),
    (Compaction, "instructions", [None, 3]),
    (Compaction, "summarize", ["x", lambda: ""]),
    (CompactionSession, "session", ["s", None, SQLiteSession]),
    (lambda **it: CompactionSession(SQLiteSession("s"), **it), "compaction", [0.8, "yes"]),
    (lambda **it: CompactionSession(SQLiteSession("s"), **it), "notes", ["n", 3]),
    (MultiProvider, "providers", ["x", [1], {"x": "y"}, {3: None}]),
    (MultiProvider, "default", ["openai", ModelProvider]),
    (lambda **it: SQLiteSession("s", **it), "db_path", [None, 3, "a\0b", "\ud800"]),
    (lambda **it: SQLiteSession("s", **it), "sessions_table", [None, 3]),
    (lambda **it: SQLiteSession("s", **it), "session_settings", [10, "3"]),
    (lambda **it: SQLiteSession("s", **it), "timeout", ["1", None]),
    (OpenAIResponsesModel, "model", [None, 3, OpenAIResponsesModel("m")]),
    (OpenAIChatCompletionsModel, "model", [None, 3]),
    (ResponsesClient, "max_answer_bytes", ["1", None]),
    (ResponsesClient, "max_event_bytes", ["1", None]),
    (ResponsesClient, "retry_delay", ["1", None]),
    (ResponsesClient, "read_timeout", ["1", True]),
    (ResponsesClient, "api_key", [3, lambda client: "k"]),
    (lambda **it: custom_span("x", **it), "parent", ["span_1", 3]),
    (lambda **it: custom_span("x", **it), "span_id", [3, []]),
    (lambda **it: Agent("a", **it), "output_retries", ["2", None, -1]),
    (lambda **it: turn("x", **it), "delay", ["1", -1, True]),
    (lambda content: text(content), "content", [3, None]),
    (lambda name: call(name), "name", [3, None]),
    (handoff_to, "agent_name", [3, None, AGENT]),
    (ItemHelpers.input_to_new_input_list, "input", [3, None, [3]]),
    (set_prices, "prices", [None, "x", [1]]),
    (SQLiteJournal, "path", [3, ["x"], "a\0b", "\ud800"]),
    (TraceStore, "path", [3, "a\0b", "\ud800"]),
    (SQLiteTraceProcessor, "path", [3, "a\0b"]),
    (lambda **it: SQLiteJournal("j", **it), "lease", ["30", None]),
    (lambda **it: SQLiteJournal("j", **it), "timeout", ["1", None]),
    (lambda **it: SQLiteJournal("j", **it), "max_bytes", ["1"]),
    (lambda **it: SQLiteJournal("j", **it), "mask", ["x", lambda: {}]),
    (LocalShell, "folder", [None, 3]),
    (LocalShell, "env", [3, "PATH"]),
    (LocalShell, "timeout", ["60", None]),
    (LocalShell, "max_output", ["1", None, 1e4, 0]),
    (FolderEditor, "folder", [None, 3]),
    (at_mcp_server, "client_session_timeout_seconds", ["5", [1]]),
    (at_mcp_server, "max_retry_attempts", ["2", None, 1.5, -1]),
    (at_mcp_server, "on_elicitation", [True, lambda: {}]),
    (at_mcp_server, "failure_error_function", ["x", lambda: ""]),
    (at_mcp_server, "connect_timeout", ["5", None]),
    (at_mcp_server, "session", [requests.Session(), lambda url: None]),
    (lambda **it: MCPServerStreamableHttp({"url": URL, **it}), "headers", ["x", [1]]),  # type: ignore[typeddict-item]
    (lambda **it: MCPServerStreamableHttp({"url": URL, **it}), "auth", ["x", ("n",), lambda: 0]),  # type: ignore[typeddict-item]
    (lambda **it: MCPServerStreamableHttp({"url": URL, **it}), "timeout", ["5", -1]),  # type: ignore[typeddict-item]
    (lambda **it: MCPServerStdio({"command": "x", **it}), "args", ["-v", [3]]),  # type: ignore[typeddict-item]
    (lambda **it: MCPServerStdio({"command": "x", **it}), "env", ["PATH", {"A": 1}]),  # type: ignore[typeddict-item]
    (lambda **it: MCPServerStdio({"command": "x", **it}), "cwd", [3, []]),  # type: ignore[typeddict-item]
]


@pytest.mark.parametrize("text", ["no such", "int(", "a\0b", "\ud800"])
def test_a_text_that_names_no_type_is_no_output_type(text: str) -> None:
    with pytest.raises(UserError, match="The output type"):
        Agent("A", output_type=text)  # type: ignore[arg-type]


class Unshowable:
    def __repr__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize("door", DOORS, ids=[f"{n}-{door[1]}" for n, door in enumerate(DOORS)])
def test_options_of_the_wrong_kind_are_refused(door: Any) -> None:
    make, option, values = door
    for value in [*values, Unshowable()]:
        with pytest.raises(UserError, match=f"{option[:8]}|has no|cannot (name|be)|initial"):
            make(**{option: value})


class ModelOf(Model):
    """One whose events are what it is given."""

    def __init__(self, events: Any) -> None:
        self.events = events

    def stream(self, request: Any) -> Any:
        return self.events


@pytest.mark.parametrize(
    "give",
    [
        ScriptedModel,
        lambda value: run_sync(Agent("A", model=ScriptedModel([value])), "Hi"),
        lambda value: run_sync(Agent("A", model=ModelOf(value)), "Hi"),
        lambda value: run_sync(Agent("A", model=ModelOf(iter([value]))), "Hi"),
        add_trace_processor,
        lambda value: trace("w", trace_id=value),
        SessionSettings,
        SQLiteSession,
        ApplyPatchTool,
        lambda value: function_tool(print, timeout=value),
        lambda value: function_tool(print, timeout_behavior=value),
        lambda value: function_tool(print, on_unknown_end=value),
        lambda value: FunctionTool("f", "", value, lambda context, arguments: ""),
        lambda value: call("f", value),
        lambda value: run_sync(AGENT, "Hi", run_config=RunConfig(run_id=lambda given: value)),
        set_trace_processors,
        set_default_openai_api,
        input_image,
        output_guardrail,
        lambda value: Runner.replay(AGENT, value),
        lambda value: MultiProvider({value: ModelProvider}),  # type: ignore[dict-item]
        lambda value: Agent("A", tools=[value]),
        lambda value: Agent("A", output_type=value),
        lambda value: Agent("A", input_guardrails=value),
        lambda value: Agent("A", output_guardrails=[value]),
        lambda value: RunConfig(error_handlers={"max_turns": print, value: value}),
        lambda value: tool(name=value),
        lambda value: function_tool(value),
        lambda value: run_sync(
            Agent("A", model=ScriptedModel(["x"])),
            "Hi",
            run_config=RunConfig(call_model_input_filter=lambda data: ModelInputData([], value)),
        ),
        lambda value: run_sync(Agent("A", model=ScriptedModel(["x"])), "Hi").to_input_list(
            mode=value
        ),
    ],
)
def test_what_cannot_be_shown_is_told_of_by_its_class(give: Any) -> None:
    with pytest.raises(UserError, match="<Unshowable>"):
        give(Unshowable())


def test_a_dict_stands_for_settings_of_its_fields() -> None:
    settings = ModelSettings(retry={"max_retries": 1, "backoff": {"multiplier": 3}})  # type: ignore[arg-type]
    assert settings.retry is not None and settings.retry.max_retries == 1
    assert from_fields(ModelSettings, {"temperature": 0}) == ModelSettings(temperature=0)
    check_takes(int, "what has no signature", "text")  # the call decides


def test_numbers_of_other_packages_are_numbers_and_true_is_none() -> None:
    third = Fraction(1, 3)
    assert function_tool(print, timeout=third).timeout == third  # type: ignore[arg-type]
    ResponsesClient(read_timeout=third, max_retry_wait=third, api_key="k")  # type: ignore[arg-type]
    for refused in (True, None, "1", float("nan"), 10**5000):
        with pytest.raises(UserError, match="delay"):
            ResponsesClient(retry_delay=refused, api_key="k")  # type: ignore[arg-type]


def test_a_decorator_may_give_a_function_more_than_it_is_called_with() -> None:
    def decide(database: str, context: Any, arguments: Any, call_id: str) -> bool:
        return database == "db"

    @wraps(decide)
    def with_database(*args: Any) -> bool:
        return decide("db", *args)

    @wraps(decide)
    def of_one(context: Any) -> bool:
        return False

    assert tool(needs_approval=with_database).needs_approval is with_database
    with pytest.raises(UserError, match="needs_approval"):
        tool(needs_approval=of_one)


@dataclass
class Numbered:
    number: int


class Listed(list[Any]):
    """A function that keeps what it was given, and so is false before its first call."""

    answer: Any = None

    def __call__(self, given: Any) -> Any:
        self.append(given)
        return self.answer


def test_a_function_that_is_false_is_called_all_the_same() -> None:
    build, extract, count, is_time = Listed(), Listed(), Listed(), Listed()
    build.answer, extract.answer, count.answer = "Hi", "out", 1
    inner = Agent("In", model=ScriptedModel(["in"]))
    ask = inner.as_tool("ask", "Ask.", extract, parameters=Numbered, input_builder=build)
    run_sync(Agent("a", model=ScriptedModel([call("ask", number=1), "done"]), tools=[ask]), "Hi")
    trim_items([{"role": "user", "content": "Hi"}], max_tokens=1, count_tokens=count)
    session = OpenAIResponsesCompactionSession(
        "s", SQLiteSession("s"), should_trigger_compaction=is_time
    )
    run_sync(AGENT.clone(model=ScriptedModel(["Hello!"])), "Hi", session=session)
    assert [len(each) for each in (build, extract, count, is_time)] == [1, 1, 1, 1]


class TwoMethods(Model):
    """Answers with something that is no answer."""

    def __init__(self, said: Any) -> None:
        self.said = said

    async def get_response(self, *_: Any, **__: Any) -> Any:
        return self.said

    async def stream_response(self, *_: Any, **__: Any) -> Any:
        yield self.said


@whole_and_streamed
def test_what_users_functions_give_is_told_of_by_name(run: Callable[..., Any]) -> None:
    asking = [call("f")]
    for said in (None, "text", 3, [1], object()):
        with pytest.raises(UserError, match="get_response|events are objects"):
            run(Agent("a", model=TwoMethods(said)), "Hi")  # type: ignore[abstract]
        agent = Agent("a", model=ScriptedModel([asking, "done"]))
        with pytest.raises(UserError, match="step must return"):
            run(agent, "Hi", run_config=RunConfig(step=lambda name, function, said=said: said))
    for call_id in ([], {}, 3):
        history = [{"type": "function_call_output", "call_id": call_id, "output": "x"}]
        run(Agent("a", model=ScriptedModel(["done"])), history)  # for the server to refuse


def test_decisions_are_about_items_of_the_state() -> None:
    tool = function_tool(lambda: 1, name_override="f", needs_approval=True)
    agent = Agent("a", model=ScriptedModel([call("f")]), tools=[tool])
    state = run_sync(agent, "Hi").to_state()
    wrong: Any
    for wrong in ("f", None, 3, state.get_interruptions()):
        for decide in (state.approve, state.reject):
            with pytest.raises(UserError, match="interruptions"):
                decide(wrong)


def test_a_run_that_is_refused_has_asked_no_model() -> None:
    with pytest.raises(AgentsException):
        run_sync(AGENT, "Hi", run_config={"model_settings": {"retry": "often"}})
    assert AGENT.model.requests == []  # type: ignore[union-attr]
