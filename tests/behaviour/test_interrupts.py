"""A process that was interrupted at any instruction, again and again, still works."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    MCPServerError,
    RunConfig,
    Runner,
    RunTimeout,
    SQLiteSession,
    UserError,
    function_tool,
)
from agents_lite.journal import SQLiteJournal
from agents_lite.local_tools import (
    LocalShell,
    ShellActionRequest,
    ShellCallData,
    ShellCommandRequest,
)
from agents_lite.mcp import MCPServerStdio
from agents_lite.running.start import new_run
from agents_lite.testing import ScriptedModel, call
from agents_lite.tracing import flush_traces, set_trace_processors
from agents_lite.tracing.sqlite_store import SQLiteTraceProcessor, TraceStore
from tests.support.interrupts import cut_off_silently as cut_off_silently
from tests.support.interrupts import interrupts, times_interrupted
from tests.support.traces import provider as provider
from tests.support.waiting import SOON, wait_until

INTERRUPTS = 150

pytestmark = [
    pytest.mark.usefixtures("cut_off_silently"),
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such timer"),
]


@function_tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@function_tool(parallel=True)
def add_beside(a: int, b: int) -> int:
    """Add on another thread."""
    return a + b


@function_tool(timeout=SOON)
async def add_async(a: int, b: int) -> int:
    """Add on an event loop."""
    await asyncio.sleep(0)
    return a + b


CALLS = [call(name, a=1, b=2) for name in ("add", "add_beside", "add_async")]


def an_agent() -> Agent[Any]:
    model = ScriptedModel([CALLS, CALLS[:1], "done"])
    return Agent(name="A", model=model, tools=[add, add_beside, add_async])


def run_plain(session: SQLiteSession) -> None:
    assert Runner.run_sync(an_agent(), "x", session=session, timeout=SOON).final_output == "done"


def run_streamed(session: SQLiteSession) -> None:
    list(Runner.stream(an_agent(), "x", session=session, timeout=SOON))


def run_async(session: SQLiteSession) -> None:
    async def read() -> None:
        result = Runner.run_streamed(an_agent(), "x", session=session, timeout=SOON)
        async for _event in result.stream_events():
            pass

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(read())
    finally:
        loop.close()


def run_with_an_agent_inside(session: SQLiteSession) -> None:
    inner = an_agent().as_tool("inner", "Asks another agent.")
    outer = ScriptedModel([call("inner", input="x"), "done"])
    agent = Agent(name="B", model=outer, tools=[inner])
    assert Runner.run_sync(agent, "x", session=session, timeout=SOON).final_output == "done"


def seconds_of(run: Callable[[SQLiteSession], None], session: SQLiteSession) -> float:
    started = time.perf_counter()
    run(session)
    session.clear_session()
    return time.perf_counter() - started


@pytest.mark.parametrize("run", [run_plain, run_streamed, run_async, run_with_an_agent_inside])
def test_runs_sessions_traces_and_time_limits_outlive_many_interrupts(
    run: Callable[[SQLiteSession], None], tmp_path: Path
) -> None:
    def run_anew() -> None:
        if len(session.get_items(30)) == 30:
            session.clear_session()
        run(session)

    set_trace_processors([SQLiteTraceProcessor(tmp_path / "traces.db")])
    session = SQLiteSession("s", tmp_path / "s.db")
    run(session)
    session.clear_session()
    dice = random.Random(run.__name__)
    longest = 1.2 * min(seconds_of(run, session) for _ in range(10))
    moments = (dice.uniform(0.0001, longest) for _ in range(INTERRUPTS))
    seen = times_interrupted(run_anew, moments)
    assert seen > INTERRUPTS / 10

    session.clear_session()
    for _ in range(5):
        run(session)
    assert session.get_items()

    @function_tool
    async def hang() -> None:
        await asyncio.sleep(1000)

    slow = Agent(name="slow", model=ScriptedModel([call("hang")]), tools=[hang])
    with pytest.raises(RunTimeout):
        Runner.run_sync(slow, "x", timeout=0.2, run_config=RunConfig(workflow_name="late"))
    flush_traces()
    names = [each.workflow_name for each in TraceStore(tmp_path / "traces.db").list_traces()]
    assert "late" in names


def test_a_journal_on_a_connection_goes_on_wherever_it_was_interrupted() -> None:
    journal = SQLiteJournal(connection=sqlite3.connect(":memory:", isolation_level=None))
    begun: list[str] = []

    def run(run_id: str) -> None:
        config = RunConfig(journal=journal, run_id=run_id)
        model = ScriptedModel(lambda request: "done" if len(request.input) > 1 else CALLS[0])
        Runner.run_sync(Agent(name="A", model=model, tools=[add]), "x", run_config=config)

    def begin() -> None:
        begun.append(f"run {len(begun)}")
        run(begun[-1])

    for _kept in interrupts(begin, every=13):
        run(begun[-1])
    assert [each.status for each in journal.runs(limit=1000)] == ["finished"] * len(begun)


def test_a_run_is_held_by_nobody_wherever_its_taking_up_was_interrupted() -> None:
    journal = SQLiteJournal(connection=sqlite3.connect(":memory:", isolation_level=None))
    agent = Agent[Any](name="A")
    begun: list[str] = []
    held: list[Any] = []

    def take_up() -> Any:
        config = RunConfig(journal=journal, run_id=begun[-1])
        return journal.take_up(new_run(agent, "x", {"run_config": config}, streamed=False))

    def take_up_another() -> None:
        begun.append(f"run {len(begun)}")
        held.append(take_up())

    for _kept in interrupts(take_up_another, every=1):
        while held:
            held.pop().leave()
        take_up().leave()


def test_a_shell_goes_on_wherever_it_was_interrupted(tmp_path: Path) -> None:
    shell = LocalShell(tmp_path)
    action = ShellActionRequest(["echo a; exit 3"])
    request: Any = ShellCommandRequest(None, ShellCallData("c", action))  # type: ignore[arg-type]

    for _kept in interrupts(lambda: shell(request), every=2):
        (said,) = shell(request).output
        assert (said.stdout, said.exit_code) == ("a\n", 3)


def test_no_server_goes_on_wherever_its_use_was_interrupted() -> None:
    script = Path(__file__).parents[1] / "support" / "mcp_script.py"
    arguments = [str(script), json.dumps({"modern": True})]
    server = MCPServerStdio({"command": sys.executable, "args": arguments})

    def use() -> None:
        with server:
            server.call_tool("echo", {"text": "hi"})

    before = set(threading.enumerate())
    for _kept in interrupts(use, every=67):
        pass
    use()
    server.close()  # no `with` can help when it is interrupted as it begins its end
    begun = {thread for thread in threading.enumerate() if thread.name == "agents_lite mcp"}
    wait_until(lambda: not any(thread.is_alive() for thread in begun - before))


def test_no_connection_is_forgotten_wherever_its_closing_was_interrupted() -> None:
    class Connection:
        def __init__(self) -> None:
            self.transport, self.is_closed = self, False

        def close(self, at_once: bool = False) -> None:
            self.is_closed = True

    def close() -> None:
        server._session, connection.is_closed = connection, False  # type: ignore[assignment]
        server.close()

    connection = Connection()
    server = MCPServerStdio({"command": "unused"})
    for _kept in interrupts(close, every=1):
        assert connection.is_closed or server._session is connection  # type: ignore[comparison-overlap]


def test_an_interrupted_reader_of_a_server_leaves_reading_to_others() -> None:
    script = Path(__file__).parents[1] / "support" / "mcp_script.py"
    with MCPServerStdio({"command": sys.executable, "args": [str(script), "{}"]}) as server:
        transport = server._session.transport  # type: ignore[union-attr]
        for _kept in interrupts(lambda: transport.child.read_here(lambda: False), every=1):
            assert not transport.child._reading._is_owned()


def test_no_descriptor_is_lost_wherever_the_start_of_a_server_was_interrupted() -> None:
    def count() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    def use() -> None:
        with suppress(MCPServerError, UserError), MCPServerStdio({"command": "no-such-program"}):
            pass

    use()
    before = count()
    for _kept in interrupts(use, every=1):
        pass
    del _kept
    wait_until(lambda: count() <= before)
