"""What a person is shown of an object: a few words, or a table in a notebook.

No context objects, headers, keys or settings of servers' tools are shown: they may be secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

MOST = 80
"""Characters that a line has for a text."""


def in_few_words(value: Any, most: int = MOST) -> str:
    """A text, or another object's repr, on one line of at most so many characters."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    line = printable(" ".join(text[: 10 * most].split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def set_fields(thing: Any) -> str:
    """A dataclass object as it would be made, with the fields that are set and may be shown."""
    shown = [
        f"{each.name}={value!r}"
        for each in fields(thing)
        if each.repr and (value := getattr(thing, each.name)) is not each.default
    ]
    return f"{type(thing).__name__}({', '.join(shown)})"


def printable(text: str) -> str:
    """The text without characters that command a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def html_table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A table of two columns; all of it is text, whatever it holds."""
    from html import escape

    cell = '<td style="text-align: left; white-space: pre-wrap">'
    body = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>{cell}{escape(text)}</td></tr>'
        for name, text in rows
    )
    return f"<table><caption><b>{escape(title)}</b></caption><tbody>{body}</tbody></table>"
