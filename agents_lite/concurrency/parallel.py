"""Several calls at once, each on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from .cancellation import Cancellation, RunCancelled
from .workers import run_in_thread, wait_a_moment

T = TypeVar("T")


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
                cancellation.check()
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
            wait_a_moment(running.values())


def _put(finished: SimpleQueue[int], place: int, _: Future[T]) -> None:
    finished.put(place)
