"""Everything a run knows between two steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..concurrency.calling import Callbacks
from ..concurrency.cancellation import Cancellation
from ..exceptions import (
    MaxTurnsExceeded,
    ModelBehaviorError,
    RunErrorDetails,
    UsageLimitExceeded,
)
from ..handoffs import HandoffInputData
from ..history import mend_history
from ..items import ItemHelpers, ModelResponse, RunItem
from ..lifecycle import Lifecycle, RunHooks
from ..run_config import RunConfig, UsageLimits
from ..run_context import RunContextWrapper
from ..stream_events import RunItemStreamEvent, item_event
from ..tracing import Span, get_current_span, sensitive_data_by_default

if TYPE_CHECKING:
    from ..agent import Agent
    from ..guardrail import InputGuardrailResult, OutputGuardrailResult
    from ..items import TResponseInputItem
    from ..memory import Session
    from ..tool_guardrails import ToolInputGuardrailResult, ToolOutputGuardrailResult
    from ..tracing import AgentSpanData


@dataclass
class RunState:
    """The one mutable record of a run.

    The first part is what the run is made of: plain facts, from which it could be written down and
    taken up again. The second part is what it runs with: options and services of this process.
    """

    input: str | list[TResponseInputItem]
    """The input as the caller passed it."""
    agent: Agent[Any]
    """The agent at work."""
    max_turns: int | None
    """Most turns, or None for no limit."""
    previous_response_id: str | None
    """The server's latest response, where the server keeps the conversation so."""
    conversation_id: str | None
    """The server's conversation, where it keeps one."""
    context_wrapper: RunContextWrapper[Any]
    """The user's context, and the usage so far."""

    config: RunConfig
    session: Session | None
    hooks: RunHooks[Any] | None
    callbacks: Callbacks
    cancellation: Cancellation
    streamed: bool
    """Whether the caller wants deltas."""

    turn: int = 0
    """The turn at hand; a turn is one model call with what follows from it."""
    prepared_input: str | list[TResponseInputItem] = ""
    """The input after a session's history was put before it."""
    input_history: str | tuple[TResponseInputItem, ...] = ""
    """The prepared input as the agent at work is sent it: a handoff may have filtered it."""
    model_input: list[TResponseInputItem] = field(default_factory=list)
    """Input items of the next model call, as JSON-ready values; only ever extended or replaced."""
    sent_items: list[RunItem] = field(default_factory=list)
    """Items behind the part of `model_input` that follows `input_history`."""
    new_items: list[RunItem] = field(default_factory=list)
    """All items the run has produced."""
    turn_items: list[RunItem] = field(default_factory=list)
    """Those of the turn at hand."""
    unsaved: list[TResponseInputItem] = field(default_factory=list)
    """What the session is still to get when the turn is complete."""
    raw_responses: list[ModelResponse] = field(default_factory=list)
    """All answers of the model."""
    tool_users: set[str] = field(default_factory=set)
    """Names of the agents that have used a tool."""
    tool_calls: int = 0
    """Calls of local tools so far."""
    tools_at_work: list[str] = field(default_factory=list)
    """Names of the local tools that run at this moment."""
    input_guardrail_results: list[InputGuardrailResult] = field(default_factory=list)
    output_guardrail_results: list[OutputGuardrailResult] = field(default_factory=list)
    tool_input_guardrail_results: list[ToolInputGuardrailResult] = field(default_factory=list)
    tool_output_guardrail_results: list[ToolOutputGuardrailResult] = field(default_factory=list)
    final_output: Any = None
    """The final output, once there is one."""
    is_complete: bool = False
    """Whether the run is over, well or not."""
    agent_span: Span[AgentSpanData] | None = None
    """The span of the agent at work."""

    def __post_init__(self) -> None:
        """Set up what follows from the rest."""
        self.lifecycle = Lifecycle(self.hooks, self.call, self.context_wrapper)
        chosen = self.config.trace_include_sensitive_data
        around = get_current_span()
        by_default = sensitive_data_by_default() and not (around and around.hides_content)
        self.records_content = by_default if chosen is None else chosen
        """Whether spans hold inputs and outputs."""
        self.server_keeps_history = bool(self.previous_response_id or self.conversation_id)
        """Whether only what is new is sent, since the server has the rest."""

    def __getstate__(self) -> dict[str, Any]:
        """The facts alone, for another process; options and services stay in this one."""
        kept_here = ("config", "session", "hooks", "callbacks", "cancellation", "lifecycle")
        return {name: fact for name, fact in vars(self).items() if name not in kept_here}


    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function of the user, `def` or `async def`."""
        return self.callbacks.call(self.cancellation, function, *args)

    def begin_turn(self) -> None:
        """Count a turn.

        Raises:
            MaxTurnsExceeded: There was none left.
            ModelBehaviorError: The server keeps the history, and there is no way to go on from it.
            UsageLimitExceeded: The usage allows no further model call.
        """
        self.cancellation.check()
        self.turn += 1
        if self.max_turns is not None and self.turn > self.max_turns:
            raise MaxTurnsExceeded(f"Max turns ({self.max_turns}) exceeded")
        if self.config.usage_limits is not None:
            self._check_limits(self.config.usage_limits)
        if self.turn > 1 and self.server_keeps_history:
            self._check_continuation()
        self.turn_items = []

    def count_tool_calls(self, count: int) -> None:
        """Count calls of local tools that are about to be made.

        Raises:
            UsageLimitExceeded: They are more than the limit leaves.
        """
        limits = self.config.usage_limits
        most = None if limits is None else limits.tool_calls
        if most is not None and self.tool_calls + count > most:
            raise UsageLimitExceeded(
                f"{count} more tool call(s) would pass the limit of {most} tool calls"
            )
        self.tool_calls += count

    def record(self, items: Iterable[RunItem]) -> Iterator[RunItemStreamEvent]:
        """Take items into the record, yielding the event that announces each."""
        for item in items:
            self.new_items.append(item)
            self.turn_items.append(item)
            yield item_event(item)
            self.cancellation.check()  # whoever reads the events may have stopped the run

    def end_turn(self) -> None:
        """Put the turn's items before the next model call, and up for saving."""
        inputs = mend_history([item.to_input_item() for item in self.turn_items])
        self.unsaved.extend(inputs)
        self.sent_items.extend(self.turn_items)
        if self.server_keeps_history:
            self.model_input = [
                sent for sent in inputs if sent.get("type", "").endswith(("_output", "_response"))
            ]
            if self.previous_response_id is not None:
                self.previous_response_id = self.raw_responses[-1].response_id
        else:
            self.model_input.extend(inputs)

    def send(self, items: list[TResponseInputItem]) -> None:
        """Send the next model call these items, but for what the API would refuse."""
        self.model_input = list(items if self.server_keeps_history else mend_history(items))

    def send_instead(self, conversation: HandoffInputData) -> None:
        """Send the next model call this conversation, as an input filter made it."""
        history = conversation.input_history
        self.input_history = history if isinstance(history, str) else tuple(history)
        self.sent_items = [*conversation.pre_handoff_items, *conversation.new_items]
        before = ItemHelpers.input_to_new_input_list(
            history if isinstance(history, str) else list(history)
        )
        self.send([*before, *(item.to_input_item() for item in self.sent_items)])

    def handoff_data(self) -> HandoffInputData:
        """The conversation as a handoff's input filter sees it, during the turn of the handoff."""
        return HandoffInputData(
            input_history=self.input_history,
            pre_handoff_items=tuple(self.sent_items),
            new_items=tuple(self.turn_items),
            run_context=self.context_wrapper,
        )

    def finish_agent_span(self, error: BaseException | None = None) -> None:
        """End the span of the agent at work, if there is one, well or with an error."""
        span, self.agent_span = self.agent_span, None
        if span is None:
            return
        if error is not None:
            span.set_error(span.describe(error))
        span.finish(reset_current=True)

    def error_details(self) -> RunErrorDetails:
        """What was done so far, for an exception."""
        return RunErrorDetails(
            input=self.input,
            new_items=self.new_items,
            raw_responses=self.raw_responses,
            last_agent=self.agent,
            usage=self.context_wrapper.usage,
            input_guardrail_results=self.input_guardrail_results,
            output_guardrail_results=self.output_guardrail_results,
        )

    def _check_continuation(self) -> None:
        if self.conversation_id is None and self.previous_response_id is None:
            raise ModelBehaviorError(
                "The server gave its response no id, so the next one cannot continue from it; do "
                "without previous_response_id"
            )
        if not self.model_input:
            raise ModelBehaviorError(
                f"The model gave agent {self.agent.name} neither a final output nor anything to do"
            )

    def _check_limits(self, limits: UsageLimits) -> None:
        usage = self.context_wrapper.usage
        for name in ("requests", "input_tokens", "output_tokens", "total_tokens"):
            most, used = getattr(limits, name), getattr(usage, name)
            if most is not None and used >= most:
                raise UsageLimitExceeded(
                    f"Another model call would pass the limit of {most} {name}; {used} are used"
                )
