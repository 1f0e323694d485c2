"""A journal in SQLite: files that cannot be used, tools in the journal's transaction, growth."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agents_lite import (
    Agent,
    CustomTool,
    Journal,
    JournalError,
    RunConfig,
    Runner,
    SQLiteJournal,
    UserError,
    function_tool,
)
from agents_lite.testing import ScriptedModel, call

Scripted = Callable[..., ScriptedModel]
CHECKOUT = Path(__file__).parents[2]


def config(journal: Journal, run_id: str = "r", **options: Any) -> RunConfig:
    return RunConfig(journal=journal, run_id=run_id, tracing_disabled=True, **options)


def settle(journal: Journal, run_id: str = "r", script: Any = ("done",)) -> Any:
    agent = Agent("A", model=ScriptedModel(list(script)))
    return Runner.run_sync(agent, "Go", run_config=config(journal, run_id)).final_output


def test_nothing_is_opened_before_the_first_run(tmp_path: Path) -> None:
    SQLiteJournal(tmp_path / "runs.db")
    assert list(tmp_path.iterdir()) == []


def test_either_a_path_or_a_connection() -> None:
    for options in ({}, {"path": "x", "connection": sqlite3.connect(":memory:")}):
        with pytest.raises(UserError, match="either a path or a connection"):
            SQLiteJournal(**options)  # type: ignore[arg-type]


def make_text_file(path: Path) -> None:
    path.write_text("These are no runs. " * 100)


def make_other_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE agent_runs (name TEXT, status TEXT, changed_at TEXT)")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (make_text_file, "not a database. Name another file"),
        (Path.mkdir, "unable to open"),
        (make_other_tables, "(no such column|no column).*has other columns: name another file"),
    ],
)
def test_a_file_that_is_no_journal_is_an_error_before_the_model_is_asked(
    tmp_path: Path, prepare: Callable[[Path], None], message: str
) -> None:
    prepare(tmp_path / "runs.db")
    with pytest.raises(JournalError, match=message):
        settle(SQLiteJournal(tmp_path / "runs.db"), script=[])


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="Check that its directory exists"):
        settle(SQLiteJournal(tmp_path / "nowhere" / "runs.db"), script=[])


@pytest.mark.parametrize("has_runs", [True, False])
def test_a_file_that_may_not_be_written_is_an_error(tmp_path: Path, has_runs: bool) -> None:
    path = tmp_path / "runs.db"
    if has_runs:
        journal = SQLiteJournal(path)
        settle(journal, "old")
        journal.close()
    else:
        sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close()
    readable = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(JournalError, match="Check that you may write to the file"):
        settle(SQLiteJournal(connection=readable), script=[])


READ_ONLY = """
import os, sys
from agents_lite import Agent, JournalError, RunConfig, Runner, SQLiteJournal
from agents_lite.testing import ScriptedModel

def settle(path, *script):
    config = RunConfig(journal=SQLiteJournal(path), run_id="new", tracing_disabled=True)
    Runner.run_sync(Agent("A", model=ScriptedModel(list(script))), "Go", run_config=config)

settle(sys.argv[2], "done")  # all modules are loaded
if os.getuid() == 0:
    os.setuid(65534)  # nobody is kept out that is root
try:
    settle(sys.argv[1])
except JournalError as error:
    print(error)
"""


def test_a_file_of_somebody_else_is_an_error(tmp_path: Path) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "runs.db")
        journal = SQLiteJournal(path)
        settle(journal, "old")
        journal.close()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        command = [sys.executable, "-c", READ_ONLY, str(path), str(tmp_path / "own.db")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=CHECKOUT)
        Path(folder).chmod(0o755)
    assert "Check that you may write" in done.stdout


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    journal = SQLiteJournal(path)
    for number in range(50):
        settle(journal, f"run {number}")
    journal.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = os.urandom(len(damaged) - 4096)
    path.write_bytes(damaged)
    with pytest.raises(JournalError, match="malformed|not a database"):
        settle(SQLiteJournal(path), "run 7", script=[])


@pytest.mark.parametrize("column", ["agent_runs.entries", "agent_run_entries.number"])
@pytest.mark.parametrize("damaged", ["", "zz", b"\xff"], ids=repr)
def test_a_count_of_entries_that_is_no_number_is_an_error(
    tmp_path: Path, column: str, damaged: Any
) -> None:
    journal = SQLiteJournal(tmp_path / "runs.db")
    settle(journal)
    table, name = column.split(".")
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        last = f" WHERE {name} = (SELECT MAX({name}) FROM {table})"
        connection.execute(f"UPDATE {table} SET {name} = ?{last}", (damaged,))
    connection.close()
    with pytest.raises(JournalError, match="number of entries of run 'r' is damaged"):
        settle(journal)
    assert settle(journal, run_id="other") == "done"


def test_a_file_deleted_in_mid_run_stops_the_run(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"

    @function_tool
    def delete() -> str:
        """Deletes the journal."""
        for each in tmp_path.iterdir():
            each.unlink()
        return "deleted"

    agent = Agent("A", model=ScriptedModel([call("delete")]), tools=[delete])
    with pytest.raises(JournalError, match="was deleted or replaced"):
        Runner.run_sync(agent, "Go", run_config=config(SQLiteJournal(path)))


FULL = """
import resource, signal, sys
from agents_lite import Agent, JournalError, RunConfig, Runner, SQLiteJournal, function_tool
from agents_lite.testing import ScriptedModel, call

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
effects = []

@function_tool
def write(text: str) -> str:
    "Writes."
    effects.append(text)
    return "x" * 400_000

journal = SQLiteJournal(sys.argv[1])
agent = Agent("A", model=ScriptedModel(lambda request: call("write", text="x")), tools=[write])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
config = RunConfig(journal=journal, run_id="r", tracing_disabled=True)
try:
    Runner.run_sync(agent, "Go", run_config=config)
except JournalError as error:
    print(error, len(effects))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
agent = agent.clone(model=ScriptedModel(["done"]))
print(Runner.run_sync(agent, "Go", run_config=config).final_output, len(effects))
"""


def test_a_full_disk_stops_the_run_which_goes_on_when_there_is_room(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", FULL, str(tmp_path / "runs.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert "failed: disk I/O error. Check the disk: its room" in first
    assert first.endswith(" 1")
    assert second == "done 2"  # the first call's end was not written: it is made again


def test_a_journal_that_is_too_large_takes_no_new_runs(tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "runs.db", max_bytes=60_000)
    settle(journal, "old", ["x" * 80_000])
    assert journal.size() > 60_000
    with pytest.raises(JournalError, match=r"more than its max_bytes of 60000: journal.forget"):
        settle(journal, "new", script=[])
    assert settle(journal, "old", script=[]) == "x" * 80_000
    journal.forget()
    assert settle(journal, "new") == "done"


def agent_that_charges(connection: sqlite3.Connection, then: Callable[[], None]) -> Agent[Any]:
    connection.execute("CREATE TABLE charges (amount INTEGER)")
    connection.commit()

    @function_tool
    def charge(amount: int) -> str:
        """Charges an amount."""
        connection.execute("INSERT INTO charges VALUES (?)", [amount])
        then()
        return "charged"

    return Agent("A", model=ScriptedModel([call("charge", amount=1), "done"]), tools=[charge])


def test_what_a_tool_wrote_before_it_raised_is_undone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.db")

    def fail() -> None:
        raise ValueError("no")

    agent = agent_that_charges(connection, fail)
    journal = SQLiteJournal(connection=connection)
    result = Runner.run_sync(agent, "Go", run_config=config(journal))
    assert "no" in result.new_items[1].output
    assert connection.execute("SELECT * FROM charges").fetchall() == []
    assert [fact["type"] for fact in journal.facts("r")].count("called") == 1


def test_what_a_local_tool_wrote_before_it_raised_is_undone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE notes (text)")

    def note(context: Any, text: str) -> str:
        connection.execute("INSERT INTO notes VALUES (?)", [text])
        raise ValueError("no")

    asked = {"type": "custom_tool_call", "call_id": "c1", "name": "note", "input": "x"}
    tools = [CustomTool("note", "Notes.", note)]
    agent = Agent("A", model=ScriptedModel([asked, "done"]), tools=tools)
    journal = SQLiteJournal(connection=connection)
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"
    assert connection.execute("SELECT * FROM notes").fetchall() == []


def test_a_tool_that_commits_is_told_not_to(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.db")
    agent = agent_that_charges(connection, connection.commit)
    journal = SQLiteJournal(connection=connection)
    with pytest.raises(UserError, match="it must neither commit nor roll back"):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"
    assert len(connection.execute("SELECT * FROM charges").fetchall()) == 1


def test_a_connection_in_a_transaction_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(UserError, match="is in a transaction: commit it before the run"):
        settle(SQLiteJournal(connection=connection), script=[])


def test_a_tool_that_writes_is_committed_with_its_fact(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    seen: list[int] = []

    def look() -> None:
        with sqlite3.connect(path) as other:
            seen.append(other.execute("SELECT count(*) FROM charges").fetchone()[0])

    agent = agent_that_charges(connection, look)
    journal = SQLiteJournal(connection=connection)
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"
    look()
    assert seen == [0, 1]


def test_the_millionth_run_looks_at_no_more_of_the_file_than_the_tenth(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    journal = SQLiteJournal(path)
    settle(journal, "first")
    many = 20_000
    with sqlite3.connect(path) as connection:
        for table, key in (("agent_runs", "run_id"), ("agent_run_entries", "run_id")):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            others = ", ".join(column for column in columns if column != key)
            connection.execute(
                f"INSERT INTO {table} ({key}, {others}) "
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                f"SELECT 'copy ' || i, {others} FROM n JOIN {table} WHERE run_id = 'first'",
                [many],
            )
    connection = sqlite3.connect(path)
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    again = SQLiteJournal(connection=connection)
    assert settle(again, "next") == "done"
    assert [run.run_id for run in again.runs(limit=1)] == ["next"]
    assert again.forget("next") == 1
    connection.set_trace_callback(None)
    words = ("SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE")
    plans = [
        row[3]
        for statement in statements
        if statement.startswith(words)
        for row in connection.execute(f"EXPLAIN QUERY PLAN {statement.replace('Inf', '9e999')}")
    ]
    connection.close()
    assert len(plans) > 5
    assert not [plan for plan in plans if plan.startswith("SCAN agent_run")], plans
    assert journal.forget() == many + 1


def test_of_no_status_there_are_no_rows(tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "runs.db")
    settle(journal)
    assert journal.rows([], 10, 0) == []
