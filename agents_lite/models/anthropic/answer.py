"""Answers of the Messages API as chunks of Chat Completions.

Source: https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

Json = dict[str, Any]

_FINISH_REASONS = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "pause_turn": "pause_turn",
}
"""By `stop_reason`; any other stands for an answer that came to its end."""


def as_chunks(answer: Iterator[Json]) -> Iterator[Json]:
    """The chunks for the events of a stream, or for a whole message.

    Behind a pause the answer goes on with further messages; their tokens are added to those before.
    Thinking comes as `thinking_blocks`, too, which keep its signature.
    """
    usage: Json = {}
    spent: Json = {}  # by the messages before
    number = 0
    begun: Json | None = None  # the message that has not ended
    calls: set[Any] = set()  # what the server itself calls, such as a search, has input, too
    for event in answer:
        kind = event.get("type")
        index = event.get("index") if number < 2 else f"{number}.{event.get('index')}"
        if kind == "message" or (kind is None and "content" in event):
            number += 1
            spent = _added(spent, event.get("usage") or {})
            blocks = [
                _begun(at if number < 2 else f"{number}.{at}", block)
                for at, block in enumerate(_blocks(event["content"]))
            ]
            yield _chunk({}, id=event.get("id"), model=event.get("model"))
            yield from map(_chunk, blocks)
            yield _end(event, spent)
        elif kind == "message_start":
            message = event.get("message") or {}
            if begun is None:
                number += 1
                spent, usage = _added(spent, usage), {}
            elif begun.get("id") not in (None, message.get("id")):  # of a gateway that tries again
                yield {"error": {"message": "a message began before another one had ended"}}
                return
            begun, usage = message, message.get("usage") or usage
            yield _chunk({}, id=message.get("id"), model=message.get("model"))
        elif kind == "content_block_start":
            block = event["content_block"]
            if block.get("type") == "tool_use":
                calls.add(index)
            yield _chunk(_begun(index, block))
        elif kind == "content_block_delta":
            delta = event["delta"]
            if index in calls or delta.get("type") != "input_json_delta":
                yield _chunk(_more(index, delta))
        elif kind == "message_delta":
            begun = None
            counted = event.get("usage") or {}
            known = {name: count for name, count in counted.items() if count is not None}
            usage = {**usage, **known}
            yield _end(event.get("delta") or {}, _added(spent, usage))
        elif kind == "message_stop":
            yield {"choices": [], "usage": _usage(_added(spent, usage))}
            return
        elif "error" in event:
            yield {"error": event["error"]}


def _blocks(content: Any) -> list[Json]:
    """The blocks of a message; a text stands for one of that text, null for none."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content or () if block is not None]


def _chunk(delta: Json, **facts: Any) -> Json:
    return {**facts, "choices": [{"delta": delta}]}


def _end(message: Json, usage: Json) -> Json:
    why = message.get("stop_reason")  # None: there is more to come
    reason = None if why is None else _FINISH_REASONS.get(why, "stop")
    return {"choices": [{"delta": {}, "finish_reason": reason}], "usage": _usage(usage)}


def _begun(index: Any, block: Json) -> Json:
    """The delta for a block as it begins, or as it is."""
    kind = block.get("type")
    if kind == "text":
        return {"content": block.get("text")}
    if kind == "thinking":
        return {
            "reasoning_content": block.get("thinking"),
            "thinking_blocks": [{**block, "index": index}],
        }
    if kind == "redacted_thinking":
        return {"thinking_blocks": [{**block, "index": index}]}
    if kind == "tool_use":
        arguments = to_json(block["input"]).decode() if block.get("input") else ""
        function = {"name": block.get("name"), "arguments": arguments}
        return {"tool_calls": [{"index": index, "id": block.get("id"), "function": function}]}
    return {}


def _more(index: Any, delta: Json) -> Json:
    """The delta for some more of a block."""
    kind = delta.get("type")
    if kind == "text_delta":
        return {"content": delta.get("text")}
    if kind == "input_json_delta":
        return {
            "tool_calls": [{"index": index, "function": {"arguments": delta.get("partial_json")}}]
        }
    if kind == "thinking_delta":
        piece = {"type": "thinking", "index": index, "thinking": delta.get("thinking")}
        return {"reasoning_content": delta.get("thinking"), "thinking_blocks": [piece]}
    if kind == "signature_delta":
        piece = {"type": "thinking", "index": index, "signature": delta.get("signature")}
        return {"thinking_blocks": [piece]}
    return {}


def _added(before: Json, counted: Json) -> Json:
    """Counts of two messages in one."""
    added = {**before, **counted}
    for name in before.keys() & counted.keys():
        first, second = before[name], counted[name]
        if isinstance(first, dict) and isinstance(second, dict):
            added[name] = _added(first, second)
        elif isinstance(first, int) and isinstance(second, int):
            added[name] = first + second
        elif second is None:
            added[name] = first
    return added


def _usage(counted: Json) -> Json:
    """Usage of a chat completion; the Messages API counts cached tokens apart from the others."""
    read = counted.get("cache_read_input_tokens") or 0
    written = counted.get("cache_creation_input_tokens") or 0
    by_time = counted.get("cache_creation") or {}
    for_an_hour = by_time.get("ephemeral_1h_input_tokens") or 0
    return {
        **{name: counted[name] for name in counted.keys() - {"input_tokens", "output_tokens"}},
        "prompt_tokens": (counted.get("input_tokens") or 0) + read + written,
        "prompt_tokens_details": {
            "cached_tokens": read,
            "cache_write_tokens": written,
            **({"cache_write_1h_tokens": for_an_hour} if for_an_hour else {}),
        },
        "completion_tokens": counted.get("output_tokens") or 0,
    }
