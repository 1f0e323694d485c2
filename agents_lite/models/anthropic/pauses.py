"""Pauses of the Messages API: while tools of its own are at work it may end a message, and goes on
with it once it is sent back as it is.

Source: https://docs.claude.com/en/api/handling-stop-reasons#pause-turn
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic_core import from_json

Json = dict[str, Any]

MOST_PAUSES = 10
"""Times that an answer is gone on with; one that pauses once more has failed."""
_PLACES = {"message_start": "message", "message_delta": "delta"}
"""Where events tell of their message."""


def without_pauses(
    answer: Iterator[Json], go_on: Callable[[list[Json], Any], Iterator[Json]]
) -> Iterator[Json]:
    """The events of an answer, or its message, up to its end; behind a pause, those that follow.

    Args:
        answer: The events of a stream, or a whole message.
        go_on: Gives the answer to the same request with what the model has said so far, its blocks
            and its container, maybe None.
    """
    said: list[Json] = []
    container: Any = None
    for pauses in range(MOST_PAUSES + 1):
        blocks: dict[Any, Json] = {}
        is_paused = False
        for event in answer:
            kind = event.get("type")
            _take(event, blocks)
            place = _PLACES.get(str(kind))
            told = event if place is None else event.get(place) or {}
            container = told.get("container") or container
            if told.get("stop_reason") == "pause_turn" and pauses < MOST_PAUSES:
                is_paused = True
                told = {**told, "stop_reason": None}
                event = told if place is None else {**event, place: told}
            if kind != "message_stop" or not is_paused:
                yield event
            if kind == "message_stop":
                break
        if not is_paused:
            return
        said += filter(None, map(_whole, blocks.values()))
        answer = go_on(said, container)


def _take(event: Json, blocks: dict[Any, Json]) -> None:
    """Put an event's part of the message's blocks to the others."""
    if event.get("type") == "content_block_start":
        blocks[event.get("index")] = dict(event["content_block"])
    elif event.get("type") == "content_block_delta":
        block, delta = blocks.setdefault(event.get("index"), {}), event["delta"]
        for name in ("text", "thinking", "signature", "partial_json"):
            if delta.get(name):
                block[name] = (block.get(name) or "") + delta[name]
        if delta.get("citation"):
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
    elif isinstance(event.get("content"), list):
        blocks |= enumerate(event["content"])


def _whole(block: Json) -> Json | None:
    """A block as the API takes it back; None for a text of nothing, which it refuses."""
    if "partial_json" in block:
        block["input"] = from_json(block.pop("partial_json"))
    return None if block.get("type") == "text" and not block["text"].strip() else block
