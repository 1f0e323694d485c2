"""Conversations that Celery workers answer, on as many machines as there are.

    pip install 'agents_lite[redis]' celery
    redis-server &
    celery -A app worker &                                # in this directory
    python app.py ada "Book a bike for Friday, please"

A message is answered once and a bike booked once, also when a worker is killed over it. With
OPENAI_API_KEY set a model answers, without it an offline stand-in. REDIS_URL names the server.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import redis
from celery import Celery
from celery.exceptions import Reject
from turns import PASSING, turn

from agents_lite import Agent, ItemHelpers, RunContextWrapper, Runner, function_tool
from agents_lite.extensions.memory import RedisSession
from agents_lite.testing.offline import offline_unless_configured

REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
RUN_SECONDS = 120
"""Most time for a try: well below the next, or two workers might be at one task."""
REDELIVERY_SECONDS = int(os.environ.get("REDELIVERY_SECONDS", 600))
"""When what a vanished worker had begun is given to another one."""
PAUSE_SECONDS = 0.5
"""Before a task goes back to the end of the queue."""

store = redis.Redis.from_url(REDIS_URL, decode_responses=True)
app = Celery("app", broker=REDIS_URL, backend=REDIS_URL)
app.conf.update(
    task_acks_late=True,  # a task leaves the queue when it is done, not when it is begun
    task_reject_on_worker_lost=True,  # and goes back there when its process dies
    task_publish_retry=False,  # nor is it sent twice when the connection is lost over it
    worker_prefetch_multiplier=1,
    broker_transport_options={"visibility_timeout": REDELIVERY_SECONDS},
)


@function_tool
def book_bike(context: RunContextWrapper[str], day: str) -> str:
    """Book a bike for a day."""
    # Under the task's id: the same call, made again after a crash, books nothing more.
    store.hset("bookings", f"{context.context} {day}", day)
    return f"A bike is booked for {day}."


agent = Agent(name="Rental", instructions="You rent out bikes.", tools=[book_bike])


@app.task(bind=True)
def answer(task: Any, conversation: str, message: str) -> str:
    """Answer a message in a conversation."""
    session = RedisSession(conversation, redis_client=store)
    try:
        with turn(store, session, task.request.id) as start:
            said = answer_in(session.get_items()[start:])
            return run(session, message, task.request.id) if said is None else said
    except PASSING as error:
        # Celery's own `retry` would put a second copy of the task into the queue for a moment.
        time.sleep(PAUSE_SECONDS)
        raise Reject(str(error), requeue=True) from error


def run(session: RedisSession, message: str, task_id: str) -> str:
    """Run the agent; after a crash it goes on behind the turns that the session has."""
    with offline_unless_configured():
        return Runner.run_sync(
            agent, message, session=session, context=task_id, timeout=RUN_SECONDS
        ).final_output


def answer_in(items: list[dict[str, Any]]) -> str | None:
    """The answer to the message that these items begin with, or None when there is none yet."""
    later = [place for place, item in enumerate(items) if item.get("role") == "user"][1:]
    own = items[: later[0]] if later else items
    return ItemHelpers.extract_text(own[-1]) if own and own[-1].get("role") == "assistant" else None


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(answer.delay(*sys.argv[1:]).get())

# A bike is booked for Friday.
