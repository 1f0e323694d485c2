"""What journals, MCP servers, cassettes and states cost, beside a bare way to the same end."""

from __future__ import annotations

import os
import select
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic_core import from_json, to_json

import agents_lite
from agents_lite import (
    Agent,
    FunctionTool,
    MCPServerStdio,
    RunConfig,
    Runner,
    RunState,
    SQLiteJournal,
    cassette,
)
from agents_lite.concurrency.processes import small_environment
from agents_lite.testing import ScriptedModel, call, text

from .sdk import MAX_TURNS, add

CALLS = 100
TURNS = 200
ECHO = Path(__file__).with_name("mcp_echo.py")
ROW = "x" * 400
PATIENCE = 60_000
"""Milliseconds to wait for an answer."""


class Workloads:
    """Each method makes what it needs and gives the work to be measured."""

    def __init__(self) -> None:
        agents_lite.set_tracing_disabled(True)
        self.directory = TemporaryDirectory()
        self.path = Path(self.directory.name)
        self.add = agents_lite.function_tool(add)

    def agent(self, turns: int, tool: FunctionTool | None = None) -> Agent[None]:
        """An agent that calls a tool in each turn but the last."""
        script = [*(call("add", a=1, b=2) for _ in range(turns - 1)), text("done")]
        return Agent(name="A", model=ScriptedModel(script), tools=[tool or self.add])

    def run(self, agent: Agent[None], config: RunConfig | None = None) -> agents_lite.RunResult:
        return Runner.run_sync(agent, "hi", max_turns=MAX_TURNS, run_config=config)

    def journal(self, side: str) -> Callable[[], object]:
        """A run of 21 turns with a journal; or without, and the driver's own commits at the places
        where a journal has to make them: who waits for a disk finds the caches cold.
        """
        journal, numbers = SQLiteJournal(self.path / "runs.db"), count()
        database = sqlite3.connect(self.path / "bare.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE facts (fact TEXT)")

        def ours() -> None:
            self.run(self.agent(21), RunConfig(journal=journal, run_id=f"r{next(numbers)}"))

        def commit() -> None:
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO facts VALUES (?)", [ROW])
            database.execute("COMMIT")

        def add_durably(a: int, b: int) -> int:
            """Add two numbers."""
            commit()  # the model's answer
            commit()  # the call's beginning
            added = add(a, b)
            commit()  # its output
            return added

        tool = agents_lite.function_tool(add_durably, name_override="add")

        def bare() -> None:
            commit()  # the run's beginning
            self.run(self.agent(21, tool))
            commit()  # its last answer
            commit()  # its end

        return ours if side == "ours" else bare

    def mcp_call(self, side: str) -> Callable[[], object]:
        """Calls of a tool; or what the barest client must do for each, with a server of its own: to
        write a request as a line, wait for so long and no longer, and see that it is answered.

        All of it is on one processor: to wake another one takes longer than a call, now and then.
        """
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        command = [sys.executable, str(ECHO)]
        if side == "ours":
            server = MCPServerStdio({"command": command[0], "args": command[1:]})
            server.connect()
            return lambda: [server.call_tool("add", {"a": 1, "b": 2}) for _ in range(CALLS)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(  # like ours in a session of its own: Linux shares by sessions
            command, stdin=pipe, stdout=pipe, env=small_environment({}), start_new_session=True
        )
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("The process has no pipes")
        news = select.poll()
        news.register(stdout, select.POLLIN)

        def bare() -> None:
            for number in range(CALLS):
                params = {"name": "add", "arguments": {"a": 1, "b": 2}}
                asked = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
                stdin.write(to_json(asked) + b"\n")
                stdin.flush()
                if not news.poll(PATIENCE):
                    raise TimeoutError
                answer = from_json(stdout.readline())
                if answer["id"] != number or "result" not in answer:
                    raise RuntimeError(f"This is no answer: {answer}")

        return bare

    def cassette_opened(self, side: str) -> Callable[[], object]:
        """A cassette of 100 turns of the stub's, opened and closed; or its file read as JSON."""
        path = self.path / "run.json"
        with cassette(path):
            self.run(Agent(name="A", model="m", tools=[self.add]))

        def ours() -> None:
            opened = cassette(path, record="none")
            opened.__enter__()
            opened.__exit__(RuntimeError, RuntimeError(), None)  # nothing of it is to be used

        return ours if side == "ours" else lambda: from_json(path.read_bytes())

    def state_written(self, side: str) -> Callable[[], object]:
        state = self.run(self.agent(TURNS)).to_state()
        value = from_json(state.to_string())
        return state.to_string if side == "ours" else lambda: to_json(value)

    def state_read(self, side: str) -> Callable[[], object]:
        agent = self.agent(TURNS)
        written = self.run(agent).to_state().to_string()
        if side == "ours":
            return lambda: RunState.from_string(agent, written)
        return lambda: from_json(written)
