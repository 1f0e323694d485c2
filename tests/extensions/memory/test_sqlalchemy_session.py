"""What only the SQLAlchemy session does: engines, URLs and tables."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import uuid
from contextlib import closing
from pathlib import Path

import pytest

sa = pytest.importorskip("sqlalchemy")

from agents_lite import Agent, RunConfig, Runner  # noqa: E402
from agents_lite.exceptions import RunTimeout, SessionError, UserError  # noqa: E402
from agents_lite.extensions.journal import SQLAlchemyJournal  # noqa: E402
from agents_lite.extensions.memory import SQLAlchemySession  # noqa: E402
from agents_lite.testing import ScriptedModel  # noqa: E402
from tests.support.servers import free_port  # noqa: E402
from tests.support.session_stores import make_turn  # noqa: E402

TURN = make_turn("w", 0)


def test_sessions_share_an_engine(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    one, other = (SQLAlchemySession(uuid.uuid4().hex, engine=engine) for _ in range(2))
    one.add_items(TURN)
    assert one.get_items() == TURN
    assert other.get_items() == []
    one.close()  # leaves the engine to its owner
    assert engine.pool.checkedin() == 1
    engine.dispose()


@pytest.mark.parametrize(
    "given", [{}, {"engine": sa.create_engine("sqlite://"), "url": "sqlite://"}]
)
def test_either_an_engine_or_a_url_is_needed(given: dict[str, object]) -> None:
    with pytest.raises(UserError, match="either an engine or a url"):
        SQLAlchemySession("s", **given)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "Could not parse"),
        ("nosuchdb://host/name", "nosuchdb"),
        ("postgresql://me:hunter2@host:abc/name", "the port or an option is not a number"),
        ("mysql+nosuchdriver://host/name", "nosuchdriver"),
        ("postgresql+asyncpg://me:hunter2@host/name", "synchronous"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_once(url: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        SQLAlchemySession.from_url("s", url=url)
    assert "hunter2" not in str(caught.value)


def test_an_address_in_place_of_an_engine_is_refused_and_not_shown() -> None:
    with pytest.raises(UserError, match="is a str; an address is its url") as caught:
        SQLAlchemySession("s", engine="postgresql://me:hunter2@host/name")
    assert "hunter2" not in str(caught.value)


def test_postgresql_has_its_older_name() -> None:
    session = SQLAlchemySession("s", url="postgres://me@host/name")
    assert session.engine.url.drivername == "postgresql"


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_a_database_in_memory_is_one_for_all_threads(driver: str) -> None:
    session = SQLAlchemySession("s", url=f"{driver}:///:memory:")
    thread = threading.Thread(target=session.add_items, args=[TURN])
    thread.start()
    thread.join()
    assert session.get_items() == TURN


def test_tables_have_the_given_names_and_are_made_only_when_asked(postgres_url: str) -> None:
    names = {"sessions_table": f"s_{uuid.uuid4().hex}", "messages_table": f"m_{uuid.uuid4().hex}"}
    careful = SQLAlchemySession("s", url=postgres_url, create_tables=False, **names)
    with pytest.raises(SessionError, match="does not exist") as caught:
        careful.add_items([{"role": "user", "content": "a secret"}])
    assert "a secret" not in str(caught.value)
    SQLAlchemySession("s", url=postgres_url, **names).add_items(TURN)
    assert careful.get_items() == TURN


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    pytest.importorskip("psycopg")
    url = f"postgresql+psycopg://me:hunter2@127.0.0.1:{free_port()}/name"
    with pytest.raises(SessionError, match=r"me:\*\*\*@127.0.0.1") as caught:
        SQLAlchemySession("s", url=url).add_items(TURN)
    assert "hunter2" not in str(caught.value)


def test_a_connection_cut_between_turns_is_made_anew(postgres_url: str) -> None:
    session = SQLAlchemySession(uuid.uuid4().hex, url=postgres_url)
    session.add_items(TURN)
    with session.engine.connect() as own:
        backend = own.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    with sa.create_engine(postgres_url).connect() as other:
        other.exec_driver_sql(f"SELECT pg_terminate_backend({backend}, 5000)")
    session.add_items(TURN)
    assert session.get_items() == TURN + TURN


def test_a_conversation_that_another_writer_begins_at_the_same_moment_has_both_turns(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'talks.db'}"
    quicker = SQLAlchemySession("s", url=url)

    class Late(SQLAlchemySession):
        def _insert_session(self, connection: sa.Connection) -> None:
            quicker.add_items(TURN)
            super()._insert_session(connection)

    session = Late("s", url=url)
    session.add_items(make_turn("w", 1))
    assert session.get_items() == [*TURN, *make_turn("w", 1)]


def test_a_connection_cut_inside_a_turn_leaves_nothing_of_it(postgres_url: str) -> None:
    session = SQLAlchemySession(uuid.uuid4().hex, url=postgres_url)
    session.add_items(TURN)

    @sa.event.listens_for(session.engine, "before_cursor_execute")
    def cut(connection, cursor, statement, parameters, context, executemany) -> None:  # type: ignore[no-untyped-def]
        if statement.startswith("INSERT INTO agent_messages"):
            with sa.create_engine(postgres_url).connect() as other:
                backend = connection.connection.driver_connection.info.backend_pid
                other.exec_driver_sql(f"SELECT pg_terminate_backend({backend}, 5000)")

    with pytest.raises(SessionError, match="Check that the database is there"):
        session.add_items(TURN)
    sa.event.remove(session.engine, "before_cursor_execute", cut)
    assert session.get_items() == TURN


@pytest.mark.parametrize("place", ["file", "postgres", "mariadb"])
@pytest.mark.parametrize("declared", ["at creation", "as an option", "for the driver"])
def test_an_engine_that_commits_each_statement_keeps_turns_whole(
    place: str, declared: str, request: pytest.FixtureRequest
) -> None:
    if place == "file":
        url = f"sqlite:///{request.getfixturevalue('tmp_path') / 's.db'}"
    else:
        url = request.getfixturevalue(f"{place}_url")
    if declared == "at creation":
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    elif declared == "for the driver":
        how = {"isolation_level": None} if place == "file" else {"autocommit": True}
        engine = sa.create_engine(url, connect_args=how)
    else:
        engine = sa.create_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    session = SQLAlchemySession(uuid.uuid4().hex, engine=engine)
    session.add_items(TURN)

    def fail(connection, cursor, statement, parameters, context, executemany) -> None:  # type: ignore[no-untyped-def]
        if statement.startswith("INSERT INTO agent_messages"):
            raise sa.exc.OperationalError(statement, None, Exception("cut"))

    sa.event.listen(session.engine, "after_cursor_execute", fail)
    with pytest.raises(SessionError, match="cut"):
        session.add_items(TURN)
    sa.event.remove(session.engine, "after_cursor_execute", fail)
    assert session.get_items() == TURN
    with engine.connect() as own:
        own.exec_driver_sql("DELETE FROM agent_messages WHERE message_data LIKE '%%w/0%%'")
    assert session.get_items() == []
    engine.dispose()


def test_an_engine_through_pgbouncer_prepares_nothing(pgbouncer_url: str) -> None:
    engine = sa.create_engine(pgbouncer_url, connect_args={"prepare_threshold": None})
    name = uuid.uuid4().hex
    writers = [SQLAlchemySession(name, url=pgbouncer_url) for _ in range(2)]
    writers.append(SQLAlchemySession(name, engine=engine))
    for _ in range(10):  # a driver prepares what it has sent some times
        for writer in writers:  # each has a connection, and all the same one behind PgBouncer
            writer.add_items(TURN)
    assert writers[0].get_items() == TURN * 30
    engine.dispose()


def test_names_differ_in_case_and_in_blanks_on_mariadb(mariadb_url: str) -> None:
    name = uuid.uuid4().hex
    sessions = [SQLAlchemySession(name + end, url=mariadb_url) for end in ("s", "S", "s ", "ś")]
    for number, session in enumerate(sessions):
        session.add_items(make_turn("w", number))
    for number, session in enumerate(sessions):
        assert session.get_items() == make_turn("w", number)


def test_a_missing_package_names_the_extra() -> None:
    program = (
        "import sys\n"
        "sys.modules['sqlalchemy'] = None\n"
        "from agents_lite.exceptions import UserError\n"
        "try:\n"
        "    from agents_lite.extensions.memory import SQLAlchemySession\n"
        "except UserError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'agents_lite[sqlalchemy]'" in run.stdout, run.stderr


def test_a_run_ends_in_time_though_its_database_does_not_answer(postgres_url: str) -> None:
    session = SQLAlchemySession(uuid.uuid4().hex, url=postgres_url)
    session.add_items(TURN)
    with session.engine.connect() as connection:  # the one that the session uses, too
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    agent = Agent("A", model=ScriptedModel([]))
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(RunTimeout):
            Runner.run_sync(agent, "x", session=session, timeout=0.2)
    finally:
        os.kill(backend, signal.SIGCONT)
    assert session.get_items() == TURN
    session.close()


def test_what_a_reader_of_the_file_holds_up_is_written_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kept.db'}"
    session, journal = SQLAlchemySession("s", url=url), SQLAlchemyJournal(url=url)
    journal.runs()
    session.add_items(TURN)
    agent = Agent("A", model=ScriptedModel(["done"]))
    config = RunConfig(journal=journal, run_id="r", tracing_disabled=True)
    for write in (
        lambda: session.add_items(TURN),
        lambda: Runner.run_sync(agent, "x", run_config=config),
    ):
        with closing(sqlite3.connect(tmp_path / "kept.db", check_same_thread=False)) as other:
            reading = other.execute("SELECT 1 FROM sqlite_master")
            timer = threading.Timer(0.7, reading.close)  # some tries to commit later
            timer.start()
            write()
            timer.join()
    assert session.get_items() == [*TURN, *TURN]
    facts = [fact["type"] for fact in journal.facts("r")]
    assert facts == ["started", "answered", "finished", "turn_ended"]


def test_an_interrupt_whose_frames_are_kept_keeps_no_lock(tmp_path: Path) -> None:
    journal = SQLAlchemyJournal(url=f"sqlite:///{tmp_path / 'kept.db'}")

    def run(run_id: str) -> str:
        config = RunConfig(journal=journal, run_id=run_id, tracing_disabled=True)
        agent = Agent("A", model=ScriptedModel(["done"]))
        return str(Runner.run_sync(agent, "x", run_config=config).final_output)

    def interrupt(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):  # of the row that was locked before
            raise KeyboardInterrupt

    assert run("one") == "done"
    engine = journal._database.engine
    sa.event.listen(engine, "after_cursor_execute", interrupt)
    with pytest.raises(KeyboardInterrupt) as kept:
        run("one")
    sa.event.remove(engine, "after_cursor_execute", interrupt)
    assert run("two") == "done"
    assert kept.value.__traceback__ is not None
