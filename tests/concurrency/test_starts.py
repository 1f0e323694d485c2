from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from agents_lite import Agent, Runner, UserError
from agents_lite.concurrency import starts as starts_module
from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.concurrency.starts import FREE, Starts
from agents_lite.concurrency.timers import Watch, call_at
from agents_lite.concurrency.workers import Outcome, let_others_begin, wait_for
from agents_lite.testing import ScriptedModel
from tests.support.interrupts import cut_off_silently as cut_off_silently
from tests.support.interrupts import interrupts
from tests.support.waiting import wait_until

LONG = 60


@pytest.fixture(autouse=True)
def no_look_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The thread of the timers ends behind each test."""
    watches: list[Watch] = []

    def arrange(deadline: float, callback: Callable[[], object]) -> Watch:
        watches.append(call_at(deadline, callback))
        return watches[-1]

    monkeypatch.setattr(starts_module, "call_at", arrange)
    yield
    for watch in watches:
        watch.cancel()


@contextmanager
def crowded(starts: Starts) -> Iterator[None]:
    """As much is at work as may begin freely, and waits until the block ends."""
    over = threading.Event()
    begun = threading.Barrier(FREE + 1)

    def wait() -> None:
        begun.wait(LONG)
        over.wait(LONG)

    waiting = [starts.run(wait) for _ in range(FREE)]
    begun.wait(LONG)
    try:
        yield
    finally:
        over.set()
        for each in waiting:
            each.result(LONG)


def test_in_a_crowd_the_next_begins_when_the_last_has_come_to_wait() -> None:
    starts = Starts(moment=LONG)
    told: list[str] = []
    answer: Outcome[str] = Outcome()

    def first() -> str:
        told.append("the first begins")
        waiting.wait(LONG)
        told.append("the first waits")
        return wait_for(answer, Cancellation())

    def second() -> str:
        told.append("the second begins")
        answer.set_result("both were at work")
        return "too"

    with crowded(starts):
        waiting = threading.Event()
        outcomes = [starts.run(first), starts.run(second)]
        waiting.set()
        assert [each.result(LONG) for each in outcomes] == ["both were at work", "too"]
    assert told == ["the first begins", "the first waits", "the second begins"]


def test_in_a_crowd_one_thread_does_what_begins_and_ends_without_waiting() -> None:
    starts = Starts(moment=LONG)
    with crowded(starts):
        go_on = threading.Event()
        outcomes = [starts.run(lambda: (go_on.wait(LONG), threading.get_ident())[1])]
        outcomes += [starts.run(threading.get_ident) for _ in range(50)]
        go_on.set()
        assert len({each.result(LONG) for each in outcomes}) == 1


def test_what_blocks_as_it_begins_keeps_no_other_from_it() -> None:
    together = threading.Barrier(4 * FREE)
    starts = Starts()
    outcomes = [starts.run(together.wait, LONG) for _ in range(4 * FREE)]
    assert sorted(each.result(LONG) for each in outcomes) == list(range(4 * FREE))


def test_a_look_that_comes_before_it_is_noted_does_not_stand_for_later_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts = Starts()
    arrange: Callable[..., Watch] = starts_module.call_at  # type: ignore[attr-defined]
    go_on = threading.Event()

    def held_up(deadline: float, look: Callable[[], object]) -> None:
        """As on a thread that waits for the interpreter's lock: the queue is empty meanwhile."""
        monkeypatch.setattr(starts_module, "call_at", arrange)
        go_on.set()
        wait_until(lambda: not starts._queue and time.monotonic() > deadline)
        look()

    with crowded(starts):
        monkeypatch.setattr(starts_module, "call_at", held_up)
        for each in (starts.run(go_on.wait, LONG), starts.run(int)):
            each.result(LONG)
        go_on.clear()
        blocked = starts.run(go_on.wait, LONG)
        try:
            assert starts.run(int).result(LONG) == 0
        finally:
            go_on.set()
            blocked.result(LONG)


def test_what_finds_no_thread_in_a_crowd_is_done_by_those_that_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_thread(job: object) -> None:
        raise UserError("No thread can be started")

    starts = Starts(moment=LONG)
    with crowded(starts):
        go_on = threading.Event()

        def wait() -> int:
            go_on.wait(LONG)
            let_others_begin()
            return threading.get_ident()

        outcomes = [starts.run(wait), *(starts.run(threading.get_ident) for _ in range(3))]
        monkeypatch.setattr(starts_module, "begin", no_thread)  # as where there are too many
        go_on.set()
        assert len({each.result(LONG) for each in outcomes}) == 1
        with pytest.raises(UserError, match="No thread"):
            starts.run(print)


def test_what_was_told_to_stop_begins_before_its_turn() -> None:
    starts = Starts(moment=LONG)
    with crowded(starts):
        go_on = threading.Event()
        first, second, third = (starts.run(go_on.wait, LONG) for _ in range(3))
        fourth = starts.run(int)
        starts.hurry(fourth)
        assert fourth.result(LONG) == 0
        starts.hurry(first)
        go_on.set()
        assert [each.result(LONG) for each in (first, second, third)] == [True] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_is_no_crowd() -> None:
    starts = Starts(moment=LONG)
    with crowded(starts):
        go_on = threading.Event()
        outcomes = [starts.run(go_on.wait, LONG) for _ in range(3)]
        child = os.fork()
        if child == 0:
            together = threading.Barrier(3)
            try:
                there = [starts.run(together.wait, LONG) for _ in range(3)]
                os._exit(sum(each.result(LONG) for each in there))
            finally:
                os._exit(99)
        go_on.set()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 + 1 + 2
        assert all(each.result(LONG) for each in outcomes)


@pytest.mark.usefixtures("cut_off_silently")
def test_wherever_a_start_was_interrupted_others_begin() -> None:
    starts = Starts()
    together = threading.Barrier(3)

    def start() -> None:
        for _ in range(3):
            starts.run(int)

    with crowded(starts):
        for _ in interrupts(start, every=3):
            assert starts.run(int).result(LONG) == 0
    outcomes = [starts.run(together.wait, LONG) for _ in range(3)]
    assert sorted(each.result(LONG) for each in outcomes) == [0, 1, 2]


def test_a_crowd_of_runs_is_awaited_and_read_each_to_its_own_end() -> None:
    async def read(number: int) -> str:
        agent = Agent("A", model=ScriptedModel([f"answer {number}"]))
        if number % 2:
            return str((await Runner.run(agent, "x")).final_output)
        streaming = Runner.run_streamed(agent, "x")
        async for _ in streaming.stream_events():
            pass
        return str(streaming.final_output)

    async def read_all() -> list[str]:
        return await asyncio.gather(*(read(number) for number in range(3 * FREE)))

    assert asyncio.run(read_all()) == [f"answer {number}" for number in range(3 * FREE)]


def test_a_stream_can_be_cancelled_before_its_turn(caplog: pytest.LogCaptureFixture) -> None:
    agent = Agent("A", model=ScriptedModel([]))

    async def read() -> None:
        async for _ in Runner.run_streamed(agent, "x").stream_events():
            pass

    async def cancel() -> None:
        run = asyncio.ensure_future(read())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    over = threading.Event()
    blocked = [starts_module.run_in_turn(over.wait, LONG) for _ in range(FREE)]
    first = starts_module.run_in_turn(over.wait, LONG)
    try:
        asyncio.run(cancel())
    finally:
        over.set()
        assert all(each.result(LONG) for each in [*blocked, first])
    assert not caplog.messages  # of a run that was not waited for
