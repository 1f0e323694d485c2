"""Sessions: the memory of a conversation, read before a run and extended after each turn."""

from .openai_conversations_session import OpenAIConversationsSession
from .openai_responses_compaction_session import OpenAIResponsesCompactionSession
from .session import Session, SessionABC
from .session_settings import SessionSettings
from .sqlite_session import SQLiteSession
from .stored_session import StoredSession

__all__ = [
    "OpenAIConversationsSession",
    "OpenAIResponsesCompactionSession",
    "SQLiteSession",
    "Session",
    "SessionABC",
    "SessionSettings",
    "StoredSession",
]
