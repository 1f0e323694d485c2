"""For tests that interrupt this process at any instruction."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

import pytest

from agents_lite.concurrency.calling import Callbacks
from agents_lite.concurrency.cancellation import Cancellation


@pytest.fixture
def cut_off_silently(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What was cut off warns of itself in this test and to nobody.

    The hook of pytest that hears such warnings must not be interrupted either.
    """
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of coroutines that were not begun
        yield
        Callbacks().call(Cancellation(), asyncio.sleep, 0)  # the loop is done with what was before
        gc.collect()


class Interrupted(KeyboardInterrupt):  # asyncio swallows others inside its callbacks
    """Raised in the middle of something."""


@contextmanager
def _interruptible() -> Iterator[list[BaseException]]:
    """A block that may be interrupted, and the list that holds what it raised then."""
    raised: list[BaseException] = []
    try:
        yield raised
    except Interrupted as error:
        raised.append(error)
    except RuntimeError as error:
        if str(error) != "release unlocked lock":  # so ends an interrupted `Condition.wait`
            raise
        raised.append(error)


class _Counter:
    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def __call__(self, frame: Any, event: str, value: Any) -> None:
        if event in ("c_return", "call"):
            self.count += 1
            if self.count == self._last:
                sys.setprofile(None)
                raise Interrupted


def interrupts(work: Callable[[], object], every: int) -> Iterator[BaseException | None]:
    """Do some work again and again, interrupted at the first point, at one further on, and so on.

    Args:
        work: What is done, on this thread, in a context of its own.
        every: How many points are passed over from one time to the next.

    Yields:
        What it raised, after each time, to be kept as a console keeps what was raised last.
    """
    work()
    points = _Counter(-1)
    _profiled(points, work)
    for point in range(1, points.count, every):
        yield _profiled(_Counter(point), work)


def _profiled(counter: _Counter, work: Callable[[], object]) -> BaseException | None:
    with _interruptible() as raised:
        sys.setprofile(counter)
        try:
            copy_context().run(work)
        finally:
            sys.setprofile(None)
    return raised[0] if raised else None


def times_interrupted(work: Callable[[], object], moments: Iterable[float]) -> int:
    """How many times of all some work was interrupted by a timer.

    Args:
        work: What is done each time, on the main thread, in a context of its own.
        moments: When each time is interrupted, if it has not ended by then, in seconds.
    """

    def interrupt(*_: Any) -> None:
        raise Interrupted

    count = 0
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for moment in moments:
            with _interruptible() as raised:
                signal.setitimer(signal.ITIMER_REAL, moment)
                copy_context().run(work)
                signal.setitimer(signal.ITIMER_REAL, 0)
                time.sleep(0)  # for an interrupt that is on its way
            count += len(raised)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return count
