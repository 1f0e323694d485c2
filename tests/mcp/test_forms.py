"""Forms of servers, as persons fill them in."""

from __future__ import annotations

from typing import Any

import pytest

from agents_lite import MCPElicitation, UserError
from agents_lite.mcp.forms import accepted, choices, form_fields


def form(fields: Any, required: Any = ()) -> MCPElicitation:
    schema = {"type": "object", "properties": fields, "required": required}
    return MCPElicitation("desk", "Who?", schema)


def test_a_field_that_may_be_null_is_one_of_its_type() -> None:
    question = form(
        {"age": {"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "Age", "default": None}}
    )
    [field] = form_fields(question).values()
    assert field == {"type": "integer", "title": "Age", "default": None}
    assert accepted(question, {"age": 4}) == {"action": "accept", "content": {"age": 4}}
    assert accepted(question, {}) == {"action": "accept", "content": {}}
    with pytest.raises(UserError, match="of type integer, not 'four'"):
        accepted(question, {"age": "four"})


def test_only_alternatives_that_are_constants_are_choices() -> None:
    titled = [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]
    assert choices({"oneOf": titled}) == choices({"anyOf": titled}) == ["s", "l"]
    assert choices({"anyOf": [{"type": "string"}, {"type": "integer"}]}) is None
    assert choices({"oneOf": [True]}) is None


@pytest.mark.parametrize("word", ["enum", "anyOf"])
def test_of_a_list_the_choices_are_those_of_its_items(word: str) -> None:
    # https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation
    named = ["red", "blue", "green"]
    items = {word: named if word == "enum" else [{"const": each, "title": "?"} for each in named]}
    field = {"type": "array", "items": {"type": "string", **items}}
    assert choices(field) == named
    question = form({"colours": field})
    for several in ([], ["red"], ["green", "red"]):
        assert accepted(question, {"colours": several})["content"] == {"colours": several}
    for wrong in (["red", "pink"], "red"):
        with pytest.raises(UserError, match="field 'colours' is"):
            accepted(question, {"colours": wrong})
    assert choices({"type": "array", "items": True}) is None


@pytest.mark.parametrize("fields", [None, [], "name", {}, {"name": True}, {"name": None}], ids=str)
@pytest.mark.parametrize("required", [None, True, "name", [1]], ids=str)
def test_a_form_that_says_little_takes_what_is_given(fields: Any, required: Any) -> None:
    content = {"name": "Zoë"}
    assert accepted(form(fields, required), content) == {"action": "accept", "content": content}
