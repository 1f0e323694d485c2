"""Compaction without a service: the newest whole turns of a history."""

from __future__ import annotations

import json
from collections.abc import Callable

from ...checks import check_number
from ...exceptions import UserError
from ...items import TResponseInputItem


def estimate_tokens(item: TResponseInputItem) -> int:
    """About how many tokens an item costs: one for every 4 characters of its JSON, rounded up."""
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":"), default=str)
    return -(-len(text) // 4)


def trim_items(
    items: list[TResponseInputItem],
    *,
    max_items: int | None = None,
    max_tokens: int | None = None,
    count_tokens: Callable[[TResponseInputItem], int] | None = None,
) -> list[TResponseInputItem]:
    """The newest whole turns that keep within the limits, as a new list.

    A turn starts at a user message (at the first, where several stand together) and reaches to the
    next one; what stands before the first of them counts as the oldest turn. When even the newest
    turn is too large, nothing is left.

    Args:
        items: Input items, oldest first.
        max_items: The most items to keep; None sets no limit.
        max_tokens: The most tokens to keep; None sets no limit.
        count_tokens: The tokens of one item; None estimates them (`estimate_tokens`).

    Raises:
        UserError: Neither limit is given, or one is no number from 0 on.
    """
    if max_items is None and max_tokens is None:
        raise UserError("trim_items needs a limit: give max_items, max_tokens or both.")
    for name, limit in (("max_items", max_items), ("max_tokens", max_tokens)):
        if limit is not None:
            check_number(limit, name)
    count = estimate_tokens if count_tokens is None else count_tokens
    kept_from = len(items)
    tokens = 0
    for index in range(len(items) - 1, -1, -1):
        if max_items is not None and len(items) - index > max_items:
            break
        if max_tokens is not None:
            tokens += count(items[index])
            if tokens > max_tokens:
                break
        if _starts_turn(items, index):
            kept_from = index
    return items[kept_from:]


def _starts_turn(items: list[TResponseInputItem], index: int) -> bool:
    if index == 0:
        return True
    return items[index].get("role") == "user" and items[index - 1].get("role") != "user"
