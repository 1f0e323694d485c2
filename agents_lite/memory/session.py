"""What a session is: the memory of one conversation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Protocol, TypeGuard, runtime_checkable

from ..concurrency.calling import Ready
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


def then(given: Any, use: Callable[[Any], Any]) -> Any:
    """What is made of a value; of one that is to be awaited, a coroutine."""
    return _later(given, use) if is_later(given) else use(given)


async def _later(given: Awaitable[Any], use: Callable[[Any], Any]) -> Any:
    made = use(await given)
    return await made if is_later(made) else made


def is_later(given: Any) -> TypeGuard[Awaitable[Any]]:
    """Whether a value has to be awaited, and not merely may be."""
    return isawaitable(given) and not isinstance(given, Ready)


class SessionABC(Session, ABC):
    """A `Session` to inherit from: an instance that lacks a method cannot be made."""
