from __future__ import annotations

from typing import Any

import pytest

from agents_lite.testing.validation import RequestRejected, check_items, check_parameters

STRICT = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def refusal_of(**body: Any) -> str:
    with pytest.raises(RequestRejected) as caught:
        check_parameters({"model": "m", "input": "Hi", **body}, None)
    return str(caught.value)


def refusal_of_items(*items: Any) -> str:
    with pytest.raises(RequestRejected) as caught:
        check_items(list(items), [])
    return str(caught.value)


def function(name: str = "add", parameters: Any = STRICT, strict: bool = True) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": parameters, "strict": strict}


def called(call_id: str = "call_1") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "add", "arguments": "{}"}


def output(call_id: str = "call_1", value: Any = "2") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": value}


USER = {"role": "user", "content": "Hi"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}


def test_a_full_request_is_accepted() -> None:
    choice = {"type": "function", "name": "add"}
    text_format = {"type": "json_schema", "name": "final_output", "schema": STRICT, "strict": True}
    body = {
        "model": "m",
        "input": [USER],
        "tools": [function(), {"type": "web_search"}],
        "tool_choice": choice,
        "text": {"format": text_format},
        "temperature": 0,
        "top_p": 1,
        "moderation": {"model": "omni-moderation-latest"},
        "prompt_cache_options": {"mode": "explicit"},
    }
    check_parameters(body, {"m"})
    check_items([USER, THOUGHT, called(), output(), {"role": "assistant", "content": "Hi"}], [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model": None}, "Missing required parameter: 'model'."),
        ({"input": None}, "Missing required parameter: 'input'."),
        ({"frequency_penalty": 0.5}, "Unknown parameter: 'frequency_penalty'."),
        (
            {"temperature": 3},
            "Invalid 'temperature': decimal above maximum value. "
            "Expected a value <= 2, but got 3 instead.",
        ),
        ({"tools": [{"name": "x"}]}, "Missing required parameter: 'tools[0].type'."),
        ({"tools": [{"type": "function"}]}, "Missing required parameter: 'tools[0].name'."),
        ({"tools": [function(), function()]}, "Duplicate function name in tools: 'add'."),
        (
            {"tools": [function("my tool")]},
            "Invalid 'tools[0].name': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
        ),
        (
            {"tools": [function("x" * 65)]},
            "Invalid 'tools[0].name': string too long. Expected a string with maximum length 64, "
            "but got a string with length 65 instead.",
        ),
        (
            {"tool_choice": "required"},
            "Tool choice 'required' must be specified with 'tools' parameter.",
        ),
        (
            {"tools": [function()], "tool_choice": "add"},
            "Invalid value: 'add'. Supported values are: 'none', 'auto', and 'required'.",
        ),
        (
            {"tools": [function()], "tool_choice": {"type": "function", "name": "sub"}},
            "Tool choice 'function' not found in 'tools' parameter.",
        ),
        (
            {"text": {"format": {"type": "json_schema", "schema": STRICT}}},
            "Missing required parameter: 'text.format.name'.",
        ),
    ],
)
def test_parameters_are_refused_in_the_words_of_the_api(body: dict[str, Any], message: str):
    assert refusal_of(**body) == message


def test_a_model_that_there_is_not_is_a_bad_request():
    with pytest.raises(RequestRejected, match="'m' does not exist") as caught:
        check_parameters({"model": "m", "input": "Hi"}, {"gpt-4o"})
    assert caught.value.reply.status == 400


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"additionalProperties": True},
            "In context=(), 'additionalProperties' is required to be supplied and to be false.",
        ),
        (
            {"properties": {"a": {"type": "integer"}}},
            "In context=(), 'required' is required to be supplied and to be an array including "
            "every key in properties. Missing 'a'.",
        ),
        (
            {"$defs": {"P": {"type": "object", "properties": {}}}},
            "In context=('$defs', 'P'), 'additionalProperties' is required to be supplied and to "
            "be false.",
        ),
        (
            {"properties": {"a": {"anyOf": [{"oneOf": []}]}}, "required": ["a"]},
            "In context=('properties', 'a', 'anyOf', '0'), 'oneOf' is not permitted.",
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/P", "title": "A"}}, "required": ["a"]},
            "In context=('properties', 'a'), $ref cannot have keywords {'title'}.",
        ),
        ({"type": "array"}, "schema must be a JSON Schema of 'type: \"object\"', got "),
    ],
)
def test_schemas_that_are_not_strict_are_refused(change: dict[str, Any], complaint: str):
    schema = {**STRICT, **change}
    text_format = {"type": "json_schema", "name": "out", "schema": schema, "strict": True}
    assert complaint in refusal_of(tools=[function(parameters=schema)])
    assert refusal_of(text={"format": text_format}).startswith(
        "Invalid schema for response_format 'out': "
    )
    check_parameters(
        {"model": "m", "input": "", "tools": [function(parameters=schema, strict=False)]}, None
    )


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([called()], "No tool output found for function call call_1."),
        ([output()], "No tool call found for function call output with call_id call_1."),
        ([output(), called()], "No tool call found for function call output with call_id call_1."),
        (
            [THOUGHT],
            "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
        ),
        (
            [THOUGHT, USER],
            "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
        ),
        (
            [called(), THOUGHT, output()],
            "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
        ),
        (
            [called(), output(value={"a": 1})],
            "Invalid type for 'input[1].output': expected one of an array of objects or string, "
            "but got an object instead.",
        ),
        (
            [THOUGHT, {"role": "assistant", "content": "Hm."}, THOUGHT],
            "Duplicate item found with id rs_1. Remove duplicate items from your input and try "
            "again.",
        ),
        ([{**called(), "parsed": {}}], "Unknown parameter: 'input[0].parsed'."),
        (
            [{**called(), "call_id": "x" * 65}],
            "Invalid 'input[0].call_id': string too long. Expected a string with maximum length "
            "64, but got a string with length 65 instead.",
        ),
        ([{"type": "function_call"}], "Missing required parameter: 'input[0].call_id'."),
        ([{"type": "mcp_approval_request"}], "Missing required parameter: 'input[0].id'."),
        (
            [{"type": "mcp_approval_response", "approve": False}],
            "Missing required parameter: 'input[0].approval_request_id'.",
        ),
        (["Hi"], "Invalid type for 'input[0]': expected an object, but got a string instead."),
        (
            [{"role": "tool", "content": "x"}],
            "Invalid value: 'tool'. Supported values are: 'assistant', 'system', 'developer', "
            "and 'user'.",
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
            "Invalid value: 'text'. Supported values are: 'input_text', ....",
        ),
        (
            [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}],
            "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
        ),
        (
            [{"role": "user", "content": None}],
            "Invalid type for 'input[0].content': expected one of an array of objects or string, "
            "but got null instead.",
        ),
    ],
)
def test_items_are_refused_in_the_words_of_the_api(items: list[Any], message: str):
    assert refusal_of_items(*items) == message


def test_items_kept_by_the_server_count():
    check_items([output()], [USER, called()])
    with pytest.raises(RequestRejected, match="No tool output found"):
        check_items([USER], [called()])


def test_an_error_is_answered_as_the_api_answers_it():
    with pytest.raises(RequestRejected) as caught:
        check_parameters({"model": "m", "input": "Hi", "nonsense": 1}, None)
    reply = caught.value.reply
    assert (reply.status, reply.headers) == (400, {"Content-Type": "application/json"})
    assert reply.body == (
        b'{"error":{"message":"Unknown parameter: \'nonsense\'.","type":"invalid_request_error",'
        b'"param":"nonsense","code":"unknown_parameter"}}'
    )
