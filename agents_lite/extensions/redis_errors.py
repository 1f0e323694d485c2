"""What redis-py says of a failure, fit to be shown."""

from __future__ import annotations

_BEFORE_WORDS = " of pipeline caused error: "
"""Ends what redis-py says of the command, which shows what was to be written."""


def in_words(error: Exception) -> str:
    """What went wrong, without the command that went wrong."""
    return str(error).rpartition(_BEFORE_WORDS)[2]
