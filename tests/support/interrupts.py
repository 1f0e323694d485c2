"""For tests that interrupt this process at any instruction."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from collections.abc import Callable, Iterator
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


class Interrupted(KeyboardInterrupt):
    """Raised in the middle of something."""


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
        work: What is done, on this thread.
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
    sys.setprofile(counter)
    try:
        work()
        return None
    except Interrupted as error:
        return error
    except RuntimeError as error:
        if str(error) != "release unlocked lock":  # so ends an interrupted `Condition.wait`
            raise
        return error
    finally:
        sys.setprofile(None)
