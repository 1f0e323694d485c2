"""A connection to SQLite that tools write with, too: a call and its fact in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ..exceptions import JournalError, UserError
from ..memory.sqlite_file import with_remedy
from .sqlite_schema import SCHEMA

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")


class SharedConnection:
    """A connection that was given, used by the thread that drives the run."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take the connection; nothing is done with it yet."""
        self._connection = connection
        self._has_tables = False
        self._in_call = False

    def begin(self) -> None:
        """Begin the transaction that a call is made in.

        Raises:
            UserError: The connection is in one already.
            JournalError: The database failed.
        """
        self._explained(self._begin)
        self._in_call = True

    def take_back(self) -> None:
        """Undo what a call has written, if its transaction is still open."""
        if self._in_call:
            self._in_call = False
            self._explained(lambda connection: connection.rollback())

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` returns of the connection."""
        return self._explained(work)

    def change(
        self,
        work: Callable[[sqlite3.Connection], T],
        while_locked: Callable[[sqlite3.Connection], object] | None = None,
    ) -> T:
        """What `work` returns, done in one transaction: that of the call, if one is made.

        Raises:
            UserError: The tool has ended the transaction.
            JournalError: The database failed.
        """
        in_call, self._in_call = self._in_call, False
        was_ended = in_call and not self._connection.in_transaction

        def transaction(connection: sqlite3.Connection) -> T:
            try:
                if not in_call or was_ended:
                    self._begin(connection)
                result = work(connection)
                connection.commit()
                return result
            except BaseException:
                connection.rollback()
                raise

        result = self._explained(transaction)
        if was_ended:
            raise UserError(
                "A tool has ended the transaction of the journal's connection: it must neither "
                "commit nor roll back, since the journal does. What this call has written was not "
                "committed together with the call"
            )
        return result

    def close(self) -> None:
        """Leave the connection as it is."""

    def _begin(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            raise UserError(
                "The journal's connection is in a transaction: commit it before the run, and do "
                "not open it with autocommit=False"
            )
        connection.execute("BEGIN IMMEDIATE")

    def _explained(self, work: Callable[[sqlite3.Connection], T]) -> T:
        import sqlite3

        connection = self._connection
        try:
            if not self._has_tables:
                self._create_tables(connection)
            return work(connection)
        except sqlite3.Error as error:
            raise JournalError(f"The journal's connection failed: {with_remedy(error)}") from error

    def _create_tables(self, connection: sqlite3.Connection) -> None:
        self._begin(connection)
        for statement in SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.commit()
        self._has_tables = True
