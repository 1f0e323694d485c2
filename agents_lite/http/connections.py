"""Connections that another thread can cut short, pooled under a requests adapter.

Built on `HTTPAdapter` of requests, so proxies, certificates and mocks of it work as ever; below it
urllib3 is given connection classes that tell the request under way which socket it waits on.
"""

from __future__ import annotations

import _socket
import logging
import queue
import re
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

# Where those stay that somebody replaces in urllib3.connection, to record traffic for example.
from urllib3.connectionpool import (  # type: ignore[attr-defined]
    HTTPConnection,
    HTTPSConnection,
)
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util import SKIP_HEADER, Timeout, wait_for_read

from ..concurrency.forks import in_child, new_lock
from ..concurrency.timers import call_at
from ..concurrency.workers import let_others_begin
from .address import without_query
from .chunked import BlockResponse

POOL_SIZE = 1000
"""Idle connections kept to one host for a moment; more may be open at a time."""
KEPT = 20
"""Idle connections kept for longer."""
MOMENT = 5.0
"""Seconds that a burst of requests may take to come again."""
LONGEST_IDLE = 300.0
"""Seconds after which a connection is not used again."""
KEEPALIVE = (("TCP_KEEPIDLE", 45), ("TCP_KEEPALIVE", 45), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 8))
"""Seconds of silence, and between probes; what stands between forgets silent connections, and a
model may think for minutes. Each system has some of the options.
"""

_is_plain = re.compile(rf"[!-9;-~]+\n(?!{SKIP_HEADER})[ -~]*").fullmatch

_lock = new_lock()  # of all exchanges: it is held for a moment only


class Exchange:
    """The socket that a request waits on, known from before it connects.

    `cut` ends every wait on it at once, from any thread; only a DNS lookup cannot be interrupted,
    its request ends as soon as the lookup does.
    """

    def __init__(self) -> None:
        self.is_cut = False
        self.was_idle_too_long = False
        """Whether the server had closed the connection, kept from before, that was used last."""
        self._socket: Any = None

    def watch(self, sock: Any) -> None:
        """Wait on this socket from now on.

        Raises:
            ConnectionAbortedError: The request was cut short before.
        """
        with _lock:
            self._socket = sock
            if self.is_cut:
                raise ConnectionAbortedError("the request was cut short")

    def follow(self, answer: Any) -> None:
        """Watch what an answer of urllib3 is read from, when another kind of adapter sent it."""
        if self._socket is None:
            self.watch(getattr(getattr(answer, "connection", None), "sock", None))

    def release(self) -> None:
        """Wait on no socket any more: it goes back to the pool, where others take it."""
        with _lock:
            self._socket = None

    def cut(self) -> None:
        """Shut the socket down; what waits on it fails or ends."""
        with _lock:
            self.is_cut = True
            if self._socket is not None:
                _shut_down(self._socket)

    def limit_wait(self, seconds: float) -> None:
        """Let each read of the rest of this answer wait no longer than so many seconds."""
        with _lock, suppress(OSError):
            if self._socket is not None:
                self._socket.settimeout(min(seconds, self._socket.gettimeout() or seconds))

    def __enter__(self) -> None:
        """Watch the connection that this thread sends a request on inside the block."""
        _urllib3_log.addFilter(_hide_query)
        _sending[threading.get_ident()] = self

    def __exit__(self, *_exception: object) -> None:
        _sending.pop(threading.get_ident(), None)


# How a connection, made deep inside urllib3, finds the exchange it serves: by the thread.
# Each of hundreds of threads would have objects of its own for a `threading.local`.
_sending: dict[int, Exchange] = {}
in_child(_sending.clear)
_urllib3_log = logging.getLogger("urllib3.connectionpool")


def _exchange_here() -> Exchange | None:
    return _sending.get(threading.get_ident())


def _hide_query(record: logging.LogRecord) -> bool:
    """Leave out of the log of urllib3, which names each URL, what a query of ours may hold."""
    if _exchange_here() is not None and isinstance(record.args, tuple):
        record.args = tuple(
            without_query(each) if isinstance(each, str) else each for each in record.args
        )
    return True


def _shut_down(sock: Any) -> None:
    sock = getattr(sock, "socket", sock)  # TLS inside the TLS of a proxy wraps the socket
    sock = getattr(sock, "fd", sock)  # eventlet wraps it, too
    with suppress(OSError):
        if isinstance(sock, _socket.socket):
            # SSLSocket.shutdown would also drop the TLS state under the thread that is reading.
            _socket.socket.shutdown(sock, socket.SHUT_RDWR)
        else:
            sock.shutdown(socket.SHUT_RDWR)


def _wait_for_answer(sock: Any, seconds: float | None) -> None:
    """Wait until there is something to be read: from then on there is a buffer of 8 KB for it.

    Raises:
        TimeoutError: Nothing has come.
    """
    is_known = isinstance(sock, _socket.socket)  # behind others something may have come already
    if is_known and not getattr(sock, "pending", int)() and not wait_for_read(sock, seconds):
        raise TimeoutError


def _keep_alive(sock: socket.socket) -> None:
    with suppress(OSError):  # it is no TCP
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class _Watched(HTTPConnection):
    """A connection that shows its socket to the exchange it serves.

    It also sends a request's headers and body together, which halves the cost of sending.
    """

    response_class = BlockResponse
    exchange: Exchange | None = None
    send_timeout: float | None = None
    _hides_socket = False  # as a TLS handshake does, until it is done: a duplicate is watched
    _connecting: socket.socket | None = None
    _is_ending_headers = False
    _held_headers = b""

    def request(self, *args: Any, **options: Any) -> None:
        self.exchange = _exchange_here()
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

    def putheader(self, header: Any, *values: Any) -> None:
        """Write a header; where it is plain, without the looks that two layers take at it."""
        if len(values) == 1 and type(header) is type(values[0]) is str:
            if _is_plain(f"{header}\n{values[0]}"):
                self._buffer.append(f"{header}: {values[0]}".encode())  # type: ignore[attr-defined]
                return
        super().putheader(header, *values)

    def getresponse(self) -> Any:
        let_others_begin()
        _wait_for_answer(self.sock, self.timeout)
        return super().getresponse()

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
        exchange = self.exchange = _exchange_here()
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
        let_others_begin()
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
            _keep_alive(sock)
            sock.settimeout(self.timeout)
            if self.exchange is not None:
                if self._hides_socket:
                    self._connecting = sock.dup()
                self.exchange.watch(self._connecting or sock)
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
    _hides_socket = True


class IdleConnections:
    """What urllib3 asks of a pool's queue; the connection put back last is given out first.

    A `queue.LifoQueue` is locked in Python code, where an interrupt may leave it locked. Here each
    step is one for all threads. Connections that nobody needs are closed: after a moment all but
    a few, after a while those, too.
    """

    def __init__(self, maxsize: int = 0) -> None:
        self._maxsize = maxsize
        self._idle: deque[tuple[float, Any]] = deque()
        self._is_sweep_due = False

    def qsize(self) -> int:
        """How many there are."""
        return len(self._idle)

    def put(self, connection: Any, block: bool = True, timeout: float | None = None) -> None:
        """Take a connection back; None, which urllib3 fills its queues with, is not needed.

        Raises:
            queue.Full: There are too many.
        """
        if connection is None:
            return
        if len(self._idle) >= self._maxsize:
            raise queue.Full
        now = time.monotonic()
        self._idle.append((now, connection))
        if len(self._idle) > 1:
            self._close_idle(0, now - LONGEST_IDLE)
        if len(self._idle) > KEPT and not self._is_sweep_due:
            self._is_sweep_due = True
            call_at(now + MOMENT, self._sweep)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The connection that was put back last.

        Raises:
            queue.Empty: There is none.
        """
        try:
            return self._idle.pop()[1]
        except IndexError:
            raise queue.Empty from None

    def _sweep(self) -> None:
        self._is_sweep_due = False
        self._close_idle(KEPT, time.monotonic() - MOMENT)
        if len(self._idle) > KEPT:
            self._is_sweep_due = True
            call_at(time.monotonic() + MOMENT, self._sweep)

    def _close_idle(self, kept: int, since: float) -> None:
        """Close those idle since that time (of `time.monotonic()`), but leave so many."""
        with suppress(IndexError):  # other threads take them
            while len(self._idle) > kept and self._idle[0][0] <= since:
                self._idle.popleft()[1].close()


class _Loan:
    """A connection as an answer has it: given back or closed once.

    urllib3 gives it back first and forgets it then. An interrupt between the two would have it
    given back twice, and two requests share it.
    """

    def __init__(self, connection: _Watched) -> None:
        self._owed = [connection]

    def end(self) -> _Watched | None:
        """The connection, or None where it was given back before."""
        return self._owed.pop() if self._owed else None

    def close(self) -> None:
        """Close the connection, unless it was given back."""
        connection = self.end()
        if connection is not None:
            connection.close()


class _Pool(HTTPConnectionPool):
    QueueCls = IdleConnections  # type: ignore[assignment]
    _watched: type[_Watched] = _Watched
    _of_urllib3: type[HTTPConnectionPool] = HTTPConnectionPool

    @property
    def ConnectionCls(self) -> Any:  # type: ignore[override]
        """Ours, unless somebody has replaced urllib3's, to record or play traffic for example."""
        current = self._of_urllib3.ConnectionCls
        return self._watched if current.__module__ == "urllib3.connection" else current

    def _make_request(self, conn: Any, *args: Any, **options: Any) -> Any:
        conn.send_timeout = options["timeout"].read_timeout
        if options["response_conn"] is not None and isinstance(conn, _Watched):
            options["response_conn"] = _Loan(conn)
        was_kept = conn.sock is not None
        try:
            return super()._make_request(conn, *args, **options)
        except ConnectionResetError:
            if was_kept and (exchange := _exchange_here()) is not None:
                exchange.was_idle_too_long = True
            raise

    def _put_conn(self, conn: Any) -> None:
        if isinstance(conn, _Loan):
            conn = conn.end()
        if getattr(conn, "exchange", None) is not None:
            conn.exchange.release()
            conn.exchange = None
        super()._put_conn(conn)


class _TLSPool(_Pool, HTTPSConnectionPool):  # type: ignore[override]
    _watched: type[_Watched] = _WatchedTLS
    _of_urllib3 = HTTPSConnectionPool


_POOLS = {"http": _Pool, "https": _TLSPool}


def _pools_for(proxy: str | None) -> dict[str, type[_Pool]]:
    if proxy and proxy.lower().startswith("socks"):
        from .socks import POOLS  # only those who need it pay for it

        return POOLS
    return _POOLS


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

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """What a request line names; without a proxy the path, with no need to look for one."""
        if self._pool is None or self._pool.proxy is not None:
            return super().request_url(request, proxies)
        return request.path_url

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """The answer as one of `requests`, without its cookies, which nobody wants."""
        answer = getattr(resp, "_original_response", None)
        if not isinstance(answer, BlockResponse):
            return super().build_response(req, resp)
        resp._original_response = None
        try:
            return super().build_response(req, resp)
        finally:
            resp._original_response = answer

    def close(self) -> None:
        """Close idle connections."""
        self._pool = None
        super().close()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Make the pools of connections through a proxy."""
        pools = super().proxy_manager_for(proxy, **options)
        pools.pool_classes_by_scheme = _pools_for(proxy)
        return pools


class WaitLimits(Timeout):
    """How long is waited; urllib3 takes copies, for a clock in each of them."""

    def clone(self) -> WaitLimits:
        """A copy, for which the limits are not checked again."""
        copy = object.__new__(WaitLimits)
        vars(copy).update(vars(self), _start_connect=None)
        return copy


def watch_connections(adapter: Any, url: str, proxies: Any) -> None:
    """Have a plain adapter of the user make connections that can be interrupted.

    Those of other classes are left alone, and so is one that waits for a free connection.
    """
    if type(adapter) is not HTTPAdapter or adapter._pool_block:  # type: ignore[attr-defined]
        return
    proxy = select_proxy(url, proxies)
    pools = adapter.proxy_manager_for(proxy) if proxy else adapter.poolmanager
    ours = _pools_for(proxy)
    if pools.pool_classes_by_scheme is not ours:
        pools.clear()
        pools.pool_classes_by_scheme = ours


def renew_connections(session: requests.Session) -> None:
    """Give a session that came here by a fork connections of its own; it shares its old ones.

    It is done as if the session had been pickled and loaded again, since its locks may be held by
    a thread that is not here.
    """
    for adapter in session.adapters.values():
        if isinstance(adapter, HTTPAdapter):
            adapter.__setstate__(adapter.__getstate__())  # type: ignore[attr-defined]
