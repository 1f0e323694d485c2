"""Guardrails at work: before and beside the first model call, and on the final output."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial, wraps
from inspect import iscoroutinefunction
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from ...concurrency.cancellation import Cancellation, RunCancelled
from ...concurrency.workers import GRACE_SECONDS, run_in_thread_or_here, wait_a_moment, wait_for
from ...exceptions import (
    InputGuardrailTripwireTriggered,
    OutputGuardrailTripwireTriggered,
    UserError,
)
from ...shown import repr_of
from ...tracing import guardrail_span
from ..facts import Checked

if TYPE_CHECKING:
    from ...guardrail import (
        GuardrailFunctionOutput,
        InputGuardrail,
        InputGuardrailResult,
        OutputGuardrail,
        OutputGuardrailResult,
    )
    from ..live_run import LiveRun

_Check = tuple[int, Any]  # a guardrail and its place among the agent's and the run's
_Begin = Callable[[], object]


def check_input_first(run: LiveRun) -> None:
    """Run the input guardrails that are to pass before the model is called.

    Plain functions are called on this thread, one after the other; then coroutines, side by side.

    Raises:
        InputGuardrailTripwireTriggered: One of them has tripped.
    """
    first = [check for check in _of_input(run) if not check[1].run_in_parallel]
    coroutines = [check for check in first if iscoroutinefunction(check[1].guardrail_function)]
    _check_here([check for check in first if check not in coroutines], run, _check_input)
    with SideBySide(coroutines, run, _check_input) as checks:
        checks.verdict()


def input_checks(run: LiveRun) -> SideBySide:
    """The input guardrails that work beside the first model call."""
    beside = [check for check in _of_input(run) if check[1].run_in_parallel]
    return SideBySide(beside, run, _check_input)


def check_output(output: Any, run: LiveRun) -> None:
    """Run the output guardrails: one alone on this thread, several side by side.

    Raises:
        OutputGuardrailTripwireTriggered: One of them has tripped.
    """
    checks = _unchecked(
        [*run.agent.output_guardrails, *run.config.output_guardrails], "output_guardrail", run
    )
    check = partial(_check_output, output)
    if len(checks) < 2:
        _check_here(checks, run, check)
        return
    with SideBySide(checks, run, check) as beside:
        beside.verdict()


class SideBySide:
    """Guardrails at work, each on a thread of its own.

    As soon as one trips or fails, the others are stopped, and what works beside them. One that was
    started is told of nevertheless if its verdict takes no waiting.
    """

    def __init__(self, checks: list[_Check], run: LiveRun, check: Callable[..., Any]) -> None:
        """Say what is to be checked: `check` is called with a guardrail, the run and a scope."""
        self._run = run
        self._checks = checks
        self._check = check
        self._running: tuple[tuple[int, str, Future[Any]], ...] = ()

    def __enter__(self) -> Self:
        """Start them."""
        if not self._checks:
            return self
        self._scope = Cancellation(self._run.cancellation)
        self._scope_of_checks = Cancellation(self._run.cancellation)
        self._signs: SimpleQueue[int] = SimpleQueue()  # of those that have begun, or ended
        for index, guardrail in self._checks:
            begin = partial(self._signs.put, index)
            future = run_in_thread_or_here(
                self._check, guardrail, self._run, self._scope_of_checks, begin
            )
            future.add_done_callback(self._stop_if_bad)
            future.add_done_callback(lambda _, begin=begin: begin())  # type: ignore[misc]
            self._running += ((index, f"Guardrail {guardrail.get_name()}", future),)
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        """Leave none at work. One that has tripped counts more than what failed beside it."""
        tripwire = self._close()
        if tripwire is not None and isinstance(error, Exception) and not _is_tripwire(error):
            raise tripwire

    @property
    def cancellation(self) -> Cancellation:
        """What the model call is stopped by: the guardrails too, as long as they are at work."""
        return self._scope if self._running else self._run.cancellation

    def verdict(self) -> None:
        """Wait for the guardrails.

        Raises:
            InputGuardrailTripwireTriggered: One of them has tripped.
            OutputGuardrailTripwireTriggered: The same, of an output.
        """
        for _, _, future in self._running:
            wait_for(future, self._scope)
            self._scope.check()  # which it may have stopped
        self._close()

    def _close(self) -> Exception | None:
        """Stop those at work, wait a moment for them, and note the verdicts.

        Returns:
            The error for the first that tripped, or None.
        """
        running, self._running = self._running, ()
        if not running:
            return None
        with self._scope, self._scope_of_checks:
            if not all(future.done() for _, _, future in running):
                if _is_tripwire(self._scope.reason):
                    self._wait_until_begun()
                self._scope.cancel(RunCancelled())
                self._scope_of_checks.cancel(RunCancelled())
                wait_a_moment([(name, future) for _, name, future in running])
        tripwires = []
        for index, _, future in running:
            if future.done() and future.exception() is None:
                result = future.result()
                self._run.record.add(Checked(index, result))
                tripwires.append(_tripwire(result))
        return next(filter(None, tripwires), None)

    def _wait_until_begun(self) -> None:
        waiting = {index for index, _ in self._checks}
        deadline = time.monotonic() + GRACE_SECONDS
        with suppress(Empty):
            while waiting:
                waiting.discard(self._signs.get(timeout=max(0, deadline - time.monotonic())))

    def _stop_if_bad(self, future: Future[Any]) -> None:
        error = future.exception()
        if error is None:
            error = _tripwire(future.result())
        if error is not None:
            self._scope.cancel(error)


def _of_input(run: LiveRun) -> list[_Check]:
    if run.record.turn > 1:
        return []
    guardrails = [*run.record.starting_agent.input_guardrails, *run.config.input_guardrails]
    return _unchecked(guardrails, "input_guardrail", run)


def _unchecked(guardrails: list[Any], decorator: str, run: LiveRun) -> list[_Check]:
    """Guardrails that have not let the run pass yet, with their places."""
    return [
        (index, guardrail)
        for index, guardrail in enumerate(guardrails)
        if not run.record.is_checked(decorator, index)
    ]


def _check_here(checks: list[_Check], run: LiveRun, check: Callable[..., Any]) -> None:
    """Run guardrails on this thread, one after the other."""
    for index, guardrail in checks:
        result = check(guardrail, run, run.cancellation)
        run.record.add(Checked(index, result))
        tripwire = _tripwire(result)
        if tripwire is not None:
            raise tripwire


def _tripwire(result: InputGuardrailResult | OutputGuardrailResult) -> Exception | None:
    """The error for a guardrail that has tripped, or None."""
    if not result.output.tripwire_triggered:
        return None
    from ...guardrail import InputGuardrailResult  # only those who have some pay for it

    if isinstance(result, InputGuardrailResult):
        return InputGuardrailTripwireTriggered(result)
    return OutputGuardrailTripwireTriggered(result)


def _is_tripwire(error: BaseException | None) -> bool:
    return isinstance(error, InputGuardrailTripwireTriggered | OutputGuardrailTripwireTriggered)


def _check_input(
    guardrail: InputGuardrail[Any], run: LiveRun, scope: Cancellation, begin: _Begin | None = None
) -> InputGuardrailResult:
    from ...guardrail import InputGuardrailResult

    prepared = run.record.conversation.prepared
    return InputGuardrailResult(guardrail, _ask(guardrail, prepared, run, scope, begin))


def _check_output(
    output: Any,
    guardrail: OutputGuardrail[Any],
    run: LiveRun,
    scope: Cancellation,
    begin: _Begin | None = None,
) -> OutputGuardrailResult:
    from ...guardrail import OutputGuardrailResult

    verdict = _ask(guardrail, output, run, scope, begin)
    return OutputGuardrailResult(guardrail, output, run.agent, verdict)


def _ask(
    guardrail: InputGuardrail[Any] | OutputGuardrail[Any],
    checked: Any,
    run: LiveRun,
    scope: Cancellation,
    begin: _Begin | None,
) -> GuardrailFunctionOutput:
    """A guardrail's verdict, inside its span."""
    from ...guardrail import GuardrailFunctionOutput

    with guardrail_span(guardrail.get_name()) as span:
        function = guardrail.guardrail_function
        if begin is not None:
            function = _beginning_with(begin, function)
        ask = partial(run.call_within, scope, function, run.context, run.agent, checked)
        stand_in = run.stand_in
        verdict = ask() if stand_in is None else stand_in.verdict(run, guardrail, checked, ask)
        if not isinstance(verdict, GuardrailFunctionOutput):
            raise UserError(
                f"Guardrail {guardrail.get_name()} must return GuardrailFunctionOutput, "
                f"got {repr_of(verdict)}"
            )
        span.span_data.triggered = verdict.tripwire_triggered
        return verdict


def _beginning_with(begin: _Begin, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which calls `begin` first, on the thread or loop where it is at work."""

    @wraps(function)
    def call(*args: Any) -> Any:
        begin()
        return function(*args)

    @wraps(function)
    async def call_async(*args: Any) -> Any:
        begin()
        return await function(*args)

    return call_async if iscoroutinefunction(function) else call
