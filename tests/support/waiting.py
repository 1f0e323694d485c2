"""Waiting for what other threads and processes do, for as long as a busy machine may need."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agents_lite.concurrency.timers import call_at

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds that nothing takes, unless it is held up."""
SOON = 50.0
"""Seconds within which a busy machine, too, is done with what is not held up."""
LIMIT = 5000.0
"""Seconds that are over when a test says so, see `time_is_up_once`."""
_STILL_SECONDS = 0.03


def wait_until(is_so: Callable[[], T]) -> T:
    """Return what is true, once it is; fail when it stays otherwise."""
    deadline = time.monotonic() + PATIENCE
    while not (found := is_so()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
    return found


async def cancel_once(begun: threading.Event, work: Coroutine[Any, Any, Any]) -> None:
    """Cancel a task of such work as soon as it has begun; fail where it ends otherwise."""
    task = asyncio.create_task(work)
    while not begun.is_set():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@contextmanager
def time_is_up_once(is_so: Callable[[], object]) -> Iterator[threading.Event]:
    """For a `with` block, what has `LIMIT` seconds has none left once something is so.

    Gives an event, set when the time is up.
    """

    def end() -> None:
        wait_until(lambda: is_so() or is_over.is_set())
        far = time.monotonic() + LIMIT / 2
        for watch in list(call_at.__self__._watches):  # type: ignore[attr-defined]
            if watch.deadline > far:
                watch.fire()
        is_up.set()

    is_over, is_up = threading.Event(), threading.Event()
    clock = threading.Thread(target=end, name="loopback clock")
    clock.start()
    try:
        yield is_up
    finally:
        is_over.set()
        clock.join()


def wait_until_asleep(thread_id: int | None) -> None:
    """Return once a thread (a process's id is its first thread's) sleeps, and goes on sleeping.

    Python notices a signal between two steps and while it waits, but not in the moment before it
    begins to wait. A thread that a busy machine keeps from running is not asleep.
    """
    slept, since = _sleep_of(thread_id), time.monotonic()

    def is_still() -> bool:
        nonlocal slept, since
        now = _sleep_of(thread_id)
        if now is None or now != slept:
            slept, since = now, time.monotonic()
        return time.monotonic() - since > _STILL_SECONDS

    wait_until(is_still)


def _sleep_of(thread_id: int) -> str | None:
    """Which of its sleeps the thread is in, or None when it is awake."""
    status = Path(f"/proc/{thread_id}/status")
    if not status.parent.parent.joinpath("self").exists():  # not on Linux
        return ""
    facts = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
    return facts["voluntary_ctxt_switches"] if facts["State"].startswith("S") else None
