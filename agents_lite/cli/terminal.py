"""Writing for people and reading what they type: colour, JSON easy on the eye, prompts."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ..shown import escaped

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "cyan": "36"}
_WIDTH = 96
_GLANCE_SECONDS = 0.1


def paint(text: str, style: str, stream: TextIO | None = None) -> str:
    """The text in that style, where the stream is a terminal and NO_COLOR is not set.

    Source: https://no-color.org

    Args:
        text: The text.
        style: One of `bold`, `dim`, `red`, `green`, `cyan`.
        stream: Where it goes; None: standard output.
    """
    is_terminal = (stream or sys.stdout).isatty()
    if not is_terminal or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def safe(text: str) -> str:
    """The text of others; where standard output is a terminal, without what would control it."""
    return escaped(text) if sys.stdout.isatty() else text


def write_list(head: str, lines: Iterable[str]) -> None:
    """Print the lines of a list; their head only for a person, where there are any."""
    for number, line in enumerate(lines):
        if number == 0 and sys.stdout.isatty():
            print(paint(head, "bold"))
        print(line)


def read_line(prompt: str) -> str:
    """What the user types up to Enter, without the line break.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed, at whatever moment.
        EOFError: There is nobody who types.
    """
    with _late_signals_noticed():
        return input(prompt)


def tell(line: str) -> None:
    """Write where the output of the run does not go."""
    print(line, file=sys.stderr, flush=True)


def ask(prompt: str) -> str:
    """What the user types at a prompt, without the spaces around it.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
        EOFError: There is nobody who types.
    """
    if sys.stdout.isatty():
        return read_line(prompt).strip()
    print(prompt, end="", file=sys.stderr, flush=True)
    return read_line("").strip()


@contextmanager
def _late_signals_noticed() -> Iterator[None]:
    """Have the block's waiting interrupted ten times a second.

    `input` notices a signal that comes while it waits for keys; one that came just before would
    otherwise stay unseen until the next key.
    """
    if not sys.stdin.isatty() or not hasattr(signal, "setitimer"):  # as on Windows
        yield
        return
    earlier = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, _GLANCE_SECONDS, _GLANCE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


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
