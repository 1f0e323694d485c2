"""The session of a run: read before the run, and given each turn after it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from ..handoffs import agent_behind
from ..history import without_lost_reasoning
from ..items import ItemHelpers, as_input_items
from ..run_config import DEFAULT_MAX_TURNS
from ..tracing import custom_span, get_current_trace
from .facts import Saved, Started, TakenUp

if TYPE_CHECKING:
    from ..agent import Agent
    from ..items import TResponseInputItem
    from .live_run import LiveRun
    from .record import Record

_METHODS = ("get_items", "add_items", "pop_item", "clear_session")


def open_conversation(run: LiveRun) -> None:
    """Begin: read the session and put its history before the input. Or go on, all saved first.

    Raises:
        UserError: The session or its callback returned no list.
    """
    record, given, options = run.record, run.given, run.options
    policy = run.config.reasoning_item_id_policy
    if record.is_started:
        if record.writer is not None:
            _tell_trace(record)
        other_ids = record.conversation.other_ids(options)
        record.add(TakenUp(options.get("max_turns", record.max_turns), other_ids, policy))
        save_turn(run)
        return
    prepared, session_size = given, None
    owed = ItemHelpers.input_to_new_input_list(given)
    if run.session is not None:
        prepared, owed, session_size = _with_history(run, run.session, owed)
    trace = get_current_trace()
    record.add(
        Started(
            run_id=run.run_id,
            trace_id=None if trace is None else trace.trace_id,
            agent_name=run.agent.name,
            given=given,
            prepared=prepared,
            owed=owed,
            max_turns=options.get("max_turns", DEFAULT_MAX_TURNS),
            previous_response_id=options.get("previous_response_id")
            or ("" if options.get("auto_previous_response_id") else None),
            conversation_id=options.get("conversation_id"),
            session_size=session_size,
            reasoning_item_id_policy=policy,
        )
    )


def _tell_trace(record: Record) -> None:
    """Have the trace tell what is not done in this part of the run."""
    counts = {"answers": len(record.raw_responses), "tool_calls": record.tool_calls}
    with custom_span("Taken up from the journal", {"run_id": record.run_id, **counts}):
        pass


def save_turn(run: LiveRun) -> None:
    """Save what the session lacks, the user's message and whole turns, in one go."""
    session, conversation = run.session, run.record.conversation
    if session is None or not conversation.unsaved:
        return

    def save() -> None:
        lacking = unsaved = conversation.unsaved
        if conversation.may_be_saved:
            held = _ask(run, session.get_items)
            lacking = _lacking(unsaved, held, conversation.session_size)
        if lacking:
            _ask(run, session.add_items, deepcopy(lacking))  # a driver may write into them

    run.at_work("Saving the session", save)
    run.record.add(Saved())


def _ask(run: LiveRun, method: Callable[..., Any], *given: Any) -> Any:
    """What a method of the session gives. It is told the context if all take a `wrapper`."""
    methods = (getattr(run.session, name, None) for name in _METHODS)
    if all(_takes_wrapper(getattr(each, "__func__", each)) for each in methods):
        method = partial(method, wrapper=run.context)
    return run.call(method, *given)


def _takes_wrapper(function: Any) -> bool:
    try:
        return _names_wrapper(function)
    except TypeError:  # an object that is called, and has no hash
        return _names_wrapper.__wrapped__(function)


@lru_cache(64)  # each read and save asks
def _names_wrapper(function: Any) -> bool:
    try:
        return "wrapper" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # not to be had
        return False


def _lacking(
    unsaved: list[TResponseInputItem], held: list[TResponseInputItem], size_before: int | None
) -> list[TResponseInputItem]:
    """What a session lacks of these items: all, none, or those behind the first few.

    It may hold those of other runs behind them. They may look different there: where secrets are
    masked, their ids tell; where a server keeps items under ids of its own, what they say does.
    """
    count, size = len(unsaved), len(held)
    ids, said = list(map(_id_of, unsaved)), list(map(_said_by, unsaved))
    kept_ids, kept_said = list(map(_id_of, held)), list(map(_said_by, held))
    last = max(size - count, 0)  # a session may have shrunk since then
    for start in range(last if size_before is None else min(size_before, last), size):
        end = min(start + count, size)
        there = end - start
        if there < count and (size_before is None or start < size_before):
            continue
        is_same = any(ids[:there]) and kept_ids[start:end] == ids[:there]
        if is_same or kept_said[start:end] == said[:there]:
            return unsaved[there:]
    return unsaved


def _id_of(item: dict[str, Any]) -> str | None:
    return item.get("call_id") or item.get("id")


def _said_by(item: dict[str, Any]) -> list[Any]:
    """What an item says, whatever form a server gives it."""
    names = ("name", "arguments", "input", "output", "summary", "content")
    kind = item.get("type", "message"), item.get("role"), item.get("call_id")
    return [*kind, *(_words(item.get(name)) for name in names)]


def _words(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return "".join(str(part.get("text", "")) for part in value if isinstance(part, dict))


def _with_history(
    run: LiveRun, session: Any, new: list[TResponseInputItem]
) -> tuple[list[TResponseInputItem], list[TResponseInputItem], int | None]:
    """The whole input, the part of it that the session does not hold yet, and the session's size.

    Whatever the model is sent, the session grows by what was said.
    """
    owners = (run.config, session)
    limits = (getattr(getattr(each, "session_settings", None), "limit", None) for each in owners)
    limit = next((limit for limit in limits if limit is not None), None)
    history = _ask(run, session.get_items, *([] if limit is None else [limit]))
    history = as_input_items(history, f"What {type(session).__name__}.get_items() returns")
    size = len(history) if limit is None else None
    merge = run.config.session_input_callback
    if merge is not None:
        merged = run.call(merge, list(history), list(new))
        merged = as_input_items(merged, "What session_input_callback returns")
        return without_lost_reasoning([*history, *new], merged), list(new), size
    if _is_unanswered(history, new) and _always_answers(run.agent):
        return history, [], size
    return [*history, *new], list(new), size


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
        kind = str(item.get("type"))
        is_open = kind.endswith(("_output", "_call")) and kind != "image_generation_call"
        if start == len(history) - 1 and not is_open:
            return False  # a turn to be followed by another ends with outputs, or calls of a server
        if kind == "message" or item.get("role") == "assistant":
            return False
    return False


def _always_answers(agent: Agent[Any]) -> bool:
    """Whether runs of an agent end with a message, never with a tool's output.

    Only then does a history that ends with outputs belong to a run which did not reach its end.
    """
    seen: set[int] = set()
    waiting: list[Agent[Any] | None] = [agent]
    for each in waiting:
        if each is None or each.tool_use_behavior != "run_llm_again":
            return False
        if id(each) not in seen:
            seen.add(id(each))
            waiting += map(agent_behind, each.handoffs)
    return True
