"""Playing a recorded run again."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..checks import check_choice
from ..concurrency.generators import drain
from ..exceptions import UserError
from ..result import RunErrorDetails, RunResult, RunResultBase
from ..run_config import as_run_config
from ..running.facts import Started
from ..running.record import Record
from ..running.stand_ins import standing_in
from ..running.start import new_run
from ..taken_whole import TakenWhole
from ..usage import Usage
from .comparison import Comparison, compare
from .recorded import RecordedRun, RecordedTurn, run_of_record
from .sources import opened, recorded_run
from .stand_in import Replayer, Sides

if TYPE_CHECKING:
    from ..agent import Agent
    from ..running.live_run import LiveRun
    from ..running.start import RunOptions
    from ..stream_events import StreamEvent

__all__ = ["Replay"]


@dataclass
class Replay(TakenWhole):
    """A recorded run that was played again."""

    result: RunResultBase
    """What came of it: a `RunResult`, or `RunErrorDetails` of a replay that failed."""
    comparison: Comparison
    """What differs from the recorded run."""
    error: Exception | None = None
    """What the replay failed with, or None."""

    @property
    def final_output(self) -> Any:
        """The replay's final output, or None."""
        return self.result.final_output


def replay(
    agent: Agent[Any],
    source: Any,
    run_id: str | None,
    sides: Sides,
    options: RunOptions[Any],
) -> Replay:
    """Play a run again; see `Runner.replay`."""
    _check(sides, options)
    with opened(source, run_id) as held:
        recorded, earlier = recorded_run(agent, held, run_id)
    played = Played(agent, recorded, sides, options_for(options, earlier), streamed=False)
    error: Exception | None = None
    try:
        drain(played.events())
    except Exception as failure:
        error = failure
    if played.replayer.miss is not None:
        raise played.replayer.miss
    result = RunResult(played.run) if error is None else RunErrorDetails(played.run)
    return Replay(result, compare(recorded, played.so_far()), error)


class Played:
    """A run that is played.

    Attributes:
        run: The run, or the latest part of it.
        replayer: What stands for its models and tools.
        began: How it begins.
    """

    def __init__(
        self,
        agent: Agent[Any],
        recorded: RecordedRun,
        sides: Sides,
        options: RunOptions[Any],
        *,
        streamed: bool,
        record: Record | None = None,
    ) -> None:
        """Set it up.

        Args:
            agent: The agent that begins.
            recorded: What was recorded.
            sides: What of it is played, and what is live.
            options: The run's options.
            streamed: Whether deltas are wanted.
            record: Where it goes on from; None: it begins.
        """
        self.replayer = Replayer(replace(recorded, added=list(recorded.added)), sides)
        self._agent = agent
        self._options = options
        self._streamed = streamed
        self.began = _beginning(recorded.started)
        record = record or Record(agent, [self.began])
        self.run = self._part(record.conversation.given, record)

    def events(self) -> Generator[StreamEvent, None, None]:
        """Its events, over all its parts: where the recorded run went on, this one does."""
        while True:
            run = self.run
            yield from run.events
            if run.pause_reason is None:
                return
            state, at_hand = run.to_state(), run.record.answer is not None
            is_decided = run.pause_reason == "approval" and self.replayer.decide(state)
            is_told = self.replayer.add_input(state, run.record.turn, at_hand)
            if not (is_decided or is_told):
                return
            self.run = self._part(state)

    def so_far(self) -> RecordedRun:
        """What it has done until now, with what the models were asked."""
        record = self.run.record
        if not record.is_started:
            return RecordedRun(self._agent.name, self.began)
        told = run_of_record(record)
        told.unanswered = None  # until it is asked
        for (address, number), asking in self.replayer.asked.items():
            if address:
                continue
            turn = told.turns.get(number)
            if turn is None:
                sent = list(asking.request.input)
                turn = RecordedTurn(number, record.agent.name, sent, [], Usage())
                told.unanswered = turn
            turn.model = asking.model or turn.model
            turn.instructions = asking.request.system_instructions
            turn.asked = asking.told(turn.model)
        return told

    def _part(self, input: Any, record: Record | None = None) -> LiveRun:
        with standing_in(self.replayer):
            run = new_run(
                self._agent, input, self._options, streamed=self._streamed, record=record
            )
        self.replayer.lead(run)
        return run


def options_for(options: RunOptions[Any], earlier: RunOptions[Any]) -> RunOptions[Any]:
    """The options of a replay: those given, then those of the recorded run in this process."""
    both: dict[str, Any] = {**earlier, **options}
    config = as_run_config(both.get("run_config"))
    is_silent = "run_config" not in options
    config = replace(
        config,
        journal=None,
        run_id=None,
        step=None,
        trace_id=None if is_silent else config.trace_id,
        tracing_disabled=config.tracing_disabled or is_silent,
    )
    for name in ("session", "previous_response_id", "conversation_id"):
        both.pop(name, None)
    return {**both, "run_config": config}  # type: ignore[typeddict-item]


def _beginning(started: Started) -> Started:
    """How a replay begins: as the run did, but for no session, and in no trace of its."""
    return started._replace(trace_id=None, owed=[])


def _check(sides: Sides, options: RunOptions[Any]) -> None:
    check_choice(sides.model, "model", "recorded", "live")
    check_choice(sides.tools, "tools", "recorded", "live")
    check_choice(sides.on_missing, "on_missing", "raise", "live", "ask")
    if options.get("session") is not None:
        raise UserError("A replay has no session: what was in it then is a part of the record")
