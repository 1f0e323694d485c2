"""Chunks and whole answers of the Chat Completions API as events of the Responses API."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from agents_lite import APIConnectionError, APIResponseError
from agents_lite.http.assembly import words_of_error
from agents_lite.models.chat.answer import chat_events
from agents_lite.models.chat.messages import messages_of


def chunk(delta: dict[str, Any] | None = None, **choice: Any) -> dict[str, Any]:
    return {"id": "chat_1", "choices": [{"index": 0, "delta": delta or {}, **choice}]}


def piece(text: str | None = None, **fields: Any) -> dict[str, Any]:
    """Some of a tool call, with `text` of its arguments."""
    name = fields.pop("name", None)
    function = {"name": name, "arguments": text}
    return {
        "tool_calls": [{**fields, "function": {k: v for k, v in function.items() if v is not None}}]
    }


def chunks(*deltas: dict[str, Any], breaks_off: bool = False) -> Iterator[dict[str, Any]]:
    for delta in deltas:
        yield delta if "choices" in delta else chunk(delta)
    if breaks_off:
        raise APIConnectionError("gone")


def streamed(*deltas: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    return list(chat_events(chunks(*deltas, **options), "h"))


def whole(message: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The response that a whole answer amounts to."""
    choice = {"index": 0, "message": message, "finish_reason": "stop", **fields.pop("choice", {})}
    answer = {"id": "chat_1", "choices": [choice], **fields}
    response: dict[str, Any] = list(chat_events(iter([answer]), "h"))[-1]["response"]
    return response


def output_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    output: list[dict[str, Any]] = events[-1]["response"]["output"]
    return output


def calls_in(output: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(i["name"], i["arguments"]) for i in output if i["type"] == "function_call"]


def test_a_text_is_streamed_as_the_responses_api_streams_it() -> None:
    events = streamed({"role": "assistant", "content": ""}, {"content": "He"}, {"content": "y"})
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert [event["delta"] for event in events[4:6]] == ["He", "y"]
    assert len({event["item_id"] for event in events if "item_id" in event}) == 1
    [message] = output_of(events)
    assert message["content"] == [{"type": "output_text", "text": "Hey", "annotations": []}]
    assert events[-1]["response"]["id"] == "chat_1"


def test_a_call_is_streamed_as_the_responses_api_streams_it() -> None:
    events = streamed(
        piece("", index=0, id="c1", name="add"), piece('{"a"', index=0), piece(":1}", index=0)
    )
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    [call] = output_of(events)
    assert (call["call_id"], call["name"], call["arguments"]) == ("c1", "add", '{"a":1}')
    assert call["id"] == events[2]["item"]["id"] == events[3]["item_id"]


def test_reasoning_text_and_calls_are_items_of_one_answer() -> None:
    output = output_of(
        streamed(
            {"reasoning_content": "Hm"},
            {"reasoning_content": "."},
            {"content": "I add."},
            piece("{}", index=0, id="c1", name="add", extra_content={"signature": "s"}),
        )
    )
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call"]
    assert output[0]["content"] == [{"type": "reasoning_text", "text": "Hm."}]
    assert output[0]["replayed"] == {
        "host": "h",
        "message": {"reasoning_content": "Hm."},
        "calls": {"c1": {"extra_content": {"signature": "s"}}},
    }
    assert "id" not in output[0]


@pytest.mark.parametrize(
    ("late", "message", "signed"),
    [
        (  # https://github.com/earendil-works/pi/pull/260
            {"reasoning_details": [{"type": "e", "id": "c1", "data": "x"}]},
            {"reasoning_details": [{"type": "e", "id": "c1", "data": "x"}]},
            {},
        ),
        (piece(index=0, extra_content="s"), {}, {"c1": {"extra_content": "s"}}),
        (
            piece("{}", index=1, id="c2", name="sub", extra_content="s"),
            {},
            {"c2": {"extra_content": "s"}},
        ),
        (  # https://docs.litellm.ai/docs/providers/gemini
            {"tool_calls": [{"index": 0, "function": {"provider_specific_fields": "s"}}]},
            {},
            {"c1": {"function": {"provider_specific_fields": "s"}}},
        ),
    ],
)
def test_signatures_that_come_late_stand_before_what_they_belong_to(
    late: dict[str, Any], message: Any, signed: Any
) -> None:
    begun = {"content": "Hm"}, piece("{}", index=0, id="c1", name="add")
    events = streamed(*begun, late)
    reasoning, text, *calls = output = output_of(events)
    assert reasoning["replayed"] == {"host": "h", "message": message, "calls": signed}
    assert text["type"] == "message" and {call["type"] for call in calls} == {"function_call"}
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == output


@pytest.mark.parametrize(
    "deltas",
    [
        [{"content": "Hi"}, {"reasoning_content": "Hm"}, piece("{}", index=0, id="c1", name="add")],
        [
            {"content": "Hi"},
            {"reasoning": "Hm", "reasoning_details": [{"type": "t", "index": 0, "text": "Hm"}]},
            piece("{}", index=0, id="c1", name="add"),
            {"reasoning_details": [{"type": "t", "index": 0, "signature": "s"}]},
        ],
        [{"content": [{"type": "text", "text": "Hi"}, {"type": "thinking", "thinking": "Hm"}]}],
    ],
)
def test_reasoning_that_comes_late_stands_where_it_came(deltas: list[Any]) -> None:
    events = streamed(*deltas)
    output = output_of(events)
    assert [item["type"] for item in output[:2]] == ["message", "reasoning"]
    done = [event for event in events if event["type"] == "response.output_item.done"]
    assert [event["output_index"] for event in done] == list(range(len(output)))
    if len(deltas) == 1:
        assert [item["type"] for item in whole(deltas[0])["output"]] == ["message", "reasoning"]
    else:
        answered = {"type": "function_call_output", "call_id": "c1", "output": "3"}
        message, _ = messages_of([*output, answered], None, "h", "auto")
        assert (message["content"], len(message["tool_calls"])) == ("Hi", 1)
        assert message.keys() - {"role", "content", "tool_calls"} == reasoning_in(deltas)


def reasoning_in(deltas: list[Any]) -> set[str]:
    return {name for delta in deltas for name in delta if "reasoning" in name}


def test_the_output_holds_each_item_in_the_place_that_was_told_of_it() -> None:
    picture = {"images": [{"image_url": {"url": "data:image/png;base64,eA=="}}]}
    events = streamed(
        {"reasoning": "Hm"},
        {"content": "A"},
        piece("{}", index=0, id="c1", name="add"),
        picture,
        {"content": "B"},
        piece("{}", index=1, id="c2", name="sub"),
    )
    output = output_of(events)
    for state in ("added", "done"):
        told = [event for event in events if event["type"] == f"response.output_item.{state}"]
        assert [event["output_index"] for event in told] == [0, 1, 2, 3, 4]
        assert [event["item"]["type"] for event in told] == [item["type"] for item in output]
        assert [event["item"].get("id") for event in told] == [item.get("id") for item in output]


def test_signed_reasoning_in_pieces_is_put_together_by_index() -> None:
    output = output_of(
        streamed(
            {"reasoning": "A", "reasoning_details": [{"type": "t", "index": 0, "text": "A"}]},
            {"reasoning": "b", "reasoning_details": [{"type": "t", "index": 0, "text": "b"}]},
            {"reasoning_details": [{"type": "t", "index": 0, "signature": "s"}]},
            {"reasoning_details": [{"type": "e", "index": 1, "data": "x"}]},
            {"content": "Hi"},
        )
    )
    assert output[0]["replayed"]["message"] == {
        "reasoning": "Ab",
        "reasoning_details": [
            {"type": "t", "index": 0, "text": "Ab", "signature": "s"},
            {"type": "e", "index": 1, "data": "x"},
        ],
    }


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(
            [piece('{"a":1}', id="x", name="one"), piece('{"a":2}', id="y", name="two")],
            id="no index",
        ),
        pytest.param(
            [
                piece('{"a"', index=0, id="x", name="one"),
                piece('{"a"', index=0, id="y", name="two"),
                piece(":1}", index=0, id="x"),
                piece(":2}", index=0, id="y"),
            ],
            id="the index 0 for all, the ids tell",
        ),
        pytest.param(
            [
                piece('{"a"', index=0, id="x", name="one"),
                piece(":1}", index=0),
                piece('{"a"', index=0, id="y", name="two"),
                piece(":2}", index=0),
            ],
            id="the index 0 for all, the last one goes on",
        ),
        pytest.param(
            [piece('{"a":1}', id="x", name="one"), piece('{"a":2}', id="x", name="two")],
            id="equal ids and no index",
        ),
        pytest.param(
            [
                piece('{"a":1}', index=0, id="x", name="one"),
                piece('{"a":2}', index=1, id="x", name="two"),
            ],
            id="equal ids",
        ),
        pytest.param(
            [
                piece('{"a"', name="one"),
                piece(":1}"),
                piece('{"a"', name="two"),
                piece(":2}"),
            ],
            id="neither index nor id",
        ),
        pytest.param(
            [
                piece('{"a"', index=0, name="one"),
                piece(":1}", index=0),
                piece('{"a"', index=0, name="two"),
                piece(":2}", index=0),
            ],
            id="the index 0 for all, and no id",
        ),
        pytest.param(
            [
                piece('{"a"', index=0, id="1", name="one"),
                piece(":1}", index=0, id="2", name="one"),
                piece('{"a"', index=1, id="3", name="two"),
                piece(":2}", index=1, id="4", name="two"),
            ],
            id="a new id and the name with every piece",
        ),
        pytest.param(
            [
                piece('{"a"', id="x"),
                piece(":1}", id="x", name="one"),
                piece('{"a":2}', id="y"),
                piece(None, id="y", name="two"),
            ],
            id="the name behind the arguments",
        ),
    ],
)
def test_calls_are_told_apart_however_they_are_numbered(pieces: list[dict[str, Any]]) -> None:
    events = streamed(*pieces)
    output = output_of(events)
    assert calls_in(output) == [("one", '{"a":1}'), ("two", '{"a":2}')]
    assert len({item["call_id"] for item in output}) == 2
    for item in output:
        deltas = [
            event["delta"]
            for event in events
            if event["type"].endswith("arguments.delta") and event["item_id"] == item["id"]
        ]
        assert "".join(deltas) == item["arguments"]


@pytest.mark.parametrize(
    "pieces",
    [
        [piece("", index=0, id="x", name="one"), piece("", index=0, id="y", name="one")],
        [piece("", index=0, name="one"), piece("{}", index=0, name="two")],
        [piece("", name="one"), piece("", name="two")],
    ],
)
def test_two_calls_without_arguments_are_two(pieces: list[dict[str, Any]]) -> None:
    assert len(output_of(streamed(*pieces))) == 2


def test_arguments_sent_as_an_object_become_text() -> None:
    call = {"id": "x", "function": {"name": "one", "arguments": {"a": 1}}}
    assert calls_in(whole({"content": None, "tool_calls": [call]})["output"]) == [
        ("one", '{"a":1}')
    ]


def test_calls_of_a_whole_answer_are_told_apart_by_their_place() -> None:
    call = {"id": "x", "function": {"name": "one", "arguments": ""}}
    output = whole({"content": None, "tool_calls": [call, call]})["output"]
    assert len({item["call_id"] for item in output}) == 2


def test_a_call_of_the_old_kind_is_a_call() -> None:
    output = whole({"content": None, "function_call": {"name": "one", "arguments": "{}"}})["output"]
    assert calls_in(output) == [("one", "{}")]


def test_a_call_whose_function_is_never_named_is_not_lost() -> None:
    assert calls_in(output_of(streamed(piece("{}", index=0, id="x")))) == [("", "{}")]


def test_a_refusal_is_a_part_of_the_message() -> None:
    [message] = output_of(streamed({"refusal": "I "}, {"refusal": "won't."}))
    assert message["content"] == [{"type": "refusal", "refusal": "I won't."}]


def test_content_in_parts_is_text_and_thinking() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": "Hi"},
    ]
    pieces = [{"content": parts[:1]}, {"content": "H"}, {"content": "i"}]
    for output in (
        output_of(streamed({"content": parts})),
        output_of(streamed(*pieces)),
        whole({"content": parts})["output"],
    ):
        assert [item["content"][0]["text"] for item in output] == ["Hm.", "Hi"]


def test_a_summary_of_reasoning_in_parts_is_no_part_of_the_answer() -> None:
    """https://github.com/posit-dev/chatlas/issues/392, of Databricks"""
    summary = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}
    parts = [summary, {"type": "text", "text": "Hi"}]
    deltas = [{"content": [part]} for part in parts]
    for output in output_of(streamed(*deltas)), whole({"content": parts})["output"]:
        assert [item["content"][0]["text"] for item in output] == ["Hm.", "Hi"]


MARK = {"google": {"thought": True}}
SIGNED = {"google": {"thought_signature": "s"}}


def test_a_thought_of_gemini_s_is_reasoning() -> None:
    """https://discuss.ai.google.dev/t/how-to-include-thoughts-on-openai-compatibility/87141"""
    events = streamed(
        {"content": "<thought>H", "extra_content": MARK},
        {"content": "m.", "extra_content": MARK},
        {"content": "</thought>Hi"},
        {"content": "", "extra_content": SIGNED},
    )
    at_once = streamed(
        {"content": "<thought>Hm.", "extra_content": MARK},
        {"content": "</thought>Hi", "extra_content": SIGNED, "reasoning": None},
    )
    message = {"content": "<thought>Hm.</thought>Hi", "extra_content": MARK}
    for output in output_of(events), output_of(at_once), whole(message)["output"]:
        assert [item["content"][0]["text"] for item in output] == ["Hm.", "Hi"]
    assert output_of(events)[0]["replayed"]["message"] == {"extra_content": SIGNED}
    [text] = output_of(streamed({"content": "</thought> is a tag"}))
    assert text["content"][0]["text"] == "</thought> is a tag"


def test_what_gemini_signs_is_no_thought_without_its_tag() -> None:
    """Its models of 2025 said so of answers and calls."""
    signed = {"content": "Hi", "extra_content": {"google": {**MARK["google"], **SIGNED["google"]}}}
    tagged = {**signed, "content": "<thought>Hm.</thought>Hi"}
    for output in whole(signed)["output"], output_of(streamed(signed)):
        assert output[1]["content"][0]["text"] == "Hi"
        assert output[0]["replayed"]["message"] == {"extra_content": signed["extra_content"]}
    for output in whole(tagged)["output"], output_of(streamed(tagged)):
        assert [item["content"][0]["text"] for item in output] == ["Hm.", "Hi"]


def test_a_blank_delta_beside_a_whole_message_says_nothing() -> None:
    """So Perplexity answers; its streams hold what was said so far beside each delta."""
    blank = {"role": "assistant", "content": ""}
    [text] = whole({"content": "Hi"}, choice={"delta": blank})["output"]
    assert text["content"][0]["text"] == "Hi"
    pieces = [({"content": "H"}, "H"), ({"content": "i"}, "Hi"), (blank, "Hi")]
    choices = [{"delta": delta, "message": {"content": so_far}} for delta, so_far in pieces]
    [text] = output_of(list(chat_events(iter([{"choices": [each]} for each in choices]), "h")))
    assert text["content"][0]["text"] == "Hi"


def test_what_stands_for_thoughts_in_a_message_goes_back_with_it() -> None:
    """As Copilot has it: a text, and what only the server reads."""
    events = streamed(
        {"reasoning_text": "Hm."}, {"content": "Hi"}, {"reasoning_opaque": "x"}, piece("{}", id="c")
    )
    answered = {"type": "function_call_output", "call_id": "c", "output": "3"}
    message, _ = messages_of([*output_of(events), answered], None, "h", "auto")
    assert (message["reasoning_text"], message["reasoning_opaque"]) == ("Hm.", "x")


def test_citations_and_likely_tokens_stay_with_the_text() -> None:
    citation = {"type": "url_citation", "url_citation": {"url": "https://example.com"}}
    told = {"content": "Hi", "annotations": [citation, "https://example.com", None]}
    likely = {"content": [{"token": "Hi", "logprob": -0.1}]}
    [message] = whole(told, choice={"logprobs": likely})["output"]
    assert message["content"][0]["annotations"] == [
        {"type": "url_citation", "url": "https://example.com"}
    ]
    assert message["content"][0]["logprobs"] == likely["content"]


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("eos", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("error", "failed", None),
    ],
)
def test_the_finish_reason_settles_how_it_ended(
    reason: str, status: str, details: dict[str, str] | None
) -> None:
    last = streamed({"content": "Hi"}, chunk(finish_reason=reason))[-1]
    assert last["type"] == f"response.{status}"
    assert last["response"]["incomplete_details"] == details
    assert bool(last["response"]["error"]) == (status == "failed")


@pytest.mark.parametrize("delta", [{"tool_calls": []}, {"reasoning_content": "I add."}])
def test_an_answer_that_ends_with_calls_and_holds_nothing_has_failed(delta: Any) -> None:
    for response in (
        streamed(delta, chunk(finish_reason="tool_calls"))[-1]["response"],
        whole(delta, choice={"finish_reason": "tool_calls"}),
    ):
        assert (response["status"], bool(response["error"])) == ("failed", True)
    last = streamed({"content": "Hi", **delta}, chunk(finish_reason="tool_calls"))[-1]
    assert last["response"]["status"] == "completed"


def test_a_stream_that_breaks_off_behind_the_answer_is_whole() -> None:
    events = streamed({"content": "Hi"}, chunk(finish_reason="stop"), breaks_off=True)
    assert events[-1]["type"] == "response.completed"


def test_a_stream_that_breaks_off_in_the_middle_is_not() -> None:
    with pytest.raises(APIConnectionError):
        streamed({"content": "Hi"}, breaks_off=True)


def test_a_stream_that_names_no_reason_is_whole_at_its_end() -> None:
    assert streamed({"content": "Hi"})[-1]["type"] == "response.completed"


def test_no_chunks_are_no_answer() -> None:
    assert streamed() == []


USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


@pytest.mark.parametrize(
    ("counted", "cached"),
    [
        ([{"choices": [], "usage": USAGE}], 0),
        ([{"choices": [], "usage": {**USAGE, "prompt_tokens_details": {"cached_tokens": 3}}}], 3),
        ([{"choices": [], "usage": {**USAGE, "prompt_cache_hit_tokens": 3}}], 3),
        ([{"choices": [{"delta": {}, "usage": {**USAGE, "cached_tokens": 3}}]}], 3),
        ([{"choices": [], "usage": {"prompt_tokens": 1}}, {"choices": [], "usage": USAGE}], 0),
    ],
)
def test_usage_is_read_wherever_it_stands(counted: list[dict[str, Any]], cached: int) -> None:
    usage = streamed({"content": "Hi"}, *counted)[-1]["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (7, 5, 12)
    assert usage["input_tokens_details"]["cached_tokens"] == cached


def test_usage_keeps_what_is_not_known() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 2}}
    usage = whole({"content": "Hi"}, usage={**USAGE, **details, "cost": 0.01})["usage"]
    assert usage["cost"] == 0.01
    assert usage["output_tokens_details"]["reasoning_tokens"] == 2


def test_missing_usage_is_null() -> None:
    assert streamed({"content": "Hi"})[-1]["response"]["usage"] is None


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "No."}},
        {"error": "No."},
        {"detail": "No."},
        {"detail": [{"loc": None, "msg": "No."}]},
        {"errors": [{"message": "No."}]},
        {"object": "error", "message": "No.", "code": 400},
        {"error": {"message": "No."}, "choices": [{"delta": {}, "finish_reason": "error"}]},
    ],
)
def test_an_error_in_place_of_an_answer_is_an_error(answer: dict[str, Any]) -> None:
    [event] = chat_events(iter([answer]), "h")
    assert (event["type"], words_of_error(event["error"])) == ("error", "No.")


@pytest.mark.parametrize("usage", ["many", [1], {"prompt_tokens": "3", "total_tokens": None}])
def test_usage_that_is_nonsense_counts_nothing(usage: Any) -> None:
    told = streamed({"content": "Hi"}, {"choices": [], "usage": usage})[-1]["response"]["usage"]
    assert told is None or (told["input_tokens"], told["total_tokens"]) == (0, 0)


def test_texts_that_a_server_has_wrapped_are_read() -> None:
    for wrapped in ({"text": "Hi"}, {"content": {"value": "Hi"}}, ["H", {"text": "i"}]):
        for deltas in ([{"content": wrapped}], [{"content": "Hi "}, {"content": wrapped}]):
            message = streamed(*deltas)[-1]["response"]["output"][0]
            assert message["content"][0]["text"].split() == ["Hi"] * len(deltas)
        refused = streamed({"refusal": wrapped})[-1]["response"]["output"][0]
        assert refused["content"] == [{"type": "refusal", "refusal": "Hi"}]


def test_an_answer_does_not_go_on_behind_an_error() -> None:
    events = streamed({"content": "Hi"}, {"choices": [], "error": "No."}, {"content": "Ha"})
    assert events[-1]["type"] == "error"


@pytest.mark.parametrize("answer", [{}, {"id": "c"}, {"choices": None}, {"choices": []}])
def test_what_is_no_answer_has_no_events(answer: dict[str, Any]) -> None:
    assert list(chat_events(iter([answer]), "h")) == []


@pytest.mark.parametrize(
    "choices",
    [
        5,
        ["x"],
        [{"delta": "x"}],
        [{"delta": {"tool_calls": [1]}}],
        [{"delta": {"reasoning_details": "x"}}],
    ],
)
def test_what_cannot_be_read_is_an_error(choices: Any) -> None:
    with pytest.raises(APIResponseError, match="chat completion"):
        list(chat_events(iter([{"choices": choices}]), "h"))


@pytest.mark.parametrize(
    "nothing",
    [
        {},
        [{}],
        [{"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": None}}],
        [{"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": ""}}],
    ],
)
def test_a_call_of_which_nothing_is_said_is_none(nothing: Any) -> None:
    """https://github.com/farion1231/cc-switch/pull/4158"""
    told = {"content": "Hi", "tool_calls": nothing}
    for output in output_of(streamed(told)), whole(told)["output"]:
        assert [item["type"] for item in output] == ["message"]
    events = streamed({"tool_calls": nothing}, piece("{}", index=0, id="x", name="one"))
    assert calls_in(output_of(events)) == [("one", "{}")]


def test_arguments_that_were_cut_in_two_belong_to_one_call() -> None:
    """https://github.com/vllm-project/vllm/pull/37070 and, for SGLang,
    https://github.com/sgl-project/sglang/issues/23071
    """
    for first, second in (('{"a": 1', "}"), ("", '{"a": 1}')):
        events = streamed(piece(first, index=0, id="x", name="one"), piece(second, index=1))
        assert calls_in(output_of(events)) == [("one", '{"a": 1}')]


def test_a_call_without_a_name_behind_a_whole_one_is_another() -> None:
    events = streamed(piece("{}", index=0, id="x", name="one"), piece('{"a": 1}', index=1))
    assert calls_in(output_of(events)) == [("one", "{}"), ("", '{"a": 1}')]


def test_a_brace_that_is_said_twice_is_one() -> None:
    """https://github.com/vllm-project/vllm/issues/51697"""
    events = streamed(piece("{", index=0, id="x", name="one"), piece('{"a": 1}', index=0))
    assert calls_in(output_of(events)) == [("one", '{"a": 1}')]
    deltas = [event["delta"] for event in events if event["type"].endswith("arguments.delta")]
    assert "".join(deltas) == '{"a": 1}'


def test_a_call_without_an_index_that_is_said_twice_is_one() -> None:
    said = piece('{"a":1}', id="x", name="one")
    assert calls_in(output_of(streamed(said, said))) == [("one", '{"a":1}')]
    other = piece('{"a":1}', id="y", name="one")
    assert len(output_of(streamed(said, other))) == 2


def test_arguments_said_once_more_at_the_end_are_no_further_call() -> None:
    begun = [piece('{"a":', index=0, id="x", name="one"), piece("1}", index=0)]
    for again in (piece('{"a":1}', index=0, id="x", name="one"), piece('{"a":1}', index=0)):
        assert calls_in(output_of(streamed(*begun, again))) == [("one", '{"a":1}')]


def test_arguments_said_once_more_in_json_are_no_further_call() -> None:
    """https://github.com/BerriAI/litellm/issues/20480"""
    begun = [piece('{"a":', index=0, id="x", name="one"), piece('"}"}', index=0, id="x")]
    again = piece(json.dumps('{"a":"}"}'), index=0, id="x", name="one")
    assert calls_in(output_of(streamed(*begun, again))) == [("one", '{"a":"}"}')]


def test_pieces_of_one_id_under_further_indices_are_one_call() -> None:
    """https://github.com/mudler/LocalAI/issues/9722"""
    name, said = piece("", index=0, id="x", name="one"), '{"a":1}'
    for pieces in (
        [name, piece(said, index=1, id="x")],
        [name, piece(said, index=1, id="x", name="one")],
        [name, piece('{"a":', index=1, id="x"), piece("1}", index=2, id="x")],
        [name, piece(said, index=0), piece(said, index=1, id="x", name="one")],
    ):
        assert calls_in(output_of(streamed(*pieces))) == [("one", said)]


def test_a_character_in_halves_may_stand_in_two_pieces_of_a_call() -> None:
    pieces = [piece(text, index=0, id="x", name="one") for text in ('{"a":"\ud83d', '\ude00"}')]
    assert calls_in(output_of(streamed(*pieces))) == [("one", '{"a":"\ud83d\ude00"}')]


def test_the_index_of_the_only_choice_may_change() -> None:
    chunks = [chunk({"content": text}, index=index) for index, text in enumerate("abc")]
    response = streamed(*chunks, chunk(index=9, finish_reason="length"))[-1]["response"]
    assert response["output"][0]["content"][0]["text"] == "abc"
    assert response["status"] == "incomplete"


@pytest.mark.parametrize("first", [0, 1])
def test_of_several_choices_the_first_is_followed(first: int) -> None:
    def said(index: int, text: str, **fields: Any) -> dict[str, Any]:
        return {"index": index, "delta": {"content": text}, **fields}

    pairs = [(said(first, text), said(2, text.upper())) for text in ("a", "b", "c")]
    end = {"choices": [said(2, "", finish_reason="length")]}
    together = [{"choices": list(pair)} for pair in pairs]
    for shapes in (together, [{"choices": [choice]} for pair in pairs for choice in pair]):
        events = list(chat_events(iter([*shapes, end]), "h", several=True))
        response = events[-1]["response"]
        assert response["output"][0]["content"][0]["text"] == "abc"
        assert response["status"] == "completed"


def test_an_error_beside_a_choice_fails_the_answer() -> None:
    for last in (
        chunk(error={"message": "No."}),
        chunk(finish_reason="stop") | {"x_groq": {"error": "No."}},
    ):
        response = streamed({"content": "Hi"}, last)[-1]["response"]
        assert (response["status"], words_of_error(response["error"])) == ("failed", "No.")


@pytest.mark.parametrize(
    "odd",
    [
        {"annotations": [None]},
        {"tool_calls": [None]},
        {"tool_calls": {"index": 0, "id": "x", "function": {"name": "one", "arguments": "{}"}}},
        {"reasoning_details": None},
        {"reasoning_details": [None]},
        chunk(logprobs=[1]),
        chunk() | {"x_groq": None},
        {"choices": [None]},
        {"choices": chunk()["choices"][0]},
    ],
)
def test_nulls_in_lists_and_objects_without_one_are_read(odd: dict[str, Any]) -> None:
    output = output_of(streamed({"content": "H"}, odd, {"content": "i"}))
    assert output[0]["content"][0]["text"] == "Hi"
    assert len(output) == (2 if isinstance(odd.get("tool_calls"), dict) else 1)
    if "choices" not in odd:
        assert whole({"content": "Hi", **odd})["output"][0]["content"][0]["text"] == "Hi"


def test_an_answer_of_the_api_before_there_was_a_chat_is_read() -> None:
    for choices in (["Hi"], ["H", "i"]):
        pieces = [{"choices": [{"index": 0, "text": text}]} for text in choices]
        assert output_of(streamed(*pieces))[0]["content"][0]["text"] == "Hi"


def test_pictures_are_items_of_their_own() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    told = {"content": "Here.", "images": [image]}
    events = streamed({"content": "Here."}, {"images": [image]})
    for said, picture in (whole(told)["output"], output_of(events)):
        assert said["content"][0]["text"] == "Here."
        assert picture["id"].startswith("ig_")
        made = {"type": "image_generation_call", "status": "completed", "result": "AAAA"}
        assert picture == {**made, "id": picture["id"]}


@pytest.mark.parametrize(
    ("image", "results"),
    [
        ("iVBOR", ["iVBOR"]),
        ({"url": "https://h/a.png"}, ["https://h/a.png"]),
        ({"image_url": "https://h/a.png"}, ["https://h/a.png"]),
        ({"image_url": {"file": 5}}, []),
    ],
)
def test_pictures_in_other_forms_fail_no_answer(image: Any, results: list[str]) -> None:
    said, *pictures = whole({"content": "Here.", "images": [image]})["output"]
    assert said["content"][0]["text"] == "Here."
    assert [picture["result"] for picture in pictures] == results


def test_ids_are_new_when_the_program_seeds_its_random_numbers_and_in_forked_children() -> None:
    def id_of_a_text() -> str:
        random.seed(1)
        item_id: str = whole({"content": "hi"})["output"][0]["id"]
        return item_id

    first = id_of_a_text()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, id_of_a_text().encode())
        os._exit(0)
    os.waitpid(child, 0)
    of_child = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert len({first, of_child, id_of_a_text()}) == 3
    assert len(of_child) == len(first)
