"""Look at traces that were kept in a file."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..exceptions import UserError
from ..shown import escaped
from .actions import Action
from .terminal import paint, write_list

if TYPE_CHECKING:
    from ..tracing.sqlite_store import StoredTrace, TraceStore


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", metavar="FILE", help="the traces (AGENTS_LITE_TRACE_DB)")


def _add_list_arguments(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument("--limit", metavar="N", type=int, default=50, help="how many (%(default)s)")


def _add_trace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trace_id", metavar="ID", help="its id, or how that begins")
    _add_store(parser)


def _add_export_arguments(parser: argparse.ArgumentParser) -> None:
    _add_trace(parser)
    parser.add_argument("file", nargs="?", metavar="OUT", help="the page (the trace's id, .html)")


def _add_test_arguments(parser: argparse.ArgumentParser) -> None:
    _add_trace(parser)
    parser.add_argument("file", nargs="?", metavar="OUT", help="the Python file (standard output)")


def _add_cassette_arguments(parser: argparse.ArgumentParser) -> None:
    _add_trace(parser)
    parser.add_argument("file", metavar="OUT", help="the cassette, a JSON file")


def _add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    _add_trace(parser)
    parser.add_argument("other_id", metavar="OTHER", help="the id of the other, or how that begins")


def _add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    _add_store(parser)
    parser.add_argument("--journal", metavar="PLACE", help="runs to be listed beside them")
    parser.add_argument("--port", metavar="N", type=int, default=0, help="the port (any free one)")


def _open_store(path: str | None) -> TraceStore:
    from ..tracing.sqlite_store import TraceStore

    path = path or os.environ.get("AGENTS_LITE_TRACE_DB")
    if not path:
        raise UserError("Where are the traces? Name their file: --db FILE, or AGENTS_LITE_TRACE_DB")
    return TraceStore(path)


def _chosen_trace(options: argparse.Namespace) -> StoredTrace:
    from ..tracing.find_trace import find_trace

    return find_trace(_open_store(options.db), options.trace_id)


def _list(options: argparse.Namespace) -> None:
    from ..viewer.tree import LIST_HEAD, list_line

    write_list(LIST_HEAD, map(list_line, _open_store(options.db).list_traces(options.limit)))


def _show(options: argparse.Namespace) -> None:
    from ..viewer.tree import draw_tree

    for line in draw_tree(
        _chosen_trace(options), paint, shutil.get_terminal_size((100, 0)).columns
    ):
        print(line)


def _export(options: argparse.Namespace) -> None:
    from ..viewer.page import trace_page

    trace = _chosen_trace(options)
    path = Path(options.file or re.sub(r"[^\w.-]", "_", trace.trace_id) + ".html")
    _write(path, trace_page(trace), "page")


def _write_test(options: argparse.Namespace) -> None:
    from ..replay.as_test import test_of_trace

    text = test_of_trace(_chosen_trace(options))
    if options.file is None:
        print(text, end="")
    else:
        _write(Path(options.file), text, "test")


def _write_cassette(options: argparse.Namespace) -> None:
    from ..replay.as_cassette import cassette_of_trace

    _write(Path(options.file), cassette_of_trace(_chosen_trace(options)), "cassette")


def _compare(options: argparse.Namespace) -> None:
    from ..tracing.find_trace import find_trace
    from ..viewer.compared import compare_traces

    store = _open_store(options.db)
    traces = (find_trace(store, each) for each in (options.trace_id, options.other_id))
    print(escaped("\n\n".join(map(str, compare_traces(*traces)))))


def _serve(options: argparse.Namespace) -> None:
    from ..viewer.server import serve_store
    from .runs import open_journal

    store = _open_store(options.db)
    journal = None if options.journal is None else open_journal(options.journal)
    server = serve_store(store, options.port, journal)
    print(f"Traces are at {server.url} until Ctrl-C", flush=True)
    while True:  # in short waits: a Ctrl-C just before one of them is noticed at its end
        time.sleep(0.5)


def _write(path: Path, text: str, what: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"The {what} cannot be written: {error}") from error
    print(path)


ACTIONS = {
    "list": Action("List the newest traces, a line each.", _add_list_arguments, _list),
    "show": Action("Show a trace as a tree, with times and tokens.", _add_trace, _show),
    "export": Action(
        "Write a trace as an HTML page that needs no network.", _add_export_arguments, _export
    ),
    "test": Action(
        "Write a trace as a test, a Python file that runs as it stands.",
        _add_test_arguments,
        _write_test,
    ),
    "cassette": Action(
        "Write what a trace's models and tools were asked and answered as a cassette, for tests.",
        _add_cassette_arguments,
        _write_cassette,
    ),
    "compare": Action(
        "Tell how the runs of two traces differ, turn by turn.", _add_compare_arguments, _compare
    ),
    "serve": Action(
        "Show all traces in the browser, also while runs go on.", _add_serve_arguments, _serve
    ),
}
"""What can be done with traces."""
