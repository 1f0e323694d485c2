from __future__ import annotations

import http.client
import io
import socket
from contextlib import closing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection
from urllib3.util import SKIP_HEADER

from agents_lite.http.chunked import BlockResponse
from agents_lite.http.connections import WatchedAdapter
from agents_lite.http.headers import RequestHeaders, parse_headers

LINES = [
    "A: 1", "a:2", "Set-Cookie: x=y; Path=/", "B:  spaces \t ", "C:", "D: a: b", " folded", "\tso",
    ": no name", "no colon", "E : space before it", "From x@y.z", "From here: it is", "F: é",
    "G: \x85h", "H: a\rb", "I: a\x0bJ: b", "Content-Type: multipart/mixed; boundary=x", "--x", "",
]  # fmt: skip


def written(lines: list[str], ends: list[str]) -> bytes:
    return "".join(line + end for line, end in zip(lines, ends, strict=False)).encode("iso-8859-1")


@example(["A: 1", " folded"], ["\r\n"] * 2)
@example(["x A: 1", "B: 2"], ["\r\n"] * 2)
@given(
    st.lists(st.sampled_from(LINES) | st.text(st.characters(max_codepoint=255)), max_size=8),
    st.lists(st.sampled_from(["\r\n"] * 3 + ["\n", "\r", ""]), min_size=8, max_size=8),
)
def test_headers_are_those_that_the_standard_library_reads(lines, ends):
    head = written(lines, ends) + b"\r\nbody\r\n\r\n"
    theirs, ours = io.BytesIO(head), io.BytesIO(head)

    expected = http.client.parse_headers(theirs)
    assert parse_headers(ours).items() == expected.items()
    assert ours.tell() == theirs.tell()


@pytest.mark.parametrize(
    "head",
    [b"A: 1\r\n" * 101 + b"\r\n", b"A: " + b"x" * 65536 + b"\r\n\r\n", b"A: 1\r\nB", b""],
    ids=["many", "long", "cut", "none"],
)
def test_headers_without_end_are_refused(head):
    with pytest.raises(http.client.HTTPException):
        parse_headers(io.BytesIO(head))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-request-id: r\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nA: 1\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n",
        b"HTTP/1.0 204 No Content\r\nConnection: keep-alive\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\nConnection: Close\r\n\r\n",
    ],
)
def test_an_answer_begins_as_that_of_the_standard_library(head):
    begun = []
    for kind in (http.client.HTTPResponse, BlockResponse):
        here, there = socket.socketpair()
        with closing(here), closing(there):
            there.sendall(head)
            answer = kind(here)
            answer.begin()
            names = ("status", "reason", "version", "chunked", "length", "will_close")
            begun.append([answer.headers.items(), *(getattr(answer, name) for name in names)])
    assert begun[0] == begun[1]


def test_plain_headers_need_no_parser_of_mails():
    here, there = socket.socketpair()
    with closing(here), closing(there):
        there.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        answer = BlockResponse(here)
        answer.begin()
        assert answer.msg.get_payload() is None  # the parser says "": it has looked for a body


def test_headers_of_a_request_are_as_those_of_requests():
    given = {"User-Agent": "a", "X-One": "1", "user-agent": "b"}
    ours, theirs = RequestHeaders(given), CaseInsensitiveDict(given)
    for headers in (ours, theirs, ours.copy(), theirs.copy()):
        headers["x-ONE"] = "2"
        del headers["user-AGENT"]
        headers.update({"Y": "3"})
        assert list(headers.items()) == [("x-ONE", "2"), ("Y", "3")]
        assert list(headers) == ["x-ONE", "Y"]
        assert headers["X-one"] == headers.get("X-ONE") == "2"
    copy = ours.copy()
    copy["Z"] = "4"
    assert "z" not in ours
    assert ours == theirs


NAMES = ["A", "User-Agent", b"A", "A b", "A:", "A: b", "", "\u00e9", "A\n", " A"]
VALUES = ["b", "", " b ", "\u00e9", "\u20ac", "b\r\nC: d", "b\n c", "\t", "\x7f", b"b", 3]


@pytest.mark.parametrize("name", NAMES)
def test_a_header_is_written_as_by_urllib3_or_refused_as_there(name):
    for values in [(value,) for value in [*VALUES, SKIP_HEADER]] + [("b", "c"), ()]:
        outcomes = []
        with closing(WatchedAdapter()) as adapter:
            pool = adapter.poolmanager.connection_from_url("http://127.0.0.1")
            for connection in (HTTPConnection("127.0.0.1"), pool.ConnectionCls("127.0.0.1")):
                connection.putrequest("GET", "/")
                try:
                    connection.putheader(name, *values)
                except Exception as error:
                    outcomes.append((type(error), str(error)))
                else:
                    outcomes.append(connection._buffer)
        assert outcomes[0] == outcomes[1]
