"""The list of conversations, as the page's script is given it."""

from __future__ import annotations

import time
from typing import Any, cast

from ..exceptions import UserError
from ..tracing.sqlite_store import StoredConversation, TracePreview, TraceStore
from ..tracing.trace_filter import TraceFilter
from .costs import cost_of_spans
from .page import trace_json

Json = dict[str, Any]

_STATES = ("ok", "failed", "unfinished")


class WrongQuery(UserError):
    """A query asks for what there cannot be."""


def listing_json(store: TraceStore, query: dict[str, str]) -> Json:
    """Conversations, and what they can be filtered by.

    Args:
        store: Where they are.
        query: `limit`, `status`, `workflow`, `agent`, `hours` (how long ago a trace may have
            started), `words`; none of them need be there.

    Raises:
        WrongQuery: The query is none.
        UserError: The store cannot be read.
    """
    found = store.list_conversations(_filter_of(query), query_number(query.get("limit") or "50"))
    workflows, agents = store.list_names()
    return {
        "conversations": [_conversation_json(each) for each in found],
        "workflows": workflows,
        "agents": agents,
    }


def _filter_of(query: dict[str, str]) -> TraceFilter:
    status = query.get("status") or None
    if status is not None and status not in _STATES:
        raise WrongQuery(f"status is one of {', '.join(_STATES)}")
    hours = query.get("hours")
    since_ns = time.time_ns() - query_number(hours) * 3600 * 10**9 if hours else None
    return TraceFilter(
        status=cast(Any, status),
        workflow=query.get("workflow") or None,
        agent=query.get("agent") or None,
        since_ns=None if since_ns is None else max(since_ns, 0),
        words=query.get("words", ""),
    )


def query_number(text: str) -> int:
    """A number in a query; more than there can be is as good as that.

    Raises:
        WrongQuery: It is no number.
    """
    if not (text.isascii() and text.isdecimal()):
        raise WrongQuery(f"{text!r} is no number")
    return min(int(text[:10]), 10**9)


def _conversation_json(conversation: StoredConversation) -> Json:
    return {
        "name": conversation.name,
        "trace_count": conversation.trace_count,
        "traces": [_preview_json(preview) for preview in conversation.previews],
    }


def _preview_json(preview: TracePreview) -> Json:
    usages = [span.span_data["usage"] for span in preview.calls]
    counted = [usage for usage in usages if isinstance(usage, dict)]
    return {
        **trace_json(preview.trace),
        "question": preview.question,
        "answer": preview.answer,
        "usage": {
            name: sum(_count(usage.get(name)) for usage in counted)
            for name in ("input_tokens", "output_tokens")
        }
        if counted
        else None,
        "cost": cost_of_spans(preview.calls),
    }


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
