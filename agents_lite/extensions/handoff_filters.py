"""Input filters for handoffs: what the next agent gets to see of the conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..exceptions import UserError
from ..handoff_data import HandoffInputData
from ..items import ItemHelpers, RunItem, TResponseInputItem
from ..response_types import ResponsesObject
from ..shown import repr_of

__all__ = ["nest_handoff_history", "remove_all_tools"]

_FOLDED_BEGINS = "The conversation before you took over:"


def remove_all_tools(handoff_input_data: HandoffInputData) -> HandoffInputData:
    """Leave out all tool calls and outputs, handoffs and reasoning; messages stay, and what the
    server has made of earlier ones.
    """
    data = handoff_input_data
    history, instead = data.input_history, data.input_items
    return data.clone(
        input_history=history if isinstance(history, str) else tuple(filter(_is_said, history)),
        pre_handoff_items=_messages(data.pre_handoff_items),
        new_items=_messages(data.new_items),
        input_items=None if instead is None else _messages(instead),
    )


def nest_handoff_history(
    handoff_input_data: HandoffInputData,
    *,
    history_mapper: Callable[[list[TResponseInputItem]], Iterable[TResponseInputItem]]
    | None = None,
) -> HandoffInputData:
    """Fold the conversation so far into one message, a transcript, that the next agent starts from.

    Tool calls, their outputs and reasoning are left out of it. Images and files of messages stand
    behind the transcript, which says where they belong.

    Args:
        handoff_input_data: The conversation.
        history_mapper: Makes other items of all that was said; None: that message.

    Raises:
        UserError: The mapper returned no items.
    """
    data = handoff_input_data
    items = [
        *ItemHelpers.input_to_new_input_list(
            data.input_history if isinstance(data.input_history, str) else list(data.input_history)
        ),
        *(item.to_input_item() for item in (*data.pre_handoff_items, *data.sent_items)),
    ]
    if history_mapper is not None:
        mapped = history_mapper(items)
        if not isinstance(mapped, Iterable) or isinstance(mapped, str | dict):
            raise UserError(f"A history mapper must return input items, got {repr_of(mapped)}")
        made = tuple(mapped)
    else:
        compacted = [item for item in items if _is_said(item) and not _is_message(item)]
        folded = {"role": "user", "content": _folded(filter(_is_message, items))}
        made = (*compacted, folded)
    return data.clone(input_history=made, pre_handoff_items=(), new_items=(), input_items=None)


def _folded(messages: Iterable[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A transcript of messages, with what they hold beside text behind it."""
    lines = [_FOLDED_BEGINS]
    others: list[dict[str, Any]] = []
    for message in messages:
        words = _text(message)
        for part in _other_parts(message):
            others.append(part)
            mark = f"[{part['type'].removeprefix('input_')} {len(others)}]"
            if mark not in words:  # as it is where this was folded before
                words = f"{words} {mark}".lstrip()
        if words.startswith(_FOLDED_BEGINS):  # at an earlier handoff
            lines += words.split("\n")[1:]
        else:
            lines.append(f"{message['role']}: {words or '(no text)'}")
    transcript = "\n".join(lines)
    return [{"type": "input_text", "text": transcript}, *others] if others else transcript


def _messages(items: Iterable[RunItem]) -> tuple[RunItem, ...]:
    return tuple(item for item in items if _is_said(item.to_input_item()))


def _is_said(item: dict[str, Any]) -> bool:
    """Whether it is a message, or what the server has made of many."""
    return _is_message(item) or item.get("type") in ("compaction", "compaction_summary")


def _is_message(item: dict[str, Any]) -> bool:
    return "role" in item and item.get("type", "message") == "message"


def _text(message: dict[str, Any]) -> str:
    said = ResponsesObject(message)
    return ItemHelpers.extract_text(said) or ItemHelpers.extract_refusal(said) or ""


def _other_parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Images, files and the like."""
    content = message.get("content")
    parts = content if isinstance(content, list) and message["role"] != "assistant" else []
    return [
        part
        for part in parts
        if isinstance(part, dict) and part.get("type") not in (None, "input_text", "text")
    ]
