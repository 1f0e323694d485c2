"""What a server tells the chat page: server-sent events, as text.

"delta" is a piece of the answer's text, "item" a whole input item, "run" the id of the trace,
"worker" (null): the run goes on, whoever leaves, and cannot be stopped from here. The last one is
"done" with the final output, or null where the visitor has stopped the run; "waiting" with the
calls that wait for a decision; "decided": somebody else has decided about the call; or "error".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..exceptions import (
    APIConnectionError,
    APITimeoutError,
    InputGuardrailTripwireTriggered,
    InternalServerError,
    MaxTurnsExceeded,
    ModelRefusalError,
    OutputGuardrailTripwireTriggered,
    RateLimitError,
    RunTimeout,
    UsageLimitExceeded,
    words_of,
)
from ..items import ToolApprovalItem
from ..result import RunResultStreaming
from ..stream_events import RawResponsesStreamEvent, RunItemStreamEvent, StreamEvent

if TYPE_CHECKING:
    from ..mcp.objects import MCPElicitation

_WORDS: list[tuple[tuple[type[Exception], ...], str]] = [
    (
        (RateLimitError,),
        "Too many questions are being asked right now. Please try again in a minute.",
    ),
    ((RunTimeout, APITimeoutError), "This took too long. Please try again."),
    (
        (APIConnectionError, InternalServerError),
        "No answer can be had at the moment. Please try again in a minute.",
    ),
    (
        (InputGuardrailTripwireTriggered, OutputGuardrailTripwireTriggered, ModelRefusalError),
        "This cannot be answered here.",
    ),
    (
        (MaxTurnsExceeded, UsageLimitExceeded),
        "This led too far to be brought to an end. Please ask for less at a time.",
    ),
]
_OTHER_WORDS = "Something went wrong on our side. Please try again later."


def event_frames(run: RunResultStreaming, known: Sequence[Any] = ()) -> Iterator[str]:
    """The run, driven to its end or to a pause, as events for the page.

    Args:
        run: The run.
        known: Items that the page has already, as `RunState.get_unsaved_items` gives them.
    """
    for event in run.stream_events():
        frame = _frame(event, known)
        if frame is not None:
            yield frame


def waiting_calls(calls: Sequence[ToolApprovalItem]) -> list[dict[str, Any]]:
    """What the page is told of calls that wait for the visitor."""
    return [
        {
            "agent": call.agent.name,
            "call_id": call.call_id,
            "name": call.tool_name,
            "arguments": call.arguments,
            **({} if call.question is None else _question(call.question, call.question_name)),
        }
        for call in calls
    ]


def _question(question: MCPElicitation, name: str) -> dict[str, Any]:
    """What an MCP server asks: its words, a page to be visited, or the fields of a form."""
    from ..mcp.forms import choices, form_fields
    from ..mcp.schemas import required_in

    required = required_in(question.requested_schema)
    fields = [
        {
            "name": each,
            "title": field.get("title") or each,
            "description": field.get("description"),
            "type": field.get("type"),
            "default": field.get("default"),
            "choices": choices(field),
            "required": each in required,
        }
        for each, field in form_fields(question).items()
    ]
    words = f"{question.server_name} asks: {question.message}"
    return {"question": words, "question_name": name, "url": question.url, "fields": fields}


def error_event(error: Exception, *, with_details: bool = False) -> str:
    """The event that ends an answer which failed, in words for visitors.

    Args:
        error: Why it failed; log it, since visitors are not told.
        with_details: Tell them all the same, as the owner may want to be told on a page of their
            own.
    """
    details = f"{type(error).__name__}: {words_of(error)}" if with_details else None
    return sse("error", {"message": visitor_words(error), "details": details})


def visitor_words(error: Exception) -> str:
    """What visitors are told of an error; nothing of machines and addresses."""
    return next((words for kinds, words in _WORDS if isinstance(error, kinds)), _OTHER_WORDS)


def sse(name: str, content: Any) -> str:
    """A server-sent event. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html"""
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


def _frame(event: StreamEvent, known: Sequence[Any]) -> str | None:
    """What the page is told of an event: pieces of text, and whole items that it does not know."""
    if isinstance(event, RunItemStreamEvent) and event.name != "tool_approval_requested":
        item = event.item.to_input_item()
        return None if item in known else sse("item", item)
    if isinstance(event, RawResponsesStreamEvent):
        if event.data.get("type") == "response.output_text.delta":
            return sse("delta", event.data.get("delta"))
    return None
