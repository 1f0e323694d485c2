"""Recorded traffic of the real API, and a server that plays it back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents_lite.local_server.messages import HTTPReply, HTTPRequest
from agents_lite.local_server.server import LocalServer

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "responses_api"

RECORDINGS = sorted(path.stem for path in FOLDER.glob("*.json")) or ["(none here)"]
"""Names of the recordings, for parametrising; `load_exchanges` skips where there are none."""


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    method: str
    path: str
    request: dict[str, Any]
    status: int
    content_type: str
    body: str

    @property
    def is_stream(self) -> bool:
        return self.content_type.startswith("text/event-stream")

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON of a stream's events, read line by line and without our own decoder."""
        lines = (line.removeprefix("data: ") for line in self.body.split("\n"))
        return [json.loads(line) for line in lines if line.startswith("{")]

    @property
    def response(self) -> dict[str, Any]:
        """The response object that the answer ends with, or is."""
        return self.events[-1]["response"] if self.is_stream else json.loads(self.body)


def load_exchanges(recording: str) -> list[Exchange]:
    """The exchanges of a recording, in order; skips the test where the folder is missing."""
    if not FOLDER.is_dir():
        pytest.skip("the recorded traffic is not beside this checkout")
    recorded = json.loads((FOLDER / f"{recording}.json").read_text(encoding="utf-8"))
    return [Exchange(**exchange) for exchange in recorded["exchanges"]]


def whole(body: bytes) -> list[bytes]:
    return [body]


def byte_by_byte(body: bytes) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


def seven_bytes(body: bytes) -> list[bytes]:
    return [body[at : at + 7] for at in range(0, len(body), 7)]


def inside_characters(body: bytes) -> list[bytes]:
    """Cut after the first byte of every character that has several, and in each line's middle."""
    return [piece for line in re.split(rb"(?<=[\xc2-\xf4])", body) for piece in _halves(line)]


def _halves(piece: bytes) -> list[bytes]:
    middle = len(piece) // 2
    return [half for half in (piece[:middle], piece[middle:]) if half]


CUTS = [whole, byte_by_byte, seven_bytes, inside_characters]
"""Ways to cut an answer into chunks."""


class ReplayServer:
    """Hands out recorded answers in order, cut into chunks as asked.

    A request with another method or path than the recorded one, or one too many, gets a 404.
    """

    def __init__(
        self, exchanges: Iterable[Exchange], cut: Callable[[bytes], list[bytes]] = whole
    ) -> None:
        self.requests: list[HTTPRequest] = []
        self._exchanges = list(exchanges)
        self._cut = cut
        self._server = LocalServer(self._answer)
        self.base_url = self._server.url + "/v1"

    def __enter__(self) -> ReplayServer:
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.close()

    def _answer(self, request: HTTPRequest) -> HTTPReply:
        self.requests.append(request)
        asked = (request.method, request.path.removeprefix("/v1"))
        if not self._exchanges or asked != (self._exchanges[0].method, self._exchanges[0].path):
            return HTTPReply(404, b"no such exchange was recorded here")
        exchange = self._exchanges.pop(0)
        chunks: list[bytes | float] = []
        for piece in self._cut(exchange.body.encode()):
            chunks += [piece, 0.0]  # sent each by itself
        return HTTPReply(exchange.status, chunks, {"Content-Type": exchange.content_type})
