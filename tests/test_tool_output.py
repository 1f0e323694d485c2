"""What the model gets to see of a tool's output."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from array import array
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import from_json

from agents_lite.exceptions import UserError
from agents_lite.told_output import output_for_model
from agents_lite.tool_output import (
    ToolOutputFileContent,
    ToolOutputImage,
    ToolOutputText,
)


class Model(BaseModel):
    day: datetime.date
    note: str | None = None


@dataclasses.dataclass
class Point:
    x: int


class Colour(enum.Enum):
    RED = "red"


class Opaque:
    def __str__(self) -> str:
        return "<an opaque thing>"


@pytest.mark.parametrize("text", ["", "plain", '{"a": 1}', "null"])
def test_string_stays_as_it_is(text: str) -> None:
    assert output_for_model(text) is text


def test_text_of_a_class_of_its_own_is_plain_text() -> None:
    class Odd(str):
        def __str__(self) -> str:
            raise ValueError

        __repr__ = __len__ = __str__

    assert type(output_for_model(Odd("x"))) is str


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (1.5, "1.5"),
        ([], "[]"),
        ({}, "{}"),
        ([1, "é"], '[1,"é"]'),
        ((1, None), "[1,null]"),
        ({"a": {"b": [Point(1)]}}, '{"a":{"b":[{"x":1}]}}'),
        ({1: "a"}, '{"1":"a"}'),
        (Point(3), '{"x":3}'),
        (Model(day=datetime.date(2025, 3, 1)), '{"day":"2025-03-01","note":null}'),
        (datetime.date(2025, 3, 1), '"2025-03-01"'),
        (Colour.RED, '"red"'),
        (decimal.Decimal("1.10"), '"1.10"'),
        (uuid.UUID(int=0), f'"{uuid.UUID(int=0)}"'),
        (b"text", '"text"'),
        ({3}, "[3]"),
        ((n for n in (1, 2)), "[1,2]"),
        (array("i", [1, 2]), "[1,2]"),  # as NumPy's arrays and numbers, too
        ({"a": [array("d", [0.5])]}, '{"a":[[0.5]]}'),
    ],
)
def test_other_values_become_json(value: Any, text: str) -> None:
    assert output_for_model(value) == text


def test_not_a_number_is_shown() -> None:
    assert output_for_model([float("nan"), float("inf")]) == "[NaN,Infinity]"


def test_models_of_the_first_pydantic_become_json_as_those_of_the_second() -> None:
    from pydantic import v1

    class Old(v1.BaseModel):
        when: datetime.date
        more: list[Old] = []

    Old.update_forward_refs(Old=Old)
    day = datetime.date(2026, 1, 2)
    old = Old(when=day, more=[Old(when=day)])
    inner = '{"when":"2026-01-02","more":[]}'
    assert output_for_model(Old(when=day)) == inner
    assert output_for_model([old]) == inner.join(['[{"when":"2026-01-02","more":[', "]}]"])


def test_value_that_json_cannot_take_is_shown_by_str() -> None:
    assert output_for_model(Opaque()) == "<an opaque thing>"
    assert output_for_model(b"\xff\xfe") == str(b"\xff\xfe")


def test_only_the_part_that_json_cannot_take_is_shown_by_str() -> None:
    shown = output_for_model({"a": [Opaque()], "b": 1})
    assert isinstance(shown, str)
    assert from_json(shown) == {"a": ["<an opaque thing>"], "b": 1}


def test_value_that_contains_itself_is_shown_by_str() -> None:
    value: list[Any] = [1]
    value.append(value)
    assert output_for_model(value) == "[1, [...]]"


IMAGE = "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (ToolOutputText(text="a"), {"type": "input_text", "text": "a"}),
        ({"type": "text", "text": "a"}, {"type": "input_text", "text": "a"}),
        (
            ToolOutputImage(image_url=IMAGE, detail="low"),
            {"type": "input_image", "image_url": IMAGE, "detail": "low"},
        ),
        ({"type": "image", "file_id": "f1"}, {"type": "input_image", "file_id": "f1"}),
        (
            {"type": "image", "file_id": "f1", "image_url": None},
            {"type": "input_image", "file_id": "f1"},
        ),
        (
            ToolOutputFileContent(file_data="data:,x", filename="x.txt"),
            {"type": "input_file", "file_data": "data:,x", "filename": "x.txt"},
        ),
        ({"type": "file", "file_url": "http://x"}, {"type": "input_file", "file_url": "http://x"}),
        ({"type": "input_text", "text": "a"}, {"type": "input_text", "text": "a"}),
        (
            {"type": "input_image", "image_url": IMAGE, "detail": "low"},
            {"type": "input_image", "image_url": IMAGE, "detail": "low"},
        ),
        (
            {"type": "input_image", "image_url": IMAGE, "width": 213, "alt": "a"},
            {"type": "input_image", "image_url": IMAGE},
        ),
        ({"type": "input_text", "text": "a", "size": 1}, {"type": "input_text", "text": "a"}),
        (
            {"type": "input_file", "file_id": "f1", "size": 5},
            {"type": "input_file", "file_id": "f1"},
        ),
    ],
)
def test_structured_output_becomes_a_content_part(value: Any, part: dict[str, Any]) -> None:
    assert output_for_model(value) == [part]


def test_tuple_of_structured_outputs_is_sent_like_a_list() -> None:
    outputs = (ToolOutputText("a"), {"type": "image", "file_id": "f"})
    assert output_for_model(outputs) == output_for_model(list(outputs))
    assert output_for_model(outputs)[1] == {"type": "input_image", "file_id": "f"}
    assert output_for_model((1, "a")) == '[1,"a"]'


def test_strings_among_structured_outputs_are_their_captions() -> None:
    shown = output_for_model(("Before", ToolOutputImage(file_id="f"), ""))
    assert shown == [
        {"type": "input_text", "text": "Before"},
        {"type": "input_image", "file_id": "f"},
        {"type": "input_text", "text": ""},
    ]


def test_list_of_structured_outputs_becomes_parts_in_order() -> None:
    value = [ToolOutputText(text="a"), {"type": "text", "text": "b"}, ToolOutputImage(file_id="f")]
    shown = output_for_model(value)
    assert [part["type"] for part in shown if isinstance(part, dict)] == [
        "input_text",
        "input_text",
        "input_image",
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"type": "text"},
        {"type": "text", "text": 5},
        {"type": "text", "text": "a", "language": "en"},
        {"type": "image"},
        {"type": "image", "image_url": IMAGE, "title": "Cat", "width": 640},
        {"type": "file", "file_id": "F123", "name": "q3.pdf", "size": 12},
        {"type": "image", "image_url": {"url": IMAGE}},
        {"type": ["image"], "image_url": IMAGE},
        {"type": "input_", "text": "a"},
        {"type": "text", "text": None},
        {"type": "video", "url": "u"},
        {"text": "a"},
        [ToolOutputText(text="a"), 1],
        [{"type": "text", "text": "a"}, {"type": "row", "text": "b"}],
    ],
)
def test_what_only_resembles_structured_output_is_json(value: Any) -> None:
    shown = output_for_model(value)
    assert isinstance(shown, str)
    from_json(shown)


def test_image_and_file_without_a_source_are_user_errors() -> None:
    with pytest.raises(UserError, match="image_url or file_id"):
        ToolOutputImage(detail="high")
    with pytest.raises(UserError, match="file_data, file_url or file_id"):
        ToolOutputFileContent(filename="x.txt")
