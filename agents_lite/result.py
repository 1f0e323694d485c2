"""What the caller gets of a run."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .concurrency.cancellation import RunCancelled
from .history import mend_history
from .items import ItemHelpers, ModelResponse, RunItem
from .run_context import RunContextWrapper
from .stream_events import StreamEvent
from .usage import Usage

if TYPE_CHECKING:
    from .agent import Agent
    from .concurrency.aio import AsyncEvents
    from .guardrail import InputGuardrailResult, OutputGuardrailResult
    from .items import TResponseInputItem
    from .running.run_state import RunState
    from .tool_guardrails import ToolInputGuardrailResult, ToolOutputGuardrailResult

T = TypeVar("T")


class RunResultBase:
    """A view of what a run has done: all of it when the run is over, else all so far."""

    def __init__(self, state: RunState) -> None:
        """Take the run's record."""
        self._state = state

    @property
    def input(self) -> str | list[TResponseInputItem]:
        """The input as it was passed to the run."""
        return self._state.input

    @property
    def new_items(self) -> list[RunItem]:
        """What the run has produced, in order."""
        return self._state.new_items

    @property
    def raw_responses(self) -> list[ModelResponse]:
        """The model's answers, in order."""
        return self._state.raw_responses

    @property
    def final_output(self) -> Any:
        """Text, or an object of the last agent's `output_type`. None: there is none yet."""
        return self._state.final_output

    @property
    def last_agent(self) -> Agent[Any]:
        """The agent that ran last; a good one to take the next message of a conversation."""
        return self._state.agent

    @property
    def usage(self) -> Usage:
        """Requests and tokens of the run, nested runs included."""
        return self._state.context_wrapper.usage

    @property
    def usage_by_agent(self) -> dict[str, Usage]:
        """The same, split by the agent's name."""
        return self._state.context_wrapper.usage_by_agent

    @property
    def context_wrapper(self) -> RunContextWrapper[Any]:
        """The context that the run's functions were given."""
        return self._state.context_wrapper

    @property
    def input_guardrail_results(self) -> list[InputGuardrailResult]:
        """Verdicts of the input guardrails."""
        return self._state.input_guardrail_results

    @property
    def output_guardrail_results(self) -> list[OutputGuardrailResult]:
        """Verdicts of the output guardrails."""
        return self._state.output_guardrail_results

    @property
    def tool_input_guardrail_results(self) -> list[ToolInputGuardrailResult]:
        """Verdicts of guardrails on tools' inputs."""
        return self._state.tool_input_guardrail_results

    @property
    def tool_output_guardrail_results(self) -> list[ToolOutputGuardrailResult]:
        """Verdicts of guardrails on tools' outputs."""
        return self._state.tool_output_guardrail_results

    @property
    def last_response_id(self) -> str | None:
        """The server's id of the last response, or None."""
        return self.raw_responses[-1].response_id if self.raw_responses else None

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

    def to_input_list(self) -> list[TResponseInputItem]:
        """Input and new items as one list of input items, for a following run.

        What the API would refuse, such as a call without its output, is left out.
        """
        new_items = [item.to_input_item() for item in self.new_items]
        whole = [*ItemHelpers.input_to_new_input_list(self.input), *new_items]
        return whole if self._state.server_keeps_history else list(mend_history(whole))

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} of {self.last_agent.name}: {self.final_output!r}, "
            f"{len(self.new_items)} new items, {self.usage.requests} requests>"
        )


class RunResult(RunResultBase):
    """What a run has done, from beginning to end."""


class RunResultStreaming(RunResultBase):
    """A run that goes on as its events are read; see `stream_events`."""

    def __init__(
        self, state: RunState, events: Generator[StreamEvent, None, RunResult]
    ) -> None:
        """Take the run's record and its events."""
        super().__init__(state)
        self._events = events

    @property
    def current_agent(self) -> Agent[Any]:
        """The agent at work."""
        return self._state.agent

    @property
    def current_turn(self) -> int:
        """The turn at hand, from 1; 0 before the first."""
        return self._state.turn

    @property
    def max_turns(self) -> int | None:
        """The limit of turns, or None."""
        return self._state.max_turns

    @property
    def is_complete(self) -> bool:
        """Whether the run is over, well or not."""
        return self._state.is_complete or self._state.cancellation.reason is not None

    def stream_events(self) -> EventStream:
        """The run's events, for `for` in plain code and `async for` in async code.

        The run goes on as they are read: it starts with the first one, and `break` ends it.
        """
        return EventStream(self._state, self._events)

    def cancel(self) -> None:
        """Stop the run, from any thread: connections are closed and the events end."""
        self._state.cancellation.cancel(RunCancelled())


class EventStream:
    """Events of a run, to be read by `for` or by `async for`; closing it stops the run."""

    def __init__(self, state: RunState, events: Generator[StreamEvent, None, RunResult]) -> None:
        """Take the run's record and its events."""
        self._state = state
        self._events = events
        self._async_events: AsyncEvents | None = None

    def __iter__(self) -> Iterator[StreamEvent]:
        try:
            yield from self._events
        except RunCancelled:
            return

    def __next__(self) -> StreamEvent:
        try:
            return next(self._events)
        except RunCancelled:
            raise StopIteration from None

    def close(self) -> None:
        """Stop the run, from plain code."""
        self._events.close()

    def __aiter__(self) -> AsyncEvents:
        from .concurrency.aio import AsyncEvents

        return AsyncEvents(self._state, self._events)

    async def __anext__(self) -> StreamEvent:
        if self._async_events is None:
            self._async_events = self.__aiter__()
        return await anext(self._async_events)

    async def aclose(self) -> None:
        """Stop the run, from async code."""
        self._state.cancellation.cancel(RunCancelled())
        await (self._async_events or self.__aiter__()).aclose()
