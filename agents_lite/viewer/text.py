"""Texts of others, such as models and tools, made fit for a terminal."""

from __future__ import annotations

import re
from typing import Any

_ACTED_ON = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters
    "\u202a-\u202e\u2066-\u2069"  # those that turn the direction of writing
    "\ud800-\udfff]"  # halves of surrogate pairs, which cannot be written
    "|\r(?!\n)"
)


def escaped(text: str) -> str:
    """The text, lines and tabs kept, with an escape for each character a terminal would act on."""
    return _ACTED_ON.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def plain(text: Any) -> str:
    """The text in one line, with nothing in it that a terminal would act on."""
    return escaped(" ".join(str(text).split()))


def dollars(cost: float | None) -> str:
    """A cost: "$0.0042"; "" where it is not known."""
    return "" if cost is None else f"${cost:,.4f}"


def count(number: int, thing: str) -> str:
    """So many things: "1 span", "1,200 spans"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
