"""Histories are trimmed to their newest whole turns."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from agents_lite.exceptions import UserError
from agents_lite.extensions.memory import trim_items

Item = dict[str, Any]

SYSTEM = {"role": "system", "content": "s"}
ANSWER = {"type": "message", "role": "assistant", "content": []}


def user(text: str) -> Item:
    return {"role": "user", "content": text}


OLD = [user("1"), {"type": "reasoning", "id": "rs_1", "summary": []}, ANSWER]
MIDDLE = [
    user("2"),
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "5"},
    ANSWER,
]
NEW = [user("3"), user("and a picture"), ANSWER]
HISTORY = [SYSTEM, *OLD, *MIDDLE, *NEW]


@pytest.mark.parametrize(
    ("max_items", "expected"),
    [
        (11, HISTORY),
        (10, OLD + MIDDLE + NEW),
        (9, MIDDLE + NEW),
        (7, MIDDLE + NEW),
        (6, NEW),
        (3, NEW),
        (2, []),
        (0, []),
    ],
)
def test_the_newest_whole_turns_are_kept(max_items: int, expected: list[Item]) -> None:
    assert trim_items(HISTORY, max_items=max_items) == expected


def test_tokens_are_counted_by_the_given_function() -> None:
    def one_token(item: Item) -> int:
        return 1

    assert trim_items(HISTORY, max_tokens=9, count_tokens=one_token) == MIDDLE + NEW
    assert trim_items(HISTORY, max_tokens=9, max_items=6, count_tokens=one_token) == NEW
    assert trim_items(HISTORY, max_tokens=3, max_items=9, count_tokens=one_token) == NEW


def test_tokens_are_estimated_from_the_characters_of_the_json() -> None:
    turn = [user("ü" * 370)]  # 400 characters of JSON
    assert trim_items(turn, max_tokens=100) == turn
    assert trim_items(turn, max_tokens=99) == []


def test_the_history_itself_is_left_as_it_is() -> None:
    history = list(HISTORY)
    trimmed = trim_items(history, max_items=99)
    trimmed.clear()
    assert history == HISTORY
    assert trim_items([], max_items=3) == []


def test_a_limit_is_needed() -> None:
    for limit in ({"max_items": "3"}, {"max_tokens": -1}):
        with pytest.raises(UserError, match="must be 0 or more"):
            trim_items(HISTORY, **limit)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="max_items, max_tokens or both"):
        trim_items(HISTORY)


def test_trimming_loads_no_database() -> None:
    program = (
        "import sys\n"
        "from agents_lite.extensions.memory import trim_items\n"
        "print([name for name in ('sqlalchemy', 'redis', 'sqlite3') if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr


def test_a_lone_surrogate_can_be_counted() -> None:
    assert trim_items([user("\udce9")], max_tokens=100) == [user("\udce9")]
