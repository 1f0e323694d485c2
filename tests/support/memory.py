"""How much memory something leaves behind."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable

MOST_BYTES = 40_000
"""What caches may come to; two hundred times an object that is left behind is more."""


def grown_bytes(work: Callable[[int], object], times: int = 200) -> int:
    """How many bytes Python's objects have grown by, once something was done so many times.

    A thread that waits for what comes next holds 64 KB to read it into, which it may not have yet
    when work has just been done: what was there before is the most that was there a few times.
    """

    def kept_after(number: int) -> int:
        work(number)
        time.sleep(0.01)  # for other threads to come to where they wait
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        for number in range(12):
            work(number)
        before = max(map(kept_after, range(8)))
        for number in range(times):
            work(number)
        return kept_after(times) - before
    finally:
        tracemalloc.stop()
