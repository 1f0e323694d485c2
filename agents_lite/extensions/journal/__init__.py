"""Journals in other stores, each loaded when it is first named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .redis_journal import RedisJournal
    from .sqlalchemy_journal import SQLAlchemyJournal

__all__ = ["RedisJournal", "SQLAlchemyJournal"]


def __getattr__(name: str) -> Any:
    if name == "RedisJournal":
        from .redis_journal import RedisJournal

        return RedisJournal
    if name == "SQLAlchemyJournal":
        from .sqlalchemy_journal import SQLAlchemyJournal

        return SQLAlchemyJournal
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
