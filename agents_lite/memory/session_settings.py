"""What a run reads of a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

from ..checks import check_kind, from_fields
from ..exceptions import UserError
from ..shown import repr_of

__all__ = ["SessionSettings"]


@dataclass
class SessionSettings:
    """Given to a run as `RunConfig(session_settings=...)`, or kept as a session's attribute."""

    limit: int | None = None
    """Only so many of the newest items go before the input; None: all."""

    def __post_init__(self) -> None:
        """Raise UserError for a limit that is no number."""
        check_limit(self.limit)

    def resolve(self, override: SessionSettings | Mapping[str, Any] | None) -> SessionSettings:
        """These settings, or where `override` has one, that one."""
        other = as_settings(override)
        return self if other is None or other.limit is None else other


def as_settings(given: Any) -> SessionSettings | None:
    """Settings as they are given: a dict has the same fields.

    Raises:
        UserError: These are none.
    """
    if isinstance(given, Mapping):
        return from_fields(SessionSettings, given)
    wanted = (SessionSettings, NoneType)
    check_kind(given, wanted, "session_settings", "a SessionSettings")
    settings: SessionSettings | None = given
    return settings


def check_limit(limit: Any) -> None:
    """Raise UserError for a limit of items that is neither a whole number nor None."""
    if not isinstance(limit, int | None):
        shown = repr_of(limit)
        raise UserError(f"The limit of a session's items is a whole number or None, not {shown}")
