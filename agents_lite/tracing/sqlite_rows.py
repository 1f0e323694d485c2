"""The tables of a trace store, and what of a trace and a span goes into their columns."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .json_text import json_text

if TYPE_CHECKING:
    import sqlite3

Row = tuple[Any, ...]

_TABLES = """
CREATE TABLE IF NOT EXISTS traces (
    trace_id TEXT PRIMARY KEY,
    workflow_name TEXT NOT NULL,
    group_id TEXT,
    metadata TEXT,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER,
    conversation TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS traces_by_start ON traces (started_ns);
CREATE INDEX IF NOT EXISTS traces_by_conversation ON traces (conversation, started_ns);
CREATE INDEX IF NOT EXISTS traces_by_workflow ON traces (workflow_name);
CREATE TABLE IF NOT EXISTS spans (
    id INTEGER PRIMARY KEY,
    span_id TEXT NOT NULL UNIQUE,
    trace_id TEXT NOT NULL,
    parent_id TEXT,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER,
    kind TEXT NOT NULL,
    name TEXT,
    usage TEXT,
    question TEXT,
    answer TEXT,
    words TEXT,
    error TEXT,
    span_data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS spans_by_trace ON spans (trace_id, started_ns);
CREATE INDEX IF NOT EXISTS spans_by_id ON spans (id, trace_id);
CREATE INDEX IF NOT EXISTS spans_by_failure ON spans (trace_id) WHERE error IS NOT NULL;
CREATE INDEX IF NOT EXISTS calls_by_trace ON spans (trace_id, started_ns)
    WHERE kind = 'generation';
CREATE INDEX IF NOT EXISTS agents_by_name ON spans (name, trace_id) WHERE kind = 'agent';
"""
_SEARCH = """
CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5 (
    words, content = 'spans', content_rowid = 'id', prefix = '2 3 4 5 6'
);
CREATE TRIGGER IF NOT EXISTS spans_come AFTER INSERT ON spans BEGIN
    INSERT INTO search (rowid, words) VALUES (new.id, new.words);
END;
CREATE TRIGGER IF NOT EXISTS spans_go AFTER DELETE ON spans BEGIN
    INSERT INTO search (search, rowid, words) VALUES ('delete', old.id, old.words);
END;
CREATE TRIGGER IF NOT EXISTS spans_change AFTER UPDATE OF words ON spans BEGIN
    INSERT INTO search (search, rowid, words) VALUES ('delete', old.id, old.words);
    INSERT INTO search (rowid, words) VALUES (new.id, new.words);
END;
"""
"""Beginnings of words are indexed, too: thousands may begin alike, as numbers of orders do."""
SAVE_TRACE = """
INSERT INTO traces VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (trace_id) DO UPDATE
SET ended_ns = excluded.ended_ns, conversation = excluded.conversation
"""
SAVE_SPAN = """
INSERT INTO spans (span_id, trace_id, parent_id, started_ns, ended_ns, kind, name, usage, question,
    answer, words, error, span_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (span_id) DO UPDATE
SET ended_ns = excluded.ended_ns, usage = excluded.usage, question = excluded.question,
    answer = excluded.answer, words = excluded.words, error = excluded.error,
    span_data = excluded.span_data
"""
_PREVIEW = 300
"""Characters of a question or an answer in a list."""
_SEARCHED = 20_000
"""Characters of a span that can be found."""


def make_tables(store: sqlite3.Connection) -> None:
    """Make what is missing; the index of words only where SQLite has FTS5."""
    import sqlite3

    store.executescript(_TABLES)
    with suppress(sqlite3.OperationalError):
        store.executescript(_SEARCH)


def trace_row(trace: Any) -> Row:
    """The columns of a trace."""
    names = map(text_column, (trace.trace_id, trace.name, trace.group_id))
    conversation = trace.group_id or trace.session_id or trace.trace_id
    times = (trace.started_ns, trace.ended_ns)
    return (*names, _json_column(trace.metadata), *times, text_column(conversation))


def span_row(span: Any) -> Row:
    """The columns of a span, as `SAVE_SPAN` names them."""
    ids = map(text_column, (span.span_id, span.trace_id, span.parent_id))
    data = span.span_data.export()
    told = json_text(data).decode()
    question, answer = _exchange(data)
    error = _json_column(span.error)
    words = _words([question, answer, *_texts(data), error])
    return (
        *ids,
        span.started_ns,
        span.ended_ns,
        text_column(data.get("type")),
        text_column(data.get("name")),
        _json_column(data.get("usage")),
        text_column(question[:_PREVIEW]) if question else None,
        text_column(answer[:_PREVIEW]) if answer else None,
        text_column(words),
        error,
        told,
    )


def text_column(value: Any) -> str | None:
    """The value as text that SQLite takes: none with half a surrogate pair."""
    return None if value is None else str(value).encode("utf-8", "replace").decode()


def _json_column(value: dict[str, Any] | None) -> str | None:
    return None if value is None else json_text(value).decode()


def _exchange(data: dict[str, Any]) -> tuple[str, str]:
    """What a model was asked last, and what it said; "" where it is no model or not known."""
    if data.get("type") != "generation":
        return "", ""
    asked = [item for item in _items(data.get("input")) if item.get("role") == "user"]
    said = [_text_of(item) for item in _items(data.get("output"))]
    return (_text_of(asked[-1]) if asked else ""), "\n".join(filter(None, said))


def _texts(data: dict[str, Any]) -> list[str]:
    """What can be found of a span beside its question and answer."""
    if data.get("type") == "generation":
        return [str(item.get("arguments") or "") for item in _items(data.get("output"))]
    values = [data.get(name) for name in ("name", "input", "output", "data")]
    return [value if isinstance(value, str) else _as_json(value) for value in values if value]


def _words(texts: list[str | None]) -> str:
    return "\n".join(filter(None, texts))[:_SEARCHED]


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text_of(item: dict[str, Any]) -> str:
    """What an item of a model's input or output says in words."""
    content = item.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in _items(content) if part.get("text"))


def _as_json(value: Any) -> str:
    try:
        return json.dumps(json.loads(json_text(value)), ensure_ascii=False)
    except ValueError:
        return ""
