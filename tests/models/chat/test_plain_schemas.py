"""Schemas of tools, for servers that know little of JSON Schema."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from agents_lite.models.chat.plain_schemas import plain_schema


class Leaf(BaseModel):
    """A leaf."""

    kind: Literal["leaf"]
    size: Literal[1, 2] = 1


class Tree(BaseModel):
    kind: Literal["tree"]
    parts: list[Tree | Leaf] = Field(min_length=1)


class Wood(BaseModel):
    tree: Tree | Leaf = Field(discriminator="kind", description="What grows.")
    const: tuple[int, str]
    first: Leaf = Field(description="The first.")


def test_a_plain_schema_says_the_rest_in_words() -> None:
    leaf = {
        "title": "Leaf",
        "description": "A leaf.",
        "type": "object",
        "properties": {
            "kind": {"title": "Kind", "type": "string", "enum": ["leaf"]},
            "size": {
                "title": "Size",
                "type": "integer",
                "description": "(enum: [1,2]) (default: 1)",
            },
        },
        "required": ["kind"],
    }
    tree = {
        "title": "Tree",
        "type": "object",
        "properties": {
            "kind": {"title": "Kind", "type": "string", "enum": ["tree"]},
            "parts": {
                "title": "Parts",
                "type": "array",
                "items": {"anyOf": [{"type": "object"}, leaf]},
                "description": "(minItems: 1)",
            },
        },
        "required": ["kind", "parts"],
    }
    assert plain_schema(Wood.model_json_schema()) == {
        "title": "Wood",
        "type": "object",
        "properties": {
            "tree": {"anyOf": [{**tree, "description": "What grows."}, leaf]},
            "const": {
                "title": "Const",
                "type": "array",
                "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                "description": "(minItems: 2) (maxItems: 2)",
            },
            "first": {**leaf, "description": "The first."},
        },
        "required": ["tree", "const", "first"],
    }


def test_what_may_be_of_several_types_is_a_choice() -> None:
    def plain(schema: Any) -> Any:
        return plain_schema({"type": "object", "properties": {"a": schema}})["properties"]["a"]

    several = {"type": ["array", "null"], "items": True, "description": "Any.", "maxItems": 3}
    listed = {"type": "array", "items": {"type": "string"}, "description": "Any. (maxItems: 3)"}
    assert plain(several) == {"anyOf": [listed, {"type": "null"}]}
    assert plain(True) == plain({"$comment": "x"}) == {}
    assert plain({"allOf": [{"type": "string"}], "enum": ["a", None]}) == {
        "type": "string",
        "description": '(enum: ["a",null])',
    }


def test_an_object_keeps_its_properties_beside_other_schemas_of_it() -> None:
    text, number = {"type": "string"}, {"type": "integer"}
    root = {
        "type": "object",
        "properties": {
            "place": {
                "type": "object",
                "properties": {"id": text, "name": text},
                "anyOf": [{"required": ["id"]}, {"required": ["name"]}],
            },
            "shape": {
                "type": "object",
                "properties": {"color": text},
                "oneOf": [
                    {"properties": {"kind": {**text, "const": "circle"}, "radius": number}},
                    {"properties": {"kind": {**text, "const": "square"}, "side": number}},
                ],
            },
            "sizes": {"allOf": [{"$ref": "#/$defs/Size"}, {"properties": {"unit": text}}]},
            "points": {"type": "array", "items": {"type": "array", "prefixItems": [number] * 2}},
            "lost": {"$ref": "https://example.com/schema", "description": "Lost."},
        },
        "$defs": {"Size": {"type": "object", "properties": {"w": number}, "required": ["w"]}},
    }

    assert plain_schema(root)["properties"] == {
        "place": {"type": "object", "properties": {"id": text, "name": text}},
        "shape": {
            "type": "object",
            "properties": {
                "kind": {"anyOf": [{**text, "enum": ["circle"]}, {**text, "enum": ["square"]}]},
                "radius": number,
                "side": number,
                "color": text,
            },
        },
        "sizes": {"type": "object", "properties": {"unit": text, "w": number}, "required": ["w"]},
        "points": {"type": "array", "items": {"type": "array", "items": number}},
        "lost": {"description": "Lost."},
    }
