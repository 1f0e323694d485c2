"""One call of a function tool: guardrails, the function itself, and what comes of its failure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ...concurrency.cancellation import Cancellation
from ...concurrency.timers import call_at
from ...concurrency.workers import run_in_thread, wait_a_moment, wait_for
from ...exceptions import (
    AgentsException,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    ToolTimeoutError,
    UserError,
)
from ...tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
)

if TYPE_CHECKING:
    from ...tool import FunctionTool
    from ...tracing import FunctionSpanData, Span
    from .tool_calls import ToolCall

ABANDON_SECONDS = 0.1
"""How long a tool that ran out of time is waited for: enough for a coroutine to be cancelled."""


def call_function(call: ToolCall, tool: FunctionTool, span: Span[FunctionSpanData]) -> Any:
    """The output of a function tool: its own, a guardrail's, or what its failure is told as.

    Raises:
        AgentsException: A guardrail stops the run, or the tool wants its failures raised.
        UserError: The call needs an approval.
    """
    _refuse_approval(call, tool)
    asked = ToolInputGuardrailData(call.context, call.state.agent)
    refusal = _first_refusal(call, tool.tool_input_guardrails, asked)
    if refusal is not None:
        return refusal
    try:
        output = _invoke(call, tool)
    except Exception as error:
        call.cancellation.check()  # being stopped is no failure of the tool
        span.set_error(span.describe(error))
        return _explain(error, call, tool)
    done = ToolOutputGuardrailData(call.context, call.state.agent, output)
    refusal = _first_refusal(call, tool.tool_output_guardrails, done)
    return output if refusal is None else refusal


def _refuse_approval(call: ToolCall, tool: FunctionTool) -> None:
    needed = tool.needs_approval
    if callable(needed):
        arguments = read_arguments(call.context.tool_arguments)
        needed = call.ask(needed, call.context, arguments, call.context.tool_call_id)
    if needed:
        raise UserError(
            f"Tool {tool.name} needs approval, and a run has no way yet to ask for one; decide in "
            "a tool_input_guardrail instead"
        )


def _invoke(call: ToolCall, tool: FunctionTool) -> Any:
    """Call the function; with a `timeout`, on a thread that can be left behind."""
    context = call.context
    invocation = (tool.on_invoke_tool, context, context.tool_arguments)
    if tool.timeout is None:
        context.cancellation = call.cancellation
        return call.ask(*invocation)
    context.cancellation = scope = Cancellation(call.cancellation)
    late = ToolTimeoutError(tool.name, tool.timeout)
    watch = call_at(time.monotonic() + tool.timeout, lambda: scope.cancel(late))
    future = run_in_thread(call.state.callbacks.call, scope, *invocation)
    try:
        return wait_for(future, scope)
    finally:
        watch.cancel()
        scope.detach()
        if not future.done():
            wait_a_moment([(f"Tool {tool.name}", future)], ABANDON_SECONDS)


def _explain(error: Exception, call: ToolCall, tool: FunctionTool) -> Any:
    """What the model is told of a tool's failure.

    Raises:
        AgentsException: The tool wants its failures raised.
    """
    if tool.failure_error_function is not None:
        return call.ask(tool.failure_error_function, call.context, error)
    if isinstance(error, AgentsException):
        raise error
    raise UserError(f"Error running tool {tool.name}: {error}") from error


def _first_refusal(
    call: ToolCall,
    guardrails: Sequence[ToolInputGuardrail | ToolOutputGuardrail] | None,
    data: Any,
) -> str | None:
    """What the model is told instead, as the first guardrail that refuses wants it; or None.

    Raises:
        ToolInputGuardrailTripwireTriggered: A guardrail on the input stops the run.
        ToolOutputGuardrailTripwireTriggered: A guardrail on the output stops the run.
        UserError: A guardrail gave no verdict.
    """
    for guardrail in guardrails or ():
        verdict = call.ask(guardrail.guardrail_function, data)
        if not isinstance(verdict, ToolGuardrailFunctionOutput):
            raise UserError(
                f"Tool guardrail {guardrail.get_name()} must return ToolGuardrailFunctionOutput, "
                f"got {verdict!r}"
            )
        call.verdicts.append((guardrail, verdict))
        if verdict.behavior == "raise_exception":
            if isinstance(guardrail, ToolInputGuardrail):
                raise ToolInputGuardrailTripwireTriggered(guardrail, verdict)
            raise ToolOutputGuardrailTripwireTriggered(guardrail, verdict)
        if verdict.behavior == "reject_content":
            return verdict.message or ""
    return None


def read_arguments(text: str) -> dict[str, Any]:
    """A call's arguments; {} where they are no JSON object."""
    try:
        arguments = from_json(text)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}
