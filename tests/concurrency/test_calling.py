from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextvars import Context, ContextVar
from functools import partial
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from agents_lite import Agent, Model, ModelRequest, Runner, SQLiteSession, function_tool
from agents_lite.concurrency import calling
from agents_lite.concurrency.calling import Callbacks
from agents_lite.concurrency.cancellation import Cancellation, RunCancelled, current_cancellation
from agents_lite.concurrency.workers import run_in_thread
from agents_lite.exceptions import UserError
from agents_lite.extensions.memory.advanced_sqlite_session import BranchId
from agents_lite.mcp.objects import MCPCallResult, MCPTools
from agents_lite.response_types import ResponseStreamEvent
from agents_lite.testing import ScriptedModel, call
from tests.support.drivers import every_driver_here
from tests.support.interrupts import interrupts
from tests.support.waiting import wait_until

CHECKOUT = Path(__file__).parents[2]
LONG = 60
# Of what other tests have left, too, when it is freed here: so of nothing else.
FAILS_OF_LEFT_COROUTINES = pytest.mark.filterwarnings(
    "error:coroutine", "error::pytest.PytestUnraisableExceptionWarning"
)


class Stop(BaseException):
    pass


async def loop_here() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_no_loop_is_at_work_where_asyncio_is_about_to_be_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ask() -> bool:
        return calling.loop_here() is not None

    assert asyncio.run(ask()) and calling.loop_here() is None
    monkeypatch.setitem(sys.modules, "asyncio", ModuleType("asyncio"))
    assert calling.loop_here() is None


def ask(function, *args):
    return Callbacks().call(Cancellation(), function, *args)


def test_a_call_that_was_interrupted_leaves_its_cancellation_to_nobody() -> None:
    context = Context()
    for _kept in interrupts(partial(context.run, ask, int), every=1):
        assert context.get(current_cancellation) is None


def test_a_plain_function_is_called_on_this_thread():
    assert ask(lambda word: (word, threading.get_ident()), "x") == ("x", threading.get_ident())


def test_a_coroutine_is_awaited_and_may_raise():
    async def divide(a: int, b: int) -> float:
        await asyncio.sleep(0)
        return a / b

    async def forget_to_await() -> object:
        return divide(1, 2)

    assert ask(divide, 1, 2) == ask(forget_to_await) == 0.5
    with pytest.raises(ZeroDivisionError):
        ask(divide, 1, 0)


def test_what_gives_itself_when_it_is_awaited_is_a_value():
    class Pool:
        opened = 0

        async def open(self) -> Pool:
            self.opened += 1
            if self.opened > 2:
                raise RecursionError("once more")
            return self

        def __await__(self):
            return self.open().__await__()

    async def later(pool: Pool) -> Pool:
        return pool

    for make in (lambda pool: pool, later):
        pool = Pool()
        assert Callbacks().call(Cancellation(), make, pool) is pool
        assert pool.opened == 1


def test_all_runs_share_one_loop_whatever_thread_drives_them():
    loops = {ask(loop_here), ask(loop_here)}
    loops |= {run_in_thread(ask, loop_here).result(LONG) for _ in range(3)}

    assert len(loops) == 1


def test_an_async_client_lives_on_from_run_to_run_and_in_many_runs():
    lock: list[asyncio.Lock] = []

    @function_tool
    async def use_client() -> str:
        if not lock:
            lock.append(asyncio.Lock())
        async with lock[0]:  # with a waiter, it is attached to its loop
            await asyncio.sleep(0.01)
        return "used"

    def answer(request):
        return call("use_client") if len(request.input) == 1 else "done"

    agent = Agent(name="A", model=ScriptedModel(answer), tools=[use_client])
    for _ in range(2):
        assert Runner.run_sync(agent, "x").final_output == "done"
    outcomes = Runner.run_many(agent, ["x"] * 8, max_workers=4)
    assert [each.unwrap().final_output for each in outcomes] == ["done"] * 8


def test_the_caller_s_loop_is_used_where_there_is_one():
    callbacks = Callbacks()

    async def main() -> bool:
        callbacks.use_loop(asyncio.get_running_loop())
        used = await asyncio.to_thread(callbacks.call, Cancellation(), loop_here)
        return used is asyncio.get_running_loop()

    assert asyncio.run(main())


def test_a_run_keeps_to_the_loop_that_it_began_with():
    callbacks = Callbacks()
    first = callbacks.call(Cancellation(), loop_here)

    async def main() -> None:
        callbacks.use_loop(asyncio.get_running_loop())

    asyncio.run(main())
    assert callbacks.call(Cancellation(), loop_here) is first


def test_a_coroutine_may_wait_for_a_run_with_coroutines_of_its_own():
    async def outer(depth: int) -> set[asyncio.AbstractEventLoop]:
        inner = ask(outer, depth - 1) if depth else set()
        return {asyncio.get_running_loop()} | inner

    assert len(ask(outer, 3)) == 4


def test_stopping_cancels_the_coroutine_and_waits_for_its_end():
    cancellation = Cancellation()
    ended = []

    async def stay() -> None:
        try:
            cancellation.cancel(Stop())
            await asyncio.sleep(LONG)
        finally:
            ended.append(True)

    with pytest.raises(Stop):
        Callbacks().call(cancellation, stay)
    assert ended


def test_a_coroutine_or_a_stream_that_is_stopped_may_await_as_it_cleans_up() -> None:
    cancellation, cleaned = Cancellation(), []

    async def stay() -> None:
        try:
            cancellation.cancel(Stop())
            await asyncio.sleep(LONG)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(True)

    async def events() -> AsyncIterator[None]:
        await stay()
        yield

    with pytest.raises(Stop):
        Callbacks().call(cancellation, stay)
    wait_until(lambda: len(cleaned) == 1)
    cancellation = Cancellation()
    with pytest.raises(Stop):
        next(Callbacks().iterate(cancellation, events()))
    wait_until(lambda: len(cleaned) == 2)


def test_a_loop_that_is_blocked_is_left_to_itself_and_ends_with_its_work(caplog):
    cancellation = Cancellation()
    is_beside, may_go_on = threading.Event(), threading.Event()

    async def block() -> None:
        cancellation.cancel(Stop())
        may_go_on.wait(LONG)

    async def stay_beside() -> asyncio.AbstractEventLoop:
        is_beside.set()
        while not may_go_on.is_set():
            await asyncio.sleep(0.01)
        return asyncio.get_running_loop()

    before = ask(loop_here)
    beside = run_in_thread(ask, stay_beside)
    assert is_beside.wait(LONG)
    with pytest.raises(Stop):
        Callbacks().call(cancellation, block)
    assert ask(loop_here) is not before
    may_go_on.set()
    assert beside.result(LONG) is before
    deadline = time.monotonic() + LONG
    while not before.is_closed():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("is_started", [True, False])
@FAILS_OF_LEFT_COROUTINES
def test_work_whose_event_loop_is_closed_is_over(is_started: bool) -> None:
    began = threading.Event()

    async def hang() -> None:
        began.set()
        await asyncio.sleep(LONG)

    callbacks, loop = Callbacks(), asyncio.new_event_loop()
    callbacks.use_loop(loop)
    waiting = run_in_thread(callbacks.call, Cancellation(), hang)
    while is_started and not began.is_set():
        loop.run_until_complete(asyncio.sleep(0.01))
    left = asyncio.all_tasks(loop)
    loop.close()
    with pytest.raises(RunCancelled, match="closed"):
        waiting.result(LONG)
    with pytest.raises(RunCancelled, match="closed"):
        callbacks.call(Cancellation(), hang)
    for task in left:  # asyncio would complain of it
        task._log_destroy_pending = False

    another = asyncio.new_event_loop()
    callbacks.use_loop(another)
    callbacks.use_loop(loop)
    waiting = run_in_thread(callbacks.call, Cancellation(), loop_here)
    while waiting.running():
        another.run_until_complete(asyncio.sleep(0.01))
    another.close()
    assert waiting.result() is another


def test_nothing_is_called_once_the_work_was_stopped_or_the_run_is_over():
    cancellation = Cancellation()
    cancellation.cancel(Stop())
    with pytest.raises(Stop):
        Callbacks().call(cancellation, pytest.fail)

    over = Callbacks()
    over.close()
    with pytest.raises(RunCancelled):
        over.call(Cancellation(), loop_here)


def test_a_function_knows_what_stops_it():
    cancellation = Cancellation()

    assert Callbacks().call(cancellation, current_cancellation.get) is cancellation
    assert current_cancellation.get() is None


@pytest.mark.parametrize("is_async", [False, True])
def test_a_task_that_somebody_else_cancelled_is_an_ordinary_error(is_async: bool):
    def cancelled() -> None:
        raise asyncio.CancelledError("elsewhere")

    async def cancelled_later() -> None:
        cancelled()

    with pytest.raises(UserError, match="cancelled.*elsewhere"):
        ask(cancelled_later if is_async else cancelled)


def test_an_async_generator_is_no_value():
    async def numbers() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(UserError, match=r"numbers is an async generator.*return it"):
        ask(numbers)


def test_the_model_is_told_of_tools_that_are_cancelled_or_generators():
    @function_tool
    def cancelled() -> str:
        raise asyncio.CancelledError

    @function_tool
    async def numbers() -> AsyncIterator[int]:
        yield 1

    model = ScriptedModel([call("cancelled"), call("numbers"), "done"])
    result = Runner.run_sync(Agent(name="A", model=model, tools=[cancelled, numbers]), "x")

    assert "<locals>.cancelled was cancelled" in result.new_items[1].output
    assert "<locals>.numbers is an async generator" in result.new_items[3].output


@pytest.mark.parametrize("kind", [StopIteration, GeneratorExit])
def test_what_means_an_end_to_generators_is_an_error_of_the_function(kind):
    def fail(*_):
        raise kind("over")

    told = f"<locals>.fail raised {kind.__name__}: over"
    agent = Agent(name="A", model=ScriptedModel([]), instructions=fail)
    with pytest.raises(UserError, match=told):
        Runner.run_sync(agent, "x")
    failing = function_tool(fail, name_override="fail", strict_mode=False)
    model = ScriptedModel([call("fail"), "done"])
    result = Runner.run_sync(Agent(name="A", model=model, tools=[failing]), "x")
    assert told in result.new_items[1].output


class FailingModel(Model):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
        raise self.error
        yield


@every_driver_here
@pytest.mark.parametrize("error", [GeneratorExit("over"), asyncio.CancelledError("over")])
def test_what_means_an_end_elsewhere_is_an_error_of_a_plain_model(run: Any, error: BaseException):
    """Or a task that awaits the run would be taken for cancelled, though nobody did that."""
    told = "raised GeneratorExit: over|was cancelled: over"
    with pytest.raises(UserError, match=told) as caught:
        run(Agent("A", model=FailingModel(error)), "x")
    assert caught.value.__cause__ is error
    if isinstance(error, asyncio.CancelledError):
        assert caught.value.run_data.input == "x"


@every_driver_here
def test_a_time_limit_whose_error_is_a_kind_of_cancelled_task_ends_the_run(run: Any):
    """As Prefect's is, which the handler of a signal raises."""

    class TimeIsUp(asyncio.CancelledError):
        pass

    def work() -> str:
        raise TimeIsUp

    with_tool = Agent("A", model=ScriptedModel([call("work")]), tools=[function_tool(work)])
    for agent in (with_tool, Agent("A", model=FailingModel(TimeIsUp()))):
        with pytest.raises(TimeIsUp):
            run(agent, "x")


def test_an_async_iterator_is_stepped_and_closed_on_the_loop():
    closed = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(5):
                yield number
        finally:
            closed.append(asyncio.get_running_loop())

    steps = Callbacks().iterate(Cancellation(), numbers())
    assert [next(steps), next(steps)] == [0, 1]
    steps.close()

    assert closed == [ask(loop_here)]


@pytest.mark.parametrize("error", [ValueError("at once"), StopAsyncIteration()])
def test_an_async_iterator_need_not_be_a_generator(error: Exception) -> None:
    class Events:
        left = 2

        def __aiter__(self) -> Events:
            return self

        def __anext__(self) -> Any:
            if not self.left:
                raise error
            self.left -= 1
            return asyncio.sleep(0, self.left)

    steps = Callbacks().iterate(Cancellation(), Events())
    assert [next(steps), next(steps)] == [1, 0]
    with pytest.raises(StopIteration if isinstance(error, StopAsyncIteration) else ValueError):
        next(steps)
    with pytest.raises(TypeError, match="async iterator"):
        next(Callbacks().iterate(Cancellation(), object()))  # type: ignore[arg-type]


def test_one_task_takes_all_steps_of_an_async_generator_and_closes_it():
    """So time limits and context variables hold over its events, as in an `async for`."""
    current = ContextVar("current", default="nothing")
    tasks = []

    async def events() -> AsyncIterator[str]:
        token = current.set("own")
        tasks.append(asyncio.current_task())
        try:
            async with asyncio.timeout(None) as limit:
                yield current.get()
                yield current.get()
                limit.reschedule(asyncio.get_running_loop().time())
                await asyncio.sleep(LONG)
        except TimeoutError:
            yield "late"
        finally:
            tasks.append(asyncio.current_task())
            current.reset(token)

    assert list(Callbacks().iterate(Cancellation(), events())) == ["own", "own", "late"]
    left = Callbacks().iterate(Cancellation(), events())
    assert next(left) == "own"
    left.close()
    assert tasks[0] is tasks[1] is not tasks[2] is tasks[3]


def test_a_stream_whose_task_somebody_cancels_between_two_events_is_told_of() -> None:
    tasks = []

    async def events() -> AsyncIterator[int]:
        tasks.append(asyncio.current_task())
        yield 1
        yield 2

    steps = Callbacks().iterate(Cancellation(), events())
    assert next(steps) == 1

    async def cancel() -> None:
        tasks[0].cancel()
        await asyncio.wait(tasks)

    Callbacks().call(Cancellation(), cancel)
    with pytest.raises(UserError, match="A coroutine of the run was cancelled"):
        next(steps)


def test_a_stream_that_is_slow_to_close_leaves_the_loop_to_other_runs() -> None:
    """Also where the garbage collector finds it on the loop's own thread."""
    may_end = threading.Event()

    async def events() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            while not may_end.is_set():
                await asyncio.sleep(0.01)

    kept = [Callbacks().iterate(Cancellation(), events()) for _ in range(2)]
    assert [next(each) for each in kept] == [1, 1]

    async def drop() -> asyncio.AbstractEventLoop:
        kept.pop()
        return asyncio.get_running_loop()

    before = ask(drop)
    kept.pop().close()
    assert ask(loop_here) is before
    may_end.set()


@FAILS_OF_LEFT_COROUTINES
def test_events_are_left_unclosed_where_the_loop_is_closed() -> None:
    """The error at hand is told; nothing makes a coroutine that nobody can await."""

    class Events:
        def __aiter__(self) -> Events:
            return self

        async def __anext__(self) -> int:
            return 1

        async def aclose(self) -> None: ...

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    callbacks = Callbacks()
    callbacks.use_loop(loop)
    events = callbacks.iterate(Cancellation(), Events())
    assert next(events) == 1
    loop.call_soon_threadsafe(loop.stop)
    thread.join(LONG)
    for task in asyncio.all_tasks(loop):  # asyncio would complain of it
        task._log_destroy_pending = False
    loop.close()
    with pytest.raises(Stop) as stopped:
        events.throw(Stop())  # type: ignore[attr-defined]
    assert stopped.value.__context__ is None
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_has_a_loop_of_its_own_and_at_exit_all_tasks_end():
    program = """
        import asyncio, os
        from agents_lite.concurrency.calling import Callbacks
        from agents_lite.concurrency.cancellation import Cancellation

        async def begin(name):
            async def stay():
                try:
                    await asyncio.sleep(60)
                finally:
                    print(name, "ended", flush=True)
            tasks.append(asyncio.create_task(stay()))
            await asyncio.to_thread(int)  # a thread of the loop's own
            return id(asyncio.get_running_loop())

        tasks = []
        parent = Callbacks().call(Cancellation(), begin, "parent")
        if not os.fork():
            signal_free = Callbacks().call(Cancellation(), begin, "child")
            assert signal_free != parent
        else:
            assert os.wait()[1] == 0
            assert Callbacks().call(Cancellation(), begin, "parent again") == parent
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", dedent(program)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == [
        "child ended",
        "parent again ended",
        "parent ended",
    ]


@pytest.mark.filterwarnings("ignore:.*event_loop_policy:DeprecationWarning")
def test_the_loop_ends_in_peace_though_the_policy_is_another_by_then() -> None:
    loop = calling._PrivateLoop()
    asyncio.run_coroutine_threadsafe(loop_here(), loop.loop).result(LONG)
    policy = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
    try:
        loop.end()  # the thread's exceptions are warnings, and those errors
    finally:
        asyncio.set_event_loop_policy(policy)
    assert loop.loop.is_closed()


@pytest.mark.parametrize(
    "make",
    [
        lambda session: session.get_items(),
        lambda session: session.add_items([{"role": "user", "content": "Hi"}]),
        lambda session: session.pop_item(),
        lambda session: MCPCallResult({"content": []}),
        lambda session: MCPTools(),
    ],
    ids=["items", "nothing", "item", "object", "tools"],
)
def test_what_is_there_already_can_be_gathered_and_made_a_task_of(make: Any) -> None:
    session = SQLiteSession("s")
    session.add_items([{"role": "user", "content": str(number)} for number in range(9)])

    async def work() -> list[Any]:
        alone = await make(session)
        gathered = await asyncio.gather(make(session), make(session))
        task = await asyncio.create_task(make(session))
        other = await asyncio.wait_for(make(session), LONG)
        cancelled = asyncio.create_task(make(session))
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        return [alone, *gathered, task, other]

    assert {type(each) for each in asyncio.run(work())} <= {type(make(session)), type(None)}


def test_texts_that_can_be_awaited_are_keys_as_others_are() -> None:
    assert {BranchId("main"): 1} == {"main": 1}
