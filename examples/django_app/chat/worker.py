"""A Celery worker that goes on with runs once their visitors have decided.

    pip install celery redis
    export CHAT_REDIS_URL=redis://localhost:6379/0       # for the server as well
    celery -A chat.worker worker                         # in this directory

What was approved is carried to its end, whether or not the visitor stays to watch. The worker puts
its events into a list in Redis, and the view that took the click passes them on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import redis
from celery import Celery

from agents_lite import RunState

REDIS_URL = os.environ["CHAT_REDIS_URL"]
KEPT_SECONDS = 3600
"""How long events wait for a view."""
END = "end"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
app = Celery("chat", broker=REDIS_URL)
app.conf.task_publish_retry = False
store = redis.Redis.from_url(REDIS_URL, decode_responses=True)


@app.task
def go_on(visitor: str, state: str, channel: str) -> None:
    """Go on with a visitor's run, whose calls were decided about."""
    from .agents import front_desk
    from .views import run_frames, run_of

    start = RunState.from_string(front_desk, state)
    for frame in run_frames(run_of(visitor, start), visitor, start):
        tell(channel, frame)
    tell(channel, END)


def tell(channel: str, frame: str) -> None:
    store.rpush(channel, frame)
    store.expire(channel, KEPT_SECONDS)


def frames_of(channel: str, beat: str) -> Iterator[str]:
    """The events as they come, and each second without one a beat, so that the server notices when
    the browser has gone.
    """
    while True:
        _, frame = store.blpop([channel], timeout=1) or ("", beat)
        if frame == END:
            return
        yield frame
