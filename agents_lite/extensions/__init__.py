"""Optional extras: each part loads when it is first imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .journal.redis_journal import RedisJournal
    from .journal.sqlalchemy_journal import SQLAlchemyJournal

__all__ = ["RedisJournal", "SQLAlchemyJournal"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(".journal", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
