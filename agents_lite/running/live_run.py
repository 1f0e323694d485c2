"""A run at work: its record, and what this process lends it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ..checks import check_text
from ..concurrency.calling import Callbacks
from ..concurrency.cancellation import Cancellation
from ..concurrency.forks import new_lock
from ..exceptions import MaxTurnsExceeded, UserError
from ..run_config import RunConfig
from ..run_context import RunContextWrapper
from ..shown import repr_of
from ..stream_events import RunItemStreamEvent, StreamEvent, item_event
from ..tracing import Span, get_current_span, sensitive_data_by_default
from .facts import Asked, Telling, Told
from .hooks import Hooks
from .limits import check_usage, has_limits

if TYPE_CHECKING:
    from ..agent import Agent
    from ..compaction import Compaction
    from ..concurrency.seats import Seats
    from ..items import RunItem, ToolApprovalItem, TResponseInputItem
    from ..output_schema import AgentOutputSchemaBase
    from ..result import RunResult
    from ..tracing import AgentSpanData
    from .facts import PauseReason
    from .record import Record
    from .run_state import RunState
    from .stand_ins import StandIn
    from .start import RunOptions
    from .turn.prompt_cache import SentPrompt

T = TypeVar("T")

KEPT_BY_SERVER = ("previous_response_id", "auto_previous_response_id", "conversation_id")
"""Options with which the server keeps the conversation."""


class RunPaused(BaseException):
    """The run stops here, to be taken up again.

    Attributes:
        reason: Why.
    """

    def __init__(self, reason: PauseReason) -> None:
        super().__init__(f"The run is paused: {reason}")
        self.reason: PauseReason = reason


class LiveRun:
    """What the phases of a run are given: what it has done, and the means to do more.

    Attributes:
        record: What the run has done; all of it that outlives this process.
        given: The input as the caller passed it.
        options: The run's options, as far as they were given.
        context: The user's context, and the usage so far.
        config: Options of the run.
        run_id: Names the run.
        group_id: Links its trace to others, or None.
        error_handlers: What gives a final output instead of an error, by the kind of error.
        session: Where its turns are saved, or None.
        callbacks: Calls the user's functions.
        cancellation: Stops the run.
        around: The run that this one is a part of, or None.
        depth: How many there are around it.
        streamed: Whether the model's deltas are wanted.
        hooks: Tells the hooks.
        stand_in: Answers instead of its models and tools, since it began to be read; or None.
        records_content: Whether spans hold inputs and outputs.
        output_schema: The type of the final output of the agent at work, or None for plain text.
        turn: The turn that the model is asked in, from 1; the record follows when it has answered.
        compaction: How the model's input is kept within its window, or None.
        estimate: About how many tokens the latest request had, as far as that is of interest.
        tokens_per_estimated: What such an estimate stands for, as the latest usage has told.
        cached_prompt: What the latest request began with, if its server may have it cached.
        tools_at_work: Names of the local tools that run at this moment.
        seats: For calls of tools, here and in runs inside; None: as many as they like.
        is_limited: Whether it, or a run around it, has limits of usage.
        deadline: When its time is over, of `time.monotonic()`; None: it has no limit.
        pause_reason: Why the run stopped before its end, or None.
        is_over: Whether it goes on no more, well or not.
        failure: What whoever reads its events was told of as its end, and is told again; or None.
        events: The run itself; it goes on as they are read.
    """

    # Without them it would have a dict of its own of 1.5 KB: more than 30 names share none.
    __slots__ = (
        "record", "given", "options", "context", "config", "run_id", "group_id", "error_handlers",
        "session", "callbacks", "cancellation", "around", "streamed", "hooks", "stand_in",
        "records_content", "output_schema", "turn", "compaction", "estimate",
        "tokens_per_estimated", "cached_prompt", "tools_at_work", "seats", "pause_reason",
        "is_over", "failure", "is_limited", "depth", "deadline", "events",
        "_agent_span", "_closing", "_pause", "_inner_runs", "_lock", "__weakref__",
    )  # fmt: skip

    events: Generator[StreamEvent, None, RunResult]

    def __init__(
        self,
        record: Record,
        *,
        given: str | list[TResponseInputItem],
        options: RunOptions[Any],
        callbacks: Callbacks,
        cancellation: Cancellation,
        around: LiveRun | None,
        streamed: bool,
    ) -> None:
        self.record = record
        self.given = given if isinstance(given, str) else list(given)
        if not record.is_started:
            record.conversation.given = self.given
        self.options = options
        self.context = RunContextWrapper(
            options.get("context"), record.usage, record.usage_by_agent
        )
        self.config = config = options.get("run_config") or RunConfig()
        self.run_id = _run_id(config.run_id, given, record, around)
        group = config.group_id
        if callable(group):  # of the inputs of runs, not of what models ask inner ones
            group = group(given) if around is None else around.group_id
        self.group_id: str | None = group
        self.error_handlers = {
            **(config.error_handlers or {}),
            **(options.get("error_handlers") or {}),
        }
        self.session = options.get("session")
        self.callbacks = callbacks
        self.cancellation = cancellation
        self.around = around
        self.depth: int = 0 if around is None else around.depth + 1
        self.streamed = streamed
        # With `self.call` the run would hold itself, and be left to the garbage collector.
        self.hooks = Hooks(options.get("hooks"), callbacks, cancellation, self.context)
        self.stand_in: StandIn | None = None
        chosen = config.trace_include_sensitive_data
        span = get_current_span()
        by_default = sensitive_data_by_default() and not (span and span.hides_content)
        self.records_content = by_default if chosen is None else chosen
        self.output_schema: AgentOutputSchemaBase | None = None
        self.turn = record.turn
        self.compaction = self._chosen_compaction()
        self.estimate = 0
        self.tokens_per_estimated = 1.0
        self.cached_prompt: SentPrompt | None = None
        self.tools_at_work: list[str] = []
        self.seats = self._seats_for_calls()
        self.deadline: float | None = None
        self.pause_reason: PauseReason | None = None
        self.is_over = False
        self.failure: BaseException | None = None
        self._agent_span: Span[AgentSpanData] | None = None
        self._closing: ExitStack | None = None
        self._pause: RunPaused | None = None
        self._inner_runs: list[LiveRun] = []
        self._lock = new_lock()
        self.is_limited = has_limits(self)

    def __getstate__(self) -> dict[str, Any]:
        """What a result tells in another process; the means to go on stay in this one."""
        told = ("record", "given", "context", "turn", "pause_reason", "is_over")
        return {"options": {}, **{name: getattr(self, name) for name in told}}

    def __setstate__(self, told: dict[str, Any]) -> None:
        for name, value in told.items():
            setattr(self, name, value)

    @property
    def agent(self) -> Agent[Any]:
        """The agent at work."""
        return self.record.agent

    @property
    def session_id(self) -> str | None:
        """What the run's session is called; None: there is none, or it has no name yet."""
        try:
            session_id = getattr(self.session, "session_id", None)
        except UserError:  # a conversation of the server that has not begun
            return None
        return session_id if isinstance(session_id, str) else None

    def take_up(self, record: Record) -> None:
        """Go on from a record that was kept elsewhere."""
        self.record, self.turn = record, record.turn
        self.context.usage, self.context.usage_by_agent = record.usage, record.usage_by_agent

    @property
    def closing(self) -> ExitStack:
        """What is closed when the run ends."""
        with self._lock:
            if self._closing is None:
                self._closing = ExitStack()
            return self._closing

    def close(self) -> None:
        """Close what the run has opened."""
        if self._closing is not None:
            self._closing.close()
        if self.around is None:
            self.callbacks.close()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function of the user, `def` or `async def`."""
        return self.callbacks.call(self.cancellation, function, *args)

    def call_within(self, scope: Cancellation, function: Callable[..., Any], *args: Any) -> Any:
        """The same inside a part of the run that is stopped by itself: a tool's call, a check."""
        return self.callbacks.call(scope, function, *args)

    def take_step(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What the engine of `RunConfig(step=...)` keeps of a piece of work.

        Raises:
            UserError: It is something else than JSON that such work gives.
        """
        step: Any = self.config.step  # there is one
        kept = step(name, work)
        if not isinstance(kept, dict):
            raise UserError(
                f"step must return what the function it is given returns, got {repr_of(kept)}"
            )
        return kept

    def tell_once(self, what: Telling, agent: Agent[Any], *facts: Any) -> None:
        """Tell the hooks of something, once over all parts of the run.

        Args:
            what: The method of `Hooks` that tells it.
            agent: The agent that it is told of.
            facts: What else is told.
        """
        if what not in self.record.told:
            getattr(self.hooks, what)(agent, *facts)
            if self.hooks.is_heard(agent, *facts):
                self.record.add(Told(what))

    def announce(self, items: Iterable[RunItem]) -> Iterator[RunItemStreamEvent]:
        """The events that tell of items."""
        for item in items:
            yield item_event(item)
            self.cancellation.check()  # whoever reads the events may have stopped the run

    def begin_turn(self) -> None:
        """Begin another turn.

        Raises:
            MaxTurnsExceeded: There was none left.
            ModelBehaviorError: The server keeps the history, and there is no way to go on from it.
            UsageLimitExceeded: The usage allows no further model call.
            UserError: There is a limit for the cost, which is not known.
        """
        self.cancellation.check()
        self.rest(between_turns=True)
        self.turn = self.record.turn + 1
        most = self.record.max_turns
        if most is not None and self.turn > most:
            raise MaxTurnsExceeded(f"Max turns ({most}) exceeded")
        check_usage(self)
        if self.turn > 1:
            self.record.conversation.check_continuation(self.agent.name)

    def measure(self, tokens: int) -> None:
        """Learn how many tokens the latest request had; 0: the server did not say."""
        if self.estimate and tokens:
            self.tokens_per_estimated = min(max(tokens / self.estimate, 0.25), 4.0)

    def pause(self, reason: PauseReason) -> None:
        """Have the run stop where nothing is left half done; safe from any thread."""
        paused = RunPaused(reason)
        with self._lock:
            if reason == "after_turn":  # to which the runs inside belong
                self._pause = self._pause or paused
                return
            self._pause = paused
            cut_short = not self.tools_at_work
            inner_runs = list(self._inner_runs)
        if cut_short:
            self.cancellation.cancel(paused)
        for run in inner_runs:
            run.pause(reason)

    def ask_in_call(self, call_id: str, questions: dict[str, Any], state: Any) -> RunPaused:
        """Note what a call asks a person in its middle.

        Args:
            call_id: The call.
            questions: Fields of an MCPElicitation, by names.
            state: JSON that the call is made again with, see `answered_in_call`.

        Returns:
            What the call is to raise.
        """
        self.record.add(Asked(call_id, "input", questions, state))
        return RunPaused("approval")

    def answered_in_call(self, call_id: str) -> tuple[dict[str, Any], dict[str, Any], Any]:
        """What a call asked before, the answers by the same names, and its state; None: nothing."""
        known = self.record.call(call_id)
        if known.input is None:
            return {}, {}, None
        return known.input.questions or {}, known.answers or {}, known.input.state

    @property
    def is_pausing(self) -> bool:
        """Whether the run is to pause before the turn at hand has ended."""
        return self._pause is not None and self._pause.reason != "after_turn"

    def rest(self, between_turns: bool = False) -> None:
        """A place to stop at, if the run is to pause.

        Raises:
            RunPaused: It is.
        """
        if self._pause is not None and (between_turns or self.is_pausing):
            raise self._pause

    def at_work(self, name: str, work: Callable[[], T]) -> T:
        """Do work that a pause waits for, such as a tool's call, and give what it gives."""
        is_noted = False
        try:
            with self._lock:
                self.rest()
                is_noted = True  # before the call after which an interrupt may come
                self.tools_at_work.append(name)
            return work()
        finally:
            if is_noted:
                self.tools_at_work.remove(name)

    @contextmanager
    def having_inside(self, run: LiveRun) -> Iterator[None]:
        """A block in which another run is a part of this one, and pauses with it."""
        try:
            with self._lock:
                self._inner_runs.append(run)
            if self._pause is not None and self.is_pausing:
                run.pause(self._pause.reason)
            yield
        finally:
            with suppress(ValueError):  # an interrupt came before
                self._inner_runs.remove(run)

    def interruptions(self) -> list[ToolApprovalItem]:
        """The calls that wait for a person, those of runs inside included."""
        from .turn.approval import interruptions

        return list(interruptions(self.record))

    def seconds_left(self, least: float) -> float | None:
        """Until its time is over, but `least` of them in any case; None: it has no limit."""
        return None if self.deadline is None else max(self.deadline - time.monotonic(), least)

    def to_state(self) -> RunState:
        """The run as a value."""
        from .run_state import RunState

        return RunState.of(self)

    def start_span(self, span: Span[AgentSpanData]) -> None:
        """Have the span of an agent around what follows."""
        span.hides_content = not self.records_content
        span.start(mark_as_current=True)
        self._agent_span = span

    def finish_span(self, error: BaseException | None = None) -> None:
        """End the span of the agent at work, if there is one, well or with an error."""
        span, self._agent_span = self._agent_span, None
        if span is None:
            return
        if error is not None:
            span.set_error(span.describe(error))
        span.finish(reset_current=True)

    def _seats_for_calls(self) -> Seats | None:
        around, limit = self.around, self.config.max_tool_concurrency
        if around is not None and self.config is around.config:
            return around.seats
        if limit is None or limit == 1:  # then all are on one thread
            return None
        from ..concurrency.seats import Seats  # only those who need it pay for it

        return Seats(limit)

    def _chosen_compaction(self) -> Compaction | None:
        if any(map(self.options.get, KEPT_BY_SERVER)):
            return None  # the server keeps the conversation, and can compact it by itself
        return self.config.compaction or getattr(self.session, "compaction", None)


def _run_id(chosen: Any, given: Any, record: Record, around: LiveRun | None) -> str:
    """The id that the user chose; that of the run around this one, or of its record; or a new one.

    Raises:
        UserError: It is no text, or has no UTF-8 form.
    """
    if around is not None:
        return around.run_id
    run_id = chosen(given) if callable(chosen) else chosen
    if run_id is None:
        return record.run_id or f"run_{os.urandom(12).hex()}"
    check_text(run_id, "A run_id")
    if not run_id:
        raise UserError("A run_id cannot be empty; None makes one")
    return str(run_id)
