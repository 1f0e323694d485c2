"""A trace store in the browser: one page, and the traces as JSON, for this machine only."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..exceptions import JournalError, UserError
from ..local_server.messages import HTTPReply, HTTPRequest
from ..local_server.pages import page_reply, refusal, refuse_strangers, script_reply, serve_pages
from ..local_server.server import LocalServer
from ..tracing.sqlite_store import StoredTrace, TraceStore
from .listing import WrongQuery, listing_json, query_number
from .page import live_page, trace_json
from .runs import list_runs

if TYPE_CHECKING:
    from ..journal import Journal


def serve_store(store: TraceStore, port: int = 0, journal: Journal | None = None) -> LocalServer:
    """Serve a store on 127.0.0.1 until closed, to those who call it by a name of this machine.

    Args:
        store: What to show.
        port: The port; 0 picks a free one.
        journal: Its runs are listed beside the traces; None: none are.

    Raises:
        UserError: The port cannot be used.
    """

    def answer(request: HTTPRequest) -> HTTPReply:
        return answer_viewer(store, request.path.removeprefix("/"), request.query, journal)

    return serve_pages(answer, _refuse, port=port)


def answer_viewer(
    store: TraceStore, path: str, query: dict[str, str], journal: Journal | None = None
) -> HTTPReply:
    """The answer to a GET.

    Args:
        store: What to show.
        path: "" for the page, "conversations" (see `listing_json`), "traces/ID", "traces/ID/test",
            "traces/ID/cassette", "traces/ID/beside/ID", or "runs" (with `limit`).
        query: The parameters.
        journal: Where the runs are; None: null is the answer.
    """
    try:
        match path.split("/"):
            case [""]:
                return page_reply(live_page())
            case ["conversations"]:
                return script_reply(listing_json(store, query))
            case ["runs"]:
                limit = query_number(query.get("limit") or "50")
                return script_reply(None if journal is None else list_runs(journal, limit))
            case ["traces", name]:
                return _answer_trace(store, unquote(name))
            case ["traces", name, "test"]:
                return _answer_test(store, unquote(name))
            case ["traces", name, "cassette"]:
                return _answer_cassette(store, unquote(name))
            case ["traces", name, "beside", other]:
                return _answer_beside(store, unquote(name), unquote(other))
        return refusal(404, "There is nothing at this address")
    except WrongQuery as error:
        return refusal(400, str(error))
    except NoSuchTrace as error:
        return refusal(404, str(error))
    except (UserError, JournalError) as error:
        return refusal(500, str(error))


def _refuse(request: HTTPRequest) -> HTTPReply | None:
    if request.method != "GET":
        return refusal(405, "Traces can be read, not changed")
    return refuse_strangers(request)


class NoSuchTrace(UserError):
    """The store does not have the trace."""


def _answer_test(store: TraceStore, trace_id: str) -> HTTPReply:
    from ..replay.as_test import test_of_trace

    return script_reply({"text": test_of_trace(_load(store, trace_id))})


def _answer_cassette(store: TraceStore, trace_id: str) -> HTTPReply:
    from ..replay.as_cassette import cassette_of_trace

    return script_reply({"text": cassette_of_trace(_load(store, trace_id))})


def _answer_beside(store: TraceStore, trace_id: str, other: str) -> HTTPReply:
    from .compared import compared_json

    return script_reply({"runs": compared_json(_load(store, trace_id), _load(store, other))})


def _answer_trace(store: TraceStore, trace_id: str) -> HTTPReply:
    return script_reply(trace_json(_load(store, trace_id)))


def _load(store: TraceStore, trace_id: str) -> StoredTrace:
    trace = store.load_trace(trace_id)
    if trace is None:
        raise NoSuchTrace("There is no such trace in the store")
    return trace
