"""A model's events, and the whole answer that they end with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ..concurrency.calling import Callbacks
from ..concurrency.generators import drain
from ..exceptions import APIResponseError, ResponseFailedError, UserError
from ..http.assembly import ResponseSoFar, SettledEvents, reason_of
from ..http.streamed_texts import as_id
from ..items import ModelResponse
from ..response_types import (
    ResponseCompletedEvent,
    ResponseStreamEvent,
    as_json,
    as_object,
    as_stream_event,
)
from ..shown import repr_of
from ..usage import usage_of_request
from .mending import mend_output

if TYPE_CHECKING:
    from .interface import Model, ModelRequest


class ModelEvents:
    """A block with the events of a model, closed in the end; no generator, as each turn has one.

    Args:
        model: The model.
        request: What it is asked.
        callbacks: Calls what it has.
        stream: What is called for its `stream`, maybe an async generator; None: that.

    Raises:
        UserError: It gives no events.
        BaseException: The reason of the request's cancellation.
    """

    def __init__(
        self,
        model: Model,
        request: ModelRequest,
        callbacks: Callbacks,
        stream: Callable[[ModelRequest], Any] | None = None,
    ) -> None:
        self._model = model
        self._request = request
        self._callbacks = callbacks
        self._stream = stream
        self._close: Callable[[], object] | None = None

    def __enter__(self) -> Iterator[ResponseStreamEvent]:
        settings = self._request.model_settings.retry
        if settings is None or self._model.tries_again:
            return self._ask()
        from .retrying import tried_again  # only those who need it pay for it

        return tried_again(self._ask, settings, self._request.cancellation)

    def _ask(self) -> Iterator[ResponseStreamEvent]:
        self._leave()  # the try before
        events = (self._stream or self._model.stream)(self._request)
        if isinstance(events, SettledEvents):
            self._close = events.close
            return events
        scope, callbacks = self._request.cancellation, self._callbacks
        if not isinstance(events, Iterator):
            if isawaitable(events):  # an `async def` that returns the events
                events = callbacks.wait_for(scope, events)
            if isinstance(events, AsyncIterator):
                events = callbacks.iterate(scope, events)
        if not isinstance(events, Iterator):
            name = type(self._model).__name__
            raise UserError(
                f"{name}.stream must be a generator function, it returned {repr_of(events)}"
            )
        self._close = getattr(events, "close", None)
        return _assembled(events)

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        try:
            if error is None or isinstance(error, Exception):
                self._request.cancellation.check()  # one cut short may fail in its own way
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._close is not None:
            self._close()


def drain_model(model: Model, request: ModelRequest) -> ModelResponse:
    """The whole answer of a model, outside a run."""
    return drain(answering(model, request, Callbacks()))


def answering(
    model: Model,
    request: ModelRequest,
    callbacks: Callbacks,
    stream: Callable[[ModelRequest], Any] | None = None,
) -> Generator[ResponseStreamEvent, None, ModelResponse]:
    """A model's events, and the whole answer at their end, outside a run; see `ModelEvents`."""
    last = None
    try:
        with ModelEvents(model, request, callbacks, stream) as events:
            for last in events:
                yield last
    finally:
        callbacks.close()
    return read_response(last, model)


def read_response(last_event: ResponseStreamEvent | None, model: Model) -> ModelResponse:
    """The whole answer of a model, out of the last event of its stream.

    Raises:
        ResponseFailedError: The stream did not end with a completed response.
        APIResponseError: The response has no list of output items.
    """
    event: dict[str, Any] = {} if last_event is None else as_json(last_event)
    response = event.get("response")
    if event.get("type") != "response.completed" or not isinstance(response, dict):
        raise _failure(event, response)
    output = response.get("output")
    if not isinstance(output, list) or not all(isinstance(item, dict) for item in output):
        raise APIResponseError(f"The response has no output items: {response!r}"[:500])
    return ModelResponse(
        output=as_object(mend_output(output)),
        usage=usage_of_request(response, getattr(model, "model", None), model.hostname),
        response_id=as_id(response.get("id")),
        request_id=getattr(last_event, "request_id", None),
    )


def _failure(event: dict[str, Any], response: Any) -> ResponseFailedError:
    """The error for a stream that ended with this event."""
    code, why = reason_of(response if isinstance(response, dict) else event)
    kind = event.get("type") or "no event at all"
    where = "which holds no response" if kind == "response.completed" else "not response.completed"
    return ResponseFailedError(
        f"The model's stream ended with {kind}, {where}{'' if why is None else f': {why}'}",
        response=as_object(response),
        code=code,
    )


def _assembled(events: Iterator[ResponseStreamEvent]) -> Iterator[ResponseStreamEvent]:
    """The events with the last one settled; what follows it is left aside."""
    so_far = ResponseSoFar()
    for event in events:
        if not so_far.is_finished:
            fields = as_json(event)
            if not isinstance(fields, dict):
                shown = repr_of(event)
                raise UserError(f"A model's events are objects, such as dicts, not {shown}")
            taken = so_far.take(fields)
            is_seen = taken is fields and (
                not so_far.is_finished or type(event) is ResponseCompletedEvent
            )
            yield event if is_seen else as_stream_event(taken)
