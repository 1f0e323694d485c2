"""An SQLite database that is opened when it is first used, safe in threads and over forks."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from ..concurrency.forks import before_fork, in_child, new_lock
from ..concurrency.sqlite_calls import TRY_SECONDS, call_sqlite
from ..exceptions import AgentsException

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

IN_MEMORY = ":memory:"
_REMEDIES = {
    "unable to open": "Check that its directory exists and that you may write there.",
    "readonly": "Check that you may write to the file and its directory.",
    "locked": "Another program holds it: end that one, or allow a longer `timeout`.",
    "not a database": "Name another file, or move this one away to begin a new one.",
    "malformed": "Restore a backup, or move the file away to begin a new one.",
    "full": "Make room on the disk.",
    "disk I/O": "Check the disk: its room, its health, and how large a file may be there.",
    "too big": "Keep what is large elsewhere, such as in a file.",
    "was deleted": "Put the file back, or begin anew.",
    "no column": "A table of that name has other columns: name another file.",
    "no such column": "A table of that name has other columns: name another file.",
    "view": "A table of that name is none of this package: name another file.",
}
"""What to do about an error, by a part of SQLite's message."""

_open: WeakSet[SQLiteFile] = WeakSet()  # those that have a connection
_inherited: list[sqlite3.Connection] = []  # of the parent process: never closed here
_inherited_files: set[tuple[int, int]] = set()  # theirs: SQLite mistakes their locks for our own


class SQLiteFile:
    """A database in a file, or in memory.

    Any number of threads may share an object, and any number of objects and processes a file.
    """

    _connection: sqlite3.Connection | None = None
    _file: tuple[int, int] | None = None  # which file was opened under the path
    _is_at_work = False

    def __init__(
        self, path: str, schema: str, timeout: float, failure: Callable[[str], Exception]
    ) -> None:
        """Name the database; nothing is opened yet.

        Args:
            path: An absolute path; the file is created when it is missing. Or ":memory:".
            schema: Statements that create what is missing.
            timeout: Seconds to wait for a database that another process has locked.
            failure: Makes the exception of an error's description, with its remedy.
        """
        self.path = path
        self._schema = schema
        self._timeout = timeout
        self._failure = failure
        self._lock = new_lock()

    def close(self) -> None:
        """Close the database; using it again opens it again, and in memory anew."""
        if self._connection is not None:
            call_sqlite(self._lock, self._disconnect, 0)

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be about to end
            self.close()

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns of the connection, which it has for itself."""
        return self._call(work, changes=False)

    def change(
        self,
        work: Callable[[sqlite3.Connection], T],
        while_locked: Callable[[sqlite3.Connection], object] | None = None,
    ) -> T:
        """What `work` returns, done in one transaction.

        Args:
            work: Changes the database; called again as long as that is locked elsewhere.
            while_locked: Called meanwhile: may read, and end the wait with an exception.
        """

        def transaction(connection: sqlite3.Connection) -> T:
            import sqlite3

            with connection:  # commits, or rolls back when anything is raised
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    if while_locked is not None:
                        while_locked(connection)
                    raise
                return work(connection)

        return self._call(transaction, changes=True)

    def change_at_once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns, which is one statement: a transaction by itself, the cheapest."""
        return self._call(work, changes=True)

    def _call(self, work: Callable[[sqlite3.Connection], T], changes: bool) -> T:
        try:
            import sqlite3
        except (ImportError, OSError) as error:  # of too many open files, for one
            raise self._explained(error) from error
        try:
            return call_sqlite(self._lock, partial(self._work, work, changes), self._timeout)
        except AgentsException:  # the run is stopped; its timeout is an OSError, too
            raise
        except (sqlite3.Error, OSError) as error:
            raise self._explained(error) from error

    def _work(self, work: Callable[[sqlite3.Connection], T], changes: bool) -> T:
        around, self._is_at_work = self._is_at_work, True
        try:
            if self._connection is not None and self._file != _identity(self.path):
                self._disconnect()
                if changes:
                    raise FileNotFoundError("it was deleted or replaced while it was in use")
            return work(self._connection or self._connect())
        finally:
            self._is_at_work = around

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        if _identity(self.path) in _inherited_files:
            raise OSError("this process was forked by a signal handler in the middle of using it")
        connection = sqlite3.connect(
            self.path, timeout=TRY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.executescript(self._schema)
            # With WAL, readers and a writer need not wait for each other. The change of mode fails
            # at once while the file is in use elsewhere; then it is left to the next opening.
            with suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = WAL")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._file = _identity(self.path)
        _open.add(self)
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        _open.discard(self)

    def _explained(self, error: Exception) -> Exception:
        return self._failure(with_remedy(error))

    def _close_before_fork(self) -> None:
        if self.path != IN_MEMORY and not self._is_at_work:
            self._disconnect()

    def _give_up_in_child(self) -> None:
        """Refuse what a signal handler that forked has interrupted: the parent goes on with it."""
        import sqlite3

        if self._connection is not None and self.path != IN_MEMORY:
            self._connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
            _inherited.append(self._connection)
            if self._file is not None:
                _inherited_files.add(self._file)
            self._connection = None
            _open.discard(self)


def with_remedy(error: Exception) -> str:
    """An error of SQLite in words, followed by what to do about it."""
    return " ".join(
        [f"{error}.", *(remedy for part, remedy in _REMEDIES.items() if part in str(error))]
    )


def _identity(path: str) -> tuple[int, int] | None:
    """Which file it is, whatever names it gets; None where there is none, or in memory."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _close_before_fork() -> None:
    """Close files: SQLite's locks go wrong when a child inherits a connection to one."""
    for file in list(_open):
        file._close_before_fork()


def _give_up_in_child() -> None:
    for file in list(_open):
        file._give_up_in_child()


before_fork(_close_before_fork)
in_child(_give_up_in_child)
