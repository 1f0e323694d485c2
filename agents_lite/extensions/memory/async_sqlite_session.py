"""An SQLite session for programs that await its methods."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ...concurrency.aio import call_aside
from ...items import TResponseInputItem
from ...memory.session import SessionABC
from ...memory.session_settings import SessionSettings
from ...memory.sqlite_session import SQLiteSession


class AsyncSQLiteSession(SessionABC):
    """A `SQLiteSession` whose methods are `async def`, and leave the event loop free."""

    def __init__(
        self,
        session_id: str,
        db_path: str | os.PathLike[str] = ":memory:",
        sessions_table: str = "agent_sessions",
        messages_table: str = "agent_messages",
        session_settings: SessionSettings | Mapping[str, Any] | None = None,
    ) -> None:
        """Name the conversation and its place, as for `SQLiteSession`."""
        self.session_id = session_id
        self._session = SQLiteSession(
            session_id, db_path, sessions_table, messages_table, session_settings
        )
        self.session_settings = self._session.session_settings

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The newest `limit` items (None: all); fewer, rather than cut a call from its output."""
        return await call_aside(self._session.get_items, limit)

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Append the items of a turn: all of them or, when it raises, none."""
        await call_aside(self._session.add_items, items)

    async def replace_items(self, items: list[TResponseInputItem], count: int) -> None:
        """Put items in the place of the oldest `count`: in one transaction, whoever reads."""
        await call_aside(self._session.replace_items, items, count)

    async def pop_item(self) -> TResponseInputItem | None:
        """Remove the newest item and return it, or None when there is none."""
        return await call_aside(self._session.pop_item)

    async def clear_session(self) -> None:
        """Forget the conversation."""
        await call_aside(self._session.clear_session)

    async def close(self) -> None:
        """Close the database."""
        await call_aside(self._session.close)
