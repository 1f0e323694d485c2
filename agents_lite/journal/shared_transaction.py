"""The transaction that a call and its fact share: where tools write to the journal's database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from ..exceptions import UserError

T = TypeVar("T")


class SharedTransaction(ABC):
    """A connection that tools write with, too, used by the thread that drives the run.

    A database implements the last five methods.
    """

    _in_call = False

    def begin(self) -> None:
        """Begin the transaction that a call is made in.

        Raises:
            UserError: The connection is in one already.
            JournalError: The database failed.
        """
        self.explained(self.begin_transaction)
        self._in_call = True

    def take_back(self) -> None:
        """Undo what a call has written, if its transaction is still open."""
        if self._in_call:
            self._in_call = False
            self.explained(self.roll_back)

    def read(self, work: Callable[[Any], T]) -> T:
        """What `work` returns of the connection: in the transaction of a call that is being made.

        Raises:
            JournalError: The database failed.
        """
        return self.explained(work) if self._in_call else self.change(work)

    def change(self, work: Callable[[Any], T], while_locked: Any = None) -> T:
        """What `work` returns, done in one transaction: that of the call, if one is made.

        Args:
            work: Is given the connection.
            while_locked: Not called: the connection has a waiting time of its own.

        Raises:
            UserError: The tool has ended the transaction.
            JournalError: The database failed.
        """
        in_call, self._in_call = self._in_call, False
        was_ended = in_call and self.has_ended()

        def transaction(connection: Any) -> T:
            if not in_call or was_ended:
                self.begin_transaction(connection)
            try:
                result = work(connection)
                self.commit(connection)
                return result
            except BaseException:
                self.roll_back(connection)
                raise

        result = self.explained(transaction)
        if was_ended:
            raise UserError(
                "A tool has ended the transaction of the journal's connection: it must neither "
                "commit nor roll back, since the journal does. What this call has written was not "
                "committed together with the call"
            )
        return result

    def close(self) -> None:  # noqa: B027
        """Leave the connection as it is."""

    @abstractmethod
    def explained(self, work: Callable[[Any], T]) -> T:
        """What `work` returns of the connection, which has the tables.

        Raises:
            JournalError: The database failed.
        """

    @abstractmethod
    def begin_transaction(self, connection: Any) -> None:
        """Begin a transaction.

        Raises:
            UserError: The connection is in one already.
        """

    @abstractmethod
    def has_ended(self) -> bool:
        """Whether the transaction begun last is over."""

    @abstractmethod
    def commit(self, connection: Any) -> None:
        """Commit the transaction."""

    @abstractmethod
    def roll_back(self, connection: Any) -> None:
        """Undo the transaction, if it is not over."""
