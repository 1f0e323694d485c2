"""Reading the messages of a chat, with an editor for lines where there is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from .terminal import read_line

_PROMPT = "> "


def message_reader() -> Callable[[], str | None]:
    """A function that gives the next message: "" after Ctrl-C, None when there is none left."""
    read = _editor() or _plain_reader()

    def read_message() -> str | None:
        try:
            return read()
        except KeyboardInterrupt:
            print()
            return ""
        except EOFError:
            return None

    return read_message


def _plain_reader() -> Callable[[], str]:
    with suppress(ImportError):  # not on every system
        import readline  # noqa: F401 - lets `input` edit lines and remember them

    return lambda: read_line(_PROMPT if sys.stdin.isatty() else "")


def _editor() -> Callable[[], str] | None:
    """Enter sends, Alt-Enter begins a line, pasted lines stay together; None: there is none."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not is_terminal or os.environ.get("TERM") in (None, "", "dumb"):
        return None
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    except ImportError:
        return None
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    session: PromptSession[str] = PromptSession(_PROMPT, multiline=True, key_bindings=keys)
    return session.prompt
