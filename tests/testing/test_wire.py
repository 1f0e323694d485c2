from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from agents_lite.testing import call, reasoning, refusal, text, turn
from agents_lite.testing.wire import build_response, encode_sse, stream_events
from tests.support.recordings import RECORDINGS, load_exchanges


def events_of(*output: Any, **fields: Any) -> list[dict[str, Any]]:
    response = build_response(turn(*output, **fields), {"model": "m"})
    return list(stream_events(response))


def kinds_of(events: list[dict[str, Any]]) -> list[str]:
    """The types of the events, runs of the same type once, without their common prefix."""
    kinds = [event["type"].removeprefix("response.") for event in events]
    return [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]


def test_a_message_is_streamed_part_by_part():
    events = events_of("Hello there, friend.")
    assert kinds_of(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    deltas = [event["delta"] for event in events if event["type"].endswith("text.delta")]
    assert deltas == ["Hello ", "there, ", "friend."]
    assert events[3]["part"]["text"] == ""


def test_events_are_numbered_and_name_their_item():
    events = events_of(text("One"), call("add", a=1))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    message, function_call = events[-1]["response"]["output"]
    for event in events:
        if "output_index" in event and "item_id" in event:
            assert event["item_id"] == (message, function_call)[event["output_index"]]["id"]


def test_arguments_are_streamed_and_complete_at_their_end():
    events = events_of(call("add", a=1, b=2))
    assert kinds_of(events)[2:-1] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    added, done = events[2]["item"], events[-2]["item"]
    assert (added["arguments"], added["status"]) == ("", "in_progress")
    assert (done["arguments"], done["status"]) == ('{"a":1,"b":2}', "completed")
    assert added["call_id"] == done["call_id"]


def test_reasoning_is_streamed_by_its_summary():
    assert kinds_of(events_of(reasoning("I think.")))[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]


def test_annotations_come_after_the_text_they_belong_to():
    citation = {"type": "url_citation", "url": "https://example.com"}
    message = text("As said there.")
    message["content"][0]["annotations"] = [citation]
    events = events_of(message)
    assert kinds_of(events)[3:-2] == [
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
    ]
    assert events[3]["part"]["annotations"] == []
    assert [event["annotation"] for event in events if "annotation" in event] == [citation]


def test_refusals_have_events_of_their_own():
    assert kinds_of(events_of(refusal("No.")))[3:-2] == [
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
    ]


@pytest.mark.parametrize("status", ["failed", "incomplete"])
def test_the_last_event_tells_how_the_response_ended(status: str):
    events = events_of("Hi", status=status, error={"code": "server_error", "message": "oh"})
    assert events[-1]["type"] == f"response.{status}"
    assert events[-1]["response"]["error"]["message"] == "oh"
    assert events[0]["response"]["error"] is None


def test_deltas_add_up_to_the_text():
    awkward = "  two  spaces\n\n\tline\u2028separator, 日本語 and 🎉; end "
    events = events_of(awkward)
    assert "".join(event.get("delta", "") for event in events) == awkward


def test_an_event_is_one_line_of_json():
    encoded = encode_sse({"type": "response.x", "delta": "a\nb\u2028c"}).decode()
    name, line, *rest = encoded.split("\n")
    assert (name, rest) == ("event: response.x", ["", ""])
    assert json.loads(line.removeprefix("data: "))["delta"] == "a\nb\u2028c"


@pytest.mark.parametrize("recording", RECORDINGS)
def test_recorded_streams_of_the_api_are_rebuilt_from_their_last_event(recording: str):
    """Same items, same order of events for messages, calls and reasoning; numbers apart."""
    for exchange in load_exchanges(recording):
        if not exchange.is_stream or exchange.method == "GET" or "openrouter" in recording:
            continue  # a resumed stream has no beginning; that server's last event differs
        rebuilt = stream_events(exchange.response)
        assert _comparable(rebuilt) == _comparable(exchange.events)


def _comparable(events: Iterable[dict[str, Any]]) -> list[str]:
    """The kinds of events, but for the progress of hosted tools and the place of annotations."""
    left_out = ("_call.", "queued", "annotation")
    kept = [event for event in events if not any(word in event["type"] for word in left_out)]
    return kinds_of(kept)
