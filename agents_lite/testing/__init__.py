"""Answers without a model: scripts for tests, and a stand-in server for working offline."""

from __future__ import annotations

from ..local_server.messages import CutConnection, HTTPReply, HTTPRequest
from .builders import (
    Turn,
    call,
    final,
    handoff_to,
    reasoning,
    refusal,
    status,
    text,
    token_usage,
    turn,
)
from .offline import offline_unless_configured
from .responses_server import ResponsesServer
from .script import ScriptError
from .scripted_model import ScriptedModel

__all__ = [
    "CutConnection",
    "HTTPReply",
    "HTTPRequest",
    "ResponsesServer",
    "ScriptError",
    "ScriptedModel",
    "Turn",
    "call",
    "final",
    "handoff_to",
    "offline_unless_configured",
    "reasoning",
    "refusal",
    "status",
    "text",
    "token_usage",
    "turn",
]
