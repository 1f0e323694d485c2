"""Runs whose processes are killed: nothing that was written is paid for or done again.

On each store as many processes are killed, again and again, as the environment variable KILLS says;
on SQLite one is killed at each write, too.
"""

from __future__ import annotations

import itertools
import os
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from agents_lite.testing import ResponsesServer
from tests.journal.conftest import make_store
from tests.support.journal_runs import (
    AMOUNTS,
    ANSWERS,
    Attempt,
    Drivers,
    answer,
    asked,
    session_of,
)
from tests.support.journal_stores import JournalStore

KILLS = int(os.environ.get("KILLS", 8))
POINTS = 44
"""How many points there are about to die at before the run pauses."""

pytestmark = pytest.mark.timeout(600 + 10 * KILLS)


class Ledger:
    """Drives one run after the other, and sees that nothing is paid twice."""

    def __init__(
        self, server: ResponsesServer, drivers: Drivers, store: JournalStore, folder: str
    ) -> None:
        self.server, self.drivers, self.store, self.folder = server, drivers, store, folder
        self.journal = store.plain.open()
        store.plain.open_charges(folder).close()  # the table is there before tools use it together
        self.kills = 0

    def new_id(self) -> str:
        return f"run-{uuid.uuid4().hex}"

    def attempt(self, run_id: str, dies_at: int | None, **options: Any) -> str:
        """Have a process drive a run; answers that are written are not to be asked for again."""
        written = self.written_answers(run_id)
        before = len(self.server.requests)
        attempt = Attempt(
            run_id,
            self.store.kind,
            self.store.location,
            self.folder,
            self.server.base_url,
            dies_at,
            **options,
        )
        outcome = self.drivers.make(attempt)
        paid = {asked(request) for request in self.server.requests[before:]}
        again = {(who, outputs) for who, _, outputs in paid} & written
        assert not again, f"{again} was asked for again"
        assert outcome["ended"] != "error", outcome["error"]
        if outcome["ended"] == "killed":
            self.kills += 1
        if outcome["ended"] == "paused":
            self.journal.approve(run_id, "b2")
        return str(outcome["ended"])

    def written_answers(self, run_id: str) -> set[tuple[str, int]]:
        """Agent and number of outputs of the answers that a run has on disk."""
        if not any(run.run_id == run_id for run in self.journal.runs(limit=10_000)):
            return set()
        answered = [fact for fact in self.journal.facts(run_id) if fact["type"] == "answered"]
        return {
            ("Helper", fact["turn"] - 1)
            if "in" in fact
            else next((who, n) for (who, turn), n in ANSWERS.items() if turn == fact["turn"])
            for fact in answered
        }

    def check_done(self, run_id: str, exactly_once: bool) -> None:
        """See that all was charged, and the session holds each turn once."""
        charged = self.store.charges(self.folder, run_id)
        keys = dict(charged)
        assert sorted(keys.values()) == sorted(AMOUNTS.values()), charged
        assert {key.rpartition("/")[2]: amount for key, amount in keys.items()} == AMOUNTS
        if exactly_once:
            assert max(Counter(key for key, _ in charged).values()) == 1, charged
        items = session_of(self.folder, run_id).get_items()
        assert [item.get("call_id") or item["role"] for item in items] == [
            *("user", "f1", "f2", "f3", "f1", "f2", "f3"),
            *(items[7]["call_id"], items[7]["call_id"], "b1", "b2", "b1", "b2", "assistant"),
        ]


@pytest.fixture(scope="module")
def server() -> Iterator[ResponsesServer]:
    with ResponsesServer(answer) as server:
        yield server


@pytest.fixture(scope="module")
def drivers_for() -> Iterator[Callable[[str], Drivers]]:
    """Gives the process for a database of Django, which is set up once; "" is for all others."""
    with ExitStack() as all_of_them:
        yield cache(lambda _: all_of_them.enter_context(Drivers()))


@pytest.fixture
def ledger(
    server: ResponsesServer,
    drivers_for: Callable[[str], Drivers],
    request: pytest.FixtureRequest,
    tmp_path: Any,
) -> Ledger:
    store = make_store(getattr(request, "param", "sqlite"), request)
    drivers = drivers_for(store.location if store.kind == "django" else "")
    return Ledger(server, drivers, store, str(tmp_path))


ON_SQLITE = [("sqlite", False), ("sqlite", True)]
EVERY_WAY = [
    *ON_SQLITE,
    ("postgresql", False),
    ("postgresql", True),
    ("redis", False),
    ("mariadb", False),
    ("mariadb", True),
    ("django", True),
    ("django-postgresql", True),
]
"""Stores, and whether tools write in the journal's transaction."""


@pytest.mark.parametrize(("ledger", "shares"), ON_SQLITE, indirect=["ledger"])
def test_a_run_killed_at_each_of_its_writes_goes_on_from_there(
    ledger: Ledger, shares: bool
) -> None:
    step = max(1, POINTS // KILLS) if shares else 1
    for point in itertools.count(random.Random(7).randint(1, step), step):
        run_id = ledger.new_id()
        first = ledger.attempt(run_id, point, shares=shares)
        while ledger.attempt(run_id, None, shares=shares) != "done":
            pass
        ledger.check_done(run_id, exactly_once=shares)
        if first != "killed":  # it has no such point before it pauses
            break
    assert ledger.kills > 20 // step


@pytest.mark.parametrize(
    ("ledger", "shares", "streamed"),
    [*((*way, False) for way in EVERY_WAY), ("sqlite", True, True), ("postgresql", False, True)],
    indirect=["ledger"],
)
def test_runs_killed_again_and_again_get_done(ledger: Ledger, shares: bool, streamed: bool) -> None:
    chance = random.Random(KILLS)
    while ledger.kills < KILLS:
        run_id = ledger.new_id()
        options = {"shares": shares, "streamed": streamed}
        while ledger.attempt(run_id, chance.randint(3, 14), **options) != "done":
            pass
        ledger.check_done(run_id, exactly_once=shares)


def test_a_killed_process_repeats_its_turn_where_turns_are_written_as_a_whole(
    ledger: Ledger,
) -> None:
    for point in (2, 6, 14):
        run_id = ledger.new_id()
        ledger.attempt(run_id, point, durability="turn")
        while ledger.attempt(run_id, None, durability="turn") != "done":
            pass
        ledger.check_done(run_id, exactly_once=False)
    assert ledger.kills == 3


def test_an_undisturbed_run_commits_twice_a_call_and_once_an_answer(ledger: Ledger) -> None:
    assert ledger.attempt("calm", None) == "paused"
    assert ledger.attempt("calm", None) == "done"
    ledger.check_done("calm", exactly_once=True)
    row, entries = ledger.journal.entries("calm") or pytest.fail("it is not there")
    answers, calls, handoffs = len(ANSWERS) + 2, len(AMOUNTS) + 1, 1
    decisions, stops = 1, 2
    assert row.entries == len(entries)
    assert len(entries) <= answers + 2 * calls + handoffs + decisions + stops
