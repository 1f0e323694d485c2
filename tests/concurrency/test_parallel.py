from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from agents_lite.concurrency.cancellation import Cancellation, RunCancelled
from agents_lite.concurrency.parallel import as_they_end, run_in_threads
from agents_lite.concurrency.workers import run_in_thread

LONG = 60


class Stop(BaseException):
    pass


def jobs(*functions: Callable[[], object]) -> list[tuple[str, Callable[[], object]]]:
    return [(f"Job {place}", function) for place, function in enumerate(functions)]


def test_results_come_as_jobs_end_with_their_places():
    first_is_out = threading.Event()

    def slow() -> str:
        first_is_out.wait(LONG)
        return "slow"

    results = []
    for place, result in run_in_threads(jobs(slow, lambda: "fast"), None, Cancellation()):
        results.append((place, result))
        first_is_out.set()

    assert results == [(1, "fast"), (0, "slow")]


def test_without_a_limit_all_jobs_run_at_once():
    together = threading.Barrier(20)

    def meet() -> int:
        return together.wait(LONG)

    results = dict(run_in_threads(jobs(*[meet] * 20), None, Cancellation()))

    assert sorted(results.values()) == list(range(20))


def test_no_more_than_the_limit_run_at_a_time_and_jobs_are_drawn_as_they_can_start():
    at_work: list[int] = []
    most: list[int] = []
    drawn: list[int] = []

    def work() -> None:
        at_work.append(1)
        most.append(len(at_work))
        at_work.pop()

    def draw() -> Iterator[tuple[str, Callable[[], None]]]:
        for place in range(100):
            drawn.append(place)
            yield "Job", work

    for ended, _ in enumerate(run_in_threads(draw(), 3, Cancellation())):
        assert len(drawn) <= ended + 3
    assert max(most) <= 3
    assert len(drawn) == 100


def test_no_jobs_have_no_results():
    assert list(run_in_threads([], 3, Cancellation())) == []


def test_the_first_failure_stops_the_others_and_is_raised():
    cancellation = Cancellation()

    def fail() -> None:
        raise Stop

    def stay() -> None:
        cancellation.wait(LONG)

    with pytest.raises(Stop):
        list(run_in_threads(jobs(stay, fail, stay), None, cancellation))
    assert isinstance(cancellation.reason, RunCancelled)


def test_cancelling_ends_the_waiting_with_its_reason():
    cancellation = Cancellation()

    def stay() -> None:
        cancellation.wait(LONG)

    threading.Timer(0.01, cancellation.cancel, [Stop()]).start()
    with pytest.raises(Stop):
        list(run_in_threads(jobs(stay, stay), None, cancellation))


def test_leaving_early_stops_what_runs():
    cancellation = Cancellation()
    stopped = threading.Event()

    def stay() -> None:
        try:
            cancellation.wait(LONG)
        finally:
            stopped.set()

    results = run_in_threads(jobs(lambda: None, stay), None, cancellation)
    next(results)
    results.close()

    assert stopped.wait(LONG)


def test_a_failure_in_drawing_stops_what_runs():
    cancellation = Cancellation()

    def draw() -> Iterator[tuple[str, Callable[[], None]]]:
        yield "Job", lambda: cancellation.wait(LONG)
        raise Stop

    with pytest.raises(Stop):
        list(run_in_threads(draw(), None, cancellation))
    assert isinstance(cancellation.reason, RunCancelled)


def test_futures_of_any_executor_can_be_waited_for():
    with ThreadPoolExecutor(2) as threads:
        futures = (threads.submit(pow, each, 2) for each in range(9))
        squares = {at: future.result() for at, future in as_they_end(futures, 4, Cancellation())}
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        futures = (processes.submit(pow, each, 2) for each in range(9))
        same = {at: future.result() for at, future in as_they_end(futures, 4, Cancellation())}

    assert squares == same == {each: each**2 for each in range(9)}


def test_a_future_that_failed_is_given_as_others_are():
    futures = [run_in_thread(int, "no number")]
    [(place, future)] = as_they_end(futures, None, Cancellation())

    assert place == 0
    assert isinstance(future.exception(), ValueError)


def test_leaving_takes_back_what_an_executor_has_not_begun():
    may_end = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        futures: list[Future[object]] = [executor.submit(int)]
        futures += [executor.submit(may_end.wait, LONG) for _ in range(3)]
        ended = as_they_end(futures, None, Cancellation())
        assert next(ended)[0] == 0
        while not futures[1].running():
            pass
        ended.close()
        may_end.set()

    assert [each.cancelled() for each in futures] == [False, False, True, True]
