"""Journals in a Redis whose rows somebody else has damaged, or that takes no writes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents_lite import (
    Agent,
    JournalError,
    RunConfig,
    Runner,
    SessionError,
    UserError,
    function_tool,
)
from agents_lite.testing import ScriptedModel, call

redis = pytest.importorskip("redis")

from agents_lite.extensions.journal import RedisJournal  # noqa: E402
from agents_lite.extensions.memory import RedisSession  # noqa: E402

ROW = {
    "run_id": "r",
    "about": "{}",
    "status": "paused",
    "note": "{}",
    "holder": None,
    "lease_until": 0,
    "started_at": 0,
    "changed_at": 0,
    "entries": 1,
}
DAMAGED: list[str | bytes] = [
    *("", "{", "[]", "null", "5", "{}", b"\xff", "[" * 100_000),
    *(
        json.dumps({**ROW, name: value})
        for name, value in {
            "about": 5,
            "status": "x",
            "note": None,
            "holder": 3,
            "changed_at": "late",
            "entries": [],
        }.items()
    ),
]


@pytest.fixture
def client(redis_url: str) -> Any:
    return redis.Redis.from_url(redis_url)


@pytest.fixture
def journal(client: Any) -> RedisJournal:
    return RedisJournal(redis_client=client, key_prefix=uuid.uuid4().hex)


def run(journal: RedisJournal, run_id: str, **options: Any) -> Any:
    tool = function_tool(lambda: "done", name_override="charge")
    model = ScriptedModel([call("charge"), "Paid."])
    config = RunConfig(journal=journal, run_id=run_id, tracing_disabled=True)
    return Runner.run_sync(
        Agent("A", model=model, tools=[tool]), "Go", run_config=config, **options
    )


@pytest.mark.parametrize("row", DAMAGED)
def test_a_damaged_row_is_an_error_that_hides_no_other_run(
    journal: RedisJournal, client: Any, row: str | bytes
) -> None:
    run(journal, "good")
    run(journal, "r")
    client.set(f"{journal._prefix}:run:r", row)
    works: list[Callable[[], Any]] = [
        lambda: run(journal, "r"),
        lambda: journal.run("r"),
        lambda: journal.facts("r"),
        lambda: journal.state("r", Agent("A")),
        lambda: journal.approve("r", "c"),
    ]
    for work in works:
        with pytest.raises(JournalError, match="row of run 'r' in Redis is damaged"):
            work()
    assert {each.run_id for each in journal.runs()} == {"good", "r"}
    assert journal.forget() == 2
    assert journal.runs() == []


@pytest.fixture
def full(client: Any) -> Iterator[Callable[[], None]]:
    """Has the server take no more."""
    yield lambda: client.config_set("maxmemory", 1)
    client.config_set("maxmemory", 0)


def test_a_full_server_is_an_error_that_shows_nothing_of_what_was_said(
    journal: RedisJournal, client: Any, full: Callable[[], None]
) -> None:
    session = RedisSession(uuid.uuid4().hex, redis_client=client)
    session.add_items([{"role": "user", "content": "Hi"}])
    full()
    with pytest.raises(SessionError, match=r"failed: [^{}]*maxmemory"):
        session.add_items([{"role": "user", "content": "My number is 4711"}])
    with pytest.raises(JournalError, match=r"failed: [^{}]*maxmemory"):
        run(journal, "r")
    client.config_set("maxmemory", 0)
    assert run(journal, "r", session=session).final_output == "Paid."
    assert len(session.get_items()) == 5
    with pytest.raises(UserError):
        journal.run("other")
