"""What the loopback server receives and sends."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..response_types import json_bytes


class CutConnection(Exception):
    """Raised by what makes a reply, or among its chunks: the connection is cut right there."""


@dataclass
class HTTPRequest:
    """A request as it arrived."""

    method: str
    path: str
    """Without the query, such as "/v1/responses"."""
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: Any
    """Parsed JSON; bytes if it is not JSON; None if there is none, or as long as it is not read."""
    client_left: threading.Event = field(default_factory=threading.Event)
    """Set once the client was seen to close the connection before it had the whole answer."""


@dataclass
class HTTPReply:
    """An answer to send."""

    status: int = 200
    body: bytes | Iterable[bytes | float] = b""
    """Bytes, or the chunks of a chunked answer; among chunks, a number is seconds to wait.

    Chunks may reach the client together; a wait, also one of 0 seconds, sends what came before it.
    """
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds to wait before anything is sent."""


def json_reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HTTPReply:
    """An answer with a JSON body."""
    named = {"Content-Type": "application/json", **(headers or {})}
    return HTTPReply(status, json_bytes(body), named)
