"""The guardrails of a function tool: checks before and after a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...exceptions import (
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    UserError,
)
from ...shown import repr_of
from ...tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolInputGuardrailResult,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
    ToolOutputGuardrailResult,
)
from ..facts import ToolChecked

if TYPE_CHECKING:
    from .tool_call import ToolCall


def refusal_of_call(call: ToolCall, guardrails: Sequence[ToolInputGuardrail]) -> str | None:
    """What the model is told in place of the call; None: it may be made.

    Raises:
        ToolInputGuardrailTripwireTriggered: A guardrail stops the run.
        UserError: A guardrail gave no verdict.
    """
    checked = ToolInputGuardrailData(call.context, call.run.agent)
    tripwire = ToolInputGuardrailTripwireTriggered
    return _first_refusal(call, guardrails, checked, ToolInputGuardrailResult, tripwire)


def refusal_of_output(
    call: ToolCall, guardrails: Sequence[ToolOutputGuardrail], output: Any
) -> str | None:
    """What the model is told in place of the output; None: it may see it.

    Raises:
        ToolOutputGuardrailTripwireTriggered: A guardrail stops the run.
        UserError: A guardrail gave no verdict.
    """
    checked = ToolOutputGuardrailData(call.context, call.run.agent, output)
    tripwire = ToolOutputGuardrailTripwireTriggered
    return _first_refusal(call, guardrails, checked, ToolOutputGuardrailResult, tripwire)


def _first_refusal(
    call: ToolCall,
    guardrails: Sequence[ToolInputGuardrail | ToolOutputGuardrail],
    checked: ToolInputGuardrailData,
    result: Callable[[Any, ToolGuardrailFunctionOutput], Any],
    tripwire: Callable[[Any, ToolGuardrailFunctionOutput], Exception],
) -> str | None:
    """What the model is told instead, as the first guardrail that refuses wants it; or None."""
    for guardrail in guardrails:
        verdict = call.ask(guardrail.guardrail_function, checked)
        if not isinstance(verdict, ToolGuardrailFunctionOutput):
            raise UserError(
                f"Tool guardrail {guardrail.get_name()} must return ToolGuardrailFunctionOutput, "
                f"got {repr_of(verdict)}"
            )
        call.run.record.add(ToolChecked(call.call_id, result(guardrail, verdict)))
        if verdict.behavior["type"] == "raise_exception":
            raise tripwire(guardrail, verdict)
        if verdict.behavior["type"] == "reject_content":
            return verdict.behavior["message"]
    return None
