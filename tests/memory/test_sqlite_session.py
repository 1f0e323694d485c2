"""What only the SQLite session does: files, locks, and clear errors about them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agents_lite import Agent, Runner
from agents_lite.exceptions import RunTimeout, SessionError, UserError
from agents_lite.extensions.memory import AdvancedSQLiteSession
from agents_lite.memory import SQLiteSession
from agents_lite.testing import ScriptedModel
from tests.support.session_stores import make_turn, whole_turns

CHECKOUT = Path(__file__).parents[2]
TURN = make_turn("w", 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "it's 50% \n ü.db"


@pytest.fixture
def locked(path: Path) -> Iterator[sqlite3.Connection]:
    """A file with one turn, locked for writing by somebody else."""
    with SQLiteSession("s", path) as session:
        session.add_items(TURN)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_nothing_is_opened_before_the_first_use(path: Path) -> None:
    session = SQLiteSession("s", path)
    assert not path.exists()
    session.add_items(TURN)
    assert path.exists()


def test_a_relative_path_keeps_its_meaning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = SQLiteSession("s", "s.db")
    monkeypatch.chdir("/")
    session.add_items(TURN)
    assert (tmp_path / "s.db").exists()


def test_a_session_in_memory_belongs_to_its_object_in_every_thread() -> None:
    session = SQLiteSession("s")
    thread = threading.Thread(target=session.add_items, args=[TURN])
    thread.start()
    thread.join()
    assert session.get_items() == TURN
    assert SQLiteSession("s").get_items() == []


def test_tables_may_have_other_names(path: Path) -> None:
    with SQLiteSession("s", path, "chats", "chat_items") as session:
        session.add_items(TURN)
        assert session.get_items() == TURN
    with closing(sqlite3.connect(path)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert connection.execute("SELECT session_id FROM chats").fetchall() == [("s",)]
    assert {"chats", "chat_items"} <= names
    assert "agent_messages" not in names


@pytest.mark.parametrize("name", ["", "a b", "x; DROP TABLE y", 'a"', "1st", "naïve", "a\n"])
def test_what_is_no_plain_name_names_no_table(name: str) -> None:
    for tables in ({"sessions_table": name}, {"messages_table": name}):
        with pytest.raises(UserError, match="cannot name a table"):
            SQLiteSession("s", **tables)


def test_a_locked_database_can_be_read_but_writing_it_fails_in_time(
    path: Path, locked: sqlite3.Connection
) -> None:
    session = SQLiteSession("s", path, timeout=0.05)
    assert session.get_items() == TURN
    for write in (lambda: session.add_items(TURN), session.pop_item, session.clear_session):
        with pytest.raises(SessionError, match=r"database is locked.*allow a longer `timeout`"):
            write()
    locked.execute("ROLLBACK")
    assert session.get_items() == TURN
    session.add_items(TURN)
    assert session.get_items() == TURN + TURN


def test_writing_waits_for_a_lock_to_end(path: Path, locked: sqlite3.Connection) -> None:
    session = SQLiteSession("s", path)
    thread = threading.Thread(target=session.add_items, args=[TURN])
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    locked.execute("ROLLBACK")
    thread.join()
    assert session.get_items() == TURN + TURN


def test_a_reader_keeps_no_writer_waiting(path: Path) -> None:
    session = SQLiteSession("s", path, timeout=0)
    session.add_items(TURN)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM agent_messages").fetchall()
        session.add_items(TURN)
    assert session.get_items() == TURN + TURN


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "s.db"):
        with pytest.raises(SessionError, match="Check that its directory exists") as caught:
            SQLiteSession("s", path).add_items(TURN)
        assert str(path) in str(caught.value)


def test_a_file_that_may_only_be_read_is_named() -> None:
    with TemporaryDirectory() as directory:
        program = f"""
import os, sqlite3
from agents_lite.exceptions import SessionError
from agents_lite.extensions.memory import AdvancedSQLiteSession
from agents_lite.memory import SQLiteSession

path = {directory!r} + "/s.db"
turn = [{{"role": "user", "content": "kept"}}]
with SQLiteSession("s", path) as session:
    session.add_items(turn)
os.chmod(path, 0o444)
os.chmod({directory!r}, 0o555)
if os.geteuid() == 0:
    os.setuid(65534)  # root may write anywhere
try:
    session.add_items(turn)
except SessionError as error:
    assert path in str(error) and "you may write" in str(error), error
else:
    raise SystemExit("it was written")
"""
        try:
            run_program(program)
        finally:
            os.chmod(directory, 0o700)


def test_a_file_that_is_no_database_is_named_and_left_alone(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(SessionError, match="Name another file") as caught:
        SQLiteSession("s", path).get_items()
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"Dear diary, " * 1000


def test_a_damaged_database_is_named(path: Path) -> None:
    with SQLiteSession("s", path) as session:
        for turn in range(200):
            session.add_items(make_turn("w", turn))
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (path.stat().st_size - 8192))
    with pytest.raises(SessionError, match="Restore a backup") as caught:
        SQLiteSession("s", path).get_items()
    assert str(path) in str(caught.value)


def test_a_full_disk_leaves_the_turns_that_were_there(tmp_path: Path) -> None:
    program = f"""
import resource, signal
from agents_lite.exceptions import SessionError
from agents_lite.extensions.memory import AdvancedSQLiteSession
from agents_lite.memory import SQLiteSession

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
session = SQLiteSession("s", {str(tmp_path / "s.db")!r})
session.add_items([{{"role": "user", "content": "kept"}}])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    session.add_items([{{"role": "user", "content": "x" * 1000}}] * 1000)
except SessionError as error:
    assert "s.db" in str(error)
else:
    raise SystemExit("the limit did not hold")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
session.add_items([{{"role": "user", "content": "added"}}])
assert [item["content"] for item in session.get_items()] == ["kept", "added"]
"""
    run_program(program)


def test_forking_while_a_thread_writes_harms_neither_parent_nor_child(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    program = f"""
import os, signal, threading, time
from agents_lite.extensions.memory import AdvancedSQLiteSession
from agents_lite.memory import SQLiteSession
from tests.support.session_stores import make_turn

session, in_memory = SQLiteSession("s", {str(path)!r}), SQLiteSession("s")
for each in (session, in_memory):
    each.add_items(make_turn("parent", 0))
stop = threading.Event()

def write():
    turn = 0
    while not stop.wait(0.002):
        session.add_items(make_turn("thread", turn))
        in_memory.add_items(make_turn("thread", turn))
        turn += 1

thread = threading.Thread(target=write)
thread.start()
children = []
for number in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(250)
        try:
            session.add_items(make_turn("child", number))
            assert in_memory.get_items()[:5] == make_turn("parent", 0)
            os._exit(0)
        finally:
            os._exit(1)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
stop.set()
thread.join()
assert codes == [0] * 20, codes
"""
    run_program(program)
    turns = whole_turns(SQLiteSession("s", path).get_items())
    assert {f"child/{number}" for number in range(20)} <= set(turns)
    own = [turn for turn in turns if turn.startswith("thread")]
    assert own == [f"thread/{number}" for number in range(len(own))]


def test_a_child_goes_on_when_its_parent_has_closed_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    program = f"""
import os, signal
from agents_lite.extensions.memory import AdvancedSQLiteSession
from agents_lite.memory import SQLiteSession
from tests.support.session_stores import make_turn

session = SQLiteSession("s", {str(path)!r})
session.add_items(make_turn("parent", 0))
wait_end, closed_end = os.pipe()
child = os.fork()
if child == 0:
    signal.alarm(250)
    try:
        os.read(wait_end, 1)
        session.add_items(make_turn("child", 0))
        os._exit(0)
    finally:
        os._exit(1)
session.close()
os.write(closed_end, b"!")
assert os.waitpid(child, 0)[1] == 0
"""
    run_program(program)
    assert whole_turns(SQLiteSession("s", path).get_items()) == ["parent/0", "child/0"]


def test_sqlite_itself_is_loaded_with_the_first_use() -> None:
    run_program(
        "import sys\n"
        "from agents_lite.memory import SQLiteSession\n"
        "session = SQLiteSession('s')\n"
        "assert 'sqlite3' not in sys.modules\n"
        "session.get_items()\n"
        "assert 'sqlite3' in sys.modules\n"
    )


def run_program(program: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr


def test_a_locked_database_holds_no_run_past_its_time(
    path: Path, locked: sqlite3.Connection
) -> None:
    agent = Agent(name="A", model=ScriptedModel(["done"]))
    with pytest.raises(RunTimeout):
        Runner.run_sync(agent, "x", session=SQLiteSession("s", path, timeout=1000), timeout=0.3)


def test_a_file_deleted_while_it_is_in_use_is_written_anew_but_not_silently(path: Path) -> None:
    session = SQLiteSession("s", path)
    session.add_items(TURN)
    path.unlink()
    with pytest.raises(SessionError, match=r"deleted or replaced") as caught:
        session.add_items(TURN)
    assert str(path) in str(caught.value)
    session.add_items(TURN)
    assert SQLiteSession("s", path).get_items() == TURN


@pytest.mark.parametrize(
    "kind", [SQLiteSession, partial(AdvancedSQLiteSession, create_tables=True)]
)
def test_rows_that_are_no_items_are_left_out(path: Path, kind: Any, caplog: Any) -> None:
    session = kind("s", db_path=path)
    session.add_items([*TURN, *TURN])
    rows = ["{", "[1]", "null", '"text"', '{"type": 5}', "[" * 5000 + "]" * 5000]
    newest = len(session.get_items()) + 1
    session.add_items([*TURN[:1]] * len(rows))
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, row in enumerate(rows):
            connection.execute(
                "UPDATE agent_messages SET message_data = ? WHERE id = ?", [row, newest + number]
            )
    assert session.get_items() == [*TURN, *TURN]
    assert session.get_items(len(TURN)) == TURN
    assert "Session 's': what is no item is left out" in caplog.text
    assert session.pop_item() == TURN[-1]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE agent_messages SET message_data = '{' WHERE id = 1")
    session.replace_items(TURN[:1], 2)
    assert session.get_items() == [TURN[0], *[*TURN, *TURN][3:-1]]
