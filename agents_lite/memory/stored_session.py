"""What all stores have in common: items go in and come out as JSON texts, in whole turns."""

from __future__ import annotations

import logging
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..checks import check_count, check_text
from ..concurrency.calling import Done, Ready
from ..exceptions import UserError
from ..history import latest_items
from ..items import TResponseInputItem, as_input_items
from ..response_types import json_text, read_json
from .session import SessionABC
from .session_settings import SessionSettings, as_settings, check_limit

if TYPE_CHECKING:
    from typing import Self

_logger = logging.getLogger("agents_lite")


class StoredItems(Ready, list[TResponseInputItem]):
    """Items of a store, which a program that awaits them may await."""


class StoredItem(Ready, TResponseInputItem):
    """An item of a store, which may be awaited, too."""


class StoredSession(SessionABC):
    """A session whose store keeps each item as a JSON text.

    A store implements `clear_session` and the methods below that speak of texts. They raise
    `SessionError` when the store fails, and then leave it as it was.
    """

    def __init__(
        self,
        session_id: str,
        session_settings: SessionSettings | Mapping[str, Any] | None = None,
    ) -> None:
        """Name the conversation.

        Args:
            session_id: Any string that has a UTF-8 form.
            session_settings: How much of it runs read; None: all of it.

        Raises:
            UserError: The id or the settings are none.
        """
        check_text(session_id, "A session_id")
        self.session_id = session_id
        self.session_settings = as_settings(session_settings)

    def get_items(self, limit: int | None = None) -> StoredItems:
        """The newest `limit` items (None: all); fewer, rather than cut a call from its output.

        What is no item is left out, and the log tells of it.

        Raises:
            SessionError: The store failed.
        """
        if limit is None:
            return StoredItems(self._decoded(self._read_texts(None)))
        check_limit(limit)
        if limit <= 0:
            return StoredItems()
        # One more than asked for shows whether the limit would cut something in two.
        texts = self._read_texts(min(limit, sys.maxsize - 1) + 1)
        items = self._decoded(texts)
        if len(items) < len(texts):
            items = self._decoded(self._read_texts(None))
        return StoredItems(latest_items(items, limit))

    def add_items(self, items: list[TResponseInputItem]) -> Done:
        """Append the items of a turn: all of them or, when it raises, none.

        Raises:
            UserError: An item is no dict, or cannot be written as JSON.
            SessionError: The store failed.
        """
        texts = as_texts(items, self.session_id)
        if texts:
            self._append_texts(texts)
        return Done()

    def replace_items(self, items: list[TResponseInputItem], count: int) -> Done:
        """Put items in the place of the oldest `count`: in one transaction, whoever reads.

        Raises:
            UserError: An item is no dict, or cannot be written as JSON; the count is none.
            SessionError: The store failed.
        """
        check_count(count, "The count of items to replace")
        rows = 0
        for text in self._read_texts(None):
            if count == 0:
                break
            count -= self._decode(text) is not None
            rows += 1
        self._replace_texts(as_texts(items, self.session_id), rows)
        return Done()

    def pop_item(self) -> StoredItem | None:
        """Remove the newest item and return it, or None when there is none.

        What is no item is removed with it.

        Raises:
            SessionError: The store failed.
        """
        while (text := self._pop_text()) is not None:
            if (item := self._decode(text)) is not None:
                return StoredItem(item)
        return None

    def close(self) -> Done | None:  # noqa: B027  (a store with nothing to close need not say so)
        """Close what the session has opened itself; using it again opens it again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @abstractmethod
    def _read_texts(self, newest: int | None) -> Sequence[str | bytes]:
        """So many of the newest texts (None: all), oldest first."""

    @abstractmethod
    def _append_texts(self, texts: list[str]) -> None:
        """Store the texts in one transaction."""

    @abstractmethod
    def _replace_texts(self, texts: list[str], count: int) -> None:
        """Put the texts in the place of the oldest `count`, in one transaction."""

    @abstractmethod
    def _pop_text(self) -> str | bytes | None:
        """Remove the newest text and return it, or None when there is none."""

    def _decoded(self, texts: Sequence[str | bytes]) -> list[TResponseInputItem]:
        """The items among these texts."""
        return [item for item in map(self._decode, texts) if item is not None]

    def _decode(self, text: str | bytes) -> TResponseInputItem | None:
        """The item that a text is; None, and a line in the log, where it is none."""
        try:
            item: TResponseInputItem = read_json(text)
            if isinstance(item, dict) and isinstance(item.get("type"), str | None):
                return item
            why = "it is no JSON object whose type is a text"
        except (TypeError, ValueError) as error:
            why = str(error)
        _logger.warning("Session %r: what is no item is left out: %s", self.session_id, why)
        return None


def as_texts(items: list[TResponseInputItem], session_id: str) -> list[str]:
    """Items as a session keeps them.

    Raises:
        UserError: One is no dict, or cannot be written as JSON.
    """
    try:
        return list(map(json_text, as_input_items(items, f"What session {session_id!r} is to add")))
    except (TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"An item for session {session_id!r} cannot be written as JSON: {error}"
        ) from error
