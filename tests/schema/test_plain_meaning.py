"""JSON of a model that does not fit its type, though its meaning is plain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NotRequired

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

from agents_lite import Agent, AgentOutputSchema, ModelBehaviorError, Runner, handoff
from agents_lite.schema.function_schema import InvalidToolArguments, function_schema
from agents_lite.schema.plain_meaning import structure_in
from agents_lite.testing import ScriptedModel, call, handoff_to


class Box(BaseModel):
    sizes: list[int] = []
    inner: Box | None = None


@dataclass
class Point:
    x: int


class Place(TypedDict):
    name: str
    zip: NotRequired[int]


@dataclass
class Labelled:
    label: str = "none"


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    note: str = Field("none", alias="Note")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    note: str = "none"


def plain(numbers: list[int], names: list[str] | None = None, at: int = 7, to: str = "x") -> None:
    """Needs nothing of pydantic's."""


def mixed(size: int | float = 5, either: str | list[int] = "x") -> None:
    """Takes what is of one type or another."""


def rich(
    box: Box,
    boxes: list[Box] | None = None,
    either: list[int] | Point | None = None,
    found: set[int] | None = None,
    pair: tuple[int, int] | None = None,
    place: Place | None = None,
) -> None:
    """Needs all of it."""


def nested(
    box: Box | None = None,
    boxes: list[Box] | None = None,
    either: Box | Labelled | None = None,
    closed: Closed | None = None,
    open: Open | None = None,
    label: Labelled | None = None,
    place: Place | None = None,
    counts: dict[str, int] | None = None,
) -> None:
    """Takes what has defaults inside."""


def bound(function: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    text = str(call("f", arguments)["arguments"])
    _, values = function_schema(function, strict_json_schema=False).bind(text)
    return values


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        (plain, {"numbers": "[1, 2]"}, {"numbers": [1, 2]}),
        (plain, {"numbers": [], "names": '["[1]"]'}, {"names": ["[1]"]}),
        (plain, {"numbers": "[]", "to": "[1]"}, {"numbers": [], "to": "[1]"}),
        (plain, {"numbers": [1], "at": None, "to": None}, {"at": 7, "to": "x"}),
        (plain, {"numbers": "[1]", "names": None, "at": None}, {"numbers": [1], "names": None}),
        (mixed, {"size": None, "either": None}, {"size": 5, "either": "x"}),
        (rich, {"box": '{"sizes": "[3]"}'}, None),
        (rich, {"box": {"sizes": "[3]"}}, {"box": Box(sizes=[3])}),
        (rich, {"box": {"inner": '{"sizes": [3]}'}}, {"box": Box(inner=Box(sizes=[3]))}),
        (rich, {"box": {}, "boxes": ["{}", {}]}, {"boxes": [Box(), Box()]}),
        (rich, {"box": {}, "either": "[1]"}, {"either": [1]}),
        (rich, {"box": {}, "either": '{"x": 1}'}, {"either": Point(1)}),
        (rich, {"box": {}, "found": "[1, 1]", "pair": "[1, 2]"}, {"found": {1}, "pair": (1, 2)}),
        (rich, {"box": "{}", "place": '{"name": "here"}'}, {"place": {"name": "here"}}),
        (nested, {"box": {"sizes": None}}, {"box": Box()}),
        (nested, {"boxes": [{"sizes": None}, "{}"]}, {"boxes": [Box(), Box()]}),
        (nested, {"either": {"sizes": None, "label": None}}, {"either": Box()}),
        (nested, {"closed": {"Note": None}}, {"closed": Closed()}),
        (nested, {"open": {"note": None}}, {"open": Open()}),
        (nested, {"label": {"label": None}}, {"label": Labelled()}),
        (nested, {"place": {"name": "here", "zip": None}}, {"place": {"name": "here"}}),
    ],
)
def test_an_argument_is_taken_as_it_is_meant(
    function: Any, arguments: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    if expected is None:  # one step into it is enough
        with pytest.raises(InvalidToolArguments, match="box.sizes: Input should be a valid array"):
            bound(function, arguments)
        return
    values = bound(function, arguments)
    assert {name: values[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"box": {"sizes": [None]}}, "box.sizes.0: Input should be a valid integer"),
        ({"place": {"name": None, "zip": None}}, "place.name: Input should be a valid string"),
        ({"counts": {"apples": None}}, "counts.apples: Input should be a valid integer"),
        ({"counts": {"apples": None}, "box": {"sizes": None}}, "counts.apples: Input should be"),
    ],
)
def test_null_for_anything_but_a_field_with_a_default_is_refused(
    arguments: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidToolArguments) as refused:
        bound(nested, arguments)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"numbers": "1, 2"}, "numbers: Input should be a valid array"),
        ({"numbers": "5"}, "numbers: Input should be a valid array"),
        ({"numbers": '["x"]'}, "numbers.0: Input should be a valid integer"),
        ({"numbers": None}, "numbers: Input should be a valid array"),
        ({"numbers": "[1]", "at": "x"}, "numbers: Input should be a valid array; at: Input"),
        ({"at": None}, "numbers: Field required; at: Input should be a valid integer"),
    ],
)
def test_the_model_is_told_of_what_is_not_plain(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidToolArguments) as refused:
        bound(plain, arguments)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("output_type", "text", "output"),
    [
        (Box, '{"sizes": "[1]"}', Box(sizes=[1])),
        (Box, '{"sizes": null, "inner": {"sizes": null}}', Box(inner=Box())),
        (list[int], "[1, 2]", [1, 2]),
        (list[int], '{"response": "[1, 2]"}', [1, 2]),
        (int, "5", 5),
        (list[str], '{"response": ["a\n\tb"]}', ["a\n\tb"]),
        (list[Box], '[{"sizes": "[1]"}]', [Box(sizes=[1])]),
        (Point, '{"x": 1}', Point(1)),
        (Box | Place, '{"name": "here"}', {"name": "here"}),
    ],
)
def test_a_final_output_is_taken_as_it_is_meant(output_type: Any, text: str, output: Any) -> None:
    assert AgentOutputSchema(output_type).validate_json(text) == output


@pytest.mark.parametrize("text", ['{"other": [1]}', '["x"]', "5", '{"response": "x"}', "one"])
def test_another_final_output_is_refused_as_it_came(text: str) -> None:
    with pytest.raises(ModelBehaviorError, match="not valid JSON for list"):
        AgentOutputSchema(list[int]).validate_json(text)


def test_a_text_with_half_a_character_holds_no_structure() -> None:
    assert structure_in("[\ud800]") == "[\ud800]"


def test_inputs_of_handoffs_and_agents_are_taken_as_they_are_meant() -> None:
    given: list[Any] = []
    model = ScriptedModel(
        [call("ask", sizes="[1]"), "inner", handoff_to("B", sizes="[2]"), "done"]
    )
    other = Agent[None]("B", model=model)
    ask = other.as_tool("ask", "Ask.", parameters=Box, input_builder=lambda facts: str(facts))
    offer = handoff(other, on_handoff=lambda context, box: given.append(box), input_type=Box)
    Runner.run_sync(Agent("A", model=model, tools=[ask], handoffs=[offer]), "Hi")
    assert "'sizes': [1]" in model.requests[1].input[0]["content"]
    assert given == [Box(sizes=[2])]


def test_what_a_user_s_validator_refuses_is_asked_for_once() -> None:
    seen: list[Any] = []

    class Even(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def check(cls, number: int) -> int:
            seen.append(number)
            if number % 2:
                raise ValueError("it is odd")
            return number

    def f(even: Even) -> None: ...

    with pytest.raises(InvalidToolArguments, match="it is odd"):
        function_schema(f).bind('{"even": {"number": 3}}')
    assert seen == [3]
