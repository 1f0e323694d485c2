"""Markdown on a terminal while it comes in: each block is laid out again until it is whole."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.live import Live
    from rich.markdown import Markdown

_SECONDS_BETWEEN = 0.05
_FENCES = ("```", "~~~")


def can_show_markdown() -> bool:
    """Whether standard output is a terminal that takes it, and rich is installed."""
    if not sys.stdout.isatty() or os.environ.get("TERM") in (None, "", "dumb"):
        return False
    try:
        import rich.live  # noqa: F401
        import rich.markdown  # noqa: F401
    except ImportError:
        return False
    return True


class MarkdownText:
    """Text that grows at the end of the screen; blocks that are whole stay as they are."""

    def __init__(self) -> None:
        self._rest = ""
        self._live: Live | None = None
        self._shown_at = 0.0

    def add(self, text: str) -> None:
        """Show more text, without characters that control the terminal."""
        from rich.live import Live

        if self._live is None:
            self._live = Live(auto_refresh=False)
            self._live.start()
        self._rest += text
        if end := end_of_blocks(self._rest):
            whole, self._rest = self._rest[:end], self._rest[end:]
            self._live.update(_laid_out(""), refresh=True)
            self._live.console.print(_laid_out(whole))
            self._live.console.print()
        if time.monotonic() - self._shown_at >= _SECONDS_BETWEEN:
            self._live.update(_laid_out(self._rest), refresh=True)
            self._shown_at = time.monotonic()

    def end(self) -> None:
        """Show all of it; what is added next stands below."""
        live, self._live = self._live, None
        if live is not None:
            live.update(_laid_out(self._rest))
            live.stop()
        self._rest = ""


def end_of_blocks(text: str) -> int:
    """How many characters from the start on are blocks that what follows does not change."""
    end = at = 0
    is_fenced = is_after_blank = False
    for line in text.splitlines(keepends=True):
        if is_after_blank and not is_fenced and not line[0].isspace():  # else it goes on, indented
            end = at
        if line.lstrip().startswith(_FENCES):
            is_fenced = not is_fenced
        is_after_blank = not line.strip()
        at += len(line)
    return end


def _laid_out(text: str) -> Markdown:
    from rich.markdown import Markdown

    return Markdown(text, hyperlinks=False)  # an address is to be seen
