"""A session that the model's server keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..checks import check_count
from ..concurrency.calling import Done
from ..concurrency.cancellation import Cancellation, current_cancellation
from ..concurrency.forks import new_lock
from ..exceptions import AgentsException, APIResponseError, NotFoundError, UserError
from ..history import latest_items, without_id
from ..http.listed import id_of, listed
from ..items import TResponseInputItem, as_input_items
from .session import SessionABC
from .session_settings import SessionSettings, as_settings, check_limit
from .stored_session import StoredItem, StoredItems

if TYPE_CHECKING:
    from ..http.client import ResponsesClient

_PAGE = 100
"""Items that one request reads or adds at most."""
_ADDED_AT_ONCE = 20
_WAITING = 0.1
"""Seconds after which a run that waits for another one to begin the conversation looks around."""


class OpenAIConversationsSession(SessionABC):
    """A conversation that the server of the Responses API keeps, as a session.

    Source: https://platform.openai.com/docs/api-reference/conversations
    """

    def __init__(
        self,
        *,
        conversation_id: str | None = None,
        openai_client: ResponsesClient | Any | None = None,
        session_settings: SessionSettings | Mapping[str, Any] | None = None,
    ) -> None:
        """Name the conversation and the server; nothing is sent yet.

        Args:
            conversation_id: None begins a conversation when the session is first used.
            openai_client: None takes the default client.
            session_settings: How much of it runs read; None: all of it.

        Raises:
            UserError: The settings, or the client, are none.
        """
        from ..models.default_client import as_client

        self.session_settings = as_settings(session_settings)
        self._id = conversation_id
        self._client = None if openai_client is None else as_client(openai_client)
        self._lock = new_lock()

    @property
    def session_id(self) -> str:
        """The conversation's id.

        Raises:
            UserError: There is no conversation yet.
        """
        if self._id is None:
            raise UserError("The conversation begins when the session is first used")
        return self._id

    @session_id.setter
    def session_id(self, conversation_id: str) -> None:
        self._id = conversation_id

    def get_items(self, limit: int | None = None) -> StoredItems:
        """The newest `limit` items (None: all); fewer, rather than cut a call from its output.

        Raises:
            APIError: The server could not be reached, or refused.
        """
        check_limit(limit)
        if limit is not None and limit <= 0:
            return StoredItems()
        newest = islice(self._listed(_PAGE), None if limit is None else limit + 1)
        items: list[TResponseInputItem] = list(newest)[::-1]
        return StoredItems(items if limit is None else latest_items(items, limit))

    def add_items(self, items: list[TResponseInputItem]) -> Done:
        """Append items, 20 with each request; reasoning that the API could not tell from others is
        left out.

        Raises:
            UserError: These are no items.
            APIError: The server could not be reached, or refused; what earlier requests have added
                is removed again, as far as the server lets it be.
        """
        from ..models.openai_responses import as_sent

        given = as_sent(as_input_items(items, "What the conversation is to add"))
        given = [item for item in given if not _is_anonymous(item)]
        added: list[str] = []
        try:
            for start in range(0, len(given), _ADDED_AT_ONCE):
                part = {"items": given[start : start + _ADDED_AT_ONCE]}
                added += _ids_in(self._ask("POST", "/items", part))
        except AgentsException:
            self._remove(added)
            raise
        return Done()

    def replace_items(self, items: list[TResponseInputItem], count: int) -> Done:
        """Put items behind the conversation, then remove the oldest `count`.

        Of these, what is to stay is given another id.

        Raises:
            UserError: These are no items; the count is none.
            APIError: The server could not be reached, or refused; nothing is lost then.
        """
        check_count(count, "The count of items to replace")
        old = [id_of(item) for item in self.get_items()[:count]]
        given = as_input_items(items, "What the conversation is to add")
        self.add_items([without_id(item) if item.get("id") in old else item for item in given])
        for item_id in old:
            with suppress(NotFoundError):
                self._ask("DELETE", f"/items/{item_id}")
        return Done()

    def pop_item(self) -> StoredItem | None:
        """Remove the newest item and return it, or None when there is none.

        Raises:
            APIError: The server could not be reached, or refused.
        """
        newest = next(self._listed(1), None)
        if newest is None:
            return None
        self._ask("DELETE", f"/items/{id_of(newest)}")
        return StoredItem(newest)

    def clear_session(self) -> Done:
        """Forget the conversation; the session begins a new one when it is used again.

        Raises:
            APIError: The server could not be reached, or refused; the session keeps to its
                conversation then.
        """
        conversation = self._id
        if conversation is not None:
            with suppress(NotFoundError):
                self._connected().ask("DELETE", f"/conversations/{conversation}")
            with self._lock:
                if self._id == conversation:
                    self._id = None
        return Done()

    def _listed(self, page: int) -> Iterator[TResponseInputItem]:
        """The items, the newest first."""
        ask = partial(self._ask, "GET", "/items")
        for item in listed(ask, {"order": "desc", "limit": page}):
            if not isinstance(item.get("type"), str | None):
                raise APIResponseError(f"The conversation holds what is no item: {item!r:.200}")
            yield item

    def _remove(self, ids: list[str]) -> None:
        for item_id in reversed(ids):
            with suppress(AgentsException):  # what stopped the work may stop this as well
                self._ask("DELETE", f"/items/{item_id}")

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
        has: tuple[str, type] | None = None,
    ) -> Any:
        client = self._connected()
        conversation = self._id or self._begun(client)
        return client.ask(method, f"/conversations/{conversation}{path}", body, query, has=has)

    def _begun(self, client: ResponsesClient) -> str:
        scope = current_cancellation.get() or Cancellation()
        try:
            while not self._lock.acquire(timeout=_WAITING):
                scope.check()
            if self._id is None:
                self._id = client.ask("POST", "/conversations", {}, has=("id", str))["id"]
            return self._id
        finally:
            try:  # as `new_lock` says
                self._lock.release()
            except RuntimeError:
                pass

    def _connected(self) -> ResponsesClient:
        from ..models.default_client import default_client

        return self._client or default_client()


def _ids_in(told: Any) -> list[str]:
    """The ids of the items that the server has added, as far as it tells them."""
    items = told.get("data") if isinstance(told, dict) else None
    items = items if isinstance(items, list) else []
    return [item["id"] for item in items if isinstance(item, dict) and "id" in item]


def _is_anonymous(item: TResponseInputItem) -> bool:
    """Whether it is reasoning with neither id nor secret, which the API calls an invalid item."""
    is_reasoning = item.get("type") == "reasoning"
    return is_reasoning and not (item.get("id") or item.get("encrypted_content"))
