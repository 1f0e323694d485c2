"""JSON as text that people read and compare."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

WIDTH = 100
"""Values that fit into a line of so many characters stand on one."""
ONE_LINE_EACH = "events"
"""Elements of this field stand on a line each: they are many, and alike."""
MOST_LINES = 80
"""Of a difference that is shown."""


def readable(value: Any, indent: str = "") -> str:
    """A value as JSON, on as few lines as are easy to read; fields stay in their order."""
    short = _compact(value)
    if len(indent) + len(short) <= WIDTH or not value or not isinstance(value, dict | list):
        return short
    inner = f"{indent}  "
    if isinstance(value, dict):
        parts = [_field(name, each, inner) for name, each in value.items()]
        return f"{{\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}}}"
    parts = [readable(each, inner) for each in value]
    return f"[\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}]"


def _field(name: str, value: Any, indent: str) -> str:
    text = readable(value, indent)
    if name == ONE_LINE_EACH and isinstance(value, list) and value:
        lines = f",\n{indent}  ".join(map(_compact, value))
        text = f"[\n{indent}  {lines}\n{indent}]"
    return f"{_compact(name)}: {text}"


def nearest_difference(asked: Any, known: Iterable[Any]) -> str:
    """How a value differs from the most similar one of those known, or "" where none is alike."""
    lines = _lines(asked)
    counted = Counter(lines)
    best: tuple[float, list[str]] = (0.0, [])
    for each in known:
        others = _lines(each)
        likeness = (counted & Counter(others)).total() / max(len(lines), len(others))
        best = max(best, (likeness, others), key=lambda pair: pair[0])
    if not best[1]:
        return ""
    shown = list(difflib.unified_diff(best[1], lines, "recorded", "asked", n=2, lineterm=""))
    if len(shown) > MOST_LINES:
        shown[MOST_LINES:] = [f"... and {len(shown) - MOST_LINES} more lines"]
    return "\n".join(shown)


def _lines(value: Any) -> list[str]:
    """A value's JSON with each field, and each line of a text, on a line of its own."""
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\\n", "\\n\n").split("\n")


def _compact(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no file can hold as it is
        return json.dumps(value)
    return text
