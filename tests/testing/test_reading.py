from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from agents_lite.testing.reading import SchemaReader, argument_sets

TEXT, INT, NUMBER, BOOL = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
TEXTS = {"type": "array", "items": TEXT}


def schema_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    ("properties", "message", "expected"),
    [
        ({"city": TEXT}, "What's the weather in San Francisco?", {"city": "San Francisco"}),
        ({"city": TEXT}, "weather in tokyo please", {"city": "tokyo"}),
        ({"a": INT, "b": INT}, "What is 2 plus 3?", {"a": 2, "b": 3}),
        ({"a": INT, "b": INT}, "add two and seven", {"a": 2, "b": 7}),
        ({"a": NUMBER, "b": NUMBER}, "multiply 2.5 by -4", {"a": 2.5, "b": -4}),
        ({"price": NUMBER}, "It costs 1,250.50 in all", {"price": 1250.5}),
        ({"order_id": TEXT}, "Where is my order #123?", {"order_id": "123"}),
        ({"order_id": TEXT}, "Is order A-17 of 2024-05-01 late?", {"order_id": "A-17"}),
        ({"origin": TEXT, "destination": TEXT, "date": TEXT}, "Fly from Paris to Rome on Friday",
         {"origin": "Paris", "destination": "Rome", "date": "Friday"}),
        ({"input": TEXT}, "Say 'How are you?' in Spanish.", {"input": "How are you?"}),
        ({"reason": TEXT}, "It came broken", {"reason": "It came broken"}),
        ({"unit": {"enum": ["celsius", "fahrenheit"]}}, "In Fahrenheit", {"unit": "fahrenheit"}),
        ({"unit": {"enum": ["celsius", "fahrenheit"]}}, "Hot?", {"unit": "celsius"}),
        ({"is_math_homework": BOOL}, "Help with my math homework", {"is_math_homework": True}),
        ({"is_math_homework": BOOL}, "Tell me a joke", {"is_math_homework": False}),
        ({"retries": INT, "timeout": INT}, "a timeout of 5 seconds and 3 retries",
         {"retries": 3, "timeout": 5}),
        ({"limit": {**INT, "default": 20}}, "List them", {"limit": 20}),
        ({"nights": {**INT, "minimum": 1}}, "A room please", {"nights": 1}),
        ({"note": {"anyOf": [TEXT, {"type": "null"}]}}, "hello there", {"note": None}),
        ({"email": TEXT}, "Write to bob@example.org.", {"email": "bob@example.org"}),
        ({"name": TEXT, "date": TEXT, "participants": TEXTS},
         "'Launch' on 2025-03-14 with Alice, Bob and Carol",
         {"name": "Launch", "date": "2025-03-14", "participants": ["Alice", "Bob", "Carol"]}),
        ({"people": {"type": "array", "items": schema_of(name=TEXT, age=INT)}},
         "I know that Alice is 30 and Bob is 25",
         {"people": [{"name": "Alice", "age": 30}, {"name": "Bob", "age": 25}]}),
        ({"address": schema_of(street=TEXT, number=INT)}, "I live at 5 'Elm Street'",
         {"address": {"street": "Elm Street", "number": 5}}),
    ],
)  # fmt: skip
def test_arguments_are_read_out_of_a_message(
    properties: dict[str, Any], message: str, expected: dict[str, Any]
):
    assert argument_sets(schema_of(**properties), message) == [expected]


def test_parameters_that_are_not_required_and_not_mentioned_are_left_out():
    schema = {"type": "object", "properties": {"city": TEXT, "days": INT}, "required": ["city"]}
    assert argument_sets(schema, "Weather in Oslo") == [{"city": "Oslo"}]
    assert argument_sets(schema, "Weather in Oslo, 3 days") == [{"city": "Oslo", "days": 3}]


def test_names_side_by_side_make_several_calls():
    schema = schema_of(city=TEXT)
    message = "What's the weather in Paris, New York and Tokyo?"
    assert argument_sets(schema, message) == [
        {"city": "Paris"},
        {"city": "New York"},
        {"city": "Tokyo"},
    ]


def test_names_that_one_call_takes_together_make_one_call():
    assert len(argument_sets(schema_of(cities=TEXTS), "Compare Paris and Rome")) == 1
    assert len(argument_sets(schema_of(first=TEXT, second=TEXT), "Take Paris and Rome")) == 1


def test_no_parameters_take_no_arguments():
    assert argument_sets({}, "Paris and Rome") == [{}]
    assert argument_sets(schema_of(), "Paris and Rome") == [{}]


def test_facts_win_over_the_text():
    schema = schema_of(city=TEXT, degrees=INT)
    reader = SchemaReader(schema, "In Rome it has 3 degrees", {"degrees": 21, "city": ["no"]})
    assert reader.read() == {"city": "Rome", "degrees": 21}


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Node(BaseModel):
    value: int
    children: list[Node] = []
    parent: Node | None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(max_length=5)


@dataclass
class Event:
    day: date
    at: datetime
    key: UUID


TYPES = [
    Node,
    Event,
    Colour,
    list[int],
    list[Cat],
    int,
    bool,
    str | None,
    Cat | Dog,
    dict[str, int],
    tuple[int, str],
    Annotated[list[Colour], Field(min_length=2)],
    Annotated[float, Field(gt=0, lt=1)],
    Annotated[Cat | Dog, Field(discriminator="kind")],
    Any,
]


@pytest.mark.parametrize("read_type", TYPES, ids=str)
@pytest.mark.parametrize("text", ["", "Nothing at all.", "On 2024-02-03 Rex ate 12 blue mice."])
def test_every_type_gets_a_value_that_it_accepts(read_type: Any, text: str):
    adapter = TypeAdapter(read_type)
    value = SchemaReader(adapter.json_schema(), text).read()
    adapter.validate_json(json.dumps(value))


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"count": {"type": "integer"}},
        {"value": True},
        {"value": {"anyOf": [True, {"type": "null"}]}},
        {"value": {"type": "array", "items": True, "minItems": 2}},
        {"value": {"type": ["null"]}},
        {"value": False},
        {"value": {"enum": []}},
        {"value": {"allOf": [True]}},
        {"value": {"type": "array", "items": [{"type": "integer"}, True]}},
        {"value": {"$ref": "#/$defs/Nobody"}},
        {"value": {"$ref": "#/properties/value"}},
        {"value": {"$ref": "#"}},
        {"value": {"type": "object", "properties": None, "required": None}},
        {"value": {"enum": None, "allOf": None, "anyOf": None, "type": None}},
        {"value": {"type": "array", "items": None, "minItems": 2}},
        {"value": {"type": "string", "maxLength": None, "format": None, "default": None}},
        {"value": None},
    ],
    ids=str,
)
def test_schemas_that_say_little_of_a_required_value_get_one(properties: Any):
    schema = {"type": "object", "properties": properties, "required": ["value"]}
    for text in ("", "Take 12."):
        assert "value" in SchemaReader(schema, text).read()
