"""Connections that another thread can cut short, pooled under a requests adapter.

Built on `HTTPAdapter` of requests, so proxies, certificates and mocks of it work as ever; below it
urllib3 is given connection classes that tell the request under way which socket it waits on.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from .chunked import BlockResponse

POOL_SIZE = 1000
"""Idle connections kept to one host; more may be open at a time."""


class Exchange:
    """The socket that a request waits on, known from before it connects.

    `cut` ends every wait on it at once, from any thread; only a DNS lookup cannot be interrupted,
    its request ends as soon as the lookup does.
    """

    def __init__(self) -> None:
        self.is_cut = False
        self._lock = threading.Lock()
        self._socket: Any = None

    def watch(self, sock: Any) -> None:
        """Wait on this socket from now on.

        Raises:
            ConnectionAbortedError: The request was cut short before.
        """
        with self._lock:
            self._socket = sock
            if self.is_cut:
                raise ConnectionAbortedError("the request was cut short")

    def follow(self, answer: Any) -> None:
        """Watch what an answer of urllib3 is read from, when another kind of adapter sent it."""
        if self._socket is None:
            self.watch(getattr(getattr(answer, "connection", None), "sock", None))

    def release(self) -> None:
        """Wait on no socket any more: it goes back to the pool, where others take it."""
        with self._lock:
            self._socket = None

    def cut(self) -> None:
        """Shut the socket down; what waits on it fails or ends."""
        with self._lock:
            self.is_cut = True
            if self._socket is not None:
                _shut_down(self._socket)

    def limit_wait(self, seconds: float) -> None:
        """Let each read of the rest of this answer wait no longer than so many seconds."""
        with self._lock, suppress(OSError):
            if self._socket is not None:
                self._socket.settimeout(min(seconds, self._socket.gettimeout() or seconds))

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Watch the connection that this thread sends a request on inside the block."""
        _sending.exchange = self
        try:
            yield
        finally:
            _sending.exchange = None


class _Sending(threading.local):
    exchange: Exchange | None = None


_sending = _Sending()  # how a connection, made deep inside urllib3, finds the exchange it serves


def _shut_down(sock: Any) -> None:
    sock = getattr(sock, "socket", sock)  # TLS inside the TLS of a proxy wraps the socket
    with suppress(OSError):
        # SSLSocket.shutdown would also drop the TLS state under the thread that is reading.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Watched(HTTPConnection):
    """A connection that shows its socket to the exchange it serves.

    It also sends a request's headers and body together, which halves the cost of sending.
    """

    response_class = BlockResponse
    exchange: Exchange | None = None
    send_timeout: float | None = None
    _connecting: socket.socket | None = None
    _is_ending_headers = False
    _held_headers = b""

    def request(self, *args: Any, **options: Any) -> None:
        self.exchange = _sending.exchange
        if self.sock is None:
            self.connect()
        elif self.exchange is not None:
            self.exchange.watch(self.sock)
        self.timeout = self.send_timeout  # that of connecting would limit the whole upload
        try:
            super().request(*args, **options)
            if self._held_headers:  # there was no body
                self.send(b"")
        except TimeoutError as error:
            raise ReadTimeoutError(None, "", str(error)) from error  # type: ignore[arg-type]

    def endheaders(self, *args: Any, **options: Any) -> None:
        self._is_ending_headers = True
        super().endheaders(*args, **options)

    def send(self, data: Any) -> None:
        if self._is_ending_headers:
            self._is_ending_headers = False
            self._held_headers = data
            return
        headers, self._held_headers = self._held_headers, b""
        super().send(headers + data if headers else data)

    def connect(self) -> None:
        exchange = self.exchange = _sending.exchange
        try:
            super().connect()
        except TimeoutError as error:  # of a proxy's or a TLS handshake
            raise ConnectTimeoutError(self, str(error)) from error
        else:
            if exchange is not None:
                exchange.watch(self.sock)
        finally:
            self._end_connecting()

    def _new_conn(self) -> socket.socket:
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        failure: OSError = OSError("the host has no address")
        for family, kind, protocol, _, address in addresses:
            try:
                return self._connect_to(socket.socket(family, kind, protocol), address)
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"no connection in {self.timeout:g} s") from failure
        raise NewConnectionError(self, str(failure)) from failure

    def _connect_to(self, sock: socket.socket, address: Any) -> socket.socket:
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(self.timeout)
            if self.exchange is not None:
                # A duplicate, since a TLS handshake takes the socket over and hides it until done.
                self._connecting = sock.dup()
                self.exchange.watch(self._connecting)
            sock.connect(address)
            return sock
        except BaseException:
            sock.close()
            self._end_connecting()
            raise

    def _end_connecting(self) -> None:
        if self._connecting is not None:
            self._connecting.close()
            self._connecting = None


class _WatchedTLS(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched

    def _make_request(self, conn: Any, *args: Any, **options: Any) -> Any:
        conn.send_timeout = options["timeout"].read_timeout
        return super()._make_request(conn, *args, **options)

    def _put_conn(self, conn: Any) -> None:
        if conn is not None and conn.exchange is not None:
            conn.exchange.release()
            conn.exchange = None
        super()._put_conn(conn)


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


_POOLS = {"http": _Pool, "https": _TLSPool}


class WatchedAdapter(HTTPAdapter):
    """An adapter of requests, for one server, whose connections `Exchange.cut` can interrupt."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=POOL_SIZE)
        self._pool: Any = None

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """The pool of the server, looked up once, since proxies and certificates do not change."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **options)
        return self._pool

    def close(self) -> None:
        """Close idle connections."""
        self._pool = None
        super().close()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Make the pools of connections through a proxy; a SOCKS proxy brings its own kind."""
        pools = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            pools.pool_classes_by_scheme = _POOLS
        return pools
