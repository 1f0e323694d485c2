from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from agents_lite.local_server.messages import CutConnection, json_reply
from agents_lite.local_server.server import LocalServer
from agents_lite.testing import HTTPReply, HTTPRequest
from tests.support.waiting import wait_until


@contextmanager
def serving(answer: Callable[[HTTPRequest], HTTPReply]) -> Iterator[LocalServer]:
    server = LocalServer(answer)
    try:
        yield server
    finally:
        server.close()


def connect(server: LocalServer) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def test_the_request_is_handed_over_whole():
    seen = []

    def answer(request: HTTPRequest) -> HTTPReply:
        seen.append(request)
        return json_reply({"ok": True})

    with serving(answer) as server:
        url = server.url + "/a/b?x=1&y=two"
        reply = requests.post(url, json={"n": [1]}, headers={"X-Key": "k"}, timeout=60)
        requests.get(server.url + "/none", timeout=60)
        requests.post(server.url, data=b"\xff no json", timeout=60)
    assert reply.json() == {"ok": True}
    request = seen[0]
    assert (request.method, request.path, request.query) == ("POST", "/a/b", {"x": "1", "y": "two"})
    assert (request.headers["x-key"], request.body) == ("k", {"n": [1]})
    assert [request.body for request in seen[1:]] == [None, b"\xff no json"]


def test_a_connection_serves_request_after_request():
    with serving(lambda request: json_reply(request.path)) as server, connect(server) as client:
        for path in ("/one", "/two", "/three"):
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert client.recv(1000).endswith(b'"%s"' % path.encode())


def test_chunks_arrive_as_they_were_cut_and_waits_let_them_through():
    go_on = threading.Event()

    def chunks() -> Iterator[bytes | float]:
        yield b"one"
        yield 0.01
        assert go_on.wait(60)
        yield b""  # which would be the end
        yield b"two"

    with serving(lambda request: HTTPReply(body=chunks())) as server:
        reply = requests.get(server.url, stream=True, timeout=60)
        arriving = reply.raw.stream()
        assert next(arriving) == b"one"
        go_on.set()
        assert list(arriving) == [b"two"]


def test_a_delayed_answer_is_dropped_when_the_client_leaves():
    seen: list[HTTPRequest] = []

    def answer(request: HTTPRequest) -> HTTPReply:
        seen.append(request)
        return HTTPReply(body=b"late", delay=60)

    with serving(answer) as server:
        with pytest.raises(requests.ReadTimeout):
            requests.get(server.url, timeout=(60, 0.05))
        wait_until(lambda: seen)
        assert seen[0].client_left.wait(60)


def test_a_client_that_leaves_in_the_middle_of_a_stream_is_noticed():
    seen: list[HTTPRequest] = []

    def endless() -> Iterator[bytes | float]:
        while True:
            yield b"x"
            yield 0.005

    def answer(request: HTTPRequest) -> HTTPReply:
        seen.append(request)
        return HTTPReply(body=endless())

    with serving(answer) as server:
        with requests.get(server.url, stream=True, timeout=60) as reply:
            next(reply.raw.stream())
        assert seen[0].client_left.wait(60)


def test_a_cut_connection_ends_without_a_last_chunk():
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise CutConnection

    with serving(lambda request: HTTPReply(body=chunks())) as server:
        reply = requests.get(server.url, stream=True, timeout=60)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            reply.content  # noqa: B018


def test_closing_cuts_waiting_connections_and_refuses_new_ones():
    asked = threading.Event()

    def answer(request: HTTPRequest) -> HTTPReply:
        asked.set()
        return HTTPReply(body=b"late", delay=60)

    with serving(answer) as server:
        idle, waiting = connect(server), connect(server)
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.wait(60)
        server.close()
        assert idle.recv(10) == b""
        assert waiting.recv(10) == b""
        with pytest.raises(OSError):
            connect(server).recv(10)
        idle.close()
        waiting.close()


def test_no_thread_is_left_after_closing():
    before = set(threading.enumerate())
    with serving(lambda request: HTTPReply(body=b"ok")) as server:
        with requests.Session() as session:
            assert session.get(server.url, timeout=60).content == b"ok"
            server.close()
    wait_until(
        lambda: (
            not any(
                thread.name.startswith("loopback") for thread in set(threading.enumerate()) - before
            )
        )
    )


def test_hundreds_of_connections_are_served_at_the_same_time():
    together = threading.Barrier(300)

    def answer(request: HTTPRequest) -> HTTPReply:
        together.wait(60)
        return HTTPReply(body=b"ok")

    with serving(answer) as server:
        sockets = [connect(server) for _ in range(300)]
        for each in sockets:
            each.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for each in sockets:
            each.settimeout(60)
            assert each.recv(100).startswith(b"HTTP/1.1 200")
            each.close()


@pytest.mark.parametrize(
    "head",
    [
        "POST / HTTP/1.1\r\nContent-Length: x",
        "POST / HTTP/1.1\r\nContent-Length: -1",
        "POST / HTTP/1.1\r\nContent-Length: 1.5",
        f"POST / HTTP/1.1\r\nContent-Length: {'9' * 5000}",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
        "GET http://[ HTTP/1.1",
    ],
)
def test_a_head_that_is_none_is_a_bad_request_and_no_more(
    head: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda request: json_reply({})) as server, connect(server) as client:
        client.sendall(f"{head}\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("head", ["Content-Length: 11", "Transfer-Encoding: chunked"])
def test_a_body_larger_than_allowed_is_refused_before_it_is_read(head: str) -> None:
    server = LocalServer(lambda request: json_reply({}), largest_body=10)
    try:
        with connect(server) as client:
            client.sendall(f"POST / HTTP/1.1\r\n{head}\r\n\r\n".encode())
            assert client.recv(1000).startswith(b"HTTP/1.1 413 ")
        assert requests.post(server.url, data=b"1234567890", timeout=60).ok
    finally:
        server.close()


def test_a_server_that_finds_no_thread_hangs_up_and_goes_on(monkeypatch: pytest.MonkeyPatch):
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with serving(lambda request: json_reply("there")) as server:
        with monkeypatch.context() as crowded:
            crowded.setattr(threading.Thread, "start", no_thread)
            with connect(server) as client:
                assert client.recv(1000) == b""
        assert requests.get(server.url, timeout=20).json() == "there"


def test_a_server_out_of_file_descriptors_goes_on_once_there_are_some():
    program = """
import resource, socket, time
from agents_lite.local_server.messages import json_reply
from agents_lite.local_server.server import LocalServer

server = LocalServer(lambda request: json_reply({}))
address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
clients = [socket.socket() for _ in range(2)]
free = socket.socket()
number = free.fileno()
free.close()
resource.setrlimit(resource.RLIMIT_NOFILE, (number, 1000))
for client in clients:
    client.connect(address)
time.sleep(0.1)
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))
for client in clients:
    client.settimeout(60)
    client.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
    assert client.recv(1000).startswith(b"HTTP/1.1 200")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
