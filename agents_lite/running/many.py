"""Many runs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
)
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..checks import check_count, check_kind, check_takes
from ..concurrency.cancellation import Cancellation, RunCancelled
from ..concurrency.generators import drain
from ..concurrency.parallel import as_they_end, run_in_threads
from ..exceptions import AgentsException, UserError, words_of
from ..result import RunResult
from ..run_config import as_run_config
from ..shown import repr_of
from ..taken_whole import TakenWhole
from . import stand_ins
from .start import RunOptions, check_options, new_run

if TYPE_CHECKING:
    from .run_state import RunState

__all__ = ["RunOutcome"]


@dataclass(frozen=True)
class RunOutcome(TakenWhole):
    """What became of one of many runs: its result, or the exception that ended it."""

    index: int
    """The place of its input, from 0."""
    input: str | Sequence[Mapping[str, Any]] | RunState
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
            if self.error is None:
                raise UserError("An outcome has either a result or an error")
            raise self.error
        return self.result


def run_many(
    agent: Agent[Any],
    inputs: Iterable[str | Sequence[Mapping[str, Any]] | RunState],
    max_workers: int,
    executor: Executor | None,
    on_result: Callable[[RunOutcome], object] | None,
    options: RunOptions[Any],
) -> Iterator[RunOutcome]:
    """Outcomes as they come; see `Runner.run_many`.

    Raises:
        UserError: An argument is of the wrong kind, or two do not go together.
    """
    check_count(max_workers, "max_workers", 1)
    is_iterable = isinstance(inputs, Iterable) or hasattr(inputs, "__getitem__")
    if isinstance(inputs, str) or not is_iterable:
        shown = repr_of(inputs)
        raise UserError(f"The inputs of many runs are a list, or any iterable, not {shown}")
    if on_result is not None:
        check_takes(on_result, "on_result", "an outcome")
    if executor is not None:
        check_kind(executor, Executor, "executor", "an Executor of concurrent.futures")
    config = as_run_config(options.get("run_config"))
    check_options(agent, {**options, "run_config": config})
    if config is not None and config.journal is not None and isinstance(config.run_id, str):
        raise UserError(
            f"Of many runs only one could be {config.run_id!r}: run_id must be a function of the "
            "input, or None"
        )
    if executor is None:
        outcomes = _in_threads(agent, inputs, max_workers, options)
    else:
        if not isinstance(executor, ThreadPoolExecutor):
            _check_reach()
            _check_portable(options)
        outcomes = _in_executor(executor, agent, inputs, max_workers, options)
    return _told_of(outcomes, on_result)


def _told_of(
    outcomes: Iterator[RunOutcome], on_result: Callable[[RunOutcome], object] | None
) -> Iterator[RunOutcome]:
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
    scope = Cancellation()
    in_threads = isinstance(executor, ThreadPoolExecutor)
    if not in_threads:
        _check_reach()  # the loop may stand elsewhere than the call
    running: dict[int, Any] = {}

    def submit() -> Iterator[Future[RunOutcome]]:
        for index, input in enumerate(inputs):
            running[index] = input
            run: Callable[..., RunOutcome] = _run_portably
            if in_threads:
                run = partial(copy_context().run, partial(_run_one, scope=scope))
            yield _submit(executor, run, agent, index, input, options)

    try:
        for index, future in as_they_end(submit(), max_workers, scope):
            input, error = running.pop(index), _error_of(future, index)
            if isinstance(error, Exception):  # of the executor: a worker died, for example
                yield RunOutcome(index, input, error=_explained(error, index))
            else:
                yield future.result()
    finally:
        scope.cancel(RunCancelled())


def _error_of(future: Future[RunOutcome], index: int) -> BaseException | None:
    if future.cancelled():  # as `shutdown(cancel_futures=True)` does
        return CancelledError(f"The executor has cancelled run {index} before it began")
    return future.exception()


def _explained(error: Exception, index: int) -> Exception:
    """Why the executor has made no run of an input."""
    if type(error).__name__ in ("PicklingError", "TypeError", "AttributeError"):
        words = f"Input {index} cannot go to another process, since it cannot be pickled: {error}"
        return UserError(words)
    return error


def _submit(executor: Executor, *args: Any) -> Future[RunOutcome]:
    try:
        return executor.submit(*args)
    except BrokenExecutor as error:  # a worker died, and took its pool with it
        future: Future[RunOutcome] = Future()
        future.set_exception(error)
        return future


def _run_portably(agent: Any, index: int, input: Any, options: RunOptions[Any]) -> RunOutcome:
    """A run in another process; what cannot come back from there is told in words."""
    try:
        outcome = _run_one(agent, index, input, options)
    except BaseException as error:  # `sys.exit` in a tool, for one, ends no other run
        outcome = RunOutcome(index, input, error=_told(error))
    try:
        ForkingPickler.loads(ForkingPickler.dumps(outcome))  # as the other side will
        return outcome
    except Exception as failure:
        if outcome.error is not None:
            return replace(outcome, error=_told(outcome.error))
        words = f"The result of run {index} cannot come back from its process: {failure}"
        return replace(outcome, result=None, error=UserError(words))


def _told(error: BaseException) -> AgentsException:
    return AgentsException(f"{type(error).__name__}: {words_of(error)}")


def _check_reach() -> None:
    if stand_ins.current() is not None:
        raise UserError("A cassette does not reach the processes of an executor; use threads")


def _check_portable(options: RunOptions[Any]) -> None:
    for name, value in options.items():
        try:
            ForkingPickler.dumps(value)
        except Exception as error:
            raise UserError(
                f"The {name} of these runs cannot go to another process, since it cannot be "
                f"pickled: {error}"
            ) from error


def _run_one(
    agent: Agent[Any],
    index: int,
    input: Any,
    options: RunOptions[Any],
    scope: Cancellation | None = None,
) -> RunOutcome:
    try:
        run = new_run(agent, input, options, streamed=False, parent=scope)
        return RunOutcome(index, input, result=drain(run.events))
    except Exception as error:
        return RunOutcome(index, input, error=error)
