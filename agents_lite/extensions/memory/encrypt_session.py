"""A session whose items no other store can read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Literal

from typing_extensions import TypedDict

from ...checks import check_count, check_kind, check_number, check_text, forgetful
from ...exceptions import SessionError, UserError
from ...history import latest_items
from ...items import TResponseInputItem
from ...memory.session import Session, SessionABC, is_later, then
from ...memory.session_settings import SessionSettings, check_limit
from ...memory.stored_session import StoredItem, StoredItems, as_texts
from ...response_types import json_text, read_json

try:
    from cryptography.fernet import Fernet, InvalidToken
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError as error:
    raise UserError(
        "EncryptedSession needs cryptography: pip install 'agents_lite[encrypt]'"
    ) from error


_TOKEN = "gAAAAA"
"""What a Fernet token begins with: its version, and a time of this century."""


class EncryptedEnvelope(TypedDict):
    """An item as the session below gets it."""

    __enc__: Literal[1]
    v: int
    kid: str
    payload: str
    """A Fernet token: the item's JSON, encrypted, and when that was done."""


class EncryptedSession(SessionABC):
    """Encrypts items before another session keeps them, and forgets them after a while.

    Each conversation has a key of its own, made of the one that is given and the id (HKDF). Where
    the methods of the other session are `async def`, those of this one are to be awaited, too.
    """

    @forgetful
    def __init__(
        self,
        session_id: str,
        underlying_session: Session,
        encryption_key: str,
        ttl: int = 600,
    ) -> None:
        """Name the conversation, the session that keeps it, and the key.

        Args:
            session_id: Which conversation.
            underlying_session: Keeps the encrypted items.
            encryption_key: A Fernet key, or any other secret text.
            ttl: Seconds after which an item is forgotten.

        Raises:
            UserError: The key is empty, or something is of the wrong kind.
        """
        check_text(session_id, "A session_id")
        check_kind(encryption_key, str, "The encryption_key", "a text")
        check_text(encryption_key, "The encryption_key")
        check_number(ttl, "The ttl", least=float("-inf"))
        if not encryption_key:
            raise UserError("EncryptedSession needs an encryption_key")
        self.session_id = session_id
        self.underlying_session = underlying_session
        self.ttl = ttl
        self._cipher = Fernet(_session_key(encryption_key, session_id))
        self._seen: list[int] | None = None  # marks of the items of the latest whole reading

    @property
    def session_settings(self) -> SessionSettings | None:
        """Those of the session that keeps the items."""
        return getattr(self.underlying_session, "session_settings", None)

    def get_items(self, limit: int | None = None) -> Any:
        """The newest `limit` items (None: all), without those that are too old or were never
        encrypted; fewer, rather than cut a call from its output.
        """
        check_limit(limit)

        def opened(held: list[TResponseInputItem]) -> StoredItems:
            found = [(_mark(item), self._open(item)) for item in held]
            items = StoredItems(item for _, item in found if item is not None)
            if limit is not None:
                return StoredItems(latest_items(items, limit) if limit > 0 else ())
            self._seen = [mark for mark, item in found if item is not None]
            return items

        # One more than asked for shows whether the limit would cut something in two.
        newest = None if limit is None else limit + 1
        return then(self.underlying_session.get_items(newest), opened)

    def add_items(self, items: list[TResponseInputItem]) -> Any:
        """Append the items of a turn.

        Raises:
            UserError: An item is no dict, or cannot be written as JSON.
        """
        return self.underlying_session.add_items(self._sealed(items))

    def pop_item(self) -> Any:
        """Remove the newest item and return it, or None when there is none.

        What is too old is removed with it.

        Raises:
            SessionError: It was encrypted with another key, or never; it stays.
        """
        below: Any = self.underlying_session
        held = below.pop_item()
        if is_later(held):
            return self._popped(held)
        while held is not None and (item := self._open(held)) is None:
            if self._is_foreign(held):
                below.add_items([held])
                raise self._foreign()
            held = below.pop_item()
        return None if held is None else item

    async def _popped(self, given: Any) -> TResponseInputItem | None:
        below: Any = self.underlying_session
        while (held := await given) is not None and (item := self._open(held)) is None:
            if self._is_foreign(held):
                await below.add_items([held])
                raise self._foreign()
            given = below.pop_item()
        return None if held is None else item

    def clear_session(self) -> Any:
        """Forget the conversation."""
        return self.underlying_session.clear_session()

    @property
    def replace_items(self) -> Callable[[list[TResponseInputItem], int], Any]:
        """Put items in the place of the oldest `count` of those that were read last.

        Raises:
            AttributeError: The session below has no such method.
        """
        below: Any = self.underlying_session
        put = below.replace_items

        def replace(items: list[TResponseInputItem], count: int) -> Any:
            check_count(count, "The count of items to replace")
            seen = self._seen  # some of them may have become too old since, others were added

            def replaced(held: list[TResponseInputItem]) -> Any:
                fresh = [_mark(item) for item in held if self._open(item) is not None]
                oldest, end = (fresh if seen is None else seen)[:count], 0
                for place, item in enumerate(held, start=1):
                    if (mark := _mark(item)) in oldest:  # those before it may be gone
                        oldest, end = oldest[oldest.index(mark) + 1 :], place
                return put(self._sealed(items), end)

            return then(below.get_items(), replaced)

        return replace

    def _sealed(self, items: list[TResponseInputItem]) -> list[TResponseInputItem]:
        texts = as_texts(items, self.session_id)
        payloads = (self._cipher.encrypt(text.encode()).decode() for text in texts)
        return [
            {"__enc__": 1, "v": 1, "kid": "hkdf-v1", "payload": payload} for payload in payloads
        ]

    def _open(self, item: TResponseInputItem | None) -> TResponseInputItem | None:
        """The item in an envelope; None for one that is too old, damaged, or sealed with another
        key, and for what somebody else put there, in no envelope.
        """
        if item is None or item.get("__enc__") != 1:
            return None
        try:
            return StoredItem(read_json(self._cipher.decrypt(item["payload"], self.ttl)))
        except (InvalidToken, KeyError, TypeError, ValueError):
            return None

    def _is_foreign(self, item: TResponseInputItem) -> bool:
        """Whether what does not open is a whole envelope of another key, or none."""
        if item.get("__enc__") != 1:
            return True
        payload = item.get("payload")
        if not isinstance(payload, str) or not payload.startswith(_TOKEN):
            return False
        try:
            self._cipher.extract_timestamp(payload)
        except InvalidToken:
            return True
        return False

    def _foreign(self) -> SessionError:
        return SessionError(
            f"The newest item of session {self.session_id!r} was not encrypted with this key, and "
            "stays: give its key, or forget the conversation with clear_session()"
        )


def _mark(item: TResponseInputItem) -> int:
    """What tells an item from others, in an envelope or not."""
    payload = item.get("payload")
    return hash(payload if isinstance(payload, str) else json_text(item))


def _session_key(encryption_key: str, session_id: str) -> bytes:
    secret = encryption_key.encode()
    try:
        decoded = base64.urlsafe_b64decode(secret)
        secret = decoded if len(decoded) == 32 else secret
    except (binascii.Error, ValueError):
        pass
    hkdf = HKDF(hashes.SHA256(), 32, session_id.encode(), b"agents.session-store.hkdf.v1")
    return base64.urlsafe_b64encode(hkdf.derive(secret))
