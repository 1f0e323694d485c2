"""The viewer's page: one HTML file with everything in it, for one trace or for a live store."""

from __future__ import annotations

from typing import Any

from ..tracing.sqlite_store import StoredSpan, StoredTrace
from .costs import cost_of_span
from .whole_page import whole_page

Json = dict[str, Any]

_SCRIPTS = """
    text trace elements content timeline turns exchange copy compare live runs app
""".split()
"""In this order: each uses what stands before it."""


def trace_page(trace: StoredTrace) -> str:
    """A page that shows one trace and needs no network."""
    return _page(trace_json(trace), connect_src="'none'")


def live_page() -> str:
    """A page that asks the server it came from for its traces."""
    return _page(None, connect_src="'self'")


def trace_json(trace: StoredTrace) -> Json:
    """What the page's script is given of a trace.

    Returns:
        The fields of `StoredTrace`, but its times as `started` (milliseconds since 1970) and
        `ended` (milliseconds after that, or None); those of `StoredSpan` in "spans", with `start`
        and `end` (milliseconds after the trace's start; `end` may be None) and "cost" (US dollars,
        or None where that is not known).
    """
    facts = dict(vars(trace))
    started_ns, ended_ns = facts.pop("started_ns"), facts.pop("ended_ns")
    return {
        **facts,
        "started": started_ns / 1e6,
        "ended": _milliseconds(started_ns, ended_ns),
        "spans": [_span_json(span, started_ns) for span in trace.spans],
    }


def _span_json(span: StoredSpan, origin_ns: int) -> Json:
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "start": _milliseconds(origin_ns, span.started_ns),
        "end": _milliseconds(origin_ns, span.ended_ns),
        "data": span.span_data,
        "error": span.error,
        "cost": cost_of_span(span),
    }


def _milliseconds(origin_ns: int, ns: int | None) -> float | None:
    return None if ns is None else (ns - origin_ns) / 1e6


def _page(source: Json | None, connect_src: str) -> str:
    scripts = [f"{name}.js" for name in _SCRIPTS]
    return whole_page(
        "agents_lite.viewer", "page.html", "viewer.css", scripts, source, connect_src=connect_src
    )
