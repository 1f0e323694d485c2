"""A session in an SQLite database, with the standard library alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..checks import absolute_path, check_number
from ..concurrency.calling import Done
from ..exceptions import SessionError, UserError
from ..shown import repr_of
from .session_settings import SessionSettings
from .sqlite_file import IN_MEMORY, SQLiteFile
from .stored_session import StoredSession

if TYPE_CHECKING:
    import sqlite3


class SQLiteSession(StoredSession):
    """A conversation in an SQLite file, or in memory.

    Any number of threads may share an object, and any number of objects and processes a file. A
    turn is written in one transaction that is on disk when `add_items` returns. The database is
    opened when it is first used and stays open until `close()`.
    """

    def __init__(
        self,
        session_id: str,
        db_path: str | os.PathLike[str] = IN_MEMORY,
        sessions_table: str = "agent_sessions",
        messages_table: str = "agent_messages",
        session_settings: SessionSettings | Mapping[str, Any] | None = None,
        *,
        timeout: float = 30.0,
    ) -> None:
        """Name the conversation and its place; nothing is opened yet.

        Args:
            session_id: Which conversation; a file holds many.
            db_path: The file, created when it is missing, or ":memory:".
            sessions_table: The table of conversations, created when it is missing.
            messages_table: The table of their items, created when it is missing.
            session_settings: How much of it runs read; None: all of it.
            timeout: Seconds to wait for a database that another process has locked, but no longer
                than the run may take.

        Raises:
            UserError: The id is no valid text, a table's name is not made of letters, digits and
                underscores, or something else is of the wrong kind.
        """
        super().__init__(session_id, session_settings)
        check_number(timeout, "timeout")
        for name in (sessions_table, messages_table):
            if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)):
                raise UserError(
                    f"{repr_of(name)} cannot name a table: use letters, digits and underscores."
                )
        self.db_path = IN_MEMORY if db_path == IN_MEMORY else absolute_path(db_path, "db_path")
        self.timeout = timeout
        self._sessions_table = sessions_table
        self._messages_table = messages_table
        self._database = SQLiteFile(
            self.db_path, self._schema(), timeout, partial(_failure, session_id, self.db_path)
        )

    def beside(self, suffix: str) -> SQLiteSession:
        """Another conversation in the same place, whose id is this one's and the suffix."""
        return SQLiteSession(
            self.session_id + suffix,
            self.db_path,
            self._sessions_table,
            self._messages_table,
            timeout=self.timeout,
        )

    def clear_session(self) -> Done:
        """Forget the conversation.

        Raises:
            SessionError: The database failed.
        """
        self._database.change(self._clear)
        return Done()

    def close(self) -> None:
        """Close the database; using the session again opens it again, and in memory anew."""
        self._database.close()

    def _read_texts(self, newest: int | None) -> list[str]:
        def read(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(
                f"SELECT message_data FROM {self._messages_table} WHERE session_id = ? "
                "ORDER BY id DESC LIMIT ?",
                [self.session_id, -1 if newest is None else newest],
            ).fetchall()

        return [text for (text,) in reversed(self._database.read(read))]

    def _append_texts(self, texts: list[str]) -> None:
        self._database.change(partial(self._append, texts))

    def _replace_texts(self, texts: list[str], count: int) -> None:
        self._database.change(lambda connection: self._replace(texts, count, connection))

    def _replace(self, texts: list[str], count: int, connection: sqlite3.Connection) -> None:
        newer = self._read_texts(None)[count:]
        self._clear_shown(connection)
        self._append([*texts, *newer], connection)

    def _clear(self, connection: sqlite3.Connection) -> None:
        for table in self._tables():
            connection.execute(f"DELETE FROM {table} WHERE session_id = ?", [self.session_id])

    def _clear_shown(self, connection: sqlite3.Connection) -> None:
        """Forget what `_read_texts` gives."""
        self._clear(connection)

    def _append(self, texts: list[str], connection: sqlite3.Connection) -> None:
        connection.execute(
            f"INSERT INTO {self._sessions_table} (session_id) VALUES (?) "
            "ON CONFLICT (session_id) DO UPDATE SET updated_at = CURRENT_TIMESTAMP",
            [self.session_id],
        )
        connection.executemany(
            f"INSERT INTO {self._messages_table} (session_id, message_data) VALUES (?, ?)",
            [(self.session_id, text) for text in texts],
        )

    def _pop_text(self) -> str | None:
        def pop(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(
                f"DELETE FROM {self._messages_table} WHERE id = "
                f"(SELECT MAX(id) FROM {self._messages_table} WHERE session_id = ?) "
                "RETURNING message_data",
                [self.session_id],
            ).fetchall()

        rows = self._database.change(pop)
        return rows[0][0] if rows else None

    def _tables(self) -> list[str]:
        return [self._messages_table, self._sessions_table]

    def _schema(self) -> str:
        return f"""
            CREATE TABLE IF NOT EXISTS {self._sessions_table} (
                session_id TEXT PRIMARY KEY,
                created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
            );
            CREATE TABLE IF NOT EXISTS {self._messages_table} (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                session_id TEXT NOT NULL,
                message_data TEXT NOT NULL,
                created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
            );
            CREATE INDEX IF NOT EXISTS idx_{self._messages_table}_session_id
                ON {self._messages_table} (session_id, id);
        """


def _failure(session_id: str, path: str, words: str) -> SessionError:
    return SessionError(f"Session {session_id!r} in {path} failed: {words}")
