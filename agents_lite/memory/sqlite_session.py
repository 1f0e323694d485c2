"""A session in an SQLite database, with the standard library alone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from ..concurrency.forks import before_fork, in_child, new_lock
from ..concurrency.sqlite_calls import TRY_SECONDS, call_sqlite
from ..exceptions import SessionError, UserError
from .stored_session import StoredSession

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

_REMEDIES = {
    "unable to open": "Check that its directory exists and that you may write there.",
    "readonly": "Check that you may write to the file and its directory.",
    "locked": "Another program holds it: end that one, or allow a longer `timeout`.",
    "not a database": "Name another file, or move this one away to begin a new one.",
    "malformed": "Restore a backup, or move the file away to begin a new one.",
    "full": "Make room on the disk.",
    "was deleted": "Put the file back, or begin the conversation anew.",
}
"""What to do about an error, by a part of SQLite's message."""

_IN_MEMORY = ":memory:"

_open: WeakSet[SQLiteSession] = WeakSet()  # sessions that have a connection
_inherited: list[sqlite3.Connection] = []  # of the parent process: never closed here
_inherited_files: set[tuple[int, int]] = set()  # theirs: SQLite mistakes their locks for our own


class SQLiteSession(StoredSession):
    """A conversation in an SQLite file, or in memory.

    Any number of threads may share an object, and any number of objects and processes a file. A
    turn is written in one transaction that is on disk when `add_items` returns. The database is
    opened when it is first used and stays open until `close()`.
    """

    _connection: sqlite3.Connection | None = None
    _file: tuple[int, int] | None = None  # which file was opened under the path
    _is_at_work = False

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
            timeout: Seconds to wait for a database that another process has locked, but no longer
                than the run may take.

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
        self._lock = new_lock()

    def clear_session(self) -> None:
        """Forget the conversation.

        Raises:
            SessionError: The database failed.
        """

        def clear(connection: sqlite3.Connection) -> None:
            for table in (self._messages_table, self._sessions_table):
                connection.execute(f"DELETE FROM {table} WHERE session_id = ?", [self.session_id])

        self._change(clear)

    def close(self) -> None:
        """Close the database; using the session again opens it again, and in memory anew."""
        if self._connection is not None:
            call_sqlite(self._lock, self._disconnect, 0)

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be about to end
            self.close()

    def _read_texts(self, newest: int | None) -> list[str]:
        def read(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(
                f"SELECT message_data FROM {self._messages_table} WHERE session_id = ? "
                "ORDER BY id DESC LIMIT ?",
                [self.session_id, -1 if newest is None else newest],
            ).fetchall()

        return [text for (text,) in reversed(self._call(read))]

    def _append_texts(self, texts: list[str]) -> None:
        def append(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"INSERT INTO {self._sessions_table} (session_id) VALUES (?) "
                "ON CONFLICT (session_id) DO UPDATE SET updated_at = CURRENT_TIMESTAMP",
                [self.session_id],
            )
            connection.executemany(
                f"INSERT INTO {self._messages_table} (session_id, message_data) VALUES (?, ?)",
                [(self.session_id, text) for text in texts],
            )

        self._change(append)

    def _pop_text(self) -> str | None:
        def pop(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(
                f"DELETE FROM {self._messages_table} WHERE id = "
                f"(SELECT MAX(id) FROM {self._messages_table} WHERE session_id = ?) "
                "RETURNING message_data",
                [self.session_id],
            ).fetchall()

        rows = self._change(pop)
        return rows[0][0] if rows else None

    def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, done in one transaction."""

        def transaction(connection: sqlite3.Connection) -> T:
            with connection:  # commits, or rolls back when anything is raised
                connection.execute("BEGIN IMMEDIATE")
                return work(connection)

        return self._call(transaction, changes=True)

    def _call(self, work: Callable[[sqlite3.Connection], T], changes: bool = False) -> T:
        """What `work` returns of the connection, which it has for itself.

        Raises:
            SessionError: The database failed.
        """
        try:
            import sqlite3
        except (ImportError, OSError) as error:  # of too many open files, for one
            raise self._explained(error) from error
        try:
            return call_sqlite(self._lock, partial(self._work, work, changes), self.timeout)
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from error

    def _work(self, work: Callable[[sqlite3.Connection], T], changes: bool) -> T:
        around, self._is_at_work = self._is_at_work, True
        try:
            if self._connection is not None and self._file != _identity(self.db_path):
                self._disconnect()
                if changes:
                    raise FileNotFoundError("it was deleted or replaced while it was in use")
            return work(self._connection or self._connect())
        finally:
            self._is_at_work = around

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        if _identity(self.db_path) in _inherited_files:
            raise OSError("this process was forked by a signal handler in the middle of using it")
        connection = sqlite3.connect(
            self.db_path, timeout=TRY_SECONDS, isolation_level=None, check_same_thread=False
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
        self._connection = connection
        self._file = _identity(self.db_path)
        _open.add(self)
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
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        _open.discard(self)

    def _explained(self, error: Exception) -> SessionError:
        remedies = [remedy for part, remedy in _REMEDIES.items() if part in str(error)]
        failure = f"Session {self.session_id!r} in {self.db_path} failed: {error}."
        return SessionError(" ".join([failure, *remedies]))

    def _close_before_fork(self) -> None:
        if self.db_path != _IN_MEMORY and not self._is_at_work:
            self._disconnect()

    def _give_up_in_child(self) -> None:
        """Refuse what a signal handler that forked has interrupted: the parent goes on with it."""
        import sqlite3

        if self._connection is not None and self.db_path != _IN_MEMORY:
            self._connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
            _inherited.append(self._connection)
            if self._file is not None:
                _inherited_files.add(self._file)
            self._connection = None
            _open.discard(self)


def _identity(path: str) -> tuple[int, int] | None:
    """Which file it is, whatever names it gets; None where there is none, or in memory."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _close_before_fork() -> None:
    """Close files: SQLite's locks go wrong when a child inherits a connection to one."""
    for session in list(_open):
        session._close_before_fork()


def _give_up_in_child() -> None:
    for session in list(_open):
        session._give_up_in_child()


before_fork(_close_before_fork)
in_child(_give_up_in_child)
