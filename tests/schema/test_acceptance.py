"""Which schemas the API takes, and that what is declared becomes one of them or is refused."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import pathlib
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, HttpUrl, SecretStr, TypeAdapter, create_model
from typing_extensions import TypedDict

from agents_lite import Agent, AgentOutputSchema, FunctionTool, Handoff, function_tool, handoff
from agents_lite.exceptions import UserError
from agents_lite.output_schema import AgentOutputSchemaBase
from agents_lite.schema.acceptance import find_complaints
from agents_lite.tool_context import ToolContext

Json = dict[str, Any]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    chases: Cat = Field(description="whom it chases")


class Tree(BaseModel):
    value: int
    children: list[Tree] = Field(default=[], description="one level below")


class Point(NamedTuple):
    x: float
    y: float = 0


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Everything(TypedDict):
    path: pathlib.Path
    pair: tuple[int, str]


Pet = Annotated[Union[Cat, Dog], Field(discriminator="kind")]  # noqa: UP007

FORMS: dict[str, tuple[Any, Any, Any]] = {
    "tuple": (tuple[float, float], [1, 2.5], (1.0, 2.5)),
    "tuple of kinds": (tuple[int, str], [1, "a"], (1, "a")),
    "tuple of any length": (tuple[int, ...], [1, 2, 3], (1, 2, 3)),
    "bare tuple": (tuple, [1, "a"], (1, "a")),
    "named tuple": (Point, [1, 2], Point(1, 2)),
    "set": (set[int], [1, 2], {1, 2}),
    "frozen set": (frozenset[str], ["a"], frozenset("a")),
    "bare list": (list, [1, "a", None], [1, "a", None]),
    "any": (Any, ["a", 1], ["a", 1]),
    "object": (object, "a", "a"),
    "path": (pathlib.Path, "a/b", pathlib.Path("a/b")),
    "url": (HttpUrl, "https://h/", TypeAdapter(HttpUrl).validate_python("https://h/")),
    "bytes": (bytes, "a", b"a"),
    "secret": (SecretStr, "a", SecretStr("a")),
    "decimal": (decimal.Decimal, "1.5", decimal.Decimal("1.5")),
    "uuid": (uuid.UUID, f"{uuid.UUID(int=1)}", uuid.UUID(int=1)),
    "duration": (datetime.timedelta, "PT1S", datetime.timedelta(seconds=1)),
    "mixed literal": (Literal["a", 1, None], 1, 1),
    "mixed enum": (Mixed, "two", Mixed.TWO),
    "optional": (Optional[Cat], None, None),  # noqa: UP045
    "discriminated": (Pet, {"kind": "cat"}, Cat(kind="cat")),
    "list of discriminated": (list[Pet], [{"kind": "cat"}], [Cat(kind="cat")]),
    "recursive": (Tree, {"value": 1, "children": []}, Tree(value=1)),
    "typed dict": (
        Everything,
        {"path": "a", "pair": [1, "b"]},
        {"path": pathlib.Path("a"), "pair": (1, "b")},
    ),
    "lookaround": (Annotated[str, Field(json_schema_extra={"pattern": "^(?!a)"})], "b", "b"),
}


def declare(annotation: Any, strict: bool) -> FunctionTool:
    def f(it: Any) -> Any:
        return it

    f.__annotations__["it"] = annotation
    return function_tool(f, strict_mode=strict)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_a_type_is_put_into_a_form_that_the_api_takes(form: str, strict: bool) -> None:
    annotation, sent, received = FORMS[form]
    tool = declare(annotation, strict)
    assert list(find_complaints(tool.params_json_schema, strict)) == []
    context: ToolContext[None] = ToolContext(None, tool_name="f")
    assert tool.on_invoke_tool(context, json.dumps({"it": sent})) == received
    output = AgentOutputSchema(annotation, strict)
    assert list(find_complaints(output.json_schema(), strict)) == []
    is_wrapped = "response" in output.json_schema()["properties"]
    whole = {"response": sent} if is_wrapped else sent
    assert output.validate_json(json.dumps(whole)) == received


def test_a_parameter_without_annotation_takes_all_but_objects() -> None:
    def f(it):  # type: ignore[no-untyped-def]
        return it

    schema = function_tool(f).params_json_schema["properties"]["it"]
    scalars = ["string", "number", "boolean", "null"]
    assert [option["type"] for option in schema["anyOf"]] == [*scalars, "array"]
    assert [option["type"] for option in schema["anyOf"][-1]["items"]["anyOf"]] == scalars


def test_what_the_strict_form_cannot_say_is_told() -> None:
    def f(
        home: Annotated[HttpUrl, Field(description="Whose?")],
        tags: set[str],
        place: Point,
        pair: tuple[Cat, int | None],
    ) -> None: ...

    schema = function_tool(f).params_json_schema
    properties, point = schema["properties"], schema["$defs"]["Point"]
    assert properties["home"]["description"] == "Whose? (format: uri)"
    assert properties["tags"]["description"] == "(uniqueItems: true)"
    assert point["description"] == "(in this order: X, Y)"
    assert point["items"] == {"type": "number"}
    assert properties["pair"]["description"] == "(in this order: Cat, integer or null)"
    assert (properties["pair"]["minItems"], properties["pair"]["maxItems"]) == (2, 2)


@pytest.mark.parametrize(
    "annotation",
    [dict, dict[str, Any], dict[str, int], dict[Literal["a"], int], list[dict[str, int]]],
)
def test_open_objects_are_refused_by_every_pydantic(annotation: Any) -> None:
    with pytest.raises(UserError, match="takes properties of any name"):
        declare(annotation, strict=True)
    assert declare(annotation, strict=False).params_json_schema


# --- by hand -----------------------------------------------------------------------------------

STRING: Json = {"type": "string"}


def make_tool(schema: Any, strict: bool = True) -> FunctionTool:
    return FunctionTool("f", "", schema, lambda ctx, text: text, strict_json_schema=strict)


def with_property(part: Any, **root: Any) -> Json:
    return {"type": "object", "properties": {"it": part}, **root}


@pytest.mark.parametrize(
    ("part", "formed"),
    [
        ({"enum": ["a", "b"]}, {"type": "string", "enum": ["a", "b"]}),
        ({"const": 1}, {"type": "integer", "const": 1}),
        ({"minimum": 1}, {"type": "number", "minimum": 1}),
        ({"minLength": 1}, {"type": "string", "minLength": 1}),
        ({"items": STRING}, {"type": "array", "items": STRING}),
        ({"type": "array", "items": [STRING, STRING]}, {"type": "array", "items": STRING}),
        (
            {"type": "integer", "format": "int32"},
            {"type": "integer", "description": "(format: int32)"},
        ),
        ({**STRING, "$comment": "x", "readOnly": True, "x-order": 1}, STRING),
        ({**STRING, "pattern": "a(?=b)"}, {**STRING, "description": "(pattern: a(?=b))"}),
        ({**STRING, "pattern": r"\(?=[(?=]"}, {**STRING, "pattern": r"\(?=[(?=]"}),
        ({**STRING, "pattern": r"\p{L}"}, {**STRING, "description": r"(pattern: \p{L})"}),
        ({**STRING, "format": "email"}, {**STRING, "format": "email"}),
    ],
)
def test_a_schema_given_by_hand_is_put_into_form(part: Json, formed: Json) -> None:
    assert make_tool(with_property(part)).params_json_schema["properties"]["it"] == formed


def test_a_schema_without_type_is_that_of_an_object() -> None:
    schema = make_tool({"properties": {"a": STRING}}).params_json_schema
    assert (schema["type"], schema["required"]) == ("object", ["a"])
    assert make_tool({"properties": {}}, strict=False).params_json_schema["type"] == "object"


def test_a_reference_to_what_is_no_definition_gets_a_definition() -> None:
    part = {"type": "array", "items": {"type": "object", "properties": {"b": STRING}}}
    schema = make_tool(
        {
            "type": "object",
            "properties": {"it": part, "also": {"$ref": "#/properties/it/items"}},
            "$defs": {"properties_it_items": STRING},
        }
    ).params_json_schema
    assert schema["properties"]["also"] == {"$ref": "#/$defs/properties_it_items_"}
    assert schema["$defs"]["properties_it_items_"] == schema["properties"]["it"]["items"]
    assert list(find_complaints(schema)) == []


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": ["object", "null"], "properties": {}}, "make it a property"),
        ({"anyOf": [with_property(STRING), {"type": "null"}]}, "make it a property"),
        ({"oneOf": [with_property(STRING)]}, "make it a property"),
        ({"type": "array", "items": STRING}, "make it a property"),
        (with_property({"type": "integer", "exclusiveMinimum": True}), "True is no value"),
        (with_property(STRING, anyOf=[{"type": "object", "properties": {}}]), "top level"),
        (with_property({"type": "object", "patternProperties": {"^a": STRING}}), "any name"),
        (with_property({"type": "object"}), r"'it' \(at #/properties/it\) takes properties of any"),
        (with_property({"not": STRING}), r"at #/properties/it\): 'not' is not permitted"),
        (with_property({**STRING, "if": {}, "then": {}}), "'if' is not permitted"),
        (with_property({"allOf": [STRING, STRING]}), "'allOf' is not permitted"),
        (with_property({"type": "text"}), "'text' is not a valid type"),
        (with_property(False), "at #/properties/it"),
        (with_property({"$ref": "#/properties/it"}), "leads back to itself"),
        (with_property({"$ref": "#/$defs/missing"}), "leads to no schema"),
        ({"$ref": "#"}, "leads back to itself"),
        (with_property({"$ref": "#"}), "no answer to it ends"),
        (with_property({"type": "array", "items": {"$ref": "#"}, "minItems": 1}), "no answer"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "leads back to itself"),
        ({"type": "object", "properties": ["a"]}, "no value for 'properties'"),
        (with_property({"enum": [f"{i}" for i in range(1001)]}), "1001 total enum values"),
        (with_property({"enum": ["x" * 100 + str(i) for i in range(251)]}), "15000 characters"),
        ({"type": "object", "properties": {f"p{i}": STRING for i in range(5001)}}, "5001 total"),
        ({"type": "object", "properties": {"x" * 120_001: STRING}}, "120001 characters"),
        ("object", "has to be a dict"),
    ],
)
def test_a_schema_that_has_no_such_form_is_refused_with_place_and_remedy(
    schema: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        make_tool(schema)
    assert "tool f" in str(caught.value)
    with pytest.raises(UserError, match=message):
        Handoff("go", "", schema, lambda ctx, text: Agent("B"), "B")


def test_unions_are_no_input_of_a_handoff() -> None:
    for union in (Cat | Dog, Optional[Cat], Pet):  # noqa: UP045
        with pytest.raises(UserError, match="an object only"):
            handoff(Agent("B"), on_handoff=lambda ctx, pet: None, input_type=union)
    made = handoff(Agent("B"), on_handoff=lambda ctx, tree: None, input_type=Tree)
    assert list(find_complaints(made.input_json_schema)) == []


def test_an_input_of_a_handoff_that_has_no_schema_is_refused() -> None:
    with pytest.raises(UserError, match="input_type.*no JSON schema"):
        handoff(Agent("B"), on_handoff=lambda ctx, it: None, input_type=Callable[[], int])


class HandMade(AgentOutputSchemaBase):
    def __init__(self, schema: Json) -> None:
        self.schema = schema

    def is_plain_text(self) -> bool:
        return False

    def name(self) -> str:
        return "Mine"

    def json_schema(self) -> Json:
        return self.schema

    def is_strict_json_schema(self) -> bool:
        return True

    def validate_json(self, text: str) -> Any:
        return json.loads(text)


def test_an_output_schema_made_by_hand_is_checked_when_the_agent_is_declared() -> None:
    with pytest.raises(UserError, match="output type Mine.*'additionalProperties' is required"):
        Agent("A", output_type=HandMade(with_property(STRING)))
    closed = with_property(STRING, required=["it"], additionalProperties=False)
    assert Agent("A", output_type=HandMade(closed)).output_schema() is not None


# --- size --------------------------------------------------------------------------------------


def nest(levels: int) -> type[BaseModel]:
    inner: Any = str
    for level in range(levels):
        inner = create_model(
            f"Level{level}",
            left=(inner, Field(description="on the left")),
            right=(inner, Field(description="on the right")),
        )
    return inner  # type: ignore[no-any-return]


def test_nested_models_with_described_fields_grow_with_their_number() -> None:
    few, many = (len(json.dumps(AgentOutputSchema(nest(n)).json_schema())) for n in (6, 12))
    assert many < 2.2 * few
    assert list(find_complaints(AgentOutputSchema(nest(12)).json_schema())) == []


def bomb(levels: int, **use: Any) -> Json:
    """Each definition uses the next one twice."""
    definitions = {
        f"d{level}": {
            "type": "object",
            "properties": {side: {"$ref": f"#/$defs/d{level + 1}", **use} for side in "lr"},
        }
        for level in range(levels)
    }
    return with_property(
        {"$ref": "#/$defs/d0", **use}, **{"$defs": {**definitions, f"d{levels}": STRING}}
    )


@pytest.mark.parametrize("use", [{}, {"description": "x"}, {"default": None, "title": "X"}])
def test_references_that_multiply_are_not_followed(use: Json) -> None:
    few, many = (len(json.dumps(make_tool(bomb(n, **use)).params_json_schema)) for n in (6, 12))
    assert many < 2.2 * few
    with pytest.raises(UserError, match="no answer to it ends"):
        make_tool(bomb(60, **use))


def nested_objects(levels: int) -> Json:
    part: Json = STRING
    for _ in range(levels):
        part = with_property(part)
    return part


def nested_options(levels: int) -> Json:
    part: Json = STRING
    for _ in range(levels):
        part = {"anyOf": [part]}
    return with_property(part)


def nested_all_of(levels: int) -> Json:
    part: Json = STRING
    for _ in range(levels):
        part = {"allOf": [part, STRING]}
    return with_property(part)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("nested", [nested_objects, nested_options, nested_all_of])
def test_a_schema_nested_too_deeply_is_a_user_error(
    nested: Callable[[int], Json], strict: bool
) -> None:
    with pytest.raises(UserError, match="levels|permitted"):
        make_tool(nested(400), strict)


def test_ten_levels_are_taken_and_eleven_are_not() -> None:
    assert make_tool(nested_objects(10))
    with pytest.raises(UserError, match="11 levels of nesting exceeds limit of 10"):
        make_tool(nested_objects(11))


def test_types_nested_too_deeply_are_a_user_error() -> None:
    annotation: Any = int
    for _ in range(400):
        annotation = list[annotation]
    for declaring in (declare, AgentOutputSchema):
        with pytest.raises(UserError, match=r"deep|levels"):
            declaring(annotation, True)


# --- whatever is given -------------------------------------------------------------------------

KEYWORDS = (
    "type properties required additionalProperties items anyOf oneOf allOf not enum const $ref "
    "$defs definitions prefixItems pattern format default description title uniqueItems if "
    "patternProperties propertyNames minItems examples discriminator"
).split()
NAMES = st.sampled_from("object array string null # #/$defs/object (?=a) uri".split())
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), NAMES)


def holders(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.dictionaries(st.sampled_from(KEYWORDS), parts, max_size=4),
        st.dictionaries(NAMES, parts, max_size=2),
        st.lists(parts, max_size=3),
    )


SCHEMAS = st.recursive(SCALARS, holders, max_leaves=25)


@settings(max_examples=150)
@given(SCHEMAS, st.booleans())
def test_any_json_as_a_schema_is_taken_in_form_or_refused(schema: Any, strict: bool) -> None:
    if not isinstance(schema, dict):
        schema = with_property(schema)
    before = json.dumps(schema)
    try:
        formed = make_tool(schema, strict).params_json_schema
    except UserError:
        return
    finally:
        assert json.dumps(schema) == before
    assert list(find_complaints(formed, strict)) == []
    assert make_tool(formed, strict).params_json_schema == formed
