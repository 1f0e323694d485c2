"""Ids that other servers have given, in forms that the Responses API does not take back."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from ..history import without_id

LONGEST_CALL_ID = 64
"""Characters that a call's id may have. Source: the API's refusal, `string_above_max_length`."""
_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}
"""How ids of items begin that may lack one. Source: the API's refusal, `invalid_id_prefix`."""
_THOUGHT = "__thought__"
"""In an id of LiteLLM's it stands before a signature, which is for LiteLLM alone to take back."""


def is_foreign(item: dict[str, Any]) -> bool:
    """Whether the API would refuse an id of an item."""
    if item.get("id") is not None and _has_foreign_id(item):
        return True
    call_id = item.get("call_id")
    return call_id is not None and _is_too_long(call_id)


def without_foreign_ids(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A history without ids of items that the API would refuse, and with other ids for the calls
    in it whose ids are too long, always the same ones.

    An output of a call that only the server knows keeps the id that the server knows.
    """
    short = {
        item["call_id"]: _short(item["call_id"])
        for item in items
        if str(item.get("type")).endswith("_call") and _is_too_long(item.get("call_id"))
    }
    changed = []
    for item in items:
        if _has_foreign_id(item):
            item = without_id(item)
        if _is_too_long(item.get("call_id")) and item["call_id"] in short:
            item = {**item, "call_id": short[item["call_id"]]}
        changed.append(item)
    return changed


def _has_foreign_id(item: dict[str, Any]) -> bool:
    prefix = _PREFIXES.get(item.get("type") or "message")
    return prefix is not None and not str(item.get("id", prefix)).startswith(prefix)


def _is_too_long(call_id: Any) -> bool:
    return isinstance(call_id, str) and len(call_id) > LONGEST_CALL_ID and _THOUGHT not in call_id


def _short(call_id: str) -> str:
    return f"call_{sha256(call_id.encode('utf-8', 'replace')).hexdigest()[:48]}"
