"""A server over HTTP that plays faults, on the raw sockets of `LoopbackServer`."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.support.loopback import (
    LAST_CHUNK,
    LoopbackServer,
    Peer,
    Received,
    chunk,
    http_answer,
    stream_head,
)

TOOLS = [
    {"name": "echo", "inputSchema": {}, "annotations": {"readOnlyHint": True}},
    {"name": "write", "inputSchema": {}},
    {
        "name": "route",
        "inputSchema": {"properties": {"region": {"type": "string", "x-mcp-header": "Region"}}},
    },
]
Play = Callable[[Peer, dict[str, Any]], object]


class ScriptedMCP:
    """Answers as a good server does, but for what `plays` says.

    Args:
        modern: Speak the revision without sessions.
        streamed: Answer calls by a stream of events.
        plays: By method or by the name of a tool, what is done in place of an answer.
        get: What is done with GET; None refuses it.
    """

    def __init__(
        self,
        *,
        modern: bool = False,
        streamed: bool = False,
        plays: dict[str, Play] | None = None,
        get: Callable[[Peer, Received], object] | None = None,
        tools: list[dict[str, Any]] = TOOLS,
    ) -> None:
        self.tools = list(tools)
        self.replies: list[Any] = []
        self.replied = threading.Event()
        self.sessions = 0
        self.live: set[str] = set()
        self.calls: Counter[str] = Counter()
        self._modern = modern
        self._streamed = streamed
        self._plays = plays or {}
        self._get = get
        self.loopback = LoopbackServer(always=self._answer)

    def __enter__(self) -> ScriptedMCP:
        self.loopback.__enter__()
        self.url = f"{self.loopback.origin}/mcp"
        return self

    def __exit__(self, *exception: Any) -> None:
        self.loopback.__exit__(*exception)

    @property
    def requests(self) -> list[Received]:
        return self.loopback.requests

    def methods(self) -> list[str]:
        """What was asked for so far, by POST."""
        posts = [received.json for received in self.requests if received.content]
        return [message["method"] for message in posts if "method" in message]

    def _answer(self, peer: Peer) -> None:
        received = peer.request
        assert received is not None
        if received.method == "DELETE":
            self.live.discard(received.headers.get("mcp-session-id", ""))
            peer.send(http_answer(200))
        elif received.method == "GET":
            if self._get is None:
                peer.send(http_answer(405))
            else:
                self._get(peer, received)
        else:
            self._post(peer, received)

    def _post(self, peer: Peer, received: Received) -> None:
        message = received.json
        method = message.get("method")
        name = message["params"]["name"] if method == "tools/call" else method
        self.calls[name] += 1
        if method is None:
            self.replies.append(message)
            self.replied.set()
            peer.send(http_answer(202))
        elif name in self._plays:
            self._plays[name](peer, message)
        elif "id" not in message:
            peer.send(http_answer(202))
        elif not self._knows(received, method):
            peer.send(http_answer(404, {"error": "Session not found"}))
        else:
            self.reply(peer, message)

    def _knows(self, received: Received, method: str) -> bool:
        if self._modern or method in ("initialize", "server/discover"):
            return True
        return received.headers.get("mcp-session-id") in self.live

    def reply(self, peer: Peer, message: dict[str, Any], *before: dict[str, Any]) -> None:
        """Answer well; in a stream, with other messages before."""
        method, headers = message["method"], {}
        answer = self.result(message)
        if method == "initialize" and "result" in answer:
            self.sessions += 1
            headers["Mcp-Session-Id"] = f"session-{self.sessions}"
            self.live.add(f"session-{self.sessions}")
        content = {"jsonrpc": "2.0", "id": message["id"], **answer}
        if before or (self._streamed and method == "tools/call"):
            events = b"".join(map(event, [*before, content]))
            peer.send(stream_head(headers) + chunk(events) + LAST_CHUNK)
        else:
            status = 400 if "error" in answer else 200
            peer.send(http_answer(status, content, headers=headers))

    def result(self, message: dict[str, Any]) -> dict[str, Any]:
        method, params = message["method"], message.get("params") or {}
        can = {"tools": {"listChanged": True}}
        if method == "initialize" and not self._modern:
            facts = {"protocolVersion": params["protocolVersion"], "capabilities": can}
            return {"result": {**facts, "serverInfo": {"name": "http"}}}
        if method == "server/discover" and self._modern:
            return {"result": {"supportedVersions": ["2026-07-28"], "capabilities": can}}
        if method == "tools/list":
            return {"result": {"tools": self.tools}}
        if method == "tools/call":
            said = (params.get("arguments") or {}).get("text", "")
            return {"result": {"content": [{"type": "text", "text": said}]}}
        return {"error": {"code": -32601, "message": f"no method {method}"}}


def event(message: dict[str, Any], id: str | None = None) -> bytes:
    """A message as an event of a stream."""
    head = b"" if id is None else f"id: {id}\n".encode()
    return head + f"event: message\ndata: {json.dumps(message)}\n\n".encode()


def said(message: dict[str, Any], text: str) -> dict[str, Any]:
    """The answer to a call."""
    content = [{"type": "text", "text": text}]
    return {"jsonrpc": "2.0", "id": message["id"], "result": {"content": content}}
