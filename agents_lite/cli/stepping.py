"""Stepping through a run in the terminal, recorded or live."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exceptions import AgentsException, UserError
from ..replay.moments import used_until
from ..replay.recorded import UNKNOWN
from ..response_types import read_json
from ..usage import Usage
from ..viewer.text import plain
from .show import RunView, print_json
from .terminal import paint, read_line, safe

if TYPE_CHECKING:
    from ..replay.walk import Walk

_PROMPT = "  [Enter: next step] [?: more] "
HELP = """
  Enter            the next moment; at the end, leave
  b                back to the moment before
  5                to the request of turn 5
  request, answer  the request or the answer of this turn, in full
  items            the conversation up to here
  usage            requests and tokens up to here
  live             go on live from here: what comes now is asked for, and called
  input TEXT       begin anew with another input, live
  answer TEXT      have the model have said that, and go on live; [...] is a list of output items
  output TEXT      have the call have returned that, and go on live; output CALL_ID TEXT names it
  save FILE        write the run's state, for `agents-lite replay` and Runner.replay
  q                leave
"""


def step_through(walk: Walk, view: RunView, waits: bool = True) -> None:
    """Show a run moment by moment.

    Args:
        walk: The run.
        view: Shows it.
        waits: Wait at each moment for what the user wants. Where there is nobody who types, all of
            it is shown.

    Raises:
        Exception: What the live run failed with.
    """
    if not walk.forward():
        raise walk.error or UserError("There is nothing to step through")
    is_next = True
    while True:
        _show(walk, view, is_next)
        try:
            goes_on, is_next = _wait(walk, view) if waits else (walk.forward(), True)
        except EOFError:  # there is nobody to wait for
            print()
            waits = False
            goes_on, is_next = (not sys.stdin.isatty() and walk.forward()), True
        if not goes_on:
            break
    if walk.error is not None:
        raise walk.error


def _wait(walk: Walk, view: RunView) -> tuple[bool, bool]:
    """Do what the user wants until another moment is at hand.

    Returns:
        Whether there is one, and whether it is the next one.
    """
    while True:
        word, _, rest = read_line(paint(_PROMPT, "bold")).strip().partition(" ")
        rest = rest.strip()
        try:
            if word in ("q", "quit"):
                return False, False
            if word in ("", "n"):
                return walk.forward(), True
            if word.isdecimal():
                if walk.to_turn(int(word)):
                    return True, False
                print(f"  There is no turn {word}")
            elif _move(walk, word, rest):
                return True, False
            else:
                _look(walk, view, word, rest)
        except AgentsException as error:
            print(f"  {plain(error)}")


def _move(walk: Walk, word: str, rest: str) -> bool:
    """Go to another moment, if that is what the word means."""
    if word in ("b", "back"):
        walk.back()
    elif word in ("l", "live"):
        walk.go_live()
    elif word == "input" and rest:
        walk.change_input(rest)
    elif word == "answer" and rest:
        walk.change_answer(_items(rest))
    elif word == "output" and rest:
        first, _, others = rest.partition(" ")
        is_id = first in walk.moment.outermost_turn.calls and others
        walk.change_output(first if is_id else None, others if is_id else rest)
    else:
        return False
    return True


def _look(walk: Walk, view: RunView, word: str, rest: str) -> None:
    moment = walk.moment
    shows: dict[str, Callable[[], Any]] = {
        "request": moment.request,
        "r": moment.request,
        "answer": moment.response,
        "a": moment.response,
        "items": moment.items,
        "i": moment.items,
    }
    if word in shows:
        print_json(shows[word]())
    elif word in ("usage", "u"):
        view.show_usage(_by_agent(walk), used_until(walk.moments, walk.at))
    elif word == "save" and rest:
        try:
            Path(rest).write_text(walk.state().to_string(), "utf-8")
            print(f"  The run is in {plain(rest)}")
        except OSError as error:
            print(f"  It cannot be written: {plain(error)}")
    else:
        print(HELP)


def _show(walk: Walk, view: RunView, is_next: bool) -> None:
    moment = walk.moment
    view.show(moment, walk.moments[walk.at - 1] if is_next and walk.at > 0 else None)
    if moment.kind != "end":
        return
    if moment.why is not None:
        print(paint(f"\n{safe(moment.why)}", "bold"))
        view.show_usage(_by_agent(walk), used_until(walk.moments, walk.at))
        return
    output = moment.final_output
    if walk.played is not None and output is not UNKNOWN:
        output = walk.played.run.record.final_output
    view.show_end(output, _by_agent(walk), used_until(walk.moments, walk.at))


def _by_agent(walk: Walk) -> dict[str, Usage]:
    used: dict[str, Usage] = {}
    for moment in walk.moments[: walk.at + 1]:
        if moment.kind == "answer":
            used.setdefault(moment.turn.agent, Usage()).add(moment.turn.usage)
    return used


def _items(text: str) -> Any:
    if not text.startswith("["):
        return text
    try:
        return read_json(text)
    except ValueError as error:
        raise UserError(f"These are no items: {error}") from error
