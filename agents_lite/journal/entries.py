"""Facts as the entries of a journal, and back.

An entry is what one commit has written: a JSON list of facts, each with the address of the run
inside the run that it belongs to, `"in": [[turn, call id], ...]`; left out for the outermost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..agent import Agent
from ..exceptions import JournalError, JournalMismatch
from ..items import ItemHelpers, arguments_of, tool_name_of
from ..response_types import json_text, read_json
from ..running.fact_json import fact_from_json, fact_to_json
from ..running.facts import Answered, Begun, Fact
from ..running.record import Record
from ..running.run_state import inner_agent
from ..shown import in_few_words
from .stored_run import WaitingCall

JSON = dict[str, Any]
Address = tuple[tuple[int, str], ...]
Mask = Callable[[Any], Any]


def tell(fact: Fact, record: Record, mask: Mask | None) -> JSON:
    """A fact as it is written down."""
    told = fact_to_json(fact, record)
    address = record.address
    if address:
        told["in"] = address
    return told if mask is None else mask(json_value(told))


def told_facts(record: Record, mask: Mask | None) -> Iterator[JSON]:
    """All facts of a record; those of a run inside it stand behind the call that began it."""
    left, turn = dict(record.inside), 0
    for fact in record.facts:
        yield tell(fact, record, mask)
        if isinstance(fact, Answered):
            turn = fact.turn
        if isinstance(fact, Begun) and (turn, fact.call_id) in left:
            yield from told_facts(left.pop((turn, fact.call_id)), mask)


def json_value(value: Any) -> Any:
    """The value as it comes back from JSON."""
    return read_json(json_text(value))


def decode_entries(run_id: str, texts: list[str]) -> tuple[list[JSON], bool]:
    """The facts in the entries of a run, and whether the last entry is torn, and left out.

    Nothing went on from a torn entry.

    Raises:
        JournalError: Another entry is damaged.
    """
    facts: list[JSON] = []
    for number, text in enumerate(texts):
        try:
            facts += _facts_in(text)
        except ValueError as error:
            if number == len(texts) - 1:
                return facts, True
            raise JournalError(
                f"Entry {number} of run {run_id!r} is damaged: {error}. Restore a backup, or "
                "forget the run and begin it anew"
            ) from error
    return facts, False


def _facts_in(text: str) -> list[JSON]:
    facts = read_json(text)
    if not isinstance(facts, list) or not all(isinstance(f, dict) and "type" in f for f in facts):
        raise ValueError("it is no list of facts")
    return facts


def read_record(agent: Agent[Any], facts: list[JSON]) -> Record:
    """The record of a run that was written down.

    Raises:
        UserError: A fact cannot be read, or its agent or tool is not there.
    """
    outermost = Record(agent)
    for told in facts:
        record = outermost
        for turn, call_id in told.pop("in", ()):
            inner = record.inside.get((turn, call_id))  # one that was left behind may tell late
            record = inner or record.inner(call_id, inner_agent(record, turn, call_id), turn)
        record.add(fact_from_json(told, record))
    return outermost


def input_difference(before: Any, now: Any) -> str | None:
    """How an input differs from the one that the run was begun with, in words, or None."""
    if before == now:
        return None
    items = ItemHelpers.input_to_new_input_list
    was, is_now = items(before), items(now)
    if was == is_now:
        return None
    if isinstance(before, str) and isinstance(now, str):
        shown = [in_few_words(repr(each)) for each in (before, now)]
        return f"its input was {shown[0]}, and now it is {shown[1]}"
    for index in range(max(len(was), len(is_now))):
        first, second = was[index : index + 1], is_now[index : index + 1]
        if first != second:
            shown = [in_few_words(each[0]) if each else "nothing" for each in (first, second)]
            return f"item {index} of its input was {shown[0]}, and now it is {shown[1]}"
    return None


def facts_behind(
    run_id: str, written: list[JSON], record: Record, mask: Mask | None
) -> list[JSON] | None:
    """What a record holds beyond the facts that were written down.

    Returns:
        The facts; None: it holds fewer, and decisions that have been acted upon since, as when the
        task that goes on with a state is delivered again.

    Raises:
        JournalMismatch: The journal holds what the record does not.
    """
    known: dict[Address, list[JSON]] = {}
    for told in written:
        known.setdefault(_address(told), []).append(told)
    behind = []
    fits = True
    decided: set[tuple[Address, str]] = set()
    for told in map(json_value, told_facts(record, mask)):
        before = known.get(_address(told))
        if before:
            fits = fits and before.pop(0) == told
        else:
            behind.append(told)
        place = _address(told), str(told.get("call_id"))
        if told["type"] == "decided":
            decided.add(place)
        elif told["type"] == "called":
            decided.discard(place)
    has_gone_on = any(known.values())
    if not fits or (has_gone_on and (behind or not decided)):
        raise JournalMismatch(run_id, "it has gone on from this state, or it is another run's")
    return None if has_gone_on else behind


def waiting_calls(facts: list[JSON]) -> list[WaitingCall]:
    """The calls that wait for a person."""
    calls: dict[tuple[Address, str], JSON] = {}
    waiting: dict[tuple[Address, str], WaitingCall] = {}
    turns: dict[Address, int] = {}
    questions: dict[tuple[Address, str], set[str]] = {}
    for told in facts:
        address = _address(told)
        place = address, str(told.get("call_id"))
        match told["type"]:
            case "answered":
                turns[address] = told["turn"]
                for raw in told["output"]:
                    calls[address, str(raw.get("call_id") or raw.get("id"))] = raw
            case "asked":
                raw = calls.get(place, {"type": "unknown"})
                waiting[place] = WaitingCall(
                    place[1], tool_name_of(raw), arguments_of(raw), told["reason"], address
                )
                questions[place] = set(told.get("questions") or ())
            case "decided" | "called":
                left = questions.get(place, set()) - {told.get("question")}
                questions[place] = left
                if not left or told.get("verdict") != "input":
                    waiting.pop(place, None)
    return list(waiting.values())


def open_questions(facts: list[JSON], call: WaitingCall) -> JSON:
    """What a call that waits asks and nobody has answered, by the names of the questions."""
    left: JSON = {}
    for told in facts:
        if told.get("call_id") == call.call_id and _address(told) == call.inside:
            if told["type"] == "asked":
                left = dict(told.get("questions") or {})
            elif told["type"] == "decided":
                left.pop(str(told.get("question")), None)
    return left


def _address(told: JSON) -> Address:
    return tuple((turn, call_id) for turn, call_id in told.get("in", ()))
