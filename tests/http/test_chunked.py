from __future__ import annotations

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_lite.http.chunked import BlockResponse

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Pieces(io.RawIOBase):
    """Gives bytes piece by piece, as a socket may."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = list(pieces)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        if not self._pieces:
            return 0
        piece = self._pieces.pop(0)
        if len(piece) > len(buffer):
            self._pieces.insert(0, piece[len(buffer) :])
            piece = piece[: len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)


def read(pieces: list[bytes]) -> bytes:
    response = BlockResponse(Pieces(pieces))
    response.begin()
    return b"".join(iter(lambda: response.read1(1000), b""))


def cut(content: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(content), *(place % len(content) for place in places)})
    return [content[start:end] for start, end in zip(edges, edges[1:], strict=False)]


@given(st.lists(st.binary(min_size=1)), st.lists(st.integers(min_value=0), max_size=20))
def test_chunks_are_put_together_however_they_arrive(chunks, places):
    body = b"".join(b"%X;note=1\r\n%s\r\n" % (len(content), content) for content in chunks)

    pieces = cut(HEAD + body + b"0\r\nTrailer: x\r\n\r\n", places)
    assert read(pieces) == b"".join(chunks)


@given(st.binary(max_size=50), st.lists(st.integers(min_value=0), max_size=20))
def test_damaged_framing_is_an_error_of_http_or_none(body, places):
    try:
        read(cut(HEAD + body, places))
    except http.client.HTTPException:
        pass


@pytest.mark.parametrize("size", [b"-5", b"0x5", b"5_0", b"g", b"f" * 40, b"1" * 70_000])
def test_what_came_before_a_malformed_size_is_handed_out_first(size: bytes):
    response = BlockResponse(Pieces([HEAD, b"5\r\nhello\r\n" + size + b"\r\n"]))
    response.begin()

    assert response.read1() == b"hello"
    with pytest.raises(http.client.HTTPException, match="chunk|line"):
        while response.read1():
            pass


def test_a_body_that_ends_early_is_incomplete():
    with pytest.raises(http.client.IncompleteRead):
        read([HEAD, b"5\r\nhel"])
