"""The two methods of a model in the OpenAI Agents SDK: `get_response`, `stream_response`.

Models that have only these are asked through them; those that are here have them, too.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from ..concurrency.aio import AsyncReader, run_on_thread
from ..concurrency.calling import Callbacks
from ..concurrency.generators import step_in_context
from ..exceptions import UserError
from ..items import ItemHelpers, ModelResponse, TResponseInputItem
from ..response_types import ResponseCompletedEvent, ResponseStreamEvent, as_json, as_stream_event
from ..shown import repr_of
from ..tracing import get_current_span
from .answer import answering
from .interface import Model, ModelRequest, ModelTracing, stream_of_two_methods

if TYPE_CHECKING:
    from ..model_settings import ModelSettings


async def events_of(model: Any, request: ModelRequest) -> AsyncIterator[ResponseStreamEvent]:
    """The model's answer to a request: its own events, or the one that a whole answer makes."""
    if request.stream and type(model).stream_response is not Model.stream_response:
        events = _asked(model.stream_response, request)
        try:
            async for event in events:
                fields = as_json(event)
                passed_on = as_stream_event(fields) if isinstance(fields, dict) else fields
                if isinstance(passed_on, ResponseCompletedEvent):
                    response = getattr(event, "response", None)
                    passed_on.request_id = getattr(response, "_request_id", None)
                yield passed_on
        finally:  # on this loop and at once, where the reader has left
            if hasattr(events, "aclose"):
                await events.aclose()
    else:
        yield _completed(await _asked(model.get_response, request), model)


def _asked(method: Any, request: ModelRequest) -> Any:
    """What the method returns; later arguments are for those who know them."""
    later = {
        "previous_response_id": request.previous_response_id,
        "conversation_id": request.conversation_id,
        "prompt": request.prompt,
    }
    parameters = inspect.signature(method).parameters.values()
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters)
    known = {each.name for each in parameters}
    return method(
        request.system_instructions,
        list(request.input),
        request.model_settings,
        request.tools,
        request.output_schema,
        request.handoffs,
        _tracing(),
        **{name: value for name, value in later.items() if takes_all or name in known},
    )


def _tracing() -> ModelTracing:
    span = get_current_span()
    if span is None or span.disabled:
        return ModelTracing.DISABLED
    return ModelTracing.ENABLED_WITHOUT_DATA if span.hides_content else ModelTracing.ENABLED


def _completed(answer: Any, model: Any) -> ResponseStreamEvent:
    if not isinstance(answer, ModelResponse):
        name = type(model).__name__
        raise UserError(f"{name}.get_response must return a ModelResponse, got {repr_of(answer)}")
    usage = answer.usage.model_dump(exclude={"requests", "request_usage_entries"})
    response = {
        "id": answer.response_id,
        "object": "response",
        "status": "completed",
        "output": [as_json(item) for item in answer.output],
        "usage": usage,
    }
    event = ResponseCompletedEvent({"type": "response.completed", "response": response})
    event.request_id = answer.request_id
    return event


async def respond_later(model: Model, *args: Any, **named: Any) -> ModelResponse:
    """The whole answer of a model, without holding up the event loop."""
    return await run_on_thread(_Asking(model, _request(*args, **named)))


def stream_later(model: Model, *args: Any, **named: Any) -> AsyncReader[ResponseStreamEvent]:
    """The events of a model's answer; a reader that leaves stops it."""
    request = _request(*args, **named)
    request.stream = True
    return AsyncReader(_Asking(model, request), lambda event: False)


class _Asking:
    """A model that is asked outside a run, as a thread can drive it."""

    def __init__(self, model: Model, request: ModelRequest) -> None:
        self.callbacks = Callbacks()
        self.cancellation = request.cancellation
        self.tools_at_work: list[str] = []
        self.failure: BaseException | None = None
        events = answering(model, request, self.callbacks, _own_stream(model))
        self.events = step_in_context(events, copy_context())


def _own_stream(model: Model) -> Callable[[ModelRequest], Any]:
    """The `stream` that a model has, though classes of it have replaced it by the two methods.

    Raises:
        UserError: It has none.
    """
    streams = [vars(each)["stream"] for each in type(model).__mro__ if "stream" in vars(each)]
    if stream_of_two_methods not in streams:
        return model.stream
    while stream_of_two_methods in streams:  # which would ask these methods once more
        streams = streams[streams.index(stream_of_two_methods) + 1 :]
    if streams[0] is Model.stream:
        raise UserError(
            f"{type(model).__name__} cannot be asked: neither it nor a class above it has a "
            "`stream`, or a `get_response` that answers by itself"
        )
    return partial(streams[0], model)


def _request(
    system_instructions: str | None,
    input: str | list[TResponseInputItem],
    model_settings: ModelSettings,
    tools: list[Any],
    output_schema: Any,
    handoffs: list[Any],
    tracing: ModelTracing | None = None,
    **later: Any,
) -> ModelRequest:
    """What the methods are given, as a request; a model here leaves its traces to runs."""
    return ModelRequest(
        input=ItemHelpers.input_to_new_input_list(input),
        system_instructions=system_instructions,
        model_settings=model_settings,
        tools=tools,
        output_schema=output_schema,
        handoffs=handoffs,
        **later,
    )
