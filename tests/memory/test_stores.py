"""What every store promises, on the real thing."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agents_lite.exceptions import UserError
from agents_lite.memory import Session, SessionSettings
from tests.support.session_stores import Store, make_turn, whole_turns
from tests.support.waiting import wait_until
from tests.support.warm import OF_DATABASES, Warm

CHECKOUT = Path(__file__).parents[2]

USER = {"role": "user", "content": "What is 2 + 3?"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None}
CALL = {"type": "function_call", "call_id": "call_1", "name": "add", "arguments": '{"a": 2}'}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "5"}
ANSWER = {"type": "message", "role": "assistant", "content": [{"type": "output_text"}]}
TURN = [USER, REASONING, CALL, OUTPUT, ANSWER]


def test_methods_may_be_awaited_though_they_are_plain(store: Store) -> None:
    async def talk() -> None:
        session = store.open_new()
        assert await session.add_items([USER, ANSWER]) is None
        assert await session.get_items() == [USER, ANSWER]
        assert await session.pop_item() == ANSWER
        assert await session.clear_session() is None
        assert session.get_items() == []

    asyncio.run(talk())


def test_settings_of_a_session_are_overlaid() -> None:
    settings = SessionSettings(5)
    assert settings.resolve(None) == settings.resolve({}) == settings
    assert settings.resolve({"limit": 3}) == settings.resolve(SessionSettings(3))
    assert settings.resolve(SessionSettings(3)).limit == 3
    with pytest.raises(UserError, match="SessionSettings has no 'size'"):
        settings.resolve({"size": 3})


def test_a_store_is_a_session(store: Store) -> None:
    session = store.open_new(session_settings={"limit": 3})
    assert isinstance(session, Session)
    assert session.session_settings == SessionSettings(3)


def test_a_new_session_is_empty(store: Store) -> None:
    session = store.open_new()
    assert session.get_items() == []
    assert session.get_items(limit=3) == []
    assert session.pop_item() is None
    session.clear_session()


def test_items_come_back_as_they_were_added(store: Store) -> None:
    items = [
        *TURN,
        {"role": "user", "content": "Grüße 🙂 \x00 \u2028 ' \" \\ \n"},
        {"role": "user", "content": "half a pair: \ud83d"},
        {"role": "user", "content": "", "numbers": [0, -1.5, 10**30, 1e300], "no": None},
        {"role": "user", "content": "long " * 100_000},
    ]
    session = store.open_new()
    session.add_items(items[:5])
    session.add_items([])
    session.add_items(items[5:])
    assert session.get_items() == items


@pytest.mark.parametrize(
    "session_id",
    ["", "it's", 'a "b"', "a\nb", "x; DROP TABLE y --", "%", "_", "日本 🙂", "é" * 400],
)
def test_any_text_names_a_session_of_its_own(store: Store, session_id: str) -> None:
    session = store.open(session_id)
    session.clear_session()
    session.add_items([USER])
    assert session.get_items() == [USER]
    assert store.open_new().get_items() == []


@pytest.mark.parametrize("session_id", ["\ud83d", None, 7])
def test_what_is_no_text_names_no_session(store: Store, session_id: object) -> None:
    with pytest.raises(UserError, match="session_id"):
        store.open(session_id)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (0, []),
        (-1, []),
        (1, [ANSWER]),
        (2, [ANSWER]),  # the output's call would be cut off
        (3, [ANSWER]),  # the call's reasoning would be cut off
        (4, [REASONING, CALL, OUTPUT, ANSWER]),
        (5, TURN),
        (7, [ANSWER, *TURN]),
        (10, TURN + TURN),
        (99, TURN + TURN),
        (None, TURN + TURN),
    ],
)
def test_a_limit_gives_the_newest_items_and_splits_nothing(
    store: Store, limit: int | None, expected: list[dict[str, object]]
) -> None:
    session = store.open_new()
    session.add_items(TURN)
    session.add_items(TURN)
    assert session.get_items(limit=limit) == expected


def test_pop_undoes_the_newest_item(store: Store) -> None:
    session = store.open_new()
    session.add_items(TURN)
    assert session.pop_item() == ANSWER
    assert session.pop_item() == OUTPUT
    session.add_items([OUTPUT])
    assert session.get_items() == TURN[:4]


def test_a_cleared_session_begins_anew_and_leaves_others_alone(store: Store) -> None:
    session, other = store.open_new(), store.open_new()
    for each in (session, other):
        each.add_items(TURN)
    session.clear_session()
    assert session.get_items() == []
    session.add_items([USER])
    assert session.get_items() == [USER]
    assert other.get_items() == TURN


def test_items_take_the_place_of_the_oldest_in_one_step_whoever_reads(store: Store) -> None:
    session = store.open_new()
    for turn in range(3):
        session.add_items(make_turn("old", turn))
    session.replace_items(make_turn("new", 0, size=2), 10)
    assert whole_turns(session.get_items()) == ["new/0", "old/2"]
    with pytest.raises(UserError, match="cannot be written as JSON"):
        session.replace_items([{"role": "user", "content": object()}], 5)
    for count in (-1, 1.0, None):
        with pytest.raises(UserError, match="whole number from 0"):
            session.replace_items([], count)  # type: ignore[arg-type]
    seen: list[list[str]] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            seen.append(whole_turns(session.get_items()))

    with ThreadPoolExecutor() as readers:
        reading = readers.submit(read)
        try:
            for turn in range(20):
                session.replace_items(make_turn("new", turn), 5 if turn else 2)
        finally:
            is_over.set()
        reading.result()
    assert {(len(turns), turns[-1]) for turns in seen} <= {(2, "old/2")}
    session.replace_items([], 10)
    assert session.get_items() == []


def test_a_turn_with_an_item_that_is_not_json_is_refused_whole(store: Store) -> None:
    session = store.open_new()
    with pytest.raises(UserError, match="cannot be written as JSON"):
        session.add_items([USER, {"role": "user", "content": object()}])
    assert session.get_items() == []


@pytest.mark.parametrize(
    "items", [None, "hi", USER, [USER, None], [["role"]], [{"type": 1}]], ids=str
)
def test_what_are_no_items_is_refused_whole(store: Store, items: Any) -> None:
    session = store.open_new()
    with pytest.raises(UserError, match="input item"):
        session.add_items(items)
    assert session.get_items() == []


@pytest.mark.parametrize("limit", ["2", 2.0, []])
def test_a_limit_is_a_whole_number(store: Store, limit: Any) -> None:
    with pytest.raises(UserError, match="a whole number or None"):
        store.open_new().get_items(limit)
    with pytest.raises(UserError, match="a whole number or None"):
        SessionSettings(limit=limit)


def test_a_limit_beyond_what_the_store_counts_is_none(store: Store) -> None:
    session = store.open_new()
    session.add_items(make_turn("writer", 1))
    assert session.get_items(10**30) == make_turn("writer", 1)


def test_threads_share_a_session_and_their_turns_stay_whole(store: Store) -> None:
    session = store.open_new()
    jobs = [make_turn(f"thread {n % 8}", n) for n in range(80)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(session.add_items, jobs))
    assert sorted(whole_turns(session.get_items())) == sorted(job[0]["content"] for job in jobs)


def test_threads_that_pop_get_each_item_once(store: Store) -> None:
    session = store.open_new()
    items = [{"role": "user", "content": str(n)} for n in range(60)]
    session.add_items(items)
    with ThreadPoolExecutor(6) as pool:
        popped = list(pool.map(lambda _: session.pop_item(), items))
    assert sorted(item["content"] for item in popped) == sorted(item["content"] for item in items)
    assert session.get_items() == []


def test_a_session_is_kept_and_can_be_used_after_closing(shared_store: Store) -> None:
    with shared_store.open_new() as session:
        session.add_items(TURN)
    assert session.get_items() == TURN
    session.close()
    session.close()
    assert shared_store.open(session.session_id).get_items() == TURN


def test_processes_of_many_threads_add_at_once_and_nothing_is_lost(shared_store: Store) -> None:
    session = shared_store.open_new()
    writers = [start_writer(session.session_id, shared_store, f"p{n}", 2, 12) for n in range(3)]
    for writer in writers:
        release(writer)
    for writer in writers:
        _output, errors = writer.communicate()
        assert writer.returncode == 0, errors
    turns = whole_turns(session.get_items())
    for name in ("p0.0", "p0.1", "p1.0", "p1.1", "p2.0", "p2.1"):
        own = [turn for turn in turns if turn.startswith(f"{name}/")]
        assert own == [f"{name}/{n}" for n in range(12)]
    assert len(turns) == 72


def test_a_killed_process_leaves_whole_turns(shared_store: Store) -> None:
    session = shared_store.open_new()
    kills = 2
    for kill in range(kills):
        with start_writer(session.session_id, shared_store, f"k{kill}", 1, 1_000_000) as writer:
            release(writer)
            wait_for_items_of(f"k{kill}.0", session, writer)
            time.sleep(random.uniform(0, 0.05))
            writer.kill()
    before = whole_turns(session.get_items())
    session.add_items(make_turn("survivor", 0))
    turns = whole_turns(session.get_items())  # a database may still write what it was sent
    assert [turn for turn in turns if turn in before] == before
    assert len(turns) <= len(before) + 1 + kills
    for kill in range(kills):
        own = [turn for turn in turns if turn.startswith(f"k{kill}.0/")]
        assert own and own == [f"k{kill}.0/{n}" for n in range(len(own))]
    assert turns.count("survivor/0") == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_session_in_use_is_carried_over_forks(shared_store: Store) -> None:
    session = shared_store.open_new()
    program = f"""
import os
import signal
from tests.support.session_stores import Store, make_turn

session = {shared_store!r}.open({session.session_id!r})
session.add_items(make_turn("parent", 0))
children = []
for number in range(5):
    child = os.fork()
    if child == 0:
        signal.alarm(250)
        try:
            session.add_items(make_turn("child", number))
            os._exit(0)
        finally:
            os._exit(1)
    children.append(child)
    session.add_items(make_turn("parent", number + 1))
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 5
"""
    with Warm(["-c", program], cwd=CHECKOUT, loaded=OF_DATABASES) as run:
        _, errors = run.communicate()
        assert run.returncode == 0, errors
    turns = whole_turns(session.get_items())
    children = {f"child/{number}" for number in range(5)}
    assert children.issubset(turns)
    assert [turn for turn in turns if turn not in children] == [f"parent/{n}" for n in range(6)]


def start_writer(session_id: str, store: Store, name: str, threads: int, turns: int) -> Warm:
    program = ["-m", "tests.support.session_writer", store.kind, store.location]
    words = [session_id, name, str(threads), str(turns)]
    return Warm([*program, *words], cwd=CHECKOUT, loaded=OF_DATABASES)


def wait_for_items_of(name: str, session: Session, writer: Warm) -> None:
    """Return when the writer of this name has stored something; fail when it ends before."""


    def has_stored() -> bool:
        assert writer.poll() is None, writer.communicate()
        return any(item["content"].startswith(name) for item in session.get_items(limit=20))

    wait_until(has_stored)


def release(writer: Warm) -> None:
    """Let the writer begin, once it has opened its session."""
    writer.stdout.readline()
    writer.stdin.write("\n")
    writer.stdin.flush()
