"""Waiting for what other threads and processes do, for as long as a busy machine may need."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds that nothing takes, unless it is held up."""
SOON = 20.0
"""Seconds within which a busy machine, too, is done with what is not held up."""
_STILL_SECONDS = 0.03


def wait_until(is_so: Callable[[], T]) -> T:
    """Return what is true, once it is; fail when it stays otherwise."""
    deadline = time.monotonic() + PATIENCE
    while not (found := is_so()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
    return found


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
