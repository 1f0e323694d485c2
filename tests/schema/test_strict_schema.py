"""The strict form of JSON schemas."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agents_lite.exceptions import UserError
from agents_lite.schema.strict_schema import ensure_strict_json_schema, schema_for_api


def objects_in(schema: Any) -> list[dict[str, Any]]:
    """All object schemas inside a schema."""
    if isinstance(schema, list):
        return [found for part in schema for found in objects_in(part)]
    if not isinstance(schema, dict):
        return []
    found = [schema] if schema.get("type") == "object" else []
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions"):
            value = list(value.values())
        if key not in ("enum", "const", "required", "default"):
            found += objects_in(value)
    return found


def assert_strict(schema: dict[str, Any]) -> None:
    for part in objects_in(schema):
        assert part["additionalProperties"] is False
        assert part.get("required", []) == list(part.get("properties", {}))


def test_empty_schema_becomes_an_object_without_properties() -> None:
    assert ensure_strict_json_schema({}) == {
        "additionalProperties": False,
        "type": "object",
        "properties": {},
        "required": [],
    }


def test_properties_are_required_in_order_and_objects_closed_at_every_depth() -> None:
    inner: dict[str, Any] = {
        "type": "object",
        "properties": {"z": {"type": "integer"}, "a": {"type": "string"}},
    }
    strict = ensure_strict_json_schema(
        {
            "type": "object",
            "properties": {
                "list": {"type": "array", "items": inner},
                "tuple": {"type": "array", "prefixItems": [inner]},
                "union": {"anyOf": [inner, {"type": "null"}]},
                "nullable": {"type": ["object", "null"], "properties": {}},
                "untyped": {"properties": inner["properties"]},
            },
            "required": ["union"],
            "$defs": {"Inner": inner},
            "definitions": {"Inner": inner},
        }
    )
    closed = {**inner, "additionalProperties": False, "required": ["z", "a"]}
    assert strict["required"] == ["list", "tuple", "union", "nullable", "untyped"]
    properties = strict["properties"]
    assert properties["list"]["items"] == closed
    assert properties["tuple"]["items"] == closed
    assert properties["union"]["anyOf"][0] == closed
    assert properties["nullable"]["additionalProperties"] is False
    assert properties["untyped"]["required"] == ["z", "a"]
    assert strict["$defs"]["Inner"] == strict["definitions"]["Inner"] == closed


def test_properties_named_like_keywords_are_only_names() -> None:
    properties = {name: {"type": "string"} for name in ("$ref", "items", "properties", "oneOf")}
    strict = ensure_strict_json_schema({"type": "object", "properties": properties})
    assert strict["properties"] == properties


def test_one_of_joins_any_of() -> None:
    strict = ensure_strict_json_schema(
        {"anyOf": [{"type": "string"}], "oneOf": [{"type": "object", "properties": {}}]}
    )
    assert strict["anyOf"][0] == {"type": "string"}
    assert strict["anyOf"][1]["additionalProperties"] is False
    assert "oneOf" not in strict


def test_all_of_one_element_merges_into_its_parent_and_of_more_stays() -> None:
    part = {"type": "object", "properties": {"a": {"type": "string"}}}
    strict = ensure_strict_json_schema({"title": "T", "allOf": [part]})
    assert strict == {"title": "T", **part, "additionalProperties": False, "required": ["a"]}
    assert len(ensure_strict_json_schema({"allOf": [part, part]})["allOf"]) == 2


def test_only_a_default_of_null_goes() -> None:
    strict = ensure_strict_json_schema(
        {
            "type": "object",
            "properties": {
                "none": {"type": "null", "default": None},
                "zero": {"type": "integer", "default": 0},
            },
        }
    )
    assert "default" not in strict["properties"]["none"]
    assert strict["properties"]["zero"]["default"] == 0


def test_ref_alone_stays_and_ref_with_siblings_is_inlined_under_its_own_keys() -> None:
    strict = ensure_strict_json_schema(
        {
            "type": "object",
            "properties": {
                "alone": {"$ref": "#/$defs/Point"},
                "described": {"$ref": "#/$defs/Point", "description": "mine", "default": None},
            },
            "$defs": {
                "Point": {
                    "type": "object",
                    "description": "theirs",
                    "properties": {"x": {"type": "number"}},
                }
            },
        }
    )
    assert strict["properties"]["alone"] == {"$ref": "#/$defs/Point"}
    assert strict["properties"]["described"] == {
        "type": "object",
        "description": "mine",
        "properties": {"x": {"type": "number"}},
        "required": ["x"],
        "additionalProperties": False,
    }


def test_all_of_a_ref_beside_a_description_is_inlined() -> None:
    strict = ensure_strict_json_schema(
        {
            "type": "object",
            "properties": {"it": {"allOf": [{"$ref": "#/$defs/A~1B"}], "description": "d"}},
            "$defs": {"A/B": {"type": "string", "enum": ["x"]}},
        }
    )
    assert strict["properties"]["it"] == {"type": "string", "enum": ["x"], "description": "d"}


BASE = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


@pytest.mark.parametrize("base", [{"allOf": [{"$ref": "#/$defs/Base"}]}, {"$ref": "#/$defs/Base"}])
def test_properties_beside_a_reference_join_those_of_what_it_leads_to(base: Any) -> None:
    derived = {**base, "properties": {"name": {"type": "string"}}, "required": ["name"]}
    wanted = {"id": {"type": "integer"}, "name": {"type": "string"}}
    for schema in (
        {**derived, "$defs": {"Base": BASE}},
        {"type": "object", "properties": {"it": derived}, "$defs": {"Base": BASE}},
    ):
        strict = ensure_strict_json_schema(schema)
        part = strict["properties"].get("it", strict)
        assert part["properties"] == wanted and part["required"] == ["id", "name"]
        assert_strict(strict)
    loose = schema_for_api({**derived, "$defs": {"Base": BASE}}, False, "tool f")
    assert loose["properties"] == wanted and loose["required"] == ["id", "name"]


def test_a_root_of_one_part_is_that_part_in_either_form() -> None:
    schema = {"type": "object", "allOf": [{**BASE, "additionalProperties": True}]}
    loose = schema_for_api(schema, False, "tool f")
    assert loose == {**BASE, "additionalProperties": True}
    schema = {"allOf": [{**BASE, "required": [{}]}], "required": [["id"]]}
    assert schema_for_api(schema, True, "tool f")["required"] == ["id"]


def test_properties_beside_a_reference_to_what_refers_further_are_refused() -> None:
    base = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Base"}}}
    derived = {"allOf": [{"$ref": "#/$defs/Base"}], "properties": {"name": {"type": "string"}}}
    schema = {"type": "object", "properties": {"it": derived}, "$defs": {"Base": base}}
    with pytest.raises(UserError, match="at #/properties/it, there is properties beside a \\$ref"):
        ensure_strict_json_schema(schema)


@pytest.mark.parametrize(
    ("beside", "base", "complaint"),
    [
        ({}, None, "the \\$ref '#/\\$defs/Base' leads to no schema"),
        (
            {"anyOf": [{"type": "string"}]},
            {"type": "object", "properties": {"next": {"$ref": "#/$defs/Base"}}},
            "there is anyOf beside a \\$ref",
        ),
        ({"description": "d"}, {**BASE, "properties": 5}, "5 is no value for 'properties'"),
        ({"properties": 5}, BASE, "5 is no value for 'properties'"),
    ],
)
def test_what_is_wrong_with_a_reference_is_told_with_its_place(
    beside: Any, base: Any, complaint: str
) -> None:
    it = {"$ref": "#/$defs/Base", **beside}
    definitions = {"$defs": {} if base is None else {"Base": base}}
    with pytest.raises(UserError, match=f"at #/properties/it, {complaint}"):
        ensure_strict_json_schema({"type": "object", "properties": {"it": it}, **definitions})


def test_what_is_wrong_beside_a_reference_at_the_root_is_told() -> None:
    schema = {"$ref": "#/$defs/Base", "properties": 5, "$defs": {"Base": BASE}}
    with pytest.raises(UserError, match="at #, 5 is no value for 'properties'"):
        ensure_strict_json_schema(schema)


def test_a_reference_to_a_reference_leads_to_what_that_leads_to() -> None:
    definitions = {"Base": BASE, "Other": {"$ref": "#/$defs/Base"}}
    schema = {"$defs": definitions, "type": "object", "allOf": [{"$ref": "#/$defs/Other"}]}
    assert ensure_strict_json_schema(schema)["properties"] == BASE["properties"]
    described = {"$ref": "#/$defs/Other", "description": "mine"}
    strict = ensure_strict_json_schema(
        {"type": "object", "properties": {"it": described}, "$defs": definitions}
    )
    assert strict["properties"]["it"] == {
        **BASE, "description": "mine", "additionalProperties": False
    }


def test_a_long_chain_of_references_is_followed_at_once() -> None:
    chain = {f"S{n}": {"$ref": f"#/$defs/S{n + 1}"} for n in range(1000)}
    definitions = {**chain, "S1000": {"type": "string"}}
    it = {"$ref": "#/$defs/S0", "description": "d"}
    schema = {"type": "object", "properties": {"it": it}, "$defs": definitions}
    strict = schema_for_api(schema, True, "tool f")
    assert strict["properties"]["it"] == {"type": "string", "description": "d"}


class Node(BaseModel):
    """A type that contains itself."""

    value: int
    children: list[Node] = Field(default_factory=list)
    twin: Node | None = None


def test_recursive_model_keeps_its_references_and_an_object_at_the_root() -> None:
    strict = ensure_strict_json_schema(Node.model_json_schema())
    assert strict["type"] == "object"
    assert strict["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert_strict(strict)


def test_described_reference_to_what_refers_further_stays_a_reference() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/Node", "description": "the next one"}},
    }
    strict = ensure_strict_json_schema(
        {"type": "object", "properties": {"first": node}, "$defs": {"Node": node}}
    )
    assert strict["$defs"]["Node"]["properties"]["next"] == {
        "anyOf": [{"$ref": "#/$defs/Node"}],
        "description": "the next one",
    }
    assert_strict(strict)


@pytest.mark.parametrize("extra", [True, {"type": "integer"}, {}])
def test_open_object_is_an_error_that_names_place_and_remedy(extra: Any) -> None:
    schema = {
        "title": "save_args",
        "type": "object",
        "properties": {
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"meta": {"type": "object", "additionalProperties": extra}},
                },
            }
        },
    }
    with pytest.raises(UserError) as caught:
        ensure_strict_json_schema(schema)
    message = str(caught.value)
    assert "save_args" in message
    assert "'meta' (at #/properties/rows/items/properties/meta)" in message
    assert "strict_mode=False" in message and "strict_json_schema=False" in message


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"anyOf": [{"type": "object"}, {"type": "null"}]}, "anyOf/0"),
        ({"type": "array", "items": {"type": "object"}}, "items"),
    ],
)
def test_open_object_without_a_name_is_told_of_by_its_property(part: Any, place: str) -> None:
    schema = {"type": "object", "properties": {"rows": part}}
    with pytest.raises(UserError, match=rf"'rows' \(at #/properties/rows/{place}\) takes"):
        ensure_strict_json_schema(schema)


@pytest.mark.parametrize("ref", ["#/$defs/Missing", "other.json#/Point", "#/properties/a/type"])
def test_reference_that_leads_nowhere_is_a_user_error(ref: str) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"$ref": ref, "title": "B"}},
    }
    with pytest.raises(UserError, match=r"\$ref"):
        ensure_strict_json_schema(schema)


def test_reference_alone_stays() -> None:
    schema = {"$ref": "#/definitions/Point"}
    assert ensure_strict_json_schema(schema) == schema


def test_schema_that_is_no_dict_is_a_user_error() -> None:
    with pytest.raises(UserError, match="dict"):
        ensure_strict_json_schema("object")  # type: ignore[arg-type]


LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "default": None},
        {"enum": ["a", 1]},
        {"$ref": "#/$defs/Leaf"},
        {"$ref": "#/$defs/Leaf", "description": "a leaf"},
        True,
    ]
)
NAMES = st.sampled_from(["a", "b", "$ref", "items", "type", "anyOf"])


def containers(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda p: {"type": "array", "items": p}, parts),
        st.builds(lambda p: {"anyOf": p}, lists),
        st.builds(lambda p: {"oneOf": p}, lists),
        st.builds(lambda p: {"type": "object", "properties": p}, st.dictionaries(NAMES, parts)),
    )


@given(
    st.dictionaries(NAMES, st.recursive(LEAVES, containers, max_leaves=12)),
    st.recursive(LEAVES, containers, max_leaves=6).filter(lambda leaf: isinstance(leaf, dict)),
)
def test_any_schema_of_closed_objects_becomes_strict(
    properties: dict[str, Any], leaf: dict[str, Any]
) -> None:
    schema = {"type": "object", "properties": properties, "$defs": {"Leaf": leaf}}
    before = copy.deepcopy(schema)
    strict = ensure_strict_json_schema(schema)
    assert schema == before
    assert_strict(strict)
    assert ensure_strict_json_schema(strict) == strict
