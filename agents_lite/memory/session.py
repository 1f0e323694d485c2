"""What a session is: the memory of one conversation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from ..items import TResponseInputItem


@runtime_checkable
class Session(Protocol):
    """A store of one conversation's input items; its methods may be `def` or `async def`.

    Items are dicts in the shapes of the Responses API, oldest first.
    """

    session_id: str
    """Which conversation."""

    @abstractmethod
    def get_items(
        self, limit: int | None = None
    ) -> list[TResponseInputItem] | Awaitable[list[TResponseInputItem]]:
        """The newest `limit` items (None: all); fewer, rather than cut a call from its output."""

    @abstractmethod
    def add_items(self, items: list[TResponseInputItem]) -> Awaitable[None] | None:
        """Append the items of a turn: all of them or, when it raises, none."""

    @abstractmethod
    def pop_item(self) -> TResponseInputItem | Awaitable[TResponseInputItem | None] | None:
        """Remove the newest item and return it, or None when there is none."""

    @abstractmethod
    def clear_session(self) -> Awaitable[None] | None:
        """Forget the conversation."""


class SessionABC(Session, ABC):
    """A `Session` to inherit from: an instance that lacks a method cannot be made."""
