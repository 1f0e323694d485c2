"""Deltas that come many at once are given one by one, as if each had come alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agents_lite import Agent, OpenAIResponsesModel, Runner, RunResultStreaming, RunTimeout
from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.exceptions import APITimeoutError
from agents_lite.http.client import ResponsesClient
from agents_lite.response_types import ResponseTextDeltaEvent
from tests.support.loopback import (
    LAST_CHUNK,
    Answer,
    LoopbackServer,
    Peer,
    chunk,
    event_bytes,
    stream_head,
)
from tests.support.waiting import LIMIT, time_is_up_once

LONG = 60.0
TEXTS = [f"{number} " for number in range(60)]
PLACE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
RESPONSE = {"id": "resp_1", "status": "completed", "output": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
    {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE},
    *({"type": "response.output_text.delta", **PLACE, "delta": text} for text in TEXTS),
    {"type": "response.completed", "response": RESPONSE},
]
for number, _event in enumerate(EVENTS):
    _event["sequence_number"] = number
BEGINNING, MANY, REST = EVENTS[:3], EVENTS[3:-1], EVENTS[-1:]


class Scene:
    """A server whose answer goes on once the first delta was read."""

    def __init__(self) -> None:
        self.is_read = threading.Event()
        self.peers: list[Peer] = []
        self.server = LoopbackServer(self.answer)

    def answer(self, peer: Peer) -> None:
        self.peers.append(peer)
        peer.send(stream_head() + together(BEGINNING))
        self.is_read.wait(LONG)
        peer.send(together(MANY))
        peer.hang()

    @property
    def client(self) -> ResponsesClient:
        return ResponsesClient(api_key="k", base_url=self.server.base_url, timeout=LIMIT)

    def start(self, **options: Any) -> RunResultStreaming:
        model = OpenAIResponsesModel("m", self.client)
        return Runner.run_streamed(Agent(name="A", model=model), "x", **options)


def together(events: list[dict[str, Any]]) -> bytes:
    return chunk(b"".join(map(event_bytes, events)))


@contextmanager
def scene() -> Iterator[Scene]:
    made = Scene()
    with made.server:
        yield made


def text_of(event: Any) -> str | None:
    is_delta = event.type == "raw_response_event" and "delta" in event.data
    return event.data.delta if is_delta else None


def read_by_for(stream: RunResultStreaming, seen: Callable[[str], object]) -> None:
    for event in stream.stream_events():
        if (text := text_of(event)) is not None:
            seen(text)


def read_by_next(stream: RunResultStreaming, seen: Callable[[str], object]) -> None:
    events = stream.stream_events()
    while event := next(events, None):
        if (text := text_of(event)) is not None:
            seen(text)


def read_by_async_for(stream: RunResultStreaming, seen: Callable[[str], object]) -> None:
    async def read() -> None:
        async for event in stream.stream_events():
            if (text := text_of(event)) is not None:
                seen(text)

    asyncio.run(read())


readers = pytest.mark.parametrize("read", [read_by_for, read_by_next, read_by_async_for])


@readers
@pytest.mark.parametrize("last", [1, 2, 30])
def test_none_follows_the_one_at_which_the_run_was_cancelled(read: Any, last: int) -> None:
    texts: list[str] = []
    with scene() as made:
        stream = made.start()

        def seen(text: str) -> None:
            texts.append(text)
            if len(texts) == last:
                stream.cancel()
            made.is_read.set()

        read(stream, seen)
        assert made.peers[0].client_left.wait(LONG)

    assert texts == TEXTS[:last]


@pytest.mark.parametrize("last", [2, 30])
@pytest.mark.parametrize("of_client", [True, False], ids=["of the client", "of the run"])
def test_none_follows_once_the_time_is_up(of_client: bool, last: int) -> None:
    texts: list[str] = []
    with scene() as made, time_is_up_once(lambda: len(texts) == last) as is_up:

        def seen(text: str) -> None:
            texts.append(text)
            made.is_read.set()
            if len(texts) == last:
                is_up.wait(LONG)

        stream = made.start(**({} if of_client else {"timeout": LIMIT}))
        with pytest.raises(APITimeoutError if of_client else RunTimeout):
            read_by_for(stream, seen)

    assert texts == TEXTS[:last]


@pytest.mark.parametrize("last", [2, 30])
def test_break_among_them_closes_the_connection(last: int) -> None:
    with scene() as made:
        texts = []
        for event in made.start().stream_events():
            if (text := text_of(event)) is not None:
                texts.append(text)
                made.is_read.set()
            if len(texts) == last:
                break
        assert made.peers[0].client_left.wait(LONG)


def in_pieces(*pieces: bytes, is_read: threading.Semaphore) -> Answer:
    """An answer of which each piece but the first comes once it is allowed."""

    def answer(peer: Peer) -> None:
        peer.send(stream_head())
        for at, piece in enumerate(pieces):
            assert at == 0 or is_read.acquire(timeout=LONG)
            peer.send(piece)
        peer.close()

    return answer


def test_each_is_what_was_sent_and_the_answer_has_the_text_of_all() -> None:
    seen, is_read = [], threading.Semaphore(0)
    end = together(REST) + LAST_CHUNK
    answer = in_pieces(together(BEGINNING), together(MANY), end, is_read=is_read)
    with LoopbackServer(answer) as server:
        model = OpenAIResponsesModel("m", ResponsesClient(api_key="k", base_url=server.base_url))
        stream = Runner.run_streamed(Agent(name="A", model=model), "x")
        for event in stream.stream_events():
            if event.type == "raw_response_event":
                seen.append(event.data)
                if event.data in (BEGINNING[-1], MANY[-1]):
                    is_read.release()

    assert seen[:-1] == EVENTS[:-1]
    assert {type(event) for event in seen[2:-1]} == {ResponseTextDeltaEvent}
    assert [event.delta for event in seen[2:-1]] == TEXTS
    assert stream.final_output == "".join(TEXTS)


def test_those_that_a_resumed_stream_repeats_are_left_out() -> None:
    seen, is_read = [], threading.Semaphore(0)
    end = together(REST) + LAST_CHUNK
    cut = in_pieces(together(BEGINNING), together(MANY[:20]), is_read=is_read)
    resumed = in_pieces(together(MANY), end, is_read=is_read)
    with LoopbackServer(cut, resumed) as server:
        client = ResponsesClient(api_key="k", base_url=server.base_url, retry_delay=0.001)
        body = {"stream": True, "background": True}
        for event in client.stream(body, cancellation=Cancellation()):
            seen.append(event)
            if event in (BEGINNING[-1], MANY[-1]):
                is_read.release()

    assert seen[:-1] == EVENTS[:-1]
    assert server.requests[1].path.endswith("?stream=true&starting_after=22")
