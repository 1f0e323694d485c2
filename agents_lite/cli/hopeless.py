"""Telling errors of one line from those that all lines would meet."""

from __future__ import annotations

from ..exceptions import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    UserError,
)
from ..http.retries import is_used_up

_NOBODY_THERE = ("ConnectionRefusedError", "gaierror", "NameResolutionError")
"""What the message of a connection's error names; the cause itself may show secrets."""


def is_hopeless(error: Exception, *, none_done: bool, is_known: bool) -> bool:
    """Whether all other lines would fail like the one that failed with `error`.

    Args:
        error: What the run ended with.
        none_done: No line has been done since the start.
        is_known: Another line has failed with the same words.
    """
    if isinstance(error, AuthenticationError):
        return True
    if isinstance(error, APIConnectionError):
        return any(name in str(error) for name in _NOBODY_THERE)
    if isinstance(error, APIError) and is_used_up(error):
        return True
    if isinstance(error, PermissionDeniedError | NotFoundError):  # or one line names a thing of it
        return none_done
    return isinstance(error, UserError) and none_done and is_known  # no key, a tool that is none
