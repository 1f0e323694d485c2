"""Journals in other stores, each loaded when it is first named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import _load

if TYPE_CHECKING:
    from .redis_journal import RedisJournal
    from .sqlalchemy_journal import SQLAlchemyJournal

__all__ = ["RedisJournal", "SQLAlchemyJournal"]

_MODULES = {"RedisJournal": "redis_journal", "SQLAlchemyJournal": "sqlalchemy_journal"}


if not TYPE_CHECKING:  # or a misspelt name passes

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_load(f"extensions.journal.{_MODULES[name]}"), name)
