"""Every fault of the wire has one outcome; docs/errors.md lists them for users."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import pytest

from agents_lite.concurrency.cancellation import Cancellation, RunCancelled
from agents_lite.exceptions import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseFailedError,
)
from agents_lite.http.background import Background
from agents_lite.http.client import ResponsesClient
from agents_lite.http.retries import RetryPolicy, has_effects
from tests.support.loopback import (
    LAST_CHUNK,
    Answer,
    LoopbackServer,
    Peer,
    chunk,
    event_bytes,
    http_answer,
    stream_answer,
    stream_head,
    unframed_head,
)

ITEM = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hé!", "annotations": []}],
}
RESPONSE = {"id": "resp_1", "object": "response", "status": "completed", "output": [ITEM]}
EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**RESPONSE, "status": "queued", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "content": []}},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "H"},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "é!"},
    {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
    {"type": "response.completed", "response": RESPONSE},
]
for number, _event in enumerate(EVENTS):
    _event["sequence_number"] = number
WHOLE = [{"type": "response.completed", "response": RESPONSE}]
STREAM = b"".join(map(event_bytes, EVENTS))
GOOD = stream_answer(EVENTS)
READ_TIMEOUT = 60.0
"""Seconds; no outcome takes that long, but those with a shorter timeout of their own."""
ID = {"x-request-id": "req_7"}


def ask(
    server: LoopbackServer,
    *,
    stream: bool = True,
    background: bool = False,
    tools: Sequence[str] = (),
    policy: RetryPolicy | None = None,
    **options: Any,
):
    settings = {"retry_delay": 0.001, "read_timeout": READ_TIMEOUT, "timeout": 120.0, **options}
    client = ResponsesClient(api_key="sk-test-key", base_url=server.base_url, **settings)
    body = {"model": "m", "input": "hi", "stream": stream, "background": background}
    if tools:
        body["tools"] = [{"type": kind} for kind in tools]
    return client.stream(body, cancellation=Cancellation(), retry_policy=policy)


def collect(events) -> tuple[list[dict[str, Any]], APIError | None]:
    found = []
    try:
        for event in events:
            found.append(event)
    except APIError as error:
        return found, error
    return found, None


# Answers that are played by hand


def then(*steps: bytes | Callable[[Peer], object]) -> Answer:
    def play(peer: Peer) -> None:
        for step in steps:
            if isinstance(step, bytes):
                peer.send(step)
            else:
                step(peer)

    return play


def trickle(peer: Peer) -> None:
    peer.send(unframed_head())
    while True:
        peer.send(b":")
        time.sleep(0.02)


def bytewise(content: bytes) -> Answer:
    return lambda peer: peer.send_bytewise(content)


def gzipped(content: bytes, content_type: str) -> bytes:
    return http_answer(200, content, content_type, {"Content-Encoding": "gzip"})


def sse(content: bytes, content_type: str = "text/event-stream") -> bytes:
    return http_answer(200, content, content_type)


def with_line_ends(line_end: bytes) -> bytes:
    return sse(STREAM.replace(b"\n", line_end))


def drop_after(count: int, how: Callable[[Peer], object]) -> Answer:
    return then(stream_head(ID), *(chunk(event_bytes(event)) for event in EVENTS[:count]), how)


def ends_with(*events: dict[str, Any]) -> bytes:
    return stream_answer([*EVENTS[:2], *events], ID)


def endless(head: bytes, piece: bytes) -> Answer:
    def play(peer: Peer) -> None:
        peer.send(head)
        while True:
            peer.send(chunk(piece))

    return play


BOMB = gzip.compress(b"data: " + b"x" * (16 << 20), 9)
BOMB_OF_JSON = gzip.compress(b"[" * (16 << 20), 9)
TWICE = stream_head({"Content-Encoding": "gzip, gzip", "Content-Type": "application/json"})
SMALL = {"max_answer_bytes": 1 << 20, "max_event_bytes": 1 << 19}


def truncated(content: bytes) -> Answer:
    return then(content[:-10], Peer.close)


JSON = json.dumps(RESPONSE).encode()
ERROR = {"code": "server_error", "message": "It broke.", "type": "error"}
REFUSED = {"code": "invalid_prompt", "message": "No.", "type": "error"}
FAILED = {
    "type": "response.failed",
    "response": {"id": "resp_1", "status": "failed", "error": ERROR, "output": []},
}
INCOMPLETE = {
    "type": "response.incomplete",
    "response": {
        "id": "resp_1",
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [],
    },
}


# Faults that are none: the right answer comes out

GOOD_STREAMS = {
    "chunked": GOOD,
    "a byte at a time": bytewise(GOOD),
    "ended by closing": then(unframed_head() + STREAM, Peer.close),
    "with a length": sse(STREAM),
    "CRLF": with_line_ends(b"\r\n"),
    "CR": with_line_ends(b"\r"),
    "CRLF, a byte at a time": bytewise(with_line_ends(b"\r\n")),
    "byte order mark": sse(b"\xef\xbb\xbf" + STREAM),
    "comments": sse(b": hi\n\n" + STREAM.replace(b"event:", b": ping\nevent:")),
    "no event lines": sse(b"".join(b"data: %s\n\n" % json.dumps(e).encode() for e in EVENTS)),
    "multi-line data": sse(STREAM.replace(b', "sequence', b'\ndata:, "sequence')),
    "[DONE] at the end": sse(STREAM + b"data: [DONE]\n\n"),
    "[DONE] with a space": sse(b"data: [DONE] \n\n" + STREAM),
    "empty data as a heartbeat": sse(b"data:\n\n" + STREAM + b"data\n\n"),
    "[DONE] before the end": sse(b"data: [DONE]\n\n" + STREAM),
    "no empty line at the end": sse(STREAM.rstrip()),
    "gzip": gzipped(gzip.compress(STREAM), "text/event-stream"),
    "gzip, chunked": stream_head({"Content-Encoding": "gzip"})
    + b"".join(chunk(bytes([byte])) for byte in gzip.compress(STREAM))
    + LAST_CHUNK,
    "octet-stream": sse(STREAM, "application/octet-stream"),
    "text/plain": sse(STREAM, "text/plain"),
    # https://github.com/vllm-project/vllm/pull/47526
    "JSON by its content type": sse(b": hi\n\n" + STREAM, "application/json"),
    "chunk extensions, trailers and wide sizes": stream_head()
    + b"000%x;a=b\r\n%s\r\n0\r\nx: y\r\n\r\n" % (len(STREAM), STREAM),
    "the connection stays open after the end": then(unframed_head() + STREAM, Peer.hang),
    "reset after the end": then(stream_head() + chunk(STREAM), Peer.reset),
    "events after the end": stream_answer([*EVENTS, {"type": "response.extra"}]),
    "empty lines after the last chunk": GOOD + b"\r\n\r\n",
    "102 and 103 before the answer": b"HTTP/1.1 102 Processing\r\n\r\n"
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + GOOD,
    "100 and 102 before the answer": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    + GOOD,
    "cookies": stream_answer(EVENTS, {"Set-Cookie": "a=b"}),
}

RIGHT_AFTER_RETRY = {
    "reset before headers": Peer.reset,
    "closed before headers": Peer.close,
    "closed within headers": then(b"HTTP/1.1 200 OK\r\nContent-", Peer.close),
    "not HTTP": then(b"220 smtp.example ready\r\n\r\n", Peer.close),
    "reset before the first event": then(stream_head(), Peer.reset),
    "closed before the first event": then(stream_head(), Peer.close),
    "ended before the first event": stream_answer([]),
    "cut in the first event": then(stream_head() + chunk(STREAM[:50]), Peer.close),
    "an empty body": sse(b""),
    "malformed chunk size": then(stream_head() + b"zz\r\n", Peer.close),
    "408": http_answer(408, {"error": {"message": "slow"}}),
    "409": http_answer(409, {"error": {"message": "busy"}}),
    "429": http_answer(429, {"error": {"message": "slow down"}}),
    "429 with Retry-After: 0": http_answer(429, b"", headers={"Retry-After": "0"}),
    "429 with retry-after-ms": http_answer(429, b"", headers={"retry-after-ms": "2"}),
    "429 with a date": http_answer(429, b"", headers={"Retry-After": formatdate(0, usegmt=True)}),
    "500": http_answer(500, {"error": {"message": "oops"}}),
    "502 in HTML": http_answer(502, b"<html>Bad gateway</html>", "text/html"),
    "503, empty": http_answer(503),
    "an error event before all others": stream_answer([ERROR]),
    "such an event of the Messages API": stream_answer(
        [{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}]
    ),
    "a status as the code of an error": http_answer(200, {"error": {"message": "x", "code": 502}}),
    "a failed response": http_answer(200, FAILED["response"]),
    "a failed response, whose calls nobody has made": http_answer(
        200,
        {
            **FAILED["response"],
            "tools": [{"type": "function"}, {"type": "custom"}],
            "output": [
                {"type": "reasoning"},
                {"type": "message"},
                {"type": "function_call"},
                {"type": "custom_tool_call"},
            ],
        },
    ),
    "a stream of nothing but that": stream_answer([FAILED]),
    "a call of a tool that cannot be read": http_answer(
        400, {"error": {"message": "x", "code": "tool_use_failed", "failed_generation": "<f>"}}
    ),
    "a code of a server's own": http_answer(
        200, {"error": {"message": "x", "type": "rate_limit_error", "code": 1302}}
    ),
}


@pytest.mark.parametrize("answer", GOOD_STREAMS.values(), ids=GOOD_STREAMS)
def test_odd_but_good_streams_give_each_event_once(answer: Answer):
    started = time.monotonic()
    with LoopbackServer(answer) as server:
        assert collect(ask(server)) == (EVENTS, None)
    assert time.monotonic() - started < READ_TIMEOUT


@pytest.mark.parametrize("answer", RIGHT_AFTER_RETRY.values(), ids=RIGHT_AFTER_RETRY)
def test_passing_faults_are_tried_again(answer: Answer):
    with LoopbackServer(answer, answer, GOOD) as server:
        assert collect(ask(server)) == (EVENTS, None)

    first, second, third = server.requests
    assert first.content == second.content == third.content
    assert first.headers["idempotency-key"] == third.headers["idempotency-key"]


def test_a_request_of_its_own_has_an_idempotency_key_of_its_own():
    with LoopbackServer(GOOD, GOOD) as server:
        collect(ask(server))
        collect(ask(server))

    first, second = server.requests
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]


GOOD_ANSWERS = {
    "JSON": http_answer(200, RESPONSE),
    "chunked": stream_head({"Content-Type": "application/json"}) + chunk(JSON) + LAST_CHUNK,
    "text/plain": http_answer(200, RESPONSE, "text/plain"),
    "event-stream": http_answer(200, RESPONSE, "text/event-stream"),
    "byte order mark and white space": http_answer(200, b"\xef\xbb\xbf \n" + JSON),
    "gzip": gzipped(gzip.compress(JSON), "application/json"),
    "a byte at a time": bytewise(http_answer(200, RESPONSE)),
    "no status": http_answer(200, {"id": "resp_1", "output": [ITEM]}),
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("answer", GOOD_ANSWERS.values(), ids=GOOD_ANSWERS)
def test_a_json_answer_is_a_stream_of_its_terminal_event(answer: Answer, stream: bool):
    with LoopbackServer(answer) as server:
        events, error = collect(ask(server, stream=stream))

    assert error is None
    assert [event["type"] for event in events] == ["response.completed"]
    assert events[0]["response"]["output"] == [ITEM]


def test_a_stream_may_answer_a_request_that_did_not_ask_for_one():
    with LoopbackServer(GOOD) as server:
        assert collect(ask(server, stream=False)) == (EVENTS, None)


def test_damaged_characters_are_replaced_as_the_sse_standard_says():
    damaged = STREAM.replace(b'"delta": "H"', b'"delta": "H\xff"').replace(
        rb'"delta": "\u00e9!"', rb'"delta": "\ud83d"'
    )

    with LoopbackServer(sse(damaged)) as server:
        events, error = collect(ask(server))

    assert error is None
    assert [event["delta"] for event in events if "delta" in event] == ["H\ufffd", "?"]


# Faults that stay


@dataclass
class Outcome:
    """What comes of an answer that never gets better."""

    error: type[APIError]
    says: str
    """A part of the message."""
    tries: int = 1
    request_id: str | None = None
    code: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def silent(error_says: str = "silent for 0.2 s") -> Outcome:
    return Outcome(APITimeoutError, error_says, options={"read_timeout": 0.2})


STATUS = {"error": {"message": "Because.", "code": "why", "type": "x"}}
OPTIONS_ID = {"headers": ID}
FAULTS: dict[str, tuple[Answer, Outcome]] = {
    "reset before headers": (Peer.reset, Outcome(APIConnectionError, "reset", 3)),
    "closed before headers": (Peer.close, Outcome(APIConnectionError, "closed", 3)),
    "closed within the headers": (
        then(b"HTTP/1.1 200 OK\r\nConte", Peer.close),
        Outcome(APIConnectionError, "within the head of the answer", 3),
    ),
    "hang before headers": (Peer.hang, silent()),
    "hang within headers": (then(b"HTTP/1.1 200 OK\r\nConte", Peer.hang), silent()),
    "hang in a JSON body": (then(http_answer(200, RESPONSE)[:-9], Peer.hang), silent()),
    "hang before the first event": (then(stream_head(), Peer.hang), silent()),
    "hang after an event": (drop_after(3, Peer.hang), silent()),
    "a trickle without end": (
        trickle,
        Outcome(APITimeoutError, "not done within 0.3 s", options={"timeout": 0.3}),
    ),
    "truncated JSON body": (
        truncated(http_answer(200, RESPONSE)), Outcome(APIConnectionError, "failed", 3)
    ),
    "truncated JSON text": (
        http_answer(200, JSON[:-9]), Outcome(APIResponseError, '{"id": "resp_1"')
    ),
    "empty JSON body": (http_answer(200), Outcome(APIResponseError, "nothing at all")),
    "HTML": (
        http_answer(200, b"<html><title>Welcome</title><b>Hi", "text/html", ID),
        Outcome(APIResponseError, "a page in HTML, titled 'Welcome'", request_id="req_7"),
    ),
    "text": (http_answer(200, b"hello"), Outcome(APIResponseError, "hello")),
    "a JSON list": (http_answer(200, b"[1]"), Outcome(APIResponseError, "[1]")),
    "a status that is none, and no output": (
        http_answer(200, b'{"object": "response", "status": 7, "output": []}'),
        Outcome(APIResponseError, '"status": 7'),
    ),
    "JSON of something else": (
        http_answer(200, b'{"choices": []}'), Outcome(APIResponseError, "choices")
    ),
    "JSON without end": (http_answer(200, b"[" * 5000), Outcome(APIResponseError, "[[[")),
    "an error with status 200": (
        http_answer(200, STATUS), Outcome(ResponseFailedError, "Because.", code="why")
    ),
    "no output": (
        http_answer(200, {"id": "r", "status": "completed"}), Outcome(APIResponseError, "output")
    ),
    "null output": (
        http_answer(200, {**RESPONSE, "output": None}), Outcome(APIResponseError, "output")
    ),
    "null items": (
        http_answer(200, {**RESPONSE, "output": [None]}), Outcome(APIResponseError, "output")
    ),
    "a queued response": (
        http_answer(200, {**RESPONSE, "status": "queued"}), Outcome(ResponseFailedError, "queued")
    ),
    "an error in a list with status 200": (
        http_answer(200, json.dumps([STATUS]).encode()),
        Outcome(ResponseFailedError, "Because.", code="why"),
    ),
    # https://github.com/ggml-org/llama.cpp/pull/16109
    "an error in a field of its own": (
        sse(b'error: {"code": 400, "message": "No room.", "type": "invalid_request_error"}\n\n'),
        Outcome(ResponseFailedError, "No room.", code="400"),
    ),
    # https://github.com/vllm-project/vllm/issues/27243
    "a call that vLLM could not read": (
        http_answer(400, {"error": {"message": "Unexpected token 7 while expecting start token"}}),
        Outcome(BadRequestError, "Unexpected token", 3),
    ),
    "a failed response": (
        http_answer(200, FAILED["response"], headers=ID),
        Outcome(ResponseFailedError, "It broke.", 3, code="server_error", request_id="req_7"),
    ),
    "a failed response, while the server had tools of its own": (
        http_answer(200, {**FAILED["response"], "tools": [{"type": "mcp"}]}),
        Outcome(ResponseFailedError, "It broke.", code="server_error"),
    ),
    "a failed response, after the server did something": (
        http_answer(200, {**FAILED["response"], "output": [{"type": "mcp_call"}]}),
        Outcome(ResponseFailedError, "It broke.", code="server_error"),
    ),
    "a failed response whose items are none": (
        http_answer(200, {**FAILED["response"], "output": [None], "tools": 1}),
        Outcome(ResponseFailedError, "It broke.", code="server_error"),
    ),
    "a failed response that will fail again": (
        http_answer(200, {**FAILED["response"], "error": {"code": "invalid_prompt"}}),
        Outcome(ResponseFailedError, "failed", code="invalid_prompt"),
    ),
    "an incomplete response": (
        http_answer(200, INCOMPLETE["response"]),
        Outcome(ResponseFailedError, "max_output_tokens", code="max_output_tokens"),
    ),
    "broken gzip": (
        gzipped(b"no gzip at all", "application/json"), Outcome(APIResponseError, "decompress")
    ),
    "an encoding that nobody asked for": (
        http_answer(200, STREAM, "text/event-stream", {"Content-Encoding": "Br"}),
        Outcome(APIResponseError, "decompressed: .*it is in br, which nobody asked for"),
    ),
    "another one": (
        http_answer(200, STREAM, "text/event-stream", {"Content-Encoding": "zstd"}),
        Outcome(APIResponseError, "decompress"),
    ),
    "400 in such an encoding": (
        http_answer(400, STATUS, headers={"Content-Encoding": "zstd"}),
        Outcome(BadRequestError, "HTTP 400"),
    ),
    "too many headers": (
        http_answer(200, JSON, headers={f"X-{number}": "" for number in range(200)}),
        Outcome(APIConnectionError, "got more than 100 headers"),
    ),
    "too long a header": (
        http_answer(200, JSON, headers={"X-Long": "x" * 70_000}),
        Outcome(APIConnectionError, "got more than 65536 bytes"),
    ),
    "gzip cut short": (
        gzipped(gzip.compress(JSON)[:-20], "application/json"), Outcome(APIResponseError, "answer")
    ),
    "broken gzip in a stream": (
        gzipped(gzip.compress(STREAM)[:40] + b"XX" * 40, "text/event-stream"),
        Outcome(APIResponseError, "decompress"),
    ),
    "an answer without end": (
        endless(stream_head({"Content-Type": "application/json"}), b'{"a": "' + b"x" * 65536),
        Outcome(APIResponseError, "longer than 1,048,576 bytes.*max_answer_bytes", options=SMALL),
    ),
    "a stream without end": (
        endless(stream_head(), event_bytes(EVENTS[2]) * 500),
        Outcome(APIResponseError, "longer than 1,048,576 bytes.*max_answer_bytes", options=SMALL),
    ),
    "an event without end": (
        endless(stream_head(), b"x" * 65536),
        Outcome(APIResponseError, "longer than 524,288 bytes.*max_event_bytes", options=SMALL),
    ),
    "lines of an event without end": (
        endless(stream_head(), b"data: x\n" * 8000),
        Outcome(APIResponseError, "longer than 524,288 bytes.*max_event_bytes", options=SMALL),
    ),
    "an error status without end": (
        endless(stream_head().replace(b"200", b"400", 1), b"no " * 20000),
        Outcome(BadRequestError, "no no no", options=SMALL),
    ),
    "a gzip bomb": (
        gzipped(BOMB, "text/event-stream"),
        Outcome(APIResponseError, "max_event_bytes", options=SMALL),
    ),
    "a gzip bomb of JSON": (
        gzipped(BOMB_OF_JSON, "application/json"),
        Outcome(APIResponseError, "max_answer_bytes", options=SMALL),
    ),
    "gzip in gzip": (
        TWICE + chunk(gzip.compress(BOMB_OF_JSON)) + LAST_CHUNK,
        Outcome(APIResponseError, "max_answer_bytes", options=SMALL),
    ),
    "malformed event": (
        stream_answer([EVENTS[0]])[: -len(LAST_CHUNK)] + chunk(b'data: {"x\n\n') + LAST_CHUNK,
        Outcome(APIResponseError, '{"x'),
    ),
    "an event that is no object": (sse(b"data: 5\n\n"), Outcome(APIResponseError, "5")),
    "no terminal event": (
        stream_answer(EVENTS[:-1], ID),
        Outcome(ResponseFailedError, "broke off", request_id="req_7"),
    ),
    "ended inside the terminal event": (sse(STREAM[:-30]), Outcome(ResponseFailedError, "broke")),
    "a terminal event without a response": (
        ends_with({"type": "response.completed"}), Outcome(ResponseFailedError, "broke off")
    ),
    "types that are no text": (
        stream_answer([{"type": ["x"], "response": {}}]), Outcome(ResponseFailedError, "broke off")
    ),
    "reset after an event": (drop_after(3, Peer.reset), Outcome(ResponseFailedError, "broke off")),
    "flat error event": (
        ends_with({**ERROR, "param": None}),
        Outcome(ResponseFailedError, "It broke.", code="server_error", request_id="req_7"),
    ),
    "nested error event": (
        ends_with({"type": "error", "error": ERROR}),
        Outcome(ResponseFailedError, "It broke.", code="server_error"),
    ),
    "error event without a type": (
        ends_with({"error": {**ERROR, "code": 500}}),
        Outcome(ResponseFailedError, "It broke.", code="500"),
    ),
    "error event, then silence": (
        then(stream_head() + chunk(event_bytes({"type": "error", "error": REFUSED})), Peer.hang),
        Outcome(ResponseFailedError, "No.", code="invalid_prompt"),
    ),
    "an error event before all others": (
        stream_answer([ERROR]),
        Outcome(ResponseFailedError, "It broke.", tries=3, code="server_error"),
    ),
    "an error that will not pass before all others": (
        stream_answer([REFUSED]), Outcome(ResponseFailedError, "No.", code="invalid_prompt")
    ),
    "error event, then response.failed": (
        ends_with({"type": "error", "error": {}}, FAILED),
        Outcome(ResponseFailedError, "It broke.", code="server_error"),
    ),
    "response.failed": (
        ends_with(FAILED), Outcome(ResponseFailedError, "It broke.", code="server_error")
    ),
    "response.failed without an error": (
        ends_with({"type": "response.failed", "response": {"error": None}}),
        Outcome(ResponseFailedError, "no reason"),
    ),
    "response.incomplete": (
        ends_with(INCOMPLETE), Outcome(ResponseFailedError, "max_output_tokens")
    ),
    "response.cancelled": (
        ends_with({"type": "response.cancelled", "response": {"id": "r"}}),
        Outcome(ResponseFailedError, "cancelled"),
    ),
    "400": (
        http_answer(400, STATUS, headers=ID),
        Outcome(BadRequestError, "HTTP 400 Status: Because.", code="why", request_id="req_7"),
    ),
    "400 as bytes": (
        http_answer(400, STATUS, "application/octet-stream"), Outcome(BadRequestError, "Because.")
    ),
    "400, flat": (http_answer(400, STATUS["error"]), Outcome(BadRequestError, "Because.")),
    "400, an error of text": (
        http_answer(400, {"error": "no such thing"}), Outcome(BadRequestError, "no such thing")
    ),
    "401": (http_answer(401, STATUS), Outcome(AuthenticationError, "Because.")),
    "403": (http_answer(403, STATUS), Outcome(PermissionDeniedError, "Because.")),
    "404": (http_answer(404, STATUS), Outcome(NotFoundError, "Because.")),
    "404 of a server that knows Chat Completions only": (
        http_answer(404, b"<!DOCTYPE html><title>Not here</title>", "text/html"),
        Outcome(NotFoundError, 'set_default_openai_api("chat_completions")'),
    ),
    "405": (http_answer(405), Outcome(BadRequestError, "/v1/responses: with an empty body")),
    "HTML in JSON": (
        http_answer(502, {"error": {"message": "<html><TITLE>502</TITLE>" + "x" * 5000}}),
        Outcome(InternalServerError, "a page in HTML, titled '502'", 3),
    ),
    "XML": (
        http_answer(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
        Outcome(PermissionDeniedError, "AccessDenied"),
    ),
    # https://github.com/QwenLM/qwen-code/issues/98
    "words that begin like a tag": (
        http_answer(400, {"code": "X", "message": "<400> InternalError.Algo: No such role."}),
        Outcome(BadRequestError, "HTTP 400 Status: <400> InternalError.Algo: No such role.$"),
    ),
    "what is wrong where, as FastAPI tells it": (
        http_answer(422, {"detail": [{"loc": ["body", "tools", 0], "msg": "Field required"}]}),
        Outcome(BadRequestError, "HTTP 422 Status: body.tools.0: Field required$"),
    ),
    "408": (http_answer(408, STATUS), Outcome(APIStatusError, "HTTP 408", 3)),
    "409": (http_answer(409, STATUS), Outcome(APIStatusError, "HTTP 409", 3)),
    "413, empty": (http_answer(413), Outcome(BadRequestError, "empty body")),
    "422": (http_answer(422, STATUS), Outcome(BadRequestError, "Because.")),
    "429": (
        http_answer(429, STATUS, headers={"x-oai-request-id": "req_8"}),
        Outcome(RateLimitError, "HTTP 429", 3, request_id="req_8"),
    ),
    "429, quota used up": (
        http_answer(429, {"error": {"message": "Pay.", "code": "insufficient_quota"}}),
        Outcome(RateLimitError, "Pay.", code="insufficient_quota"),
    ),
    "429, to wait too long": (
        http_answer(429, STATUS, headers={"Retry-After": "61"}),
        Outcome(RateLimitError, "Because."),
    ),
    "500 in HTML": (
        http_answer(500, b"<h1>Sorry</h1>", "text/html"),
        Outcome(InternalServerError, "a page in HTML", 3),
    ),
    "500, truncated": (
        truncated(http_answer(500, b"Something went very wrong")),
        Outcome(InternalServerError, "Something went", 3),
    ),
    "400, hang in the body": (
        then(http_answer(400, STATUS)[:-5], Peer.hang),
        Outcome(BadRequestError, "Because."),
    ),
    "500, not to be retried": (
        http_answer(500, STATUS, headers={"x-should-retry": "false"}),
        Outcome(InternalServerError, "Because."),
    ),
    "redirect without an address": (http_answer(307), Outcome(APIStatusError, "redirect")),
    "another protocol": (
        http_answer(101, headers={"Upgrade": "websocket"}), Outcome(APIStatusError, "^(?!.*redir)")
    ),
    "not modified": (http_answer(304), Outcome(APIStatusError, "HTTP 304 .*: with an empty body")),
    "a last event without a response": (
        ends_with({"type": "response.completed", "response": "x"}),
        Outcome(ResponseFailedError, "broke off|no response"),
    ),
    "redirect to what is no address": (
        http_answer(307, headers={"Location": "http://[::1"}), Outcome(APIStatusError, "redirect")
    ),
    "redirect that changes the method": (
        http_answer(302, headers={"Location": "/v1/responses"}), Outcome(APIStatusError, "redirect")
    ),
    "redirect to a login page elsewhere": (
        http_answer(303, headers={"Location": "http://a.invalid/"}),
        Outcome(APIStatusError, "redirect to elsewhere is not followed"),
    ),
    "malformed chunk size after an event": (
        then(stream_head() + chunk(STREAM[:-9]) + b"-5\r\n", Peer.close),
        Outcome(ResponseFailedError, "malformed chunk size"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "outcome"), FAULTS.values(), ids=FAULTS)
def test_lasting_faults_end_in_their_error(answer: Answer, outcome: Outcome):
    started = time.monotonic()
    with LoopbackServer(always=answer) as server:
        _, error = collect(ask(server, **outcome.options))
    assert time.monotonic() - started < READ_TIMEOUT

    assert type(error) is outcome.error
    assert outcome.says in str(error) or re.search(outcome.says, str(error))
    assert len(server.requests) == outcome.tries
    assert outcome.request_id in (error.request_id, None)
    assert outcome.code in (error.code, None)
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize("how", [Peer.close, Peer.reset], ids=["closed", "reset"])
@pytest.mark.parametrize("count", range(2, len(EVENTS)))
def test_a_stream_dropped_after_some_output_is_an_error_and_not_asked_for_again(count, how):
    with LoopbackServer(drop_after(count, how)) as server:
        events, error = collect(ask(server))

    assert events == EVENTS[:count]
    assert type(error) is ResponseFailedError
    assert "broke off" in str(error)
    assert error.response.id == "resp_1"


def test_a_stream_that_tells_once_more_that_it_is_under_way_has_output_all_the_same():
    again = {**EVENTS[0], "type": "response.in_progress"}
    with LoopbackServer(stream_answer([*EVENTS[:2], again])) as server:
        assert collect(ask(server))[0] == [*EVENTS[:2], again]


BEGUN = [EVENTS[0], {**EVENTS[0], "type": "response.in_progress", "sequence_number": 1}]
AFTER_A_BEGINNING = {
    "error": stream_answer([*BEGUN, ERROR]),
    "failed": stream_answer([*BEGUN, FAILED]),
    "closed": then(stream_head(), *(chunk(event_bytes(event)) for event in BEGUN), Peer.close),
    "ended": stream_answer(BEGUN),
}


@pytest.mark.parametrize("answer", AFTER_A_BEGINNING.values(), ids=AFTER_A_BEGINNING)
def test_a_passing_fault_after_no_more_than_a_beginning_is_tried_again(answer: Answer):
    with LoopbackServer(answer, GOOD) as server:
        assert collect(ask(server)) == ([*BEGUN, *EVENTS], None)

    with LoopbackServer(always=answer) as server:
        events, error = collect(ask(server, max_retries=1))
    assert type(error) is ResponseFailedError
    assert (events, error.response.id) == ([*BEGUN, *BEGUN], "resp_1")


LOST = {
    "reset": Peer.reset,
    "bad gateway": http_answer(502),
    "time-out of Cloudflare": http_answer(524),
    **{name: AFTER_A_BEGINNING[name] for name in ("error", "closed", "ended")},
}


@pytest.mark.parametrize("answer", LOST.values(), ids=LOST)
def test_what_the_server_may_have_done_by_itself_is_not_done_twice(answer: Answer):
    for tools in (["mcp"], ["function", "code_interpreter"]):
        with LoopbackServer(answer) as server:
            _, error = collect(ask(server, tools=tools))
        assert error.may_have_acted
    for told in ({}, {"tools": ["function", "web_search_preview_2025_03_11"]}):
        with LoopbackServer(answer, GOOD) as server:
            assert collect(ask(server, **told))[1] is None
    willing = RetryPolicy(1, 60, 0, decide=lambda _error, _attempt: (True, 0))
    with LoopbackServer(answer, GOOD) as server:
        assert collect(ask(server, tools=["mcp"], policy=willing))[1] is None


@pytest.mark.parametrize("stream", [False, True])
def test_a_background_response_is_not_begun_twice_either(stream):
    with LoopbackServer(Peer.reset) as server:
        _, error = collect(ask(server, tools=["mcp"], background=True, stream=stream))
    assert error.may_have_acted
    taken_up = stream_answer(EVENTS[2:]) if stream else http_answer(200, RESPONSE)
    begun = drop_after(2, Peer.close) if stream else QUEUED
    with LoopbackServer(begun, Peer.reset, taken_up) as server:
        assert collect(ask(server, tools=["mcp"], background=True, stream=stream))[1] is None


def test_a_shell_has_effects_where_it_is_the_server_s():
    for kind, has in (("local", False), ("container_auto", True)):
        assert has_effects([{"type": "shell", "environment": {"type": kind}}]) == has


@pytest.mark.parametrize("name", ["bash", "text_editor", "memory", "computer"])
def test_anthropic_s_tools_that_a_client_runs_have_no_effects_at_the_server(name):
    assert not has_effects([{"type": f"{name}_20250124", "name": name}])
    assert has_effects([{"type": "code_execution_20250825", "name": "code_execution"}])
    assert has_effects([{"type": "bash_code_execution_tool_result"}])


def test_the_tools_of_a_stored_prompt_count_where_the_response_names_them():
    response = {**RESPONSE, "status": "in_progress", "output": [], "tools": [{"type": "mcp"}]}
    with LoopbackServer(stream_answer([{**EVENTS[0], "response": response}])) as server:
        collect(ask(server))


def test_who_was_never_reached_has_done_nothing():
    with LoopbackServer() as server:
        pass
    _, error = collect(ask(server, tools=["mcp"], max_retries=0))
    assert isinstance(error, APIConnectionError) and not error.may_have_acted
    with LoopbackServer(http_answer(503), http_answer(429), GOOD) as server:
        assert collect(ask(server, tools=["mcp"]))[1] is None


@pytest.mark.parametrize("fault", [ERROR, FAILED], ids=["error", "failed"])
@pytest.mark.parametrize("before", [0, 2], ids=["background", "begun"])
def test_a_passing_fault_that_is_not_asked_about_again_is_handed_out(before, fault):
    told = [*EVENTS[:before], fault]
    with LoopbackServer(stream_answer(told)) as server:
        events, error = collect(ask(server, background=before == 0))

    assert [event["type"] for event in events] == [event["type"] for event in told]
    assert type(error) is ResponseFailedError
    assert len(server.requests) == 1


def test_a_stream_cut_at_any_byte_is_answered_whole_or_ends_in_a_typed_error():
    for length in range(0, len(STREAM), 7):
        with LoopbackServer(then(unframed_head() + STREAM[:length], Peer.close)) as server:
            events, error = collect(ask(server, max_retries=0))

        assert events == EVENTS[: len(events)]
        if len(events) < len(EVENTS):
            assert type(error) is (ResponseFailedError if events else APIConnectionError)


def test_the_error_of_a_broken_stream_holds_the_items_that_were_complete():
    with LoopbackServer(drop_after(5, Peer.close)) as server:
        _, error = collect(ask(server))

    assert error.response.output[0].content[0].text == "Hé!"


def test_a_refused_connection_is_tried_again_and_then_an_error():
    with LoopbackServer() as server:
        pass
    notes = []
    client = ResponsesClient(base_url=server.base_url, retry_delay=0.001)

    with pytest.raises(APIConnectionError, match="refused"):
        list(client.stream({}, cancellation=Cancellation(), on_retry=notes.append))
    assert [note.attempt for note in notes] == [1, 2]
    assert "refused" in notes[0].reason


def test_a_line_of_32_megabytes_arrives():
    text = "x" * (32 << 20)
    delta = {"type": "response.output_text.delta", "delta": text}
    with LoopbackServer(stream_answer([EVENTS[0], delta, EVENTS[-1]])) as server:
        events, error = collect(ask(server))

    assert error is None
    assert events[1] == delta


def test_200_000_tiny_events_arrive():
    delta = event_bytes({"type": "response.output_text.delta", "delta": "x"})
    with LoopbackServer(sse(delta * 200_000 + STREAM)) as server:
        events, error = collect(ask(server, timeout=60.0))

    assert error is None
    assert len(events) == 200_000 + len(EVENTS)


# Resuming


BACKGROUND = {"stream": True, "background": True}


def test_a_dropped_background_stream_is_taken_up_without_a_gap_or_a_repetition():
    answers = [
        drop_after(2, Peer.close),
        http_answer(503),
        stream_answer(EVENTS[2:4]),
        drop_after(0, Peer.reset),
        stream_answer(EVENTS[1:]),
    ]
    with LoopbackServer(*answers) as server:
        assert collect(ask(server, background=True)) == (EVENTS, None)

    _, *resumed = server.requests
    assert [(request.method, request.path) for request in resumed] == [
        ("GET", "/v1/responses/resp_1?stream=true&starting_after=1"),
        ("GET", "/v1/responses/resp_1?stream=true&starting_after=1"),
        ("GET", "/v1/responses/resp_1?stream=true&starting_after=3"),
        ("GET", "/v1/responses/resp_1?stream=true&starting_after=3"),
    ]
    assert "idempotency-key" not in resumed[0].headers
    assert resumed[0].headers["authorization"] == "Bearer sk-test-key"


def test_each_piece_of_a_background_stream_that_got_on_allows_new_retries():
    answers = [stream_answer([event]) for event in EVENTS]
    with LoopbackServer(*answers) as server:
        assert collect(ask(server, background=True, max_retries=1)) == (EVENTS, None)


def test_a_background_stream_that_cannot_be_taken_up_is_an_error():
    gone = http_answer(404, {"error": {"message": "no such response"}})
    with LoopbackServer(drop_after(2, Peer.close), gone) as server:
        events, error = collect(ask(server, background=True))

    assert events == EVENTS[:2]
    assert type(error) is NotFoundError


# Polling

QUEUED = http_answer(200, {"id": "resp_1", "status": "queued", "output": []})
AT_WORK = http_answer(200, {"id": "resp_1", "status": "in_progress", "output": []})


def requested(server: LoopbackServer) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in server.requests]


def test_a_background_response_is_asked_for_until_it_is_there():
    answers = [QUEUED, AT_WORK, http_answer(503), Peer.close, AT_WORK, http_answer(200, RESPONSE)]
    with LoopbackServer(*answers) as server:
        assert collect(ask(server, stream=False, background=True)) == (WHOLE, None)

    assert requested(server) == [
        ("POST", "/v1/responses"), *[("GET", "/v1/responses/resp_1")] * 5,
    ]  # fmt: skip
    assert server.requests[1].headers["authorization"] == "Bearer sk-test-key"
    assert server.requests[1].content == b""


def test_a_stream_that_is_answered_by_a_queued_response_is_polled_too():
    with LoopbackServer(QUEUED, http_answer(200, RESPONSE)) as server:
        assert collect(ask(server, background=True)) == (WHOLE, None)


def test_the_server_may_name_the_pause_between_polls():
    queued = http_answer(
        200, {"id": "resp_1", "status": "queued"}, headers={"openai-poll-after-ms": "1"}
    )
    with LoopbackServer(queued, queued, http_answer(200, RESPONSE)) as server:
        started = time.monotonic()
        assert collect(ask(server, background=True, retry_delay=60.0)) == (WHOLE, None)
    assert time.monotonic() - started < READ_TIMEOUT


def test_what_was_to_be_included_is_asked_for_again_but_secrets_that_openai_refuses_then():
    include = ["reasoning.encrypted_content", "file_search_call.results"]
    for stream, query in (False, ""), (True, "stream=true&starting_after=1&"):
        body = {"stream": stream, "background": True, "include": include}
        first = drop_after(2, Peer.close) if stream else QUEUED
        with LoopbackServer(first, http_answer(200, RESPONSE)) as server:
            client = ResponsesClient(api_key="k", base_url=server.base_url, retry_delay=0.001)
            list(client.stream(body, query={"a": "b"}, cancellation=Cancellation()))

        path = "/v1/responses/resp_1?a=b&"
        assert server.requests[1].path == f"{path}{query}include%5B%5D=file_search_call.results"


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (http_answer(200, FAILED["response"]), ResponseFailedError),
        (http_answer(200, INCOMPLETE["response"]), ResponseFailedError),
        (http_answer(404, {"error": {"message": "no such response"}}), NotFoundError),
    ],
)
def test_a_background_response_that_ends_badly_is_an_error(last: bytes, kind: type[APIError]):
    with LoopbackServer(QUEUED, AT_WORK, last) as server:
        _, error = collect(ask(server, stream=False, background=True))

    assert type(error) is kind
    assert len(server.requests) == 3


def test_polling_ends_with_the_time_of_the_request():
    with LoopbackServer(always=AT_WORK) as server:
        _, error = collect(
            ask(server, stream=False, background=True, timeout=0.3, retry_delay=60.0)
        )

    assert type(error) is APITimeoutError


@pytest.mark.parametrize("stream", [False, True], ids=["polled", "streamed"])
def test_cancelling_a_background_response_cancels_it_at_the_server(stream: bool):
    cancellation = Cancellation()

    class Begun(Background):
        response_id = None

        def note(self, response_id: str | None) -> None:
            threading.Timer(0.1, cancellation.cancel, [RunCancelled()]).start()

        def is_left(self, error: BaseException) -> bool:
            return False

    begun = then(stream_head(), chunk(event_bytes(EVENTS[0])), Peer.hang) if stream else AT_WORK
    cancelled = http_answer(200, {"id": "resp_1", "status": "cancelled", "output": []})
    with LoopbackServer(begun, cancelled) as server:
        client = ResponsesClient(api_key="sk-test-key", base_url=server.base_url, retry_delay=60.0)
        body = {"background": True, "stream": stream}
        with pytest.raises(RunCancelled):
            list(client.stream(body, cancellation=cancellation, background=Begun()))

    assert requested(server)[1:] == [("POST", "/v1/responses/resp_1/cancel")]


def test_a_background_stream_that_nobody_reads_on_is_cancelled_at_the_server():
    begun = then(stream_head(), chunk(event_bytes(EVENTS[0])), Peer.hang)
    with LoopbackServer(begun, http_answer(500)) as server:
        events = ask(server, background=True)
        next(events)
        events.close()

    assert requested(server)[1:] == [("POST", "/v1/responses/resp_1/cancel")]


def test_a_response_that_is_no_background_one_is_not_cancelled():
    begun = then(stream_head(), chunk(event_bytes(EVENTS[0])), Peer.hang)
    with LoopbackServer(begun) as server:
        events = ask(server)
        next(events)
        events.close()

    assert len(server.requests) == 1


def test_a_server_that_does_not_hear_of_the_end_holds_nobody_up(monkeypatch):
    monkeypatch.setattr("agents_lite.http.call.CANCEL_SECONDS", 0.1)
    begun = then(stream_head(), chunk(event_bytes(EVENTS[0])), Peer.hang)
    started = time.monotonic()
    with LoopbackServer(begun, Peer.hang) as server:
        events = ask(server, background=True)
        next(events)
        events.close()

    assert time.monotonic() - started < READ_TIMEOUT


# Redirects


def test_a_redirect_within_the_server_keeps_method_and_body():
    moved = http_answer(307, headers={"Location": "/v2/responses"})
    with LoopbackServer(moved, GOOD) as server:
        assert collect(ask(server)) == (EVENTS, None)

    first, second = server.requests
    assert (second.method, second.path) == ("POST", "/v2/responses")
    assert first.content == second.content


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_an_answer_that_takes_longer_is_fetched_where_the_server_says(stream: bool):
    later = http_answer(303, headers={"Location": "/v1/responses?call_id=fc_1"})
    with LoopbackServer(later, later, GOOD if stream else http_answer(200, RESPONSE)) as server:
        assert collect(ask(server, stream=stream)) == (EVENTS if stream else WHOLE, None)

    asked, *fetched = server.requests
    assert asked.method == "POST"
    for request in fetched:
        assert (request.method, request.content) == ("GET", b"")
        assert request.path == "/v1/responses?call_id=fc_1"
        assert request.headers["authorization"] == "Bearer sk-test-key"
        assert "content-type" not in request.headers


@pytest.mark.parametrize("name", ["x-request-id", "request-id", "apim-request-id"])
def test_an_error_holds_the_id_of_its_request_as_servers_call_it(name: str):
    with LoopbackServer(http_answer(400, STATUS, headers={name: "req_9"})) as server:
        _, error = collect(ask(server))

    assert error.request_id == "req_9"


def test_a_redirect_to_another_server_is_never_followed():
    with LoopbackServer() as other:
        moved = http_answer(308, headers={"Location": f"{other.base_url}/responses"})
        with LoopbackServer(moved) as server:
            _, error = collect(ask(server))

    assert type(error) is APIStatusError
    assert "base_url" in str(error)
    assert other.connections == 0


def test_redirects_in_a_circle_end():
    with LoopbackServer(always=http_answer(307, headers={"Location": "/v1/responses"})) as server:
        _, error = collect(ask(server))

    assert type(error) is APIStatusError
    assert "too many redirects" in str(error)
    assert len(server.requests) < 10
