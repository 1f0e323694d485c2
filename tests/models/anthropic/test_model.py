"""The model behind the Messages API: what it sends, and what it makes of the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    AnthropicModel,
    BadRequestError,
    InternalServerError,
    ItemHelpers,
    ModelSettings,
    ResponseFailedError,
    ResponsesClient,
    Runner,
    UserError,
    WebSearchTool,
    cassette,
    function_tool,
)
from agents_lite.models.anthropic.answer import as_chunks
from agents_lite.models.anthropic.pauses import MOST_PAUSES
from agents_lite.models.chat.answer import chat_events
from agents_lite.testing import ScriptedModel, handoff_to
from tests.support.drivers import stream, whole_and_streamed
from tests.support.loopback import LoopbackServer, event_bytes, http_answer, stream_answer

THOUGHT = {"type": "thinking", "thinking": "I add.", "signature": "sig"}
SECRET = {"type": "redacted_thinking", "data": "xyz"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1, "b": 2}}
USAGE = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 2,
    "cache_read_input_tokens": 3,
    "output_tokens": 4,
}


@function_tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def message(*content: dict[str, Any], stop_reason: str = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": list(content),
        "stop_reason": stop_reason,
        "usage": dict(USAGE),
    }


def events_of(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """The events with which the API streams a message."""
    begun = {
        **whole,
        "content": [],
        "stop_reason": None,
        "usage": {**whole["usage"], "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for at, block in enumerate(whole["content"]):
        empty = {"thinking": "", "signature": "", "text": "", "input": {}}
        first = {name: empty.get(name, value) for name, value in block.items()}
        deltas: list[dict[str, Any]] = []
        if block["type"] == "text":
            deltas = [{"type": "text_delta", "text": piece} for piece in block["text"]]
        elif "input" in block:
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in text]
        elif block["type"] == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in block["thinking"]]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        events.append({"type": "content_block_start", "index": at, "content_block": first})
        events += [{"type": "content_block_delta", "index": at, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": at})
    stopped = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": USAGE["output_tokens"]}
    return [
        *events,
        {"type": "message_delta", "delta": stopped, "usage": usage},
        {"type": "message_stop"},
    ]


def answering(*messages: dict[str, Any]) -> LoopbackServer:
    """A server that gives these answers, streamed if it is asked to."""

    return LoopbackServer(*map(playing, messages))


def playing(whole: dict[str, Any]) -> Any:
    def play(peer: Any) -> None:
        is_stream = peer.request.json["stream"]
        peer.send(stream_answer(events_of(whole)) if is_stream else http_answer(content=whole))

    return play


def model_at(server: LoopbackServer, **options: Any) -> AnthropicModel:
    client = ResponsesClient(base_url=server.base_url, retry_delay=0.001)
    return AnthropicModel("claude", client, **options)


@whole_and_streamed
def test_a_tool_is_called_and_thinking_goes_back_with_its_signature(run: Any) -> None:
    said = {"type": "text", "text": "Let me see."}
    first = message(THOUGHT, SECRET, said, CALL, stop_reason="tool_use")
    with answering(first, message({"type": "text", "text": "3"})) as server:
        agent = Agent("A", "Be brief.", model=model_at(server), tools=[add])
        result = run(agent, "1 + 2?")
        bodies = [request.json for request in server.requests]
    assert result.final_output == "3"
    assert [item.type for item in result.new_items] == [
        "reasoning_item",
        "message_output_item",
        "tool_call_item",
        "tool_call_output_item",
        "message_output_item",
    ]
    assert bodies[0]["system"] == [
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}
    ]
    assert bodies[0]["tools"][0]["input_schema"]["required"] == ["a", "b"]
    assert bodies[1]["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "1 + 2?"}]},
        {"role": "assistant", "content": [THOUGHT, SECRET, said, CALL]},
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": "3",
                    "cache_control": {"type": "ephemeral"},
                }
            ],
        },
    ]


SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
OWN = {
    "tools": [{"type": "web_search_20250305", "name": "web_search"}],
    "tool_choice": {"type": "tool", "name": "web_search"},
}


def said(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def searcher(server: LoopbackServer, **settings: Any) -> Agent[Any]:
    own = ModelSettings(extra_body={**OWN, **settings})
    return Agent("A", model=model_at(server), model_settings=own)


@whole_and_streamed
def test_tools_of_the_server_are_asked_for_in_the_body_and_are_no_calls(run: Any) -> None:
    """What it calls by itself is its own affair."""
    with answering(message(SEARCH, FOUND, said("Found."))) as server:
        result = run(searcher(server), "Search")
        body = server.requests[0].json
    assert [(item.type, result.final_output) for item in result.new_items] == [
        ("message_output_item", "Found.")
    ]
    assert {name: body[name] for name in OWN} == OWN


@whole_and_streamed
def test_an_answer_that_pauses_is_gone_on_with(run: Any) -> None:
    """It is sent back as it is; all that was said is one answer, and all tokens count."""
    second = {**THOUGHT, "thinking": "More.", "signature": "gis"}
    begun = message(THOUGHT, said("Let me"), SEARCH, stop_reason="pause_turn")
    begun["container"] = {"id": "box_1"}
    more = message(second, FOUND, {**SEARCH, "id": "t", "input": {}}, stop_reason="pause_turn")
    more["usage"]["cache_read_input_tokens"] = None
    with answering(begun, more, message(said(" see: 3."), CALL), message(said("Done."))) as server:
        agent = searcher(server, container={"skills": []})
        agent.tools.append(add)
        result = run(agent, "Search")
        bodies = [request.json for request in server.requests]
    assert [item.type for item in result.new_items] == [
        "reasoning_item",
        "message_output_item",
        "tool_call_item",
        "tool_call_output_item",
        "message_output_item",
    ]
    assert ItemHelpers.text_message_output(result.new_items[1]) == "Let me see: 3."
    asked = bodies[0]["messages"]
    back = [THOUGHT, said("Let me"), SEARCH]
    assert bodies[1]["messages"] == [*asked, {"role": "assistant", "content": back}]
    back += [second, FOUND, {**SEARCH, "id": "t", "input": {}}]
    assert bodies[2]["messages"] == [*asked, {"role": "assistant", "content": back}]
    choices = [body["tool_choice"] for body in bodies[:3]]
    assert choices == [OWN["tool_choice"], {"type": "auto"}, {"type": "auto"}]
    assert bodies[2]["container"] == {"skills": [], "id": "box_1"}
    answers = [message for message in bodies[3]["messages"] if message["role"] == "assistant"]
    assert answers[0]["content"][:2] == [THOUGHT, second]
    usage = result.context_wrapper.usage
    assert (usage.requests, usage.input_tokens, usage.output_tokens) == (2, 37, 16)


@whole_and_streamed
def test_an_answer_that_pauses_without_end_has_failed(run: Any) -> None:
    pausing = playing(message(SEARCH, stop_reason="pause_turn"))
    with LoopbackServer(always=pausing) as server:
        with pytest.raises(ResponseFailedError, match="pause_turn"):
            run(searcher(server), "Search")
        assert len(server.requests) == MOST_PAUSES + 1


@whole_and_streamed
def test_what_goes_wrong_behind_a_pause_is_told_and_what_came_before_not_asked_for_again(
    run: Any,
) -> None:
    pausing = playing(message(SEARCH, stop_reason="pause_turn"))
    overloaded = http_answer(529, {"type": "error", "error": {"type": "overloaded_error"}})
    with LoopbackServer(pausing, overloaded, playing(message(said("Found.")))) as server:
        assert run(searcher(server), "Search").final_output == "Found."
    for broken, error in (
        (http_answer(400, {"error": {"message": "no"}}), BadRequestError),
        (overloaded, InternalServerError),
        (stream_answer([{"type": "error", "error": {"message": "no"}}]), ResponseFailedError),
    ):
        answers = pausing, *[broken] * (3 if broken is overloaded else 1)
        with LoopbackServer(*answers) as server:
            with pytest.raises(error):
                run(searcher(server), "Search")
            assert len(server.requests) == len(answers)


def refusal(words: str) -> bytes:
    """What the API says of a request that it does not take."""
    error = {"type": "invalid_request_error", "message": words}
    return http_answer(400, {"type": "error", "error": error})


THINKING = ModelSettings(extra_body={"thinking": {"type": "enabled", "budget_tokens": 2000}})
HELLO = message({"type": "text", "text": "Hi"})


@whole_and_streamed
def test_after_a_handoff_by_another_model_thinking_begins_with_the_next_question(run: Any) -> None:
    words = (
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
        "`tool_use`. When `thinking` is enabled, a final `assistant` message must start with one."
    )
    with LoopbackServer(refusal(words), playing(HELLO), playing(HELLO)) as server:
        thinker = Agent("T", model=model_at(server), model_settings=THINKING)
        first = Agent("F", model=ScriptedModel([handoff_to("T")]), handoffs=[thinker])
        items = run(first, "Hi").to_input_list()
        run(thinker, [*items, {"role": "user", "content": "Again"}])
        bodies = [request.json for request in server.requests]
    assert ["thinking" in body for body in bodies] == [True, False, True]


@whole_and_streamed
def test_after_a_handoff_to_one_that_does_not_think_no_thoughts_are_sent(run: Any) -> None:
    words = (
        "messages.1.content.0: When thinking is disabled, an `assistant` message in the final "
        "position cannot contain `thinking`. To use thinking blocks, enable `thinking`."
    )
    over = {**CALL, "name": "transfer_to_q", "input": {}}
    first_answer = message(THOUGHT, over, stop_reason="tool_use")
    with LoopbackServer(playing(first_answer), refusal(words), playing(HELLO)) as server:
        quick = Agent("Q", model=model_at(server))
        thinker = Agent("T", model=quick.model, model_settings=THINKING, handoffs=[quick])
        assert run(thinker, "Hi").final_output == "Hi"
        sent = [request.json["messages"][1]["content"] for request in server.requests[1:]]
    assert sent == [[THOUGHT, over], [over]]


def test_parts_that_are_marked_for_the_prompt_cache_are_marked_here() -> None:
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    part = {"type": "input_text", "text": "Long."}
    image = {"type": "input_image", "image_url": "http://x/y"}
    items = [
        {"role": "developer", "content": [part | mark, part]},
        {"role": "user", "content": [part | mark, image | mark, part]},
    ]
    with LoopbackServer(http_answer(content=message({"type": "text", "text": "ok"}))) as server:
        Runner.run_sync(Agent("A", model=model_at(server, cache_prompt=False)), items)
        [request] = server.requests

    cached = {"cache_control": {"type": "ephemeral"}}
    text = {"type": "text", "text": "Long."}
    picture = {"type": "image", "source": {"type": "url", "url": "http://x/y"}}
    assert request.json["system"] == [text | cached, text]
    assert request.json["messages"][0]["content"] == [text | cached, picture | cached, text]


@pytest.mark.parametrize(
    "words",
    [
        # https://github.com/earendil-works/pi/issues/9953, langchain-ai/langchainjs/pull/11100,
        # anthropics/anthropic-sdk-typescript/issues/885
        "tools.0.custom: For 'integer' type, properties maximum, minimum are not supported",
        "Schema is too complex for compilation. Try reducing the number of tools.",
        "The compiled grammar is too large, which would cause performance issues.",
        "Too many strict tools (25). The maximum number of strict tools supported is 20.",
    ],
)
@whole_and_streamed
def test_tools_beyond_the_strict_form_are_sent_without_it(run: Any, words: str) -> None:
    with LoopbackServer(refusal(words), playing(HELLO)) as server:
        agent = Agent("A", model=model_at(server), tools=[add])
        assert run(agent, "Hi").final_output == "Hi"
        tools = [request.json["tools"][0] for request in server.requests]
    assert ["strict" in tool for tool in tools] == [True, False]


@whole_and_streamed
def test_tokens_are_counted_cached_ones_included(run: Any) -> None:
    with answering(message({"type": "text", "text": "Hi"})) as server:
        usage = run(Agent("A", model=model_at(server)), "Hi").usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 4, 14)
    assert usage.input_tokens_details.cached_tokens == 3


def test_counts_that_are_null_at_the_end_of_a_stream_leave_those_of_its_beginning() -> None:
    events = events_of(message({"type": "text", "text": "Hi"}))
    unknown = dict.fromkeys(("input_tokens", "cache_read_input_tokens", "server_tool_use"))
    events[-2]["usage"] |= unknown
    with LoopbackServer(lambda peer: peer.send(stream_answer(events))) as server:
        _, result = stream(Agent("A", model=model_at(server)), "Hi")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (10, 4)
    assert result.usage.input_tokens_details.cached_tokens == 3


@whole_and_streamed
def test_what_is_cached_for_an_hour_is_counted_apart(run: Any) -> None:
    whole = message({"type": "text", "text": "Hi"})
    by_time = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}
    whole["usage"] |= {"cache_creation_input_tokens": 50, "cache_creation": by_time}
    with answering(whole) as server:
        details = run(Agent("A", model=model_at(server)), "Hi").usage.input_tokens_details
    assert (details.cache_write_tokens, details.cache_write_1h_tokens) == (50, 30)


def test_deltas_are_those_of_the_responses_api() -> None:
    with answering(message(THOUGHT, {"type": "text", "text": "Hey"})) as server:
        events, _ = stream(Agent("A", model=model_at(server)), "Hi")
    deltas: dict[str, str] = {}
    for event in events:
        if event.type == "raw_response_event" and event.data.type.endswith(".delta"):
            deltas[event.data.type] = deltas.get(event.data.type, "") + event.data.delta
    assert deltas == {
        "response.reasoning_text.delta": "I add.",
        "response.output_text.delta": "Hey",
    }


@whole_and_streamed
@pytest.mark.parametrize(
    ("stop_reason", "why"),
    [("max_tokens", "max_output_tokens"), ("refusal", "content_filter")],
)
def test_an_answer_cut_short_is_an_error(run: Any, stop_reason: str, why: str) -> None:
    cut = message({"type": "text", "text": "Hal"}, stop_reason=stop_reason)
    with answering(cut) as server, pytest.raises(ResponseFailedError, match=why):
        run(Agent("A", model=model_at(server)), "Hi")


def test_an_error_in_the_middle_is_an_error() -> None:
    begun = events_of(message({"type": "text", "text": "Hi"}))[:4]
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with LoopbackServer(stream_answer([*begun, error])) as server:
        with pytest.raises(ResponseFailedError, match="Overloaded"):
            stream(Agent("A", model=model_at(server)), "Hi")


def test_a_stream_that_breaks_off_is_an_error() -> None:
    begun = events_of(message({"type": "text", "text": "Hi"}))[:4]
    begun += [{"type": "message_delta", "delta": {}, "usage": USAGE}]  # no reason: no end
    with LoopbackServer(stream_answer(b"".join(map(event_bytes, begun)))) as server:
        with pytest.raises(ResponseFailedError, match="broke off"):
            stream(Agent("A", model=model_at(server)), "Hi")


def test_a_message_that_begins_twice_is_one_and_another_inside_of_it_an_error() -> None:
    """As gateways send them: https://github.com/vercel/ai/pull/18402"""
    start, *rest = events_of(message({"type": "text", "text": "Hi"}))
    uncounted = {**start, "message": {**start["message"], "usage": None}}
    for again in (start, uncounted):
        with LoopbackServer(stream_answer([start, again, *rest])) as server:
            _, result = stream(Agent("A", model=model_at(server)), "Hi")
        assert (result.final_output, result.usage.input_tokens) == ("Hi", 10)
    other = {**start, "message": {**start["message"], "id": "msg_other"}}
    with LoopbackServer(stream_answer([start, *rest[:2], other, *rest])) as server:
        with pytest.raises(ResponseFailedError, match="before another one had ended"):
            stream(Agent("A", model=model_at(server)), "Hi")


def sent(agent: Agent[Any], content: Any = "Hi", **options: Any) -> dict[str, Any]:
    with answering(message({"type": "text", "text": '{"response": 3}'})) as server:
        agent.model = model_at(server, **options)
        Runner.run_sync(agent, [{"role": "user", "content": content}])
        body: dict[str, Any] = server.requests[0].json
        return body


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, {"max_tokens": 8192, "tool_choice": {"type": "auto"}}),
        ({"max_tokens": 9, "temperature": 0.5}, {"max_tokens": 9, "temperature": 0.5}),
        ({"extra_args": {"max_completion_tokens": 9}}, {"max_tokens": 9}),
        ({"tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
        ({"tool_choice": "add"}, {"tool_choice": {"type": "tool", "name": "add"}}),
        (
            {"parallel_tool_calls": False},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        ({"reasoning": {"effort": "low"}}, {"output_config": {"effort": "low"}}),
        ({"reasoning": {"effort": "minimal"}}, {"output_config": {"effort": "low"}}),
        (
            {"extra_body": {"thinking": {"type": "enabled", "budget_tokens": 9000}}},
            {"thinking": {"type": "enabled", "budget_tokens": 9000}, "max_tokens": 17192},
        ),
        (
            {"max_tokens": 3000, "extra_args": {"thinking": {"budget_tokens": 2000}}},
            {"thinking": {"budget_tokens": 2000}, "max_tokens": 3000},
        ),
    ],
)
def test_settings_become_fields(settings: dict[str, Any], fields: dict[str, Any]) -> None:
    body = sent(Agent("A", tools=[add], model_settings=ModelSettings(**settings)))
    assert {name: body[name] for name in fields} == fields
    assert "max_completion_tokens" not in body


@pytest.mark.parametrize("name", ["frequency_penalty", "presence_penalty", "top_logprobs"])
def test_settings_that_it_cannot_meet_are_refused_before_anything_is_sent(name: str) -> None:
    with LoopbackServer() as server:
        agent = Agent("A", model=model_at(server), model_settings=ModelSettings(**{name: 1}))
        with pytest.raises(UserError, match=f"Agent A: The Messages API does not take {name}"):
            Runner.run_sync(agent, "Hi")
        assert not server.requests
    assert sent(Agent("A", model_settings=ModelSettings(extra_body={name: 1})))[name] == 1


def test_settings_that_make_no_difference_here_are_left_out() -> None:
    hints = {"store": False, "prompt_cache_key": "k", "safety_identifier": "u"}
    body = sent(Agent("A", model_settings=ModelSettings(**hints)))
    assert hints.keys().isdisjoint(body)


def test_an_output_type_is_asked_for_by_its_schema() -> None:
    body = sent(Agent("A", output_type=int))
    assert body["output_config"]["format"]["schema"]["required"] == ["response"]


def test_images_and_documents_are_sent() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    file = {"type": "input_file", "file_data": "data:application/pdf;base64,BB=="}
    [user] = sent(Agent("A"), [picture, file], cache_prompt=False)["messages"]
    assert user["content"] == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "AA=="},
        },
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "BB=="},
        },
    ]


@pytest.mark.parametrize(
    ("part", "source"),
    [
        (
            {"type": "input_image", "image_url": "Data:IMAGE/jpg;name=x;Base64,AA\nA="},
            {"type": "base64", "media_type": "image/jpeg", "data": "AA\nA="},
        ),
        (
            {"type": "input_file", "file_data": "data:text/csv;base64,YSxi", "filename": "x.csv"},
            {"type": "text", "media_type": "text/plain", "data": "a,b"},
        ),
        (
            {"type": "input_file", "file_data": "YSxi", "filename": "x.md"},
            {"type": "text", "media_type": "text/plain", "data": "a,b"},
        ),
        (
            {"type": "input_file", "file_data": "BB==", "filename": "x.pdf"},
            {"type": "base64", "media_type": "application/pdf", "data": "BB=="},
        ),
        (  # what is neither is for the API to refuse
            {"type": "input_file", "file_data": "data:application/zip;base64,/w=="},
            {"type": "base64", "media_type": "application/zip", "data": "/w=="},
        ),
    ],
)
def test_an_image_or_file_has_the_source_that_the_api_takes(part: Any, source: Any) -> None:
    [user] = sent(Agent("A"), [part], cache_prompt=False)["messages"]
    assert [block["source"] for block in user["content"]] == [source]


def test_texts_of_blanks_are_left_out_since_the_api_refuses_them() -> None:
    blank, said = {"type": "input_text", "text": " \n"}, {"type": "input_text", "text": "q"}
    image = {"type": "input_image", "image_url": "http://x/y"}
    with answering(message({"type": "text", "text": "ok"})) as server:
        agent = Agent("A", "  ", model=model_at(server, cache_prompt=False))
        history: Any = [
            {"role": "system", "content": ""},
            {"role": "user", "content": [said]},
            {"role": "assistant", "content": "\n\n"},
            {"role": "user", "content": [blank, image]},
            {"role": "assistant", "content": "So: "},
        ]
        Runner.run_sync(agent, history)
        body = server.requests[0].json
    assert "system" not in body
    picture = {"type": "image", "source": {"type": "url", "url": "http://x/y"}}
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "q"}, picture]},
        {"role": "assistant", "content": [{"type": "text", "text": "So:"}]},
    ]


@pytest.mark.parametrize(
    "words",
    [
        "output_config.format: Extra inputs are not permitted",
        "m does not support output format.",
        # https://github.com/BerriAI/litellm/issues/21407
        "output_config: Extra inputs are not permitted",
    ],
)
def test_where_no_format_is_taken_the_schema_goes_into_the_prompt(words: str) -> None:
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    answer = message({"type": "text", "text": '{"response": 3}'})
    answers = http_answer(400, refusal), http_answer(content=answer)
    with LoopbackServer(*answers) as server:
        result = Runner.run_sync(Agent("A", output_type=int, model=model_at(server)), "Hi")
        first, second = (request.json for request in server.requests)
    assert result.final_output == 3
    assert "output_config" in first and "output_config" not in second
    assert '"response"' in second["system"][0]["text"]


def test_a_refused_effort_is_no_refusal_of_the_format() -> None:
    words = "output_config.effort: Extra inputs are not permitted"
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    with LoopbackServer(http_answer(400, refusal)) as server:
        with pytest.raises(BadRequestError, match="effort"):
            Runner.run_sync(Agent("A", output_type=int, model=model_at(server)), "Hi")


def test_what_it_cannot_say_is_refused_before_anything_is_sent() -> None:
    with LoopbackServer() as server, pytest.raises(UserError, match="Agent Ann .*web_search"):
        Runner.run_sync(Agent("Ann", model=model_at(server), tools=[WebSearchTool()]), "Hi")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "image_url": 5},
        {"type": "image_url", "image_url": {"detail": "low"}},
        {"type": "input_file", "file_data": True},
    ],
)
def test_content_that_is_none_is_refused_before_anything_is_sent(part: Any) -> None:
    with pytest.raises(UserError, match="Agent A: The Messages API does not take such content"):
        sent(Agent("A"), [part])


def test_the_environment_names_key_and_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(*[message({"type": "text", "text": "Hi"})] * 2) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.origin)
        agent = Agent("A", model=AnthropicModel("claude"))
        for _ in range(2):
            Runner.run_sync(agent, "Hi")
        request = server.requests[0]
        assert server.connections == 1
    assert request.path == "/v1/messages"
    assert request.headers["x-api-key"] == "sk-ant"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request.headers


def test_a_missing_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    agent = Agent("A", model=AnthropicModel("claude"))
    with pytest.raises(UserError, match="ANTHROPIC_API_KEY"):
        Runner.run_sync(agent, "Hi")


def test_a_cassette_is_played_without_a_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with answering(message({"type": "text", "text": "Hi"})) as server:
        with cassette(tmp_path / "hi.json"):
            Runner.run_sync(Agent("A", model=model_at(server)), "Hi")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with cassette(tmp_path / "hi.json"):
        agent = Agent("A", model=AnthropicModel("claude"))
        assert Runner.run_sync(agent, "Hi").final_output == "Hi"


SAID = {"type": "text", "text": "Hi"}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({**message(), "content": "Hi"}, "Hi"),
        ({**message(), "content": None}, ""),
        (message({"type": "text"}), ""),
        (message(None, SAID), "Hi"),  # type: ignore[arg-type]
        ({name: value for name, value in message(SAID).items() if name != "type"}, "Hi"),
        ({**message(SAID), "usage": None, "stop_reason": None}, "Hi"),
        (message({"type": "thinking", "signature": "s"}, SAID), "Hi"),
    ],
)
def test_a_message_that_lacks_something_is_read(answer: Any, text: str) -> None:
    said = [chunk for chunk in as_chunks(iter([answer])) if chunk["choices"]]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in said) == text


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "message_start", "message": None}],
        [{"type": "content_block_start", "content_block": {"type": "text"}}],
        [{"type": "content_block_delta", "delta": {"type": "text_delta"}}],
        [{"type": "message_delta", "usage": None}],
        [],
    ],
)
def test_events_that_lack_something_are_read(events: Any) -> None:
    begin, *_, stop = events_of(message())
    said = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}}
    response = list(chat_events(as_chunks(iter([*events, begin, said, stop])), "h"))[-1]["response"]
    assert response["output"][0]["content"][0]["text"] == "Hi"
    assert (response["status"], response["usage"]["input_tokens"]) == ("completed", 10)


def test_a_call_without_an_id_is_given_one() -> None:
    call = {name: value for name, value in CALL.items() if name != "id"}
    response = list(chat_events(as_chunks(iter([message(call)])), "h"))[-1]["response"]
    assert response["output"][0]["call_id"].startswith("call_")
