"""Conversations in one SQLite file: what was said in each, and its run that waits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..checks import absolute_path
from ..exceptions import SessionError
from ..items import ItemHelpers
from ..memory import SQLiteSession
from ..memory.sqlite_file import SQLiteFile
from ..response_types import read_json

if TYPE_CHECKING:
    import sqlite3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS chat_runs (
    session_id TEXT PRIMARY KEY,
    trace_id TEXT,
    state TEXT
)
"""
_LIST = """
SELECT session_id,
    (SELECT message_data FROM agent_messages AS item
     WHERE item.session_id = agent_sessions.session_id ORDER BY id LIMIT 1)
FROM agent_sessions ORDER BY updated_at DESC, rowid DESC LIMIT 200
"""
_TITLE_LENGTH = 80


class Conversations:
    """The conversations of a file in which `SQLiteSession` keeps them.

    Raises:
        SessionError: The database failed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Name the file; it is created when it is missing."""
        self.path = absolute_path(path, "The database")
        self._file = SQLiteFile(self.path, _SCHEMA, 30.0, self._failure)

    def session(self, name: str) -> SQLiteSession:
        """The memory of a conversation."""
        return SQLiteSession(name, self.path)

    def titles(self) -> dict[str, str]:
        """The conversations by their names, each with its first words; the latest come first."""
        with self.session("any") as session:
            session.get_items(limit=1)  # makes the tables
        rows = self._file.read(lambda file: file.execute(_LIST).fetchall())
        return {name: _first_words(text) or name for name, text in rows}

    def note_run(self, name: str, trace_id: str) -> None:
        """Take note of a conversation's latest run."""
        self._change(
            "INSERT INTO chat_runs VALUES (?, ?, NULL) "
            "ON CONFLICT (session_id) DO UPDATE SET trace_id = excluded.trace_id",
            [name, trace_id],
        )

    def latest_run(self, name: str) -> str | None:
        """The trace of its latest run, or None."""
        return self._value("trace_id", name)

    def keep(self, name: str, state: str) -> None:
        """Put a conversation's run aside."""
        self._change("UPDATE chat_runs SET state = ? WHERE session_id = ?", [state, name])

    def find(self, name: str) -> str | None:
        """The run that was put aside, or None."""
        return self._value("state", name)

    def take(self, name: str, state: str | None) -> bool:
        """Take the run that `find` gave, to go on with it; False: somebody else has it by now."""
        return 1 == self._change(
            "UPDATE chat_runs SET state = NULL WHERE (session_id, state) = (?, ?)", [name, state]
        )

    def forget(self, name: str) -> None:
        """Delete a conversation."""
        self._change("DELETE FROM chat_runs WHERE session_id = ?", [name])
        with self.session(name) as session:
            session.clear_session()

    def _change(self, statement: str, values: list[Any]) -> int:
        def change(file: sqlite3.Connection) -> int:
            return file.execute(statement, values).rowcount

        return self._file.change(change)

    def _value(self, column: str, name: str) -> str | None:
        def read(file: sqlite3.Connection) -> Any:
            statement = f"SELECT {column} FROM chat_runs WHERE session_id = ?"
            return file.execute(statement, [name]).fetchone()

        row = self._file.read(read)
        return row[0] if row else None

    def _failure(self, words: str) -> SessionError:
        return SessionError(f"Conversations in {self.path} failed: {words}")


def _first_words(text: str | None) -> str:
    """The beginning of an item's text, in one line."""
    try:
        item = read_json(text or "{}")
    except ValueError:  # written by another program
        return ""
    content = item.get("content") if isinstance(item, dict) else None
    words = content if isinstance(content, str) else ItemHelpers.extract_text(item) or ""
    return " ".join(words.split())[:_TITLE_LENGTH]
