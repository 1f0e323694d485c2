"""Tools that write with the journal's connection: what they must not do, and what they may."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    Journal,
    JournalError,
    RunBusy,
    RunConfig,
    Runner,
    UserError,
    function_tool,
)
from agents_lite.journal.holder import Holder
from agents_lite.testing import ScriptedModel, call
from tests.journal.conftest import make_store
from tests.support.journal_stores import JournalStore


class Shop:
    """A run with a tool that charges, and then does something with the connection."""

    def __init__(self, kind: str, folder: Path, url: str | None = None) -> None:
        path = folder / "shop.db"
        if kind == "sqlalchemy":
            pytest.importorskip("sqlalchemy")
        location = f"sqlite:///{path}" if kind == "sqlalchemy" else str(path)
        self.store = JournalStore(kind, url or location)
        self.connection = self.store.open_charges(str(folder))
        self.journal: Journal = self.store.open(shared=self.connection)
        self.folder = str(folder)
        self.run_id = "r" if url is None else uuid.uuid4().hex

    def charge(self) -> None:
        row = {"run": self.run_id, "token": "t", "amount": 1}
        self.store.add_charge(self.folder, row, self.connection)

    def agent(self, work: Callable[[], Any], **options: Any) -> Agent[Any]:
        @function_tool(**options)
        def charge() -> str:
            """Charges."""
            self.charge()
            work()
            return "charged"

        return Agent("A", model=ScriptedModel([call("charge"), "done"]), tools=[charge])

    def config(self) -> RunConfig:
        return RunConfig(journal=self.journal, run_id=self.run_id, tracing_disabled=True)

    def run(self, work: Callable[[], Any], **options: Any) -> Any:
        agent = self.agent(work, **options)
        return lambda: Runner.run_sync(agent, "Go", run_config=self.config())

    def charges(self) -> int:
        return len(self.store.charges(self.folder, self.run_id))


@pytest.fixture(params=["sqlite", "sqlalchemy"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    return Shop(request.param, tmp_path)


def test_a_tool_may_look_at_its_own_run(shop: Shop) -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.extend([shop.journal.runs(), shop.journal.facts("r"), shop.charges()])

    assert shop.run(look)().final_output == "done"
    (stored,), facts, charges = seen
    assert (stored.status, facts[-1]["type"]) == ("working", "answered")
    assert (charges, shop.charges()) == (0, 1)  # others saw it when the call had ended


def test_a_tool_that_commits_and_writes_again_is_told_not_to(shop: Shop) -> None:
    def commit() -> None:
        shop.connection.commit()
        shop.charge()

    run = shop.run(commit)
    with pytest.raises(UserError, match="it must neither commit nor roll back"):
        run()
    assert run().final_output == "done"
    assert shop.charges() == 2


def test_a_tool_that_commits_and_loses_its_connection_is_told_not_to_commit(
    postgres_url: str, tmp_path: Path
) -> None:
    shop = Shop("sqlalchemy", tmp_path, postgres_url)

    def lose() -> None:
        shop.connection.commit()
        shop.charge()
        shop.connection.connection.driver_connection.close()

    works = [lose]
    run = shop.run(lambda: works.pop()() if works else None)
    with pytest.raises(UserError, match="it must neither commit nor roll back"):
        run()
    assert run().final_output == "done"
    shop.connection.close()


def test_a_connection_that_was_lost_before_is_told_in_the_words_of_the_server(
    postgres_url: str, tmp_path: Path
) -> None:
    shop = Shop("sqlalchemy", tmp_path, postgres_url)
    lost = shop.connection.connection.driver_connection.info.backend_pid
    with shop.store.open_charges("") as other:
        other.exec_driver_sql(f"SELECT pg_terminate_backend({lost}, 5000)")
    with pytest.raises(JournalError, match="terminating connection"):
        shop.run(lambda: None)()
    assert shop.run(lambda: None)().final_output == "done"
    shop.connection.close()


@pytest.mark.parametrize("name", ["sqlite", "postgresql", "mariadb"])
def test_a_connection_that_commits_each_statement_is_refused(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = make_store(name, request)
    shop = Shop("sqlalchemy", tmp_path, store.location if name != "sqlite" else None)
    shop.connection.execution_options(isolation_level="AUTOCOMMIT")
    with pytest.raises(UserError, match="open it without AUTOCOMMIT"):
        shop.run(lambda: None)()
    assert shop.charges() == 0
    shop.connection.close()


def test_what_postgresql_takes_no_more_after_an_error_is_told_with_the_way_out(
    postgres_url: str, tmp_path: Path
) -> None:
    shop = Shop("sqlalchemy", tmp_path, postgres_url)

    def fail() -> None:
        with suppress(Exception):
            shop.store._execute(shop.connection, "SELECT 1 / 0", {})

    with pytest.raises(JournalError, match=r"aborted.* inside connection\.begin_nested\(\)"):
        shop.run(fail)()
    assert shop.charges() == 0
    shop.connection.close()


def test_what_a_call_of_a_run_that_another_process_has_taken_over_did_is_undone(shop: Shop) -> None:
    other = shop.store.open()

    def lose(*_: Any) -> bool:
        def take_over(row: Any, now: float) -> Any:
            holder = Holder("elsewhere 1 2", 7, "8", "9").text
            return replace(row, holder=holder, lease_until=now + 100.0), None

        other.change("r", take_over)
        return False

    with pytest.raises(RunBusy, match="elsewhere"):
        shop.run(lambda: None, needs_approval=lose)()
    assert shop.charges() == 0


def test_a_commit_that_a_reader_holds_up_commits_nothing_later(shop: Shop) -> None:
    readers: list[Any] = []

    def read() -> None:
        if not readers:
            reader = sqlite3.connect(shop.store.location.removeprefix("sqlite:///"))
            readers.append(reader.execute("SELECT 1 FROM sqlite_master"))  # it goes on reading

    shop.store._execute(shop.connection, "PRAGMA busy_timeout = 50", {})
    shop.connection.commit()
    run = shop.run(read)
    with pytest.raises(JournalError, match="locked"):
        run()
    readers[0].close()
    assert run().final_output == "done"
    assert shop.charges() == 1


def test_a_call_whose_commit_is_refused_was_not_made(shop: Shop) -> None:
    def execute(statement: str) -> Any:
        return shop.store._execute(shop.connection, statement, {})

    def order() -> None:
        execute("INSERT INTO orders (customer) VALUES (7)")

    customer = "INTEGER REFERENCES customers (id) DEFERRABLE INITIALLY DEFERRED"
    execute("PRAGMA foreign_keys = ON")
    execute("CREATE TABLE customers (id INTEGER PRIMARY KEY)")
    execute(f"CREATE TABLE orders (customer {customer})")
    shop.connection.commit()
    run = shop.run(order)
    with pytest.raises(JournalError, match="FOREIGN KEY"):
        run()
    assert [fact["type"] for fact in shop.journal.facts("r")] == ["started", "answered", "failed"]
    assert shop.charges() == 0
    execute("INSERT INTO customers (id) VALUES (7)")
    shop.connection.commit()
    assert run().final_output == "done"
    assert shop.charges() == len(execute("SELECT * FROM orders").fetchall()) == 1


def test_each_call_is_committed_however_durable_a_run_is(shop: Shop) -> None:
    agent = shop.agent(lambda: None)
    agent.model = ScriptedModel([[call("charge"), call("charge")], "done"])
    config = replace(shop.config(), durability="turn")
    assert Runner.run_sync(agent, "Go", run_config=config).final_output == "done"
    assert shop.charges() == 2


def test_a_tool_that_changes_its_journal_is_told_not_to(shop: Shop) -> None:
    refusals: list[UserError] = []

    def change() -> None:
        agent = Agent("B", model=ScriptedModel([]))
        config = RunConfig(journal=shop.journal, run_id="inner", tracing_disabled=True)
        changes: list[Callable[[], Any]] = [
            lambda: Runner.run_sync(agent, "Go", run_config=config),
            lambda: shop.journal.forget("other"),
            lambda: shop.journal.approve("r", "call"),
        ]
        for each in changes:
            with pytest.raises(UserError, match="must not change the journal") as caught:
                each()
            refusals.append(caught.value)
        assert shop.charges() == 0  # for others, as long as the call goes on

    assert shop.run(change)().final_output == "done"
    assert (len(refusals), shop.charges()) == (3, 1)


UNSEEN = {"on_unknown_end": "fail", "failure_error_function": None}
"""Options of a tool of which no end may be unknown, and no failure told to the model."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_call_that_left_the_run_is_known_to_be_undone(
    shop: Shop, error: type[BaseException]
) -> None:
    def fail() -> None:
        if errors:
            raise errors.pop()

    errors = [error()]
    run = shop.run(fail, **UNSEEN)
    with pytest.raises((KeyboardInterrupt, UserError)):
        run()
    assert run().final_output == "done"
    assert shop.charges() == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, JournalError])
def test_a_state_of_a_run_holds_no_call_that_was_undone(
    shop: Shop, error: type[BaseException]
) -> None:
    def fail() -> None:
        if errors and errors[0] is JournalError:
            shop.connection.close()  # so that nothing can be committed
        elif errors:
            raise errors.pop()

    errors = [error]
    agent, config = shop.agent(fail, **UNSEEN), shop.config()
    stream = Runner.run_streamed(agent, "Go", run_config=config)
    with pytest.raises((KeyboardInterrupt, UserError, JournalError)):
        list(stream.stream_events())
    assert shop.charges() == 0
    if errors:
        errors.clear()
        shop.connection = shop.store.open_charges(shop.folder)
        config.journal = shop.store.open(shared=shop.connection)
    result = Runner.run_sync(agent, stream.to_state(), run_config=config)
    assert (result.final_output, shop.charges()) == ("done", 1)
