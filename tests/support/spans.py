"""Seeing what a test's runs are traced as."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agents_lite.tracing import (
    TraceProvider,
    TracingProcessor,
    get_trace_provider,
    set_trace_provider,
)


class Recorder(TracingProcessor):
    """Keeps traces and spans in the order of their beginnings, and knows which have ended."""

    def __init__(self) -> None:
        self.traces: list[Any] = []
        self.spans: list[Any] = []
        self.open: list[Any] = []

    def on_trace_start(self, trace: Any) -> None:
        self.traces.append(trace)
        self.open.append(trace)

    def on_span_start(self, span: Any) -> None:
        self.spans.append(span)
        self.open.append(span)

    def on_trace_end(self, ended: Any) -> None:
        self.open.remove(ended)

    on_span_end = on_trace_end

    def shutdown(self) -> None:
        pass

    def force_flush(self) -> None:
        pass

    @property
    def names(self) -> list[str]:
        """The kind of each span, with the name of what it is about where it has one."""
        return [
            " ".join([span.span_data.type, getattr(span.span_data, "name", "")]).strip()
            for span in self.spans
        ]

    def parent_of(self, name: str) -> str:
        """The span above the first one so named, or "trace"."""
        span = self.spans[self.names.index(name)]
        ids = [each.span_id for each in self.spans]
        return self.names[ids.index(span.parent_id)] if span.parent_id else "trace"


@contextmanager
def recorded_spans() -> Iterator[Recorder]:
    """Have all traces recorded, and sent nowhere."""
    earlier, provider, recorder = get_trace_provider(), TraceProvider(), Recorder()
    provider.set_processors([recorder])
    set_trace_provider(provider)
    try:
        yield recorder
    finally:
        set_trace_provider(earlier)
