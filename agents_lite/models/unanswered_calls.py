"""Calls in a conversation that the server keeps, whose outputs it was never given.

The run that made them was stopped or has failed, or has ended with the outputs themselves.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..shown import escaped

if TYPE_CHECKING:
    from ..exceptions import APIStatusError
    from .interface import ModelRequest

Item = dict[str, Any]

_NO_OUTPUT = r"no tool output found for (function|custom tool) call ([\w-]+)"
_NO_APPROVAL = r"do not have an approval: (mcpr_.*)"
_OUTPUTS = {"function": "function_call_output", "custom tool": "custom_tool_call_output"}
_UNKNOWN = "Nothing is known of what came of this call."
_UNDECIDED = "Nobody has decided about this call."

_logger = logging.getLogger("agents_lite")


def note_unanswered(request: ModelRequest, refusal: APIStatusError, answers: list[Item]) -> None:
    """Add an output to the answers, if a request was refused for a call that it has none for, or a
    refusal of each call of an MCP server's tool that nobody has approved.
    """
    if not (request.previous_response_id or request.conversation_id):
        return
    for name, answer in _missed(str(refusal)):
        if any(item.get(name) == answer[name] for item in (*request.input, *answers)):
            continue
        answers.append(answer)
        _logger.warning(
            "The call %s was never answered to the server, which is told so", escaped(answer[name])
        )


def _missed(refusal: str) -> Iterator[tuple[str, Item]]:
    """What stands in for the answers that are missed, each with the field that names the call."""
    if found := re.search(_NO_OUTPUT, refusal, re.IGNORECASE):
        kind = _OUTPUTS[found[1].lower()]
        yield "call_id", {"type": kind, "call_id": found[2], "output": _UNKNOWN}
    elif found := re.search(_NO_APPROVAL, refusal, re.IGNORECASE):
        for request_id in re.findall(r"mcpr_[\w-]+", found[1]):
            kind, name = "mcp_approval_response", "approval_request_id"
            yield name, {"type": kind, name: request_id, "approve": False, "reason": _UNDECIDED}
