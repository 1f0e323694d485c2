"""Stopping runs: nothing of them goes on, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents_lite import (
    Agent,
    Model,
    ModelRequest,
    OpenAIResponsesModel,
    Runner,
    RunTimeout,
    ToolContext,
    UserError,
    function_tool,
)
from agents_lite.http.client import ResponsesClient
from agents_lite.testing import ResponsesServer, ScriptedModel, call, text, turn
from tests.support.spans import recorded_spans
from tests.support.threads import no_thread_left
from tests.support.waiting import (
    LIMIT,
    SOON,
    cancel_once,
    time_is_up_once,
    wait_until,
    wait_until_asleep,
)

LONG = 60.0
"""Seconds that nothing here takes, unless it is not stopped."""
MANY_WORDS = turn("word " * 400, pause=0.15)


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    """None of all the runs here leaves a thread behind."""
    with no_thread_left():
        yield


@dataclass
class Scene:
    """A run that has come to a point where it takes long."""

    agent: Agent[Any]
    server: ResponsesServer | None = None
    began: threading.Event = field(default_factory=threading.Event)
    """Set when that point is reached."""
    tool_cancelled: threading.Event | None = None


@contextmanager
def scene(place: str, is_real: bool) -> Iterator[Scene]:
    """Check around the block that the run was stopped and that all it had open is closed."""
    made = Scene(Agent(name="A"))

    def reached(answer: Any) -> Callable[[Any], Any]:
        def announce(request: Any) -> Any:
            made.began.set()
            return answer

        return announce

    @function_tool
    async def wait() -> None:
        made.tool_cancelled = threading.Event()
        made.began.set()
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            made.tool_cancelled.set()
            raise

    scripts: dict[str, Any] = {
        "answer": [reached(turn("late", delay=LONG))],
        "stream": [reached(MANY_WORDS)],
        "tool": [[call("wait")]],
        "tools": [[call("wait"), call("wait")]],
        "nested": [[call("ask", input="x")], reached(turn("late", delay=LONG))],
    }
    server = ResponsesServer(scripts[place])
    with recorded_spans() as spans, server:
        if is_real:
            client = ResponsesClient(base_url=server.base_url, api_key="any")
            made.agent.model = OpenAIResponsesModel("m", client)
            made.server = server
        else:
            made.agent.model = ScriptedModel(scripts[place])
        nested = Agent(name="B", model=made.agent.model)
        made.agent.tools = [wait, nested.as_tool("ask", "Asks.")]
        began = time.monotonic()
        yield made
        assert time.monotonic() - began < SOON
        if made.began.is_set() and place in ("answer", "stream", "nested"):
            for request in server.requests[-1:]:
                assert request.client_left.wait(60)
        if made.tool_cancelled is not None:
            assert made.tool_cancelled.wait(60)
        gc.collect()
        assert spans.spans
        wait_until(lambda: not spans.open)  # a reader who is gone is noticed a moment later


places = pytest.mark.parametrize("place", ["answer", "tool", "tools", "nested"])
servers = pytest.mark.parametrize("is_real", [False, True], ids=["scripted", "server"])


# A call that waits for the whole run


def let_time_run_out(
    place: str, is_real: bool, run: Callable[[Agent[Any], float], object]
) -> TimeoutError:
    """Run with a time limit that is over when the run has come to its place."""
    with scene(place, is_real) as made, time_is_up_once(made.began.is_set):
        with pytest.raises(TimeoutError) as caught:
            run(made.agent, LIMIT)
    return caught.value


@servers
@places
def test_a_run_has_a_time_limit(place: str, is_real: bool) -> None:
    error = let_time_run_out(
        place, is_real, lambda agent, seconds: Runner.run_sync(agent, "x", timeout=seconds)
    )
    assert isinstance(error, RunTimeout)
    assert re.search(r"within its timeout of [0-9.]+ seconds", str(error))
    assert error.run_data is not None
    assert error.run_data.input == "x"


@servers
@places
def test_an_awaited_run_has_a_time_limit(place: str, is_real: bool) -> None:
    error = let_time_run_out(
        place, is_real, lambda agent, seconds: asyncio.run(Runner.run(agent, "x", timeout=seconds))
    )
    assert isinstance(error, RunTimeout)


@servers
@places
def test_wait_for_stops_the_run(place: str, is_real: bool) -> None:
    async def main(made: Scene) -> None:
        task = asyncio.create_task(Runner.run(made.agent, "x"))
        await asyncio.to_thread(made.began.wait, 60)
        await asyncio.wait_for(task, 0.01)

    with scene(place, is_real) as made, pytest.raises(TimeoutError):
        asyncio.run(main(made))


@servers
@places
def test_cancelling_the_task_stops_the_run(place: str, is_real: bool) -> None:
    async def main(made: Scene) -> None:
        task = asyncio.create_task(Runner.run(made.agent, "x"))
        await asyncio.to_thread(made.began.wait, 60)
        task.cancel()
        await task

    with scene(place, is_real) as made, pytest.raises(asyncio.CancelledError):
        asyncio.run(main(made))


def interrupt(began: threading.Event) -> None:
    """Press Ctrl-C after the event, once the main thread waits."""
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def press() -> None:
        if began.wait(60):  # else the test has failed, and another one would be interrupted
            wait_until_asleep(threading.main_thread().native_id)
            signal.pthread_kill(main_thread, signal.SIGINT)

    threading.Thread(target=press).start()


@servers
@places
def test_ctrl_c_stops_the_run(place: str, is_real: bool) -> None:
    with scene(place, is_real) as made:
        interrupt(made.began)
        with pytest.raises(KeyboardInterrupt):
            Runner.run_sync(made.agent, "x")


@servers
@places
def test_ctrl_c_stops_an_awaited_run(place: str, is_real: bool) -> None:
    with scene(place, is_real) as made:
        interrupt(made.began)
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(Runner.run(made.agent, "x"))


# Streams


@servers
@pytest.mark.parametrize("place", ["answer", "stream", "tool", "tools", "nested"])
def test_a_stream_is_cancelled_from_another_thread(place: str, is_real: bool) -> None:
    with scene(place, is_real) as made:
        stream = Runner.run_streamed(made.agent, "x")

        def cancel() -> None:
            made.began.wait(60)
            stream.cancel()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        for _ in stream.stream_events():
            pass
        canceller.join()
        assert stream.is_complete
        assert stream.final_output is None


@servers
@pytest.mark.parametrize("place", ["answer", "stream", "tool", "tools", "nested"])
def test_a_stream_is_cancelled_while_a_task_reads_it(place: str, is_real: bool) -> None:
    async def main(made: Scene) -> None:
        stream = Runner.run_streamed(made.agent, "x")

        async def read() -> None:
            async for _ in stream.stream_events():
                pass

        task = asyncio.create_task(read())
        await asyncio.to_thread(made.began.wait, 60)
        stream.cancel()
        await task
        assert stream.is_complete

    with scene(place, is_real) as made:
        asyncio.run(main(made))


@servers
@pytest.mark.parametrize("place", ["answer", "stream", "tool", "tools", "nested"])
def test_cancelling_the_reading_task_stops_the_run(place: str, is_real: bool) -> None:
    async def main(made: Scene) -> None:
        async def read() -> None:
            async for _ in Runner.run_streamed(made.agent, "x").stream_events():
                pass

        task = asyncio.create_task(read())
        await asyncio.to_thread(made.began.wait, 60)
        task.cancel()
        await task

    with scene(place, is_real) as made, pytest.raises(asyncio.CancelledError):
        asyncio.run(main(made))


def is_delta(event: Any) -> bool:
    return event.type == "raw_response_event" and event.data.type.endswith(".delta")


@servers
def test_closing_the_generator_stops_the_run(is_real: bool) -> None:
    with scene("stream", is_real) as made:
        events = Runner.stream(made.agent, "x")
        while not is_delta(next(events)):
            pass
        events.close()
        assert list(events) == []


@servers
def test_the_generator_may_be_closed_by_another_thread(is_real: bool) -> None:
    with scene("stream", is_real) as made:
        events = Runner.stream(made.agent, "x")
        while not is_delta(next(events)):
            pass
        failures: list[Any] = []

        def close() -> None:
            try:
                events.close()
            except BaseException as error:
                failures.append(error)

        closer = threading.Thread(target=close)
        closer.start()
        closer.join()
        assert failures == []


@servers
def test_a_generator_nobody_holds_any_more_stops_the_run(is_real: bool) -> None:
    with scene("stream", is_real) as made:
        events = Runner.stream(made.agent, "x")
        while not is_delta(next(events)):
            pass
        del events
        gc.collect()


@servers
def test_break_stops_the_run(is_real: bool) -> None:
    with scene("stream", is_real) as made:
        for event in Runner.run_streamed(made.agent, "x").stream_events():
            if is_delta(event):
                break


@servers
def test_break_out_of_async_for_stops_the_run(is_real: bool) -> None:
    async def main(made: Scene) -> None:
        stream = Runner.run_streamed(made.agent, "x")
        async for event in stream.stream_events():
            if is_delta(event):
                break
        assert stream.is_complete
        while made.server is not None and not made.server.requests[0].client_left.is_set():
            await asyncio.sleep(0.01)

    with scene("stream", is_real) as made:
        asyncio.run(main(made))


@servers
def test_an_error_while_reading_stops_the_run(is_real: bool) -> None:
    async def main(made: Scene) -> None:
        async for event in Runner.run_streamed(made.agent, "x").stream_events():
            if is_delta(event):
                raise LookupError

    with scene("stream", is_real) as made, pytest.raises(LookupError):
        asyncio.run(main(made))


@servers
@pytest.mark.parametrize("place", ["answer", "stream", "tool"])
def test_a_stream_has_a_time_limit(place: str, is_real: bool) -> None:
    def read(agent: Agent[Any], seconds: float) -> None:
        list(Runner.run_streamed(agent, "x", timeout=seconds).stream_events())

    async def read_async(agent: Agent[Any], seconds: float) -> None:
        async for _ in Runner.run_streamed(agent, "x", timeout=seconds).stream_events():
            pass

    for run in (read, lambda agent, seconds: asyncio.run(read_async(agent, seconds))):
        assert isinstance(let_time_run_out(place, is_real, run), RunTimeout)


# Nothing goes on


def leave_for(agent: Agent[Any], at: Callable[[Any], bool]) -> None:
    for event in Runner.run_streamed(agent, "x").stream_events():
        if at(event):
            break


def leave_generator(agent: Agent[Any], at: Callable[[Any], bool]) -> None:
    events = Runner.stream(agent, "x")
    while not at(next(events)):
        pass
    events.close()


def leave_async_for(agent: Agent[Any], at: Callable[[Any], bool]) -> None:
    async def read() -> None:
        async for event in Runner.run_streamed(agent, "x").stream_events():
            if at(event):
                break
        await asyncio.sleep(0.05)

    asyncio.run(read())


def cancel_in_for(agent: Agent[Any], at: Callable[[Any], bool]) -> None:
    stream = Runner.run_streamed(agent, "x")
    events = stream.stream_events()
    for event in events:
        if at(event):
            stream.cancel()


def cancel_in_async_for(agent: Agent[Any], at: Callable[[Any], bool]) -> None:
    async def read() -> None:
        stream = Runner.run_streamed(agent, "x")
        async for event in stream.stream_events():
            if at(event):
                stream.cancel()

    asyncio.run(read())


@pytest.mark.parametrize(
    "leave", [leave_for, leave_generator, leave_async_for, cancel_in_for, cancel_in_async_for]
)
@pytest.mark.parametrize("event_name", ["tool_called", "tool_output"])
def test_nothing_goes_on_after_the_reader_has_left(leave: Any, event_name: str) -> None:
    ran = []
    model = ScriptedModel([[call("f")], "never"])
    tool = function_tool(lambda: ran.append("tool"), name_override="f")
    agent = Agent(name="A", model=model, tools=[tool])
    leave(agent, lambda event: getattr(event, "name", "") == event_name)
    assert ran == ["tool"] * (event_name == "tool_output")
    assert len(model.requests) == 1


def test_a_stream_cancelled_before_it_began_does_nothing() -> None:
    model = ScriptedModel(["never"])
    stream = Runner.run_streamed(Agent(name="A", model=model), "x")
    assert not stream.is_complete
    stream.cancel()
    assert list(stream.stream_events()) == []
    assert model.requests == []
    assert stream.is_complete


def test_cancelling_a_stream_that_is_over_changes_nothing() -> None:
    stream = Runner.run_streamed(Agent(name="A", model=ScriptedModel(["ok"])), "x")
    list(stream.stream_events())
    stream.cancel()
    assert stream.final_output == "ok"


def test_a_run_within_its_time_limit_is_not_disturbed() -> None:
    agent = Agent(name="A", model=ScriptedModel(["ok"]))
    assert Runner.run_sync(agent, "x", timeout=LONG).final_output == "ok"


class AsyncModel(Model):
    """Streams for ever, unless it is stopped."""

    def __init__(self) -> None:
        self.began, self.closed = threading.Event(), threading.Event()

    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:  # type: ignore[override]
        try:
            self.began.set()
            await asyncio.sleep(LONG)
            yield None
        finally:
            self.closed.set()


def test_an_async_model_is_stopped() -> None:
    model = AsyncModel()
    with no_thread_left():
        with time_is_up_once(model.began.is_set), pytest.raises(RunTimeout):
            Runner.run_sync(Agent(name="A", model=model), "x", timeout=LIMIT)
        assert model.closed.wait(60)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), True, "2"])
def test_a_time_limit_that_is_none_is_refused(seconds: Any) -> None:
    with pytest.raises(UserError, match="timeout must be a number of seconds above 0"):
        Runner.run_sync(Agent(name="A", model=ScriptedModel(["x"])), "x", timeout=seconds)


# What cannot be stopped


@pytest.mark.parametrize("count", [1, 2])
def test_a_plain_tool_that_cannot_be_stopped_is_not_waited_for_and_named(
    count: int, caplog: pytest.LogCaptureFixture
) -> None:
    began, over = threading.Event(), threading.Event()

    def stuck() -> None:
        began.set()
        over.wait(LONG)

    model = ScriptedModel([[call("stuck")] * count, "never"])
    agent = Agent(name="A", model=model, tools=[function_tool(stuck)])

    async def main() -> None:
        task = asyncio.create_task(Runner.run(agent, "x"))
        await asyncio.to_thread(began.wait, 60)
        cancelled_at = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - cancelled_at < SOON

    with no_thread_left(), caplog.at_level(logging.WARNING, "agents_lite"):
        asyncio.run(main())
        assert any("stuck" in record.getMessage() for record in caplog.records)
        over.set()
    assert len(model.requests) == 1


def test_a_nested_run_in_its_third_turn_still_stops_with_the_outer_one() -> None:
    @function_tool
    def step() -> str:
        return "done"

    inner = Agent(
        "Inner",
        tools=[step],
        model=ScriptedModel([call("step"), call("step"), turn(text("late"), delay=60)]),
    )
    outer = Agent(
        "Outer", tools=[inner.as_tool("ask", "Ask.")], model=ScriptedModel([call("ask", input="x")])
    )
    began = time.monotonic()
    with pytest.raises(RunTimeout):
        Runner.run_sync(outer, "x", timeout=0.3)
    assert time.monotonic() - began < SOON


def test_nothing_starts_after_the_reader_has_cancelled() -> None:
    ran = []

    @function_tool
    def act(number: int) -> None:
        ran.append(number)

    both = [call("act", number=1), call("act", number=2)]
    agent = Agent("A", tools=[act], model=ScriptedModel([both]))
    stream = Runner.run_streamed(agent, "x")
    for event in stream.stream_events():
        if event.type == "run_item_stream_event":
            stream.cancel()
    assert ran == [] and stream.final_output is None


def test_a_stream_is_an_iterator_that_can_be_closed() -> None:
    agent = Agent("A", model=ScriptedModel([text("one")]))
    events = Runner.run_streamed(agent, "x").stream_events()
    assert next(events).type == "agent_updated_stream_event"
    events.close()
    assert list(events) == []


async def read_one_event(stream: Any) -> str:
    async with aclosing(stream.stream_events()) as events:
        return str((await anext(events)).type)


def test_a_stream_is_an_async_iterator_that_can_be_closed() -> None:
    stream = Runner.run_streamed(Agent("A", model=ScriptedModel([turn(text("x"), delay=60)])), "x")
    assert asyncio.run(read_one_event(stream)) == "agent_updated_stream_event"
    assert stream.is_complete


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_run_ends_whose_event_loop_was_closed_under_it(is_streamed: bool) -> None:
    began, loop = threading.Event(), asyncio.new_event_loop()

    @function_tool
    async def hang() -> None:
        began.set()
        await asyncio.sleep(LONG)

    model = ScriptedModel([call("hang"), "never asked for"])
    agent = Agent("A", tools=[hang], model=model)

    async def run() -> None:
        if not is_streamed:
            await Runner.run(agent, "x")
        async for _event in Runner.run_streamed(agent, "x").stream_events():
            pass

    with no_thread_left():
        task = loop.create_task(run())
        while not began.is_set():
            loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
    assert len(model.requests) == 1 and not task.done()


def test_a_coroutine_left_on_a_closed_loop_stops_no_later_time_limit() -> None:
    def sleepy() -> Agent[Any]:
        return Agent("A", model=ScriptedModel([turn(text("x"), delay=60)]))

    async def leave() -> None:
        task = asyncio.create_task(Runner.run(sleepy(), "x", timeout=0.2))
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(leave())
    with pytest.raises(RunTimeout):
        Runner.run_sync(sleepy(), "x", timeout=0.3)


def test_a_run_that_shares_the_loop_is_awaited_on_it() -> None:
    @function_tool(failure_error_function=None)
    async def quick() -> str:
        return "ok"

    inner = Agent("Inner", tools=[quick], model=ScriptedModel([call("quick"), "asked"]))
    ask = inner.as_tool("ask", "Ask.")

    @function_tool
    async def blocking(context: ToolContext[Any]) -> str:
        return str(await ask.on_invoke_tool(context, '{"input": "x"}'))

    outer = Agent("Outer", tools=[blocking], model=ScriptedModel([call("blocking"), text("end")]))
    result = Runner.run_sync(outer, "x", timeout=20)
    assert result.new_items[1].output == "asked"


CONTEXT = ToolContext(None, tool_name="ask", tool_call_id="c1", tool_arguments="{}")


def test_an_agent_tool_whose_awaiting_is_cancelled_stops() -> None:
    began, ended = threading.Event(), threading.Event()

    class Endless(Model):
        async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
            began.set()
            try:
                await asyncio.sleep(LONG)
                yield {}
            finally:
                ended.set()

    ask = Agent("Inner", model=Endless()).as_tool("ask", "Ask.")

    async def leave() -> None:
        await cancel_once(began, ask.on_invoke_tool(CONTEXT, '{"input": "x"}'))
        assert ended.wait(SOON)

    asyncio.run(leave())


def test_any_number_of_agent_tools_may_be_awaited_at_once() -> None:
    together = threading.Barrier(40, timeout=SOON)

    class Meeting(Model):
        def stream(self, request: ModelRequest) -> Any:
            together.wait()
            return ScriptedModel([text("met")]).stream(request)

    ask = Agent("Inner", model=Meeting()).as_tool("ask", "Ask.", failure_error_function=None)

    async def gather() -> list[Any]:
        calls = [ask.on_invoke_tool(CONTEXT, '{"input": "x"}') for _ in range(40)]
        return await asyncio.gather(*calls)

    assert asyncio.run(gather()) == ["met"] * 40
