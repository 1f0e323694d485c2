"""What a run reads of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..exceptions import UserError

__all__ = ["SessionSettings"]


@dataclass
class SessionSettings:
    """Given to a run as `RunConfig(session_settings=...)`, or kept as a session's attribute."""

    limit: int | None = None
    """Only so many of the newest items go before the input; None: all."""

    def __post_init__(self) -> None:
        """Raise UserError for a limit that is no number."""
        check_limit(self.limit)


def check_limit(limit: Any) -> None:
    """Raise UserError for a limit of items that is neither a whole number nor None."""
    if not isinstance(limit, int | None):
        raise UserError(f"The limit of a session's items is a whole number or None, not {limit!r}")
