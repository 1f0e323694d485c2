"""Which traces are wanted, as SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .sqlite_rows import text_column

_FAILED = "trace_id IN (SELECT trace_id FROM spans WHERE error IS NOT NULL)"
_STATES = {
    "failed": _FAILED,
    "ok": f"ended_ns IS NOT NULL AND NOT {_FAILED}",
    "unfinished": "ended_ns IS NULL",
}
_BY_AGENT = "trace_id IN (SELECT trace_id FROM spans WHERE kind = 'agent' AND name = ?)"
_NAMED = "(workflow_name || ' ' || trace_id || ' ' || conversation) LIKE ? ESCAPE '\\'"
_BY_INDEX = """SELECT trace_id FROM search
    CROSS JOIN spans INDEXED BY spans_by_id ON spans.id = search.rowid WHERE search MATCH ?"""
_BY_READING = "SELECT trace_id FROM spans WHERE words LIKE ? ESCAPE '\\'"


@dataclass(frozen=True)
class TraceFilter:
    """Traces for which all holds that is said here."""

    status: Literal["ok", "failed", "unfinished"] | None = None
    """How they went; None: anyhow."""
    workflow: str | None = None
    """Their name."""
    agent: str | None = None
    """An agent at work in them."""
    since_ns: int | None = None
    """They started at that time or later, in nanoseconds since 1970."""
    words: str = ""
    """Words, each of which begins a word of their inputs and outputs, or stands in their name, id,
    group or session."""

    def where(self, has_index: bool) -> tuple[str, list[str | int]]:
        """A WHERE clause over the table of traces, or "", and its values.

        Args:
            has_index: Whether the store has an index of words; without, words are found anywhere.
        """
        conditions: list[str] = []
        values: list[str | int] = []
        if self.status is not None:
            conditions.append(_STATES[self.status])
        if self.workflow is not None:
            conditions.append("workflow_name = ?")
            values.append(text_column(self.workflow) or "")
        if self.agent is not None:
            conditions.append(_BY_AGENT)
            values.append(text_column(self.agent) or "")
        if self.since_ns is not None:
            conditions.append("started_ns >= ?")
            values.append(self.since_ns)
        for word in (text_column(self.words) or "").split():
            found = has_index and any(map(str.isalnum, word))  # the index knows nothing else
            conditions.append(f"(trace_id IN ({_BY_INDEX if found else _BY_READING}) OR {_NAMED})")
            values += [_prefix(word) if found else _anywhere(word), _anywhere(word)]
        return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values


def _prefix(word: str) -> str:
    """A query of FTS5. Source: https://sqlite.org/fts5.html, section 3."""
    quoted = word.replace('"', '""').replace("\0", "")
    return f'"{quoted}"' if len(word) == 1 else f'"{quoted}" *'  # too many begin with a letter


def _anywhere(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
