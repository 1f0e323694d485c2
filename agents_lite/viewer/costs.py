"""What the model calls in a trace have cost."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import ValidationError

from ..prices import cost_at
from ..tracing.sqlite_store import StoredSpan
from ..usage import RequestUsage


def cost_of_span(span: StoredSpan) -> float | None:
    """US dollars at the time of the call; None: not known, or the span is no call of a model."""
    usage = span.span_data.get("usage")
    if not isinstance(usage, dict) or "model" not in usage:
        return None
    try:
        entry = RequestUsage.model_validate(usage)
    except ValidationError:
        return None  # what others have written
    return cost_at(entry, datetime.fromtimestamp(span.started_ns / 1e9, UTC))


def cost_of_spans(spans: list[StoredSpan]) -> float | None:
    """US dollars for model calls; None: of one of them it is not known, or there is none."""
    costs = [cost_of_span(span) for span in spans]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None
