"""Texts of others, such as models and tools, made fit for a terminal."""

from __future__ import annotations

from typing import Any

from ..shown import escaped


def plain(text: Any) -> str:
    """The text in one line, with nothing in it that a terminal would act on."""
    return escaped(" ".join(str(text).split()))


def dollars(cost: float | None) -> str:
    """A cost: "$0.0042"; "" where it is not known."""
    return "" if cost is None else f"${cost:,.4f}"


def count(number: int, thing: str) -> str:
    """So many things: "1 span", "1,200 spans"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
