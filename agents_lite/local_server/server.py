"""A threaded HTTP/1.1 server that answers with whatever a function returns."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic_core import from_json

from ..concurrency.forks import new_lock
from .messages import CutConnection, HTTPReply, HTTPRequest, json_reply

_LINGER_SECONDS = 1.0
_LENGTH_DIGITS = 18


class LocalServer:
    """Serves as soon as it is made, one daemon thread for each connection, until closed.

    Args:
        answer: Called for each request, on the connection's thread.
        host: The address to listen at.
        port: The port; 0 picks a free one.
        refuse: Called with each request before its body is read; a reply that it gives is all that
            is sent, and the connection is closed.
        largest_body: Bytes of a request's body, which is refused when it has more; None: any.

    Attributes:
        url: The address, such as "http://127.0.0.1:50123".
        is_closed: Whether it was closed.
    """

    def __init__(
        self,
        answer: Callable[[HTTPRequest], HTTPReply],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        refuse: Callable[[HTTPRequest], HTTPReply | None] = lambda _: None,
        largest_body: int | None = None,
    ) -> None:
        self.answer = answer
        self.refuse = refuse
        self.largest_body = largest_body
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=1024)
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self._listener.getsockname()[1]}"
        self._connections: set[socket.socket] = set()
        self.is_closed = False
        self._lock = new_lock()
        threading.Thread(target=self._accept, name="loopback-accept", daemon=True).start()

    def close(self) -> None:
        """Stop listening and cut all connections."""
        with self._lock:
            self.is_closed = True
            for connection in self._connections:
                _shut_down(connection)
        _shut_down(self._listener)  # wakes a waiting accept on Linux, as closing does elsewhere
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, address = self._listener.accept()
            except OSError:
                if self.is_closed:
                    return
                time.sleep(0.01)  # such as too many open files, which may pass
                continue
            with suppress(RuntimeError):  # too many threads, which may pass
                threading.Thread(
                    target=self._serve, args=(connection, address), name="loopback", daemon=True
                ).start()
                continue
            connection.close()

    def _serve(self, connection: socket.socket, address: Any) -> None:
        with self._lock:
            if self.is_closed:
                _shut_down(connection)
            self._connections.add(connection)
        # An OSError: the client has gone, or `close` was called.
        with suppress(OSError, CutConnection), connection:
            try:
                _Connection(connection, address, self)  # type: ignore[arg-type]
            finally:
                with self._lock:
                    self._connections.discard(connection)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):  # it may be cut already
        connection.shutdown(socket.SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    """Serves the requests of one connection; `http.server` calls the `do_` methods."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: Any

    def do_POST(self) -> None:
        try:
            length, request = self._body_length(), self._read_head()
            refusal = self.server.refuse(request) or self._refuse_length(length)
        except ValueError as error:
            refusal = HTTPReply(400, f"{error}\n".encode(), {"Content-Type": "text/plain"})
        if refusal is not None:
            self.close_connection = True
            self._send(refusal)
            self._hang_up()
            return
        request.body = self._read_body(length)
        reply = self.server.answer(request)
        try:
            self._send(reply)
        except OSError:
            request.client_left.set()
            raise

    do_GET = do_DELETE = do_POST

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _body_length(self) -> int:
        length, *others = self.headers.get_all("Content-Length", ["0"])
        if others or not length.isdecimal() or len(length) > _LENGTH_DIGITS:
            raise ValueError("Bad Content-Length")
        return int(length)

    def _refuse_length(self, length: int) -> HTTPReply | None:
        limit = self.server.largest_body
        if limit is None or (length <= limit and "Transfer-Encoding" not in self.headers):
            return None
        return json_reply({"error": f"No more than {limit} bytes can be posted"}, 413)

    def _read_head(self) -> HTTPRequest:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return HTTPRequest(self.command, url.path, dict(parse_qsl(url.query)), headers, None)

    def _read_body(self, length: int) -> Any:
        raw = self.rfile.read(length)
        try:
            return from_json(raw) if raw else None
        except ValueError:
            return raw

    def _hang_up(self) -> None:
        """Stop sending, and give the client a moment to read the answer.

        Closed with a body unread, it would be reset, and the answer lost.
        """
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        end = time.monotonic() + _LINGER_SECONDS
        while (left := end - time.monotonic()) > 0:
            self.connection.settimeout(left)
            if not self.connection.recv(1 << 16):
                return

    def _send(self, reply: HTTPReply) -> None:
        self._wait(reply.delay)
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        if isinstance(reply.body, bytes):
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for chunk in reply.body:
                if isinstance(chunk, bytes):
                    if chunk:  # an empty one would be the last
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                else:
                    self.wfile.flush()
                    self._wait(chunk)
        finally:
            if isinstance(reply.body, Generator):
                reply.body.close()  # the client may have left
        self.wfile.write(b"0\r\n\r\n")

    def _wait(self, seconds: float) -> None:
        """Wait so long, or until the client closes the connection: then raise an OSError."""
        if not seconds:
            return
        self.connection.settimeout(seconds)
        try:
            if not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError("The client closed the connection.")
        except TimeoutError:
            pass
        finally:
            self.connection.settimeout(None)
