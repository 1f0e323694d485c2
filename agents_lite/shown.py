"""What a person is shown of an object: a few words, or a table in a notebook.

No context objects, headers, keys or settings of servers' tools are shown: they may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

MOST = 80
"""Characters that a line has for a text."""
SHORTEST_SECRET = 6
"""Characters; masking shorter texts would garble messages and hide nothing."""
_ACTED_ON = (
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters
    "\u202a-\u202e\u2066-\u2069"  # those that turn the direction of writing
    "\ud800-\udfff]"  # halves of surrogate pairs, which cannot be written
    "|\r(?!\n)"
)


def in_few_words(value: Any, most: int = MOST) -> str:
    """A text, or another object's repr, on one line of at most so many characters."""
    text = value if isinstance(value, str) else repr_of(value)
    line = escaped(" ".join(text[: 10 * most].split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def repr_of(value: object) -> str:
    """How a value shows itself in an error; its class where it cannot."""
    try:
        return repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


def set_fields(thing: Any) -> str:
    """A dataclass object as it would be made, with the fields that are set and may be shown."""
    shown = [
        f"{each.name}={value!r}"
        for each in fields(thing)
        if each.repr and (value := getattr(thing, each.name)) is not each.default
    ]
    return f"{type(thing).__name__}({', '.join(shown)})"


def escaped(text: str) -> str:
    """The text, lines and tabs kept, with an escape for each character a terminal would act on."""
    return re.sub(_ACTED_ON, lambda found: found[0].encode("unicode_escape").decode(), text)


def escaped_json(text: str) -> str:
    """A JSON text of the same value, with JSON's escapes for what a terminal would act on."""
    return re.sub(_ACTED_ON, lambda found: f"\\u{ord(found[0]):04x}", text)


def html_table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A table of two columns; all of it is text, whatever it holds."""
    from html import escape

    cell = '<td style="text-align: left; white-space: pre-wrap">'
    body = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>{cell}{escape(text)}</td></tr>'
        for name, text in rows
    )
    return f"<table><caption><b>{escape(title)}</b></caption><tbody>{body}</tbody></table>"
