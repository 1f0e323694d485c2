"""Look at traces that were kept in a file."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..exceptions import UserError
from .actions import add_actions
from .terminal import paint

if TYPE_CHECKING:
    from ..tracing.sqlite_store import StoredTrace, TraceStore

_ACTIONS = {
    "list": "the newest traces, a line each",
    "show": "one trace as a tree, with times and tokens",
    "export": "one trace as an HTML page that needs no network",
    "test": "one trace as a test, a Python file that runs as it stands",
    "serve": "all of them in the browser, also while runs go on",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    add_actions(parser, _ACTIONS)
    parser.add_argument(
        "trace_id", nargs="?", metavar="ID", help="all but list, serve: its id, or how that begins"
    )
    parser.add_argument(
        "file",
        nargs="?",
        metavar="OUT",
        help="export: the page (the trace's id, .html); test: the Python file (standard output)",
    )
    parser.add_argument("--db", metavar="FILE", help="the traces (AGENTS_LITE_TRACE_DB)")
    parser.add_argument("--limit", type=int, default=50, help="list: how many (%(default)s)")
    parser.add_argument("--journal", metavar="PLACE", help="serve: runs to be listed beside them")
    parser.add_argument("--port", type=int, default=0, help="serve: the port (any free one)")


def execute(options: argparse.Namespace) -> None:
    """Do what the action says."""
    store = _open_store(options.db)
    if options.action == "list":
        _list(store, options.limit)
    elif options.action == "serve":
        _serve(store, options.port, options.journal)
    elif options.trace_id is None:
        raise UserError(f"Which trace? `agents-lite traces {options.action} ID`, see `traces list`")
    elif options.action == "show":
        _show(_find_trace(store, options.trace_id))
    elif options.action == "test":
        _write_test(_find_trace(store, options.trace_id), options.file)
    else:
        _export(_find_trace(store, options.trace_id), options.file)


def _open_store(path: str | None) -> TraceStore:
    from ..tracing.sqlite_store import TraceStore

    path = path or os.environ.get("AGENTS_LITE_TRACE_DB")
    if not path:
        raise UserError("Where are the traces? Name their file: --db FILE, or AGENTS_LITE_TRACE_DB")
    return TraceStore(path)


def _find_trace(store: TraceStore, wanted: str) -> StoredTrace:
    """The trace of that id, or the only one whose id begins like that, "trace_" left out or not.

    Raises:
        UserError: There is none, or there are several.
    """
    found = store.load_trace(wanted)
    if found is not None:
        return found
    ids = [trace.trace_id for trace in store.list_traces(sys.maxsize)]
    fitting = [each for each in ids if each.startswith((wanted, f"trace_{wanted}"))]
    if len(fitting) == 1:
        found = store.load_trace(fitting[0])
    if found is None:
        raise UserError(_not_one(wanted, fitting, ids))
    return found


def _not_one(wanted: str, fitting: list[str], ids: list[str]) -> str:
    from difflib import get_close_matches

    if fitting:
        return f"{len(fitting)} traces begin with {wanted!r}: {', '.join(fitting[:3])} ..."
    near = get_close_matches(wanted, ids) or get_close_matches(f"trace_{wanted}", ids)
    hint = f"near it: {', '.join(near)}" if near else "`agents-lite traces list` shows those there"
    return f"There is no trace {wanted!r}; {hint}"


def _list(store: TraceStore, limit: int) -> None:
    from ..viewer.tree import list_line

    for trace in store.list_traces(limit):
        print(list_line(trace))


def _show(trace: StoredTrace) -> None:
    from ..viewer.tree import draw_tree

    for line in draw_tree(trace, paint, shutil.get_terminal_size((100, 0)).columns):
        print(line)


def _export(trace: StoredTrace, file: str | None) -> None:
    from ..viewer.page import trace_page

    path = Path(file or re.sub(r"[^\w.-]", "_", trace.trace_id) + ".html")
    try:
        path.write_text(trace_page(trace), "utf-8")
    except OSError as error:
        raise UserError(f"The page cannot be written: {error}") from error
    print(path)


def _write_test(trace: StoredTrace, file: str | None) -> None:
    from ..viewer.as_test import test_of_trace

    text = test_of_trace(trace)
    if file is None:
        print(text, end="")
        return
    try:
        Path(file).write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"The test cannot be written: {error}") from error
    print(file)


def _serve(store: TraceStore, port: int, journal: str | None) -> None:
    from ..viewer.server import serve_store
    from .runs import open_journal

    server = serve_store(store, port, None if journal is None else open_journal(journal))
    print(f"Traces are at {server.url} until Ctrl-C", flush=True)
    while True:  # in short waits: a Ctrl-C just before one of them is noticed at its end
        time.sleep(0.5)
