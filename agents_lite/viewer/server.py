"""A trace store in the browser: one page, and the traces as JSON, for this machine only."""

from __future__ import annotations

from urllib.parse import unquote

from ..exceptions import UserError
from ..local_server.messages import HTTPReply, HTTPRequest
from ..local_server.pages import json_answer, page_reply, refusal, refuse_strangers, serve_pages
from ..local_server.server import LocalServer
from ..tracing.sqlite_store import TraceStore
from .page import live_page, trace_json


def serve_store(store: TraceStore, port: int = 0) -> LocalServer:
    """Serve a store on 127.0.0.1 until closed, to those who call it by a name of this machine.

    Args:
        store: What to show.
        port: The port; 0 picks a free one.

    Raises:
        UserError: The port cannot be used.
    """

    def answer(request: HTTPRequest) -> HTTPReply:
        return answer_viewer(store, request.path.removeprefix("/"), request.query)

    return serve_pages(answer, _refuse, port=port)


def answer_viewer(store: TraceStore, path: str, query: dict[str, str]) -> HTTPReply:
    """The answer to a GET.

    Args:
        store: What to show.
        path: "" for the page, "traces" (with `limit`), or "traces/ID".
        query: The parameters.
    """
    try:
        if path == "":
            return page_reply(live_page())
        if path == "traces":
            return _answer_list(store, query.get("limit", ""))
        return _answer_trace(store, unquote(path.removeprefix("traces/")))
    except UserError as error:
        return refusal(500, str(error))


def _refuse(request: HTTPRequest) -> HTTPReply | None:
    if request.method != "GET":
        return refusal(405, "Traces can be read, not changed")
    return refuse_strangers(request)


def _answer_list(store: TraceStore, limit: str) -> HTTPReply:
    traces = store.list_traces(int(limit[:18]) if limit.isdecimal() else 50)  # 18: all there are
    return json_answer([trace_json(trace) for trace in traces])


def _answer_trace(store: TraceStore, trace_id: str) -> HTTPReply:
    trace = store.load_trace(trace_id)
    if trace is None:
        return refusal(404, "There is no such trace in the store")
    return json_answer(trace_json(trace))
