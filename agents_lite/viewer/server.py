"""A trace store in the browser: one page, and the traces as JSON, for this machine only."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from urllib.parse import unquote

from ..exceptions import UserError
from ..local_server.messages import HTTPReply, HTTPRequest
from ..local_server.server import LocalServer
from ..tracing.sqlite_store import TraceStore
from .page import live_page, trace_json

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page itself holds the rest
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_OUR_NAMES = ("127.0.0.1", "localhost")


def serve_store(store: TraceStore, port: int = 0) -> LocalServer:
    """Serve a store on 127.0.0.1 until closed: `/`, `/traces?limit=50` and `/traces/ID`.

    Only those are answered who call the server by a name of this machine, so that no page of
    another site can read from it under a name of its own that leads here.

    Args:
        store: What to show.
        port: The port; 0 picks a free one.

    Raises:
        UserError: The port cannot be used.
    """
    try:
        return LocalServer(partial(_answer, store), port=port)
    except (OSError, OverflowError) as error:
        raise UserError(f"Port {port} cannot be used ({error}); choose another") from error


def _answer(store: TraceStore, request: HTTPRequest) -> HTTPReply:
    if request.headers.get("host", "").rpartition(":")[0] not in _OUR_NAMES:
        return _refuse(403, "This server is for this machine only")
    if request.method != "GET":
        return _refuse(405, "Traces can be read, not changed")
    try:
        if request.path == "/":
            return _reply(live_page(), "text/html; charset=utf-8")
        if request.path == "/traces":
            return _answer_list(store, request.query.get("limit", ""))
        return _answer_trace(store, unquote(request.path.removeprefix("/traces/")))
    except UserError as error:
        return _refuse(500, str(error))


def _answer_list(store: TraceStore, limit: str) -> HTTPReply:
    traces = store.list_traces(int(limit[:18]) if limit.isdecimal() else 50)  # 18: all there are
    return _json_reply([trace_json(trace) for trace in traces])


def _answer_trace(store: TraceStore, trace_id: str) -> HTTPReply:
    trace = store.load_trace(trace_id)
    if trace is None:
        return _refuse(404, "There is no such trace in the store")
    return _json_reply(trace_json(trace))


def _refuse(status: int, message: str) -> HTTPReply:
    return _json_reply({"error": message}, status)


def _json_reply(body: Any, status: int = 200) -> HTTPReply:
    return _reply(json.dumps(body), "application/json", status)


def _reply(text: str, content_type: str, status: int = 200) -> HTTPReply:
    return HTTPReply(status, text.encode(), {**_HEADERS, "Content-Type": content_type})
