"""Optional extras: each part loads when it is first imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _load

if TYPE_CHECKING:
    from .journal.redis_journal import RedisJournal
    from .journal.sqlalchemy_journal import SQLAlchemyJournal
    from .tool_output_trimmer import ToolOutputTrimmer

_HOMES = {
    "RedisJournal": "extensions.journal",
    "SQLAlchemyJournal": "extensions.journal",
    "ToolOutputTrimmer": "extensions.tool_output_trimmer",
}

__all__ = ["RedisJournal", "SQLAlchemyJournal", "ToolOutputTrimmer"]


if not TYPE_CHECKING:  # or a misspelt name passes

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(_load(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
