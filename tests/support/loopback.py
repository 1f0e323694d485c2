"""A raw HTTP server on 127.0.0.1 that plays any answer or fault, byte for byte."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).with_name("self_signed.pem")
"""Key and self-signed certificate of 127.0.0.1 and localhost."""
EXPIRED = CERTIFICATE.with_name("expired.pem")
"""Another one, of 2020."""


@dataclass
class Received:
    """A request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Peer:
    """The server's end of a connection, for answers that are played by hand."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._pending = b""
        self.request: Received | None = None
        self.client_left = threading.Event()
        """Set once the client has closed its end, as far as `hang` has seen."""

    def send(self, content: bytes) -> None:
        self._sock.sendall(content)

    def send_bytewise(self, content: bytes) -> None:
        for byte in content:
            self._sock.sendall(bytes([byte]))

    def end(self) -> None:
        """End what is read and sent, from any thread; its own thread closes the connection.

        TLS that is at work sends an alert then, which would go to whatever has the number next.
        """
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self.end()
        self._sock.close()

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def hang(self) -> None:
        """Say nothing more until the client closes."""
        with suppress(OSError):
            while self._sock.recv(65536):
                pass
        self.client_left.set()
        self._sock.close()

    def tunnel(self) -> None:
        """Answer CONNECT as a proxy does: pass bytes on to where the request says, and back."""
        assert self.request is not None
        host, port = self.request.path.split(":")
        with socket.create_connection((host, int(port))) as target:
            self.send(b"HTTP/1.1 200 Connected\r\n\r\n")
            threading.Thread(target=_pass_on, args=[target, self._sock], daemon=True).start()
            _pass_on(self._sock, target)

    def receive(self) -> Received | None:
        """The next request, or None when the client has left."""
        head = self._read_until(b"\r\n\r\n")
        if head is None:
            return None
        request_line, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = request_line.split(" ", 2)
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", 0))
        while len(self._pending) < length:
            block = self._sock.recv(1 << 20)
            if not block:
                return None
            self._pending += block
        content, self._pending = self._pending[:length], self._pending[length:]
        return Received(method, path, headers, content)

    def _read_until(self, mark: bytes) -> bytes | None:
        while mark not in self._pending:
            block = self._sock.recv(65536)
            if not block:
                return None
            self._pending += block
        found, _, self._pending = self._pending.partition(mark)
        return found


@contextmanager
def socks_proxy(reply: int = 0) -> Iterator[str]:
    """A SOCKS proxy without a login; gives its host and port.

    Args:
        reply: What it says to each request; 0: it passes bytes on to where that says, and back.
    """

    def serve(client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as asked:
            asked.read(asked.read(2)[1])
            client.sendall(b"\5\0")
            asked.read(4)
            host, port = socket.inet_ntoa(asked.read(4)), int.from_bytes(asked.read(2), "big")
            with socket.create_connection((host, port)) as target:
                client.sendall(bytes([5, reply, 0, 1, *bytes(6)]))
                if reply == 0:
                    threading.Thread(target=_pass_on, args=[target, client], daemon=True).start()
                    _pass_on(client, target)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            target.sendall(content)


Answer = bytes | Callable[[Peer], object]
"""Bytes to send, or a function that plays with the connection."""


class LoopbackServer:
    """Gives each request the next answer of its script.

    A request too many is refused, and reported when the `with` block ends.

    Args:
        answers: One for each request, over all connections.
        always: Given to every request instead.
        tls: Speak TLS with a self-signed certificate.
        certificate: With this one.
    """

    def __init__(
        self,
        *answers: Answer,
        always: Answer | None = None,
        tls: bool = False,
        certificate: Path = CERTIFICATE,
    ) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.peers: list[Peer] = []
        self._answers = list(answers)
        self._always = always
        self._too_many = 0
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)

    @property
    def origin(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.origin}/v1"

    def __enter__(self) -> LoopbackServer:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, exc_type: object, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self.peers:
            peer.end()
        if exc_type is None and self._too_many:
            raise AssertionError(f"{self._too_many} requests came for which there was no answer")

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                threading.Thread(target=self._serve, args=[sock], daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            with sock:
                peer = Peer(sock)
                self.peers.append(peer)
                while (request := peer.receive()) is not None:
                    peer.request = request
                    self._play(self._next_answer(request), peer)

    def _next_answer(self, request: Received) -> Answer:
        with self._lock:
            self.requests.append(request)
            if self._always is not None:
                return self._always
            if self._answers:
                return self._answers.pop(0)
            self._too_many += 1
            return http_answer(418, b"the script of the test has no more answers")

    def _play(self, answer: Answer, peer: Peer) -> None:
        if isinstance(answer, bytes):
            peer.send(answer)
        else:
            answer(peer)


def http_answer(
    status: int = 200,
    content: bytes | str | dict[str, Any] = b"",
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """An answer with a Content-Length; the connection stays open."""
    if isinstance(content, dict):
        content = json.dumps(content)
    body = content.encode() if isinstance(content, str) else content
    fields = {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
    return _head(status, fields) + body


def stream_head(headers: Mapping[str, str] | None = None) -> bytes:
    """What precedes the chunks of a stream."""
    return _head(
        200,
        {
            "Content-Type": "text/event-stream; charset=utf-8",
            "Transfer-Encoding": "chunked",
            **(headers or {}),
        },
    )


def unframed_head(headers: Mapping[str, str] | None = None) -> bytes:
    """What precedes a stream that ends where its connection does."""
    return _head(
        200, {"Content-Type": "text/event-stream", "Connection": "close", **(headers or {})}
    )


def chunk(content: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(content), content)


LAST_CHUNK = b"0\r\n\r\n"


def event_bytes(event: dict[str, Any]) -> bytes:
    """An event as servers write it."""
    return f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n".encode()


def stream_answer(
    events: Iterable[dict[str, Any]] | bytes, headers: Mapping[str, str] | None = None
) -> bytes:
    """A whole stream, one chunk for each event."""
    chunks = [chunk(events)] if isinstance(events, bytes) else [
        chunk(event_bytes(event)) for event in events
    ]
    return stream_head(headers) + b"".join(chunks) + LAST_CHUNK


def _head(status: int, fields: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode("latin-1")
