"""JSON out of the words that a model puts around it."""

from __future__ import annotations

import pytest

from agents_lite.models.chat.json_text import json_inside


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '```json\n{"a": 1}\n```',
        'Here you are: {"a": 1}. Is that fine?',
        'The {set} is, as JSON: {"a": 1}',
        '<think>Is {"a": 2} right? No.</think>{"a": 1}',
        '<think>{"a": or </think>, {"a": 2}, hm</think>```json\n{"a": 1}\n```',
    ],
)
def test_the_object_is_freed_of_what_stands_around_it(text: str) -> None:
    assert json_inside(text) == '{"a": 1}'


@pytest.mark.parametrize("around", ["%s", "\n%s\n", "```json\n%s\n```", "<think>{[</think>\n%s"])
@pytest.mark.parametrize("answer", ['[{"a": 1}, {"a": "x]"}]', "[]", '["{}"]', '[\n1,\n{}\n]'])
def test_a_list_that_is_all_of_the_answer_is_taken_whole(answer: str, around: str) -> None:
    assert json_inside(around % answer) == answer


def test_an_object_behind_a_list_is_the_answer() -> None:
    assert json_inside('[1] says: {"a": 1} [2]') == '{"a": 1}'


def test_line_breaks_may_stand_in_its_strings() -> None:
    assert json_inside('```json\n{"a": "b\n{c}"}\n```') == '{"a": "b\n{c}"}'


def test_a_word_of_models_that_think_may_stand_in_the_object() -> None:
    answer = '{"a": "first </think>, then {b}"}'
    assert json_inside(f"<think>{{}}</think>```json\n{answer}\n```") == answer


ENDLESS_BLANKS = pytest.param("```json" + "\n" * 20_000, id="endless blanks")
ENDLESS_LIST = pytest.param("[" * 50_000 + "]", id="endless list")
ENDLESS_OBJECTS = [
    pytest.param(text * 300_000, id=f"endless {text}") for text in ("[{", "{a ", '{"a": ')
]
HUGE_NUMBERS = [
    pytest.param(text % ("1" * 5000), id=f"a number that Python does not read: {text}")
    for text in ('{"a": %s}', "[%s]")
]


LONG = [ENDLESS_BLANKS, ENDLESS_LIST, *ENDLESS_OBJECTS, *HUGE_NUMBERS]
NOTHING = ["", "no JSON", "{half", "[1, 2]", "{}</think>No.", *LONG]


@pytest.mark.parametrize("text", NOTHING)
def test_a_text_without_an_object_stays_as_it_is(text: str) -> None:
    assert json_inside(text) == text
