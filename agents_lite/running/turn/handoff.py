"""Handing over to another agent."""

from __future__ import annotations

import logging
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from ...agent import Agent
from ...exceptions import UserError
from ...handoffs import Handoff
from ...items import HandoffOutputItem, ItemHelpers, RunItem, output_item
from ...response_types import ResponsesObject
from ...shown import repr_of
from ...tracing import handoff_span
from ..facts import Filtered, HandedOver

if TYPE_CHECKING:
    from ...handoff_data import HandoffInputFilter
    from ...stream_events import RunItemStreamEvent
    from ..live_run import LiveRun

logger = logging.getLogger("agents_lite")

IGNORED = "Multiple handoffs detected, ignoring this one."


def hand_over(
    handoffs: list[tuple[Any, Handoff[Any, Any]]], run: LiveRun
) -> Generator[RunItemStreamEvent, None, None]:
    """Carry out a response's first handoff, and answer the others.

    Raises:
        ModelBehaviorError: The handoff's input does not fit its `input_type`.
        UserError: It led to something that is not an agent, or its filter went wrong.
    """
    record, source = run.record, run.agent
    (call, chosen), *others = handoffs
    with handoff_span(from_agent=source.name) as span:
        if others:
            names = [offer.agent_name for _, offer in handoffs]
            span.set_error(
                {"message": "Multiple handoffs requested", "data": {"requested_agents": names}}
            )
        handover = record.handover
        if handover is None:
            handover = _make_handoff(call, chosen, others, run)
            record.add(handover)
        span.span_data.to_agent = handover.target.name
        yield from run.announce(handover.items)
        run.tell_once("handed_off", source, handover.target)
        if record.filtered is None:
            _filter(chosen, run)


def _make_handoff(
    call: Any, chosen: Handoff[Any, Any], others: list[tuple[Any, Any]], run: LiveRun
) -> HandedOver:
    source = run.agent
    target = run.call(chosen.on_invoke_handoff, run.context, call.get("arguments") or "")
    if not isinstance(target, Agent):
        raise UserError(f"Handoff {chosen.tool_name} must lead to an Agent, got {repr_of(target)}")
    items: list[RunItem] = [output_item(source, other, IGNORED, IGNORED) for other, _ in others]
    output = ItemHelpers.tool_call_output_item(call, chosen.get_transfer_message(target))
    items.append(HandoffOutputItem(source, ResponsesObject(output), source, target))
    return HandedOver(target, items)


def _filter(chosen: Handoff[Any, Any], run: LiveRun) -> None:
    """Have an input filter, if there is one, decide what the next agents are sent.

    The run's record, its result and the session keep everything.
    """
    given = (chosen.input_filter, run.config.handoff_input_filter)
    change = next((each for each in given if each is not None), None)
    conversation = run.record.conversation
    is_kept = conversation.server_keeps_history or conversation.previous_response_id is not None
    if change is None:
        nests = chosen.nest_handoff_history
        if not (run.config.nest_handoff_history if nests is None else nests):
            return
        if is_kept:
            logger.warning("nest_handoff_history does nothing to a history that the server keeps.")
            return
        change = _nesting(run)
    elif is_kept:
        raise UserError(
            "A handoff input filter cannot change a history that the server keeps; do without it, "
            "or without previous_response_id and conversation_id"
        )
    from ...handoff_data import HandoffInputData  # only those who have a filter pay for it

    filtered = run.call(change, conversation.handoff_data(run.context))
    if not isinstance(filtered, HandoffInputData):
        raise UserError(
            f"A handoff input filter must return HandoffInputData, got {repr_of(filtered)}"
        )
    run.record.add(Filtered(filtered))


def _nesting(run: LiveRun) -> HandoffInputFilter:
    """The filter that folds the history into one message, or what the mapper makes of it."""
    from ...extensions.handoff_filters import nest_handoff_history

    mapper = run.config.handoff_history_mapper
    called = None if mapper is None else partial(run.call, mapper)
    return partial(nest_handoff_history, history_mapper=called)
