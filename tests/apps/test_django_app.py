"""The Django app's own tests, and its command as cron runs it."""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agents_lite.testing import ResponsesServer, call, handoff_to, turn
from tests.support.sites import EXAMPLES, OF_DJANGO, django_environment, manage, site_environment
from tests.support.waiting import wait_until
from tests.support.warm import Warm

BOOKING = [handoff_to("Workshop"), call("book_visit", problem="flat tyre", customer="Ada")]
Script = deque[Any]


@pytest.fixture
def turns() -> Script:
    return deque()


@pytest.fixture
def model(turns: Script) -> Iterator[ResponsesServer]:
    with ResponsesServer(lambda _request: turns.popleft()) as server:
        yield server


@pytest.fixture
def environment(tmp_path: Path, model: ResponsesServer) -> dict[str, str]:
    """A migrated database, and the model."""
    pytest.importorskip("django")
    return django_environment(tmp_path, OPENAI_BASE_URL=model.base_url)


def stored(environment: dict[str, str]) -> dict[str, Any]:
    """What the database holds: the customers of its repairs, and the items of conversations."""
    with closing(sqlite3.connect(environment["CHAT_DATABASE"])) as database:
        customers = database.execute("SELECT customer FROM chat_repair ORDER BY id").fetchall()
        items = database.execute("SELECT text FROM chat_item ORDER BY id").fetchall()
    return {
        "customers": [customer for (customer,) in customers],
        "items": [json.loads(text) for (text,) in items],
    }


def test_the_apps_own_tests_pass(tmp_path: Path) -> None:
    pytest.importorskip("django")
    run = manage("test", environment=site_environment(tmp_path))
    assert run.returncode == 0, run.stderr
    assert "OK" in run.stderr and "Ran 0 tests" not in run.stderr


def test_the_migrations_fit_the_models(tmp_path: Path) -> None:
    pytest.importorskip("django")
    environment = site_environment(tmp_path)
    run = manage("makemigrations", "--check", "--dry-run", environment=environment)
    assert run.returncode == 0, run.stdout
    assert manage("check", environment=environment).returncode == 0


def test_the_command_prints_the_answer_and_nothing_else(
    environment: dict[str, str], turns: Script
) -> None:
    turns.extend([*BOOKING, "It is booked."])
    run = manage("ask", "Book a visit for Ada", environment=environment)
    assert (run.returncode, run.stdout, run.stderr) == (0, "It is booked.\n", "")
    assert stored(environment) == {"customers": ["Ada"], "items": []}


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["ask"], 2, "required: message"),
        (["ask", "Hi", "--timeout", "soon"], 2, "invalid float value"),
        (["ask", "Hi", "--timeout", "0.3"], 1, "timeout of 0.3 seconds"),
    ],
)
def test_a_failure_is_an_exit_code_and_a_line_on_standard_error(
    environment: dict[str, str], turns: Script, arguments: list[str], code: int, told: str
) -> None:
    turns.append(turn("Too late.", delay=60))
    run = manage(*arguments, environment=environment)
    assert (run.returncode, run.stdout) == (code, "")
    assert told in run.stderr
    assert "Traceback" not in run.stderr


def test_an_unreachable_model_fails_the_command(tmp_path: Path) -> None:
    pytest.importorskip("django")
    environment = site_environment(tmp_path, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    run = manage("ask", "Hi", environment=environment)
    assert (run.returncode, run.stdout) == (1, "")
    assert "127.0.0.1:9 failed" in run.stderr


def test_without_a_key_a_stand_in_answers_the_command(environment: dict[str, str]) -> None:
    del environment["OPENAI_BASE_URL"]
    run = manage("ask", "Please book a visit for Ada: 'flat tyre'", environment=environment)
    assert (run.returncode, run.stdout) == (0, "Repair 1 is booked for Ada: flat tyre.\n")
    assert "stand-in" in run.stderr


def test_commands_at_the_same_time_keep_their_turns_whole(
    environment: dict[str, str], turns: Script
) -> None:
    turns.extend(["An answer."] * 4)
    with ThreadPoolExecutor(4) as pool:
        runs = pool.map(
            lambda n: manage("ask", f"{n}?", "--session", "s", environment=environment), range(4)
        )
    assert [run.stdout for run in runs] == ["An answer.\n"] * 4
    assert [item["role"] for item in stored(environment)["items"]] == ["user", "assistant"] * 4


def test_a_killed_command_leaves_whole_turns_and_can_be_repeated(
    environment: dict[str, str], model: ResponsesServer, turns: Script
) -> None:
    turns.extend([*BOOKING, turn("Too late.", delay=60), "It is booked."])
    command = ["manage.py", "ask", "Book a visit", "--session", "cron"]
    place = EXAMPLES / "django_app"
    with Warm(command, cwd=place, env=environment, loaded=OF_DJANGO):
        wait_until(lambda: len(model.requests) == 3)
    assert [item.get("type", "user") for item in stored(environment)["items"]] == [
        "user",
        *["function_call", "function_call_output"] * 2,
    ]
    again = manage("ask", "Book a visit", "--session", "cron", environment=environment)
    assert again.stdout == "It is booked.\n"
    assert stored(environment)["customers"] == ["Ada"]
    roles = [item.get("role") for item in stored(environment)["items"]]
    assert roles.count("user") == 1
