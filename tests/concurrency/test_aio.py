"""Work driven by a thread, read from an event loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Generator
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest

from agents_lite import Agent, Runner, UserError
from agents_lite.concurrency.aio import AsyncReader, Bell, run_on_thread
from agents_lite.concurrency.calling import Callbacks
from agents_lite.concurrency.cancellation import Cancellation, RunCancelled
from tests.support.waiting import wait_until


class Counting:
    """Work that counts from 0, and notes how far it has got."""

    def __init__(self, count: int) -> None:
        self.begun: list[int] = []
        self.callbacks, self.cancellation = Callbacks(), Cancellation()
        self.tools_at_work: list[str] = []
        self.failure: BaseException | None = None
        self.events = self._count(count)

    def _count(self, count: int) -> Generator[int, None, int]:
        for number in range(count):
            self.begun.append(number)
            yield number
        return count


def reader_of(work: Counting, consequences: tuple[int, ...] = ()) -> AsyncReader[int]:
    return AsyncReader(work, consequences.__contains__)


def test_every_value_is_read_in_order() -> None:
    async def read() -> list[int]:
        return [number async for number in reader_of(Counting(5000))]

    assert asyncio.run(read()) == list(range(5000))


@pytest.mark.parametrize("consequences", [(), tuple(range(100))], ids=["none", "of each"])
def test_a_value_in_a_rush_is_read_though_nothing_follows_before(
    consequences: tuple[int, ...],
) -> None:
    class Answered(Counting):
        def _count(self, count: int) -> Generator[int, None, int]:
            for number in super()._count(count):
                yield number
                assert seen.get(timeout=60) == number
            return count

    async def read() -> None:
        async for number in reader_of(Answered(100), consequences):
            seen.put(number)

    seen: SimpleQueue[int] = SimpleQueue()
    asyncio.run(read())


def test_another_event_loop_than_asyncio_s_is_told_of() -> None:
    def step(awaited: Any) -> None:
        awaited.send(None)  # as a loop like trio's would

    for awaited in (run_on_thread(Counting(1)), Runner.run(Agent("A"), "Hi")):
        with pytest.raises(UserError, match="event loop of asyncio"):
            step(awaited)
    with pytest.raises(UserError, match="event loop of asyncio"):
        Runner.run_streamed(Agent("A"), "Hi").stream_events().__aiter__()


def test_work_that_was_told_to_stop_says_why_also_between_two_values() -> None:
    class Late(RuntimeError):
        pass

    class Checking(Counting):
        def _count(self, count: int) -> Generator[int, None, int]:
            for number in super()._count(count):
                yield number
                self.cancellation.check()
            return count

    def stop(number: int) -> bool:
        """Asked on the driving thread, when a value has been handed out."""
        if number == 3:
            work.cancellation.cancel(Late())
        return False

    async def read() -> None:
        async for _ in AsyncReader(work, stop):
            pass

    work = Checking(10)
    with pytest.raises(Late):
        asyncio.run(read())
    assert work.begun == [0, 1, 2, 3]


def test_of_stopped_work_nothing_more_is_read_though_it_is_ahead() -> None:
    class Ahead(Counting):
        def _count(self, count: int) -> Generator[int, None, int]:
            yield from super()._count(count)
            is_ahead.set()
            yield count
            return count

    async def read() -> list[int]:
        seen = []
        async for number in reader_of(work, (20,)):
            seen.append(number)
            assert is_ahead.wait(60)
            work.cancellation.cancel(RunCancelled())
        return seen

    work, is_ahead = Ahead(20), Event()
    assert asyncio.run(read()) == [0]


def test_an_error_is_raised_whatever_its_truth() -> None:
    class Unlucky(RuntimeError):
        def __bool__(self) -> bool:
            return False

    class Failing(Counting):
        def _count(self, count: int) -> Generator[int, None, int]:
            yield 1
            raise Unlucky

    async def read() -> None:
        async for _ in reader_of(Failing(2)):
            pass

    with pytest.raises(Unlucky):
        asyncio.run(read())


def test_the_work_goes_on_after_a_value_with_consequences_only_when_more_is_asked_for() -> None:
    async def read() -> None:
        work = Counting(400)
        reader = reader_of(work, tuple(range(0, 400, 7)))
        async for number in reader:
            if number % 7 == 0:
                await asyncio.sleep(0)
                assert work.begun[-1] == number
        assert work.begun == list(range(400))

    asyncio.run(read())


def test_many_readers_of_a_loop_each_get_all_of_theirs() -> None:
    async def read(count: int) -> int:
        return len([number async for number in reader_of(Counting(count), (0, 1, 2))])

    async def read_all() -> list[int]:
        return await asyncio.gather(*map(read, range(200)))

    assert asyncio.run(read_all()) == list(range(200))


def test_many_are_awaited_at_once() -> None:
    async def run_all() -> list[Any]:
        return await asyncio.gather(*(run_on_thread(Counting(count)) for count in range(200)))

    assert asyncio.run(run_all()) == list(range(200))


def test_a_task_that_is_cancelled_again_while_its_work_stops_leaves_no_complaint() -> None:
    """As anyio does, which cancels a task until it has left the scope."""

    class Slow(Counting):
        def _count(self, count: int) -> Generator[int, None, int]:
            has_begun.set()
            assert is_left.wait(60)
            error = RunCancelled()
            errors.append(weakref.ref(error))
            raise error
            yield count

    async def cancel_twice(read: Callable[[Counting], Any]) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, told: complaints.append(told["message"]))
        task = asyncio.ensure_future(read(Slow(1)))
        await asyncio.to_thread(has_begun.wait, 60)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        del task  # its error knows what it waited for
        is_left.set()
        while not (errors and errors[0]() is None):
            gc.collect()
            await asyncio.sleep(0.005)

    async def read_one(work: Counting) -> int:
        return await anext(reader_of(work))

    for read in (run_on_thread, read_one):
        has_begun, is_left = Event(), Event()
        errors: list[Any] = []
        complaints: list[str] = []
        asyncio.run(cancel_twice(read))
        assert complaints == []


def test_what_is_ready_together_wakes_the_loop_once() -> None:
    async def ring_all() -> None:
        loop, calls = asyncio.get_running_loop(), []
        call_soon = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda settle: (  # type: ignore[assignment]
            calls.append(settle), call_soon(settle),
        )[1]  # fmt: skip
        bell, futures = Bell(), [loop.create_future() for _ in range(100)]
        assert all(bell.ring(future) for future in futures)
        await asyncio.gather(*futures)
        assert len(calls) == 1
        later = loop.create_future()
        assert bell.ring(later)
        await later

    asyncio.run(ring_all())


def test_a_bell_says_that_its_loop_is_closed() -> None:
    loop = asyncio.new_event_loop()
    bell, future = Bell(), loop.create_future()
    loop.close()
    assert [bell.ring(future), bell.ring(future)] == [False, False]


def test_a_bell_that_its_loop_has_not_heard_before_it_was_closed_says_so_later() -> None:
    loop = asyncio.new_event_loop()
    bell, future = Bell(), loop.create_future()
    assert bell.ring(future)
    loop.close()
    assert not bell.ring(future)


def test_a_bell_that_was_rung_in_vain_keeps_no_loop_alive() -> None:
    loop = asyncio.new_event_loop()
    bell, left = Bell(), weakref.ref(loop)
    future = loop.create_future()
    loop.close()
    bell.ring(future)
    del loop, future
    gc.collect()
    assert left() is None


def test_a_loop_is_not_kept_alive_by_what_was_awaited_on_it() -> None:
    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(run_on_thread(Counting(3))) == 3
    finally:
        loop.close()
    left = weakref.ref(loop)
    del loop

    def is_gone() -> bool:
        gc.collect()
        return left() is None

    wait_until(is_gone)  # the thread lets go of it a moment after the result is there


def test_work_stops_whose_loop_is_closed_before_it_hears_of_a_value() -> None:
    class Held(Counting):
        def _count(self, count: int) -> Generator[int, None, int]:
            try:
                may_go_on.get()
                return (yield from super()._count(count))
            finally:
                has_stopped.put(None)

    may_go_on: SimpleQueue[None] = SimpleQueue()
    has_stopped: SimpleQueue[None] = SimpleQueue()
    is_rung: SimpleQueue[None] = SimpleQueue()

    async def read() -> None:
        await anext(reader_of(Held(9), consequences=(0,)))

    def ring_and_close() -> None:
        def ring(settle: Any) -> None:
            type(loop).call_soon_threadsafe(loop, settle)
            is_rung.put(None)

        loop = asyncio.new_event_loop()
        loop.call_soon_threadsafe = ring  # type: ignore[assignment, method-assign]
        reading = loop.create_task(read())
        loop.call_soon(loop.stop)
        loop.run_forever()
        may_go_on.put(None)
        is_rung.get()
        loop.close()
        reading._log_destroy_pending = False  # type: ignore[attr-defined]

    ring_and_close()
    gc.collect()
    has_stopped.get(timeout=30)


def test_an_error_that_would_pass_for_the_end_is_another_one() -> None:
    class Stopping(Counting):
        def _count(self, count: int) -> Generator[int, None, int]:
            yield 0
            raise StopAsyncIteration

    async def read() -> None:
        async for _ in reader_of(Stopping(1), ()):
            pass

    with pytest.raises(RuntimeError, match="raised StopAsyncIteration"):
        asyncio.run(read())
