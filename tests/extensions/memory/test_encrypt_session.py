"""A session whose items no other store can read."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.fernet import Fernet

from agents_lite import (
    Agent,
    OpenAIConversationsSession,
    Runner,
    SessionError,
    SessionSettings,
    SQLiteSession,
    UserError,
)
from agents_lite.extensions.memory import AsyncSQLiteSession, EncryptedSession
from agents_lite.memory.session import is_later
from agents_lite.testing import ScriptedModel

HELLO = {"role": "user", "content": "Hello"}
USER = {"role": "user", "content": "Before"}
ANSWER = {"role": "assistant", "content": "Hi"}
CALL = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "seen"}


def done(given: Any) -> Any:
    """What a session gives, awaited where it has to be."""

    async def waited() -> Any:
        return await given

    return asyncio.run(waited()) if is_later(given) else given


def test_a_run_reads_what_the_store_cannot() -> None:
    store = SQLiteSession("chat")
    session = EncryptedSession("chat", store, "secret")
    agent = Agent(name="A", model=ScriptedModel(["Hi", "Bye"]))
    Runner.run_sync(agent, "Hello", session=session)
    Runner.run_sync(agent, "And?", session=session)
    assert [item["role"] for item in session.get_items()] == ["user", "assistant"] * 2
    assert "Hello" not in str(store.get_items())
    assert {item["__enc__"] for item in store.get_items()} == {1}
    assert len(session.get_items(limit=2)) == 2


def test_items_are_taken_as_other_stores_take_them() -> None:
    session = EncryptedSession("chat", SQLiteSession("chat"), "secret")
    half = {"role": "user", "content": "\ud83d"}  # a character cut in two, as models say it
    session.add_items([half])
    assert session.get_items() == [half]
    for item in (5, {"role": "user", "content": object()}):
        with pytest.raises(UserError, match="'chat'"):
            session.add_items([HELLO, item])  # type: ignore[list-item]
    assert session.get_items() == [half]


def test_each_conversation_has_a_key_of_its_own() -> None:
    store = SQLiteSession("chat")
    EncryptedSession("a", store, "secret").add_items([HELLO])
    assert EncryptedSession("a", store, "secret").get_items() == [HELLO]
    assert EncryptedSession("b", store, "secret").get_items() == []
    assert EncryptedSession("a", store, "other").get_items() == []


def test_items_are_forgotten_after_a_while() -> None:
    store = SQLiteSession("chat")
    EncryptedSession("a", store, "secret").add_items([HELLO])
    late = EncryptedSession("a", store, "secret", ttl=-1)
    assert late.get_items() == []
    assert late.pop_item() is None
    assert store.get_items() == []


def test_what_was_encrypted_with_another_key_stays() -> None:
    for store in (SQLiteSession("chat"), AsyncSQLiteSession("chat")):
        own, other = (EncryptedSession("a", store, key) for key in ("secret", "other"))
        done(own.add_items([HELLO, ANSWER]))
        with pytest.raises(SessionError, match="not encrypted with this key"):
            done(other.pop_item())
        done(other.add_items([CALL]))
        with pytest.raises(SessionError, match="not encrypted with this key"):
            done(own.pop_item())
        assert done(own.get_items()) == [HELLO, ANSWER]
        assert [done(other.pop_item()), done(own.pop_item())] == [CALL, ANSWER]


def test_any_number_of_items_may_have_grown_too_old() -> None:
    """They are taken off one by one; so are envelopes that somebody has damaged."""
    for store in (SQLiteSession("chat"), AsyncSQLiteSession("chat")):
        session = EncryptedSession("chat", store, "secret", ttl=-10)
        done(session.add_items([ANSWER] * 1200))
        done(store.add_items([{"__enc__": 1}, {"__enc__": 1, "payload": 5}]))
        done(store.add_items([{"__enc__": 1, "payload": each} for each in (["x"], "é")]))
        assert done(session.get_items()) == []
        assert done(session.pop_item()) is None
        assert done(store.get_items()) == []


def test_a_limit_cuts_no_call_from_its_output() -> None:
    session = EncryptedSession("chat", SQLiteSession("chat"), "secret")
    session.add_items([HELLO, CALL, OUTPUT, ANSWER])
    wanted = [[], [ANSWER], [ANSWER], [CALL, OUTPUT, ANSWER], [HELLO, CALL, OUTPUT, ANSWER]]
    assert [session.get_items(limit) for limit in range(5)] == wanted
    with pytest.raises(UserError, match="limit"):
        session.get_items("all")  # type: ignore[arg-type]


def test_items_that_grew_old_since_they_were_seen_are_replaced_with_the_others() -> None:
    store = SQLiteSession("chat")
    EncryptedSession("a", store, "secret").add_items([HELLO] * 3)
    session = EncryptedSession("a", store, "secret")
    seen = session.get_items()
    session.ttl = -1
    session.replace_items([HELLO], len(seen))
    session.ttl = 600
    assert session.get_items() == [HELLO]


def test_what_was_added_since_the_items_were_read_stays_though_some_grew_old() -> None:
    store = SQLiteSession("chat")
    session, other = (EncryptedSession("a", store, "secret") for _ in range(2))
    store.add_items([USER])  # before anything was encrypted
    session.add_items([HELLO] * 4)
    count = len(session.get_items())
    session.get_items(1)
    other.add_items([ANSWER, ANSWER])
    session.ttl = -1
    session.replace_items([HELLO], count)
    session.ttl = 600
    assert session.get_items() == [HELLO, ANSWER, ANSWER]
    fresh = EncryptedSession("a", store, "secret")  # has read nothing
    fresh.replace_items([], 2)
    assert fresh.get_items() == [ANSWER]
    fresh.replace_items([HELLO], 0)
    assert fresh.get_items() == [HELLO, ANSWER]
    with pytest.raises(UserError, match="whole number from 0 on, got -1"):
        fresh.replace_items([], -1)


def test_items_that_another_process_has_replaced_since_are_not_kept_twice() -> None:
    store = SQLiteSession("chat")
    session, other = (EncryptedSession("a", store, "secret") for _ in range(2))
    session.add_items([{"role": "user", "content": str(n)} for n in range(4)])
    assert len(session.get_items()) == len(other.get_items()) == 4
    other.replace_items([USER], 1)
    session.replace_items([HELLO], 3)
    assert session.get_items() == [HELLO, {"role": "user", "content": "3"}]


def test_items_are_replaced_where_the_store_can() -> None:
    class Masked(EncryptedSession):
        def replace_items(self, items: Any, count: int) -> str:
            return "own"

    assert Masked("a", SQLiteSession("chat"), "secret").replace_items([], 0) == "own"
    without = SimpleNamespace(session_id="a")
    assert not hasattr(EncryptedSession("a", without, "secret"), "replace_items")


def test_items_that_were_never_encrypted_are_left_out_and_stay() -> None:
    for store in (SQLiteSession("chat"), AsyncSQLiteSession("chat")):
        session = EncryptedSession("a", store, Fernet.generate_key().decode())
        done(session.add_items([ANSWER]))
        done(store.add_items([HELLO]))
        assert done(session.get_items()) == [ANSWER]
        with pytest.raises(SessionError, match="not encrypted with this key"):
            done(session.pop_item())
        assert done(store.get_items())[-1] == HELLO


def test_the_store_may_be_awaited() -> None:
    async def keep() -> Any:
        session = EncryptedSession("a", AsyncSQLiteSession("chat"), "secret")
        await session.add_items([HELLO, HELLO])
        popped = await session.pop_item()
        kept = await session.get_items()
        await session.clear_session()
        return popped, kept, await session.get_items()

    assert asyncio.run(keep()) == (HELLO, [HELLO], [])


@pytest.mark.parametrize("key", ["", "half \ud83d"], ids=ascii)
def test_a_key_is_needed(key: str) -> None:
    with pytest.raises(UserError, match="encryption_key"):
        EncryptedSession("a", SQLiteSession("chat"), key)


def test_the_name_of_a_session_has_a_form_in_bytes() -> None:
    with pytest.raises(UserError, match="session_id"):
        EncryptedSession("\ud83d", SQLiteSession("chat"), "secret")


def test_settings_are_those_of_the_store() -> None:
    settings = SessionSettings(limit=2)
    for store in (
        SQLiteSession("chat", session_settings=settings),
        AsyncSQLiteSession("chat", session_settings=settings),
        OpenAIConversationsSession(session_settings=settings),
    ):
        assert EncryptedSession("chat", store, "secret").session_settings is settings
