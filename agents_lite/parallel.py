"""Several calls at once, each on a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from .callbacks import GRACE_SECONDS
from .cancellation import Cancellation, RunCancelled
from .workers import run_in_thread

T = TypeVar("T")

logger = logging.getLogger("agents_lite")


def run_in_threads(
    jobs: Iterable[tuple[str, Callable[[], T]]], limit: int | None, cancellation: Cancellation
) -> Iterator[tuple[int, T]]:
    """Run jobs side by side; yield each one's place and result as it finishes.

    The jobs are drawn, one by one as they can start, on the calling thread. The first exception
    ends everything: `cancellation` is cancelled, and what still runs is waited for a moment.

    Args:
        jobs: What to call, each with the name of what it is, for warnings.
        limit: How many may run at a time; None: all.
        cancellation: Stops the jobs; it belongs to this call alone.
    """
    finished: SimpleQueue[int] = SimpleQueue()
    running: dict[int, tuple[str, Future[T]]] = {}
    waiting = enumerate(jobs)
    exhausted = False
    try:
        with cancellation.interrupting(lambda: finished.put(-1)):
            while True:
                while not exhausted and (limit is None or len(running) < limit):
                    place, named_job = next(waiting, (-1, None))
                    if named_job is None:
                        exhausted = True
                    else:
                        name, job = named_job
                        future = run_in_thread(job)
                        running[place] = name, future
                        future.add_done_callback(partial(_put, finished, place))
                if not running:
                    return
                place = finished.get()
                cancellation.check()
                yield place, running.pop(place)[1].result()
    finally:
        if running:
            cancellation.cancel(RunCancelled())
            _wait_a_moment(running.values())


def _put(finished: SimpleQueue[int], place: int, _: Future[T]) -> None:
    finished.put(place)


def _wait_a_moment(running: Collection[tuple[str, Future[T]]]) -> None:
    wait([future for _, future in running], GRACE_SECONDS)
    for name, future in running:
        if not future.done():
            logger.warning("%s was told to stop and still goes on; it is not waited for.", name)
