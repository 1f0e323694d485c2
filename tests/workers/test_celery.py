"""The example on Celery: real workers on a real Redis, and kill -9."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from celery.result import AsyncResult

from agents_lite.extensions.memory import RedisSession
from agents_lite.testing import ResponsesServer, call, status
from agents_lite.testing.builders import ScriptedTurn
from tests.support.drivers import kinds
from tests.support.waiting import PATIENCE, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "celery_app"
BOOKED = ["user", "function_call", "function_call_output", "assistant"]


@pytest.fixture
def store(redis_url: str) -> Iterator[redis.Redis]:
    """The workers' Redis, empty."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as store:
        store.flushdb()
        yield store


class Shop:
    """Sends messages to the workers, and sees what came of them."""

    def __init__(self, redis_url: str, store: redis.Redis) -> None:
        self._url = redis_url
        self._celery = Celery(broker=redis_url, backend=redis_url)
        self.store = store

    def ask(self, conversation: str, message: str, **options: Any) -> AsyncResult:
        return self._celery.send_task("app.answer", [conversation, message], **options)

    def items(self, conversation: str) -> list[dict[str, Any]]:
        return RedisSession(conversation, redis_client=self.store).get_items()

    @contextmanager
    def worker(
        self, base_url: str, processes: int = 1, redelivery_seconds: int = 600
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A Celery worker with child processes; killed with them at the end."""
        command = [sys.executable, "-m", "celery", "-A", "app", "worker", "--loglevel=WARNING"]
        options = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        environment = {
            "REDIS_URL": self._url,
            "OPENAI_BASE_URL": base_url,
            "REDELIVERY_SECONDS": str(redelivery_seconds),
        }
        worker = subprocess.Popen(
            [*command, f"--concurrency={processes}", *options],
            cwd=EXAMPLE,
            env={**os.environ, **environment},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield worker
        finally:
            kill_all(worker)
            # Else Redis may give the next message to the dead, whose end it has not noticed yet.
            wait_until(lambda: not any("b" in each["flags"] for each in self.store.client_list()))


@pytest.fixture
def shop(redis_url: str, store: redis.Redis) -> Shop:
    return Shop(redis_url, store)


class Script:
    """A server's script that holds up one of its answers until the test has killed somebody."""

    def __init__(self, *turns: ScriptedTurn, hold: int) -> None:
        self._numbers = itertools.count(1)
        self._turns = turns
        self._hold = hold
        self.is_asked = threading.Event()

    def __call__(self, request: Any) -> ScriptedTurn:
        number = next(self._numbers)
        if number == self._hold:
            self.is_asked.set()
            request.client_left.wait(PATIENCE)
        return self._turns[number - 1]


def kill_all(worker: subprocess.Popen[bytes]) -> None:
    """As when the machine loses its power: the worker and its processes are gone at once."""
    with suppress(ProcessLookupError):  # the test has done so already
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def kill_children(worker: subprocess.Popen[bytes]) -> None:
    """As when the system runs out of memory: the processes at work are gone, the worker stays."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    for child in map(int, children):
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_conversation_is_shared_by_workers(shop: Shop) -> None:
    with ResponsesServer() as server:
        for message in ("Book a bike for Friday", "Book a bike for Sunday"):
            with shop.worker(server.base_url):
                said = shop.ask("ada", message).get(timeout=PATIENCE)
                assert said == f"A bike is booked for {message.split()[-1]}."
    assert kinds(shop.items("ada")) == BOOKED * 2
    assert sorted(shop.store.hvals("bookings")) == ["Friday", "Sunday"]


def test_without_a_key_the_stand_in_answers(shop: Shop) -> None:
    with shop.worker(base_url=""):
        said = shop.ask("ada", "Book a bike for Friday").get(timeout=PATIENCE)
    assert said == "A bike is booked for Friday."


def test_process_killed_in_a_turn_is_replaced_and_the_turn_repeated(shop: Shop) -> None:
    script = Script("never", call("book_bike", day="Friday"), "Booked.", hold=1)
    with ResponsesServer(script) as server, shop.worker(server.base_url) as worker:
        task = shop.ask("ada", "Friday, please")
        assert script.is_asked.wait(PATIENCE)
        kill_children(worker)
        assert task.get(timeout=PATIENCE) == "Booked."
        assert len(server.requests) == 3
    assert kinds(shop.items("ada")) == BOOKED
    assert shop.store.hvals("bookings") == ["Friday"]


def test_worker_killed_between_turns_is_followed_by_one_that_goes_on(shop: Shop) -> None:
    script = Script(call("book_bike", day="Friday"), "never", "Booked.", hold=2)
    with ResponsesServer(script) as server:
        with shop.worker(server.base_url) as worker:
            task = shop.ask("ada", "Friday, please")
            assert script.is_asked.wait(PATIENCE)
            kill_all(worker)
        with shop.worker(server.base_url, redelivery_seconds=0):
            assert task.get(timeout=PATIENCE) == "Booked."
        repeated, taken_up = (request.body["input"] for request in server.requests[1:])
    assert kinds(repeated) == kinds(taken_up) == BOOKED[:-1]
    assert kinds(shop.items("ada")) == BOOKED
    assert shop.store.hvals("bookings") == ["Friday"]


def test_task_delivered_again_after_its_end_gives_the_same_answer(shop: Shop) -> None:
    with ResponsesServer(["One.", "Two."]) as server, shop.worker(server.base_url):
        first = shop.ask("ada", "Hello", task_id="1")
        assert first.get(timeout=PATIENCE) == "One."
        assert shop.ask("ada", "And now?", task_id="2").get(timeout=PATIENCE) == "Two."
        first.forget()  # so that the next result is that of the second delivery
        assert shop.ask("ada", "Hello", task_id="1").get(timeout=PATIENCE) == "One."
        assert len(server.requests) == 2
    assert kinds(shop.items("ada")) == ["user", "assistant"] * 2


def test_error_that_passes_is_tried_again_and_another_is_not(shop: Shop) -> None:
    busy = status(429, headers={"retry-after-ms": "1"})
    script = [busy, busy, busy, "Hello.", status(400, {"message": "Too rude."}), "Fine."]
    with ResponsesServer(script) as server, shop.worker(server.base_url):
        assert shop.ask("ada", "Hi").get(timeout=PATIENCE) == "Hello."
        with pytest.raises(Exception, match="Too rude"):
            shop.ask("ada", "Oi").get(timeout=PATIENCE)
        assert shop.ask("ada", "Sorry").get(timeout=PATIENCE) == "Fine."
    assert [item["content"] for item in shop.items("ada")[::2]] == ["Hi", "Sorry"]


def test_tool_whose_turn_was_not_saved_runs_again_and_has_one_effect(shop: Shop) -> None:
    with ResponsesServer() as server, shop.worker(server.base_url) as worker:
        # RPUSH is what the session saves with.
        shop.store.execute_command("ACL", "SETUSER", "default", "-rpush")
        try:
            task = shop.ask("ada", "Book a bike for Friday")
            wait_until(lambda: len(server.requests) >= 2)
            assert shop.store.hvals("bookings") == ["Friday"]
            kill_children(worker)
        finally:
            shop.store.execute_command("ACL", "SETUSER", "default", "+rpush")
        assert task.get(timeout=PATIENCE) == "A bike is booked for Friday."
        assert len(server.requests) > 3  # that is, it was booked more than once
    assert kinds(shop.items("ada")) == BOOKED
    assert shop.store.hvals("bookings") == ["Friday"]


def test_kill_9_at_any_moment_loses_and_doubles_nothing(shop: Shop) -> None:
    conversations, days = ("ada", "bob", "eve"), ("Monday", "Tuesday")
    choose = random.Random(7)
    with ResponsesServer(delay=0.03) as server:
        with shop.worker(server.base_url, processes=2) as worker:
            tasks = [
                shop.ask(conversation, f"Book a bike for {day}")
                for conversation in conversations
                for day in days
            ]
            wait_until(lambda: len(server.requests) > 0)
            for _ in range(8):
                time.sleep(choose.uniform(0.01, 0.3))
                kill_children(worker)
            answers = [task.get(timeout=PATIENCE) for task in tasks]
    assert answers == [f"A bike is booked for {day}." for day in days] * 3
    for conversation in conversations:
        items = shop.items(conversation)
        assert kinds(items) == BOOKED * 2
        asked = [item["content"] for item in items if item.get("role") == "user"]
        assert sorted(asked) == [f"Book a bike for {day}" for day in days]
    assert sorted(shop.store.hvals("bookings")) == sorted(days * 3)
