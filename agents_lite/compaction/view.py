"""What is shown of a conversation: pure functions from items to fewer items."""

from __future__ import annotations

import re

from ..history import without_lost_reasoning
from ..items import TResponseInputItem
from ..response_types import json_bytes

Items = list[TResponseInputItem]

CLEARED = "(This result was cleared to save room. Call the tool again if it is needed.)"
_SUMMARY = "Summary of the conversation so far, of which only the latest part follows:\n\n"
_CLEARABLE = ("function_call_output", "custom_tool_call_output")
_FILE = re.compile(rb'"data:[^"]{400,}"')
_TOKENS_OF_FILE = 1000
_TELLING = "name action operation arguments queries code output outputs results error".split()
"""Fields of calls and their outputs, of any kind, that say what was done and what came of it."""


def estimate_tokens(value: object) -> int:
    """About how many tokens something has, by its JSON: 4 bytes each, 1,000 for a file in it."""
    text = json_bytes(value)
    files = len(_FILE.findall(text))
    return len(_FILE.sub(b"", text) if files else text) // 4 + files * _TOKENS_OF_FILE


def compacted(items: Items, cleared: int, covered: int, summary: str | None) -> Items:
    """What is left of a conversation.

    Args:
        items: The conversation.
        cleared: So many items, from the first on, lose their tool results.
        covered: So many are covered by the summary. Of those, the system's messages and the latest
            item that the server has compacted stay; so does the latest message of the user's, if
            none follows.
        summary: The summary, or None, if none is covered.
    """
    left = [_cleared(item) if place < cleared else item for place, item in enumerate(items)]
    if summary is not None:
        asked = [] if any(map(is_from_user, left[covered:])) else _last_of_user(left[:covered])
        message = {"role": "user", "content": _SUMMARY + summary}
        left = [*heads(left[:covered]), message, *asked, *left[covered:]]
    return without_lost_reasoning(items, left)


def heads(items: Items) -> Items:
    """The items that no summary may cover: of the system, and the server's latest compaction."""
    compactions = [place for place, item in enumerate(items) if item.get("type") == "compaction"]
    return [
        item
        for place, item in enumerate(items)
        if item.get("role") in ("system", "developer") or place in compactions[-1:]
    ]


def summary_in(items: Items) -> str | None:
    """The latest summary among the items, or None."""
    texts = [item["content"].removeprefix(_SUMMARY) for item in items if is_summary(item)]
    return texts[-1] if texts else None


def is_summary(item: TResponseInputItem) -> bool:
    """Whether an item is a summary."""
    content = item.get("content")
    return item.get("role") == "user" and isinstance(content, str) and content.startswith(_SUMMARY)


def is_from_user(item: TResponseInputItem) -> bool:
    """Whether an item is a message of the user's."""
    return item.get("role") == "user" and not is_summary(item)


def is_result(item: TResponseInputItem) -> bool:
    """Whether an item is a tool result that can be cleared."""
    return item.get("type") in _CLEARABLE


def as_transcript(item: TResponseInputItem) -> str:
    """An item in words, for whoever summarises it."""
    kind = item.get("type", "message")
    if kind == "message":
        return f"{item.get('role')}: {_text_of(item.get('content'))}"
    if kind in ("function_call", "custom_tool_call"):
        arguments = item.get("arguments", item.get("input"))
        return f"assistant calls {item.get('name')}: {arguments}"
    if is_result(item):
        return f"result: {_text_of(item.get('output'))}"
    if kind == "reasoning":
        return _text_of(item.get("summary"))
    told = [item[name] for name in _TELLING if item.get(name)]
    return f"{kind}: {' '.join(_text_of(value) or _without_files(value) for value in told)}"


def _without_files(value: object) -> str:
    return _FILE.sub(b'"(a file)"', json_bytes(value)).decode()


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text", part.get("refusal")) for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _cleared(item: TResponseInputItem) -> TResponseInputItem:
    if not is_result(item) or estimate_tokens(item["output"]) <= estimate_tokens(CLEARED):
        return item
    return {**item, "output": CLEARED}


def _last_of_user(items: Items) -> Items:
    """The latest message of the user's, with those right before it."""
    end = len(items)
    while end and not is_from_user(items[end - 1]):
        end -= 1
    start = end
    while start and is_from_user(items[start - 1]):
        start -= 1
    return items[start:end]
