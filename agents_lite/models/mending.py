"""Output items of servers that are sloppy, in the form in which the API takes them back."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json, to_json

from ..history import without_id
from ..schema.plain_meaning import with_escapes
from .foreign_ids import LONGEST_CALL_ID

Item = dict[str, Any]

_NOTHING = ("", "null", "[]", '""')
"""Texts that stand for no arguments; PHP writes an empty object as an empty list."""


def mend_output(output: list[Item]) -> list[Item]:
    """The items of an answer, those mended whose meaning is plain; none is changed in place.

    Arguments that are null, left out or blank become `{}`, and so do JSON texts of null, of an
    empty text and of an empty list; an object becomes its JSON text, JSON of such a text becomes
    that text, and line breaks in strings are escaped. Of two calls with the same id, the second
    gets an id of its own. A message beside a call may do without content, and a text part of it
    without text.
    """
    if not any(map(_is_call, output)):
        return output
    seen: set[str] = set()
    mended = []
    for item in output:
        if item.get("type") == "message":
            item = _with_content(item)
        elif item.get("type") == "function_call":
            item = _with_arguments(item)
        if _has_call_id(item):
            if item["call_id"] in seen:
                listed = {other["call_id"] for other in output if _has_call_id(other)}
                item = _with_other_id(item, seen | listed)
            seen.add(item["call_id"])
        mended.append(item)
    return mended


def _is_call(item: Item) -> bool:
    return str(item.get("type")).endswith("_call")


def _has_call_id(item: Item) -> bool:
    return _is_call(item) and isinstance(item.get("call_id"), str) and item["call_id"] != ""


def _with_arguments(item: Item) -> Item:
    arguments = item.get("arguments")
    if isinstance(arguments, str):
        text = arguments.strip()
        if text in _NOTHING:
            return item if arguments == "" else {**item, "arguments": "{}"}
        if text.startswith('"'):
            return {**item, "arguments": _unwrapped(text)}
        escaped = arguments if text.isprintable() else with_escapes(arguments)
        return item if escaped is arguments else {**item, "arguments": escaped}
    return {**item, "arguments": to_json({} if arguments in (None, []) else arguments).decode()}


def _unwrapped(text: str) -> str:
    """The JSON object that JSON text in a string in JSON amounts to; else the text as it is."""
    try:
        inside = from_json(text)
    except (ValueError, TypeError):  # TypeError: halves of characters
        return text
    is_more = isinstance(inside, str) and inside.lstrip()[:1] in ("{", '"')
    return _unwrapped(inside.strip()) if is_more else text


def _with_other_id(item: Item, taken: set[str]) -> Item:
    """The call under an id of its own; its item id goes, since it may be that of the first too."""
    number = 2
    while (call_id := f"{item['call_id'][: LONGEST_CALL_ID - 4]}_{number}") in taken:
        number += 1
    return {**without_id(item), "call_id": call_id}


def _with_content(item: Item) -> Item:
    content = item.get("content")
    if content is None:
        return {**item, "content": []}
    if not isinstance(content, list) or all(map(_has_text, content)):
        return item
    return {**item, "content": [p if _has_text(p) else {**p, "text": ""} for p in content]}


def _has_text(part: Any) -> bool:
    """Whether nothing is to be mended about a part of a message."""
    is_text = isinstance(part, dict) and part.get("type") == "output_text"
    return not is_text or part.get("text") is not None
