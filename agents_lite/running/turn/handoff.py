"""Handing over to another agent."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...agent import Agent
from ...exceptions import UserError
from ...handoffs import Handoff, HandoffInputData
from ...items import HandoffOutputItem, ItemHelpers, output_item
from ...response_types import ResponsesObject
from ...tracing import handoff_span

if TYPE_CHECKING:
    from ...stream_events import RunItemStreamEvent
    from ..run_state import RunState
    from .plan import Plan

IGNORED = "Multiple handoffs detected, ignoring this one."


@dataclass
class HandOver:
    """Another agent takes over."""

    agent: Agent[Any]
    """That agent."""
    conversation: HandoffInputData | None
    """What it is sent, as an input filter made it; None: everything."""


def hand_over(plan: Plan, state: RunState) -> Generator[RunItemStreamEvent, None, HandOver]:
    """Carry out a response's first handoff, and answer the others.

    Raises:
        ModelBehaviorError: The handoff's input does not fit its `input_type`.
        UserError: It led to something that is not an agent, or its filter went wrong.
    """
    source = state.agent
    (call, chosen), *others = plan.handoffs
    with handoff_span(from_agent=source.name) as span:
        if others:
            names = [offer.agent_name for _, offer in plan.handoffs]
            span.set_error(
                {"message": "Multiple handoffs requested", "data": {"requested_agents": names}}
            )
        arguments = call.get("arguments") or ""
        target = state.call(chosen.on_invoke_handoff, state.context_wrapper, arguments)
        if not isinstance(target, Agent):
            raise UserError(f"Handoff {chosen.tool_name} must lead to an Agent, got {target!r}")
        span.span_data.to_agent = target.name
        yield from state.record(output_item(source, call, IGNORED, IGNORED) for call, _ in others)
        output = ItemHelpers.tool_call_output_item(call, chosen.get_transfer_message(target))
        handed_over = HandoffOutputItem(source, ResponsesObject(output), source, target)
        yield from state.record([handed_over])
        state.lifecycle.handed_off(source, target)
        return HandOver(target, _filter(chosen, state))


def _filter(chosen: Handoff[Any, Any], state: RunState) -> HandoffInputData | None:
    """What an input filter makes of the conversation; None without one.

    Only what the next agents are sent is shaped: the run's record, its result and the session keep
    everything.
    """
    change = chosen.input_filter or state.config.handoff_input_filter
    if change is None:
        return None
    if state.server_keeps_history:
        raise UserError(
            "A handoff input filter cannot change a history that the server keeps; do without it, "
            "or without previous_response_id and conversation_id"
        )
    filtered = state.call(change, state.handoff_data())
    if not isinstance(filtered, HandoffInputData):
        raise UserError(f"A handoff input filter must return HandoffInputData, got {filtered!r}")
    return filtered
