"""Tracebacks without what error trackers would record of keys: the variables of those who send."""

from __future__ import annotations

from types import TracebackType

SENDING = frozenset({"requests", "urllib3", "http", "ssl", "socket"})
"""Packages whose functions pass headers on in their variables."""


def hide_frames(error: BaseException, packages: frozenset[str] = SENDING) -> None:
    """Take the frames of this room, and of what it sends with, out of an error's traceback.

    Those of others, such as a function of the user that signs requests, stay. So it is done with
    the errors that this one came of.

    Args:
        error: The error.
        packages: Whose frames are hidden, too.
    """
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        one = chain.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = _shown(one.__traceback__, packages)
            chain += [one.__cause__, one.__context__]


def _shown(traceback: TracebackType | None, packages: frozenset[str]) -> TracebackType | None:
    frames = []
    while traceback is not None:
        name = str(traceback.tb_frame.f_globals.get("__name__"))
        if name.partition(".")[0] not in packages and not name.startswith(__package__):
            frames.append(traceback)
        traceback = traceback.tb_next
    shown = None
    for each in reversed(frames):
        line = each.tb_lineno or 0  # an interrupt may come where there is no line
        shown = TracebackType(shown, each.tb_frame, each.tb_lasti, line)
    return shown
