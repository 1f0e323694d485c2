"""Reading the answer to one try of a request: bytes in, the events of its response out."""

from __future__ import annotations

import http.client
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import requests
import urllib3
from pydantic_core import from_json
from urllib3.exceptions import DecodeError, HTTPError

from ..exceptions import APIConnectionError, APIError
from ..response_types import ResponseCompletedEvent, ResponseStreamEvent, as_stream_event
from .assembly import Deltas, ResponseSoFar, reason_of
from .chunked import BLOCK_SIZE
from .connections import Exchange
from .endpoint import redirect_of
from .errors import ErrorWriter, parse_json
from .retries import is_transient
from .sse import BYTE_ORDER_MARK, EventDecoder

LAST_WORDS = 0.1
"""Seconds to wait for what may follow a terminal event or an `error` event."""
LAST_BLOCKS = 8
"""Blocks read after a terminal event, in search of the answer's end."""
ERROR_BYTES = 1 << 18
"""Most that is read of the body of an error status."""
ERROR_SECONDS = 5.0
"""Longest that its reading takes."""
ERROR_BODY_WAIT = 1.0
"""Seconds to wait for each of them: the status alone says enough."""
WIRE_ERRORS = (OSError, HTTPError, http.client.HTTPException, ValueError)
"""What requests, urllib3, http.client and sockets raise when an exchange fails."""
NAMES = ("response.", "error")
"""How the types of events begin that count where an `event` line alone names them."""
SIGNS_OF_LIFE = frozenset(
    {b"", b"null", b"done", b"ping", b"pong", b"keepalive", b"keep-alive", b"heartbeat"}
)
"""Data of events that are none, in lower case, without quotes and brackets."""
_FIELD = re.compile(rb"(?:data|event|id|retry)?:")
"""How the first line of a stream begins."""

_TYPE = itemgetter("type")

Translate: TypeAlias = Callable[[Iterator[dict[str, Any]]], Iterator[dict[str, Any]]]
"""Makes events of the Responses API out of what another API answers.

It is given the JSON objects of a stream, up to `[DONE]`, or a whole answer as the only one, and
gives events of which nothing need be put together: the last one holds the whole response. The
iterator raises `APIConnectionError` where a stream ends without saying so.
"""


class Limits(NamedTuple):
    """How much is read, so that no server can fill the memory; compressed bytes count unpacked."""

    answer: int
    """Bytes of an answer."""
    event: int
    """Bytes of an event of a stream."""


class Answer:
    """An answer whose status and headers have come.

    Args:
        response: The answer.
        exchange: What it is read from.
        so_far: What is known of the response; it learns what the answer tells.
        errors: Words what goes wrong.
        limits: How much is read.
        translate: Makes its events out of another API's; None: they are those of this one.
        is_background: Whether the request let the server take its time.
    """

    def __init__(
        self,
        response: requests.Response,
        exchange: Exchange,
        so_far: ResponseSoFar,
        errors: ErrorWriter,
        limits: Limits,
        translate: Translate | None,
        is_background: bool,
    ) -> None:
        self._response = response
        self._exchange = exchange
        self._so_far = so_far
        self._errors = errors
        self._limits = limits
        self._translate = translate
        self._is_background = is_background
        self._read, self._has_ended = _reader(response)

    def events(
        self, is_stream_wanted: bool, after: float
    ) -> Iterator[ResponseStreamEvent | Deltas]:
        """The events, the terminal one last; none if a whole answer says that there is none yet.

        Args:
            is_stream_wanted: Whether the request asked for a stream.
            after: Leave out the events up to the one of this number.

        Raises:
            APIError: An error for an answer, or an answer without a good end.
        """
        response, blocks = self._response, self._blocks()
        if not 200 <= response.status_code < 300:
            self._exchange.limit_wait(ERROR_BODY_WAIT)
            is_followed = redirect_of(response) is not None
            raise self._errors.status(response, _beginning(blocks), is_followed)
        first = next(filter(bytes.strip, blocks), b"")
        while len(first.strip()) < len(b"event:") and (more := next(blocks, b"")):
            first += more
        blocks = chain([first], blocks)
        content_type = response.headers.get("content-type", "")
        if _is_event_stream(first, content_type, is_stream_wanted):
            return self._streamed(blocks, after)
        return self._whole(b"".join(blocks))

    def _blocks(self) -> Iterator[bytes]:
        size = 0
        encoding = self._response.headers.get("content-encoding", "").lower()
        known = getattr(self._response.raw, "CONTENT_DECODERS", (encoding,))
        if encoding in ("br", "zstd") and encoding not in known:
            raise self._errors.lost(DecodeError(f"it is in {encoding}, which nobody asked for"))
        while not self._exchange.is_cut:
            try:
                block = self._read()
            except WIRE_ERRORS as error:
                raise self._errors.lost(error) from error
            if not block:
                return
            size += len(block)
            if size > self._limits.answer:
                raise self._errors.too_long("The answer", "max_answer_bytes", self._limits.answer)
            yield block
            if self._has_ended():
                return
        raise APIConnectionError("The request was cut short")

    def _streamed(
        self, blocks: Iterator[bytes], after: float
    ) -> Iterator[ResponseStreamEvent | Deltas]:
        self._so_far.place = None  # one that is taken up again may begin with what was there before
        parts: Iterator[Any] = self._received(blocks)
        if self._translate is not None:
            parts = iter([self._translate(chain.from_iterable(parts))])
        for part in parts:
            if type(part) is Deltas:
                yield part
            else:
                yield from self._one_by_one(part, blocks, after)
                if self._so_far.is_finished:
                    return
            if self._exchange.is_cut:
                break
        raise APIConnectionError("the server ended it without a terminal event")

    def _one_by_one(
        self, events: Iterable[dict[str, Any]], blocks: Iterator[bytes], after: float
    ) -> Iterator[ResponseStreamEvent]:
        """The events, up to the end of the response or until the exchange is cut."""
        so_far, exchange = self._so_far, self._exchange
        is_foreign = self._translate is not None
        new, kind, like_last = object.__new__, ResponseStreamEvent, None
        for event in events:
            if is_foreign and event["type"] == like_last:  # thousands, each without a call
                seen = new(kind)
                seen._fields = so_far.last_event = event
                seen.delta = event["delta"]
                yield seen
                if exchange.is_cut:
                    return
                continue
            if after > -math.inf and event_number(event, default=math.inf) <= after:
                continue
            # Translated events are put together already; there it is the ends that count.
            if not is_foreign:
                event = so_far.take(event)
            elif "response" in event or "error" in event:
                so_far.note(event)
            if so_far.is_finished:
                self._read_to_end(blocks)
                yield from self._ending(event)
                return
            if so_far.error is not None:
                self._check_unseen(self._errors.error_event(so_far.error, so_far.known()))
                exchange.limit_wait(LAST_WORDS)  # a `response.failed` may follow
            seen = as_stream_event(event)
            if is_foreign:
                kind, like_last = type(seen), event["type"] if "delta" in event else None
            so_far.last_event = event
            yield seen
            if exchange.is_cut:
                return

    def _received(self, blocks: Iterator[bytes]) -> Iterator[list[dict[str, Any]] | Deltas]:
        """The JSON objects of a stream, block by block; for another API, up to `[DONE]`."""
        is_foreign = self._translate is not None
        decoder = EventDecoder()
        for pieces in self._event_data(blocks, decoder):
            parsed = None if is_foreign else self._parsed(pieces)
            if parsed:  # which is the rule; else each is looked at by itself
                yield parsed
                continue
            events: list[dict[str, Any]] = []
            for data in pieces:
                try:
                    event = from_json(data)
                except ValueError:
                    event = None
                if type(event) is not dict:
                    if is_foreign and data.strip() == b"[DONE]":
                        yield events
                        return
                    called = decoder.name_of(data).encode()
                    if _is_sign_of_life(data) or (called and _is_sign_of_life(called)):
                        continue
                    yield events  # first, what came before the bad one
                    events = []
                    event = self._json_object(data)
                if "type" not in event and not is_foreign:
                    name = decoder.name_of(data)
                    if not event or (name and _is_sign_of_life(name.encode())):
                        continue
                    if name.startswith(NAMES):
                        event = {"type": name, **event}
                events.append(event)
            yield events
        raise APIConnectionError("the server ended it without a terminal event")

    def _parsed(self, pieces: list[bytes]) -> list[dict[str, Any]] | Deltas:
        """The JSON objects of a block, in a few steps for all; none if there is one without a type.

        Of deltas that go on with the last one, the events themselves.
        """
        try:
            events = [*map(from_json, pieces)]
            deltas = self._so_far.take_deltas(events, self._exchange)
            return deltas or (events if all(map(_TYPE, events)) else [])
        except (ValueError, TypeError, KeyError):
            return []

    def _event_data(
        self, blocks: Iterator[bytes], decoder: EventDecoder
    ) -> Iterator[list[bytes]]:
        size = 0
        for block in blocks:
            events = decoder.feed(block)
            size = 0 if events else size + len(block)
            if size > self._limits.event:
                raise self._errors.too_long("An event", "max_event_bytes", self._limits.event)
            yield events
        # It may have been cut.
        yield [data for data in decoder.finish() if _is_json(data) or data.strip() == b"[DONE]"]

    def _whole(self, content: bytes) -> Iterator[ResponseStreamEvent]:
        so_far = self._so_far
        answer = self._json_object(content)
        event = answer
        if self._translate is not None:
            *_, event = {}, *self._translate(iter([answer]))
            so_far.note(event)
        else:
            event = so_far.take(event)
        if so_far.error is not None:
            error = self._errors.error_event(event, {})
            self._check_unseen(error)
            yield as_stream_event(event)
            raise error
        if self._is_background and so_far.is_under_way:
            return
        if "response" not in event or "type" not in event:  # or nobody knows how it ended
            raise self._errors.no_response(content)
        yield from self._ending(event)

    def _ending(self, event: dict[str, Any]) -> Iterator[ResponseStreamEvent]:
        """The terminal event, then the error for a response that is not complete."""
        ending, response = event["type"].removeprefix("response."), event["response"]
        if ending == "completed":
            output = response.get("output")
            if type(output) is not list or not all(type(item) is dict for item in output):
                raise self._errors.no_output(response)
            completed = ResponseCompletedEvent(event)
            completed.request_id = self._errors.request_id
            yield completed
            return
        code, message = reason_of(response)
        why = message or "the server gave no reason"
        what = f"The response is {ending}, not completed: {why}"
        error = self._errors.failed(what, self._so_far.known(), code)
        self._check_unseen(error)
        yield as_stream_event(event)
        raise error

    def _check_unseen(self, error: APIError) -> None:
        """Raise an error that came before any output, where the request may be sent again.

        Its event is not handed out then.
        """
        if self._so_far.is_blank and not self._is_background and is_transient(error):
            raise error

    def _read_to_end(self, blocks: Iterator[bytes]) -> None:
        """Read what follows the terminal event, so that the connection can be used again."""
        if self._has_ended():
            return
        self._exchange.limit_wait(LAST_WORDS)
        with suppress(APIError):
            for _ in islice(blocks, LAST_BLOCKS):
                pass

    def _json_object(self, content: bytes) -> dict[str, Any]:
        try:
            value = parse_json(content)
        except ValueError:
            value = None
        if isinstance(value, list) and len(value) == 1:
            value = value[0]  # Gemini's errors come in a list
        if not isinstance(value, dict):
            raise self._errors.no_response(content)
        return value


def event_number(event: dict[str, Any], default: float) -> float:
    """The event's place in its stream, or the default where it names none."""
    number = event.get("sequence_number")
    return number if isinstance(number, int) else default


def _reader(response: requests.Response) -> tuple[Callable[[], bytes], Callable[[], bool]]:
    """A function that gives the next block of an answer, b"" after the last one, and one that says
    whether that was it, where it is known before.
    """
    raw = response.raw
    is_read = response._content_consumed  # type: ignore[attr-defined]
    if isinstance(raw, urllib3.HTTPResponse) and not is_read:
        is_encoded = "content-encoding" in raw.headers  # then more may come out of what was read
        read = partial(raw.read1, BLOCK_SIZE, decode_content=is_encoded)
        return read, lambda: raw.closed and not is_encoded
    # It waits until a block is full, but understands what plays traffic, and what a hook has read.
    blocks = response.iter_content(BLOCK_SIZE)
    return lambda: next(blocks, b""), lambda: False


def _beginning(blocks: Iterator[bytes]) -> bytes:
    """The body of an error status, as far as it comes: half an explanation is better than none."""
    content = bytearray()
    deadline = time.monotonic() + ERROR_SECONDS
    with suppress(APIError):
        for block in blocks:
            content += block
            if len(content) >= ERROR_BYTES or time.monotonic() >= deadline:
                break
    return bytes(content)


def _is_sign_of_life(data: bytes) -> bool:
    """Whether data says nothing but that the server is there, or that nothing follows."""
    word = data.strip().lower()
    return word.startswith(b":") or word.strip(b'[]"') in SIGNS_OF_LIFE


def _is_json(data: bytes) -> bool:
    try:
        parse_json(data)
    except ValueError:
        return False
    return True


def _is_event_stream(first: bytes, content_type: str, was_asked_for: bool) -> bool:
    """Whether an answer is a stream: by what it looks like, since not all servers say so."""
    start = first.removeprefix(BYTE_ORDER_MARK).lstrip()
    if start[:1] in (b"{", b"[", b"<"):
        return False
    if _FIELD.match(start):
        return True
    return "event-stream" in content_type or (was_asked_for and "json" not in content_type)
