"""One call of a function tool: guardrails, the function itself, and what comes of its failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncContextDecorator, ContextDecorator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ...concurrency.cancellation import Cancellation
from ...concurrency.workers import (
    ABANDON_SECONDS,
    run_in_thread_or_here,
    wait_a_moment,
    wait_for,
)
from ...exceptions import (
    AgentsException,
    NestingTooDeep,
    ToolTimeoutError,
    UsageLimitExceeded,
    UserError,
    words_of,
)
from ...told_output import output_for_model
from ...tool import Invocation, default_tool_error_function
from ..stand_ins import Made
from .approval import why_no_output
from .tool_failure import settle_failure

if TYPE_CHECKING:
    from ...tool import FunctionTool
    from ...tracing import FunctionSpanData, Span
    from .tool_call import ToolCall

MOST_ELEMENTS = 100_000
"""Most that is taken of an iterator that a tool returns."""


def call_function(
    call: ToolCall, tool: FunctionTool, span: Span[FunctionSpanData]
) -> tuple[Any, str | list[dict[str, Any]]]:
    """The output of a function tool: its own, a guardrail's, or what its failure is told as.

    Returns:
        The output, and what the model gets to see of it.

    Raises:
        AgentsException: A guardrail stops the run, or the tool wants its failures raised.
    """
    if tool.tool_input_guardrails and not call.goes_on:
        from .tool_guardrails import refusal_of_call  # only those who have some pay for it

        refusal = refusal_of_call(call, tool.tool_input_guardrails)
        if refusal is not None:
            return refusal, refusal
    stand_in = call.run.stand_in
    if stand_in is None:
        output, shown, has_failed = _outcome(call, tool, span)
    else:
        make = partial(_outcome, call, tool, span)
        output, shown, has_failed = stand_in.make_call(call, tool, make)
    if tool.tool_output_guardrails and not has_failed:
        from .tool_guardrails import refusal_of_output

        refusal = refusal_of_output(call, tool.tool_output_guardrails, output)
        if refusal is not None:
            return refusal, refusal
    return output, shown


def _outcome(call: ToolCall, tool: FunctionTool, span: Span[FunctionSpanData]) -> Made:
    """What came of the function itself; of its failure, what the model is told.

    Raises:
        AgentsException: The tool wants its failures raised.
    """
    try:
        output = _invoke(call, tool)
        if type(output) is not str:
            output = _whole(output, tool)
        return Made(output, output_for_model(output))
    except Exception as error:
        settle_failure(error, call, span)
        told = _explain(error, call, tool)
        return Made(told, output_for_model(told), has_failed=True)


def _whole(output: Any, tool: FunctionTool) -> Any:
    """An output, or the elements of one that could be read only once.

    Raises:
        UserError: It is none, or has no end.
    """
    if isinstance(output, AsyncIterator | Generator):
        raise UserError(f"Tool {tool.name} is a generator; a tool returns its output whole")
    if isinstance(output, ContextDecorator | AsyncContextDecorator):
        raise UserError(
            f"Tool {tool.name} is a context manager; a tool returns its output whole, from "
            "within a `with` block of its own"
        )
    if not isinstance(output, Iterator):
        return output
    elements = list(islice(output, MOST_ELEMENTS + 1))
    if len(elements) > MOST_ELEMENTS:
        raise UserError(
            f"Tool {tool.name} returned an iterator of more than {MOST_ELEMENTS:,} "
            "elements; return a list of those that are wanted"
        )
    return elements


def _invoke(call: ToolCall, tool: FunctionTool) -> Any:
    """Call the function; with a `timeout`, on a thread that can be left behind."""
    context = call.context
    invoke = tool.on_invoke_tool
    if isinstance(invoke, Invocation):
        invoke = invoke.make
    invocation = (invoke, context, context.tool_arguments)
    if tool.timeout is None:
        context.cancellation = call.cancellation
        return call.ask(*invocation)
    late = partial(ToolTimeoutError, tool.name, tool.timeout)
    with Cancellation(call.cancellation, seconds=tool.timeout, late=late) as scope:
        context.cancellation = scope
        future = run_in_thread_or_here(call.run.call_within, scope, *invocation)
        try:
            return wait_for(future, scope)
        finally:
            if not future.done():
                wait_a_moment([(f"Tool {tool.name}", future)], ABANDON_SECONDS)


def _explain(error: Exception, call: ToolCall, tool: FunctionTool) -> Any:
    """What the model is told of a tool's failure.

    Raises:
        AgentsException: The tool wants its failures raised.
    """
    explain = tool.failure_error_function
    if isinstance(error, NestingTooDeep):
        raise error  # each model around would be told, and call the next one again
    if isinstance(error, UsageLimitExceeded) and tool.agent is not None and call.run.is_limited:
        raise error  # the limit is one of all these runs together
    if isinstance(error, ToolTimeoutError) and error.tool_name == tool.name:
        behavior, explain = tool.timeout_behavior, tool.timeout_error_function or explain
        if behavior == "raise_exception":
            raise error
        if behavior == "error_as_result" and explain is None:
            explain = default_tool_error_function
    if explain is not None:
        told = call.ask(explain, call.context, error)
        if explain is default_tool_error_function and call.run.config.tool_error_formatter:
            told = why_no_output(
                call.run, call.raw, "tool_exception", tool.name, told, call.ask, error
            )
        return told
    if isinstance(error, AgentsException):
        raise error
    raise UserError(f"Error running tool {tool.name}: {words_of(error)}") from error


def read_arguments(text: str) -> dict[str, Any] | None:
    """A call's arguments; None where they are no JSON object, or hold a number that is none."""
    try:
        arguments = from_json(text, allow_inf_nan=False)
    except (ValueError, TypeError):  # TypeError: halves of characters
        return None
    return arguments if isinstance(arguments, dict) else None
