"""Asking the person at the terminal about the calls that wait for one."""

from __future__ import annotations

import json
import sys

from ..exceptions import UserError
from ..items import ToolApprovalItem
from ..result import RunResultBase
from ..running.run_state import RunState
from ..viewer.text import escaped, plain
from .terminal import read_line, readable_json

_PROMPT = "Allow it? y, n, always, or why (not, for the model to know): "


class NobodyToAsk(UserError):
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
    _say(f"\n{plain(item.agent.name)} wants to call {plain(item.tool_name)}:")
    _say("  " + escaped(_readable(item.arguments)))
    if item.reason == "unknown_end":
        _say("It was begun before, and nobody knows how it ended.")
    while True:
        match _ask(_PROMPT).lower():
            case "y" | "yes":
                return state.approve(item)
            case "n" | "no":
                return state.reject(item)
            case "a" | "always":
                return state.approve(item, always_approve=True)
            case "w" | "why":
                return state.reject(item, rejection_message=_ask("Why not? ") or None)


def _readable(arguments: str) -> str:
    try:
        return readable_json(json.loads(arguments), 2)
    except ValueError:  # models make mistakes
        return arguments


def _say(line: str) -> None:
    """Write where the output of the run does not go."""
    print(line, file=sys.stderr, flush=True)


def _ask(prompt: str) -> str:
    if sys.stdout.isatty():
        return read_line(prompt).strip()
    print(prompt, end="", file=sys.stderr, flush=True)
    return read_line("").strip()
