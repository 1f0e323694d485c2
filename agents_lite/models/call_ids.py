"""Ids of calls that other servers have made longer than the Responses API takes them back."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

LONGEST = 64
"""Characters. Source: the API's refusal of longer ones, `string_above_max_length`."""
_THOUGHT = "__thought__"
"""In an id of LiteLLM's it stands before a signature, which is for LiteLLM alone to take back."""


def is_too_long(call_id: Any) -> bool:
    """Whether the API would refuse an id."""
    return isinstance(call_id, str) and len(call_id) > LONGEST and _THOUGHT not in call_id


def with_short_ids(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A history with other ids for the calls in it whose ids are too long, always the same ones.

    An output of a call that only the server knows keeps the id that the server knows.
    """
    short = {
        item["call_id"]: _short(item["call_id"])
        for item in items
        if str(item.get("type")).endswith("_call") and is_too_long(item.get("call_id"))
    }
    return [
        {**item, "call_id": short[call_id]}
        if isinstance(call_id := item.get("call_id"), str) and call_id in short
        else item
        for item in items
    ]


def _short(call_id: str) -> str:
    return f"call_{sha256(call_id.encode('utf-8', 'replace')).hexdigest()[:48]}"
