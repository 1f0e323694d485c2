"""`agents-lite runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    RunConfig,
    RunContextWrapper,
    Runner,
    SQLiteJournal,
    SQLiteSession,
    ToolContext,
    function_tool,
)
from agents_lite.testing import ScriptedModel, call
from tests.cli.conftest import Run


@function_tool(needs_approval=True)
def refund(order: int) -> str:
    """Refund an order."""
    return f"refunded order {order}"


@pytest.fixture
def journal(tmp_path: Path) -> SQLiteJournal:
    """Two runs that wait, and one that is finished."""
    journal = SQLiteJournal(tmp_path / "runs.db")
    for run_id in ("first", "second"):
        model = ScriptedModel([call("refund", call_id="c1", order=7)])
        cashier = Agent("Cashier", model=model, tools=[refund])
        config = RunConfig(journal=journal, run_id=run_id, tracing_disabled=True)
        Runner.run_sync(cashier, "Refund order 7", run_config=config)
    config = RunConfig(journal=journal, run_id="third", tracing_disabled=True)
    Runner.run_sync(Agent("Other", model=ScriptedModel(["All is well"])), "Hi", run_config=config)
    return journal


DB = ["--db", "runs.db"]


def test_runs_are_listed_with_what_they_wait_for(run: Run, journal: SQLiteJournal) -> None:
    third, second, _ = run("runs", "list", *DB).stdout.splitlines()
    assert "finished  third  (Other)" in third
    assert 'paused    second  (Cashier)  waits: refund({"order":7}), c1' in second
    assert len(run("runs", "list", *DB, "--status", "paused").stdout.splitlines()) == 2


def test_what_models_say_does_not_control_the_terminal(run: Run, tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "runs.db")
    asked = call("refund", '"\x1b]0;owned\x07"')
    for run_id, answer in (("waits", asked), ("ends", "\x9b2J owned")):
        agent = Agent("\x1b[2J", model=ScriptedModel([answer]), tools=[refund])
        config = RunConfig(journal=journal, run_id=run_id, tracing_disabled=True)
        Runner.run_sync(agent, "Hi", run_config=config)
    for words in (["list"], ["show", "waits"], ["show", "ends"]):
        shown = run("runs", *words, *DB).stdout
        assert "owned" in shown
        assert not set("\x1b\x07\x9b") & set(shown)


def test_a_run_is_shown_step_by_step(run: Run, journal: SQLiteJournal) -> None:
    lines = run("runs", "show", "third", *DB).stdout.splitlines()
    assert [line.strip() for line in lines[2:]] == [
        "started: Hi",
        "turn 1: All is well",
        "finished: All is well",
        "turn ended",
    ]


def test_a_run_is_approved_and_resumed(run: Run, journal: SQLiteJournal) -> None:
    resume = ["runs", "resume", "first", *DB, "--agent", "agents:cashier", "--offline"]
    waiting = run(*resume)
    assert (waiting.returncode, waiting.stdout) == (3, 'waits: refund({"order":7}), c1\n')
    assert "agents-lite runs approve" in waiting.stderr
    assert run("runs", "approve", "first", "c1", *DB).returncode == 0
    assert "refunded order 7" in run(*resume).stdout
    assert "refunded order 7" in run(*resume).stdout  # the stored result


def test_a_run_is_resumed_with_its_session_and_its_context(
    run: Run, journal: SQLiteJournal, tmp_path: Path
) -> None:
    @function_tool
    def who(ctx: RunContextWrapper[str]) -> str:
        """Tell who asks."""
        return f"{ctx.context} asks"

    model = ScriptedModel([call("who"), call("refund", call_id="c1", order=7)])
    waiter = Agent("Waiter", model=model, tools=[who, refund])
    session = SQLiteSession("ada", tmp_path / "sessions.db")
    config = RunConfig(journal=journal, run_id="fourth", tracing_disabled=True)
    Runner.run_sync(waiter, "Who asks?", context="Bob", session=session, run_config=config)
    journal.reject("fourth", "c1", "No. Tell who asks.")
    resumed = run(
        *("runs", "resume", "fourth", *DB, "--agent", "agents:waiter", "--offline"),
        *("--context", "agents:make_context", "--session", "sessions.db", "--session-id", "ada"),
    )
    assert resumed.returncode == 0, resumed.stderr
    assert [item.get("role", item.get("type")) for item in session.get_items()] == [
        *("user", "function_call", "function_call_output"),
        *("function_call", "function_call_output", "assistant"),
    ]


def test_a_function_may_give_the_agent(run: Run, journal: SQLiteJournal) -> None:
    resume = ["runs", "resume", "first", *DB, "--agent", "agents:make_cashier", "--offline"]
    assert run(*resume).stdout == 'waits: refund({"order":7}), c1\n'


def test_a_run_is_rejected_in_words(run: Run, journal: SQLiteJournal) -> None:
    rejected = run("runs", "reject", "second", "c1", *DB, "--message", "Not today")
    assert rejected.returncode == 0
    resumed = run("runs", "resume", "second", *DB, "--agent", "agents:cashier", "--offline")
    assert "Not today" in resumed.stdout


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["answer", "booking", "c1", "--fields", '{"name": "Zoë"}'], "booked for Zoë"),
        (["reject", "booking", "c1"], "nothing booked"),
    ],
)
def test_what_a_server_asks_is_answered(
    run: Run, tmp_path: Path, words: list[str], output: str
) -> None:
    @function_tool
    def book(ctx: ToolContext[None]) -> str:
        """Asks in its middle, as tools of MCP servers may."""
        at_work: Any = ctx.run
        _, answers, state = at_work.answered_in_call(ctx.tool_call_id)
        if state is None:
            form = {"type": "object", "properties": {"name": {"type": "string"}}}
            asked = {"server_name": "s", "message": "Who comes?", "requested_schema": form}
            raise at_work.ask_in_call(ctx.tool_call_id, {"who": asked}, {})
        content = answers["who"].get("content")
        return "nothing booked" if content is None else f"booked for {content['name']}"

    model = ScriptedModel([call("book", call_id="c1"), "Done."])
    agent = Agent("Booking", model=model, tools=[book])
    journal = SQLiteJournal(tmp_path / "runs.db")
    config = RunConfig(journal=journal, run_id="booking", tracing_disabled=True)
    assert Runner.run_sync(agent, "Book.", run_config=config).is_paused
    assert "asked c1: who: Who comes? (name)" in run("runs", "show", "booking", *DB).stdout
    for wrong, told in (("{", "is no JSON"), ('{"age": 4}', "no field 'age'")):
        assert told in run("runs", "answer", "booking", "c1", *DB, "--fields", wrong).stderr
    assert "asks for input" in run("runs", "approve", "booking", "c1", *DB).stderr
    assert run("runs", *words, *DB).returncode == 0
    result = Runner.run_sync(agent, "Book.", run_config=config)
    assert [result.new_items[1].output, result.final_output] == [output, "Done."]


def test_runs_are_forgotten(run: Run, journal: SQLiteJournal) -> None:
    assert run("runs", "forget", *DB, "--older-than", "1").stdout == "0 forgotten\n"
    assert run("runs", "forget", *DB, "--older-than", "0").stdout == "1 forgotten\n"
    assert run("runs", "forget", "first", *DB, "--unfinished").stdout == "1 forgotten\n"
    assert [each.run_id for each in journal.runs()] == ["second"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", *DB], "required: ID"),
        (["approve", "first", *DB], "required: CALL"),
        (["resume", "first", *DB], "required: --agent"),
        (["forget", *DB], "which runs?"),
    ],
)
def test_missing_words_are_wrong_usage(
    run: Run, journal: SQLiteJournal, arguments: list[str], message: str
) -> None:
    done = run("runs", *arguments)
    assert (done.returncode, message in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list"], "Where are the runs?"),
        (["list", "--db", "nowhere.db"], "There is no journal at nowhere.db"),
        (["list", *DB, "--status", "done"], "no runs of status 'done'"),
        (["show", "fourth", *DB], "has no run 'fourth'"),
        (["approve", "first", "c9", *DB], "no call waits by the id 'c9'"),
        (["resume", "first", *DB, "--agent", "agents:desk", "--offline"], "agent 'Cashier'"),
    ],
)
def test_wrong_words_are_told(
    run: Run, journal: SQLiteJournal, arguments: list[str], message: str
) -> None:
    done = run("runs", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
