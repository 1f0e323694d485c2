"""Several calls at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

from .cancellation import Cancellation, RunCancelled
from .workers import run_in_thread_or_here, wait_a_moment

T = TypeVar("T")


def as_they_end(
    futures: Iterable[Future[T]], limit: int | None, cancellation: Cancellation
) -> Iterator[tuple[int, Future[T]]]:
    """Yield each future and its place once it is done, the first one done first.

    A future is drawn, on the calling thread, when there is room for it. So what makes the futures
    starts the work, whatever does the work: `(executor.submit(call, each) for each in inputs)`,
    or `run_in_thread_or_here`. Leaving the iterator takes back what an executor has not begun.

    Args:
        futures: Each one begins when it is drawn.
        limit: How many may be under way at a time; None: all.
        cancellation: Ends the waiting, with its reason.
    """
    ended: SimpleQueue[int] = SimpleQueue()
    waiting = enumerate(futures)
    running: dict[int, Future[T]] = {}
    try:
        with cancellation.interrupting(lambda: ended.put(-1)):
            while True:
                cancellation.check()
                room = None if limit is None else limit - len(running)
                for place, future in islice(waiting, room):
                    running[place] = future
                    future.add_done_callback(partial(_put, ended, place))
                if not running:
                    return
                place = ended.get()
                cancellation.check()
                yield place, running.pop(place)
    finally:
        for future in running.values():
            future.cancel()


def run_in_threads(
    jobs: Iterable[tuple[str, Callable[[], T]]], limit: int | None, cancellation: Cancellation
) -> Iterator[tuple[int, T]]:
    """Run jobs side by side, each on a thread; yield each one's place and result as it ends.

    The jobs are drawn, one by one as they can start, on the calling thread. The first exception
    ends everything: `cancellation` is cancelled, and what still runs is waited for a moment.

    Args:
        jobs: What to call, each with the name of what it is, for warnings.
        limit: How many may run at a time; None: all.
        cancellation: Stops the jobs; it belongs to this call alone.
    """
    running: dict[int, tuple[str, Future[T]]] = {}

    def start() -> Iterator[Future[T]]:
        for place, (name, job) in enumerate(jobs):
            future = run_in_thread_or_here(job)
            running[place] = name, future
            yield future

    try:
        for place, future in as_they_end(start(), limit, cancellation):
            del running[place]
            yield place, future.result()
    finally:
        if running:
            cancellation.cancel(RunCancelled())
            wait_a_moment(running.values())


def _put(ended: SimpleQueue[int], place: int, _: Future[T]) -> None:
    ended.put(place)
