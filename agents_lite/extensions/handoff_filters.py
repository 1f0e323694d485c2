"""Input filters for handoffs: what the next agent gets to see of the conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..handoffs import HandoffInputData
from ..items import ItemHelpers, MessageOutputItem, RunItem, TResponseInputItem
from ..response_types import ResponsesObject

__all__ = ["nest_handoff_history", "remove_all_tools"]


def remove_all_tools(handoff_input_data: HandoffInputData) -> HandoffInputData:
    """Leave out all tool calls and outputs, handoffs and reasoning; messages stay."""
    data = handoff_input_data
    history = data.input_history
    return data.clone(
        input_history=history if isinstance(history, str) else tuple(filter(_is_message, history)),
        pre_handoff_items=_messages(data.pre_handoff_items),
        new_items=_messages(data.new_items),
    )


def nest_handoff_history(
    handoff_input_data: HandoffInputData,
    *,
    history_mapper: Callable[[list[TResponseInputItem]], Iterable[TResponseInputItem]]
    | None = None,
) -> HandoffInputData:
    """Fold the conversation so far into one message, a transcript, that the next agent starts from.

    Tool calls, their outputs and reasoning are left out of it.

    Args:
        handoff_input_data: The conversation.
        history_mapper: Makes other items of all that was said; None: that message.
    """
    data = handoff_input_data
    items = [
        *ItemHelpers.input_to_new_input_list(
            data.input_history if isinstance(data.input_history, str) else list(data.input_history)
        ),
        *(item.to_input_item() for item in (*data.pre_handoff_items, *data.new_items)),
    ]
    if history_mapper is not None:
        made = tuple(history_mapper(items))
        return data.clone(input_history=made, pre_handoff_items=(), new_items=())
    lines = [f"{item['role']}: {_text(item)}" for item in items if _is_message(item)]
    transcript = "\n".join(["The conversation before you took over:", *lines])
    message = {"role": "user", "content": transcript}
    return data.clone(input_history=(message,), pre_handoff_items=(), new_items=())


def _messages(items: Iterable[RunItem]) -> tuple[RunItem, ...]:
    return tuple(item for item in items if isinstance(item, MessageOutputItem))


def _is_message(item: dict[str, Any]) -> bool:
    return "role" in item and item.get("type", "message") == "message"


def _text(message: dict[str, Any]) -> str:
    return ItemHelpers.extract_text(ResponsesObject(message)) or "(no text)"
