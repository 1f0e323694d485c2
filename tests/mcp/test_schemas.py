"""Schemas of tools as servers were reported to send them."""

from __future__ import annotations

from typing import Any

import pytest

from agents_lite import MCPServerStdio, MCPUtil
from agents_lite.mcp.agent_tools import as_function_tool
from agents_lite.mcp.objects import MCPTool
from agents_lite.mcp.schemas import as_meant, plain_schema

A, B = {"type": "string"}, {"type": "integer"}
NOTHING = {"type": "object", "properties": {}}


def alternatives(word: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", word: list(parts), **more}


def part(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        (None, NOTHING),
        (True, NOTHING),
        ({}, {}),
        ("x", "x"),
        ({"type": "array"}, {"type": "array"}),
        ({"type": ["object", "null"], "properties": {}}, NOTHING),
        ({"type": "object", "properties": None, "required": None}, NOTHING),
        (
            # https://github.com/mastra-ai/mastra/issues/23731
            {"type": "object", "properties": {"coin": A, "required": ["coin"]}},
            {"type": "object", "properties": {"coin": A}},
        ),
        (
            alternatives("anyOf", part(["a"], a=A), part(["b"], b=B)),
            {"type": "object", "properties": {"a": A, "b": B}},
        ),
        (
            {"oneOf": [part(["a", "b"], a=A, b=B), part(["a"], a=B)]},
            {"type": "object", "properties": {"a": {"anyOf": [A, B]}, "b": B}, "required": ["a"]},
        ),
        (
            alternatives("allOf", part(["a"], a=A), part(["b"], b=B), properties={"c": A}),
            {"type": "object", "properties": {"c": A, "a": A, "b": B}, "required": ["a", "b"]},
        ),
        (
            {"anyOf": [{"$ref": "#/$defs/X"}], "$defs": {"X": part(["a"], a=A)}},
            {**part(["a"], a=A), "$defs": {"X": part(["a"], a=A)}},
        ),
        ({"anyOf": [5, {"$ref": "#/$defs/no"}, {"$ref": 5}]}, NOTHING),
    ],
)
def test_a_schema_has_a_plain_object_at_its_root(schema: Any, plain: Any) -> None:
    assert plain_schema(schema) == plain


@pytest.mark.parametrize(
    ("schema", "is_strict"),
    [
        ({"type": "object"}, False),
        ({**NOTHING, "description": "Keys and values."}, False),
        (True, False),
        ({**NOTHING, "additionalProperties": False}, True),
        ({}, True),
        (None, True),
        (part(["a"], a=A), True),
        (part(["a"], a=NOTHING), False),
    ],
)
def test_an_object_of_which_no_property_is_named_takes_any(schema: Any, is_strict: bool) -> None:
    """In the strict form it would take none: openai-agents-python, pull request 4310."""
    tool = MCPTool({"name": "t", "inputSchema": schema})
    offered = as_function_tool(tool, MCPServerStdio({"command": "x"}), "t")
    assert offered.strict_json_schema is is_strict
    assert offered.params_json_schema.get("additionalProperties") is (False if is_strict else None)


@pytest.mark.parametrize(
    ("part_sent", "part_offered"),
    [
        # https://github.com/inngest/inngest/issues/3305, anomalyco/opencode/issues/49464
        (True, {}),
        ({"anyOf": [True, False, A]}, {"anyOf": [{}, A]}),
        ({"type": "string", "enum": None, "default": None}, {"type": "string", "default": None}),
        ({"type": "array", "items": {"not": None}}, {"type": "array", "items": {}}),
        (
            {"type": "object", "properties": {"b": True, "c": False}, "required": None},
            {"type": "object", "properties": {"b": {}}},
        ),
    ],
)
def test_what_servers_in_rust_and_go_say_of_a_part_is_put_plainly(
    part_sent: Any, part_offered: Any
) -> None:
    """Models' servers know no schema that is `true`, and no null in one."""
    sent = {"type": "object", "properties": {"a": part_sent}, "$defs": {"X": True}}
    tool = MCPTool({"name": "t", "inputSchema": sent})
    offered = as_function_tool(tool, MCPServerStdio({"command": "x"}), "t").params_json_schema
    assert offered == {**sent, "properties": {"a": part_offered}, "$defs": {"X": {}}}
    assert sent["properties"] == {"a": part_sent}


@pytest.mark.parametrize(
    ("part_sent", "part_offered"),
    [
        # https://github.com/Dokploy/mcp/issues/74, https://github.com/langgenius/dify/issues/39629
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, {**B, "exclusiveMinimum": 0}),
        ({**B, "maximum": 9, "exclusiveMaximum": False}, {**B, "maximum": 9}),
        ({**B, "minimum": "0", "exclusiveMaximum": True}, B),
        ({"type": "text", "description": "A name."}, {"description": "A name."}),
        ({"type": ["string", "any"], "title": "T"}, {"title": "T"}),
        ({**A, "required": True}, A),
        (part(["b", "b", 1], b=B), part(["b"], b=B)),  # type: ignore[list-item]
        ({"type": "object", "properties": [A], "required": 3}, {"type": "object"}),
        ({**A, "anyOf": [], "enum": [], "description": 5}, A),
        ({"type": [], "items": True}, {"items": {}}),
        ({"type": "object", "additionalProperties": "any"}, {"type": "object"}),
    ],
)
def test_what_makes_no_sense_of_a_part_is_left_out(part_sent: Any, part_offered: Any) -> None:
    """Models' servers refuse the whole request for it."""
    tool = MCPTool({"name": "t", "inputSchema": part([], a=part_sent)})
    offered = as_function_tool(tool, MCPServerStdio({"command": "x"}), "t").params_json_schema
    assert offered["properties"] == {"a": part_offered}


@pytest.mark.parametrize("schema", [True, alternatives("anyOf", part(["a"], a=A), type=None)])
def test_a_tool_taken_as_it_is_has_an_object_at_its_root_too(schema: Any) -> None:
    tool, server = MCPTool({"name": "t", "inputSchema": schema}), MCPServerStdio({"command": "x"})
    taken = MCPUtil.to_function_tool(tool, server, convert_schemas_to_strict=False)
    assert (taken.params_json_schema, taken.strict_json_schema) == (plain_schema(schema), False)


@pytest.mark.parametrize("word", ["anyOf", "oneOf", "allOf"])
def test_a_tool_with_alternatives_at_the_root_is_offered(word: str) -> None:
    """Models' servers refuse them there, and with them the whole request."""
    tool = MCPTool({"name": "t", "inputSchema": alternatives(word, part(["a"], a=A))})
    offered = as_function_tool(tool, MCPServerStdio({"command": "x"}), "t").params_json_schema
    assert offered["type"] == "object" and word not in offered
    assert offered["properties"] == {"a": A}


OBJECT = {"type": "object"}
OPTIONAL = {"anyOf": [{"$ref": "#/$defs/List"}, {"type": "null"}]}
OPEN = {
    "type": "object",
    "properties": {
        "object": OBJECT,
        "list": {"type": "array", "items": OBJECT},
        "optional": OPTIONAL,
        "either": {"type": ["object", "string"]},
        "text": A,
        "any": {},
        "inside": {"type": "object", "properties": {"list": OPTIONAL}},
        "named": {"type": "object", "additionalProperties": OBJECT},
        "nowhere": {"$ref": "#/$defs/Lost"},
    },
    "$defs": {"List": {"type": "array", "items": {"type": "array"}}},
}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"object": '{"a": 1}'}, {"object": {"a": 1}}),
        ({"list": '[{"a": 1}]'}, {"list": [{"a": 1}]}),
        ({"list": ['{"a": 1}', {"b": 2}]}, {"list": [{"a": 1}, {"b": 2}]}),
        ({"optional": '["[1]"]'}, {"optional": [[1]]}),
        ({"inside": '{"list": "[]"}'}, {"inside": {"list": []}}),
        ({"named": {"a": "{}"}}, {"named": {"a": {}}}),
    ],
)
def test_a_text_of_json_stands_for_the_object_that_is_due(given: Any, meant: Any) -> None:
    assert as_meant(given, [OPEN], OPEN) == meant


@pytest.mark.parametrize(
    "given",
    [
        {"either": "{}", "text": "{}", "any": "{}", "unknown": "{}"},
        {"nowhere": "{}", "object": "{a", "list": "one", "optional": None, "inside": 3},
    ],
)
def test_other_texts_are_left_to_the_server(given: Any) -> None:
    assert as_meant(given, [OPEN], OPEN) == given


def test_a_text_that_one_alternative_takes_is_left_to_the_server() -> None:
    schema = {"anyOf": [part([], a=OBJECT), part([], a=A)]}
    assert as_meant({"a": "{}"}, [schema], schema) == {"a": "{}"}


def test_a_tree_of_alternatives_is_not_gone_through_by_all_ways() -> None:
    class Node(dict[str, Any]):
        def get(self, *name: Any) -> Any:
            asked.append(name)
            return super().get(*name)

    asked: list[Any] = []
    inner: Any = {"$ref": "#/$defs/Tree"}
    tree = {"anyOf": [Node(part([], left=inner, right=inner)) for _ in "abc"]}
    value: dict[str, Any] = {}
    for _ in range(6):
        value = {"left": value}
    assert as_meant(value, [inner], {"$defs": {"Tree": tree}}) == value
    assert len(asked) < 200
