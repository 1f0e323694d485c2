"""How much memory something leaves behind."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

MOST_BYTES = 40_000
"""What caches may come to; two hundred times an object that is left behind is more."""


def grown_bytes(work: Callable[[int], object], times: int = 200) -> int:
    """How many bytes Python's objects have grown by, once something was done so many times."""

    def kept() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        for number in range(20):
            work(number)
        before = kept()
        for number in range(times):
            work(number)
        return kept() - before
    finally:
        tracemalloc.stop()
