"""A web page to chat with an agent, what its servers tell it, and a server of its own."""

from __future__ import annotations

from .answers import answer_frames, decide_call, kept_state
from .events import error_event, event_frames, sse, visitor_words, waiting_calls
from .page import ChatPage

__all__ = [
    "ChatPage",
    "answer_frames",
    "decide_call",
    "error_event",
    "event_frames",
    "kept_state",
    "sse",
    "visitor_words",
    "waiting_calls",
]
