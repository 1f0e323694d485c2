"""Which calls may be made, which wait for a person, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ...exceptions import UnknownEndError, UserError
from ...items import (
    MCPApprovalResponseItem,
    ToolApprovalItem,
    output_item,
)
from ...response_types import ResponsesObject, as_json
from ...shown import repr_of
from ...told_output import output_for_model
from ...tool import FunctionTool, HostedTool, LocalTool, OnApproval
from ..facts import Asked, Called, Decided

if TYPE_CHECKING:
    from ...mcp.objects import MCPElicitation
    from ..live_run import LiveRun
    from ..record import CallRecord, Record
    from .tool_call import ToolCall

REJECTED = "Tool execution was not approved."
"""What the model is told of a call that was rejected without words."""


def settle(call: ToolCall) -> bool:
    """Settle what is to become of a call, and return whether it is to be made now.

    Of the others, those that were rejected or answered from outside are answered here, and a
    person is asked about the rest.

    Raises:
        UnknownEndError: It was begun, nobody knows how it ended, and the tool wants that raised.
    """
    record, call_id = call.run.record, call.call_id
    if call.has_inner:
        return True
    known = record.call(call_id)
    if known.input is not None and known.asked is known.input and known.decision is None:
        return not known.open_questions
    if known.asked is None and known.decision is None and not _is_ruled(call, known):
        reason = _question(call, known)
        if reason is None:
            return True
        on_approval = call.tool.on_approval if isinstance(call.tool, LocalTool) else None
        if reason != "approval" or on_approval is None:
            record.add(Asked(call_id, reason))
            return False
        record.add(_decide(call, on_approval))
    decision = decision_of(record, call_id)
    if decision is None:
        return False
    if decision.verdict == "approve":
        return True
    record.add(_answer(call, decision))
    return False


def answer_server(raw: Any, tool: HostedTool, run: LiveRun) -> None:
    """Answer an MCP server's question whether its tool may be called, or ask a person."""
    known = run.record.call(raw.id)
    if known.output is not None:
        return
    if tool.on_approval_request is not None:
        from ...hosted_tools import MCPToolApprovalRequest  # few have one

        answer = run.call(tool.on_approval_request, MCPToolApprovalRequest(run.context, raw))
        approve, why = _verdict(answer, "on_approval_request")
    else:
        decision = decision_of(run.record, raw.id)
        if decision is None:
            if known.asked is None:
                run.record.add(Asked(raw.id))
            return
        approve, why = decision.verdict == "approve", decision.message
    response = {
        "type": "mcp_approval_response",
        "approval_request_id": raw.id,
        "approve": approve,
        **({"reason": why} if why else {}),
    }
    item = MCPApprovalResponseItem(run.agent, ResponsesObject(response))
    run.record.add(Called(raw.id, item))


def decision_of(record: Record, call_id: str) -> Decided | None:
    """What a person decided about a call, or about all calls of its tool; None: nothing."""
    known = record.call(call_id)
    if known.decision is None and (known.asked is None or known.asked.reason == "approval"):
        return record.decision_for_all(call_id)
    return known.decision


def interruptions(
    record: Record, inside: tuple[tuple[int, str], ...] = (), with_ruled: bool = False
) -> Iterator[ToolApprovalItem]:
    """The calls that wait for a person, in this run and in those inside it.

    Args:
        record: The run's record.
        inside: Where the run is, seen from the outermost one.
        with_ruled: Whether those count, too, for which a decision about all calls of their tool
            speaks. They may still be decided about one by one.
    """
    if record.answer is None:
        return
    for raw in record.answer.response.output:
        fields = as_json(raw)
        call_id = fields.get("call_id") or fields.get("id")
        known = record.calls.get(call_id) if isinstance(call_id, str) else None
        if known is None or known.output is not None:
            continue
        item = partial(ToolApprovalItem, record.agent, raw, call_id=call_id, inside=inside)
        if known.input is not None and known.asked is known.input:
            for name in known.open_questions:
                asked = _question_of(known.input, name)
                yield item(reason="input", question=asked, question_name=name)
        elif known.asked is not None and known.decision is None:
            if with_ruled or decision_of(record, call_id) is None:
                yield item(reason=known.asked.reason)
        place = record.turn, call_id
        if place in record.inside:
            yield from interruptions(record.inside[place], (*inside, place), with_ruled)


def _question_of(asked: Asked, name: str) -> MCPElicitation:
    from ...mcp.objects import MCPElicitation

    return MCPElicitation(**(asked.questions or {})[name])


def _is_ruled(call: ToolCall, known: CallRecord) -> bool:
    """Whether it was decided about all calls of the tool, so that nobody need be asked."""
    if call.tool.needs_approval is False or known.is_begun:
        return False
    return call.run.record.decision_for_all(call.call_id) is not None


def _question(call: ToolCall, known: CallRecord) -> Any:
    """Why a person is to be asked about a call, or None."""
    tool = call.tool
    needed = tool.needs_approval
    if callable(needed):
        given = call.asked_for if isinstance(tool, FunctionTool) else tool.request_of(call)
        needed = given is None or call.ask(needed, call.context, given, call.context.tool_call_id)
    if not known.is_begun:
        return "approval" if needed else None
    policy = tool.on_unknown_end if isinstance(tool, FunctionTool) else None
    if policy is None:
        policy = "ask" if needed else "rerun"
    if policy == "fail":
        raise UnknownEndError(tool.name, call.call_id, call.context.tool_arguments)
    return "unknown_end" if policy == "ask" else None


def _decide(call: ToolCall, on_approval: OnApproval) -> Decided:
    """What the tool's own function decides about a call."""
    item = ToolApprovalItem(call.run.agent, call.raw, call_id=call.call_id)
    approve, why = _verdict(call.ask(on_approval, call.context, item), "on_approval")
    return Decided(call.call_id, "approve" if approve else "reject", message=why)


def _verdict(answer: Any, name: str) -> tuple[bool, str | None]:
    """Whether a function of the user approves, and why not."""
    if not isinstance(answer, dict) or "approve" not in answer:
        raise UserError(f"{name} must return {{'approve': True or False}}, got {repr_of(answer)}")
    why = answer.get("reason")
    if not isinstance(why, str | None):
        raise UserError(f"{name} must give its reason as a text, got {repr_of(why)}")
    return bool(answer["approve"]), why


def _answer(call: ToolCall, decision: Decided) -> Called:
    """The output of a call that was not made."""
    if decision.verdict == "output":
        output, shown = decision.output, output_for_model(decision.output)
    else:
        output = shown = _rejected(call) if decision.message is None else decision.message
    if isinstance(call.tool, LocalTool):
        made = partial(call.tool.stand_in, call, shown, decision.verdict != "output")
        item = call.known_output() or call.output_of(call.tool, *made())
        words = shown if isinstance(shown, str) and not call.tool.outputs_hold_words else None
        return Called(call.call_id, item, words)
    return Called(call.call_id, output_item(call.run.agent, call.raw, shown, output))


def _rejected(call: ToolCall) -> str:
    """A rejection in the words of the run's `tool_error_formatter`, or the usual ones."""
    name = call.tool.name
    return why_no_output(call.run, call.raw, "approval_rejected", name, REJECTED, call.ask)


def why_no_output(
    run: LiveRun,
    raw: Any,
    kind: Literal["approval_rejected", "tool_not_found", "tool_exception"],
    tool_name: str,
    usual: str,
    ask: Callable[..., Any],
    error: Exception | None = None,
) -> str:
    """Why a call has no output, in the words of `RunConfig.tool_error_formatter`, or usual ones.

    Args:
        run: The run.
        raw: The call.
        kind: What came of it.
        tool_name: The tool that it names.
        usual: The usual words.
        ask: Calls a function of the user's.
        error: What the tool raised, or None.
    """
    formatter = run.config.tool_error_formatter
    if formatter is None:
        return usual
    from ...run_functions import ToolErrorFormatterArgs  # only those who have one pay for it

    facts = ToolErrorFormatterArgs(
        kind=kind,
        tool_type=raw.type.removesuffix("_call").removesuffix("_tool"),
        tool_name=tool_name,
        call_id=raw.call_id,
        default_message=usual,
        run_context=run.context,
        error=error,
    )
    words = ask(formatter, facts)
    if not isinstance(words, str | None):
        raise UserError(f"tool_error_formatter must return a text or None, got {repr_of(words)}")
    return usual if words is None else words
