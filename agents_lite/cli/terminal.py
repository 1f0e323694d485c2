"""Writing for people: colour, and JSON that is easy on the eye."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ..viewer.text import escaped

_CODES = {"bold": "1", "dim": "2", "green": "32", "cyan": "36"}
_WIDTH = 96


def paint(text: str, style: str) -> str:
    """The text in that style, where standard output is a terminal and NO_COLOR is not set.

    Source: https://no-color.org
    """
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def safe(text: str) -> str:
    """The text of others; where standard output is a terminal, without what would control it."""
    return escaped(text) if sys.stdout.isatty() else text


def readable_json(value: Any, margin: int = 0) -> str:
    """JSON in which whatever fits on a line stands on one line.

    Args:
        value: A JSON value.
        margin: How many spaces stand before it.
    """
    compact = json.dumps(value, ensure_ascii=False)
    if len(compact) + margin <= _WIDTH or not isinstance(value, dict | list) or not value:
        return compact
    deeper = margin + 2
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {readable_json(value[key], deeper)}" for key in value]
        opening, closing = "{}"
    else:
        parts = [readable_json(element, deeper) for element in value]
        opening, closing = "[]"
    lines = f",\n{' ' * deeper}".join(parts)
    return f"{opening}\n{' ' * deeper}{lines}\n{' ' * margin}{closing}"
