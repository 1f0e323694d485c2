"""A turn as a response object, and a response object as the events that stream it.

Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import copy
import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..response_types import json_bytes
from .builders import OutputItem, Turn

Event = dict[str, Any]

_ID_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}
_TERMINAL_EVENTS = {"failed": "response.failed", "incomplete": "response.incomplete"}
_TEXT_FIELDS = {
    "output_text": "text",
    "refusal": "refusal",
    "reasoning_text": "text",
    "summary_text": "text",
}
_UNFILLED: dict[str, dict[str, Any]] = {
    "message": {"content": []},
    "function_call": {"arguments": ""},
    "reasoning": {"summary": []},
}


def new_id(prefix: str) -> str:
    """An id in the API's form, such as "resp_" and 32 hexadecimal digits."""
    return f"{prefix}_{os.urandom(16).hex()}"


def build_response(turn: Turn, echoed: Mapping[str, Any]) -> dict[str, Any]:
    """The finished response object of a turn.

    Args:
        turn: What to answer.
        echoed: Fields that a response repeats from its request, such as the model.
    """
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "tool_choice": "auto",
        "tools": [],
        **echoed,
        "output": [_with_ids(item) for item in turn.output],
        "usage": turn.usage,
        **turn.fields,
    }


def stream_events(response: dict[str, Any]) -> Iterator[Event]:
    """All the events with which the API streams that response, numbered from 0."""
    for number, event in enumerate(_events(response)):
        event["sequence_number"] = number
        yield event


def terminal_event(response: dict[str, Any]) -> Event:
    """The event that ends the response's stream and holds it whole."""
    kind = _TERMINAL_EVENTS.get(response["status"], "response.completed")
    return {"type": kind, "response": response}


def encode_sse(event: Event) -> bytes:
    """One server-sent event."""
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json_bytes(event))


def _with_ids(item: OutputItem) -> OutputItem:
    item = copy.deepcopy(item)
    kind = item.get("type")
    if kind in _ID_PREFIXES:
        item.setdefault("id", new_id(_ID_PREFIXES[kind]))
    if kind == "function_call":
        item.setdefault("call_id", new_id("call"))
    return item


def _events(response: dict[str, Any]) -> Iterator[Event]:
    begun = {
        **response,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response["output"]):
        yield from _item_events(item, index)
    yield terminal_event(response)


def _item_events(item: OutputItem, index: int) -> Iterator[Event]:
    kind = item["type"]
    begun = {**item, **_UNFILLED.get(kind, {})}
    if "status" in item:
        begun["status"] = "in_progress"
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    where = {"item_id": item.get("id"), "output_index": index}
    if kind == "function_call":
        yield from _text_events("function_call_arguments", "arguments", item, where)
    if kind == "reasoning":
        for number, part in enumerate(item["summary"]):
            here = {**where, "summary_index": number}
            yield from _part_events("reasoning_summary_part", "reasoning_summary_text", part, here)
    if kind in ("message", "reasoning"):
        for number, part in enumerate(item.get("content") or []):
            here = {**where, "content_index": number}
            yield from _part_events("content_part", part["type"], part, here)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _part_events(
    name: str, text_name: str, part: dict[str, Any], where: dict[str, Any]
) -> Iterator[Event]:
    """The events of one part; `name` is what the API calls it there, `text_name` its text."""
    field = _TEXT_FIELDS.get(part["type"])
    begun = {**part, "annotations": []} if "annotations" in part else dict(part)
    if field:
        begun[field] = ""
    yield {"type": f"response.{name}.added", **where, "part": begun}
    if field:
        yield from _text_events(text_name, field, part, where)
    yield {"type": f"response.{name}.done", **where, "part": part}


def _text_events(
    name: str, field: str, holder: dict[str, Any], where: dict[str, Any]
) -> Iterator[Event]:
    for piece in re.findall(r"\w+\W*|\W+", holder[field]):
        yield {"type": f"response.{name}.delta", **where, "delta": piece}
    for number, annotation in enumerate(holder.get("annotations") or ()):
        yield {
            "type": "response.output_text.annotation.added",
            **where,
            "annotation_index": number,
            "annotation": annotation,
        }
    yield {"type": f"response.{name}.done", **where, field: holder[field]}
