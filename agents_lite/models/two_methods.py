"""Models of two methods, as the OpenAI Agents SDK asks for: `get_response`, `stream_response`."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..items import ModelResponse
from ..response_types import ResponseCompletedEvent, ResponseStreamEvent, as_json, as_stream_event
from ..tracing import get_current_span
from .interface import ModelTracing

if TYPE_CHECKING:
    from .interface import ModelRequest


async def events_of(model: Any, request: ModelRequest) -> AsyncIterator[ResponseStreamEvent]:
    """The model's answer to a request: its own events, or the one that a whole answer makes."""
    if request.stream and hasattr(model, "stream_response"):
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
        raise UserError(f"{name}.get_response must return a ModelResponse, got {answer!r}")
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
