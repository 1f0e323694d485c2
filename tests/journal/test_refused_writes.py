"""Writes that a database refuses: for good, or since another writer was in the way."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Agent, AgentsException, JournalError, RunConfig, Runner, SessionError
from agents_lite.testing import ScriptedModel
from tests.support.waiting import PATIENCE, wait_until

sa = pytest.importorskip("sqlalchemy")

from agents_lite.extensions.journal import SQLAlchemyJournal  # noqa: E402
from agents_lite.extensions.memory import SQLAlchemySession  # noqa: E402

_TURN = [{"role": "user", "content": "Hello"}]


def refuse(path: Path, *events: str) -> None:
    """Have a database refuse what others want as it is."""
    with closing(sqlite3.connect(path)) as connection:
        for number, event in enumerate(events):
            refusal = "BEGIN SELECT RAISE(ABORT, 'wanted elsewhere'); END"
            connection.execute(f"CREATE TRIGGER refusal_{number} BEFORE {event} {refusal}")


def test_a_journal_tells_what_its_database_always_refuses(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    journal = SQLAlchemyJournal(url=f"sqlite:///{path}")
    agent = Agent("A", model=ScriptedModel(["done"]))

    def run(run_id: str) -> None:
        config = RunConfig(journal=journal, run_id=run_id, tracing_disabled=True)
        Runner.run_sync(agent, "Go", run_config=config)

    run("kept")
    refuse(path, "DELETE ON agent_runs", "INSERT ON agent_runs")
    refused: list[Callable[[], Any]] = [lambda: journal.forget("kept"), lambda: run("new")]
    for work in refused:
        with pytest.raises(JournalError, match="wanted elsewhere"):
            work()


def test_a_pool_whose_connections_are_all_held_is_told_of_as_such(tmp_path: Path) -> None:
    options: dict[str, Any] = {"poolclass": sa.QueuePool, "pool_size": 1, "max_overflow": 0}
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'runs.db'}", pool_timeout=0, **options)
    journal = SQLAlchemyJournal(engine=engine)
    with engine.connect(), pytest.raises(JournalError, match="make the pool larger") as caught:
        journal.runs()
    assert caught.value.may_pass
    assert journal.runs() == []


def test_a_session_tells_what_its_database_always_refuses(tmp_path: Path) -> None:
    path = tmp_path / "talks.db"
    session = SQLAlchemySession("s", url=f"sqlite:///{path}", create_tables=True)
    assert session.get_items() == []
    refuse(path, "INSERT ON agent_sessions")
    with pytest.raises(SessionError, match="wanted elsewhere"):
        session.add_items(_TURN)


def keep_large(journal: Any, session: Any) -> Iterator[AgentsException]:
    """What a journal and a session say of a text of more than 1 MiB."""
    large = "x" * (2**20 + 1)
    journal.forget("large", unfinished=True)
    config = RunConfig(journal=journal, run_id="large", tracing_disabled=True)
    with pytest.raises(JournalError) as caught:
        Runner.run_sync(Agent("A", model=ScriptedModel([large])), "Go", run_config=config)
    assert not caught.value.may_pass  # or it would be sent again and again
    yield caught.value
    with pytest.raises(SessionError) as refused:
        session.add_items([{"role": "user", "content": large}])
    yield refused.value


@pytest.mark.parametrize("limit", ["proto-max-bulk-len", "client-query-buffer-limit"])
def test_what_is_too_large_for_redis_is_told(redis_url: str, limit: str) -> None:
    import redis

    from agents_lite.extensions.journal import RedisJournal
    from agents_lite.extensions.memory import RedisSession

    server = redis.Redis.from_url(redis_url, max_connections=1)  # which is enough for one run
    most = server.config_get(limit)[limit]
    server.config_set(limit, 2**20)
    try:
        kept = RedisJournal(redis_client=server), RedisSession("s", redis_client=server)
        for error in keep_large(*kept):
            assert f"more than its {limit} of {2**20}: raise that" in str(error)
    finally:
        server.config_set(limit, most)


def test_what_is_too_large_for_mysql_is_told(mariadb_url: str) -> None:
    def limit(size: int) -> int:
        with sa.create_engine(mariadb_url, poolclass=sa.NullPool).connect() as connection:
            before: int = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()
            connection.exec_driver_sql(f"SET GLOBAL max_allowed_packet = {size}")
            return before

    most = limit(2**20)
    try:
        session = SQLAlchemySession("s", url=mariadb_url, create_tables=True)
        for error in keep_large(SQLAlchemyJournal(url=mariadb_url), session):
            assert f"more than its max_allowed_packet of {2**20}: raise that" in str(error)
    finally:
        limit(most)


def test_a_lost_connection_that_was_sent_little_is_told_without_another_one(
    mariadb_url: str,
) -> None:
    engine = sa.create_engine(mariadb_url, poolclass=sa.NullPool)
    opened: list[Any] = []
    with engine.connect() as connection, engine.connect() as other:
        journal = SQLAlchemyJournal(connection=connection)
        journal.runs()
        connection.commit()
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        connection.commit()
        other.exec_driver_sql(f"KILL {number}")
        sa.event.listen(engine, "connect", lambda *each: opened.append(each))
        with pytest.raises(JournalError, match="The journal's connection failed"):
            journal.runs()
    assert opened == []


def test_what_is_too_large_for_sqlite_is_told(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    sa.event.listen(
        engine, "connect", lambda it, _: it.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2**20)
    )
    session = SQLAlchemySession("s", engine=engine, create_tables=True)
    for error in keep_large(SQLAlchemyJournal(engine=engine), session):
        assert "too big. Keep what is large elsewhere" in str(error)


@pytest.mark.parametrize(
    ("condition", "words"),
    [("program_limit_exceeded", "Keep what is large elsewhere"), ("disk_full", "Make room")],
)
def test_a_server_that_has_no_room_is_told_of_as_such(
    postgres_url: str, condition: str, words: str
) -> None:
    name = f"s{uuid.uuid4().hex}"
    journal = SQLAlchemyJournal(url=postgres_url, runs_table=name, entries_table=f"{name}_e")
    assert journal.runs() == []
    refusal = f"BEGIN RAISE 'too much' USING ERRCODE = '{condition}'; END"
    with closing(journal), journal._database.engine.begin() as connection:  # type: ignore[union-attr]
        for statement in (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {refusal} $$",
            f"CREATE TRIGGER refusal BEFORE INSERT ON {name} EXECUTE FUNCTION {name}()",
        ):
            connection.exec_driver_sql(statement)
    config = RunConfig(journal=journal, run_id="r", tracing_disabled=True)
    with pytest.raises(JournalError, match=f"too much(.|\n)*{words}") as caught:
        Runner.run_sync(Agent("A", model=ScriptedModel([])), "Go", run_config=config)
    assert caught.value.may_pass == (condition == "disk_full")


def test_who_is_always_in_the_way_is_not_waited_for_without_end(postgres_url: str) -> None:
    name = f"s{uuid.uuid4().hex}"
    options = {"create_tables": True, "messages_table": name}
    with closing(SQLAlchemySession(name, url=postgres_url, **options)) as session:  # type: ignore[arg-type]
        session.add_items(_TURN)
        conflict = "BEGIN RAISE 'in the way' USING ERRCODE = 'serialization_failure'; END"
        with session._database.engine.begin() as connection:
            for statement in (
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {conflict} $$",
                f"CREATE TRIGGER refusal BEFORE INSERT ON {name} EXECUTE FUNCTION {name}()",
            ):
                connection.exec_driver_sql(statement)
        with pytest.raises(SessionError, match="in the way"):
            session.add_items(_TURN)
        assert len(session.get_items()) == 1


def test_who_was_in_the_way_of_a_serializable_transaction_is_waited_for(postgres_url: str) -> None:
    name = uuid.uuid4().hex
    engine = sa.create_engine(
        postgres_url,
        isolation_level="SERIALIZABLE",
        connect_args={"application_name": name},
    )
    journal = SQLAlchemyJournal(engine=engine)
    session = SQLAlchemySession(name, engine=engine, create_tables=True)
    session.add_items(_TURN)
    agent = Agent("A", model=ScriptedModel(["done"]))
    config = RunConfig(journal=journal, run_id=name, tracing_disabled=True)
    Runner.run_sync(agent, "Go", run_config=config)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    is_held, is_awaited = threading.Event(), threading.Event()

    def one_waits() -> bool:
        with sa.create_engine(postgres_url, poolclass=sa.NullPool).connect() as connection:
            found = sa.text(f"{waiting} AND application_name = '{name}'")
            return bool(connection.execute(found).scalar_one())

    def hold(row: Any, now: float) -> Any:
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE agent_sessions SET updated_at = now()"))
            is_held.set()
            assert is_awaited.wait(PATIENCE)
        return replace(row, changed_at=now), None

    def note(row: Any, now: float) -> Any:
        return replace(row, note='{"error": "noted"}'), None

    with ThreadPoolExecutor() as threads:
        for work in (lambda: journal.change(name, note), lambda: session.add_items(_TURN)):
            is_held.clear()
            is_awaited.clear()
            holder = threads.submit(journal.change, name, hold)
            assert is_held.wait(PATIENCE)
            waiter = threads.submit(work)
            wait_until(one_waits)
            is_awaited.set()
            waiter.result()
            holder.result()
    assert journal.run(name).error == "noted"
    assert len(session.get_items()) == 2
    engine.dispose()
