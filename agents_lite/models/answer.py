"""A model's events, and the whole answer that they end with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ..concurrency.calling import Callbacks
from ..exceptions import APIResponseError, ResponseFailedError, UserError
from ..items import ModelResponse
from ..response_types import ResponsesObject, ResponseStreamEvent, as_json, as_object
from ..usage import usage_of_request
from .mending import mend_output

if TYPE_CHECKING:
    from .interface import Model, ModelRequest


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
    output = as_json(response).get("output")
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        raise APIResponseError(f"The response has no output items: {response!r}"[:500])
    return ModelResponse(
        output=as_object(mend_output(output)),
        usage=usage_of_request(as_json(response.get("usage"))),
        response_id=response.get("id"),
    )


def _why(response: ResponsesObject) -> Any:
    """What a response that is not complete says of the reason, or None."""
    return as_json(response.get("incomplete_details") or response.get("error"))
