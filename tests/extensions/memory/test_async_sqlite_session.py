"""An SQLite session for programs that await its methods."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agents_lite import Agent, Runner, SQLiteSession
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
