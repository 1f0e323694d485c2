"""The moments of a run at which one can stop and look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ..taken_whole import TakenWhole
from ..usage import Usage
from .recorded import JSON, UNKNOWN, RecordedCall, RecordedRun, RecordedTurn

__all__ = ["Moment"]

Kind = Literal["request", "answer", "output", "end"]


@dataclass
class Moment(TakenWhole):
    """A place in a run.

    A request is about to be sent, an answer or an output has come, or the run is over.
    """

    kind: Kind
    turn: RecordedTurn
    """The turn that it belongs to."""
    call: RecordedCall | None = None
    """The call whose output has come."""
    inside: tuple[RecordedTurn, ...] = ()
    """Turns of the runs around, where an agent works as a tool; outermost first."""
    final_output: Any = UNKNOWN
    """That of the run, at its end, as JSON."""
    why: str | None = None
    """Why the run ended without one."""

    @property
    def place(self) -> tuple[Any, ...]:
        """What tells it from the other moments of the run."""
        calls = None if self.call is None else self.call.call_id
        return (*(turn.number for turn in self.inside), self.turn.number, self.kind, calls)

    @property
    def outermost_turn(self) -> RecordedTurn:
        """The turn of the whole run."""
        return self.inside[0] if self.inside else self.turn

    def request(self) -> JSON:
        """What the model is asked, as far as it is known."""
        if self.turn.asked is not None:
            return self.turn.asked
        turn = self.turn
        told = {"model": turn.model, "instructions": turn.instructions, **turn.settings}
        known = {name: value for name, value in told.items() if value not in (None, UNKNOWN)}
        return {**known, "input": turn.sent}

    def response(self) -> JSON:
        """What the model answered."""
        turn = self.turn
        usage = turn.usage.model_dump(exclude_defaults=True, exclude={"request_usage_entries"})
        names = [entry.model for entry in turn.usage.request_usage_entries]
        told = {
            "id": turn.response_id,
            "model": names[0] if names else None,
            "status": "completed",
            "output": turn.output,
        }
        return {name: value for name, value in told.items() if value is not None} | {"usage": usage}

    def items(self) -> list[JSON]:
        """The conversation up to here, as input items."""
        items = list(self.turn.sent)
        if self.kind == "request":
            return items
        items += self.turn.output
        if self.kind != "answer":
            for call in self.turn.calls.values():
                if call.item is not None:
                    items.append(call.item)
                if call is self.call:
                    break
        return items


def moments_of(run: RecordedRun, is_over: bool = True) -> list[Moment]:
    """The moments of a run, those of agents that work as tools before the outputs of their calls.

    Args:
        run: The run.
        is_over: Whether it goes on no more, and so has an end.
    """
    moments = list(_inner_moments(run, ()))
    if not is_over:
        return moments
    turns = list(run.turns.values())
    last = run.unanswered or (turns[-1] if turns else None)
    if last is not None:
        why = run.failure
        if why is None and run.waiting:
            why = f"paused; waits: {'; '.join(run.waiting)}"
        if why is None and run.final_output is UNKNOWN:
            why = "the record ends here"
        moments.append(Moment("end", last, final_output=run.final_output, why=why))
    return moments


def _inner_moments(run: RecordedRun, inside: tuple[RecordedTurn, ...]) -> Iterator[Moment]:
    for turn in run.turns.values():
        yield Moment("request", turn, inside=inside)
        yield Moment("answer", turn, inside=inside)
        for call in turn.calls.values():
            if call.inside is not None:
                yield from _inner_moments(call.inside, (*inside, turn))
            if call.item is not None:
                yield Moment("output", turn, call, inside)
    if run.unanswered is not None:
        yield Moment("request", run.unanswered, inside=inside)


def used_until(moments: list[Moment], at: int) -> Usage:
    """The usage of the answers up to a moment."""
    used = Usage()
    for moment in moments[: at + 1]:
        if moment.kind == "answer":
            used.add(moment.turn.usage)
    return used
