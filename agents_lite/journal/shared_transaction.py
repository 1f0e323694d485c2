"""The transaction that a call and its fact share: where tools write to the journal's database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from ..exceptions import UserError

T = TypeVar("T")


class SharedTransaction(ABC):
    """A connection that tools write with, too, used by the thread that drives the run.

    A database implements the last six methods.
    """

    is_open = False
    """Whether a call is made in it; set before it is so, for what an interrupt leaves open."""

    def begin(self) -> None:
        """Begin the transaction that a call is made in.

        Raises:
            UserError: The connection is in one already.
            JournalError: The database failed.
        """
        self.explained(self.check_idle)
        try:
            self.is_open = True
            self.explained(self.begin_transaction)
        except BaseException:
            self.take_back()
            raise

    def take_back(self) -> None:
        """Undo what a call has written, if its transaction is still open."""
        if self.is_open:
            try:
                self.explained(self.roll_back)
            finally:
                self.is_open = False

    def read(self, work: Callable[[Any], T]) -> T:
        """What `work` returns of the connection: in the transaction of a call that is being made.

        Raises:
            JournalError: The database failed.
        """
        return self.explained(work) if self.is_open else self.change(work)

    def change(self, work: Callable[[Any], T], while_locked: Any = None) -> T:
        """What `work` returns, done in one transaction: that of the call, if one is made.

        Args:
            work: Is given the connection.
            while_locked: Not called: the connection has a waiting time of its own.

        Raises:
            UserError: The tool has ended the transaction.
            JournalError: The database failed.
        """

        def finish(connection: Any) -> T:
            result = work(connection)
            self.commit(connection)
            return result

        try:
            was_ended = self.is_open and self.has_ended()
            if was_ended or not self.is_open:
                self.begin()
            result = self.explained(finish)
        except BaseException:
            self.take_back()
            raise
        self.is_open = False
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
    def check_idle(self, connection: Any) -> None:
        """See that no transaction is open.

        Raises:
            UserError: One is.
        """

    @abstractmethod
    def begin_transaction(self, connection: Any) -> None:
        """Begin a transaction."""

    @abstractmethod
    def has_ended(self) -> bool:
        """Whether the transaction begun last is over."""

    @abstractmethod
    def commit(self, connection: Any) -> None:
        """Commit the transaction."""

    @abstractmethod
    def roll_back(self, connection: Any) -> None:
        """Undo the transaction, if it is not over."""
