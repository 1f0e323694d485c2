"""Guardrails at work: before and beside the first model call, and on the final output."""

from __future__ import annotations

from concurrent.futures import Future, wait
from functools import partial
from typing import TYPE_CHECKING, Any

from ..callbacks import GRACE_SECONDS, wait_for_future
from ..cancellation import Cancellation, RunCancelled
from ..exceptions import (
    InputGuardrailTripwireTriggered,
    OutputGuardrailTripwireTriggered,
    UserError,
)
from ..guardrail import (
    GuardrailFunctionOutput,
    InputGuardrail,
    InputGuardrailResult,
    OutputGuardrail,
    OutputGuardrailResult,
)
from ..parallel import run_in_threads
from ..tracing import guardrail_span
from ..workers import run_in_thread

if TYPE_CHECKING:
    from ..run_state import RunState


class InputChecks:
    """A run's input guardrails: those that must pass first, and those beside the model call.

    Attributes:
        cancellation: Stops the model call, and the guardrails still at work, as soon as one of
            them trips or fails. Once they have passed it is the run's own.
    """

    def __init__(self, state: RunState) -> None:
        """Run the guardrails that must pass first, and start the others on threads.

        Raises:
            InputGuardrailTripwireTriggered: One of the first has tripped.
        """
        self._state = state
        self.cancellation = Cancellation(state.cancellation)
        guardrails = [*state.agent.input_guardrails, *state.config.input_guardrails]
        for guardrail in guardrails:
            if not guardrail.run_in_parallel:
                self._take(_check_input(guardrail, state, state.cancellation))
        self._futures = [self._start(each) for each in guardrails if each.run_in_parallel]

    def verdict(self) -> None:
        """Wait for the guardrails beside the model call.

        Raises:
            InputGuardrailTripwireTriggered: One of them has tripped.
        """
        for future in self._futures:
            wait_for_future(future, self.cancellation, "A guardrail")
        self.close()

    def close(self) -> None:
        """Leave no guardrail at work: stop those that are, and wait a moment for them."""
        futures, self._futures = self._futures, []
        if not all(future.done() for future in futures):
            self.cancellation.cancel(RunCancelled())
            wait(futures, GRACE_SECONDS)
        for future in futures:
            if future.done() and future.exception() is None:
                self._state.input_guardrail_results.append(future.result())
        self.cancellation.detach()
        self.cancellation = self._state.cancellation

    def _start(self, guardrail: InputGuardrail[Any]) -> Future[InputGuardrailResult]:
        future = run_in_thread(self._check, guardrail)
        future.add_done_callback(self._stop_on_failure)
        return future

    def _check(self, guardrail: InputGuardrail[Any]) -> InputGuardrailResult:
        result = _check_input(guardrail, self._state, self.cancellation)
        if result.output.tripwire_triggered:
            raise InputGuardrailTripwireTriggered(result)
        return result

    def _stop_on_failure(self, future: Future[InputGuardrailResult]) -> None:
        error = future.exception()
        if error is not None:
            self.cancellation.cancel(error)

    def _take(self, result: InputGuardrailResult) -> None:
        self._state.input_guardrail_results.append(result)
        if result.output.tripwire_triggered:
            raise InputGuardrailTripwireTriggered(result)


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
