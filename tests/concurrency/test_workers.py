from __future__ import annotations

import asyncio
import contextvars
import gc
import subprocess
import sys
import textwrap
import threading
import weakref
from concurrent.futures import Future
from typing import Any

import pytest

from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.concurrency.workers import (
    Outcome,
    run_in_thread,
    run_in_thread_or_here,
    wait_a_moment,
    wait_for,
)
from tests.support.interrupts import interrupts
from tests.support.threads import no_thread_left
from tests.support.waiting import SOON, wait_until

LONG = 60

number = contextvars.ContextVar("number", default=0)


class Stop(BaseException):
    pass


def test_work_is_done_on_another_thread_in_a_copy_of_the_context():
    def work(word: str) -> tuple[str, int, int]:
        number.set(number.get() + 1)
        return word, number.get(), threading.get_ident()

    context = contextvars.copy_context()
    context.run(number.set, 1)
    word, inside, thread = context.run(run_in_thread, work, "done").result(LONG)

    assert (word, inside, context[number]) == ("done", 2, 1)
    assert thread != threading.get_ident()


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, Stop])
def test_whatever_was_raised_is_raised_by_the_result(kind: type[BaseException]):
    def fail() -> None:
        raise kind("why")

    outcome = run_in_thread(fail)

    assert isinstance(outcome.exception(LONG), kind)
    with pytest.raises(kind, match="why"):
        outcome.result()


def test_work_never_waits_for_other_work():
    together = threading.Barrier(50)
    outcomes = [run_in_thread(together.wait, LONG) for _ in range(50)]

    assert sorted(each.result(LONG) for each in outcomes) == list(range(50))


def test_a_thread_is_used_again():
    first = run_in_thread(threading.get_ident)
    first.result(LONG)
    while not (second := run_in_thread(threading.get_ident)).result(LONG) == first.result():
        first = second  # it had not become idle yet


def test_idle_threads_end():
    with no_thread_left():
        wait_a_moment([("Work", run_in_thread(lambda: None)) for _ in range(20)], LONG)


def test_an_idle_thread_keeps_nothing_of_its_last_work():
    class Heavy:
        pass

    heavy = Heavy()
    gone = weakref.ref(heavy)
    run_in_thread(id, heavy).result(LONG)
    del heavy
    while gone() is not None:  # the thread drops it a moment after the result is there
        gc.collect()


def test_a_callback_is_told_before_or_after_the_end():
    told: list[Future[Any]] = []
    may_end = threading.Event()
    outcome = run_in_thread(may_end.wait, LONG)
    outcome.add_done_callback(told.append)
    assert (outcome.running(), outcome.done(), told) == (True, False, [])

    may_end.set()
    outcome.result(LONG)
    outcome.add_done_callback(told.append)
    while len(told) < 2:
        pass
    assert (outcome.running(), outcome.done(), told) == (False, True, [outcome, outcome])


def test_a_callback_that_fails_keeps_no_other_from_being_told(caplog: pytest.LogCaptureFixture):
    told: list[Future[Any]] = []
    outcome: Outcome[int] = Outcome()
    outcome.add_done_callback(lambda _: 1 // 0)
    outcome.add_done_callback(told.append)
    outcome.settle(lambda: 1)

    assert told == [outcome]
    assert "ZeroDivisionError" in caplog.text


def test_waiting_for_a_result_may_be_limited():
    with pytest.raises(TimeoutError):
        Outcome[int]().result(0.01)


def test_asyncio_can_await_it():
    async def main() -> int:
        return await asyncio.wrap_future(run_in_thread(lambda: 7))

    assert asyncio.run(main()) == 7


def test_waiting_ends_when_it_is_cancelled():
    cancellation = Cancellation()
    outcome: Outcome[None] = Outcome()
    outcome.add_done_callback(lambda _: None)
    threading.Timer(0.01, cancellation.cancel, [Stop()]).start()

    with pytest.raises(Stop):
        wait_for(outcome, cancellation)


def test_waiting_gives_the_outcome():
    assert wait_for(run_in_thread(lambda: 3), Cancellation()) == 3
    with pytest.raises(ZeroDivisionError):
        wait_for(run_in_thread(lambda: 1 // 0), Cancellation())


def test_what_does_not_end_is_named_and_left_behind(caplog: pytest.LogCaptureFixture):
    ended = run_in_thread(lambda: None)
    ended.result(LONG)

    assert not wait_a_moment([("The swift", ended), ("The slow", Outcome[int]())], 0.2)

    assert "The slow was told to stop" in caplog.text
    assert "The swift" not in caplog.text


def test_where_no_thread_can_be_started_work_is_done_on_the_one_there_is() -> None:
    program = """
        import threading, warnings
        from agents_lite import *
        from agents_lite.testing import ScriptedModel, call, turn

        @input_guardrail
        def check(context, agent, given):
            return GuardrailFunctionOutput("fine", False)

        @function_tool(timeout=50, parallel=True)
        def where() -> str:
            return threading.current_thread().name

        @function_tool
        async def never() -> str:
            return "made"

        warnings.simplefilter("error")
        threading.stack_size(1 << 46)  # which no machine has
        script = [turn(call("where"), call("where")), call("never"), "done"]
        agent = Agent(
            "A", model=ScriptedModel(script), tools=[where, never], input_guardrails=[check]
        )
        result = Runner.run_sync(agent, "x", timeout=60)
        outputs = [item.output for item in result.new_items if hasattr(item, "output")]
        print(outputs[:2], result.final_output)
        print(outputs[2])
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first == "['MainThread', 'MainThread'] done"
    assert "No event loop can be run for a coroutine: can't start new thread" in second


def test_where_no_thread_can_be_started_an_event_loop_is_not_left_waiting() -> None:
    program = """
        import asyncio, threading
        from agents_lite import *
        from agents_lite.testing import ScriptedModel

        async def stream():
            async for _ in Runner.run_streamed(agent, "x").stream_events():
                pass

        threading.stack_size(1 << 46)  # which no machine has
        agent = Agent("A", model=ScriptedModel([]))
        for work in (Runner.run(agent, "x"), stream()):
            try:
                asyncio.run(work)
            except UserError as error:
                print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
    why = "No thread can be started to work beside an event loop: can't start new thread"
    assert (done.stderr, done.stdout.splitlines()) == ("", [why, why])


def test_an_outcome_is_found_wherever_its_settling_was_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agents_lite.concurrency.workers.LOOK_SECONDS", 0.01)
    outcomes: list[Outcome[int]] = []
    found: list[Future[int]] = []

    def settle() -> None:
        outcomes[-1].set_result(3)

    def begin_waiting() -> None:
        outcomes.append(Outcome())
        found.append(run_in_thread(wait_for, outcomes[-1], Cancellation(), lambda: None))
        wait_until(lambda: bool(outcomes[-1]._callbacks))

    begin_waiting()
    for _kept in interrupts(settle, every=1):
        if not outcomes[-1].done():
            settle()
        begin_waiting()
    settle()
    assert {each.result(SOON) for each in found} == {3}
    assert len(found) > 5


def test_an_interrupted_start_of_a_thread_is_not_taken_for_the_lack_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Nobody(list[Any]):
        def pop(self, _place: Any = -1) -> Any:
            raise IndexError

    monkeypatch.setattr("agents_lite.concurrency.workers._idle", Nobody())
    places: list[int] = []

    def work() -> None:
        places.append(threading.get_ident())

    for _kept in interrupts(lambda: run_in_thread_or_here(work), every=1):
        pass
    assert len(places) > 5
    assert threading.get_ident() not in places
