"""Making the calls that a response asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ...agent import FunctionToolResult
from ...concurrency.cancellation import Cancellation
from ...concurrency.parallel import run_in_threads
from ...exceptions import ModelBehaviorError, UserError
from ...items import MCPApprovalResponseItem, RunItem, ToolCallOutputItem, output_item
from ...response_types import ResponsesObject
from ...run_context import ToolContext
from ...tool import ComputerTool, FunctionTool, MCPToolApprovalRequest
from ...tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailResult,
    ToolOutputGuardrailResult,
)
from ...tool_output import output_for_model
from ...tracing import function_span
from .computer_call import use_computer
from .function_call import call_function, read_arguments

if TYPE_CHECKING:
    from ..run_state import RunState
    from .plan import Plan


@dataclass
class ToolResults:
    """What came of a response's calls."""

    items: list[RunItem]
    """Outputs, in the order of the calls."""
    function_results: list[FunctionToolResult]
    """Those of functions, as `tool_use_behavior` functions are given them."""


@dataclass
class ToolCall:
    """A call of a local tool, about to be made."""

    raw: Any
    """The Responses API call."""
    tool: FunctionTool | ComputerTool
    """The tool that is called."""
    context: ToolContext[Any]
    """What the tool is given."""
    state: RunState
    """The run."""
    cancellation: Cancellation
    """Stops the call."""
    verdicts: list[tuple[Any, ToolGuardrailFunctionOutput]] = field(default_factory=list)
    """Its guardrails and what they said, in order."""
    item: ToolCallOutputItem | None = None
    """Its output, once it was made."""

    def ask(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function of the user, `def` or `async def`."""
        return self.state.callbacks.call(self.cancellation, function, *args)


def call_tools(plan: Plan, state: RunState) -> ToolResults:
    """Make all calls of a response.

    One alone, or with `max_tool_concurrency=1` each after the other, is made on this thread;
    several are made side by side. Hooks run on this thread in any case.

    Raises:
        AgentsException: A tool failed and has no `failure_error_function`, a tool guardrail
            stopped the run, or a limit was reached.
    """
    _check_found(plan, state)
    wanted: list[tuple[Any, FunctionTool | ComputerTool]]
    wanted = [*plan.function_calls, *plan.computer_calls]
    state.count_tool_calls(len(wanted))
    scope = Cancellation(state.cancellation)
    calls = [
        ToolCall(raw, tool, _tool_context(raw, tool, state), state, scope) for raw, tool in wanted
    ]
    try:
        if len(calls) > 1 and state.config.max_tool_concurrency != 1:
            _call_side_by_side(calls, state.config.max_tool_concurrency, scope)
        else:
            for call in calls:
                _call_here(call)
    except BaseException:
        state.new_items.extend(call.item for call in calls if call.item is not None)
        raise
    finally:
        scope.detach()
        _keep_verdicts(calls, state)
    outputs = [call.item for call in calls if call.item is not None]
    results = [
        FunctionToolResult(call.tool, call.item.output, call.item)
        for call in calls
        if isinstance(call.tool, FunctionTool) and call.item is not None
    ]
    return ToolResults([*outputs, *_not_found(plan, state), *_approvals(plan, state)], results)


def _tool_context(
    raw: Any, tool: FunctionTool | ComputerTool, state: RunState
) -> ToolContext[Any]:
    run = state.context_wrapper
    return ToolContext(
        run.context,
        run.usage,
        run.usage_by_agent,
        tool_name=tool.name,
        tool_call_id=raw.call_id,
        tool_arguments=raw.get("arguments") or "",
        agent=state.agent,
        run_config=state.config,
        callbacks=state.callbacks,
    )


def _call_here(call: ToolCall) -> None:
    call.cancellation.check()
    _announce_start(call)
    _finish(call, _make(call))


def _call_side_by_side(calls: list[ToolCall], limit: int | None, scope: Cancellation) -> None:
    def jobs() -> Iterator[tuple[str, Callable[[], ToolCallOutputItem]]]:
        for call in calls:
            _announce_start(call)
            yield f"Tool {call.tool.name}", partial(_make, call)

    for place, item in run_in_threads(jobs(), limit, scope):
        _finish(calls[place], item)


def _announce_start(call: ToolCall) -> None:
    state = call.state
    if state.lifecycle.hears_of_tools(state.agent):
        arguments = read_arguments(call.context.tool_arguments)
        state.lifecycle.tool_started(call.context, state.agent, call.tool, arguments)


def _finish(call: ToolCall, item: ToolCallOutputItem) -> None:
    call.item = item
    state = call.state
    state.lifecycle.tool_ended(call.context, state.agent, call.tool, item.output)


def _keep_verdicts(calls: list[ToolCall], state: RunState) -> None:
    for guardrail, verdict in (said for call in calls for said in call.verdicts):
        if isinstance(guardrail, ToolInputGuardrail):
            result = ToolInputGuardrailResult(guardrail, verdict)
            state.tool_input_guardrail_results.append(result)
        else:
            state.tool_output_guardrail_results.append(
                ToolOutputGuardrailResult(guardrail, verdict)
            )


def _make(call: ToolCall) -> ToolCallOutputItem:
    """Make one call, on whatever thread, inside its span."""
    state, name = call.state, call.tool.name
    with function_span(name) as span, _at_work(name, state):
        if state.records_content:
            span.span_data.input = call.context.tool_arguments
        if isinstance(call.tool, ComputerTool):
            item = use_computer(call, call.tool)
        else:
            output = call_function(call, call.tool, span)
            item = output_item(state.agent, call.raw, output_for_model(output), output)
        if state.records_content:
            span.span_data.output = item.raw_item["output"]
        return item


@contextmanager
def _at_work(name: str, state: RunState) -> Iterator[None]:
    state.tools_at_work.append(name)
    try:
        yield
    finally:
        state.tools_at_work.remove(name)


def _check_found(plan: Plan, state: RunState) -> None:
    """Refuse a response that calls a tool which does not exist, before any call is made.

    Raises:
        ModelBehaviorError: There is such a call, and the run does not want the model to be told.
    """
    if plan.unknown_calls and state.config.tool_not_found != "tell_model":
        name = plan.unknown_calls[0].name
        raise ModelBehaviorError(f"Tool {name} not found in agent {state.agent.name}")


def _not_found(plan: Plan, state: RunState) -> Iterator[RunItem]:
    """Answers to calls of tools that do not exist."""
    for raw in plan.unknown_calls:
        message = f"Tool '{raw.name}' not found."
        yield output_item(state.agent, raw, message, message)


def _approvals(plan: Plan, state: RunState) -> Iterator[RunItem]:
    """Answers to an MCP server's questions whether its tools may be called."""
    for raw, decide in plan.approval_requests:
        answer = state.call(decide, MCPToolApprovalRequest(state.context_wrapper, raw))
        if not isinstance(answer, dict) or "approve" not in answer:
            raise UserError(
                f"on_approval_request must return {{'approve': True or False}}, got {answer!r}"
            )
        response = {
            "type": "mcp_approval_response",
            "approval_request_id": raw.id,
            "approve": bool(answer["approve"]),
        }
        if answer.get("reason"):
            response["reason"] = answer["reason"]
        yield MCPApprovalResponseItem(state.agent, ResponsesObject(response))
