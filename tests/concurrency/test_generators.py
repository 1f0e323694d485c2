from __future__ import annotations

from collections.abc import Generator
from contextvars import ContextVar, copy_context
from inspect import GEN_CLOSED, GEN_CREATED, getgeneratorstate

import pytest

from agents_lite.concurrency.generators import Burst, drain, step_in_context
from agents_lite.concurrency.workers import run_in_thread
from tests.support.interrupts import interrupts

current = ContextVar("current", default="outside")
LONG = 60


def steps(seen: list[str]) -> Generator[int, None, str]:
    token = current.set("inside")
    try:
        for each in range(3):
            seen.append(current.get())
            yield each
        return "result"
    finally:
        current.reset(token)
        seen.append("closed")


def test_steps_share_a_context_that_does_not_leak_between_them():
    seen: list[str] = []
    events = step_in_context(steps(seen), copy_context())

    assert [(event, current.get()) for event in events] == [(n, "outside") for n in range(3)]
    assert seen == ["inside"] * 3 + ["closed"]


def test_the_events_of_a_burst_are_given_one_by_one():
    def bursts() -> Generator[int | Burst[int], None, None]:
        yield 1
        yield Burst(iter([2, 3]))
        yield 4

    assert list(step_in_context(bursts(), copy_context())) == [1, 2, 3, 4]


def test_the_result_is_passed_on():
    assert drain(step_in_context(steps([]), copy_context())) == "result"


def test_it_can_be_stepped_and_closed_from_other_threads():
    seen: list[str] = []
    events = step_in_context(steps(seen), copy_context())
    next(events)

    assert run_in_thread(next, events).result(LONG) == 1
    run_in_thread(events.close).result(LONG)

    assert seen == ["inside", "inside", "closed"]


def test_what_a_step_raises_is_raised():
    def fail() -> Generator[int, None, None]:
        yield 1
        raise ValueError("second step")

    events = step_in_context(fail(), copy_context())
    assert next(events) == 1
    with pytest.raises(ValueError, match="second step"):
        drain(events)


def test_a_generator_whose_draining_is_interrupted_is_closed():
    begun = []

    def drain_another() -> None:
        begun.append(steps([]))
        drain(begun[-1])

    for _kept in interrupts(drain_another, every=1):
        pass
    assert all(getgeneratorstate(each) in (GEN_CREATED, GEN_CLOSED) for each in begun)
