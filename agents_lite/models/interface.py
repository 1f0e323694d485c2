"""What the loop asks of a model: one method, `stream`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from ..concurrency.cancellation import Cancellation
from ..model_settings import ModelSettings
from ..taken_whole import TakenWhole
from .answer import drain_model

if TYPE_CHECKING:
    from ..handoffs import Handoff
    from ..http.background import Background
    from ..items import ModelResponse
    from ..output_schema import AgentOutputSchemaBase
    from ..response_types import ResponseStreamEvent
    from ..tool import Tool


@dataclass
class ModelRequest(TakenWhole):
    """One model call."""

    input: list[dict[str, Any]]
    """Input items as the API takes them; not to be changed."""
    system_instructions: str | None = None
    """The agent's instructions, or None."""
    model_settings: ModelSettings = field(default_factory=ModelSettings)
    """Agent's and run's settings, already overlaid."""
    tools: list[Tool] = field(default_factory=list)
    """Tools the model may ask for."""
    handoffs: list[Handoff[Any, Any]] = field(default_factory=list)
    """Agents the model may hand over to."""
    output_schema: AgentOutputSchemaBase | None = None
    """The type of the final output, or None for plain text."""
    previous_response_id: str | None = None
    """The response that this one follows, where the server keeps the conversation."""
    conversation_id: str | None = None
    """The server-side conversation, or None."""
    prompt: dict[str, Any] | None = None
    """A prompt stored at the server, {"id": ..., "version": ..., "variables": ...}, or None."""
    stream: bool = False
    """Whether deltas are wanted; without, one `response.completed` event is the whole stream."""
    agent_name: str | None = None
    """The agent that asks, for error messages; None outside a run."""
    background: Background | None = None
    """Remembers the answer's id, where the server goes on with it by itself; None: nobody does."""
    cancellation: Cancellation = field(default_factory=Cancellation)
    """Tells a waiting model to stop; `check()` it, or register what interrupts the wait."""


class ModelTracing(Enum):
    """What spans of a model of two methods are to hold."""

    DISABLED = 0
    """Nothing is traced."""
    ENABLED = 1
    """Everything."""
    ENABLED_WITHOUT_DATA = 2
    """Neither inputs nor outputs."""

    def is_disabled(self) -> bool:
        """Whether nothing is traced."""
        return self is ModelTracing.DISABLED

    def include_data(self) -> bool:
        """Whether spans hold inputs and outputs."""
        return self is ModelTracing.ENABLED


_ASKED = {"stream", "get_response", "stream_response"}


class Model(ABC):
    """A large language model. Subclasses implement `stream`.

    Those that have `get_response` and `stream_response` instead, as in the OpenAI Agents SDK, are
    asked through these.
    """

    traces_itself: ClassVar[bool] = False
    """Whether its calls open spans of their own, so that none is opened around them."""
    tries_again: ClassVar[bool] = False
    """Whether it heeds `ModelSettings.retry` itself, so that no one else repeats its calls."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        nearest = next(each for each in cls.__mro__ if not _ASKED.isdisjoint(vars(each)))
        if "stream" not in vars(nearest):
            if cls.stream is Model.stream:  # else it asks the class above, and only adds to that
                cls.traces_itself = True
            cls.stream = stream_of_two_methods  # type: ignore[method-assign, assignment]

    @property
    def hostname(self) -> str | None:
        """The server that is asked, on which prices depend; None: not known."""
        return None

    @abstractmethod
    def stream(
        self, request: ModelRequest
    ) -> Iterator[ResponseStreamEvent] | AsyncIterator[ResponseStreamEvent]:
        """Answer with the events of a Responses API stream, the last one a terminal event.

        A generator function, `def` or `async def`. It ends with `response.completed`, whose
        `response` holds the whole answer, or raises an `APIError`. A closed generator closes its
        connection.
        """

    def respond(self, request: ModelRequest) -> ModelResponse:
        """Answer a request outside a run: drains `stream` and gives the whole response."""
        return drain_model(self, request)

    def get_response(self, *args: Any, **named: Any) -> Awaitable[ModelResponse]:
        """The same, to be awaited; takes what such a method of the OpenAI Agents SDK takes."""
        from .two_methods import respond_later

        return respond_later(self, *args, **named)

    def stream_response(self, *args: Any, **named: Any) -> AsyncIterator[ResponseStreamEvent]:
        """The events of an answer outside a run, for `async for`; takes the same."""
        from .two_methods import stream_later

        return stream_later(self, *args, **named)


class ModelProvider(ABC):
    """Finds models by name."""

    @abstractmethod
    def get_model(self, model_name: str | None) -> Model:
        """The model of that name; None asks for the provider's default."""


def stream_of_two_methods(
    model: Model, request: ModelRequest
) -> AsyncIterator[ResponseStreamEvent]:
    """The `stream` of models that have the two methods instead."""
    from .two_methods import events_of  # only those who need it pay for it

    return events_of(model, request)
