"""A run that was recorded: what was asked and answered, turn by turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..cassettes.questions import plain
from ..guardrail import GuardrailFunctionOutput, InputGuardrailResult
from ..items import ToolCallOutputItem, arguments_of
from ..response_types import as_json, read_json
from ..running.facts import (
    Added,
    Answered,
    Called,
    Checked,
    Compacted,
    Decided,
    Failed,
    HandedOver,
    Place,
    Started,
    TakenUp,
    ToolChecked,
)
from ..running.record import Record
from ..running.turn.approval import interruptions
from ..usage import Usage

if TYPE_CHECKING:
    from ..tool_guardrails import ToolInputGuardrailResult, ToolOutputGuardrailResult

JSON = dict[str, Any]
UNKNOWN: Any = object()
"""What the record does not tell."""
When = Literal["awaited", "within", "behind"]
"""While the answer of a turn was awaited, when that was there, or when the turn had ended."""


@dataclass
class RecordedCall:
    """A call that an answer asked for."""

    call_id: str
    name: str
    """The tool's name, or the kind of the call where it has none."""
    arguments: str
    """What it asks for, JSON text or free text."""
    kind: str = "function_call"
    """The type of its item."""
    item: JSON | None = None
    """Its output, an input item; None: there is none."""
    value: Any = UNKNOWN
    """What the tool returned, if that is more than what the model saw."""
    raised: str | None = None
    """What it failed with, where that ended the run."""
    decided: Decided | None = None
    """What a person decided about it, or None."""
    checks: list[ToolInputGuardrailResult | ToolOutputGuardrailResult] = field(default_factory=list)
    """Verdicts of the tool's guardrails."""
    inside: RecordedRun | None = None
    """The run inside it, where the tool is an agent."""
    hands_over: bool = False
    """Whether it is of a handoff."""

    @property
    def output(self) -> Any:
        """What the model was told, text or a list of parts; None: nothing."""
        return None if self.item is None else self.item.get("output")


@dataclass
class RecordedTurn:
    """One model call with what follows from it."""

    number: int
    """From 1."""
    agent: str
    """Name of the agent whose turn it was."""
    sent: list[JSON]
    """The input items."""
    output: list[JSON]
    """The items of the answer."""
    usage: Usage
    response_id: str | None = None
    model: str | None = None
    """Name of the model, or None where it is not known."""
    instructions: Any = UNKNOWN
    """The agent's instructions, None without any."""
    settings: JSON = field(default_factory=dict)
    """The model's settings, as far as they are known."""
    calls: dict[str, RecordedCall] = field(default_factory=dict)
    """By their ids, in the answer's order."""
    asked: JSON | None = None
    """The whole request, or None where it is not known."""


@dataclass
class RecordedCheck:
    """The verdict of a guardrail on the input or the final output."""

    guardrail: str
    is_input: bool | None
    """Whether it was on the input; None: that is not known."""
    verdict: GuardrailFunctionOutput
    output: Any = UNKNOWN
    """The final output that was looked at."""


@dataclass
class RecordedRun:
    """A run as it was recorded."""

    agent: str
    """Name of the agent that began."""
    started: Started
    """How it began."""
    turns: dict[int, RecordedTurn] = field(default_factory=dict)
    """By their numbers; of a turn that was done again, the last."""
    checks: list[RecordedCheck] = field(default_factory=list)
    """Verdicts of guardrails."""
    added: list[tuple[int, When, list[JSON]]] = field(default_factory=list)
    """What the caller added: the turn, when in it, the items."""
    compacted: list[tuple[int, Compacted]] = field(default_factory=list)
    """How the conversation was made smaller, each with the turn before whose model call it was."""
    places: dict[str, set[Place]] = field(default_factory=dict)
    """Tools of MCP servers that were called, by the agent's name."""
    others: list[RecordedTurn] = field(default_factory=list)
    """Turns of runs that its functions have begun by themselves."""
    final_output: Any = UNKNOWN
    """As JSON."""
    failure: str | None = None
    """What ended it, or None."""
    unanswered: RecordedTurn | None = None
    """A request that nothing came back for, if that was the last."""
    waiting: list[str] = field(default_factory=list)
    """The calls that wait for a person."""

    @property
    def usage(self) -> Usage:
        """Requests and tokens, those of runs inside included."""
        together = Usage()
        for _, step in self.compacted:
            together.add(step.usage)
        for turn in self.turns.values():
            together.add(turn.usage)
            for call in turn.calls.values():
                if call.inside is not None:
                    together.add(call.inside.usage)
        return together

    def all_turns(self) -> Iterator[RecordedTurn]:
        """Its turns, those of runs inside behind the turns that they belong to."""
        for turn in self.turns.values():
            yield turn
            for call in turn.calls.values():
                if call.inside is not None:
                    yield from call.inside.all_turns()


def calls_of(output: list[JSON]) -> dict[str, RecordedCall]:
    """The calls in an answer, by their ids."""
    calls = {}
    for item in output:
        kind = str(item.get("type"))
        call_id = item.get("id" if kind == "mcp_approval_request" else "call_id")
        if call_id and kind.endswith(("_call", "_request")):
            name = str(item.get("name") or kind)
            calls[str(call_id)] = RecordedCall(str(call_id), name, arguments_of(item), kind)
    return calls


def call_id_in(item: JSON) -> str | None:
    """The id of the call that an output answers."""
    return item.get("call_id") or item.get("approval_request_id") or item.get("id")


def same_words(one: str, other: str) -> bool:
    """Whether two texts are the same, or the same JSON."""
    return one == other or _read(one) == _read(other)


def _read(text: str) -> Any:
    try:
        return read_json(text)
    except ValueError:
        return text


def run_of_record(record: Record) -> RecordedRun:
    """A run as its facts tell it; no code of the user is called."""
    shown = Record(record.starting_agent)
    started = next(fact for fact in record.facts if isinstance(fact, Started))
    told = RecordedRun(record.starting_agent.name, started)
    turn: RecordedTurn | None = None
    for fact in record.facts:
        match fact:
            case Answered():
                turn = told.turns[fact.turn] = _turn_of(fact, shown)
                for call_id, place in (fact.targets or {}).items():
                    if place[0] == "mcp_servers":
                        told.places.setdefault(turn.agent, set()).add(place)
                    if place[0] == "handoffs" and call_id in turn.calls:
                        turn.calls[call_id].hands_over = True
                for (number, call_id), inner in record.inside.items():
                    if number == fact.turn and call_id in turn.calls and inner.is_started:
                        turn.calls[call_id].inside = run_of_record(inner)
            case Called() if turn is not None and fact.call_id in turn.calls:
                _take_output(turn.calls[fact.call_id], fact)
            case HandedOver() if turn is not None:
                for item in fact.items:
                    told_item = as_json(item.raw_item)
                    if told_item.get("call_id") in turn.calls:
                        turn.calls[told_item["call_id"]].item = told_item
            case ToolChecked() if turn is not None and fact.call_id in turn.calls:
                turn.calls[fact.call_id].checks.append(fact.result)
            case Decided() if turn is not None and fact.call_id in turn.calls:
                if fact.verdict != "input":  # which belongs to a call that is made
                    turn.calls[fact.call_id].decided = fact
            case Compacted():
                told.compacted.append((shown.turn + 1, fact))
            case Checked():
                told.checks.append(_check_of(fact))
            case Added() if not fact.is_retry:
                if shown.awaited is not None:
                    told.added.append((shown.turn + 1, "awaited", fact.items))
                else:
                    when: When = "behind" if shown.answer is None else "within"
                    told.added.append((shown.turn, when, fact.items))
            case Failed():
                told.failure = f"{fact.error}: {fact.message}"
                _note_raised(turn, fact, shown)
            case TakenUp():
                told.failure = None
        shown.add(fact)
    if record.is_finished:
        told.final_output = plain(record.final_output)
    elif shown.answer is None:
        sent = list(shown.conversation.next_input)
        told.unanswered = RecordedTurn(shown.turn + 1, shown.agent.name, sent, [], Usage())
    told.waiting = [f"{call.tool_name}({call.arguments})" for call in interruptions(record)]
    return told


def _turn_of(answered: Answered, before: Record) -> RecordedTurn:
    response = answered.response
    output = [as_json(item) for item in response.output]
    return RecordedTurn(
        answered.turn,
        before.agent.name,
        list(before.conversation.next_input),
        output,
        response.usage,
        response.response_id,
        model=asked_model(response.usage),
        calls=calls_of(output),
    )


def asked_model(usage: Usage) -> str | None:
    """The model that a request asked for, or None where that is not known."""
    entries = usage.request_usage_entries
    return (entries[0].asked_model or entries[0].model) if entries else None


def _take_output(call: RecordedCall, called: Called) -> None:
    call.item, call.raised = as_json(called.item.raw_item), None
    if isinstance(called.item, ToolCallOutputItem):
        call.value = called.item.output


def _check_of(fact: Checked) -> RecordedCheck:
    result = fact.result
    name = result.guardrail.get_name()
    if isinstance(result, InputGuardrailResult):
        return RecordedCheck(name, True, result.output)
    return RecordedCheck(name, False, result.output, plain(result.agent_output))


def _note_raised(turn: RecordedTurn | None, fact: Failed, shown: Record) -> None:
    """Note which call ended the run: one that was begun, and gave no output."""
    if turn is None or shown.answer is None:
        return
    for call_id, known in shown.calls.items():
        if known.is_begun and known.output is None and call_id in turn.calls:
            turn.calls[call_id].raised = fact.message
            return
