"""Walking through a run, forwards and back, and going on live from any moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..run_config import as_run_config
from ..running.facts import Started
from ..running.run_state import RunState
from ..running.signatures import shows_options
from ..shown import in_few_words
from ..stream_events import RawResponsesStreamEvent
from ..tracing.sqlite_store import StoredTrace
from .moments import Moment, moments_of
from .playing import Played, options_for
from .recorded import JSON, RecordedCall, RecordedRun, RecordedTurn, calls_of
from .sources import chosen_run, opened, recorded_run
from .stand_in import REQUEST, Sides

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..agent import Agent
    from ..running.start import RunOptions
    from ..stream_events import StreamEvent

__all__ = ["Walk", "walk_through"]

_NEWS = (REQUEST, "response.completed")
"""Events of a model after which there may be a new moment."""
_OF_TEXT = ("function_call", "custom_tool_call")
"""Calls whose output may be a text."""
OnEvent = Callable[["StreamEvent"], object]


class Walk:
    """A run, and a moment of it.

    Moments of a recorded run are there; those of a live one come as one walks on, and nothing
    happens in between.

    Attributes:
        moments: Those known so far.
        at: The number of the one at hand; -1 before the first.
        error: What the live run failed with, or None.
    """

    def __init__(
        self,
        agent: Agent[Any] | None,
        run: RecordedRun,
        options: RunOptions[Any],
        on_event: OnEvent = lambda event: None,
    ) -> None:
        """Stand before the first moment of a recorded run.

        Args:
            agent: The agent that began; None: one can look, and not go on live.
            run: The run.
            options: Those of a run that goes on live.
            on_event: Told of the events of a live run.
        """
        self.moments = moments_of(run)
        self.at = -1
        self.error: Exception | None = None
        self._agent = agent
        self._run = run
        self._options = options
        self._on_event = on_event
        self._played: Played | None = None
        self._feed: Generator[StreamEvent, None, None] | None = None

    @property
    def moment(self) -> Moment:
        """The moment at hand."""
        return self.moments[max(self.at, 0)]

    @property
    def is_live(self) -> bool:
        """Whether the run goes on as one walks on."""
        return self._feed is not None

    @property
    def played(self) -> Played | None:
        """The live run, or None where nothing was live yet."""
        return self._played

    def forward(self) -> bool:
        """Go to the next moment. Returns whether there is one."""
        while self.at + 1 >= len(self.moments):
            if not self._read_on():
                return False
        self.at += 1
        return True

    def back(self) -> bool:
        """Go to the moment before. Returns whether there is one."""
        self.at = max(self.at - 1, 0)
        return self.at > 0

    def to_turn(self, number: int) -> bool:
        """Go to the request of that turn of the whole run. Returns whether there is one."""
        while True:
            for at, moment in enumerate(self.moments):
                if moment.kind == "request" and not moment.inside and moment.turn.number == number:
                    self.at = at
                    return True
            if not self._read_on():
                return False

    # --- going on live ---------------------------------------------------------------------------

    def go_live(self) -> None:
        """Go on live from here: what came before stays, what comes now is asked for and made."""
        moment = self.moment
        turn = self._kept_turn(moment)
        number = moment.outermost_turn.number
        self._fork(number, turn, (number, "request", None) if turn is None else moment.place)

    def change_input(self, text: str) -> None:
        """Begin anew with another input, live.

        Raises:
            UserError: There is no agent to go on with.
        """
        began = self._run.started._replace(given=text, prepared=text)
        self._begin(RecordedRun(self._run.agent, began))
        self._walk_to((1, "request", None))

    def change_answer(self, answer: str | list[JSON]) -> None:
        """Have the model have said something else in the turn at hand, and go on live.

        Args:
            answer: What it said, or items such as {"type": "function_call", "name": ...,
                "arguments": {...}}.

        Raises:
            UserError: There is no agent to go on with, or the items are none.
        """
        turn = self._outer_turn()
        items = _answer_items(answer, turn.number)
        self._fork(
            turn.number, replace(turn, output=items, calls=calls_of(items)),
            (turn.number, "answer", None),
        )  # fmt: skip

    def change_output(self, call_id: str | None, output: str) -> None:
        """Have a call of the turn at hand have returned something else, and go on live.

        Args:
            call_id: The call; None: the one whose output is at hand, or the only one.
            output: What it returned.

        Raises:
            UserError: There is no agent to go on with, or no such call.
        """
        turn, moment = self._outer_turn(), self.moment
        if call_id is None and moment.call is not None:
            call_id = moment.call.call_id
        calls = {known: call for known, call in turn.calls.items() if not call.hands_over}
        if call_id is None and len(calls) == 1:
            call_id = next(iter(calls))
        if call_id not in calls:
            raise UserError(f"Which call? This turn has {', '.join(calls) or 'none'}")
        call = calls[call_id]
        if call.kind not in _OF_TEXT:
            raise UserError(f"The output of a {call.kind} is more than a text")
        item = {"type": f"{call.kind}_output", "call_id": call_id, "output": output}
        changed = RecordedCall(
            call_id, call.name, call.arguments, call.kind, item, decided=call.decided
        )
        kept = {**turn.calls, call_id: changed}
        self._fork(turn.number, replace(turn, calls=kept), (turn.number, "output", call_id))

    def begin_live(self) -> None:
        """Begin live: before the first moment."""
        self._begin(RecordedRun(self._run.agent, self._run.started))

    def state(self) -> RunState:
        """The run as a value, as it is now.

        Raises:
            UserError: There is no agent, or the record does not fit it.
        """
        agent = self._the_agent()
        if self._played is not None:
            return self._played.run.to_state()
        config = as_run_config(self._options.get("run_config"))
        options: RunOptions[Any] = {
            **self._options,
            "run_config": replace(config, tracing_disabled=True),
        }
        played = Played(agent, self._run, Sides(), options, streamed=False)
        with suppress(Exception):  # as the recorded run may have failed
            for _ in played.events():
                pass
        return played.run.to_state()

    def _outer_turn(self) -> RecordedTurn:
        turn, moment = self.moment.outermost_turn, self.moment
        if moment.inside:
            raise UserError(
                "This happens in an agent that works as a tool: change the output of its call, in "
                f"turn {turn.number}"
            )
        return turn

    def _kept_turn(self, moment: Moment) -> RecordedTurn | None:
        """What stays of the turn at hand: its answer, and the outputs up to here."""
        turn = self._outer_turn()
        if moment.kind == "request" or turn is self._run.unanswered:
            return None
        reached = [each.place for each in self.moments[: self.at + 1]]
        calls = {
            call_id: call
            for call_id, call in turn.calls.items()
            if (turn.number, "output", call_id) in reached
        }
        return replace(turn, calls=calls)

    def _fork(self, number: int, kept: RecordedTurn | None, target: tuple[Any, ...]) -> None:
        """Go on live behind the turn before, with what is kept of this one, to a moment."""
        agent = self._the_agent()
        turns = {} if kept is None else {number: kept}
        recorded = RecordedRun(self._run.agent, self._run.started, turns, places=self._run.places)
        if number == 1:
            self._begin(recorded)
        else:
            self._begin(recorded, self.state().fork(number - 1).record_for(agent))
        self._walk_to(target)

    def _begin(self, recorded: RecordedRun, record: Any = None) -> None:
        sides = Sides("recorded", "recorded", "live", tells_requests=True)
        agent = self._the_agent()
        if self._feed is not None:
            self._feed.close()
        self._played = Played(agent, recorded, sides, self._options, streamed=True, record=record)
        self._feed = self._played.events()
        self.error = None
        self._refresh()

    def _walk_to(self, place: tuple[Any, ...]) -> None:
        self.at = -1
        while self.forward():
            if self.moment.place == place:
                return

    def _read_on(self) -> bool:
        """Let the live run go on to its next moment, or to its end. Returns whether it did."""
        if self._feed is None:
            return False
        known = len(self.moments)
        while self._feed is not None and len(self.moments) == known:
            try:
                event = next(self._feed)
                self._on_event(event)
                if isinstance(event, RawResponsesStreamEvent) and event.data.type not in _NEWS:
                    continue
            except StopIteration:
                self._feed = None
            except Exception as error:
                self.error, self._feed = error, None
            self._refresh()
        return len(self.moments) > known

    def _refresh(self) -> None:
        if self._played is not None:
            self._run = self._played.so_far()
            self.moments = moments_of(self._run, is_over=self._feed is None)

    def _the_agent(self) -> Agent[Any]:
        if self._agent is None:
            raise UserError("Going on live takes the agent that began: --agent MODULE:AGENT")
        return self._agent


@shows_options
def walk_through(
    agent: Agent[Any] | None,
    recorded: Any,
    *,
    run_id: str | None = None,
    on_event: OnEvent = lambda event: None,
    **options: Unpack[RunOptions[Any]],
) -> Walk:
    """A walk through a recorded run.

    Args:
        agent: The agent that began the run; None is enough for looking at a trace.
        recorded: The run, as `Runner.replay` takes it.
        run_id: Which one of several, as there.
        on_event: Told of the events of what goes on live.
        options: Those of a run that goes on live.

    Raises:
        UserError: There is no such run; or it is told by a state or a journal, and there is no
            agent to read it with.
    """
    with opened(recorded, run_id) as source:
        if isinstance(source, StoredTrace) and agent is None:
            return Walk(None, chosen_run(source, run_id), options, on_event)
        if agent is None:
            raise UserError("States and journals are read with the agent that began: --agent ...")
        run, earlier = recorded_run(agent, source, run_id)
    return Walk(agent, run, options_for(options, earlier), on_event)


def walk_live(
    agent: Agent[Any], input: str, options: RunOptions[Any], on_event: OnEvent
) -> Walk:
    """A walk through a run that is yet to begin."""
    began = Started("", None, agent.name, input, input, [], None, None, None)
    walk = Walk(agent, RecordedRun(agent.name, began), options, on_event)
    walk.begin_live()
    return walk


def _answer_items(answer: str | list[JSON], turn: int) -> list[JSON]:
    """The items of an answer that somebody wrote by hand.

    Raises:
        UserError: They are none.
    """
    if isinstance(answer, str):
        part = {"type": "output_text", "text": answer, "annotations": []}
        answer = [{"type": "message", "role": "assistant", "content": [part]}]
    items = []
    for number, item in enumerate(answer):
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            shown = in_few_words(item)
            raise UserError(f"An answer is a text or a list of output items, not {shown}")
        made = {"id": f"edited_{turn}_{number}", "status": "completed", **item}
        if item["type"] == "function_call":
            made.setdefault("call_id", f"call_edited_{turn}_{number}")
            if not isinstance(made.get("arguments"), str):
                made["arguments"] = json.dumps(made.get("arguments") or {})
        items.append(made)
    return items
