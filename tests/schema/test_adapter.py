"""Types that pydantic describes, and then takes from no JSON, are refused when declared."""

from __future__ import annotations

import datetime
import enum
import json
import typing
from typing import Annotated, Any, ClassVar, Final, Literal

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    create_model,
)

from agents_lite import Agent, AgentOutputSchema, UserError, function_tool, handoff


class Color(enum.Enum):
    RED = "red"


class Size(enum.StrEnum):
    BIG = "big"


class Planet(enum.Enum):
    EARTH = (5.97e24, 6.37e6)


class Unset(enum.Enum):
    UNSET = object()


class Day(enum.Enum):
    FIRST = datetime.date(2026, 1, 1)


class Pair(enum.Enum):
    ONE = (1, 1)
    TWO = [2, 2]

    @classmethod
    def _missing_(cls, value: Any) -> Any:
        return cls(tuple(value))


class Alone(enum.Enum):
    ONE = (1, 1)

    @staticmethod
    def _missing_(value: Any) -> Any:
        return Alone(tuple(value))


class Paint(BaseModel):
    color: Literal[Color.RED]


class Room(BaseModel):
    paints: list[Paint] = []
    rooms: list[Room] = []


def tool_of(kind: Any, **options: Any) -> Any:
    def f(given: Any) -> Any:
        return given

    f.__annotations__["given"] = kind
    return function_tool(f, **options)


UNREADABLE = [
    Literal[Color.RED], Literal[Color.RED, "blue"], list[Literal[Color.RED]], Paint, Room,
    type[int], type[Paint], list[type[int]], Final[int], ClassVar[int], Literal, typing.Callable,
    Annotated[int, Field(union_mode="left_to_right")], Planet, Unset, Day | None, list[Day],
]  # fmt: skip


@pytest.mark.parametrize("kind", UNREADABLE, ids=str)
def test_what_no_json_fits_is_refused_at_every_door(kind: Any) -> None:
    doors = [
        lambda: tool_of(kind),
        lambda: tool_of(kind, strict_mode=False),
        lambda: Agent("a", output_type=kind),
        lambda: AgentOutputSchema(kind, strict_json_schema=False),
        lambda: handoff(Agent("b"), input_type=kind, on_handoff=lambda context, given: None),
        lambda: Agent("a").as_tool("f", "", parameters=kind),
    ]
    for door in doors:
        with pytest.raises(UserError):
            door()


def test_the_refusal_says_what_to_write() -> None:
    with pytest.raises(UserError, match=r"Color.RED; write Literal\['red'\], or the enum itself"):
        tool_of(Literal[Color.RED])
    with pytest.raises(UserError, match="no JSON is Planet.EARTH; give its members texts, num"):
        tool_of(Planet)
    with pytest.raises(UserError, match="no JSON is a class such as int"):
        tool_of(type[int])


def test_an_alias_that_is_a_path_is_refused_and_others_are_read() -> None:
    deep = AliasPath("deep", 0)
    names = ("populate_by_name", "validate_by_name")  # the latter since pydantic 2.11
    by_name = [name for name in names if name in ConfigDict.__annotations__]

    def paint_of(alias: Any, **config: Any) -> Any:
        field = Field(validation_alias=alias)
        return create_model("Paint", __config__=ConfigDict(**config), color=(str, field))

    for alias in (deep, AliasPath("one"), AliasChoices(deep, AliasPath("deep", 1))):
        with pytest.raises(UserError, match=r"where \[.+ is; write the alias as a text"):
            AgentOutputSchema(paint_of(alias))
        with pytest.raises(UserError, match="write the alias as a text"):
            tool_of(list[paint_of(alias)])  # type: ignore[misc]
    for paint, name in (
        (paint_of(AliasChoices(deep, "one")), "one"),
        (paint_of(AliasChoices(AliasPath("one"))), "one"),
        *((paint_of(deep, **{name: True}), "color") for name in by_name),
    ):
        schema = AgentOutputSchema(paint)
        assert schema.json_schema()["required"] == [name]
        assert schema.validate_json(json.dumps({name: "red"})).color == "red"


def as_color(value: Any) -> Any:
    return Color(value)


@pytest.mark.parametrize(
    ("kind", "given", "taken"),
    [
        (Literal[Size.BIG], "big", Size.BIG),
        (Color, "red", Color.RED),
        (Pair, [1, 1], Pair.ONE),
        (Pair, [2, 2], Pair.TWO),
        (Alone, [1, 1], Alone.ONE),
        (Annotated[Literal[Color.RED], BeforeValidator(as_color)], "red", Color.RED),
        (typing.List, ["a", 1], ["a", 1]),  # noqa: UP006
        (typing.Set, ["a"], {"a"}),  # noqa: UP006
        (typing.Tuple, ["a"], ("a",)),  # noqa: UP006
        (typing.FrozenSet, ["a"], frozenset("a")),  # noqa: UP006
    ],
)
def test_what_fits_is_read(kind: Any, given: Any, taken: Any) -> None:
    for strict in (True, False):
        tool = tool_of(kind, strict_mode=strict)
        assert tool.params_json_schema["type"] == "object"
        assert tool.on_invoke_tool(None, json.dumps({"given": given})) == taken
