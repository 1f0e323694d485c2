"""A journal in an SQLite database, with the standard library alone."""

from __future__ import annotations

import os
import time
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any

from ..checks import absolute_path, check_number
from ..exceptions import JournalError, UserError
from ..memory.sqlite_file import SQLiteFile
from .entries import Mask
from .holder import Holder
from .journal import Change, Journal
from .shared_connection import SharedConnection
from .shared_transaction import SharedTransaction
from .sqlite_schema import SCHEMA
from .stored_run import RunRow, Status, counted

if TYPE_CHECKING:
    import sqlite3

_COLUMNS = ", ".join(field.name for field in fields(RunRow))
_READ = f"SELECT {_COLUMNS} FROM agent_runs WHERE run_id = ?"
_BEGIN = f"INSERT INTO agent_runs ({_COLUMNS}) VALUES ({', '.join('?' * len(fields(RunRow)))})"
_NEWEST = (
    f"SELECT * FROM (SELECT {_COLUMNS} FROM agent_runs WHERE status = ? "
    "ORDER BY changed_at DESC LIMIT ?)"
)
_CUT = "DELETE FROM agent_run_entries WHERE run_id = ? AND number >= ?"
_LAST = "SELECT max(number) FROM agent_run_entries WHERE run_id = ?"
_TEXTS = "SELECT entry FROM agent_run_entries WHERE run_id = ? ORDER BY number"
_ADD = "INSERT INTO agent_run_entries (run_id, number, entry) VALUES (?, ?, ?)"
_ADD_IF_HELD = (
    "INSERT OR IGNORE INTO agent_run_entries (run_id, number, entry) "
    "SELECT ?, ?, ? FROM agent_runs WHERE run_id = ? AND holder = ?"
)


class SQLiteJournal(Journal):
    """Keeps runs in an SQLite file, which any number of threads and processes may share.

    What is written is on disk before the run goes on. The database is opened when it is first used
    and stays open until `close()`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        connection: sqlite3.Connection | None = None,
        lease: float = 30.0,
        timeout: float = 30.0,
        max_bytes: int | None = None,
        mask: Mask | None = None,
    ) -> None:
        """Name the file, or give a connection; nothing is opened yet.

        Args:
            path: The file, created when it is missing.
            connection: Instead of a file: the connection that tools write with. Each call is made
                inside a transaction, which is committed together with the call's output: what the
                tool has written is there exactly once. The tool must not commit; what it wrote is
                undone when it raises. Calls are made one after the other, on the run's thread.
            lease: Seconds after which the run of a process on another machine that gave no sign
                may be taken over.
            timeout: Seconds to wait for a database that another process has locked.
            max_bytes: New runs are refused while the file is larger; None: no limit.
            mask: Given each fact as JSON, returns what is written of it.

        Raises:
            UserError: Not exactly one of `path` and `connection`, or something of the wrong kind.
        """
        super().__init__(lease=lease, mask=mask)
        if (path is None) == (connection is None):
            raise UserError("SQLiteJournal needs either a path or a connection.")
        check_number(timeout, "timeout")
        if max_bytes is not None:
            check_number(max_bytes, "max_bytes")
        self.path = None if path is None else absolute_path(path, "path")
        self.timeout = timeout
        self.max_bytes = max_bytes
        self.shared = None if connection is None else SharedConnection(connection)
        self._database = self._open()

    def _open(self) -> SQLiteFile | SharedTransaction:
        if self.shared is not None:
            return self.shared
        path = self.path or ""
        return SQLiteFile(path, SCHEMA, self.timeout, partial(_failure, path))

    def __getstate__(self) -> dict[str, Any]:
        """The means to open the same file in another process."""
        if self.shared is not None:
            raise TypeError("A journal that was given a connection stays in its process")
        return {name: value for name, value in vars(self).items() if name != "_database"}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        vars(self).update(kept)
        self._database = self._open()

    def change(self, run_id: str, change: Change) -> None:
        """Change a run's row, and add an entry, in one transaction; see `Journal.change`."""

        def work(connection: sqlite3.Connection) -> None:
            row, before = _rows_of(connection, run_id)
            after, entry = change(before, time.time())
            if row is None:
                self._check_size(connection)
                connection.execute(_BEGIN, tuple(vars(after).values()))
            elif after != row:
                was = vars(row)
                changed = [name for name, value in vars(after).items() if value != was[name]]
                columns = ", ".join(f"{name} = ?" for name in changed)
                values = [getattr(after, name) for name in changed]
                update = f"UPDATE agent_runs SET {columns} WHERE run_id = ?"
                connection.execute(update, (*values, run_id))
            if entry is not None:
                connection.execute(_ADD, (run_id, before.entries if before else 0, entry))
            elif before is not None and after.entries < before.entries:
                connection.execute(_CUT, (run_id, after.entries))

        def look(connection: sqlite3.Connection) -> None:
            change(_rows_of(connection, run_id)[1], time.time())

        self._database.change(work, look)

    def append(self, run_id: str, holder: Holder, number: int, entry: str) -> None:
        """Add an entry to a run that is held; see `Journal.append`."""
        values = (run_id, number, entry, run_id, holder.text)

        def work(connection: sqlite3.Connection) -> bool:
            return connection.execute(_ADD_IF_HELD, values).rowcount == 1

        database = self._database
        if not isinstance(database, SQLiteFile) or not database.change_at_once(work):
            super().append(run_id, holder, number, entry)

    def entries(self, run_id: str) -> tuple[RunRow, list[str]] | None:
        """A run's row and the texts of its entries in order; see `Journal.entries`."""

        def read(connection: sqlite3.Connection) -> tuple[RunRow, list[str]] | None:
            begins = not connection.in_transaction
            if begins:
                connection.execute("BEGIN")
            try:
                row = _rows_of(connection, run_id)[1]
                found = connection.execute(_TEXTS, (run_id,)).fetchall()
            finally:
                if begins:
                    connection.execute("ROLLBACK")
            return None if row is None else (row, [text for (text,) in found])

        return self._database.read(read)

    def rows(self, statuses: list[Status], limit: int, offset: int) -> list[RunRow]:
        """Rows of these statuses, those that changed latest first."""
        if not statuses:
            return []
        newest = " UNION ALL ".join([_NEWEST] * len(statuses))  # so that nothing is sorted but them
        values = [value for status in statuses for value in (status, limit + offset)]
        found = self._database.read(
            lambda connection: connection.execute(
                f"{newest} ORDER BY changed_at DESC LIMIT ? OFFSET ?", (*values, limit, offset)
            ).fetchall()
        )
        return [RunRow(*row) for row in found]

    def delete(self, run_id: str | None, statuses: list[Status], before: float) -> int:
        """Delete runs with their entries; see `Journal.delete`."""
        marks = ", ".join("?" * len(statuses))
        chosen = f"status IN ({marks}) AND changed_at < ?"
        values: list[Any] = [*statuses, before]
        if run_id is not None:
            chosen, values = f"{chosen} AND run_id = ?", [*values, run_id]

        def work(connection: sqlite3.Connection) -> int:
            connection.execute(
                "DELETE FROM agent_run_entries WHERE run_id IN "
                f"(SELECT run_id FROM agent_runs WHERE {chosen})",
                values,
            )
            return connection.execute(f"DELETE FROM agent_runs WHERE {chosen}", values).rowcount

        return self._database.change(work)

    def size(self) -> int:
        """Bytes of the database, its other tables included."""
        return self._database.read(_size)

    def close(self) -> None:
        """Close the database; a connection that was given stays as it is."""
        self._database.close()

    def _check_size(self, connection: sqlite3.Connection) -> None:
        if self.max_bytes is not None and (size := _size(connection)) > self.max_bytes:
            raise JournalError(
                f"The journal in {self.path} holds {size} bytes, more than its max_bytes of "
                f"{self.max_bytes}: journal.forget(older_than=...) makes room for new runs"
            )


def _rows_of(connection: sqlite3.Connection, run_id: str) -> tuple[RunRow | None, RunRow | None]:
    """The row of a run as it is stored, and with the entries that have come since."""
    found = connection.execute(_READ, (run_id,)).fetchone()
    row = None if found is None else RunRow(*found)
    return row, counted(run_id, row, connection.execute(_LAST, (run_id,)).fetchone()[0])


def _size(connection: sqlite3.Connection) -> int:
    def number(pragma: str) -> int:
        value: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
        return value

    return (number("page_count") - number("freelist_count")) * number("page_size")


def _failure(path: str, words: str) -> JournalError:
    return JournalError(f"The journal in {path} failed: {words}")
