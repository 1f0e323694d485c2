"""Many runs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..concurrency.cancellation import Cancellation
from ..concurrency.generators import drain
from ..concurrency.parallel import run_in_threads
from ..exceptions import UserError
from ..result import RunResult
from .start import RunOptions, start_run

if TYPE_CHECKING:
    from ..items import TResponseInputItem


@dataclass(frozen=True)
class RunOutcome:
    """What became of one of many runs: its result, or the exception that ended it."""

    index: int
    """The place of its input, from 0."""
    input: str | list[TResponseInputItem]
    """Its input."""
    result: RunResult | None = None
    """Its result, or None when it failed."""
    error: Exception | None = None
    """Its exception, or None when it went well."""

    def unwrap(self) -> RunResult:
        """The result.

        Raises:
            Exception: The one that ended the run.
        """
        if self.result is None:
            raise self.error or UserError("An outcome has either a result or an error")
        return self.result


def run_many(
    agent: Agent[Any],
    inputs: Iterable[str | list[TResponseInputItem]],
    max_workers: int,
    executor: Executor | None,
    on_result: Callable[[RunOutcome], object] | None,
    options: RunOptions[Any],
) -> Iterator[RunOutcome]:
    """Outcomes as they come; see `Runner.run_many`."""
    if max_workers < 1:
        raise UserError(f"max_workers must be at least 1, got {max_workers}")
    if executor is None:
        outcomes = _in_threads(agent, inputs, max_workers, options)
    else:
        outcomes = _in_executor(executor, agent, inputs, max_workers, options)
    for outcome in outcomes:
        if on_result is not None:
            on_result(outcome)
        yield outcome


def _in_threads(
    agent: Agent[Any], inputs: Iterable[Any], max_workers: int, options: RunOptions[Any]
) -> Iterator[RunOutcome]:
    scope = Cancellation()
    jobs = (
        (f"Run {index}", partial(_run_one, agent, index, input, options, scope))
        for index, input in enumerate(inputs)
    )
    for _, outcome in run_in_threads(jobs, max_workers, scope):
        yield outcome


def _in_executor(
    executor: Executor,
    agent: Agent[Any],
    inputs: Iterable[Any],
    max_workers: int,
    options: RunOptions[Any],
) -> Iterator[RunOutcome]:
    waiting = enumerate(inputs)
    running: dict[Future[RunOutcome], tuple[int, Any]] = {}
    try:
        while True:
            while len(running) < max_workers and (job := next(waiting, None)) is not None:
                running[_submit(executor, agent, *job, options)] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                error = future.exception()
                if isinstance(error, Exception):  # of the executor: a worker died, for example
                    yield RunOutcome(*job, error=error)
                else:
                    yield future.result()
    finally:
        for future in running:
            future.cancel()


def _submit(executor: Executor, *args: Any) -> Future[RunOutcome]:
    try:
        return executor.submit(_run_one, *args)
    except BrokenExecutor as error:  # a worker died, and took its pool with it
        future: Future[RunOutcome] = Future()
        future.set_exception(error)
        return future


def _run_one(
    agent: Agent[Any],
    index: int,
    input: Any,
    options: RunOptions[Any],
    scope: Cancellation | None = None,
) -> RunOutcome:
    try:
        events = start_run(agent, input, streamed=False, parent=scope, **options)[1]
        return RunOutcome(index, input, result=drain(events))
    except Exception as error:
        return RunOutcome(index, input, error=error)
