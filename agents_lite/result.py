"""What the caller gets of a run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from .checks import check_choice
from .concurrency.cancellation import RunCancelled
from .concurrency.generators import is_over
from .history import without_reasoning_ids
from .items import ModelResponse, RunItem
from .response_types import ResponseCompletedEvent
from .run_config import DEFAULT_MAX_TURNS
from .run_context import RunContextWrapper
from .shown import escaped, html_table, in_few_words, repr_of
from .stream_events import RawResponsesStreamEvent, StreamEvent
from .usage import Usage

if TYPE_CHECKING:
    from .agent import Agent
    from .concurrency.aio import AsyncReader
    from .guardrail import InputGuardrailResult, OutputGuardrailResult
    from .items import ToolApprovalItem, TResponseInputItem
    from .running.facts import PauseReason
    from .running.live_run import LiveRun
    from .running.run_state import RunState
    from .tool_guardrails import ToolInputGuardrailResult, ToolOutputGuardrailResult

__all__ = ["RunErrorData", "RunErrorDetails", "RunResult", "RunResultBase", "RunResultStreaming"]

T = TypeVar("T")


class RunResultBase:
    """A view of what a run has done: all of it when the run is over, else all so far."""

    def __init__(self, run: LiveRun) -> None:
        """Take the run."""
        self._run = run

    @property
    def input(self) -> str | list[TResponseInputItem]:
        """The input as it was passed to the run."""
        return self._run.given

    @property
    def new_items(self) -> list[RunItem]:
        """What the run has produced, in order."""
        return self._run.record.conversation.new_items

    @property
    def raw_responses(self) -> list[ModelResponse]:
        """The model's answers, in order."""
        return self._run.record.raw_responses

    @property
    def final_output(self) -> Any:
        """Text, or an object of the last agent's `output_type`. None: there is none yet."""
        return self._run.record.final_output

    @property
    def last_agent(self) -> Agent[Any]:
        """The agent that ran last; a good one to take the next message of a conversation."""
        return self._run.agent

    @property
    def usage(self) -> Usage:
        """Requests and tokens of the run, nested runs included."""
        return self._run.record.usage

    @property
    def usage_by_agent(self) -> dict[str, Usage]:
        """The same, split by the agent's name."""
        return self._run.record.usage_by_agent

    @property
    def cost(self) -> float | None:
        """What the model calls have cost, in US dollars, nested runs included. None: of some call
        that is not known, for want of a price for example; see `set_prices`.

        Raises:
            UserError: The `genai-prices` package is needed, and not there.
        """
        return self.usage.cost

    @property
    def max_turns(self) -> int | None:
        """The limit of turns, or None."""
        record = self._run.record
        default = record.max_turns if record.is_started else DEFAULT_MAX_TURNS
        return self._run.options.get("max_turns", default)

    @property
    def context_wrapper(self) -> RunContextWrapper[Any]:
        """The context that the run's functions were given."""
        return self._run.context

    @property
    def input_guardrail_results(self) -> list[InputGuardrailResult]:
        """Verdicts of the input guardrails."""
        return self._run.record.input_guardrail_results

    @property
    def output_guardrail_results(self) -> list[OutputGuardrailResult]:
        """Verdicts of the output guardrails."""
        return self._run.record.output_guardrail_results

    @property
    def tool_input_guardrail_results(self) -> list[ToolInputGuardrailResult]:
        """Verdicts of guardrails on tools' inputs."""
        return self._run.record.tool_input_guardrail_results

    @property
    def tool_output_guardrail_results(self) -> list[ToolOutputGuardrailResult]:
        """Verdicts of guardrails on tools' outputs."""
        return self._run.record.tool_output_guardrail_results

    @property
    def last_response_id(self) -> str | None:
        """The server's id of the last response, or None."""
        return self.raw_responses[-1].response_id if self.raw_responses else None

    @property
    def output_attempts(self) -> int:
        """How often the model gave a final output, those included that it was to give again; 0:
        there is none yet.
        """
        record = self._run.record
        return record.output_retries + record.is_finished

    @property
    def is_paused(self) -> bool:
        """Whether the run stopped before its end, to be taken up again."""
        return self._run.pause_reason is not None

    @property
    def pause_reason(self) -> PauseReason | None:
        """Why: a call waits for a person ("approval"), its time was up, it was told to stop after
        the turn, its model answers another time ("answer"). None: it did not pause.
        """
        return self._run.pause_reason

    @property
    def interruptions(self) -> list[ToolApprovalItem]:
        """The calls that wait for a person, those of agents as tools included."""
        return self._run.interruptions()

    def to_state(self) -> RunState:
        """The run as a value: to be written down, decided about, and taken up again."""
        return self._run.to_state()

    def final_output_as(self, cls: type[T], raise_if_incorrect_type: bool = False) -> T:
        """The final output, known to the type checker as a `cls`.

        Raises:
            TypeError: It is none, when `raise_if_incorrect_type` is set.
        """
        if raise_if_incorrect_type and not isinstance(self.final_output, cls):
            raise TypeError(
                f"The final output is no {cls.__name__} but {type(self.final_output).__name__}"
            )
        return cast(T, self.final_output)

    def to_input_list(
        self, *, mode: Literal["preserve_all", "normalized"] = "preserve_all"
    ) -> list[TResponseInputItem]:
        """Input and new items as one list of input items, for a following run.

        What the API would refuse, such as a call without its output, is left out.

        Args:
            mode: All that was said; or, once a handoff's filter has changed what the agent at
                work is sent, what that agent was sent, and what was said since then.

        Raises:
            UserError: There is no such mode.
        """
        check_choice(mode, "mode", "preserve_all", "normalized")
        items = self._run.record.conversation.to_input_list(as_sent=mode == "normalized")
        return without_reasoning_ids(items) if self._run.record.omits_ids else items

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {self.last_agent.name}: "
            f"{in_few_words(repr_of(self.final_output))}, "
            f"{len(self.new_items)} new items, {self.usage.requests} requests>"
        )

    def __str__(self) -> str:
        rows = [f"  {name}: {in_few_words(text)}" for name, text in self._steps()]
        return "\n".join([f"{self._title()}, {self.usage.in_words()}", *rows, self._outcome()])

    def _repr_html_(self) -> str:
        steps = [(name, in_few_words(text, 500)) for name, text in self._steps()]
        rows = [*steps, ("usage", self.usage.in_words()), ("outcome", self._outcome())]
        return html_table(self._title(), rows)

    def _title(self) -> str:
        return f"{type(self).__name__} of {self.last_agent.name}"

    def _steps(self) -> list[tuple[str, str]]:
        """Each item's agent and kind, and what it is about."""
        return [
            (f"{item.agent.name}, {item.type.removesuffix('_item')}", item.in_words())
            for item in self.new_items
        ]

    def _outcome(self) -> str:
        if self.is_paused:
            return f"Paused: {self.pause_reason}"
        output = self.final_output
        if output is None:
            return "No final output"
        return escaped(output) if isinstance(output, str) else in_few_words(output, 2000)


class RunResult(RunResultBase):
    """What a run has done, from beginning to end, or up to a pause."""


class RunErrorDetails(RunResultBase):
    """What a run had done when it failed, those items included that its turn had led to."""

    def __reduce__(self) -> tuple[Any, ...]:
        """None where it cannot go to another process: its error goes there all the same."""
        from multiprocessing.reduction import ForkingPickler

        try:
            ForkingPickler.loads(ForkingPickler.dumps(self._run))  # as the other side will
        except Exception:
            return type(None), ()
        return RunErrorDetails, (self._run,)

    @property
    def output(self) -> list[TResponseInputItem]:
        """The new items as input items."""
        return [item.to_input_item() for item in self.new_items]

    @property
    def history(self) -> list[TResponseInputItem]:
        """The same as `to_input_list()`."""
        return self.to_input_list()


RunErrorData = RunErrorDetails
"""What an error handler is given of it; the OpenAI Agents SDK has a class of its own for that."""


class RunResultStreaming(RunResultBase):
    """A run that goes on as its events are read; see `stream_events`."""

    @property
    def current_agent(self) -> Agent[Any]:
        """The agent at work."""
        return self._run.agent

    @property
    def current_turn(self) -> int:
        """The turn at hand, from 1; 0 before the first."""
        return self._run.turn

    @property
    def is_complete(self) -> bool:
        """Whether the run goes on no more, well or not."""
        return self._run.is_over or self._run.cancellation.reason is not None

    @property
    def run_loop_exception(self) -> BaseException | None:
        """What the run failed with, as the reader of its events was told; None: with nothing."""
        return self._run.failure

    def stream_events(self) -> EventStream:
        """The run's events, for `for` in plain code and `async for` in async code.

        The run goes on as they are read: it starts with the first one, and `break` ends it. When
        it has failed, reading on raises its error again.
        """
        return EventStream(self._run)

    def cancel(self, mode: Literal["immediate", "after_turn"] = "immediate") -> None:
        """Stop the run, from any thread, and the events end.

        Args:
            mode: At once, with connections closed; or when the turn at hand has ended, as a pause.

        Raises:
            UserError: There is no such mode.
        """
        check_choice(mode, "mode", "immediate", "after_turn")
        if mode == "after_turn":
            self._run.pause("after_turn")
        else:
            self._run.cancellation.cancel(RunCancelled())


class EventStream:
    """Events of a run, to be read by `for` or by `async for`; closing it stops the run."""

    def __init__(self, run: LiveRun) -> None:
        """Take the run."""
        self._run = run
        self._reader: AsyncReader[StreamEvent] | None = None

    def __iter__(self) -> Iterator[StreamEvent]:
        try:
            yield from self._run.events
        except RunCancelled:
            return
        except Exception as error:
            self._note(error)
            raise
        if self._run.failure is not None:
            raise self._run.failure

    def __next__(self) -> StreamEvent:
        try:
            return next(self._run.events)
        except (RunCancelled, StopIteration):
            pass
        except Exception as error:
            self._note(error)
            raise
        raise StopIteration if self._run.failure is None else self._run.failure

    def close(self) -> None:
        """Stop the run, from plain code."""
        self._run.events.close()

    def __aiter__(self) -> AsyncReader[StreamEvent]:
        from .concurrency.aio import AsyncReader

        return AsyncReader(self._run, partial(_has_consequences, self._run))

    async def __anext__(self) -> StreamEvent:
        if self._reader is None:
            self._reader = self.__aiter__()
        return await anext(self._reader)

    async def aclose(self) -> None:
        """Stop the run, from async code."""
        self._run.cancellation.cancel(RunCancelled())
        await (self._reader or self.__aiter__()).aclose()

    def _note(self, error: Exception) -> None:
        if is_over(self._run.events):  # else another reader is at them
            self._run.failure = error


def _has_consequences(run: LiveRun, event: StreamEvent) -> bool:
    """Whether the run may do something with effects once it goes on after this event.

    After most events of a model it only takes in the next one, and after an answer that can be used
    it first tells of what is in it.
    """
    if not isinstance(event, RawResponsesStreamEvent):
        return True
    if type(event.data) is not ResponseCompletedEvent:
        return False
    answer = run.record.answer
    return answer is None or not answer.response.output
