"""What the session and the journal in Redis have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING

from ..exceptions import UserError

if TYPE_CHECKING:
    import redis
    from redis.client import Pipeline

_BEFORE_WORDS = " of pipeline caused error: "
"""Ends what redis-py says of the command, which shows what was to be written."""

_SMALL = 2**18
"""Characters; a server takes 1 MiB at least."""


def client_of(url: str, owner: str) -> redis.Redis:
    """A client of one's own; UserError for a URL that is none of Redis."""
    from redis import Redis

    try:
        return Redis.from_url(url)
    except ValueError as error:
        raise UserError(f"{owner} cannot use its url: {error}") from None


def check_client(client: redis.Redis, owner: str) -> None:
    """Raise UserError for a client that cannot be called here, or knows no transactions."""
    from redis.cluster import RedisCluster

    if iscoroutinefunction(client.execute_command):
        raise UserError(f"{owner} is synchronous: give it a redis.Redis client.")
    if isinstance(client, RedisCluster):
        raise UserError(
            f"{owner} needs transactions, which a RedisCluster client has not: give it a "
            "redis.Redis client of one server, or of a Sentinel's master."
        )


@contextmanager
def watching(client: redis.Redis, key: str) -> Iterator[Pipeline]:
    """A transaction that fails where the key has changed meanwhile, and is never sent twice.

    The client retries none that watches a key. Up to `multi` commands are made at once.
    """
    with client.pipeline() as pipeline:
        pipeline.watch(key)  # type: ignore[no-untyped-call]
        yield pipeline


def check_size(pipeline: Pipeline, texts: Iterable[str]) -> None:
    """Raise DataError for a text that the server refuses by closing the connection. The pipeline,
    which is asked before `multi`, has a connection already; there may be no other one.
    """
    from redis.exceptions import DataError, ResponseError

    size = max((len(text.encode()) for text in texts if len(text) > _SMALL), default=0)
    if size == 0:
        return
    for limit in ("proto-max-bulk-len", "client-query-buffer-limit"):
        with suppress(ResponseError):  # a hosted server may not tell
            for most in map(int, filter(None, pipeline.config_get(limit).values())):
                if size > most:
                    raise DataError(
                        f"a text of {size} bytes is more than its {limit} of {most}: "
                        "raise that, or keep what is large elsewhere"
                    )


def in_words(error: Exception) -> str:
    """What went wrong, without the command that went wrong."""
    return str(error).rpartition(_BEFORE_WORDS)[2].rstrip(".")
