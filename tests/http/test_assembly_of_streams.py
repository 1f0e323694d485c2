"""However poorly a stream tells of its response: the response comes out whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.exceptions import APIError, ResponseFailedError
from agents_lite.http.assembly import ResponseSoFar
from agents_lite.http.client import ResponsesClient
from tests.support.loopback import LoopbackServer, http_answer, stream_answer

Event = dict[str, Any]

CREATED = {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}}
PAY = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "pay", "arguments": ""}
ADA = '{"amount": 5, "to": "Ada"}'


def part(text: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def message(*parts: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "id": "m1", "role": "assistant", "content": list(parts), **fields}


def added(item: dict[str, Any], position: Any = 0) -> Event:
    return {"type": "response.output_item.added", "output_index": position, "item": item}


def done(item: dict[str, Any], position: Any = 0) -> Event:
    return {**added(item, position), "type": "response.output_item.done"}


def deltas(name: str, *pieces: Any, **where: Any) -> list[Event]:
    where = {"item_id": "m1", "output_index": 0, "content_index": 0, **where}
    where = {key: value for key, value in where.items() if value is not ...}
    return [{"type": f"response.{name}.delta", **where, "delta": piece} for piece in pieces]


def text_deltas(*pieces: Any, **where: Any) -> list[Event]:
    return deltas("output_text", *pieces, **where)


def argument_deltas(*pieces: Any, **where: Any) -> list[Event]:
    options = {"item_id": "fc_1", "content_index": ..., **where}
    return deltas("function_call_arguments", *pieces, **options)


def arguments_done(arguments: Any, **where: Any) -> Event:
    kind = "response.function_call_arguments.done"
    return {"type": kind, "item_id": "fc_1", "output_index": 0, "arguments": arguments, **where}


def text_done(text: Any, **where: Any) -> Event:
    where = {"item_id": "m1", "output_index": 0, "content_index": 0, **where}
    return {"type": "response.output_text.done", **where, "text": text}


def completed(output: Any = (), status: Any = "completed", **fields: Any) -> Event:
    output = list(output) if isinstance(output, tuple) else output
    response = {"id": "r1", "status": status, "output": output, **fields}
    return {"type": "response.completed", "response": response}


def output_of(*events: Event) -> Any:
    so_far = ResponseSoFar()
    taken = [so_far.take(event) for event in events]
    assert so_far.is_finished
    return taken[-1]["response"]["output"]


# Arguments

ARGUMENTS = {
    "in deltas": [*argument_deltas(ADA[:9], ADA[9:]), done(PAY)],
    "in the event that ends them": [arguments_done(ADA), done(PAY)],
    "in that event, after few deltas": [*argument_deltas(ADA[:9]), arguments_done(ADA), done(PAY)],
    "in deltas, that event being empty": [*argument_deltas(ADA), arguments_done(""), done(PAY)],
    "after the item": [done(PAY), *argument_deltas(ADA)],
    "null in the item": [*argument_deltas(ADA), done({**PAY, "arguments": None})],
    "an empty object in the item": [*argument_deltas(ADA), done({**PAY, "arguments": "{}"})],
    "cut short in the item": [*argument_deltas(ADA), done({**PAY, "arguments": ADA[:12]})],
    "without an item id": [*argument_deltas(ADA, item_id=...), done(PAY)],
    "under another item id": [*argument_deltas(ADA, item_id="other"), done(PAY)],
    "without a position": [*argument_deltas(ADA, output_index=...), done(PAY, None)],
    "without either": [*argument_deltas(ADA, item_id=..., output_index=...), done(PAY, None)],
    "some pieces being null": [*argument_deltas("", ADA[:9], None, ADA[9:]), done(PAY)],
    "of an item that only began": [added(PAY), *argument_deltas(ADA)],
    "of an item that only began, whole": [added({**PAY, "arguments": ADA})],
    "in deltas that tell all again": [*argument_deltas("{", ADA), done({**PAY, "arguments": ADA})],
    "cut short in the event that ends them": [
        *argument_deltas(ADA), arguments_done(ADA[:9]), done(PAY)
    ],
    "an object": [arguments_done(json.loads(ADA)), done(PAY)],
    "an object in a delta": [*argument_deltas(json.loads(ADA)), done(PAY)],
    "wrapped in a delta": [*argument_deltas({"arguments": ADA[:9]}, ADA[9:]), done(PAY)],
    "under their own name": [
        {**argument_deltas(None)[0], "arguments": piece} for piece in (ADA[:9], ADA[9:])
    ] + [done(PAY)],
    "mixed with events of all kinds": [
        added(PAY), *argument_deltas(ADA[:9]), {"type": "keepalive"}, *argument_deltas(ADA[9:]),
        done(PAY),
    ],
}  # fmt: skip


@pytest.mark.parametrize("listed", [(), (PAY,), None], ids=["empty", "listed", "null"])
@pytest.mark.parametrize("events", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_count_however_they_came(events: list[Event], listed: Any) -> None:
    (call,) = output_of(CREATED, *events, completed(listed))

    assert json.loads(call["arguments"]) == json.loads(ADA)
    assert (call["call_id"], call["name"]) == ("c1", "pay")


def test_what_only_the_last_event_shows_whole_counts_too() -> None:
    whole = {**PAY, "arguments": ADA}

    assert output_of(done(PAY), completed((whole,))) == [whole]
    assert output_of(done(message()), completed((message(part("Hi")),))) == [message(part("Hi"))]


@pytest.mark.parametrize("item", [{}, {"id": 5}, {"type": ["x"]}, None, "x"])
def test_what_is_no_item_harms_nothing(item: Any) -> None:
    events = [added(item), done(item), *text_deltas("Hello"), completed()]

    assert [part("Hello")] in [each.get("content") for each in output_of(*events)]


@pytest.mark.parametrize("item", [None, 5, "x", []], ids=repr)
def test_what_is_no_item_of_the_whole_response_is_left_for_others_to_refuse(item: Any) -> None:
    hello = message(part("Hello"))

    assert output_of(added(hello), done(hello), completed([item, hello])) == [item, hello]
    assert item in output_of(added(hello), completed([item, hello]))


def test_arguments_of_any_depth_are_put_together() -> None:
    deep = json.loads("[" * 400 + "]" * 400)
    (call,) = output_of(added(PAY), *argument_deltas({"arguments": deep}), done(PAY), completed())
    assert json.loads(call["arguments"]) == deep


def test_arguments_that_came_whole_with_the_item_are_left_alone() -> None:
    whole = {**PAY, "arguments": ADA}

    assert output_of(*argument_deltas("{"), done(whole), completed()) == [whole]


def test_each_of_several_calls_gets_its_own_arguments() -> None:
    second = {**PAY, "id": "fc_2", "call_id": "c2"}
    pieces = zip(
        argument_deltas("1", "2"), argument_deltas("3", "4", item_id="fc_2", output_index=1),
        strict=True,
    )  # fmt: skip
    events = [event for pair in pieces for event in pair]

    ends = [done(second, 1), done(PAY), completed()]

    output = output_of(added(PAY), added(second, 1), *events, *ends)

    assert [(call["call_id"], call["arguments"]) for call in output] == [("c1", "12"), ("c2", "34")]


def test_calls_at_the_same_position_are_told_apart_by_their_ids() -> None:
    second = {**PAY, "id": "fc_2", "call_id": "c2"}

    output = output_of(
        *argument_deltas("1"), *argument_deltas("2", item_id="fc_2"), done(PAY), done(second),
        completed(),
    )  # fmt: skip

    assert [call["arguments"] for call in output] == ["1", "2"]


def test_calls_without_ids_and_positions_get_arguments_in_their_order() -> None:
    first = {"type": "function_call", "call_id": "c1", "name": "a", "arguments": ""}
    events = [arguments_done("1", item_id="x", output_index=None), done(first, None)]
    events += [
        arguments_done("2", item_id="y", output_index=None), done({**first, "call_id": "c2"}, None)
    ]  # fmt: skip

    assert [call["arguments"] for call in output_of(*events, completed())] == ["1", "2"]


@pytest.mark.parametrize("position", [0, None])
def test_a_call_announced_twice_without_an_item_id_counts_once(position: Any) -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "pay", "arguments": ADA}

    assert output_of(done(call, position), done(dict(call), position), completed()) == [call]


def test_calls_of_one_item_id_and_position_are_two_calls() -> None:
    first = {"type": "function_call", "id": "1", "call_id": "c1", "name": "a", "arguments": "{}"}
    second = {**first, "call_id": "c2", "name": "b"}

    assert output_of(done(first, 0), done(second, 0), completed()) == [first, second]


def test_arguments_of_no_call_are_not_lost_silently() -> None:
    (call,) = output_of(*argument_deltas(ADA), completed())

    assert call["arguments"] == ADA


# Texts

TEXTS = {
    "in deltas": text_deltas("Hel", "lo"),
    "in the event that ends it": [text_done("Hello")],
    "in the event that ends its part": [
        {"type": "response.content_part.done", "item_id": "m1", "output_index": 0,
         "content_index": 0, "part": part("Hello")}
    ],
    "in deltas of an item that began": [added(message()), *text_deltas("Hel", "lo")],
    "without ids and positions": text_deltas(
        "Hel", "lo", item_id=..., output_index=..., content_index=...
    ),
    "before an empty item": [*text_deltas("Hello"), done(message())],
    "before an item of an empty part": [*text_deltas("Hello"), done(message(part("")))],
    "before an item of null": [*text_deltas("Hello"), done(message(part(None)))],
    "before an item without content": [*text_deltas("Hello"), done({**message(), "content": None})],
    "in deltas that tell all again": [*text_deltas("Hel", "Hello"), done(message(part("Hello")))],
    "in deltas that tell all again, and an end": [*text_deltas("Hel", "Hello"), text_done("Hello")],
    "before an item of another id": [*text_deltas("Hello"), done(message(id="other"))],
    "in an item alone": [done(message(part("Hello")))],
    "in deltas that are parts": text_deltas("Hel", part("lo")),
    "wrapped in deltas": text_deltas({"text": "Hel"}, {"content": [{"text": {"value": "lo"}}]}),
    "in lists": text_deltas(["H", "el"], ["lo"]),
    "wrapped in the event that ends it": [text_done({"value": "Hello"})],
    "under its own name": [{**text_deltas(None)[0], "text": piece} for piece in ("Hel", "lo")],
    "in the event that begins its part": [
        {"type": "response.content_part.added", "item_id": "m1", "output_index": 0,
         "content_index": 0, "part": part("Hello")}
    ],
    "in an item that began alone": [added(message(part("Hello")))],
}  # fmt: skip


@pytest.mark.parametrize("listed", [(), None, (message(id="m9"),)], ids=["empty", "null", "bare"])
@pytest.mark.parametrize("events", TEXTS.values(), ids=TEXTS)
def test_text_counts_however_it_came(events: list[Event], listed: Any) -> None:
    (item,) = output_of(CREATED, *events, completed(listed))

    assert [each["text"] for each in item["content"]] == ["Hello"]
    assert (item["type"], item["role"]) == ("message", "assistant")


@pytest.mark.parametrize("events", [*TEXTS.values(), *ARGUMENTS.values()])
def test_what_was_streamed_counts_when_the_end_lists_the_items_as_they_came(
    events: list[Event],
) -> None:
    listed = tuple(event["item"] for event in events if event["type"].endswith("item.done"))

    assert output_of(CREATED, *events, completed(listed)) == output_of(*events, completed())


def test_a_part_that_only_its_events_tell_of_is_added_to_items_that_are_whole() -> None:
    whole = message(part("One"))
    second = text_deltas("Two", content_index=1)

    (item,) = output_of(*text_deltas("One"), *second, done(whole), completed((whole,)))

    assert item["content"] == [part("One"), part("Two")]


def test_a_second_part_may_say_the_same() -> None:
    events = [added(message()), *text_deltas("One"), *text_deltas("One", content_index=1)]
    [item] = output_of(*events, completed((message(part("One")),)))
    assert item["content"] == [part("One"), part("One")]


def test_a_part_that_is_numbered_behind_those_of_the_reasoning_is_no_second_one() -> None:
    whole = message(part("One"))
    announced = {"type": "response.content_part.added", "item_id": "rs_1", "part": part("")}

    for begun in [], [{**announced, "output_index": 0, "content_index": 0}]:
        events = [*begun, added(message()), *text_deltas("One", content_index=1)]
        assert output_of(*events, done(whole), completed((whole,))) == [whole]
        assert output_of(*events, completed()) == [whole]


def test_an_item_that_only_began_is_added_to_items_that_are_whole() -> None:
    whole, begun = message(part("One")), {**PAY, "arguments": ADA}
    events = [added(message()), *text_deltas("One"), done(whole), added(begun, 1)]

    assert output_of(*events, completed((whole,))) == [whole, begun]


def test_what_an_item_showed_at_first_is_added_to_it() -> None:
    whole, begun = message(part("One")), message(part("One"), part("Two"))

    (item,) = output_of(added(begun), done(whole), completed((whole,)))

    assert item["content"] == [part("One"), part("Two")]


def test_an_id_that_is_no_text_harms_nothing() -> None:
    (item,) = output_of(*text_deltas("Hello", item_id=["x"]), done(message()), completed())

    assert item["content"] == [part("Hello")]


def test_a_text_that_the_server_replaced_is_left_alone() -> None:
    replaced = message(part("I cannot say that."))

    assert output_of(*text_deltas("It is ..."), done(replaced), completed()) == [replaced]


def test_texts_come_after_what_came_before_them() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}

    output = output_of(done(thought), *text_deltas("Hello", output_index=1), completed())

    assert [item["type"] for item in output] == ["reasoning", "message"]


def test_a_text_that_the_response_alone_tells_counts() -> None:
    for output in ((), None):
        (item,) = output_of(completed(output, output_text="Hello"))
        assert item["content"] == [part("Hello")]
    said = message(part("Hi"))
    assert output_of(completed((said,), output_text="Hello")) == [said]
    assert output_of(completed((), output_text=5)) == []


def test_parts_and_refusals_stay_apart() -> None:
    refusal = deltas("refusal", "No", "!", content_index=1)

    (item,) = output_of(*text_deltas("Well"), *refusal, completed())

    assert [(each["type"], each.get("text", each.get("refusal"))) for each in item["content"]] == [
        ("output_text", "Well"), ("refusal", "No!"),
    ]  # fmt: skip


def test_two_messages_stay_apart() -> None:
    output = output_of(
        *text_deltas("One"), *text_deltas("Two", item_id="m2", output_index=1), completed()
    )

    assert [item["content"][0]["text"] for item in output] == ["One", "Two"]


def test_the_parts_of_a_text_without_annotations_can_be_read_as_those_with() -> None:
    (item,) = output_of(*text_deltas("Hello"), completed())

    assert item["content"] == [part("Hello")]


def test_reasoning_is_left_as_it_came() -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    events = deltas("reasoning_summary_text", "hm", item_id="rs_1", summary_index=0)

    assert output_of(*events, done(thought), completed()) == [thought]


# How a response ended


def ask(answer: bytes, stream: bool = True) -> tuple[list[Event], APIError | None]:
    events: list[Any] = []
    with LoopbackServer(answer) as server:
        client = ResponsesClient(api_key="sk-test-key", base_url=server.base_url, max_retries=0)
        try:
            for event in client.stream({"stream": stream}, cancellation=Cancellation()):
                events.append(event)
        except APIError as error:
            return events, error
    return events, None


HELLO = message(part("Hello"))
CUT = {"incomplete_details": {"reason": "max_output_tokens"}}
BROKEN = {"error": {"code": "invalid_prompt", "message": "It broke."}}
BAD_ENDINGS = {
    "incomplete": ({"status": "incomplete", **CUT}, "incomplete", "max_output_tokens"),
    "failed": ({"status": "failed", **BROKEN}, "failed", "It broke."),
    "cancelled": ({"status": "cancelled"}, "cancelled", "no reason"),
    "canceled": ({"status": "canceled"}, "cancelled", "no reason"),
    "in capitals": ({"status": "INCOMPLETE", **CUT}, "incomplete", "max_output_tokens"),
    "an error for a status": ({"status": "error", **BROKEN}, "failed", "It broke."),
    "no status, but an error": ({"status": None, **BROKEN}, "failed", "It broke."),
    "no status, but cut": ({"status": None, **CUT}, "incomplete", "max_output_tokens"),
}


@pytest.mark.parametrize("how", ["streamed", "done", "whole", "bare", "without a type"])
@pytest.mark.parametrize(("fields", "ending", "why"), BAD_ENDINGS.values(), ids=BAD_ENDINGS)
def test_the_status_decides_how_a_response_ended(
    fields: dict[str, Any], ending: str, why: str, how: str
) -> None:
    response = {"id": "r1", "object": "response", "output": [HELLO], **fields}
    last: Event = {"type": "response.completed", "response": response}
    if how == "done":
        last["type"] = "response.done"
    if how == "without a type":
        del last["type"]
        if fields["status"] is None:
            return  # nothing says then that it is the last one
    if how == "bare":
        last = response
    answer = http_answer(200, response) if how == "whole" else stream_answer([CREATED, last])

    events, error = ask(answer, how != "whole")

    assert isinstance(error, ResponseFailedError)
    assert why in str(error)
    assert events[-1]["type"] == f"response.{ending}"
    assert error.response.output[0].content[0].text == "Hello"


@pytest.mark.parametrize("status", ["complete", "success", "completed", "COMPLETED", None, 200])
@pytest.mark.parametrize("how", ["streamed", "done", "whole", "bare"])
def test_other_words_for_complete_beside_a_whole_output(status: Any, how: str) -> None:
    response = {"id": "r1", "object": "response", "output": [HELLO], "status": status}
    last: Event = {"type": "response.completed", "response": response}
    if how == "done":
        last["type"] = "response.done"
    if how == "bare":
        last = response
    answer = http_answer(200, response) if how == "whole" else stream_answer([CREATED, last])

    events, error = ask(answer, how != "whole")

    assert error is None
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["output"] == [HELLO]


def test_an_event_that_says_it_failed_is_not_overruled() -> None:
    last = {**completed(), "type": "response.failed"}

    _, error = ask(stream_answer([CREATED, last]))

    assert isinstance(error, ResponseFailedError)


def test_an_unheard_of_status_without_an_output_is_no_completed_response() -> None:
    _, error = ask(http_answer(200, {"id": "r1", "status": "expired", "output": []}), False)

    assert isinstance(error, ResponseFailedError)
    assert "expired" in str(error)


@pytest.mark.parametrize("delta", [None, ""])
def test_a_delta_on_every_event_does_not_hide_the_end(delta: Any) -> None:
    events = [CREATED, *text_deltas("Hello"), done(HELLO), completed((HELLO,))]

    seen, error = ask(stream_answer([{"delta": delta, **event} for event in events]))

    assert error is None
    assert seen[-1]["response"]["output"] == [HELLO]


@pytest.mark.parametrize("kind", ["response.done", "response.completed"])
def test_an_end_without_a_response_is_one_if_something_was_told(kind: str) -> None:
    events, error = ask(stream_answer([CREATED, *text_deltas("Hello"), {"type": kind}]))

    assert error is None
    assert events[-1]["response"]["output"] == [message(part("Hello"), status="completed")]
    assert events[-1]["response"]["id"] == "r1"


ERRORS: dict[str, Event] = {
    "a message alone": {"message": "It broke."},
    "an object": {"object": "error", "message": "It broke.", "type": "BadRequestError"},
    "a bare error object": {"type": "server_error", "message": "It broke.", "code": None},
    "another bare error": {"message": "It broke.", "type": "overloaded_error", "param": None},
    "nested": {"error": {"message": "It broke."}},
    "text": {"error": "It broke."},
    "details": {"detail": "It broke."},
    "a list of details": {"type": "error", "detail": [{"loc": ["x"], "msg": "It broke."}]},
    "a list of errors": {"errors": [{"message": "It broke."}]},
    "an error of the response": {"type": "response.error", "error": {"message": "It broke."}},
    "a failure without a response": {"type": "response.failed", "error": {"message": "It broke."}},
    "a flat failure": {"type": "response.failed", "message": "It broke."},
    "an error with its status": {"error": {"message": "It broke."}, "status": 500},
}


@pytest.mark.parametrize("error_event", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("before", [[], [CREATED, *text_deltas("Hel")]], ids=["first", "later"])
def test_the_servers_words_are_kept(error_event: Event, before: list[Event]) -> None:
    _, error = ask(stream_answer([*before, error_event]))

    assert isinstance(error, ResponseFailedError)
    assert "It broke." in str(error)


@pytest.mark.parametrize(
    "answer", [error for name, error in ERRORS.items() if "failure" not in name]
)
def test_the_servers_words_are_kept_of_a_whole_answer(answer: Event) -> None:
    _, error = ask(http_answer(200, answer), stream=False)

    assert isinstance(error, ResponseFailedError)
    assert "It broke." in str(error)


def test_an_error_of_which_nothing_is_known_is_shown_as_it_came() -> None:
    _, error = ask(stream_answer([{"type": "error", "reason": {"quota": 0}}]))

    assert "quota" in str(error)


# Types that stand in the `event` lines alone


def without_type(event: Event) -> bytes:
    fields = {name: value for name, value in event.items() if name != "type"}
    return f"event: {event['type']}\ndata: {json.dumps(fields)}\n\n".encode()


def test_events_may_be_named_by_their_event_lines_alone() -> None:
    events = [CREATED, *text_deltas("Hel", "lo"), completed()]

    seen, error = ask(stream_answer(b"".join(map(without_type, events))))

    assert error is None
    assert seen[:-1] == events[:-1]
    assert seen[-1]["response"]["output"][0]["content"][0]["text"] == "Hello"


def test_a_bare_response_may_be_named_by_its_event_line() -> None:
    last = {"type": "response.completed", **completed((HELLO,))["response"]}

    events, error = ask(stream_answer(without_type(CREATED) + without_type(last)))

    assert error is None
    assert events[-1]["response"]["output"] == [HELLO]


def test_an_error_may_be_named_by_its_event_line_alone() -> None:
    _, error = ask(stream_answer(without_type({"type": "error", "reason": "It broke."})))

    assert isinstance(error, ResponseFailedError)
    assert "It broke." in str(error)


# Signs of life


@pytest.mark.parametrize(
    "between",
    [
        *(b"data: %s" % data for data in (b": keepalive", b"ping", b"PING", b"null", b'"ping"')),
        *(b"data: %s" % data for data in (b"[PING]", b"", b"[DONE]")),
        *(b"event: ping\ndata: %s" % data for data in (b"1700000000", b"2026-01-01 00:00")),
        *(b"event: %s\ndata: {}" % name for name in (b"ping", b"message")),
        b'event: heartbeat\ndata: {"time": 5}',
    ],
)
def test_signs_of_life_are_no_events(between: bytes) -> None:
    events = [CREATED, *text_deltas("Hello"), completed((HELLO,))]
    between += b"\n\n"
    stream = between + between.join(b"data: %s\n\n" % json.dumps(e).encode() for e in events)

    seen, error = ask(stream_answer(stream))

    assert error is None
    assert [event["type"] for event in seen] == [event["type"] for event in events]
