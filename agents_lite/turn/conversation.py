"""Where a run's input comes from, and where its turns are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..history import mend_history
from ..items import ItemHelpers

if TYPE_CHECKING:
    from ..items import TResponseInputItem
    from ..run_state import RunState


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
    state.model_input = list(whole) if state.server_keeps_history else list(mend_history(whole))


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
    merge = state.config.session_input_callback
    if merge is not None:
        merged = state.call(merge, list(history), list(new))
        if not isinstance(merged, list):
            raise UserError(f"session_input_callback must return a list, got {merged!r}")
        return merged, _beyond(history, merged)
    if state.agent.tool_use_behavior == "run_llm_again" and _is_unanswered(history, new):
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
            return first >= 0 and start + 1 < len(history) and history[first : start + 1] == new
        if item.get("type") == "message" or item.get("role") == "assistant":
            return False
    return False
