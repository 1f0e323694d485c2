"""The places where sessions are kept, for tests that treat them alike."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from agents_lite.memory import SQLiteSession


@dataclass
class Store:
    """A place for sessions."""

    kind: str
    """"sqlite", "branches", "sqlalchemy" or "redis"."""
    location: str
    """A path, or a URL."""

    def open(self, session_id: str, **options: Any) -> Any:
        """A session in this place."""
        if self.kind == "sqlite":
            return SQLiteSession(session_id, self.location, **options)
        if self.kind == "branches":
            from agents_lite.extensions.memory import AdvancedSQLiteSession

            return AdvancedSQLiteSession(session_id, self.location, **options)
        if self.kind == "sqlalchemy":
            from agents_lite.extensions.memory import SQLAlchemySession

            return SQLAlchemySession.from_url(session_id, url=self.location, **options)
        from agents_lite.extensions.memory import RedisSession

        return RedisSession.from_url(session_id, url=self.location, **options)

    def open_new(self, **options: Any) -> Any:
        """A session that is not there yet."""
        return self.open(uuid.uuid4().hex, **options)


def make_turn(writer: str, turn: int, size: int = 5) -> list[dict[str, Any]]:
    """Items that tell which turn of which writer they belong to."""
    return [
        {"role": "user", "content": f"{writer}/{turn}", "part": part, "of": size}
        for part in range(size)
    ]


def whole_turns(items: list[dict[str, Any]]) -> list[str]:
    """The turns in the order they stand; raises AssertionError when one is not whole."""
    turns = []
    start = 0
    while start < len(items):
        turn = items[start : start + items[start]["of"]]
        assert [item["part"] for item in turn] == list(range(turn[0]["of"]))
        assert len({item["content"] for item in turn}) == 1
        turns.append(turn[0]["content"])
        start += len(turn)
    return turns
