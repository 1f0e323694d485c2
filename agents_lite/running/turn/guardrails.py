"""Guardrails at work: before and beside the first model call, and on the final output."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from ..run_state import RunState


def check_input_first(state: RunState) -> None:
    """Run the input guardrails that are to pass before the model is called, on this thread.

    Raises:
        InputGuardrailTripwireTriggered: One of them has tripped.
    """
    for guardrail in _input_guardrails(state):
        if not guardrail.run_in_parallel:
            result = _check_input(guardrail, state, state.cancellation)
            state.input_guardrail_results.append(result)
            _raise_if_tripped(result)


class InputChecks:
    """The input guardrails that work beside the first model call, each on a thread of its own.

    As soon as one trips or fails, the model call and the other guardrails are stopped.
    """

    def __init__(self, state: RunState) -> None:
        """Start them."""
        self._state = state
        self._scope = Cancellation(state.cancellation)
        self._running = [
            (f"Guardrail {guardrail.get_name()}", self._start(guardrail))
            for guardrail in _input_guardrails(state)
            if guardrail.run_in_parallel
        ]

    @property
    def cancellation(self) -> Cancellation:
        """What the model call is stopped by: the guardrails too, as long as they are at work."""
        return self._scope if self._running else self._state.cancellation

    def verdict(self) -> None:
        """Wait for the guardrails.

        Raises:
            InputGuardrailTripwireTriggered: One of them has tripped.
        """
        for _, future in self._running:
            wait_for(future, self._scope)
        self.close()

    def close(self) -> None:
        """Leave none at work: stop those that are, and wait a moment for them."""
        running, self._running = self._running, []
        if not all(future.done() for _, future in running):
            self._scope.cancel(RunCancelled())
            wait_a_moment(running)
        self._scope.detach()
        for _, future in running:
            result = _result_of(future)
            if result is not None:
                self._state.input_guardrail_results.append(result)

    def _start(self, guardrail: InputGuardrail[Any]) -> Future[InputGuardrailResult]:
        future = run_in_thread(self._check, guardrail)
        future.add_done_callback(self._stop_on_failure)
        return future

    def _check(self, guardrail: InputGuardrail[Any]) -> InputGuardrailResult:
        return _raise_if_tripped(_check_input(guardrail, self._state, self._scope))

    def _stop_on_failure(self, future: Future[InputGuardrailResult]) -> None:
        error = future.exception()
        if error is not None:
            self._scope.cancel(error)


def _input_guardrails(state: RunState) -> list[InputGuardrail[Any]]:
    return [*state.agent.input_guardrails, *state.config.input_guardrails]


def _raise_if_tripped(result: InputGuardrailResult) -> InputGuardrailResult:
    if result.output.tripwire_triggered:
        raise InputGuardrailTripwireTriggered(result)
    return result


def _result_of(future: Future[InputGuardrailResult]) -> InputGuardrailResult | None:
    """The verdict a guardrail has come to, or None where it failed or is still at work."""
    if not future.done():
        return None
    error = future.exception()
    if isinstance(error, InputGuardrailTripwireTriggered):
        return error.guardrail_result
    return future.result() if error is None else None


def check_output(output: Any, state: RunState) -> None:
    """Run the output guardrails: one alone on this thread, several side by side.

    Raises:
        OutputGuardrailTripwireTriggered: One of them has tripped.
    """
    guardrails = [*state.agent.output_guardrails, *state.config.output_guardrails]
    scope = Cancellation(state.cancellation)
    try:
        if len(guardrails) == 1:
            result = _check_output(guardrails[0], output, state, scope)
            state.output_guardrail_results.append(result)
            return
        jobs = [
            (f"Guardrail {each.get_name()}", partial(_check_output, each, output, state, scope))
            for each in guardrails
        ]
        results = dict(run_in_threads(jobs, None, scope))
        state.output_guardrail_results.extend(results[place] for place in sorted(results))
    finally:
        scope.detach()


def _check_input(
    guardrail: InputGuardrail[Any], state: RunState, cancellation: Cancellation
) -> InputGuardrailResult:
    output = _ask(guardrail, state.prepared_input, state, cancellation)
    return InputGuardrailResult(guardrail, output)


def _check_output(
    guardrail: OutputGuardrail[Any], output: Any, state: RunState, cancellation: Cancellation
) -> OutputGuardrailResult:
    verdict = _ask(guardrail, output, state, cancellation)
    result = OutputGuardrailResult(guardrail, output, state.agent, verdict)
    if verdict.tripwire_triggered:
        state.output_guardrail_results.append(result)
        raise OutputGuardrailTripwireTriggered(result)
    return result


def _ask(
    guardrail: InputGuardrail[Any] | OutputGuardrail[Any],
    checked: Any,
    state: RunState,
    cancellation: Cancellation,
) -> GuardrailFunctionOutput:
    """A guardrail's verdict, inside its span."""
    with guardrail_span(guardrail.get_name()) as span:
        function = guardrail.guardrail_function
        verdict = state.callbacks.call(
            cancellation, function, state.context_wrapper, state.agent, checked
        )
        if not isinstance(verdict, GuardrailFunctionOutput):
            raise UserError(
                f"Guardrail {guardrail.get_name()} must return GuardrailFunctionOutput, "
                f"got {verdict!r}"
            )
        span.span_data.triggered = verdict.tripwire_triggered
        return verdict
