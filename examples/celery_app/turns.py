"""A conversation belongs to one task at a time, from its first try to its answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from agents_lite import APIConnectionError, InternalServerError, RateLimitError, RunTimeout
from agents_lite.exceptions import SessionError
from agents_lite.extensions.memory import RedisSession

DAY = 24 * 60 * 60
MOST_TRIES = 50


class ConversationBusy(Exception):
    """Another task is answering in this conversation."""


class GivenUp(Exception):
    """The task was tried too often, without success or with a dead worker each time."""


PASSING = (
    ConversationBusy,
    APIConnectionError,
    InternalServerError,
    RateLimitError,
    RunTimeout,
    SessionError,
    redis.ConnectionError,
    redis.TimeoutError,
)
"""Errors that another try may not meet."""


@contextmanager
def turn(store: redis.Redis, session: RedisSession, task_id: str) -> Iterator[int]:
    """Hold the conversation for a task; gives how many items it had when the task first came.

    The task holds it, not the process: a worker that takes the task over from a dead one goes on
    at once. An error that may pass leaves the conversation with the task until its next try.
    """
    holder, start = f"turn:{session.session_id}", f"start:{task_id}"
    store.set(holder, task_id, nx=True, ex=DAY)
    if store.get(holder) != task_id:
        raise ConversationBusy(session.session_id)
    try:
        if store.incr(f"tries:{task_id}") > MOST_TRIES:
            raise GivenUp(task_id)
        store.set(start, len(session.get_items()), nx=True, ex=DAY)
        yield int(store.get(start))
    except PASSING:
        raise
    except Exception:
        store.delete(holder)
        raise
    store.delete(holder)
