"""A session of turns and branches; what all stores promise is in `tests/memory/test_stores.py`."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from agents_lite import Agent, Runner, function_tool
from agents_lite.exceptions import SessionError, UserError
from agents_lite.extensions.memory import AdvancedSQLiteSession
from agents_lite.testing import ScriptedModel, call


@function_tool
def weather(city: str) -> str:
    """The weather.

    Args:
        city: Where.
    """
    return f"Sunny in {city}"


def said(text: str) -> list[dict[str, Any]]:
    """A turn: a message, and the answer."""
    return [{"role": "user", "content": text}, {"role": "assistant", "content": f"{text}!"}]


@pytest.fixture
def session(tmp_path: Path) -> AdvancedSQLiteSession:
    """A conversation of three turns in a file."""
    session = AdvancedSQLiteSession("chat", tmp_path / "chats.db", create_tables=True)
    for text in ("One", "Two", "Three"):
        session.add_items(said(text))
    return session


def contents(session: AdvancedSQLiteSession, branch_id: str | None = None) -> list[str]:
    return [item["content"] for item in session.get_items(branch_id=branch_id)]


def names(session: AdvancedSQLiteSession) -> list[str]:
    return [branch["branch_id"] for branch in session.list_branches()]


def test_its_tables_may_have_other_names(tmp_path: Path) -> None:
    tables = {"sessions_table": "chats", "messages_table": "messages"}
    session = AdvancedSQLiteSession("chat", tmp_path / "chats.db", **tables)  # type: ignore[arg-type]
    session.add_items([*said("One"), *said("Two")])
    session.create_branch_from_turn(2)
    session.add_items(said("Other"))
    assert contents(session) == ["One", "One!", "Other", "Other!"]
    assert contents(session, "main") == ["One", "One!", "Two", "Two!"]
    with closing(sqlite3.connect(tmp_path / "chats.db")) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (6,)


def test_a_branch_goes_on_from_an_earlier_turn_and_leaves_the_other_alone(
    session: AdvancedSQLiteSession,
) -> None:
    name = session.create_branch_from_turn(2)
    assert contents(session) == ["One", "One!"]
    session.add_items(said("Other"))
    assert contents(session) == ["One", "One!", "Other", "Other!"]
    assert contents(session, "main") == ["One", "One!", "Two", "Two!", "Three", "Three!"]
    assert session.get_items(2, "main") == said("Three")
    assert session.create_branch_from_content("OTHER", "third") == "third"
    assert [turn["turn"] for turn in session.get_conversation_turns(name)] == [1, 2]
    listed = [
        (each["branch_id"], each["message_count"], each["user_turns"], each["is_current"])
        for each in session.list_branches()
    ]
    assert listed == [("main", 6, 3, False), (name, 4, 2, False), ("third", 2, 1, True)]
    session.switch_to_branch("main")
    session.add_items(said("Four"))
    assert (contents(session)[-1], contents(session, name)[-1]) == ("Four!", "Other!")


def test_another_object_begins_on_main_and_sees_all_branches(
    session: AdvancedSQLiteSession, tmp_path: Path
) -> None:
    session.create_branch_from_turn(2, "b")
    session.add_items(said("Other"))
    again = AdvancedSQLiteSession("chat", tmp_path / "chats.db")
    assert len(contents(again)) == 6
    again.switch_to_branch("b")
    assert contents(again) == contents(session)
    assert names(AdvancedSQLiteSession("other", tmp_path / "chats.db")) == []


def test_a_branch_is_forgotten_with_what_no_other_one_has(
    session: AdvancedSQLiteSession, tmp_path: Path
) -> None:
    session.create_branch_from_turn(3, "b")
    session.add_items(said("Other"))
    with pytest.raises(UserError, match="force=True"):
        session.delete_branch("b")
    session.delete_branch("b", force=True)
    assert len(contents(session)) == 6 and names(session) == ["main"]
    with sqlite3.connect(tmp_path / "chats.db") as connection:
        assert connection.execute("SELECT COUNT(*) FROM agent_messages").fetchone() == (6,)
    session.create_branch_from_turn(2, "c")
    session.clear_session()
    session.add_items(said("Anew"))
    assert contents(session) == ["Anew", "Anew!"] and names(session) == ["main"]


def test_an_item_that_two_branches_have_is_popped_off_one(session: AdvancedSQLiteSession) -> None:
    session.create_branch_from_turn(2, "b")
    assert session.pop_item() == said("One")[1]
    assert contents(session) == ["One"]
    assert contents(session, "main")[:2] == ["One", "One!"]


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda it: it.create_branch_from_turn(4), "has no turn 4 on its branch 'main'"),
        (lambda it: it.create_branch_from_turn(2, "main"), "has a branch 'main'"),
        (lambda it: it.create_branch_from_turn(2, "b"), "has a branch 'b'"),
        (lambda it: it.create_branch_from_content("Nine"), "No turn of branch 'main' holds 'Nine'"),
        (lambda it: it.switch_to_branch("c"), "has no branch 'c'"),
        (lambda it: it.delete_branch("c"), "has no branch 'c'"),
        (lambda it: it.delete_branch("main"), "'main' stays"),
        (lambda it: it.delete_branch(None), "must be a text"),
        (lambda it: it.switch_to_branch(None), "must be a text"),
        (lambda it: it.switch_to_branch("half \ud83d"), "no lone surrogates; character 5 is one"),
        (lambda it: it.create_branch_from_turn(2, 5), "must be a text"),
    ],
)
def test_mistakes_are_told_and_change_nothing(
    session: AdvancedSQLiteSession, mistake: Any, words: str
) -> None:
    session.create_branch_from_turn(2, "b")
    session.add_items(said("Other"))
    session.switch_to_branch("main")
    before = session.list_branches()
    with pytest.raises(UserError, match=words):
        mistake(session)
    assert session.list_branches() == before


def test_turns_are_told_with_how_they_begin(session: AdvancedSQLiteSession) -> None:
    parts = [{"type": "input_text", "text": "Grüße " * 30}]
    session.add_items([{"role": "user", "content": parts}])
    turns = session.get_conversation_turns()
    assert [turn["turn"] for turn in turns] == [1, 2, 3, 4]
    assert (turns[0]["content"], turns[0]["can_branch"]) == ("One", True)
    assert turns[3]["content"].endswith("Grüße G...") and turns[3]["full_content"] == parts
    (found,) = session.find_turns_by_content("grüSSE")
    assert found["turn"] == 4 and len(found["content"]) > 180
    assert session.find_turns_by_content("role") == session.find_turns_by_content("input_te") == []


def test_turns_of_parts_are_found_by_what_they_say(session: AdvancedSQLiteSession) -> None:
    texts = ['Say "hi"\nC:\\new', "and more"]
    parts: list[Any] = [{"type": "input_text", "text": text} for text in texts]
    session.add_items([{"role": "user", "content": [*parts, {"type": "input_image"}]}])
    for said in ('"HI"', "\nc", ":\\new", "more"):
        assert [turn["turn"] for turn in session.find_turns_by_content(said)] == [4]


def test_runs_leave_their_turns_tools_and_usage() -> None:
    script = ["Hello", [call("weather", city="Rome"), call("weather", city="Oslo")], "Sunny", "Bye"]
    agent = Agent(name="A", model=ScriptedModel(script), tools=[weather])

    async def talk() -> None:
        session = AdvancedSQLiteSession(session_id="chat")
        assert await session.get_session_usage() == await session.get_turn_usage(1) == {}
        used = []
        for text in ("Hi", "And the weather?"):
            result = await Runner.run(agent, text, session=session)
            await session.store_run_usage(result)
            await session.store_run_usage(result)
            used.append(result.usage.total_tokens)
        turns = await session.get_conversation_by_turns()
        kinds = ["user", *["function_call"] * 2, *["function_call_output"] * 2, "assistant"]
        assert [item["type"] for item in turns[2]] == kinds
        assert [item["tool_name"] for item in turns[2]][:3] == [None, "weather", "weather"]
        assert await session.get_tool_usage() == [("weather", 2, 2)]
        branch = await session.create_branch_from_turn(2)
        await session.store_run_usage(await Runner.run(agent, "Bye", session=session))
        total = await session.get_session_usage()
        assert (total["requests"], total["total_turns"]) == (4, 3)
        assert (await session.get_session_usage("main"))["total_tokens"] == sum(used)
        (only,) = await session.get_turn_usage()
        assert only["user_turn_number"] == 2 and only["output_tokens_details"]
        assert await session.get_turn_usage(2, "main") != only
        await session.pop_item()
        await session.pop_item()
        assert await session.get_turn_usage() == []
        assert await session.switch_to_branch("main") is None
        assert await session.delete_branch(branch) is None
        assert await session.get_tool_usage(branch_id="main") == [("weather", 2, 2)]

    asyncio.run(talk())


def test_a_tool_of_a_server_is_told_with_it_and_one_without_a_name_by_its_type() -> None:
    session = AdvancedSQLiteSession("chat")
    session.add_items(
        [
            {"type": "mcp_call", "server_label": "files", "name": "read"},
            {"type": "function_call", "namespace": "crm", "name": "find"},
            {"type": "function_call", "namespace": "find", "name": "find"},
            {"type": "web_search_call", "id": "ws_1"},
            {"type": "reasoning", "id": "rs_1", "summary": []},
        ]
    )
    usage = [("files.read", 1, 0), ("crm.find", 1, 0), ("find", 1, 0), ("web_search_call", 1, 0)]
    assert session.get_tool_usage() == usage


def test_tables_may_be_left_to_others(tmp_path: Path) -> None:
    session = AdvancedSQLiteSession("chat", tmp_path / "chats.db", create_tables=False)
    with pytest.raises(SessionError, match="no such table"):
        session.add_items(said("One"))
    AdvancedSQLiteSession("chat", tmp_path / "chats.db").get_items()
    session.close()
    session.add_items(said("One"))
    assert contents(session) == ["One", "One!"]


def test_what_turns_have_used_stays_known_when_a_summary_takes_their_place(
    session: AdvancedSQLiteSession,
) -> None:
    agent = Agent("A", model=ScriptedModel(["Four!", "Five!", "Six!"]))
    for text in ("Four", "Five"):
        session.store_run_usage(Runner.run_sync(agent, text, session=session))
    used = (session.get_session_usage(), session.get_turn_usage())
    assert used[0]["total_turns"] == 2
    session.replace_items([*said("One")[:1], {"role": "assistant", "content": "In short"}], 6)
    assert contents(session) == ["One", "In short", "Four", [ANY], "Five", [ANY]]
    assert (session.get_session_usage(), session.get_turn_usage()) == used
    turns = [(turn["turn"], turn["content"]) for turn in session.get_conversation_turns()]
    assert turns == [(3, "One"), (4, "Four"), (5, "Five")]  # the usage is still of these
    session.store_run_usage(Runner.run_sync(agent, "Six", session=session))
    assert session.get_session_usage()["total_turns"] == 3
    assert session.get_turn_usage()[:2] == used[1]
    assert session.get_turn_usage(6)["requests"] == 1
    session.clear_session()
    assert session.get_session_usage() == {}


@pytest.mark.parametrize("damaged", ["'zz'", "x'ff'", "9223372036854775807"])
@pytest.mark.parametrize("column", ["sequence_number", "user_turn_number"])
def test_a_place_that_is_no_number_is_named(
    session: AdvancedSQLiteSession, tmp_path: Path, column: str, damaged: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "chats.db")) as connection, connection:
        connection.execute(f"UPDATE message_structure SET {column} = {damaged} WHERE id = 6")
    with pytest.raises(SessionError, match="Session 'chat'"):
        session.add_items(said("Four"))
    assert len(session.get_items()) == 6


@pytest.mark.parametrize("damaged", ["7", "'{'", "x'ff'", f"'{'[' * 5000}'"])
def test_details_of_a_turn_that_are_damaged_are_not_known(
    session: AdvancedSQLiteSession, tmp_path: Path, damaged: str
) -> None:
    result = Runner.run_sync(Agent(name="A", model=ScriptedModel(["Hi"])), "Hi", session=session)
    session.store_run_usage(result)
    with closing(sqlite3.connect(tmp_path / "chats.db")) as connection, connection:
        connection.execute(f"UPDATE turn_usage SET input_tokens_details = {damaged}")
    (turn,) = session.get_turn_usage()
    assert turn["input_tokens_details"] is None
    assert turn["output_tokens_details"] is not None
