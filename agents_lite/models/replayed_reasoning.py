"""Reasoning that is meant for the server it came from, and for no other."""

from __future__ import annotations

from typing import Any

REPLAYED = "replayed"
"""The field of a reasoning item from Chat Completions that says what to send back, and where.

{"host": ..., "message": {fields of the message}, "calls": {call id: {fields of the call}}}: what a
server may insist on seeing again, such as `reasoning_content` or the signatures of its thoughts.
With "is_late" it came within the answer, and so belongs to the message before it, too.
"""


def without_replayed(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items without such reasoning; the very same list where there is none."""
    if True not in [REPLAYED in item for item in items]:
        return items
    return [item for item in items if REPLAYED not in item]
