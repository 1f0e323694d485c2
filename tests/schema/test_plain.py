"""Schemas written down directly are those that pydantic makes."""

from __future__ import annotations

import inspect
import json
from inspect import Parameter
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from agents_lite import function_tool
from agents_lite.schema.function_schema import FuncSchema, InvalidToolArguments
from agents_lite.schema.plain import describe

SCALARS: list[Any] = [str, int, float, bool, None, Any, list, set]
SCALARS += [Literal["a"], Literal["a", "b", "1"]]


def compounds(types: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(lambda it: list[it], types),  # type: ignore[valid-type]
        st.builds(lambda it: set[it], types),  # type: ignore[valid-type]
        st.builds(lambda it: Optional[it], types),  # noqa: UP045
        st.builds(lambda a, b: Union[a, b], types, types),  # noqa: UP007
        st.builds(lambda it: Annotated[it, "said of it"], types),
    )


TYPES = st.recursive(st.sampled_from(SCALARS), compounds, max_leaves=6)
DEFAULTS = st.one_of(
    st.just(Parameter.empty),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "a", "ü"]),
    st.just([]),
)
NAMES = st.sampled_from("city x some_name _a camelCase HTTPPort a__b name_ x1y".split())
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2))
    | st.sampled_from(["a", "b", "1", "", "true", "1.5", "x"]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(NAMES, parts, max_size=2),
    max_leaves=5,
)


@st.composite
def schemas(draw: st.DrawFn) -> FuncSchema:
    names = draw(st.lists(NAMES, unique=True, max_size=4))
    types = {name: draw(TYPES) for name in names}
    parameters = [Parameter(name, Parameter.KEYWORD_ONLY, default=draw(DEFAULTS)) for name in names]
    if draw(st.booleans()):
        types["rest"] = draw(TYPES)
        parameters.insert(0, Parameter("rest", Parameter.VAR_POSITIONAL))
    descriptions = {name: "Told." for name in names if draw(st.booleans())}
    return FuncSchema("f", "", False, draw(st.booleans()), parameters, types, descriptions)


def outcome(schema: FuncSchema, arguments: str) -> Any:
    try:
        return repr(schema.bind(arguments))
    except (InvalidToolArguments, TypeError) as error:  # no set holds lists
        return str(error)


@given(schemas(), st.data())
def test_plain_signatures_are_described_and_read_as_pydantic_does(
    schema: FuncSchema, data: st.DataObject
) -> None:
    asked = FuncSchema(
        **{name: getattr(schema, name) for name in inspect.signature(FuncSchema).parameters}
    )
    vars(asked)["plain"] = None
    if schema.plain is None:
        return
    assert json.dumps(schema.params_json_schema) == json.dumps(asked.params_json_schema)
    for _ in range(5):
        arguments = {
            parameter.name: data.draw(VALUES)
            for parameter in schema.parameters
            if data.draw(st.integers(0, 4))
        }
        text = json.dumps(arguments)
        assert outcome(schema, text) == outcome(asked, text)


@pytest.mark.parametrize("annotation", [*SCALARS, list[int | None], Annotated[set[str], "x"]])
def test_these_are_plain(annotation: Any) -> None:
    assert describe(annotation) is not None


@pytest.mark.parametrize(
    "annotation",
    [
        dict[str, int],
        tuple[int, ...],
        Literal[1],
        Annotated[int, Field(ge=1)],
        list[list[list[list[list[list[int]]]]]],
        Literal[tuple(map(str, range(51)))],  # type: ignore[misc]
        FuncSchema,
        "int",
        [],
    ],
)
def test_these_are_not(annotation: Any) -> None:
    assert describe(annotation) is None


def test_a_default_that_json_writes_otherwise_is_left_to_pydantic() -> None:
    def f(ratio: float = float("inf"), tags: list[str] = ["a"]) -> None: ...  # noqa: B006

    assert function_tool(f).params_json_schema["properties"]["tags"]["default"] == ["a"]
