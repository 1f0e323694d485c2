"""One call of a function tool: guardrails, the function itself, and what comes of its failure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..callbacks import wait_for_future
from ..cancellation import Cancellation
from ..exceptions import (
    AgentsException,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    ToolTimeoutError,
    UserError,
)
from ..tool_guardrails import (
    ToolInputGuardrailData,
    ToolInputGuardrailResult,
    ToolOutputGuardrailData,
    ToolOutputGuardrailResult,
)
from ..watchdog import call_at
from ..workers import run_in_thread

if TYPE_CHECKING:
    from ..tool import FunctionTool
    from ..tracing import FunctionSpanData, Span
    from .tool_calls import ToolCall

ABANDON_SECONDS = 0.1
"""How long a tool that ran out of time is waited for: enough for a coroutine to be cancelled."""


def call_function(call: ToolCall, tool: FunctionTool, span: Span[FunctionSpanData]) -> Any:
    """The output of a function tool: its own, a guardrail's, or what its failure is told as.

    Raises:
        AgentsException: A guardrail stops the run, or the tool wants its failures raised.
    """
    refusal = _check_input(call, tool)
    if refusal is not None:
        return refusal
    try:
        output = _invoke(call, tool)
    except Exception as error:
        call.cancellation.check()  # being stopped is no failure of the tool
        span.set_error(span.describe(error))
        return _explain(error, call, tool)
    return _check_output(output, call, tool)


def _invoke(call: ToolCall, tool: FunctionTool) -> Any:
    """Call the function; with a `timeout`, on a thread that can be left behind."""
    if tool.needs_approval:
        raise UserError(
            f"Tool {tool.name} needs approval, and a run has no way yet to ask for one; decide in "
            "a tool_input_guardrail instead"
        )
    context = call.context
    invocation = (tool.on_invoke_tool, context, context.tool_arguments)
    if tool.timeout is None:
        context.cancellation = call.cancellation
        return call.ask(*invocation)
    context.cancellation = scope = Cancellation(call.cancellation)
    late = ToolTimeoutError(tool.name, tool.timeout)
    watch = call_at(time.monotonic() + tool.timeout, lambda: scope.cancel(late))
    try:
        future = run_in_thread(call.state.callbacks.call, scope, *invocation)
        wait_for_future(future, scope, f"Tool {tool.name}", ABANDON_SECONDS)
        return future.result()
    finally:
        watch.cancel()
        scope.detach()


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


def _check_input(call: ToolCall, tool: FunctionTool) -> str | None:
    """What the model is told instead of the call being made, or None to make it."""
    data = ToolInputGuardrailData(call.context, call.state.agent)
    for guardrail in tool.tool_input_guardrails or ():
        verdict = call.ask(guardrail.guardrail_function, data)
        result = ToolInputGuardrailResult(guardrail, verdict)
        call.state.tool_input_guardrail_results.append(result)
        if verdict.behavior == "raise_exception":
            raise ToolInputGuardrailTripwireTriggered(guardrail, verdict)
        if verdict.behavior == "reject_content":
            return verdict.message or ""
    return None


def _check_output(output: Any, call: ToolCall, tool: FunctionTool) -> Any:
    """The output, or what the model is told in its place."""
    data = ToolOutputGuardrailData(call.context, call.state.agent, output)
    for guardrail in tool.tool_output_guardrails or ():
        verdict = call.ask(guardrail.guardrail_function, data)
        result = ToolOutputGuardrailResult(guardrail, verdict)
        call.state.tool_output_guardrail_results.append(result)
        if verdict.behavior == "raise_exception":
            raise ToolOutputGuardrailTripwireTriggered(guardrail, verdict)
        if verdict.behavior == "reject_content":
            return verdict.message or ""
    return output
