"""Making the calls that a response asks for: functions, computers, approvals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from ..agent import FunctionToolResult
from ..callbacks import wait_for_future
from ..cancellation import Cancellation
from ..computer import perform_action
from ..exceptions import (
    AgentsException,
    ModelBehaviorError,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    ToolTimeoutError,
    UserError,
)
from ..items import MCPApprovalResponseItem, RunItem, ToolCallOutputItem, output_item
from ..parallel import run_in_threads
from ..response_types import ResponsesObject
from ..run_context import ToolContext
from ..tool import ComputerTool, ComputerToolSafetyCheckData, FunctionTool, MCPToolApprovalRequest
from ..tool_guardrails import (
    ToolInputGuardrailData,
    ToolInputGuardrailResult,
    ToolOutputGuardrailData,
    ToolOutputGuardrailResult,
)
from ..tool_output import output_for_model
from ..tracing import function_span
from ..watchdog import call_at
from ..workers import run_in_thread

if TYPE_CHECKING:
    from ..run_state import RunState
    from .response_items import Plan

ABANDON_SECONDS = 0.1
"""How long a tool that ran out of time is waited for: enough for a coroutine to be cancelled."""


@dataclass
class ToolResults:
    """What came of a response's calls."""

    items: list[RunItem]
    """Outputs, in the order of the calls."""
    function_results: list[FunctionToolResult]
    """Those of functions, as `tool_use_behavior` functions are given them."""


@dataclass
class _Call:
    """A call to be made, with the tool that it is for."""

    raw: Any
    tool: FunctionTool | ComputerTool
    context: ToolContext[Any]


def call_tools(plan: Plan, state: RunState) -> ToolResults:
    """Make all calls of a response.

    One alone, or with `max_tool_concurrency=1` each after the other, is made on this thread;
    several are made side by side. Hooks run on this thread in any case.

    Raises:
        AgentsException: A tool failed and has no `failure_error_function`, a tool guardrail
            stopped the run, or a limit was reached.
    """
    wanted: list[tuple[Any, FunctionTool | ComputerTool]]
    wanted = [*plan.function_calls, *plan.computer_calls]
    calls = [_Call(raw, tool, _tool_context(raw, tool, state)) for raw, tool in wanted]
    state.count_tool_calls(len(calls))
    if len(calls) > 1 and state.config.max_tool_concurrency != 1:
        outputs = _call_side_by_side(calls, state)
    else:
        outputs = [_call_here(call, state) for call in calls]
    results = [
        FunctionToolResult(call.tool, item.output, item)
        for call, item in zip(calls, outputs, strict=True)
        if isinstance(call.tool, FunctionTool)
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


def _call_here(call: _Call, state: RunState) -> ToolCallOutputItem:
    state.cancellation.check()
    _announce_start(call, state)
    item = _make_call(call, state, state.cancellation)
    _announce_end(call, item, state)
    return item


def _call_side_by_side(calls: list[_Call], state: RunState) -> list[ToolCallOutputItem]:
    scope = Cancellation(state.cancellation)
    items: dict[int, ToolCallOutputItem] = {}

    def jobs() -> Iterator[Any]:
        for call in calls:
            _announce_start(call, state)
            yield f"Tool {call.tool.name}", partial(_make_call, call, state, scope)

    try:
        for place, item in run_in_threads(jobs(), state.config.max_tool_concurrency, scope):
            _announce_end(calls[place], item, state)
            items[place] = item
    finally:
        scope.detach()
    return [items[place] for place in range(len(calls))]


def _announce_start(call: _Call, state: RunState) -> None:
    if state.lifecycle.hears_of_tools(state.agent):
        arguments = _read_arguments(call.context.tool_arguments)
        state.lifecycle.tool_started(call.context, state.agent, call.tool, arguments)


def _announce_end(call: _Call, item: ToolCallOutputItem, state: RunState) -> None:
    state.lifecycle.tool_ended(call.context, state.agent, call.tool, item.output)


def _read_arguments(text: str) -> dict[str, Any]:
    """Arguments for the hooks; {} where they are no JSON object."""
    try:
        arguments = from_json(text)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}


def _make_call(call: _Call, state: RunState, cancellation: Cancellation) -> ToolCallOutputItem:
    """Make one call, on whatever thread, inside its span."""
    name = call.tool.name
    with function_span(name) as span, _at_work(name, state):
        if state.records_content:
            span.span_data.input = call.context.tool_arguments
        if isinstance(call.tool, ComputerTool):
            item = _use_computer(call, call.tool, state, cancellation)
        else:
            output = _call_function(call, call.tool, state, cancellation, span)
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


def _call_function(
    call: _Call, tool: FunctionTool, state: RunState, cancellation: Cancellation, span: Any
) -> Any:
    """The output of a function tool: its own, a guardrail's, or what its failure is told as."""
    refusal = _check_input(call, tool, state, cancellation)
    if refusal is not None:
        return refusal
    try:
        output = _invoke(call, tool, state, cancellation)
    except Exception as error:
        cancellation.check()  # being stopped is no failure of the tool
        span.set_error({"message": "Error running tool", "data": _error_data(call, error, state)})
        return _explain(error, call, tool, state, cancellation)
    return _check_output(output, call, tool, state, cancellation)


def _invoke(
    call: _Call, tool: FunctionTool, state: RunState, cancellation: Cancellation
) -> Any:
    if tool.needs_approval:
        raise UserError(
            f"Tool {tool.name} needs approval, and a run has no way yet to ask for one; decide in "
            "a tool_input_guardrail instead"
        )
    invocation = (tool.on_invoke_tool, call.context, call.context.tool_arguments)
    if tool.timeout is None:
        call.context.cancellation = cancellation
        return state.callbacks.call(cancellation, *invocation)
    call.context.cancellation = scope = Cancellation(cancellation)
    watch = call_at(
        time.monotonic() + tool.timeout,
        lambda: scope.cancel(ToolTimeoutError(tool.name, tool.timeout or 0)),
    )
    try:
        future = run_in_thread(state.callbacks.call, scope, *invocation)
        wait_for_future(future, scope, ABANDON_SECONDS)
        return future.result()
    finally:
        watch.cancel()
        scope.detach()


def _explain(
    error: Exception, call: _Call, tool: FunctionTool, state: RunState, cancellation: Cancellation
) -> Any:
    """What the model is told of a tool's failure.

    Raises:
        AgentsException: The tool wants its failures raised.
    """
    if tool.failure_error_function is not None:
        explain = tool.failure_error_function
        return state.callbacks.call(cancellation, explain, call.context, error)
    if isinstance(error, AgentsException):
        raise error
    raise UserError(f"Error running tool {tool.name}: {error}") from error


def _error_data(call: _Call, error: Exception, state: RunState) -> dict[str, Any]:
    shown = str(error) if state.records_content else type(error).__name__
    return {"tool_name": call.tool.name, "error": shown}


def _check_input(
    call: _Call, tool: FunctionTool, state: RunState, cancellation: Cancellation
) -> str | None:
    """What the model is told instead of calling the tool, or None to call it."""
    for guardrail in tool.tool_input_guardrails or ():
        data = ToolInputGuardrailData(call.context, state.agent)
        verdict = state.callbacks.call(cancellation, guardrail.guardrail_function, data)
        state.tool_input_guardrail_results.append(ToolInputGuardrailResult(guardrail, verdict))
        if verdict.behavior == "raise_exception":
            raise ToolInputGuardrailTripwireTriggered(guardrail, verdict)
        if verdict.behavior == "reject_content":
            return verdict.message or ""
    return None


def _check_output(
    output: Any, call: _Call, tool: FunctionTool, state: RunState, cancellation: Cancellation
) -> Any:
    """The output, or what the model is told in its place."""
    for guardrail in tool.tool_output_guardrails or ():
        data = ToolOutputGuardrailData(call.context, state.agent, output)
        verdict = state.callbacks.call(cancellation, guardrail.guardrail_function, data)
        state.tool_output_guardrail_results.append(ToolOutputGuardrailResult(guardrail, verdict))
        if verdict.behavior == "raise_exception":
            raise ToolOutputGuardrailTripwireTriggered(guardrail, verdict)
        if verdict.behavior == "reject_content":
            return verdict.message or ""
    return output


def _use_computer(
    call: _Call, tool: ComputerTool, state: RunState, cancellation: Cancellation
) -> ToolCallOutputItem:
    """Do what the model wants done on a computer, and show it the screen."""
    acknowledged = _acknowledge(call, tool, state, cancellation)
    for action in call.raw.get("actions") or [call.raw.action]:
        state.callbacks.call(cancellation, perform_action, tool.computer, action)
    picture = state.callbacks.call(cancellation, tool.computer.screenshot)
    image_url = f"data:image/png;base64,{picture}"
    raw_item = ResponsesObject(
        type="computer_call_output",
        call_id=call.raw.call_id,
        output={"type": "computer_screenshot", "image_url": image_url},
        acknowledged_safety_checks=acknowledged,
    )
    return ToolCallOutputItem(state.agent, raw_item, image_url)


def _acknowledge(
    call: _Call, tool: ComputerTool, state: RunState, cancellation: Cancellation
) -> list[dict[str, Any]]:
    """Safety checks of a computer call that the user's function has agreed to.

    Raises:
        UserError: It did not agree, or there is none.
    """
    acknowledged = []
    for check in call.raw.get("pending_safety_checks") or ():
        data = ComputerToolSafetyCheckData(call.context, state.agent, call.raw, check)
        agreed = tool.on_safety_check is not None and state.callbacks.call(
            cancellation, tool.on_safety_check, data
        )
        if not agreed:
            raise UserError(
                f"The safety check {check.get('code')!r} of a computer call was not acknowledged; "
                "ComputerTool(on_safety_check=...) decides about it"
            )
        acknowledged.append(check.model_dump())
    return acknowledged


def _not_found(plan: Plan, state: RunState) -> Iterator[RunItem]:
    """Answers to calls of tools that do not exist.

    Raises:
        ModelBehaviorError: The run does not want the model to be told.
    """
    for raw in plan.unknown_calls:
        if state.config.tool_not_found != "tell_model":
            raise ModelBehaviorError(f"Tool {raw.name} not found in agent {state.agent.name}")
        message = f"Tool '{raw.name}' not found."
        yield output_item(state.agent, raw, message, message)


def _approvals(plan: Plan, state: RunState) -> Iterator[RunItem]:
    """Answers to an MCP server's questions whether its tools may be called."""
    for raw, decide in plan.approval_requests:
        answer = state.call(decide, MCPToolApprovalRequest(state.context_wrapper, raw))
        response = {
            "type": "mcp_approval_response",
            "approval_request_id": raw.id,
            "approve": bool(answer["approve"]),
        }
        if answer.get("reason"):
            response["reason"] = answer["reason"]
        yield MCPApprovalResponseItem(state.agent, ResponsesObject(response))
