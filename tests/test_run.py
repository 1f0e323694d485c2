"""The ways to run an agent: what they take, and which threads and loops they use."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from agents_lite import (
    Agent,
    AgentHooks,
    GuardrailFunctionOutput,
    Model,
    ModelRequest,
    OpenAIResponsesModel,
    RunConfig,
    RunHooks,
    Runner,
    RunResult,
    RunResultStreaming,
    SQLiteSession,
    UserError,
    function_tool,
    get_current_span,
    get_current_trace,
    output_guardrail,
)
from agents_lite.exceptions import ResponseFailedError
from agents_lite.http.client import ResponsesClient
from agents_lite.response_types import as_stream_event
from agents_lite.testing import ScriptedModel, call, text, turn
from agents_lite.testing.wire import build_response
from tests.support.agents import agent_with
from tests.support.drivers import STREAMS, every_driver, types
from tests.support.loopback import LoopbackServer, http_answer
from tests.support.spans import recorded_spans

ASKED: ContextVar[str] = ContextVar("ASKED", default="nobody")


# Entry points


@every_driver
def test_all_ways_to_run_lead_to_the_same(run: Any) -> None:
    tool = function_tool(lambda: 1, name_override="f")
    result = run(agent_with([call("f"), "done"], tools=[tool]), "hi", context="ctx", max_turns=2)
    assert result.final_output == "done"
    assert types(result.new_items) == ["tool_call", "tool_call_output", "message_output"]
    assert result.usage.requests == 2
    assert result.context_wrapper.context == "ctx"


def test_deltas_are_asked_for_by_streams_only() -> None:
    agent = agent_with(["a", "b", "c", "d", "e"])
    Runner.run_sync(agent, "x")
    asyncio.run(Runner.run(agent, "x"))
    for read in STREAMS:
        read(agent, "x")
    model: Any = agent.model
    assert [request.stream for request in model.requests] == [False, False, True, True, True]


def test_the_stream_is_a_plain_generator_that_returns_the_result() -> None:
    def outer() -> Generator[Any, None, str]:
        result = yield from Runner.stream(agent_with(["ok"]), "x")
        assert isinstance(result, RunResult)
        return result.final_output

    generator = outer()
    with pytest.raises(StopIteration) as stopped:
        while True:
            next(generator)
    assert stopped.value.value == "ok"


def test_nothing_happens_before_the_first_event_is_asked_for() -> None:
    agent = agent_with(["never"])
    with recorded_spans() as spans:
        stream, streaming = Runner.stream(agent, "x"), Runner.run_streamed(agent, "x")
        assert spans.traces == []
    assert isinstance(streaming, RunResultStreaming)
    assert agent.model.requests == []  # type: ignore[union-attr]
    del stream


def test_the_arguments_may_be_named() -> None:
    agent = agent_with(["ok"])
    assert Runner.run_sync(starting_agent=agent, input="x").final_output == "ok"


def test_the_input_s_list_is_not_changed() -> None:
    given = [{"role": "user", "content": "x"}]
    tool = function_tool(lambda: 1, name_override="f")
    result = Runner.run_sync(agent_with([call("f"), "ok"], tools=[tool]), given)
    assert given == result.input == [{"role": "user", "content": "x"}]
    assert result.input is not given


def test_the_input_may_be_a_tuple_of_items() -> None:
    model = ScriptedModel(["Hello!"])
    result = Runner.run_sync(Agent("A", model=model), ({"role": "user", "content": "Hi"},))
    assert result.input == model.requests[0].input == [{"role": "user", "content": "Hi"}]


def test_iterators_that_pydantic_made_of_the_input_are_read_once() -> None:
    class Message(TypedDict):
        role: str
        content: Iterable[dict[str, str]]

    part = {"type": "input_text", "text": "hi"}
    given = TypeAdapter(list[Message]).validate_python([{"role": "user", "content": [part]}])
    model = ScriptedModel([[call("f")], [text("done")]])
    tool = function_tool(lambda: 1, name_override="f")
    result = Runner.run_sync(Agent(name="A", model=model, tools=[tool]), given)  # type: ignore[arg-type]
    message = {"role": "user", "content": [part]}
    assert [request.input[0] for request in model.requests] == [message, message]
    assert result.to_input_list()[0] == message


# Arguments


class HalfASession:
    session_id = "half"

    def get_items(self, limit: int | None = None) -> list[Any]:
        return []


WRONG: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "agent": ("A", "x", {}, "must be an Agent, got 'A'"),
    "input": (None, 42, {}, "must be a string or a list of input items, got 42"),
    "tuple": (None, ("x",), {}, "each input item must be a dict"),
    "item": (None, ["x"], {}, r"must be a dict such as \{'role': ...\}, got 'x'"),
    "agent hooks": (None, "x", {"hooks": AgentHooks()}, r"Agent\(hooks=...\)"),
    "run_config": (None, "x", {"run_config": "m"}, "must be a RunConfig"),
    "session": (None, "x", {"session": SQLiteSession}, "must be a Session such as SQLiteSession"),
    "half a session": (None, "x", {"session": HalfASession()}, "get_items and add_items at least"),
}


@every_driver
@pytest.mark.parametrize("kind", WRONG)
def test_wrong_arguments_are_refused(run: Any, kind: str) -> None:
    agent, given, options, message = WRONG[kind]
    with pytest.raises(UserError, match=message):
        run(agent or agent_with(["never"]), given, **options)


def test_wrong_arguments_are_refused_at_once() -> None:
    with pytest.raises(UserError):
        Runner.stream("A", "x")  # type: ignore[arg-type]
    with pytest.raises(UserError):
        Runner.run_streamed("A", "x")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Runner.run_sync(agent_with([]), "x", max_turn=3)  # type: ignore[call-arg]


@every_driver
def test_without_a_key_the_variable_to_set_is_named(run: Any) -> None:
    with pytest.raises(UserError, match="OPENAI_API_KEY"):
        run(Agent(name="A"), "x")


# Threads and loops


class Where(RunHooks[Any], AgentHooks[Any]):
    """Notes on which thread each of the user's functions is called, and what it sees there."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[threading.Thread, str]] = {}

    def note(self, name: str) -> None:
        self.seen[name] = (threading.current_thread(), ASKED.get())

    def on_agent_start(self, *_: Any) -> None:
        self.note("hook")

    def instructions(self, context: Any, agent: Any) -> str:
        self.note("instructions")
        return "Be."

    def tool(self) -> int:
        self.note("tool")
        return 1

    def filter(self, data: Any) -> Any:
        self.note("filter")
        return data.model_data

    def guardrail(self, context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        self.note("guardrail")
        return GuardrailFunctionOutput(None, False)


def run_everywhere(where: Where) -> tuple[Agent[Any], dict[str, Any]]:
    """Arguments of a run that calls one of each kind of function."""
    tool = function_tool(where.tool)
    agent = agent_with(
        [call("tool"),
        "ok"],
        instructions=where.instructions,
        tools=[tool],
        output_guardrails=[output_guardrail(where.guardrail)],
    )
    config = RunConfig(call_model_input_filter=where.filter)
    return agent, {"hooks": where, "run_config": config}


@pytest.mark.parametrize("in_worker", [False, True])
def test_plain_functions_run_on_the_thread_that_drives_the_run(in_worker: bool) -> None:
    where = Where()
    agent, options = run_everywhere(where)

    def drive() -> threading.Thread:
        ASKED.set("me")
        Runner.run_sync(agent, "x", **options)
        return threading.current_thread()

    with ThreadPoolExecutor(1) as pool:
        if in_worker:
            driver = pool.submit(drive).result()
        else:
            token = ASKED.set("me")
            driver = drive()
            ASKED.reset(token)
    names = ["hook", "instructions", "filter", "tool", "guardrail"]
    assert where.seen == dict.fromkeys(names, (driver, "me"))


def test_an_awaited_run_keeps_plain_functions_off_the_loop_s_thread() -> None:
    where = Where()
    agent, options = run_everywhere(where)

    async def main() -> None:
        ASKED.set("me")
        await Runner.run(agent, "x", **options)

    asyncio.run(main())
    threads = {thread for thread, _ in where.seen.values()}
    assert len(threads) == 1
    assert threading.current_thread() not in threads
    assert {asked for _, asked in where.seen.values()} == {"me"}


def test_run_sync_works_inside_a_running_loop() -> None:
    @function_tool
    async def on_a_loop() -> str:
        await asyncio.sleep(0)
        return "async"

    async def cell() -> str:
        agent = agent_with([call("on_a_loop"), "ok"], tools=[on_a_loop])
        result = Runner.run_sync(agent, "x")
        assert result.new_items[1].raw_item.output == "async"
        return result.final_output

    assert asyncio.run(cell()) == "ok"


def test_run_sync_works_on_many_threads_at_once() -> None:
    agent = Agent(name="A", model=ScriptedModel(lambda request: request.input[0]["content"]))
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda n: Runner.run_sync(agent, f"Query {n}"), range(100)))
    assert [result.final_output for result in results] == [f"Query {n}" for n in range(100)]


def test_a_tool_may_run_another_agent_in_any_way() -> None:
    inner = Agent(name="inner", model=ScriptedModel(lambda request: "inner says hi"))

    @function_tool
    def plain() -> str:
        return Runner.run_sync(inner, "x").final_output

    @function_tool
    async def awaited() -> str:
        return (await Runner.run(inner, "x")).final_output

    @function_tool
    async def blocking() -> str:
        return Runner.run_sync(inner, "x").final_output

    for is_async in (False, True):
        names = ["plain", "awaited", "blocking"]
        agent = agent_with([[call(name) for name in names], "ok"], tools=[plain, awaited, blocking])
        arguments: Any = (agent, "x")
        result = asyncio.run(Runner.run(*arguments)) if is_async else Runner.run_sync(*arguments)
        outputs = [item.output for item in result.new_items if item.type == "tool_call_output_item"]
        assert outputs == ["inner says hi"] * 3


@every_driver
def test_context_variables_do_not_leak_out_of_a_run(run: Any) -> None:
    class Setting(RunHooks[Any]):
        def on_agent_start(self, *_: Any) -> None:
            ASKED.set("a hook")

    @function_tool
    def who() -> str:
        return ASKED.get()

    result = run(agent_with([call("who"), "ok"], tools=[who]), "x", hooks=Setting())
    assert result.new_items[1].output == "a hook"
    assert ASKED.get() == "nobody"


def test_between_two_events_the_caller_s_context_is_its_own() -> None:
    class Setting(RunHooks[Any]):
        def on_llm_start(self, *_: Any) -> None:
            ASKED.set("a hook")

    with recorded_spans():
        for _ in Runner.stream(agent_with(["ok"]), "x", hooks=Setting()):
            assert ASKED.get() == "nobody"
            assert get_current_span() is None
            assert get_current_trace() is None


def test_the_loop_of_the_caller_is_not_blocked() -> None:
    has_gone_on = threading.Event()

    def answer(request: ModelRequest) -> str:
        assert has_gone_on.wait(60)
        return "ok"

    async def go_on() -> None:
        for _ in range(10):
            await asyncio.sleep(0.001)
        has_gone_on.set()

    async def main() -> None:
        await asyncio.gather(Runner.run(agent_with([answer]), "x"), go_on())

    asyncio.run(main())
    assert has_gone_on.is_set()


def test_runs_gathered_wait_for_their_models_together() -> None:
    """More of them than asyncio's own threads."""
    together = threading.Barrier(100, timeout=60)

    def answer(request: ModelRequest) -> str:
        together.wait()
        return "ok"

    async def main() -> list[RunResult]:
        agent = Agent(name="A", model=ScriptedModel(answer))
        return await asyncio.gather(*(Runner.run(agent, "x") for _ in range(100)))

    assert len(asyncio.run(main())) == 100


# Models


class PlainModel(Model):
    """Answers with the words it was given, event by event."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = events

    def stream(self, request: ModelRequest) -> Iterator[Any]:
        yield from map(as_stream_event, self.events)


class AsyncModel(PlainModel):
    """The same, asynchronous."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:  # type: ignore[override]
        for event in self.events:
            await asyncio.sleep(0)
            yield as_stream_event(event)


class ListModel(PlainModel):
    def stream(self, request: ModelRequest) -> Any:
        return self.events


COMPLETED = {
    "type": "response.completed",
    "response": {"id": "resp_1", "output": [text("hi")], "usage": None},
}


@every_driver
@pytest.mark.parametrize("model_class", [PlainModel, AsyncModel])
def test_any_model_will_do(run: Any, model_class: Any) -> None:
    result = run(Agent(name="A", model=model_class([COMPLETED])), "x")
    assert result.final_output == "hi"
    assert result.last_response_id == "resp_1"
    assert (result.usage.requests, result.usage.total_tokens) == (1, 0)


@pytest.mark.parametrize("model_class", [PlainModel, AsyncModel])
def test_a_model_answers_outside_a_run_too(model_class: Any) -> None:
    response = model_class([COMPLETED]).respond(ModelRequest(input=[]))
    assert response.output[0].content[0].text == "hi"


@every_driver
@pytest.mark.parametrize(
    "events", [[], [{"type": "response.created", "response": {}}]], ids=["none", "no end"]
)
def test_a_model_that_breaks_off_fails_the_run(run: Any, events: Any) -> None:
    with pytest.raises(ResponseFailedError, match="not response.completed") as caught:
        run(Agent(name="A", model=PlainModel(events)), "x")
    assert caught.value.run_data is not None


@pytest.mark.parametrize("event", [None, "Hello", 5])
def test_a_model_must_stream_events(event: Any) -> None:
    class Odd(Model):
        def stream(self, request: Any) -> Iterator[Any]:
            yield event

    with pytest.raises(UserError, match="A model's events are objects"):
        Runner.run_sync(Agent("A", model=Odd()), "x")


def test_a_model_must_stream() -> None:
    with pytest.raises(UserError, match="ListModel.stream must be a generator function"):
        Runner.run_sync(Agent(name="A", model=ListModel([COMPLETED])), "x")


def test_turns_of_a_run_share_a_connection() -> None:
    turns = [turn(call("f")), turn(call("f")), turn(text("ok"))]
    answers = [http_answer(content=build_response(each, {})) for each in turns]
    tool = function_tool(lambda: 1, name_override="f")
    with LoopbackServer(*answers) as server:
        model = OpenAIResponsesModel("m", ResponsesClient(base_url=server.base_url, api_key="any"))
        Runner.run_sync(Agent(name="A", model=model, tools=[tool]), "x")
    assert len(server.requests) == 3
    assert server.connections == 1
