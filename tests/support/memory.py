"""How much memory something leaves behind."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

MOST_BYTES = 110_000
"""What caches may come to, and 64 KB that a thread holds to read into, or does not hold just then;
six hundred times an object that is left behind is more."""


def grown_bytes(work: Callable[[int], object], times: int = 600) -> int:
    """How many bytes Python's objects have grown by, once something was done so many times."""

    def kept_after(number: int) -> int:
        work(number)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        for number in range(20):
            work(number)
        before = kept_after(0)
        for number in range(times):
            work(number)
        return kept_after(times) - before
    finally:
        tracemalloc.stop()
