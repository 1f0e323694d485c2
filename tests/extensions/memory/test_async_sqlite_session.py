"""An SQLite session for programs that await its methods."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agents_lite import Agent, Runner, RunTimeout, SQLiteSession
from agents_lite.extensions.memory import AsyncSQLiteSession
from agents_lite.testing import ScriptedModel


def test_all_methods_are_awaited(tmp_path: Path) -> None:
    async def talk() -> list[int]:
        session = AsyncSQLiteSession("chat", tmp_path / "chats.db")
        agent = Agent(name="A", model=ScriptedModel(["Hi"]))
        await Runner.run(agent, "Hello", session=session)
        counts = [len(await session.get_items()), len(await session.get_items(limit=1))]
        assert (await session.pop_item() or {})["role"] == "assistant"
        await session.add_items([{"role": "user", "content": "And?"}])
        counts.append(len(SQLiteSession("chat", tmp_path / "chats.db").get_items()))
        await session.clear_session()
        counts.append(len(await session.get_items()))
        await session.close()
        return counts

    assert asyncio.run(talk()) == [2, 1, 2, 0]


def test_a_run_in_plain_code_takes_one_too() -> None:
    session = AsyncSQLiteSession("chat")
    agent = Agent(name="A", model=ScriptedModel(["Hi"]))
    Runner.run_sync(agent, "Hello", session=session)
    assert len(asyncio.run(session.get_items())) == 2


def test_items_of_a_plain_session_may_be_awaited() -> None:
    async def read() -> int:
        session = SQLiteSession("chat")
        session.add_items([{"role": "user", "content": "Hello"}])
        return len(await session.get_items()) + len(await session.get_items(limit=0))

    assert asyncio.run(read()) == 1


def test_a_locked_database_holds_up_neither_a_run_nor_the_end_of_its_loop(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    SQLiteSession("chat", path).add_items([{"role": "user", "content": "Hello"}])
    session = AsyncSQLiteSession("chat", path)
    session._session._database._timeout = 5000
    agent = Agent(name="A", model=ScriptedModel(lambda request: "Hi"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RunTimeout):
            asyncio.run(Runner.run(agent, "Hello", session=session, timeout=0.2))
