"""What the session and the journal in Redis have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import redis
    from redis.client import Pipeline

_BEFORE_WORDS = " of pipeline caused error: "
"""Ends what redis-py says of the command, which shows what was to be written."""


@contextmanager
def watching(client: redis.Redis, key: str) -> Iterator[Pipeline]:
    """A transaction that fails where the key has changed meanwhile, and is never sent twice.

    The client retries none that watches a key. Up to `multi` commands are made at once.
    """
    with client.pipeline() as pipeline:
        pipeline.watch(key)  # type: ignore[no-untyped-call]
        yield pipeline


def in_words(error: Exception) -> str:
    """What went wrong, without the command that went wrong."""
    return str(error).rpartition(_BEFORE_WORDS)[2]
