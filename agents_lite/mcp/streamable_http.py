"""Messages over HTTP: a POST for each, answered by JSON or by a stream of events."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

import requests
from pydantic_core import to_json
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import Timeout

from ..concurrency.cancellation import Cancellation
from ..exceptions import MCPServerError, UserError
from ..http.address import redirect_target, without_query
from ..http.answer import WIRE_ERRORS
from ..http.chunked import BLOCK_SIZE
from ..http.connections import Exchange as Wire
from ..http.connections import WatchedAdapter
from ..http.endpoint import MOST_REDIRECTS
from ..http.errors import cause_in_words, excerpt, parse_json
from ..http.headers import keep_headers
from ..http.sse import EventDecoder
from ..http.surroundings import session_settings
from .protocol import (
    Message,
    can_be_taken_back,
    each_message,
    is_answer,
    is_request,
    notification,
)
from .transport import (
    ASIDE_SECONDS,
    ConnectionLost,
    ConnectionTimedOut,
    Exchange,
    HTTPRefusal,
    Transport,
    do_aside,
)

logger = logging.getLogger("agents_lite")

_LOST_SESSION = re.compile(
    r"session.{0,30}(not found|expired|invalid|unknown|terminated)"
    r"|(no valid|not valid|invalid|unknown|expired).{0,20}session",
    re.IGNORECASE,
)
"""How servers say with another status than 404 that they do not know a session."""
LAST_WORDS = 0.1
"""Seconds to wait for the end of a stream once the answer has come."""
BEGINNING = 1.0
"""Seconds to wait until a stream for what the server says of its own accord is open."""
LAST_BLOCKS = 8
"""Blocks read after the answer, in search of the end of a stream."""
MOST_RESUMPTIONS = 3
"""How often in a row a stream that brings nothing new is taken up again."""
LONGEST_PAUSE = 5.0
"""Seconds before a stream is taken up again, at most, whatever the server says."""
BASE_HEADERS = {
    "User-Agent": "agents_lite",
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
}


class HTTPTransport(Transport):
    """Speaks to a server over HTTP; any number of threads may do so at a time.

    Args:
        url: Where the server is.
        session: Sends the requests, with its headers, certificates, proxies and authentication.
        timeout: Seconds to connect, and seconds that the server may be silent.
        server_name: The server, as errors name it.
        mask: Hides secrets in what is shown of the server's words.
        longest: Bytes of a message.
    """

    has_headers = True
    cancels_by_message = False

    def __init__(
        self,
        url: str,
        session: requests.Session,
        timeout: Timeout,
        server_name: str,
        mask: Any,
        longest: int,
    ) -> None:
        self.server_name = server_name
        self.mask = mask
        self._longest = longest
        self.session_id: str | None = None
        self._url = url
        self._session = session
        for prefix, adapter in list(session.adapters.items()):
            if type(adapter) is HTTPAdapter:  # one that can be interrupted, in its place
                session.mount(prefix, WatchedAdapter())
        settings = session_settings(session, url)
        self._connect_timeout = timeout.connect_timeout
        ours = {"stream": True, "timeout": timeout, "allow_redirects": False}
        self._settings: dict[str, Any] = {**settings, **ours}
        self._listener: _Listener | None = None
        self._is_over = False

    @property
    def is_alive(self) -> bool:
        """Whether it was not closed, nor its session found to be over."""
        return not self._is_over

    @property
    def is_listening(self) -> bool:
        """Whether a stream for what the server says of its own accord is open."""
        return self._listener is not None and self._listener.is_open

    @property
    def can_listen(self) -> bool:
        """Whether the server has such a stream, as far as is known."""
        return self._listener is None or not self._listener.is_refused

    def exchange(self, message: Message, headers: Mapping[str, str]) -> HTTPExchange:
        """A request, not yet sent."""
        return HTTPExchange(self, message, headers)

    def post(self, message: Message, scope: Cancellation) -> None:
        """Send a message that has no answer."""
        wire = Wire()
        with scope.interrupting(wire.cut):
            try:
                response = self.open(wire, "POST", to_json(message), {})
                read_to_end(self, response, wire)
                response.close()
            except ConnectionLost:
                scope.check()
                raise
            finally:
                wire.release()

    def listen(self, request: Message | None, headers: Mapping[str, str]) -> None:
        """Open a stream that is read on a thread of its own, until it ends or is closed."""
        if self._listener is not None:
            self._listener.stop()
        self._listener = _Listener(self, request, headers)

    def close(self, at_once: bool = False) -> None:
        """End the session, and close the connections."""
        if self._is_over and self.session_id is None:
            return
        self._is_over = True
        if self._listener is not None:
            self._listener.stop()
        if self.session_id is not None:
            ended = {"Mcp-Session-Id": self.session_id}
            self.session_id = None
            do_aside(self._end_session, ended)
        self._session.close()

    def forget(self) -> None:
        """Let go of the parent's connections."""
        self._is_over = True
        self._session.close()

    def lose_session(self) -> None:
        """The server does not know the session any more."""
        self._is_over = True
        self.session_id = None

    def open(
        self, wire: Wire, method: str, content: bytes | None, headers: Mapping[str, str]
    ) -> requests.Response:
        """Send, and wait for the head of the answer, whatever its status.

        Raises:
            ConnectionLost: There is none.
        """
        for _ in range(MOST_REDIRECTS):
            response = self._send(wire, method, content, headers)
            status = response.status_code
            status = 308 if status == 301 else status  # it is no reason to ask in another way
            target = redirect_target(status, response.url, response.headers.get("location"))
            if target is None:
                return response
            response.close()
            self._url = target
        return response

    def post_soon(self, message: Message) -> None:
        """Send what has no answer, from another thread; it may fail."""

        def try_to_post() -> None:
            with suppress(MCPServerError):
                self.post(message, Cancellation())

        do_aside(try_to_post)

    def lost(self, error: Exception) -> ConnectionLost:
        """The error for an exchange that failed below HTTP, or within it."""
        if isinstance(error, requests.ConnectTimeout):
            what = f"no connection within {self._connect_timeout:g} seconds"
            return ConnectionTimedOut(what, self.server_name)
        if isinstance(error, TimeoutError | requests.Timeout | ReadTimeoutError):
            return ConnectionTimedOut("it was silent for too long", self.server_name)
        cause = self.mask(cause_in_words(error))
        return ConnectionLost(f"the connection failed: {cause}", self.server_name)

    def check_size(self, size: int) -> None:
        """Raise MCPServerError for a message that is longer than any is to be."""
        if size > self._longest:
            what = f"it sent a message of more than {self._longest} bytes (max_message_bytes)"
            raise MCPServerError(what, self.server_name)

    def refused(self, response: requests.Response, content: bytes) -> MCPServerError:
        """The error for an answer with another status than 2xx."""
        status = response.status_code
        text = excerpt(content, self.mask)
        if self.session_id is not None and (
            status == 404 or (status == 400 and _LOST_SESSION.search(text))
        ):
            self.lose_session()
            expired = ConnectionLost("it does not know the session any more", self.server_name)
            expired.is_unsent = True
            return expired
        text = text or "with an empty body"
        if 300 <= status < 400:
            target = without_query(response.headers.get("location") or "nowhere")
            text = f"a redirect to elsewhere is not followed, to {target}; use that address"
        if status in (404, 405) and self.session_id is None:
            text = f"{text}; is the path right? The older transport, by SSE, is not spoken here"
        challenge = response.headers.get("www-authenticate")
        if challenge and status in (401, 403):
            text = f"{text}; it wants {self.mask(challenge)}"
        return HTTPRefusal(f"HTTP {status}: {text}", self.server_name, status=status)

    def _send(
        self, wire: Wire, method: str, content: bytes | None, headers: Mapping[str, str]
    ) -> requests.Response:
        own = {"Mcp-Session-Id": self.session_id} if self.session_id is not None else {}
        fields = {**BASE_HEADERS, **self.headers, **own, **headers}
        if content is None:
            del fields["Content-Type"]
        lost: ConnectionLost
        try:
            request = requests.Request(method, self._url, headers=fields, data=content)
            prepared = self._session.prepare_request(request)
            with wire:
                response = self._session.send(prepared, **self._settings)
                wire.follow(response.raw)
                return response
        except WIRE_ERRORS as error:
            lost = self.lost(error)
        own = headers = fields = prepared = request = None  # type: ignore[assignment]
        raise lost  # without a cause, and variables, that hold the headers

    def _end_session(self, headers: Mapping[str, str]) -> None:
        wire = Wire()
        with suppress(MCPServerError):
            self.open(wire, "DELETE", None, headers).close()
        wire.release()


class HTTPExchange(Exchange):
    """A request over HTTP."""

    def __init__(
        self, transport: HTTPTransport, message: Message, headers: Mapping[str, str]
    ) -> None:
        self._transport = transport
        self._message = message
        self._headers = headers
        self._wire = Wire()
        self._stopped: SimpleQueue[None] = SimpleQueue()
        self._response: requests.Response | None = None
        self._messages: Iterator[Message] = iter(())
        self._is_sent = False
        self._is_settled = False

    def send(self, scope: Cancellation) -> None:
        """Send the request and wait for the head of the answer."""
        self._is_sent = True
        with self._cut_by(scope):
            content = to_json(self._message)
            response = self._transport.open(self._wire, "POST", content, self._headers)
            self._response = response
            self._messages = self._read(response)
        if self._message["method"] == "initialize":
            self._transport.session_id = response.headers.get("mcp-session-id")

    def receive(self, scope: Cancellation) -> Message:
        """Wait for the answer, or for a request of the server; the rest is told on the way."""
        with self._cut_by(scope):
            for message in self._messages:
                if is_answer(message):
                    self._is_settled = True
                    if self._response is not None:
                        read_to_end(self._transport, self._response, self._wire)
                    return message
                if is_request(message) and message["method"] != "ping":
                    return message
                self._transport.on_message(message)
            raise ConnectionLost("the answer broke off", self._transport.server_name)

    def close(self) -> None:
        """Take the request back, if it is not answered: by closing, in the newer revision."""
        if self._response is not None:
            self._response.close()
        if self._is_sent and not self._is_settled:
            self._wire.cut()
            if self._transport.cancels_by_message and can_be_taken_back(self._message):
                details = {"requestId": self._message["id"], "reason": "it is not waited for"}
                self._transport.post_soon(notification("notifications/cancelled", details))
        self._wire.release()

    @contextmanager
    def _cut_by(self, scope: Cancellation) -> Iterator[None]:
        """Shut the socket down when the scope ends inside the block, and raise its reason."""
        try:
            with scope.interrupting(self._cut):
                yield
        except MCPServerError:
            scope.check()
            raise

    def _cut(self) -> None:
        self._stopped.put(None)
        self._wire.cut()

    def _read(self, response: requests.Response) -> Iterator[Message]:
        transport = self._transport
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if 200 <= response.status_code < 300 and kind == "text/event-stream":
            yield from self._streamed(response)
            return
        content = b"".join(read_message(transport, response))
        try:
            messages = list(each_message(parse_json(content)))
        except ValueError:
            messages = []
        answers = [message for message in messages if self._is_answered_by(message)]
        lost_session = response.status_code == 404 and transport.session_id is not None
        if answers and not lost_session:
            yield from messages
        elif not 200 <= response.status_code < 300:
            self._is_settled = True
            raise transport.refused(response, content)
        else:
            text = excerpt(content, transport.mask) or "nothing at all"
            what = f"the answer to {self._message['method']} is no message: {text}"
            raise MCPServerError(what, transport.server_name)

    def _is_answered_by(self, message: Message) -> bool:
        """Whether a message is the answer; some servers make a text of the number."""
        return str(message.get("id")) == str(self._message["id"])

    def _streamed(self, response: requests.Response) -> Iterator[Message]:
        """The messages of a stream, which is taken up again where it ended too early."""
        decoder = ResumableDecoder()
        idle_rounds = 0
        while True:
            seen = decoder.last_id
            try:
                for message in stream_messages(self._transport, response, decoder):
                    if not is_answer(message) or self._is_answered_by(message):
                        yield message
            except ConnectionLost:
                if self._wire.is_cut or not decoder.last_id:
                    raise
            response.close()
            idle_rounds = 0 if decoder.last_id != seen else idle_rounds + 1
            if not decoder.last_id or idle_rounds > MOST_RESUMPTIONS:
                return
            with suppress(Empty):
                self._stopped.get(timeout=min(decoder.pause, LONGEST_PAUSE))
            headers = {**self._headers, "Last-Event-ID": decoder.last_id}
            response = self._response = self._transport.open(self._wire, "GET", None, headers)
            if response.status_code != 200:
                return
            decoder = ResumableDecoder(decoder.last_id)


class _Listener:
    """Reads what the server says of its own accord, on a thread that ends with the stream."""

    def __init__(
        self, transport: HTTPTransport, request: Message | None, headers: Mapping[str, str]
    ) -> None:
        self.is_open = True
        self.is_refused = False
        """Whether the server has no such stream."""
        self._begun: SimpleQueue[None] = SimpleQueue()
        self._transport = transport
        self._request = request
        self._headers = headers
        self._wire = Wire()
        self._thread = threading.Thread(target=self._read, name="agents_lite mcp", daemon=True)
        self._thread.start()
        with suppress(Empty):
            self._begun.get(timeout=BEGINNING)

    def stop(self) -> None:
        """Close the stream."""
        self.is_open = False
        self._wire.cut()
        self._thread.join(ASIDE_SECONDS)

    def _read(self) -> None:
        transport = self._transport
        method = "GET" if self._request is None else "POST"
        content = None if self._request is None else to_json(self._request)
        try:
            response = transport.open(self._wire, method, content, self._headers)
            self.is_refused = response.status_code in (404, 405, 501)
            self._begun.put(None)
            try:
                if response.status_code != 200:
                    return
                for message in stream_messages(transport, response, ResumableDecoder()):
                    if not is_answer(message):
                        transport.on_message(message)
            finally:
                response.close()
        except MCPServerError as error:
            logger.debug("%s", error)
        except Exception:
            logger.exception("A message of MCP server %s was lost", transport.server_name)
        finally:
            self.is_open = False
            self._begun.put(None)
            self._wire.release()


class ResumableDecoder(EventDecoder):
    """Also notes what is needed to take a stream up again."""

    def __init__(self, last_id: str = "") -> None:
        super().__init__()
        self.last_id = last_id
        """The id of the last event that has one."""
        self.pause = 1.0
        """Seconds to wait before the stream is taken up again."""

    def _events(self, text: bytes) -> list[bytes]:
        for line in text.split(b"\n"):
            if line.startswith(b"id:"):
                self.last_id = line[3:].strip().decode("utf-8", "replace")
            elif line.startswith(b"retry:") and line[6:].strip().isdigit():
                self.pause = int(line[6:]) / 1000
        return super()._events(text)


def stream_messages(
    transport: HTTPTransport, response: requests.Response, decoder: EventDecoder
) -> Iterator[Message]:
    """The messages of a stream of events.

    Raises:
        MCPServerError: An event holds something else, or the stream failed.
    """
    size = 0
    for block in read_blocks(transport, response):
        contents = decoder.feed(block)
        size = 0 if contents else size + len(block)
        transport.check_size(size)
        for content in contents:
            if not content.strip():  # it only tells an id
                continue
            try:
                yield from each_message(parse_json(content))
            except ValueError:
                if decoder.name_of(content) not in ("", "message"):
                    continue  # a sign of life
                text = excerpt(content, transport.mask)
                what = f"an event holds no message: {text}"
                raise MCPServerError(what, transport.server_name) from None
    for content in decoder.finish():  # the last event lacks its empty line; it may be cut, too
        with suppress(ValueError):
            yield from each_message(parse_json(content))


def read_message(transport: HTTPTransport, response: requests.Response) -> Iterator[bytes]:
    """The blocks of an answer that is one message.

    Raises:
        MCPServerError: It broke off, or is too long.
    """
    size = 0
    for block in read_blocks(transport, response):
        size += len(block)
        transport.check_size(size)
        yield block


def read_blocks(transport: HTTPTransport, response: requests.Response) -> Iterator[bytes]:
    """The body of an answer as it comes in.

    Raises:
        MCPServerError: It broke off.
    """
    while True:
        try:
            block = response.raw.read1(BLOCK_SIZE, decode_content=True)
        except WIRE_ERRORS as error:
            raise transport.lost(error) from None
        if not block:
            return
        yield block


def read_to_end(transport: HTTPTransport, response: requests.Response, wire: Wire) -> None:
    """Read what follows the answer, so that the connection can be used again."""
    wire.limit_wait(LAST_WORDS)
    with suppress(ConnectionLost):
        for _ in islice(read_blocks(transport, response), LAST_BLOCKS):
            pass


def new_session(headers: Mapping[str, str], auth: Any) -> requests.Session:
    """A session that sends these headers, and authenticates itself so (None: as requests does).

    Raises:
        UserError: A header cannot be sent; its value is not shown.
    """
    session = requests.Session()
    for name, value in headers.items():
        if not isinstance(value, str) or not value.isprintable() or not value.isascii():
            raise UserError(f"The value of the header {name!r} is no text that can be sent")
    session.headers.update(headers)
    session.auth = auth
    if auth is None and any(name.lower() == "authorization" for name in headers):
        session.auth = keep_headers
    return session
