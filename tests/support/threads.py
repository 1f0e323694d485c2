"""Whether work has left threads behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.waiting import PATIENCE


@contextmanager
def no_thread_left() -> Iterator[None]:
    """The block's threads end with it, those of test servers aside."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + PATIENCE
    while left := [each for each in _ours() if each not in before]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.01)


def _ours() -> list[threading.Thread]:
    """All but those of test servers, and of the loop that async functions of all runs share."""
    others = ("loopback", "agents_lite loop", "asyncio_")
    return [each for each in threading.enumerate() if not each.name.startswith(others)]
