"""Calls in a conversation that the server keeps, whose outputs it was never given.

The run that made them was stopped or has failed, or has ended with the outputs themselves.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from ..shown import escaped

if TYPE_CHECKING:
    from ..exceptions import APIStatusError
    from .interface import ModelRequest

Item = dict[str, Any]

_REFUSAL = re.compile(
    r"no tool output found for (function|custom tool) call ([\w-]+)", re.IGNORECASE
)
_OUTPUTS = {"function": "function_call_output", "custom tool": "custom_tool_call_output"}
_UNKNOWN = "Nothing is known of what came of this call."

_logger = logging.getLogger("agents_lite")


def note_unanswered(request: ModelRequest, refusal: APIStatusError, answers: list[Item]) -> None:
    """Add an output to the answers, if a request was refused for a call that it has none for."""
    found = _REFUSAL.search(str(refusal))
    if found is None or not (request.previous_response_id or request.conversation_id):
        return
    call_id = found[2]
    if any(item.get("call_id") == call_id for item in (*request.input, *answers)):
        return
    answers.append({"type": _OUTPUTS[found[1].lower()], "call_id": call_id, "output": _UNKNOWN})
    _logger.warning(
        "The call %s was never answered to the server, which is told so", escaped(call_id)
    )
