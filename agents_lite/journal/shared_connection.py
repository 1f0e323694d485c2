"""A connection to SQLite that tools write with, too: a call and its fact in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from ..exceptions import JournalError, UserError
from ..memory.sqlite_file import with_remedy
from .shared_transaction import SharedTransaction
from .sqlite_schema import SCHEMA

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

_MARK = "agents_lite_call"
"""A savepoint, which is gone when the tool has ended the transaction, even if it began another."""


class SharedConnection(SharedTransaction):
    """A connection to SQLite that was given."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take the connection; nothing is done with it yet."""
        self._connection = connection
        self._has_tables = False

    def explained(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns of the connection; see `SharedTransaction.explained`."""
        import sqlite3

        connection = self._connection
        try:
            if not self._has_tables:
                self._create_tables(connection)
            return work(connection)
        except sqlite3.Error as error:
            raise JournalError(f"The journal's connection failed: {with_remedy(error)}") from error

    def check_idle(self, connection: sqlite3.Connection) -> None:
        """See that no transaction is open."""
        if connection.in_transaction:
            raise UserError(
                "The journal's connection is in a transaction: commit it before the run, and do "
                "not open it with autocommit=False"
            )

    def begin_transaction(self, connection: sqlite3.Connection) -> None:
        """Begin a transaction, which locks the database for other writers."""
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"SAVEPOINT {_MARK}")

    def has_ended(self) -> bool:
        """Whether the transaction begun last is over."""
        import sqlite3

        try:
            self._connection.execute(f"RELEASE {_MARK}")
            return False
        except sqlite3.Error:
            with suppress(sqlite3.Error):  # what the tool wrote in another one is kept
                self.commit(self._connection)
            return True

    def commit(self, connection: sqlite3.Connection) -> None:
        """Commit the transaction; `commit` does nothing where Python's autocommit is on."""
        connection.execute("COMMIT")

    def roll_back(self, connection: sqlite3.Connection) -> None:
        """Undo the transaction, if it is not over."""
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def _create_tables(self, connection: sqlite3.Connection) -> None:
        self.check_idle(connection)
        try:
            self.begin_transaction(connection)
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement)
            self.commit(connection)
        except BaseException:
            self.roll_back(connection)
            raise
        self._has_tables = True
