"""Who listens to traces, and who sends them somewhere: the interfaces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from ..exceptions import UserError
from .warnings import WarnOnce

if TYPE_CHECKING:
    from .spans import Span
    from .traces import Trace

Converted = TypeVar("Converted")


class TracingProcessor(ABC):
    """Hears of every trace and span when it starts and ends, on the thread where that happens.

    Be quick: the run waits. What a processor raises is logged once and does no harm to the run.
    """

    @abstractmethod
    def on_trace_start(self, trace: Trace) -> None:
        """A trace has started."""

    @abstractmethod
    def on_trace_end(self, trace: Trace) -> None:
        """A trace has ended; a span still open may yet end later."""

    @abstractmethod
    def on_span_start(self, span: Span[Any]) -> None:
        """A span has started; its data may still be incomplete."""

    @abstractmethod
    def on_span_end(self, span: Span[Any]) -> None:
        """A span has ended."""

    @abstractmethod
    def shutdown(self) -> None:
        """The program ends: pass on what is pending and stop."""

    @abstractmethod
    def force_flush(self) -> None:
        """Pass on what is pending now, and return when that is done."""


class TracingExporter(ABC):
    """Sends finished traces and spans somewhere; called by `BatchTraceProcessor` on its thread."""

    @abstractmethod
    def export(self, items: list[Trace | Span[Any]]) -> None:
        """Send a batch, in the order in which the spans ended; a trace comes before its spans."""

    def shutdown(self) -> None:  # noqa: B027
        """The program ends: stop waiting between tries. Nothing to do unless overridden."""


def convert_each(
    convert: Callable[[Any], Converted], items: Sequence[Trace | Span[Any]], warn: WarnOnce
) -> Iterator[Converted]:
    """What `convert` makes of each item; one at which it raises is left out, with a warning."""
    for item in items:
        try:
            converted = convert(item)
        except Exception:
            warn("A %s cannot be exported; it is dropped.", type(item).__name__, exc_info=True)
        else:
            yield converted


def refuse_coroutines(listener: object, *methods: str) -> None:
    """Raise UserError for a processor or exporter whose methods would have to be awaited."""
    for method in methods:
        if iscoroutinefunction(getattr(listener, method, None)):
            raise UserError(
                f"{type(listener).__name__}.{method} is an `async def`, and the methods of trace"
                " processors and exporters are called but not awaited: make it a `def`"
            )
