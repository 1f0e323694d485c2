"""Two runs, compared turn by turn."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ..items import ItemHelpers
from ..prices import known_cost
from ..response_types import as_object, read_json
from .recorded import JSON, UNKNOWN, RecordedCall, RecordedRun, RecordedTurn

__all__ = ["Comparison", "Difference"]

What = Literal[
    "agent", "model", "instructions", "request", "answer", "call", "output", "final output",
    "failure", "turn",
]  # fmt: skip


@dataclass
class Difference:
    """Something that two runs do not have in common."""

    turn: int | None
    """The turn, from 1; None: the end of the run."""
    what: What
    """What differs: "turn" is one that only one of them has."""
    recorded: str
    """It as it was recorded, or "" where there is none."""
    replayed: str
    """It as it is now, or "" where there is none."""
    call: str | None = None
    """The call that it is about, or None."""
    inside: tuple[str, ...] = ()
    """The agents as tools that it happened in, outermost first."""

    @property
    def diff(self) -> str:
        """Which words differ: lines with `-` were recorded, those with `+` are new."""
        lines = difflib.ndiff(self.recorded.splitlines(), self.replayed.splitlines())
        return "\n".join(line.rstrip() for line in lines if line[:1] in "+-?")

    def __str__(self) -> str:
        place = "end" if self.turn is None else f"turn {self.turn}"
        where = " > ".join([*self.inside, place, *([self.call] if self.call else [])])
        return f"{where}: {self.what}\n{self.diff}"


@dataclass
class Comparison:
    """What differs between a recorded run and its replay; ids are not looked at."""

    differences: list[Difference]
    """In the order of the turns."""
    recorded_tokens: tuple[int, int]
    """Input and output tokens that the recorded run took."""
    replayed_tokens: tuple[int, int]
    """Those that the replay took, its recorded answers included."""
    recorded_cost: float | None
    """What the recorded run has cost, in US dollars. None: that is not known."""
    replayed_cost: float | None
    """The same for the replay, its recorded answers included."""

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def __str__(self) -> str:
        """The differences, a paragraph each, then tokens, and the cost if it is known."""
        told = list(map(str, self.differences)) or ["The runs are the same"]
        before, now = self.recorded_tokens, self.replayed_tokens
        usage = f"tokens: {before[0]:,} in, {before[1]:,} out -> {now[0]:,} in, {now[1]:,} out"
        if self.recorded_cost is not None and self.replayed_cost is not None:
            usage += f"\ncost: ${self.recorded_cost:.4f} -> ${self.replayed_cost:.4f}"
        return "\n\n".join([*told, usage])


def compare(recorded: RecordedRun, replayed: RecordedRun) -> Comparison:
    """How two runs differ."""
    before, now = recorded.usage, replayed.usage
    return Comparison(
        list(_differences(recorded, replayed)),
        (before.input_tokens, before.output_tokens),
        (now.input_tokens, now.output_tokens),
        known_cost(before),
        known_cost(now),
    )


def _differences(
    recorded: RecordedRun, replayed: RecordedRun, inside: tuple[str, ...] = ()
) -> Iterator[Difference]:
    for number in sorted({*recorded.turns, *replayed.turns}):
        before, now = recorded.turns.get(number), replayed.turns.get(number)
        if before is None or now is None:
            told = ["" if turn is None else words_of_items(turn.output) for turn in (before, now)]
            yield Difference(number, "turn", told[0], told[1], inside=inside)
            continue
        earlier = recorded.turns.get(number - 1), replayed.turns.get(number - 1)
        yield from _in_turn(before, now, earlier, inside)
    ends = _text(recorded.final_output), _text(replayed.final_output)
    if UNKNOWN not in (recorded.final_output, replayed.final_output) and ends[0] != ends[1]:
        yield Difference(None, "final output", _shown(ends[0]), _shown(ends[1]), inside=inside)
    if bool(recorded.failure) != bool(replayed.failure):
        words = recorded.failure or "", replayed.failure or ""
        yield Difference(None, "failure", *words, inside=inside)


def _in_turn(
    before: RecordedTurn,
    now: RecordedTurn,
    earlier: tuple[RecordedTurn | None, RecordedTurn | None],
    inside: tuple[str, ...],
) -> Iterator[Difference]:
    number = before.number
    pairs: list[tuple[What, Any, Any]] = [("agent", before.agent, now.agent)]
    if before.model is not None and now.model is not None:
        pairs.append(("model", before.model, now.model))
    if UNKNOWN not in (before.instructions, now.instructions):
        pairs.append(("instructions", before.instructions or "", now.instructions or ""))
    pairs.append(("request", _newly_sent(before, earlier[0]), _newly_sent(now, earlier[1])))
    said = [words_of_items(i for i in turn.output if not _is_call(i)) for turn in (before, now)]
    pairs.append(("answer", said[0], said[1]))
    for what, one, other in pairs:
        if one != other:
            yield Difference(number, what, str(one), str(other), inside=inside)
    yield from _in_calls(before, now, inside)


def _newly_sent(turn: RecordedTurn, earlier: RecordedTurn | None) -> str:
    """What was sent that is told neither by the request before nor by what came of it."""
    known = [] if earlier is None else earlier.sent
    items = turn.sent
    if earlier is not None and items[: len(known)] == known:
        outputs = [call.item for call in earlier.calls.values()]
        items = [
            item for item in items[len(known) :] if item not in earlier.output + outputs
        ]
    return words_of_items(items)


def _in_calls(
    before: RecordedTurn, now: RecordedTurn, inside: tuple[str, ...]
) -> Iterator[Difference]:
    left = list(now.calls.values())
    for call in before.calls.values():
        same = _partner(call, left)
        if same is None:
            yield Difference(before.number, "call", _told(call), "", call.name, inside)
            continue
        left.remove(same)
        if _told(call) != _told(same):
            told = _told(call), _told(same)
            yield Difference(before.number, "call", *told, call.name, inside)
        outputs = _shown(call.output), _shown(same.output)
        are_known = call.item is not None and same.item is not None
        if are_known and outputs[0] != outputs[1]:
            yield Difference(before.number, "output", *outputs, call.name, inside)
        if call.inside is not None and same.inside is not None:
            yield from _differences(call.inside, same.inside, (*inside, call.name))
    for call in left:
        yield Difference(before.number, "call", "", _told(call), call.name, inside)


def _partner(call: RecordedCall, others: list[RecordedCall]) -> RecordedCall | None:
    """The call that stands for this one: of the same id, else the same in words, else by name."""
    tests = (
        lambda other: other.call_id == call.call_id,
        lambda other: _told(other) == _told(call),
        lambda other: other.name == call.name,
    )
    for test in tests:
        for other in others:
            if test(other):
                return other
    return None


def words_of_items(items: Iterable[JSON]) -> str:
    """Items as lines of text, without their ids."""
    return "\n".join(_words(item) for item in items)


def _words(item: JSON) -> str:
    kind = item.get("type", "message")
    if kind == "message":
        content = item.get("content")
        text = content if isinstance(content, str) else ItemHelpers.extract_text(as_object(item))
        return f"{item.get('role', 'assistant')}: {_shown(content) if text is None else text}"
    if kind == "function_call":
        return f"calls {item.get('name')}({item.get('arguments')})"
    if kind == "function_call_output":
        return f"output: {_shown(item.get('output'))}"
    if kind == "reasoning":
        summary = item.get("summary") or item.get("content") or ()
        words = [str(part.get("text")) for part in summary if isinstance(part, dict)]
        return f"reasoning: {' '.join(words)}"
    rest = {name: value for name, value in item.items() if name not in ("id", "call_id", "status")}
    return _shown(rest)


def _told(call: RecordedCall) -> str:
    return f"{call.name}({call.arguments})"


def _is_call(item: JSON) -> bool:
    return str(item.get("type")).endswith(("_call", "_request"))


def _text(output: Any) -> Any:
    """A final output so that a typed one equals its text."""
    if isinstance(output, str):
        try:
            return read_json(output)
        except ValueError:
            return output
    return output


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
