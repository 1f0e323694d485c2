"""The stand-in's Chat Completions API, asked without our own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from agents_lite.testing import ResponsesServer, call, reasoning, status, turn

USER = {"role": "user", "content": "Add 1 and 2 in JSON"}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
GAVE = {"role": "tool", "tool_call_id": "c1", "content": "3"}
STRICT = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}
ADD = {
    "type": "function",
    "function": {"name": "add", "description": "Add.", "parameters": STRICT, "strict": True},
}


def post(server: ResponsesServer, **body: Any) -> requests.Response:
    url = server.base_url + "/chat/completions"
    return requests.post(url, json={"model": "m", "messages": [USER], **body}, timeout=10)


def chunks_of(reply: requests.Response) -> list[Any]:
    return [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]


def test_a_scripted_turn_is_a_completion() -> None:
    with ResponsesServer([[reasoning("Hm."), "Here.", call("add", a=1, call_id="c1")]]) as server:
        body = post(server).json()
    [choice] = body["choices"]
    assert (body["object"], choice["finish_reason"]) == ("chat.completion", "tool_calls")
    assert choice["message"] == {
        "role": "assistant",
        "content": "Here.",
        "refusal": None,
        "reasoning_content": "Hm.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
        ],
    }
    assert body["usage"]["prompt_tokens"] == 10


def test_a_scripted_turn_is_streamed_up_to_done() -> None:
    with ResponsesServer([["Hello there", call("add", a=1)]]) as server:
        reply = post(server, stream=True, stream_options={"include_usage": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text.endswith("data: [DONE]\n\n")
    *chunks, last = chunks_of(reply)
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 15)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("content", "") for delta in deltas) == "Hello there"
    pieces = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert "".join(piece["function"]["arguments"] for piece in pieces) == '{"a":1}'
    assert pieces[0]["function"]["name"] == "add"
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stream_tells_its_usage_only_when_asked() -> None:
    with ResponsesServer(["Hi"]) as server:
        assert not any("usage" in chunk for chunk in chunks_of(post(server, stream=True)))


def test_without_a_script_it_answers_by_the_same_rules() -> None:
    with ResponsesServer() as server:
        message = post(server, tools=[ADD]).json()["choices"][0]["message"]
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"a": 1, "b": 2}
        called = {"role": "assistant", "content": None, "tool_calls": message["tool_calls"]}
        gave = {**GAVE, "tool_call_id": message["tool_calls"][0]["id"]}
        message = post(server, messages=[USER, called, gave], tools=[ADD]).json()["choices"][0]
        assert message["message"]["content"] == "add(1, 2) gives 3."


def test_a_typed_output_fits_its_schema() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "pair", "schema": STRICT}}
    with ResponsesServer() as server:
        message = post(server, response_format=wanted).json()["choices"][0]["message"]
    assert json.loads(message["content"]) == {"a": 1, "b": 2}


def test_parameters_of_newer_models_are_accepted() -> None:
    with ResponsesServer() as server:
        newer = {"prompt_cache_options": {"mode": "explicit"}, "moderation": {"model": "m"}}
        assert post(server, **newer).status_code == 200


def test_an_answer_cut_short_says_so() -> None:
    cut = turn("Half", status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    with ResponsesServer([cut, status(429)]) as server:
        assert post(server).json()["choices"][0]["finish_reason"] == "length"
        assert post(server).status_code == 429


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"messages": None}, "Missing required parameter: 'messages'."),
        ({"model": None}, "Missing required parameter: 'model'."),
        ({"input": "Hi"}, "Unrecognized request argument supplied: input"),
        ({"temperature": 3}, "Invalid 'temperature'"),
        ({"stream_options": {"include_usage": True}}, "only allowed when 'stream' is enabled"),
        ({"tool_choice": "auto"}, "'tool_choice' is only allowed when 'tools' are specified"),
        ({"parallel_tool_calls": True}, "'parallel_tool_calls' is only allowed when 'tools'"),
        ({"messages": [{"role": "robot", "content": ""}]}, "'robot'"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "Hi", "id": "x"}]}, "messages[0].id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_text"}]}]},
            "Invalid value: 'input_text'",
        ),
        ({"messages": [USER, CALLED]}, "did not have response messages: c1"),
        ({"messages": [USER, CALLED, USER, GAVE]}, "did not have response messages: c1"),
        ({"messages": [USER, GAVE]}, "messages with role 'tool' must be a response"),
        (
            {"messages": [USER, {**CALLED, "tool_calls": [{"id": "c1"}]}, GAVE]},
            "'messages[1].tool_calls[0].type'",
        ),
        ({"messages": [USER, {**CALLED, "tool_calls": []}]}, "empty array"),
        ({"tools": [{"type": "function", "name": "add"}]}, "'tools[0].function'"),
        ({"tools": [ADD, ADD]}, "Duplicate function name"),
        (
            {"tool_choice": {"type": "function", "function": {"name": "sub"}}, "tools": [ADD]},
            "not found in 'tools'",
        ),
        ({"response_format": {"type": "yaml"}}, "'yaml'"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {
                "response_format": {"type": "json_object"},
                "messages": [{"role": "user", "content": "Hi"}],
            },
            "must contain the word 'json'",
        ),
    ],
)
def test_what_the_api_refuses_is_refused(body: dict[str, Any], message: str) -> None:
    with ResponsesServer(["never"]) as server:
        reply = post(server, **body)
    assert reply.status_code == 400
    assert message in reply.json()["error"]["message"]


def test_a_key_is_asked_for_here_too() -> None:
    with ResponsesServer(["never"], api_key="k") as server:
        assert post(server).status_code == 401
