"""What a run reads of a session."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SessionSettings"]


@dataclass
class SessionSettings:
    """Given to a run as `RunConfig(session_settings=...)`, or kept as a session's attribute."""

    limit: int | None = None
    """Only so many of the newest items go before the input; None: all."""
