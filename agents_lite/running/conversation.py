"""Where a run's input comes from, and where its turns are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..handoffs import Handoff
from ..items import ItemHelpers

if TYPE_CHECKING:
    from ..agent import Agent
    from ..items import TResponseInputItem
    from .run_state import RunState


def open_conversation(state: RunState) -> None:
    """Read the session, put its history before the input, and make ready the first model call.

    Raises:
        UserError: The session callback returned no list.
    """
    new = ItemHelpers.input_to_new_input_list(state.input)
    if state.session is None:
        state.prepared_input = state.input
        whole = new
    else:
        whole, state.unsaved = _with_history(state, state.session, new)
        state.prepared_input = whole
    history = state.prepared_input
    state.input_history = history if isinstance(history, str) else tuple(history)
    state.send(whole)


def save_turn(state: RunState) -> None:
    """Save what the session lacks, the user's message and whole turns, in one go."""
    if state.session is not None and state.unsaved:
        state.call(state.session.add_items, state.unsaved)
        state.unsaved = []


def _with_history(
    state: RunState, session: Any, new: list[TResponseInputItem]
) -> tuple[list[TResponseInputItem], list[TResponseInputItem]]:
    """The whole input, and the part of it that the session does not hold yet."""
    history = state.call(session.get_items)
    if not isinstance(history, list):
        raise UserError(f"{session!r}.get_items() must return a list of items, got {history!r}")
    merge = state.config.session_input_callback
    if merge is not None:
        merged = state.call(merge, list(history), list(new))
        if not isinstance(merged, list):
            raise UserError(f"session_input_callback must return a list, got {merged!r}")
        return merged, _beyond(history, merged)
    if _is_unanswered(history, new) and _always_answers(state.agent):
        return history, []
    return [*history, *new], list(new)


def _beyond(
    history: list[TResponseInputItem], merged: list[TResponseInputItem]
) -> list[TResponseInputItem]:
    """What the merged list holds beyond the history; words said again count again."""
    known = list(history)
    new = []
    for item in merged:
        if item in known:
            known.remove(item)
        else:
            new.append(item)
    return new


def _is_unanswered(history: list[TResponseInputItem], new: list[TResponseInputItem]) -> bool:
    """Whether the history ends with this very input and turns that led to no answer yet.

    That is what a run leaves which failed, or was killed, after its first turn: run again, it goes
    on from there instead of asking twice.
    """
    for start in range(len(history) - 1, -1, -1):
        item = history[start]
        if item.get("role") == "user":
            first = start - len(new) + 1
            return first >= 0 and history[first : start + 1] == new
        if start == len(history) - 1 and not str(item.get("type")).endswith("_output"):
            return False  # a turn to be followed by another ends with outputs
        if item.get("type") == "message" or item.get("role") == "assistant":
            return False
    return False


def _always_answers(agent: Agent[Any], seen: frozenset[int] = frozenset()) -> bool:
    """Whether runs of an agent end with a message, never with a tool's output.

    Only then does a history that ends with outputs belong to a run which did not reach its end.
    """
    if id(agent) in seen:
        return True
    targets = (each.agent if isinstance(each, Handoff) else each for each in agent.handoffs)
    return agent.tool_use_behavior == "run_llm_again" and all(
        target is not None and _always_answers(target, seen | {id(agent)}) for target in targets
    )
