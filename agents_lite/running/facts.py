"""What a run has done, in steps: each fact is an object of one of these classes.

A run's facts are only ever added to. All else that is known of it follows from them, see `record`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from ..agent import Agent
    from ..guardrail import InputGuardrailResult, OutputGuardrailResult
    from ..handoff_data import HandoffInputData
    from ..items import ModelResponse, RunItem, TResponseInputItem
    from ..tool_guardrails import ToolInputGuardrailResult, ToolOutputGuardrailResult
    from ..usage import Usage

PauseReason = Literal["approval", "timeout", "after_turn", "answer"]
"""Why a run stopped before its end: a call waits for a person, its time was up, it was told to
stop after the turn, or its model will answer another time."""

Telling = Literal["agent_started", "agent_ended", "handed_off"]
"""What hooks are told once over all parts of a run."""

Place = tuple[str | int, ...]
"""Where an agent, tool or handoff stands: `("handoffs", 1, "tools", 0)`, read from an agent on."""


class Started(NamedTuple):
    """The run began."""

    run_id: str
    """Names the run."""
    trace_id: str | None
    """Its trace, or None without one."""
    agent_name: str
    """The agent that began."""
    given: str | list[TResponseInputItem]
    """The input as the caller passed it."""
    prepared: str | list[TResponseInputItem]
    """The input with a session's history, as guardrails get to see it."""
    owed: list[TResponseInputItem]
    """What of it a session is to be given, with the first turn."""
    max_turns: int | None
    """Most turns, or None for no limit."""
    previous_response_id: str | None
    """The server's response that the run follows, where the server keeps the conversation so."""
    conversation_id: str | None
    """The server's conversation, where it keeps one."""
    session_size: int | None = None
    """Items that the session had; None where there is none, or not all of it was read."""
    reasoning_item_id_policy: str | None = None
    """Whether reasoning goes without its ids, as `RunConfig` has it."""


class Checked(NamedTuple):
    """A guardrail gave its verdict on the input or on the final output."""

    position: int
    """Where it stands among the agent's guardrails, followed by the run's."""
    result: InputGuardrailResult | OutputGuardrailResult
    """The verdict."""


class Awaited(NamedTuple):
    """The model's server is at work on an answer in the background."""

    response_id: str | None
    """The response to be collected; None: it is not, and the model is to be asked anew."""


class Answered(NamedTuple):
    """The model answered."""

    turn: int
    """The turn, from 1."""
    response: ModelResponse
    """The whole answer."""
    targets: dict[str, Place] | None
    """The tool or handoff of the agent that each call id means; calls of tools that do not exist
    are left out. None: the answer cannot be used, and the model is to be asked again."""


class Begun(NamedTuple):
    """A local call is about to be made. Without a `Called` its end is unknown."""

    call_id: str


class Called(NamedTuple):
    """A call was answered: made here, refused, or answered from outside."""

    call_id: str
    item: RunItem
    """The output."""
    words: str | None = None
    """What the model is told behind the turn's outputs, where this one has no place for words."""


class ToolChecked(NamedTuple):
    """A tool's guardrail gave its verdict on a call."""

    call_id: str
    result: ToolInputGuardrailResult | ToolOutputGuardrailResult


class Asked(NamedTuple):
    """A call waits for a person."""

    call_id: str
    reason: Literal["approval", "unknown_end", "input"] = "approval"
    """It needs an approval; it was begun, and nobody knows how it ended; or it asked something in
    its middle, and is to be made again with the answers."""
    questions: dict[str, Any] | None = None
    """What it asked, by names; None: nothing."""
    state: Any = None
    """What whoever makes the call is to be given back with the answers: JSON."""


class Decided(NamedTuple):
    """A person decided about a call that waited."""

    call_id: str
    verdict: Literal["approve", "reject", "output", "input"]
    """Make the call; tell the model that it was not made; take an output from outside; or take an
    answer to a question."""
    always: bool = False
    """Whether the same holds for all calls of this tool in the rest of the run."""
    message: str | None = None
    """What the model is told of a rejection; None: the usual words."""
    output: Any = None
    """The output from outside, or the answer."""
    question: str = ""
    """The question that is answered."""


class HandedOver(NamedTuple):
    """Another agent is to take over when the turn has ended."""

    target: Agent[Any]
    items: list[RunItem]
    """Outputs of the handoffs asked for: of those ignored, then of the one that happened."""


class Filtered(NamedTuple):
    """An input filter has decided what the next agents are sent."""

    conversation: HandoffInputData


class Told(NamedTuple):
    """Hooks were told; they are not told again. Only where somebody listens."""

    what: Telling


class Finished(NamedTuple):
    """There is a final output."""

    output: Any
    is_typed: bool
    """Whether it was parsed by the agent's output type."""
    said: Sequence[RunItem] = ()
    """A message that tells it, where no answer of the model does."""


class TurnEnded(NamedTuple):
    """All that the answer asked for is done."""


class Saved(NamedTuple):
    """The session was given what it was owed."""


class Added(NamedTuple):
    """The caller added to the conversation of a run that goes on."""

    items: list[TResponseInputItem]
    is_retry: bool = False
    """Whether the run itself did, to tell the model what was wrong with its final output."""


class Compacted(NamedTuple):
    """What the model is sent was made smaller; see `compaction.view.compacted`."""

    cleared: int
    """So many items lost their tool results."""
    covered: int
    """So many are covered by a summary."""
    summary: str | None
    """The summary, or None without one."""
    usage: Usage
    """What it took to write it."""


class Failed(NamedTuple):
    """The run ended with an error."""

    error: str
    """Name of its class."""
    message: str
    discards_answer: bool
    """Whether the answer of the turn at hand was the cause, so that the model is asked again."""


class TakenUp(NamedTuple):
    """The run goes on, after a pause, a failure or the end of its process."""

    max_turns: int | None
    """Most turns from now on, those before included."""
    server_ids: tuple[str | None, str | None] | None = None
    """Response and conversation of the server that it follows from now on; None: as before."""
    reasoning_item_id_policy: str | None = None
    """Whether reasoning goes without its ids from now on; None: as before."""


Fact = (
    Started
    | Checked
    | Awaited
    | Answered
    | Begun
    | Called
    | ToolChecked
    | Asked
    | Decided
    | HandedOver
    | Filtered
    | Told
    | Finished
    | TurnEnded
    | Saved
    | Added
    | Compacted
    | Failed
    | TakenUp
)
