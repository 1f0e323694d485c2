"""Calling the model: its events passed on, its whole answer handed back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ...concurrency.calling import Callbacks
from ...exceptions import APIResponseError, ResponseFailedError, UserError
from ...items import ModelResponse
from ...models.interface import Model, ModelRequest
from ...models.provider import choose_model
from ...response_types import ResponsesObject, ResponseStreamEvent, as_json
from ...stream_events import RawResponsesStreamEvent
from ...tracing import Span, generation_span
from ...usage import usage_of_request

if TYPE_CHECKING:
    from ...tracing import GenerationSpanData
    from ..run_state import RunState


def ask_model(
    request: ModelRequest, state: RunState
) -> Generator[RawResponsesStreamEvent, None, ModelResponse]:
    """One model call with its hooks and its span; `request.cancellation` cuts it short."""
    agent = state.agent
    model = choose_model(agent, state.config)
    state.lifecycle.model_started(agent, request.system_instructions, request.input)
    with generation_span(model=getattr(model, "model", type(model).__name__)) as span:
        _describe_request(span, request, state.records_content)
        event = None
        with model_events(model, request, state.callbacks) as events:
            for event in events:
                request.cancellation.check()
                yield RawResponsesStreamEvent(event)
        response = read_response(event)
        _describe_response(span, response, state.records_content)
    state.raw_responses.append(response)
    state.context_wrapper.add_usage(agent.name, response.usage)
    state.lifecycle.model_ended(agent, response)
    return response


@contextmanager
def model_events(
    model: Model, request: ModelRequest, callbacks: Callbacks
) -> Iterator[Iterator[ResponseStreamEvent]]:
    """The events of a model, closed in the end; `stream` may be an async generator.

    Raises:
        UserError: It is neither.
        BaseException: The reason of the request's cancellation.
    """
    events = model.stream(request)
    if isawaitable(events):  # an `async def` that returns the events
        events = callbacks.wait_for(request.cancellation, events)
    if isinstance(events, AsyncIterator):
        events = callbacks.iterate(request.cancellation, events)
    elif not isinstance(events, Iterator):
        raise UserError(
            f"{type(model).__name__}.stream must be a generator function, it returned {events!r}"
        )
    try:
        yield events
        request.cancellation.check()
    except Exception:
        request.cancellation.check()  # an interrupted model may fail in its own way
        raise
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


def drain_model(model: Model, request: ModelRequest) -> ModelResponse:
    """The whole answer of a model, outside a run."""
    callbacks = Callbacks()
    try:
        with model_events(model, request, callbacks) as events:
            *_, last = (None, *events)
            return read_response(last)
    finally:
        callbacks.close()


def read_response(last_event: ResponseStreamEvent | None) -> ModelResponse:
    """The whole answer, out of the last event of its stream.

    Raises:
        ResponseFailedError: The stream did not end with a completed response.
        APIResponseError: The response has no list of output items.
    """
    kind = None if last_event is None else last_event.get("type")
    response = None if last_event is None else last_event.get("response")
    if kind != "response.completed" or response is None:
        why = None if response is None else _why(response)
        raise ResponseFailedError(
            f"The model's stream ended with {kind or 'no event at all'}, not response.completed"
            f"{'' if why is None else f': {why}'}",
            response=response,
        )
    output = response.get("output")
    if not isinstance(output, list) or not all(isinstance(i, ResponsesObject) for i in output):
        raise APIResponseError(f"The response has no output items: {response!r}"[:500])
    return ModelResponse(
        output=output,
        usage=usage_of_request(as_json(response.get("usage"))),
        response_id=response.get("id"),
    )


def _why(response: ResponsesObject) -> Any:
    """What a response that is not complete says of the reason, or None."""
    return as_json(response.get("incomplete_details") or response.get("error"))


def _describe_request(
    span: Span[GenerationSpanData], request: ModelRequest, with_content: bool
) -> None:
    if span.disabled:
        return
    settings = vars(request.model_settings).items()
    span.span_data.model_config = {
        name: value
        for name, value in settings
        if value is not None and not name.startswith("extra_")  # they may hold secrets
    }
    if with_content:
        instructions = request.system_instructions
        system = [] if instructions is None else [{"role": "system", "content": instructions}]
        span.span_data.input = [*system, *request.input]


def _describe_response(
    span: Span[GenerationSpanData], response: ModelResponse, with_content: bool
) -> None:
    if span.disabled:
        return
    usage = response.usage
    span.span_data.usage = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }
    if with_content:
        span.span_data.output = response.to_input_items()
