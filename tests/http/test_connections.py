from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
import tracemalloc

import pytest
import requests

from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.concurrency.workers import before_waiting
from agents_lite.http.client import ResponsesClient
from agents_lite.http.connections import KEPT, Exchange, IdleConnections, WatchedAdapter
from tests.support.asking import GOOD, client_of
from tests.support.interrupts import cut_off_silently as cut_off_silently
from tests.support.interrupts import interrupts
from tests.support.loopback import CERTIFICATE, LoopbackServer, http_answer, socks_proxy
from tests.support.waiting import wait_until, wait_until_asleep


def test_a_request_cut_short_during_its_dns_lookup_does_not_connect():
    exchange = Exchange()
    exchange.cut()

    with socket.socket() as sock, pytest.raises(ConnectionAbortedError):
        exchange.watch(sock)


class Closable:
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_the_connection_put_back_last_is_given_out_first():
    idle = IdleConnections(2)
    first, second = Closable(), Closable()
    for connection in (None, first, second):
        idle.put(connection, block=False)

    assert idle.qsize() == 2
    with pytest.raises(queue.Full):
        idle.put(Closable())
    assert [idle.get(block=False), idle.get(block=False)] == [second, first]
    with pytest.raises(queue.Empty):
        idle.get(block=False)


def test_idle_connections_are_closed_a_moment_after_a_burst(monkeypatch):
    monkeypatch.setattr("agents_lite.http.connections.MOMENT", 0.05)
    idle = IdleConnections(1000)
    connections = [Closable() for _ in range(50)]
    for connection in connections:
        idle.put(connection)

    wait_until(lambda: idle.qsize() <= KEPT)

    assert [each.is_closed for each in connections] == [True] * (50 - KEPT) + [False] * KEPT


def test_a_connection_that_was_idle_for_long_is_closed_by_the_next_that_comes_back(monkeypatch):
    monkeypatch.setattr("agents_lite.http.connections.LONGEST_IDLE", 0.0)
    idle = IdleConnections(10)
    old, new = Closable(), Closable()
    idle.put(old)
    idle.put(new)

    assert old.is_closed


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this system has other options")
@pytest.mark.parametrize("is_proxied", [False, True])
def test_connections_are_kept_alive_while_a_model_thinks(is_proxied):
    sockets, options = [], []

    class Recording(Exchange):
        def watch(self, sock):
            sockets.append(sock)
            super().watch(sock)

    def look(peer):
        options.append(sockets[-1].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        options.append(sockets[-1].getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
        peer.send(http_answer(200, {"status": "completed", "output": []}))

    with (
        LoopbackServer(look) as server,
        socks_proxy() as proxy,
        pytest.MonkeyPatch.context() as patch,
    ):
        if is_proxied:
            patch.setenv("all_proxy", f"socks5h://{proxy}")
        patch.setattr("agents_lite.http.client.Exchange", Recording)
        client = ResponsesClient(base_url=server.base_url, api_key="k", max_retries=0)
        list(client.stream({}, cancellation=Cancellation()))

    assert options[0] == 1
    assert options[1] < 60


@pytest.mark.usefixtures("cut_off_silently")
def test_a_connection_is_given_back_once_wherever_that_was_interrupted():
    with LoopbackServer(always=http_answer(200, {})) as server, requests.Session() as session:
        adapter = WatchedAdapter()
        session.mount("http://", adapter)
        answers = [session.get(server.base_url, stream=True) for _ in range(300)]

        def read() -> None:
            answer = answers.pop()
            try:
                assert answer.content == b"{}"
            finally:
                answer.close()

        for _kept in interrupts(read, every=1):
            pass
        idle = adapter._pool.pool
        given_back = [idle.get() for _ in range(idle.qsize())]
        assert len(set(given_back)) == len(given_back) > 20
        assert all(each.sock for each in given_back)


def test_work_that_connects_or_waits_for_an_answer_lets_other_work_begin():
    heard: list[str] = []

    def answer(peer):
        heard.append("the server")
        peer.send(http_answer(200, {"status": "completed", "output": []}))

    with LoopbackServer(answer, answer) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k", max_retries=0)
        for _ in range(2):  # the second time there is a connection
            before_waiting(lambda: heard.append("the work"))
            list(client.stream({}, cancellation=Cancellation()))

    assert sorted(heard) == ["the server", "the server", "the work", "the work"]
    assert heard[0] == "the work"


@pytest.mark.parametrize("tls", [False, True])
def test_while_an_answer_is_waited_for_there_is_no_buffer_for_it(tls, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    waiting = threading.get_native_id()
    of_files = tracemalloc.Filter(True, socket.__file__)
    held: list[int] = []

    def answer(peer):
        wait_until_asleep(waiting)
        traces = tracemalloc.take_snapshot().filter_traces([of_files]).traces
        held.append(sum(trace.size for trace in traces))
        peer.send(GOOD)

    with LoopbackServer(GOOD, answer, tls=tls) as server:
        client = client_of(server)
        list(client.stream({}, cancellation=Cancellation()))  # a handshake is not an answer
        tracemalloc.start()
        try:
            list(client.stream({}, cancellation=Cancellation()))
        finally:
            tracemalloc.stop()

    assert held[0] < 2000


GREEN = """
import eventlet
eventlet.monkey_patch()
import time
from agents_lite.concurrency.cancellation import Cancellation, RunCancelled
from agents_lite.http.client import ResponsesClient

listener = eventlet.listen(("127.0.0.1", 0))
url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
cancellation = Cancellation()
eventlet.spawn_after(0.1, cancellation.cancel, RunCancelled())
client = ResponsesClient(base_url=url, api_key="k", timeout=100)
started = time.monotonic()
try:
    list(client.stream({}, cancellation=cancellation))
except RunCancelled:
    print("cancelled" if time.monotonic() - started < 80 else "late")
"""


def test_cancelling_reaches_a_socket_of_eventlet():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GREEN], capture_output=True, text=True, timeout=300
    )

    assert done.stdout == "cancelled\n", done.stderr
