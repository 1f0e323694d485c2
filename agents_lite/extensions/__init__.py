"""Optional extras: each part loads when it is first imported."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .journal.redis_journal import RedisJournal
    from .journal.sqlalchemy_journal import SQLAlchemyJournal
    from .tool_output_trimmer import ToolOutputTrimmer

_HOMES = {
    "RedisJournal": ".journal",
    "SQLAlchemyJournal": ".journal",
    "ToolOutputTrimmer": ".tool_output_trimmer",
}

__all__ = ["RedisJournal", "SQLAlchemyJournal", "ToolOutputTrimmer"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
