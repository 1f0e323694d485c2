"""The type of the final output."""

from __future__ import annotations

import dataclasses
import enum
from datetime import date
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from pydantic import BaseModel, Field, RootModel
from typing_extensions import TypedDict

from agents_lite.exceptions import ModelBehaviorError, UserError
from agents_lite.output_schema import AgentOutputSchema, AgentOutputSchemaBase


class Event(BaseModel):
    name: str
    day: date


class Point(TypedDict):
    x: int


@dataclasses.dataclass
class Size:
    width: int


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize("output_type", [None, str])
def test_none_and_str_are_plain_text(output_type: Any) -> None:
    schema = AgentOutputSchema(output_type)
    assert schema.is_plain_text()
    with pytest.raises(UserError):
        schema.json_schema()


def test_model_is_its_own_object() -> None:
    schema = AgentOutputSchema(Event)
    assert isinstance(schema, AgentOutputSchemaBase)
    assert not schema.is_plain_text()
    assert schema.is_strict_json_schema()
    assert schema.json_schema() == {
        "title": "Event",
        "type": "object",
        "properties": {
            "name": {"title": "Name", "type": "string"},
            "day": {"title": "Day", "type": "string", "format": "date"},
        },
        "required": ["name", "day"],
        "additionalProperties": False,
    }
    output = schema.validate_json('{"name": "fair", "day": "2025-03-01"}')
    assert output == Event(name="fair", day=date(2025, 3, 1))


def test_typed_dict_is_its_own_object() -> None:
    schema = AgentOutputSchema(Point)
    assert list(schema.json_schema()["properties"]) == ["x"]
    assert schema.validate_json('{"x": 1}') == {"x": 1}


@pytest.mark.parametrize(
    ("output_type", "json_value", "value"),
    [
        (list[int], "[1, 2]", [1, 2]),
        (int, "3", 3),
        (bool, "true", True),
        (float | None, "null", None),
        (Union[int, str], '"a"', "a"),  # noqa: UP007  # the older spelling has to work as well
        (Optional[Event], "null", None),  # noqa: UP045
        (Literal["a", "b"], '"b"', "b"),
        (Colour, '"red"', Colour.RED),
        (Size, '{"width": 2}', Size(2)),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (Annotated[list[int], Field(max_length=1)], "[1]", [1]),
        (Annotated[int, ["no hash"]], "1", 1),
    ],
)
def test_other_types_travel_as_the_response_of_an_object(
    output_type: Any, json_value: str, value: Any
) -> None:
    schema = AgentOutputSchema(output_type)
    described = schema.json_schema()
    assert described["type"] == "object"
    assert described["required"] == list(described["properties"]) == ["response"]
    assert described["additionalProperties"] is False
    assert schema.validate_json(f'{{"response": {json_value}}}') == value


@pytest.mark.parametrize(
    ("output_type", "name"),
    [
        (None, "None"),
        (str, "str"),
        (list[int], "list[int]"),
        (dict[str, list[Event]], "dict[str, list[Event]]"),
        (Event, "Event"),
        (Literal["a", 1], "Literal['a', 1]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Optional[int], "int | None"),  # noqa: UP045
        (int | None, "int | None"),
        (Annotated[int, Field(ge=0)], "int"),
    ],
)
def test_name_reads_like_the_annotation(output_type: Any, name: str) -> None:
    assert AgentOutputSchema(output_type, strict_json_schema=False).name() == name


@pytest.mark.parametrize("between", ["", "\n", " \n\n"])
def test_output_that_was_given_twice_is_taken_once(between: str) -> None:
    schema = AgentOutputSchema(list[int])
    assert schema.validate_json(between.join(['{"response": [1, 1]}'] * 2)) == [1, 1]
    assert schema.validate_json(between.join(["[1]"] * 2)) == [1]
    for other in ('{"response": [1]}' + between + '{"response": [2]}', "[1", "[", "", "{{"):
        with pytest.raises(ModelBehaviorError):
            schema.validate_json(other)
    assert AgentOutputSchema(int).validate_json("77") == 77


@pytest.mark.parametrize(
    "fence",
    [
        "```json\n{}\n```", "\n```\n{}```\n", "````json\n{}\n````", "~~~\n{}\n~~~", "\ufeff{}",
        "```application/json\n{}\n```",
    ],
)  # fmt: skip
def test_output_in_a_fence_is_taken_out_of_it(fence: str) -> None:
    text = fence.replace("{}", '{"response": ["```"]}')
    assert AgentOutputSchema(list[str]).validate_json(text) == ["```"]


@pytest.mark.parametrize("text", ["", "{", '{"name": "fair"}', '{"name": 1, "day": "x"}', "[]"])
def test_output_that_does_not_fit_is_the_model_s_fault_and_shown(text: str) -> None:
    with pytest.raises(ModelBehaviorError) as caught:
        AgentOutputSchema(Event).validate_json(text)
    assert "Event" in str(caught.value)
    assert str(caught.value).endswith(text)


def test_type_that_cannot_be_strict_is_a_user_error_naming_the_opt_out() -> None:
    with pytest.raises(UserError, match=r"dict\[str, int\].* it takes .*strict_json_schema=False"):
        AgentOutputSchema(dict[str, int])


def test_loose_schema_leaves_the_schema_as_it_is() -> None:
    schema = AgentOutputSchema(dict[str, int], strict_json_schema=False)
    assert not schema.is_strict_json_schema()
    assert schema.json_schema() == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
        "properties": {},
    }
    assert schema.validate_json('{"a": 1}') == {"a": 1}  # an object by its nature, not wrapped
    with pytest.raises(ModelBehaviorError):
        schema.validate_json('{"response": {"a": 1}}')


def test_a_root_model_is_wrapped_since_it_need_not_be_an_object() -> None:
    schema = AgentOutputSchema(RootModel[list[int]])
    assert schema.json_schema()["type"] == "object"
    assert schema.validate_json('{"response": [1, 2]}') == RootModel[list[int]]([1, 2])


class Opaque:
    pass


@pytest.mark.parametrize("output_type", [Opaque, list[Opaque], "Missing", Any.__class__])
def test_type_without_schema_is_a_user_error_naming_it(output_type: Any) -> None:
    with pytest.raises(UserError, match="no JSON schema"):
        AgentOutputSchema(output_type)


def test_same_type_is_described_once() -> None:
    first, second = AgentOutputSchema(list[Event]), AgentOutputSchema(list[Event])
    assert first.json_schema() is second.json_schema()
    assert first.json_schema() is not AgentOutputSchema(list[Event], False).json_schema()


@pytest.mark.parametrize("kind", [int, list[str], str | int, dict[str, str]])
@pytest.mark.parametrize("text", ["\ud800", '"\ud800', '{"response": "\ud800"}', '["\ud800"]'])
def test_halves_of_characters_are_no_output(kind: Any, text: str) -> None:
    schema = AgentOutputSchema(kind, strict_json_schema=False)
    with pytest.raises(ModelBehaviorError):
        schema.validate_json(text)


def test_the_json_may_be_given_by_the_name_that_is_known() -> None:
    assert AgentOutputSchema(int).validate_json(json_str='{"response": 3}') == 3
