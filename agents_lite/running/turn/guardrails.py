"""Guardrails at work: before and beside the first model call, and on the final output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Self

from ...concurrency.cancellation import Cancellation, RunCancelled
from ...concurrency.parallel import run_in_threads
from ...concurrency.workers import run_in_thread, wait_a_moment, wait_for
from ...exceptions import (
    InputGuardrailTripwireTriggered,
    OutputGuardrailTripwireTriggered,
    UserError,
)
from ...guardrail import (
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailResult,
    OutputGuardrail,
    OutputGuardrailResult,
)
from ...tracing import guardrail_span
from ..facts import Checked

if TYPE_CHECKING:
    from ..live_run import LiveRun

_Check = tuple[int, Any]  # a guardrail and its place among the agent's and the run's


def check_input_first(run: LiveRun) -> None:
    """Run the input guardrails that are to pass before the model is called.

    Plain functions are called on this thread, one after the other; then coroutines, side by side.

    Raises:
        InputGuardrailTripwireTriggered: One of them has tripped.
    """
    first = [check for check in _input_checks(run) if not check[1].run_in_parallel]
    if not first:
        return
    for result in _verdicts(first, run, _check_input, is_here=_is_plain):
        _raise_if_tripped(result)


class InputChecks:
    """The input guardrails that work beside the first model call, each on a thread of its own.

    As soon as one trips or fails, the model call and the other guardrails are stopped.
    """

    def __init__(self, run: LiveRun) -> None:
        self._run = run
        self._scope = run.cancellation
        self._running: list[tuple[int, str, Future[InputGuardrailResult]]] = []

    def __enter__(self) -> Self:
        """Start them."""
        checks = [check for check in _input_checks(self._run) if check[1].run_in_parallel]
        if checks:
            self._scope = Cancellation(self._run.cancellation)
            for index, guardrail in checks:
                future = run_in_thread(_check_input, guardrail, self._run, self._scope)
                future.add_done_callback(self._stop_if_bad)
                self._running.append((index, f"Guardrail {guardrail.get_name()}", future))
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        """Leave none at work. One that has tripped counts more than what failed beside it."""
        tripped = self._close()
        if tripped is not None and isinstance(error, Exception):
            _raise_if_tripped(tripped)

    @property
    def cancellation(self) -> Cancellation:
        """What the model call is stopped by: the guardrails too, as long as they are at work."""
        return self._scope if self._running else self._run.cancellation

    def verdict(self) -> None:
        """Wait for the guardrails.

        Raises:
            InputGuardrailTripwireTriggered: One of them has tripped.
        """
        for _, _, future in self._running:
            _raise_if_tripped(wait_for(future, self._scope))
        self._close()

    def _close(self) -> InputGuardrailResult | None:
        """Stop those at work, wait a moment for them, and note the verdicts.

        Returns:
            The first that tripped, or None.
        """
        running, self._running = self._running, []
        if not running:
            return None
        with self._scope:
            if not all(future.done() for _, _, future in running):
                self._scope.cancel(RunCancelled())
                wait_a_moment([(name, future) for _, name, future in running])
        tripped = None
        for index, _, future in running:
            if future.done() and future.exception() is None:
                result = future.result()
                self._run.record.add(Checked(index, result))
                if tripped is None and result.output.tripwire_triggered:
                    tripped = result
        return tripped

    def _stop_if_bad(self, future: Future[InputGuardrailResult]) -> None:
        error = future.exception()
        if error is None and future.result().output.tripwire_triggered:
            error = InputGuardrailTripwireTriggered(future.result())
        if error is not None:
            self._scope.cancel(error)


def check_output(output: Any, run: LiveRun) -> None:
    """Run the output guardrails: one alone on this thread, several side by side.

    Raises:
        OutputGuardrailTripwireTriggered: One of them has tripped.
    """
    checks = _unchecked(
        [*run.agent.output_guardrails, *run.config.output_guardrails], OutputGuardrailResult, run
    )
    if not checks:
        return
    is_alone = len(checks) == 1
    check = partial(_check_output, output)
    for result in _verdicts(checks, run, check, is_here=lambda _: is_alone):
        if result.output.tripwire_triggered:
            raise OutputGuardrailTripwireTriggered(result)


def _input_checks(run: LiveRun) -> list[_Check]:
    if run.record.turn > 1:
        return []
    guardrails = [*run.record.starting_agent.input_guardrails, *run.config.input_guardrails]
    return _unchecked(guardrails, InputGuardrailResult, run)


def _unchecked(guardrails: list[Any], kind: type, run: LiveRun) -> list[_Check]:
    """Guardrails that have not let the run pass yet, with their places."""
    return [
        (index, guardrail)
        for index, guardrail in enumerate(guardrails)
        if not run.record.is_checked(kind, index)
    ]


def _verdicts(
    checks: list[_Check],
    run: LiveRun,
    check: Callable[..., Any],
    is_here: Callable[[Any], bool],
) -> Iterator[Any]:
    """Results as they come, each noted; some guardrails are to run on this thread."""
    here = [each for each in checks if is_here(each[1])]
    beside = [each for each in checks if each not in here]
    with Cancellation(run.cancellation) as scope:
        jobs = [
            (f"Guardrail {guardrail.get_name()}", partial(check, guardrail, run, scope))
            for _, guardrail in beside
        ]
        for index, guardrail in here:
            yield _noted(index, check(guardrail, run, scope), run)
        for place, result in run_in_threads(jobs, None, scope):
            yield _noted(beside[place][0], result, run)


def _noted(index: int, result: Any, run: LiveRun) -> Any:
    run.record.add(Checked(index, result))
    return result


def _is_plain(guardrail: InputGuardrail[Any]) -> bool:
    return not iscoroutinefunction(guardrail.guardrail_function)


def _raise_if_tripped(result: InputGuardrailResult) -> None:
    if result.output.tripwire_triggered:
        raise InputGuardrailTripwireTriggered(result)


def _check_input(
    guardrail: InputGuardrail[Any], run: LiveRun, cancellation: Cancellation
) -> InputGuardrailResult:
    prepared = run.record.conversation.prepared
    return InputGuardrailResult(guardrail, _ask(guardrail, prepared, run, cancellation))


def _check_output(
    output: Any, guardrail: OutputGuardrail[Any], run: LiveRun, cancellation: Cancellation
) -> OutputGuardrailResult:
    verdict = _ask(guardrail, output, run, cancellation)
    return OutputGuardrailResult(guardrail, output, run.agent, verdict)


def _ask(
    guardrail: InputGuardrail[Any] | OutputGuardrail[Any],
    checked: Any,
    run: LiveRun,
    cancellation: Cancellation,
) -> GuardrailFunctionOutput:
    """A guardrail's verdict, inside its span."""
    with guardrail_span(guardrail.get_name()) as span:
        function = guardrail.guardrail_function
        verdict = run.callbacks.call(cancellation, function, run.context, run.agent, checked)
        if not isinstance(verdict, GuardrailFunctionOutput):
            raise UserError(
                f"Guardrail {guardrail.get_name()} must return GuardrailFunctionOutput, "
                f"got {verdict!r}"
            )
        span.span_data.triggered = verdict.tripwire_triggered
        return verdict
