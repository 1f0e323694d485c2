"""Sessions: the memory of a conversation, read before a run and extended after each turn."""

from .session import Session, SessionABC
from .sqlite_session import SQLiteSession
from .stored_session import StoredSession

__all__ = ["SQLiteSession", "Session", "SessionABC", "StoredSession"]
