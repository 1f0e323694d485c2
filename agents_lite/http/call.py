"""One request for a response, over all its tries: sending it, reading the answer's events."""

from __future__ import annotations

import http.client
import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from pydantic_core import from_json, to_json
from urllib3.exceptions import HTTPError

from ..exceptions import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    UserError,
)
from ..response_types import ResponseStreamEvent, as_stream_event
from .assembly import ResponseSoFar
from .chunked import BLOCK_SIZE
from .connections import Exchange
from .endpoint import Endpoint
from .errors import ErrorWriter, error_details, parse_json
from .retries import Retries
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
MOST_REDIRECTS = 5
WIRE_ERRORS = (OSError, HTTPError, http.client.HTTPException, ValueError)
"""What requests, urllib3, http.client and sockets raise when an exchange fails."""


class Call:
    """A request for a response and what has come of it so far.

    Raises:
        UserError: The body is no JSON, or a header cannot be sent.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        query: Mapping[str, Any],
    ) -> None:
        self._endpoint = endpoint
        self._headers = headers
        self._query = query
        self._request = endpoint.post(_serialized(body), headers, query)
        self._wants_stream = bool(body.get("stream"))
        self._is_background = self._wants_stream and bool(body.get("background"))
        self._so_far = ResponseSoFar()
        self._resumed_after: float | None = None
        secrets = [*endpoint.secret_texts, *headers.values()]
        self._errors = ErrorWriter(endpoint.host, endpoint.timeout, secrets)

    def events(self, exchange: Exchange) -> Iterator[ResponseStreamEvent]:
        """Send the request once and give the events of its answer, the terminal one last.

        Raises:
            APIError: No answer, an error for an answer, or an answer without a good end.
        """
        response = self._send(exchange)
        try:
            blocks = self._blocks(response, exchange)
            if not 200 <= response.status_code < 300:
                exchange.limit_wait(ERROR_BODY_WAIT)
                is_followed = _redirect_target(response) is not None
                raise self._errors.status(response, _beginning(blocks), is_followed)
            first = next((block for block in blocks if block.strip()), b"")
            blocks = chain([first], blocks)
            content_type = response.headers.get("content-type", "")
            if _is_event_stream(first, content_type, self._wants_stream):
                yield from self._streamed(blocks, exchange)
            else:
                yield from self._whole(b"".join(blocks))
        finally:
            response.close()
            exchange.release()

    def delay_after(self, failure: APIError, retries: Retries) -> float | None:
        """Seconds to wait before `events` is to be called again, or None to raise the failure."""
        if self._so_far.last_event is None:
            return retries.delay_after(failure)
        response_id = self._so_far.response.get("id")
        number = _number(self._so_far.last_event, default=-1)
        if not self._is_background or self._so_far.is_settled or not response_id or number < 0:
            return None
        if number != self._resumed_after:
            retries.restart()
            self._resumed_after = number
            self._request = self._endpoint.get(response_id, number, self._headers, self._query)
        return retries.delay_after(failure)

    def final_error(self, failure: APIError) -> APIError:
        """The error to raise for the last failure, when no further try is made."""
        if isinstance(failure, APIConnectionError) and self._so_far.last_event is not None:
            if self._so_far.error is not None:
                failure = self._errors.error_event(self._so_far.error, self._so_far.known())
            elif not isinstance(failure, APITimeoutError):
                what = f"The stream broke off before its last event: {failure}"
                failure = self._errors.failed(what, self._so_far.known())
        failure.request_id = failure.request_id or self._errors.request_id
        # The errors below hold the request, and so its headers with the key.
        failure.__cause__ = failure.__context__ = None
        return failure

    def _send(self, exchange: Exchange) -> requests.Response:
        request = self._request
        self._errors.request_id = None
        for _ in range(MOST_REDIRECTS):
            try:
                with exchange.sending():
                    response = self._endpoint.send(request)
                    exchange.follow(response.raw)
            except WIRE_ERRORS as error:
                raise self._errors.lost(error) from error
            target = _redirect_target(response)
            if target is None:
                break
            response.close()
            request = request.copy()
            request.url = target
        headers = response.headers
        self._errors.request_id = headers.get("x-request-id") or headers.get("x-oai-request-id")
        return response

    def _blocks(self, response: requests.Response, exchange: Exchange) -> Iterator[bytes]:
        while not exchange.is_cut:
            try:
                block = response.raw.read1(BLOCK_SIZE, decode_content=True)
            except WIRE_ERRORS as error:
                raise self._errors.lost(error) from error
            if not block:
                return
            yield block
        raise APIConnectionError("The request was cut short")

    def _streamed(
        self, blocks: Iterator[bytes], exchange: Exchange
    ) -> Iterator[ResponseStreamEvent]:
        so_far, resumed_after = self._so_far, self._resumed_after
        for data in chain.from_iterable(_event_data(blocks)):
            try:
                event = from_json(data)
            except ValueError:
                event = None
            if type(event) is not dict:
                if data.strip() in (b"", b"[DONE]"):
                    continue
                event = self._json_object(data)
            if resumed_after is not None and _number(event, default=math.inf) <= resumed_after:
                continue
            if "delta" not in event:
                event = so_far.take(event)
                if so_far.is_finished:
                    _read_to_end(blocks, exchange)
                    yield from self._ending(event)
                    return
                if so_far.error is not None:
                    exchange.limit_wait(LAST_WORDS)  # a `response.failed` may follow
            so_far.last_event = event
            yield as_stream_event(event)
            if exchange.is_cut:
                break
        raise APIConnectionError("the server ended it without a terminal event")

    def _whole(self, content: bytes) -> Iterator[ResponseStreamEvent]:
        response = self._json_object(content)
        status = response.get("status")
        if status is None and "output" in response:
            status = "completed"
        if isinstance(status, str):
            event = {"type": f"response.{status}", "response": response}
            yield from self._ending(self._so_far.take(event))
        elif isinstance(response.get("error"), dict):
            yield as_stream_event(self._so_far.take({"type": "error", **response}))
            raise self._errors.error_event(response, {})
        else:
            raise self._errors.no_response(content)

    def _ending(self, event: dict[str, Any]) -> Iterator[ResponseStreamEvent]:
        """The terminal event, then the error for a response that is not complete."""
        kind, response = event["type"], event["response"]
        if kind == "response.completed":
            output = response.get("output")
            if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
                raise self._errors.no_output(response)
            yield as_stream_event(event)
            return
        yield as_stream_event(event)
        code, message = error_details(response)
        details = response.get("incomplete_details")
        if kind == "response.incomplete" and isinstance(details, dict):
            code = message = details.get("reason")
        status = kind.removeprefix("response.")
        what = f"The response is {status}, not completed: {message or 'the server gave no reason'}"
        raise self._errors.failed(what, self._so_far.known(), code)

    def _json_object(self, content: bytes) -> dict[str, Any]:
        try:
            value = parse_json(content)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self._errors.no_response(content)
        return value


def _serialized(body: Mapping[str, Any]) -> bytes:
    try:
        return to_json(body)
    except (ValueError, TypeError) as error:
        with suppress(ValueError, TypeError, RecursionError):  # lone surrogates become "?"
            return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        raise UserError(f"The request holds something that is not JSON: {error}") from error


def _event_data(blocks: Iterator[bytes]) -> Iterator[list[bytes]]:
    decoder = EventDecoder()
    for block in blocks:
        yield decoder.feed(block)
    yield [data for data in decoder.finish() if _is_json(data)]  # it may have been cut


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


def _number(event: dict[str, Any], default: float) -> float:
    number = event.get("sequence_number")
    return number if isinstance(number, int) else default


def _is_json(data: bytes) -> bool:
    try:
        parse_json(data)
    except ValueError:
        return False
    return True


def _is_event_stream(first: bytes, content_type: str, was_asked_for: bool) -> bool:
    """Whether an answer is a stream: by what it looks like, since not all servers say so."""
    start = first.removeprefix(BYTE_ORDER_MARK).lstrip()[:1]
    if start in (b"{", b"[", b"<"):
        return False
    return "event-stream" in content_type or (was_asked_for and "json" not in content_type)


def _read_to_end(blocks: Iterator[bytes], exchange: Exchange) -> None:
    """Read what follows the terminal event, so that the connection can be used again."""
    exchange.limit_wait(LAST_WORDS)
    with suppress(APIError):
        for _ in islice(blocks, LAST_BLOCKS):
            pass


def _redirect_target(response: requests.Response) -> str | None:
    """Where the same request is to be sent again, or None: never to another origin."""
    location = response.headers.get("location")
    if response.status_code not in (307, 308) or not location:
        return None
    try:
        target = urljoin(response.url, location)
        return target if _origin(target) == _origin(response.url) else None
    except ValueError:  # the location is no URL
        return None


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
