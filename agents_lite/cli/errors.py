"""Errors in the words of the command line."""

from __future__ import annotations

import os
import traceback

from ..exceptions import AgentsException, words_of
from ..http.client import NoKeyError
from ..viewer.text import plain


def describe_error(error: Exception) -> str:
    """The error in one line; for those of the user's own code, with the place they came from."""
    message = plain(words_of(error))
    if isinstance(error, NoKeyError):
        return f"{message} Here --offline does so."
    if isinstance(error, AgentsException):
        return message
    if is_of_output(error):
        return f"The output cannot be written: {message}"
    place = "" if _is_ours(error) else " ({0.filename}, line {0.lineno})".format(_origin(error))
    return f"{type(error).__name__}: {message}{place}"


def _origin(error: Exception) -> traceback.FrameSummary:
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not frame.filename.startswith("<frozen ")][-1]


def _is_ours(error: Exception) -> bool:
    """Whether it was raised in this package, and not by the user's own code."""
    return _origin(error).filename.startswith(os.path.dirname(os.path.dirname(__file__)))


def is_of_output(error: Exception) -> bool:
    """Whether standard output could not be written: no other error of files lacks a name."""
    return isinstance(error, OSError) and error.filename is None and _is_ours(error)
