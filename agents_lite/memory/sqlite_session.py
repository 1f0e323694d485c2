"""A session in an SQLite database, with the standard library alone."""

from __future__ import annotations

import os
import re
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ..exceptions import SessionError, UserError
from .stored_session import StoredSession

if TYPE_CHECKING:
    import sqlite3

_REMEDIES = {
    "unable to open": "Check that its directory exists and that you may write there.",
    "readonly": "Check that you may write to the file and its directory.",
    "locked": "Another program holds it: end that one, or allow a longer `timeout`.",
    "not a database": "Name another file, or move this one away to begin a new one.",
    "malformed": "Restore a backup, or move the file away to begin a new one.",
    "full": "Make room on the disk.",
}
"""What to do about an error, by a part of SQLite's message."""

_IN_MEMORY = ":memory:"
_WAIT_MS = 200

_sessions: weakref.WeakSet[SQLiteSession] = weakref.WeakSet()
_sessions_lock = threading.Lock()


class SQLiteSession(StoredSession):
    """A conversation in an SQLite file, or in memory.

    Any number of threads may share an object, and any number of objects and processes a file. A
    turn is written in one transaction that is on disk when `add_items` returns. The database is
    opened when it is first used and stays open until `close()`.
    """

    def __init__(
        self,
        session_id: str,
        db_path: str | os.PathLike[str] = _IN_MEMORY,
        sessions_table: str = "agent_sessions",
        messages_table: str = "agent_messages",
        *,
        timeout: float = 30.0,
    ) -> None:
        """Name the conversation and its place; nothing is opened yet.

        Args:
            session_id: Which conversation; a file holds many.
            db_path: The file, created when it is missing, or ":memory:".
            sessions_table: The table of conversations, created when it is missing.
            messages_table: The table of their items, created when it is missing.
            timeout: Seconds to wait for a database that another process has locked.

        Raises:
            UserError: The id is no valid text, or a table's name is not made of letters,
                digits and underscores.
        """
        super().__init__(session_id)
        for name in (sessions_table, messages_table):
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise UserError(
                    f"{name!r} cannot name a table: use letters, digits and underscores."
                )
        self.db_path = _IN_MEMORY if db_path == _IN_MEMORY else os.path.abspath(db_path)
        self.timeout = timeout
        self._sessions_table = sessions_table
        self._messages_table = messages_table
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        with _sessions_lock:
            _sessions.add(self)

    def clear_session(self) -> None:
        """Forget the conversation.

        Raises:
            SessionError: The database failed.
        """
        with self._transaction() as connection:
            for table in (self._messages_table, self._sessions_table):
                connection.execute(f"DELETE FROM {table} WHERE session_id = ?", [self.session_id])

    def close(self) -> None:
        """Close the database; using the session again opens it again, and in memory anew."""
        with self._lock:
            self._disconnect()

    def _read_texts(self, newest: int | None) -> list[str]:
        with self._connected() as connection:
            rows = connection.execute(
                f"SELECT message_data FROM {self._messages_table} WHERE session_id = ? "
                "ORDER BY id DESC LIMIT ?",
                [self.session_id, -1 if newest is None else newest],
            ).fetchall()
        return [text for (text,) in reversed(rows)]

    def _append_texts(self, texts: list[str]) -> None:
        with self._transaction() as connection:
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
        with self._transaction() as connection:
            rows = connection.execute(
                f"DELETE FROM {self._messages_table} WHERE id = "
                f"(SELECT MAX(id) FROM {self._messages_table} WHERE session_id = ?) "
                "RETURNING message_data",
                [self.session_id],
            ).fetchall()
        return rows[0][0] if rows else None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            with connection:  # commits, or rolls back when anything is raised
                self._lock_out_writers(connection)
                yield connection

    def _lock_out_writers(self, connection: sqlite3.Connection) -> None:
        """Begin to write once no other process does; in short waits, since Ctrl-C ends none."""
        import sqlite3

        deadline = time.monotonic() + self.timeout
        connection.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() >= deadline:
                    raise

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone."""
        import sqlite3

        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                yield self._connection
            except sqlite3.Error as error:
                raise self._explained(error) from error

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        connection = sqlite3.connect(
            self.db_path, timeout=self.timeout, isolation_level=None, check_same_thread=False
        )
        try:
            connection.executescript(self._schema())
            # With WAL, readers and a writer need not wait for each other. The change of mode fails
            # at once while the file is in use elsewhere; then it is left to the next opening.
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = WAL")
        except BaseException:
            connection.close()
            raise
        return connection

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

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _explained(self, error: sqlite3.Error) -> SessionError:
        remedies = [remedy for part, remedy in _REMEDIES.items() if part in str(error)]
        failure = f"Session {self.session_id!r} in {self.db_path} failed: {error}."
        return SessionError(" ".join([failure, *remedies]))


class _Fork:
    """Keeps open files out of forks: SQLite's locks go wrong when a child inherits a connection."""

    def __init__(self) -> None:
        self._held: list[SQLiteSession] = []

    def before(self) -> None:
        """Let every session finish what it is doing, close its file and wait."""
        _sessions_lock.acquire()
        for session in _sessions:
            session._lock.acquire()
            self._held.append(session)
            if session.db_path != _IN_MEMORY:
                session._disconnect()

    def after(self) -> None:
        """Let the sessions go on, in the parent and in the child."""
        while self._held:
            self._held.pop()._lock.release()
        _sessions_lock.release()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    _fork = _Fork()
    os.register_at_fork(
        before=_fork.before, after_in_parent=_fork.after, after_in_child=_fork.after
    )
