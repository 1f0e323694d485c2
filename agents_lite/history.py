"""Keeps histories valid: calls with their outputs, reasoning with what it led to.

A history is a list of input items, dicts in the shapes of the Responses API; an item without a
`type` is a message. Hosted tools (web search, code interpreter ...) run on the server, so their
calls are complete in themselves.

Source of the shapes: https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from .items import TResponseInputItem
from .shown import escaped

_CALLS_BY_OUTPUT = {
    "function_call_output": "function_call",
    "custom_tool_call_output": "custom_tool_call",
    "computer_call_output": "computer_call",
    "shell_call_output": "shell_call",
    "local_shell_call_output": "local_shell_call",
    "apply_patch_call_output": "apply_patch_call",
    "tool_search_output": "tool_search_call",
    "mcp_approval_response": "mcp_approval_request",
}
"""The outputs that the caller sends, and the calls they answer."""
_CALL_IDS = {
    "local_shell_call_output": "id",
    "mcp_approval_request": "id",
    "mcp_approval_response": "approval_request_id",
}
"""Where those have the call's id that have no `call_id`."""
_CALL_TYPES = _CALLS_BY_OUTPUT | {call: call for call in _CALLS_BY_OUTPUT.values()}
"""Calls and outputs alike, each with the type of the call."""
_LEADING_TYPES = {"reasoning", *_CALLS_BY_OUTPUT.values()}
"""Items that must not be cut from what follows them."""

MAY_LACK_ID = ("message", "function_call", "custom_tool_call")
"""Items of the model that the API takes without their ids."""

_logger = logging.getLogger("agents_lite")


def mend_history(items: list[TResponseInputItem]) -> list[TResponseInputItem]:
    """The history without what the API would refuse; the very same list when nothing is wrong.

    Left out are calls without an output, outputs without a call before them (second outputs of a
    call too), reasoning that is not followed by what it led to, such as that before a call
    left out, and items that stand there twice. What was left out is logged, one warning for each
    history.
    """
    sole = _without_copies(items)
    broken = _unpaired(sole)
    if _holds(sole, "reasoning"):
        broken |= _reasoning_without_follower(sole, broken)
    if not broken and sole is items:
        return items
    kept = [item for index, item in enumerate(sole) if index not in broken]
    counts = Counter(map(_type_of, items)) - Counter(map(_type_of, kept))
    if counts:
        _logger.warning(
            "Left out of the history, as the API would refuse it: %s. Calls need their outputs, "
            "outputs their calls, reasoning the item it led to, and an item may stand there once.",
            escaped(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))),
        )
    return without_lost_reasoning(sole, kept)


def without_lost_reasoning(
    before: list[TResponseInputItem], after: list[TResponseInputItem]
) -> list[TResponseInputItem]:
    """A history that is part of another, without ids of items whose reasoning was left out.

    The server looks an item up by its id, and then wants the reasoning before it: "provided
    without its required 'reasoning' item". It looks up reasoning, too, and wants what followed it,
    so that reasoning goes with that: "provided without its required following item".
    """
    after = _without_lost_followers(before, after)
    kept = {_id_of(item) for item in after if item.get("type") == "reasoning"}
    followers = set()
    is_lost = False
    for item in before:
        if item.get("type") == "reasoning":
            is_lost = _id_of(item) not in kept
        elif not _is_from_model(item):
            is_lost = False
        elif is_lost and _id_of(item) and item.get("type", "message") in MAY_LACK_ID:
            followers.add(_id_of(item))
    if not followers:
        return after
    return [without_id(item) if _id_of(item) in followers else item for item in after]


def _without_lost_followers(
    before: list[TResponseInputItem], after: list[TResponseInputItem]
) -> list[TResponseInputItem]:
    """A history that is part of another, without reasoning of which the next item is left out."""
    names = {name for item in after for name in _names_of(item)}
    lost = set()
    follower: TResponseInputItem | None = None
    for item in reversed(before):
        if item.get("type") != "reasoning":
            follower = item if _is_from_model(item) else None
        elif follower is not None:
            known = _names_of(follower)
            if names.isdisjoint(known) if known else follower not in after:
                lost.add(_id_of(item))
    lost.discard(None)
    if not lost:
        return after
    return [item for item in after if item.get("type") != "reasoning" or _id_of(item) not in lost]


def _type_of(item: TResponseInputItem) -> str:
    return item.get("type") or "message"


def _id_of(item: TResponseInputItem) -> str | None:
    given = item.get("id")
    return given if isinstance(given, str) else None


def ids_of(items: list[TResponseInputItem]) -> list[str]:
    """The ids that items of a server have, in their order."""
    return [name for name in map(_id_of, items) if name]


def without_id(item: TResponseInputItem) -> TResponseInputItem:
    """The item without its id."""
    return {name: value for name, value in item.items() if name != "id"}


def _names_of(item: TResponseInputItem) -> list[str]:
    """What an item is known by, wherever it stands."""
    return [name for name in (item.get("id"), item.get("call_id")) if isinstance(name, str)]


def without_reasoning_ids(items: list[TResponseInputItem]) -> list[TResponseInputItem]:
    """A history whose reasoning the server does not look up by its ids."""
    return [without_id(item) if item.get("type") == "reasoning" else item for item in items]


def without_stored_reasoning(items: list[TResponseInputItem]) -> list[TResponseInputItem]:
    """A history for a server that keeps nothing, where reasoning cannot be looked up by its id:
    only that which brings its content goes along, encrypted or not.
    """
    kept = [
        item
        for item in items
        if item.get("type") != "reasoning" or item.get("encrypted_content") or item.get("content")
    ]
    return items if len(kept) == len(items) else without_lost_reasoning(items, kept)


def latest_items(items: list[TResponseInputItem], limit: int) -> list[TResponseInputItem]:
    """The newest `limit` items, or fewer: neither a call is cut from its output nor reasoning from
    what it led to.
    """
    start = max(len(items) - limit, 0)
    while 0 < start < len(items) and _belong_together(items[start - 1], items[start]):
        start += 1
    latest = items[start:]
    unpaired = _unpaired(latest)
    kept = [
        item for index, item in enumerate(latest) if index not in unpaired or not _is_output(item)
    ]
    return without_lost_reasoning(items, kept)


def turn_starts(items: list[TResponseInputItem]) -> list[int]:
    """Where a history may be cut in two: before a message of the user's that follows something
    else, and before what the model made of outputs. No call is open there.
    """
    starts = []
    waiting: set[tuple[str, str]] = set()
    before: TResponseInputItem = {}
    for index, item in enumerate(items):
        asks = item.get("role") == "user" and before.get("role") != "user"
        if not waiting and (asks or (_is_from_model(item) and _is_output(before))):
            starts.append(index)
        pair = _pair(item)
        if pair is not None:
            (waiting.discard if _is_output(item) else waiting.add)(pair)
        before = item
    return starts


def _without_copies(items: list[TResponseInputItem]) -> list[TResponseInputItem]:
    """A history in which each id stands once: "Duplicate item found with id".

    A copy is left out, also one with another status or with nulls. What a server has given an id
    again that it had given before stays, without the id where it may lack it, and so do messages
    and calls that were answered differently: a server may have said the same twice.
    """
    ids = ids_of(items)
    if len(set(ids)) == len(ids):
        return items
    outputs: dict[Any, Any] = {}
    made_again = {
        pair
        for item in items
        if _is_output(item) and (pair := _pair(item))
        if outputs.setdefault(pair, item.get("output")) != item.get("output")
    }
    first: dict[str, TResponseInputItem] = {}
    sole = []
    for item in items:
        name, item_type = _id_of(item), _type_of(item)
        if name in first:
            is_said_anew = item_type == "message" or _pair(item) in made_again
            if not is_said_anew and _substance(first[name]) == _substance(item):
                continue
            if item_type in MAY_LACK_ID:
                item = without_id(item)
        elif name:
            first[name] = item
        sole.append(item)
    return sole


def _substance(item: TResponseInputItem) -> TResponseInputItem:
    return {name: value for name, value in item.items() if name != "status" and value is not None}


def _unpaired(items: list[TResponseInputItem]) -> set[int]:
    """Indices of the calls that no output follows, and of the outputs that answer no call."""
    waiting: dict[tuple[str, str], int] = {}
    unpaired: set[int] = set()
    outputs_alone: set[int] = set()
    for index, item in enumerate(items):
        pair = _pair(item)
        if pair is None:
            continue
        call_index = waiting.pop(pair, None)
        if _is_output(item):
            if call_index is None:
                outputs_alone.add(index)
        else:
            waiting[pair] = index
            if call_index is not None:  # asked again before it was answered
                unpaired.add(call_index)
    unpaired.update(  # a question at the end may be answered yet
        index
        for (kind, _), index in waiting.items()
        if kind != "mcp_approval_request" or any("role" in item for item in items[index:])
    )
    if outputs_alone and not _holds(items, "item_reference"):  # which may be to their calls
        unpaired |= outputs_alone
    return unpaired


def _reasoning_without_follower(items: list[TResponseInputItem], left_out: set[int]) -> set[int]:
    """Indices of the reasoning items not followed by an item of the model that stays."""
    lonely = set()
    is_followed = False
    for index in range(len(items) - 1, -1, -1):
        if items[index].get("type") != "reasoning":
            is_followed = index not in left_out and _is_from_model(items[index])
        elif not is_followed:
            lonely.add(index)
    return lonely


def _holds(items: list[TResponseInputItem], item_type: str) -> bool:
    return item_type in [item.get("type") for item in items]


def _belong_together(item: TResponseInputItem, following: TResponseInputItem) -> bool:
    return item.get("type") in _LEADING_TYPES or _is_output(following)


def _pair(item: TResponseInputItem) -> tuple[str, str] | None:
    """What a call and its output have in common, or None for an item complete in itself."""
    item_type = item.get("type", "message")
    call_type = _CALL_TYPES.get(item_type)
    if call_type is None:
        return None
    call_id = item.get("call_id")
    if not call_id and item_type in _CALL_IDS:
        call_id = item.get(_CALL_IDS[item_type])
    if not isinstance(call_id, str) or not call_id:  # calls that the server ran may have none
        return None
    return call_type, call_id


def _is_output(item: TResponseInputItem) -> bool:
    return item.get("type") in _CALLS_BY_OUTPUT


def _is_from_model(item: TResponseInputItem) -> bool:
    return item.get("role", "assistant") == "assistant" and not _is_output(item)
