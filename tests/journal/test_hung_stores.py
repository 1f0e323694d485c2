"""Journals whose store hangs: the time limit of a run holds all the same."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from agents_lite import Agent, RunConfig, Runner, RunTimeout, function_tool
from agents_lite.testing import ScriptedModel, call
from tests.journal.conftest import make_store
from tests.support.journal_stores import JournalStore
from tests.support.servers import proxy_that_hangs
from tests.support.waiting import LIMIT, time_is_up_once

Switch = Callable[[bool], object]


@contextmanager
def hanging(store: JournalStore) -> Iterator[tuple[JournalStore, Switch]]:
    """The store, and what lets it hang (True) and go on."""
    if store.kind == "sqlite":
        store.open().runs()
        with closing(sqlite3.connect(store.location, isolation_level=None)) as other:
            yield store, lambda hangs: other.execute("BEGIN EXCLUSIVE" if hangs else "ROLLBACK")
        return
    port = re.search(r"(?<=127\.0\.0\.1:)\d+", store.location)
    assert port is not None
    with proxy_that_hangs(int(port[0])) as (front, flows):
        location = store.location.replace(port[0], str(front))
        location += "?socket_timeout=5000" if store.kind == "redis" else ""
        place = JournalStore(store.kind, location)
        yield place, lambda hangs: flows.clear() if hangs else flows.set()


@pytest.mark.parametrize("write", [0, 3, 5])  # the claim, what a call gave, the end
@pytest.mark.parametrize("name", ["sqlite", "postgresql", "redis"])
def test_a_run_ends_in_time_whatever_its_journal_does(
    name: str, write: int, request: pytest.FixtureRequest
) -> None:
    begun: list[int] = []

    @function_tool
    def charge() -> str:
        """Charges."""
        return "charged"

    model = ScriptedModel(lambda asked: [call("charge"), "done"][len(asked.input) > 1])
    agent = Agent("A", model=model, tools=[charge])
    with hanging(make_store(name, request)) as (store, let_hang):

        @contextmanager
        def around() -> Iterator[None]:
            if len(begun) == write:
                let_hang(True)
            begun.append(write)
            yield

        with closing(store.open(around, lease=LIMIT)) as journal:
            config = RunConfig(journal=journal, run_id=f"hung {write}", tracing_disabled=True)
            with time_is_up_once(lambda: len(begun) > write), pytest.raises(RunTimeout) as caught:
                Runner.run_sync(agent, "Go", run_config=config, timeout=LIMIT)
            assert caught.value.run_data is not None or write == 5
            let_hang(False)
            assert Runner.run_sync(agent, "Go", run_config=config).final_output == "done"
            assert journal.run(f"hung {write}").status == "finished"
