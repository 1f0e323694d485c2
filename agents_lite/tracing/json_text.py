"""Spans as JSON text: whatever they hold, and never more than the endpoint takes."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import to_json

MAX_FIELD_BYTES = 100_000
"""Size of one field's JSON above which the traces endpoint refuses a span."""

_ROOM_FOR_MARKS = 200
_SMALLEST_PIECE = 100


def json_text(value: Any) -> bytes:
    """The JSON text of any value.

    What JSON cannot express is replaced by its `str()`; fields, and fields of fields, that are too
    large are cut, with a mark.
    """
    text = _plain_json(value)
    if text is not None and len(text) <= MAX_FIELD_BYTES:
        return text
    return to_json(_fit(_plain_value(value)))


def _fit(value: Any, levels: int = 2) -> Any:
    if _size(value) <= MAX_FIELD_BYTES:
        return value
    if levels and isinstance(value, dict):
        return {name: _fit(inner, levels - 1) for name, inner in value.items()}
    return _cut(value, MAX_FIELD_BYTES - _ROOM_FOR_MARKS)


def _plain_value(value: Any, levels: int = 3) -> Any:
    """The value made of JSON values only; what has no JSON is replaced by its `str()`.

    Objects are looked into for so many levels, to lose only those fields that are at fault.
    """
    try:
        return json.loads(_plain_json(value) or "")
    except (ValueError, RecursionError):
        pass
    if levels and isinstance(value, dict):
        return {_describe(key): _plain_value(inner, levels - 1) for key, inner in value.items()}
    return _describe(value)


def _plain_json(value: Any) -> bytes | None:
    """The value's JSON text, or None where there is none: cycles, odd keys, objects that raise."""
    try:
        return to_json(value, bytes_mode="base64", inf_nan_mode="null", fallback=_as_plain)
    except Exception:
        pass
    try:  # takes half a surrogate pair, as models do produce
        return json.dumps(value, default=_as_plain, allow_nan=False).encode()
    except Exception:
        return None


def _as_plain(value: Any) -> Any:
    return value.model_dump() if hasattr(type(value), "model_dump") else str(value)


def _describe(value: Any) -> str:
    try:
        return str(value).encode("utf-8", "replace").decode()
    except Exception:
        return f"[a {type(value).__name__} that has no text]"


def _cut(value: Any, limit: int) -> Any:
    """The beginning of a JSON value, about `limit` bytes of JSON text, with marks where it ends."""
    if isinstance(value, str):
        return _cut_text(value, limit)
    if isinstance(value, dict):
        return dict(_cut_entries(list(value.items()), limit, "cut"))
    if isinstance(value, list):
        return [element for _, element in _cut_entries(list(enumerate(value)), limit, None)]
    return value


def _cut_text(text: str, limit: int) -> str:
    kept = text
    while (size := _size(kept)) > limit:
        kept = kept[: len(kept) * limit // size]
    return text if kept is text else f"{kept}... [cut: {len(text)} characters in all]"


def _cut_entries(
    entries: list[tuple[Any, Any]], limit: int, mark_key: str | None
) -> list[tuple[Any, Any]]:
    kept: list[tuple[Any, Any]] = []
    for key, value in entries:
        size = _size([key, value])
        if size > limit:
            if limit > _SMALLEST_PIECE:
                kept.append((key, _cut(value, limit)))
            left = len(entries) - len(kept)
            mark = f"[cut: {left} more of {len(entries)}]"
            return [*kept, (mark_key, mark if mark_key else {"cut": mark})] if left else kept
        kept.append((key, value))
        limit -= size
    return kept


def _size(value: Any) -> int:
    return len(_plain_json(value) or b"")
