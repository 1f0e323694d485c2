"""Traces in a SQLite file: written while runs go on, read by `TraceStore`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..checks import absolute_path, check_count, check_number
from ..concurrency.forks import new_lock
from ..concurrency.sqlite_calls import TRY_SECONDS, call_sqlite
from ..exceptions import UserError
from .processor_interface import TracingExporter, convert_each
from .processors import BatchTraceProcessor
from .sqlite_rows import SAVE_SPAN, SAVE_TRACE, Row, make_tables, span_row, text_column, trace_row
from .trace_filter import TraceFilter
from .warnings import WarnOnce

if TYPE_CHECKING:
    import sqlite3

    from .spans import Span
    from .traces import Trace

_TOO_OLD = "SELECT trace_id FROM traces WHERE started_ns < ?"
_TOO_MANY = "SELECT trace_id FROM traces ORDER BY started_ns DESC LIMIT -1 OFFSET ?"
_DELETE_ORPHANS = """
DELETE FROM spans WHERE trace_id = :id AND NOT EXISTS (SELECT 1 FROM traces WHERE trace_id = :id)
"""
_SELECT_TRACES = """
SELECT traces.trace_id, workflow_name, group_id, metadata, started_ns, ended_ns,
    (SELECT count(*) FROM spans WHERE spans.trace_id = traces.trace_id),
    (SELECT count(*) FROM spans WHERE spans.trace_id = traces.trace_id AND error IS NOT NULL),
    conversation
FROM traces
"""
_LIST_TRACES = f"{_SELECT_TRACES} ORDER BY started_ns DESC LIMIT ? OFFSET ?"
_LOAD_TRACE = f"{_SELECT_TRACES} WHERE trace_id = ?"
_LOAD_SPANS = """
SELECT span_id, parent_id, started_ns, ended_ns, span_data, error FROM spans
WHERE trace_id = ? ORDER BY started_ns, id
"""
_FIND_TRACES = "SELECT conversation, trace_id FROM traces {where} ORDER BY started_ns DESC"
_LIST_CALLS = """
SELECT span_id, parent_id, started_ns, ended_ns, question, answer, usage FROM spans
WHERE trace_id = ? AND kind = 'generation' ORDER BY started_ns
"""
_HAS_INDEX = """
SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'search')
    AND EXISTS (SELECT 1 FROM pragma_module_list WHERE name = 'fts5')
"""
_WORKFLOWS = "SELECT DISTINCT workflow_name FROM traces ORDER BY 1 LIMIT 500"
_AGENTS = "SELECT DISTINCT name FROM spans WHERE kind = 'agent' ORDER BY 1 LIMIT 500"
_SPAN = (str, str | None, int, int | None, str, str | None)
_CALL = (*_SPAN[:4], str | None, str | None, str | None)
_TRACE = (str, str, str | None, str | None, int, int | None, int, int, str)
MOST_TRACES = 100
"""Traces of one conversation in a list."""
T = TypeVar("T")
_DAY_NS = 24 * 60 * 60 * 10**9
_BUSY_TIMEOUT = 10.0  # seconds to wait for other processes that write


class SQLiteTraceProcessor(BatchTraceProcessor):
    """Keeps traces in one SQLite file, which many processes and threads may share.

    Spans are there a moment after they start, and once more, complete, after they end. A file that
    cannot be written is logged once and does no harm to a run.
    """

    def __init__(
        self,
        path: str | Path,
        keep_days: float | None = None,
        keep_traces: int | None = None,
    ) -> None:
        """Set up; the file is opened with the first trace.

        Args:
            path: The file; it is made where there is none.
            keep_days: Delete traces that started so many days ago; None keeps them.
            keep_traces: Keep so many traces, the newest ones; None keeps all.

        Raises:
            UserError: There can be no such path; a number is none, or below 0.
        """
        if keep_days is not None:
            check_number(keep_days, "SQLiteTraceProcessor: keep_days")
        if keep_traces is not None:
            check_count(keep_traces, "SQLiteTraceProcessor: keep_traces")
        writer = _StoreWriter(Path(absolute_path(path, "path")), keep_days, keep_traces)
        super().__init__(writer, schedule_delay=0.2)

    def on_trace_end(self, trace: Trace) -> None:
        """Queue the trace again, for its end."""
        self.enqueue(trace)

    def on_span_start(self, span: Span[Any]) -> None:
        """Queue the span as it is so far."""
        self.enqueue(span)


class _StoreWriter(TracingExporter):
    """Writes items as they are at the moment, over what was written of them before.

    The file is open for one batch only: no connection outlives a fork, and a file that was moved
    away is made anew.
    """

    def __init__(self, path: Path, keep_days: float | None, keep_traces: int | None) -> None:
        self._path = path
        self._keep_days = keep_days
        self._keep_traces = keep_traces
        self._lock = new_lock()
        self._warn = WarnOnce()
        self._warn_item = WarnOnce()

    def export(self, items: Sequence[Trace | Span[Any]]) -> None:
        import sqlite3

        def write() -> None:
            with closing(sqlite3.connect(self._path, timeout=TRY_SECONDS)) as store, store:
                self._write(store, items)

        try:
            call_sqlite(self._lock, write, _BUSY_TIMEOUT)
        except sqlite3.Error as error:
            self._warn("Traces cannot be kept in %s: %s", self._path, error)

    def _write(self, store: sqlite3.Connection, items: Sequence[Trace | Span[Any]]) -> None:
        latest = dict.fromkeys(items)  # most are queued twice, at their start and at their end
        traces = self._rows(trace_row, [item for item in latest if item.is_trace])
        spans = self._rows(span_row, [item for item in latest if not item.is_trace])
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = NORMAL")
        make_tables(store)
        store.execute("BEGIN IMMEDIATE")
        store.executemany(SAVE_TRACE, traces)
        store.executemany(SAVE_SPAN, spans)
        if traces:
            self._delete_old(store)
        if self._keep_days is not None or self._keep_traces is not None:
            trace_ids = {trace_id for _, trace_id, *_ in spans}
            store.executemany(_DELETE_ORPHANS, [{"id": trace_id} for trace_id in trace_ids])

    def _rows(self, convert: Callable[[Any], Row], items: list[Any]) -> list[Row]:
        return list(convert_each(convert, items, self._warn_item))

    def _delete_old(self, store: sqlite3.Connection) -> None:
        if self._keep_days is not None:
            _delete(store, _TOO_OLD, int(max(time.time_ns() - self._keep_days * _DAY_NS, 0)))
        if self._keep_traces is not None:
            _delete(store, _TOO_MANY, min(self._keep_traces, sys.maxsize))


def _delete(store: sqlite3.Connection, chosen: str, limit: int) -> None:
    store.execute(f"DELETE FROM spans WHERE trace_id IN ({chosen})", (limit,))
    store.execute(f"DELETE FROM traces WHERE trace_id IN ({chosen})", (limit,))


@dataclass
class StoredSpan:
    """A span as it was stored."""

    span_id: str
    parent_id: str | None
    """The span around it, or None right below the trace."""
    started_ns: int
    """Nanoseconds since 1970."""
    ended_ns: int | None
    """Nanoseconds since 1970, or None when it was never finished, or not yet."""
    span_data: dict[str, Any]
    """{"type": ..., and the fields of that type}."""
    error: dict[str, Any] | None
    """{"message": ..., "data": ...}, or None when all went well."""


@dataclass
class StoredTrace:
    """A trace as it was stored."""

    trace_id: str
    workflow_name: str
    group_id: str | None
    """What links it to other traces, or None."""
    metadata: dict[str, Any] | None
    """What else was kept with it, or None."""
    started_ns: int
    """Nanoseconds since 1970."""
    ended_ns: int | None
    """Nanoseconds since 1970, or None when it was never finished, or not yet."""
    span_count: int
    error_count: int
    """How many of its spans have an error."""
    spans: list[StoredSpan] = field(default_factory=list)
    """In the order in which they started; empty in a list of traces."""
    conversation: str = ""
    """What links it to others: its group, else its session, else its own id."""


@dataclass
class StoredConversation:
    """Traces that belong together."""

    name: str
    """Their group or session; the id of a trace that stands for itself."""
    trace_count: int
    """How many of its traces are wanted."""
    previews: list[TracePreview]
    """The latest of those, the newest first."""


@dataclass
class TracePreview:
    """What a list tells of a trace."""

    trace: StoredTrace
    """Without its spans."""
    question: str | None
    """How its first question begins; None: not known."""
    answer: str | None
    """How the last words of a model begin; None: none are known."""
    calls: list[StoredSpan]
    """Its model calls, with nothing but their usage."""


class TraceStore:
    """Reads what `SQLiteTraceProcessor` has stored, also while it is being written."""

    def __init__(self, path: str | Path, make: bool = False) -> None:
        """Set up; the file is opened for each reading.

        Args:
            path: The file.
            make: Make the store if it is not there.

        Raises:
            UserError: There is no such file, or it cannot be made.
        """
        self._path = Path(absolute_path(path, "path"))
        self._lock = new_lock()
        if make:
            self._make()
        if not self._path.is_file():
            raise UserError(
                f"There is no trace store at {self._path}. SQLiteTraceProcessor makes one, or set "
                "AGENTS_LITE_TRACE_DB to its path."
            )

    def list_traces(self, limit: int = 50, offset: int = 0) -> list[StoredTrace]:
        """Traces without their spans, the newest first.

        Args:
            limit: How many at most.
            offset: How many of the newest to pass over.

        Raises:
            UserError: The file is no trace store; a number is none, or below 0.
        """
        check_count(limit, "limit")
        check_count(offset, "offset")
        window = [min(number, sys.maxsize) for number in (limit, offset)]
        return self._read(
            lambda store: list(map(_stored_trace, store.execute(_LIST_TRACES, window).fetchall()))
        )

    def list_conversations(
        self, wanted: TraceFilter | None = None, limit: int = 50, offset: int = 0
    ) -> list[StoredConversation]:
        """Traces by the conversation they belong to, that with the latest one first.

        Args:
            wanted: Which traces; None: all.
            limit: How many conversations at most.
            offset: How many of the first to pass over.

        Raises:
            UserError: The file is no trace store; a number is none, or below 0.
        """
        check_count(limit, "limit")
        check_count(offset, "offset")

        def read(store: sqlite3.Connection) -> list[StoredConversation]:
            has_index = bool(store.execute(_HAS_INDEX).fetchone()[0])
            where, values = (wanted or TraceFilter()).where(has_index)
            found: dict[str, list[str]] = {}
            for conversation, trace_id in store.execute(_FIND_TRACES.format(where=where), values):
                found.setdefault(conversation, []).append(trace_id)
            return [
                StoredConversation(
                    name, len(ids), [_preview(store, trace_id) for trace_id in ids[:MOST_TRACES]]
                )
                for name, ids in list(found.items())[offset : offset + limit]
            ]

        return self._read(read)

    def list_names(self) -> tuple[list[str], list[str]]:
        """The names of workflows, and those of agents.

        Raises:
            UserError: The file is no trace store.
        """

        def read(store: sqlite3.Connection) -> tuple[list[str], list[str]]:
            workflows, agents = (
                [_checked(row, (str | None,))[0] for row in store.execute(names).fetchall()]
                for names in (_WORKFLOWS, _AGENTS)
            )
            return workflows, agents

        return self._read(read)

    def load_trace(self, trace_id: str) -> StoredTrace | None:
        """One trace with its spans so far, or None when it is not there.

        Raises:
            UserError: The file is no trace store.
        """
        wanted = (text_column(trace_id),)

        def load(store: sqlite3.Connection) -> StoredTrace | None:
            row = store.execute(_LOAD_TRACE, wanted).fetchone()
            if row is None:
                return None
            found = _stored_trace(row)
            found.spans = list(map(_stored_span, store.execute(_LOAD_SPANS, wanted).fetchall()))
            return found

        return self._read(load)

    def _make(self) -> None:
        import sqlite3

        def make() -> None:
            with closing(sqlite3.connect(self._path, timeout=TRY_SECONDS)) as store:
                make_tables(store)

        try:
            call_sqlite(self._lock, make, _BUSY_TIMEOUT)
        except sqlite3.Error as error:
            raise UserError(f"There can be no trace store at {self._path}: {error}") from error

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` makes of the store, of which it sees one moment.

        It is to take the rows of a query at once: of one that an error leaves half read, SQLite
        keeps the file open as long as somebody has the error.
        """
        import sqlite3

        def read(mode: str) -> T:
            uri = f"{self._path.as_uri()}?{mode}"
            with closing(sqlite3.connect(uri, uri=True, timeout=TRY_SECONDS)) as store:
                store.execute("BEGIN")
                return work(store)

        def read_anywhere() -> T:
            try:
                return read("mode=ro")
            except sqlite3.OperationalError as error:
                cannot_lock = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
                if error.sqlite_errorcode & 0xFF not in cannot_lock:
                    raise
                return read("immutable=1")  # on a disk that takes no file of locks beside it

        try:
            return call_sqlite(self._lock, read_anywhere, _BUSY_TIMEOUT)
        # ValueError and RecursionError: JSON that is damaged
        except (sqlite3.DatabaseError, ValueError, RecursionError) as error:
            raise UserError(f"{self._path} is no readable trace store: {error}") from error


def _checked(row: Row, kinds: tuple[Any, ...]) -> Row:
    """A row of columns of these kinds, which SQLite takes others for as well.

    Raises:
        ValueError: One is of another.
    """
    for value, kind in zip(row, kinds, strict=True):
        if not isinstance(value, kind):
            raise ValueError(f"{value!r:.40} is in a column for another kind")
    return row


def _stored_trace(row: Row) -> StoredTrace:
    trace_id, name, group_id, metadata, *numbers, conversation = _checked(row, _TRACE)
    told = metadata and json.loads(metadata)
    found = StoredTrace(trace_id, name, group_id, told, *numbers)
    found.conversation = conversation
    return found


def _preview(store: sqlite3.Connection, trace_id: str) -> TracePreview:
    found = store.execute(_LOAD_TRACE, (trace_id,)).fetchone()
    preview = TracePreview(_stored_trace(found), None, None, [])
    answered_ns = 0
    for row in store.execute(_LIST_CALLS, (trace_id,)).fetchall():
        span_id, parent_id, started_ns, ended_ns, question, answer, usage = _checked(row, _CALL)
        data = {"type": "generation", "usage": json.loads(usage or "null")}
        preview.calls.append(StoredSpan(span_id, parent_id, started_ns, ended_ns, data, None))
        preview.question = preview.question or question
        if answer and (ended_ns or 0) >= answered_ns:
            preview.answer, answered_ns = answer, ended_ns or 0
    return preview


def _stored_span(row: Row) -> StoredSpan:
    span_id, parent_id, started_ns, ended_ns, data, error = _checked(row, _SPAN)
    facts, failure = json.loads(data), json.loads(error or "null")
    if not isinstance(facts, dict):
        raise ValueError(f"the data of {span_id} are no object")
    if not isinstance(failure, dict | None):
        failure = {"message": str(failure), "data": None}
    return StoredSpan(span_id, parent_id, started_ns, ended_ns, facts, failure)
