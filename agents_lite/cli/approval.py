"""Asking the person at the terminal about the calls that wait for one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..exceptions import UserError
from ..items import ToolApprovalItem
from ..response_types import read_json
from ..result import RunResultBase
from ..running.run_state import RunState
from ..shown import escaped
from ..viewer.text import plain
from .terminal import ask, readable_json, tell

if TYPE_CHECKING:
    from ..mcp.objects import MCPElicitation

_PROMPT = "Allow it? y, n, always, or why (not, for the model to know): "


class CallsWait(UserError):
    """Calls of a run wait for a person."""


class NobodyToAsk(CallsWait):
    """A call waits for an approval, and there is no person to give it."""

    def __init__(self, run: RunResultBase) -> None:
        names = ", ".join(dict.fromkeys(plain(item.tool_name) for item in run.interruptions))
        super().__init__(
            f"Approval is needed for {names}, and there is nobody to ask: run the agent in a "
            "terminal, or decide about the run's state in a program"
        )


def decided_state(run: RunResultBase) -> RunState:
    """The state of a run, all its waiting calls decided about by the person at the terminal.

    Raises:
        NobodyToAsk: Standard input is no terminal, or was closed there.
    """
    state = run.to_state()
    if not sys.stdin.isatty():
        raise NobodyToAsk(run)
    try:
        while waiting := state.get_interruptions():
            _decide(state, waiting[0])
    except EOFError:
        raise NobodyToAsk(run) from None
    return state


def _decide(state: RunState, item: ToolApprovalItem) -> None:
    if item.question is not None:
        _answer(state, item, item.question)
        return
    tell(f"\n{plain(item.agent.name)} wants to call {plain(item.tool_name)}:")
    tell("  " + escaped(_readable(item.arguments)))
    if item.reason == "unknown_end":
        tell("It was begun before, and nobody knows how it ended.")
    while True:
        match ask(_PROMPT).lower():
            case "y" | "yes":
                return state.approve(item)
            case "n" | "no":
                return state.reject(item)
            case "a" | "always":
                return state.approve(item, always_approve=True)
            case "w" | "why":
                return state.reject(item, rejection_message=ask("Why not? ") or None)


def _answer(state: RunState, item: ToolApprovalItem, question: MCPElicitation) -> None:
    from .form import filled_in

    content = filled_in(question, item.tool_name)
    if content is None:
        state.reject(item)
    else:
        state.provide_input(item, content)


def _readable(arguments: str) -> str:
    try:
        return readable_json(read_json(arguments), 2)
    except ValueError:  # models make mistakes
        return arguments
