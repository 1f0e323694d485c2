"""Spans: pieces of work with a beginning and an end, inside a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..exceptions import UserError, words_of
from ..shown import repr_of
from .current import Activity, get_current_activity
from .ids import exported_span_id, exported_trace_id, gen_span_id
from .span_data import (
    AgentSpanData,
    CustomSpanData,
    FunctionSpanData,
    GenerationSpanData,
    GuardrailSpanData,
    HandoffSpanData,
    MCPListToolsSpanData,
    ResponseSpanData,
    SpanData,
    SpanError,
)

if TYPE_CHECKING:
    from .traces import Trace

Data = TypeVar("Data", bound=SpanData)


class Span(Activity, Generic[Data]):
    """A piece of work inside a trace; made by `agent_span`, `function_span` and the like.

    Use it in a `with` block, which also marks it current and records an exception as its error, or
    call `start` and `finish`. A span that is never finished is not exported.
    """

    _on_start, _on_end = "on_span_start", "on_span_end"

    def __init__(
        self,
        span_data: Data,
        span_id: str | None = None,
        parent: Trace | Span[Any] | None = None,
        disabled: bool = False,
    ) -> None:
        """Open a span that is yet to start.

        Args:
            span_data: What the work is about; its attributes may be set until the span ends.
            span_id: An id of the form `span_<24 hex digits>`, or None for a new one.
            parent: What it belongs to; None stands for the current span or trace. Without either
                nothing is recorded.
            disabled: Record nothing, neither this span nor those inside it.

        Raises:
            UserError: The parent or the id is of the wrong kind.
        """
        if parent is None:
            parent = get_current_activity()
        elif not isinstance(parent, Activity):
            raise UserError(
                f"The parent of a span must be a trace or a span, got {repr_of(parent)}"
            )
        if not isinstance(span_id, str | None):
            raise UserError(f"A span_id must be text, got {repr_of(span_id)}")
        self.disabled = disabled or parent is None or parent.disabled
        self.hides_content = parent is not None and parent.hides_content
        self.span_data = span_data
        self.span_id = span_id or ("no-op" if self.disabled else gen_span_id())
        self.trace: Trace | None = None if parent is None else parent.trace
        self.parent_id: str | None = None if parent is None else parent.span_id
        self.error: SpanError | None = None
        """What went wrong, or None when all went well."""

    @property
    def trace_id(self) -> str | None:
        """The id of its trace, or None outside of one."""
        return None if self.trace is None else self.trace.trace_id

    @property
    def trace_metadata(self) -> dict[str, Any] | None:
        """What is kept with its trace, or None."""
        return None if self.trace is None else self.trace.metadata

    def set_error(self, error: SpanError) -> None:
        """Say what went wrong, if anything is recorded."""
        if not self.disabled:
            self.error = error

    def export(self) -> dict[str, Any] | None:
        """The JSON object that the traces endpoint takes, or None when nothing is recorded.

        Values inside `span_data` are referenced as they are, not copied and not made JSON.
        """
        if self.disabled or self.trace is None:
            return None
        return {
            "object": "trace.span",
            "id": exported_span_id(self.span_id),
            "trace_id": exported_trace_id(self.trace.trace_id),
            "parent_id": self.parent_id and exported_span_id(self.parent_id),
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "span_data": self.span_data.export(),
            "error": self.error,
        }

    def __repr__(self) -> str:
        return f"<Span {self.span_data.type} {self.span_id}>"

    def _note_exception(self, error: BaseException) -> None:
        if self.error is None:
            self.set_error(self.describe(error))

    def describe(self, error: BaseException) -> SpanError:
        """An exception as the error of a span; without its text where content is hidden."""
        kind = type(error).__name__
        message = kind if self.hides_content else words_of(error)
        return {"message": message, "data": {"type": kind}}


def agent_span(
    name: str,
    handoffs: list[str] | None = None,
    tools: list[str] | None = None,
    output_type: str | None = None,
    span_id: str | None = None,
    parent: Trace | Span[Any] | None = None,
    disabled: bool = False,
) -> Span[AgentSpanData]:
    """A span for an agent at work; arguments as in `AgentSpanData` and `Span`."""
    return Span(AgentSpanData(name, handoffs, tools, output_type), span_id, parent, disabled)


def generation_span(
    input: Any = None,
    output: Any = None,
    model: str | None = None,
    model_config: dict[str, Any] | None = None,
    usage: dict[str, Any] | None = None,
    span_id: str | None = None,
    parent: Trace | Span[Any] | None = None,
    disabled: bool = False,
) -> Span[GenerationSpanData]:
    """A span for one call of a model; arguments as in `GenerationSpanData` and `Span`."""
    generation = GenerationSpanData(input, output, model, model_config, usage)
    return Span(generation, span_id, parent, disabled)


def response_span(
    response: Any = None,
    span_id: str | None = None,
    parent: Trace | Span[Any] | None = None,
    disabled: bool = False,
) -> Span[ResponseSpanData]:
    """A span for a model call that the server keeps; as in `ResponseSpanData` and `Span`."""
    return Span(ResponseSpanData(response), span_id, parent, disabled)


def function_span(
    name: str,
    input: Any = None,
    output: Any = None,
    span_id: str | None = None,
    parent: Trace | Span[Any] | None = None,
    disabled: bool = False,
) -> Span[FunctionSpanData]:
    """A span for one call of a tool; arguments as in `FunctionSpanData` and `Span`."""
    return Span(FunctionSpanData(name, input, output), span_id, parent, disabled)


def mcp_tools_span(
    server: str,
    result: list[str] | None = None,
    span_id: str | None = None,
    parent: Trace | Span[Any] | None = None,
    disabled: bool = False,
) -> Span[MCPListToolsSpanData]:
    """A span for listing a server's tools; as in `MCPListToolsSpanData` and `Span`."""
    return Span(MCPListToolsSpanData(server, result), span_id, parent, disabled)


def guardrail_span(
    name: str,
    triggered: bool = False,
    span_id: str | None = None,
    parent: Trace | Span[Any] | None = None,
    disabled: bool = False,
) -> Span[GuardrailSpanData]:
    """A span for one check by a guardrail; arguments as in `GuardrailSpanData` and `Span`."""
    return Span(GuardrailSpanData(name, triggered), span_id, parent, disabled)


def handoff_span(
    from_agent: str | None = None,
    to_agent: str | None = None,
    span_id: str | None = None,
    parent: Trace | Span[Any] | None = None,
    disabled: bool = False,
) -> Span[HandoffSpanData]:
    """A span for handing over; arguments as in `HandoffSpanData` and `Span`."""
    return Span(HandoffSpanData(from_agent, to_agent), span_id, parent, disabled)


def custom_span(
    name: str,
    data: dict[str, Any] | None = None,
    span_id: str | None = None,
    parent: Trace | Span[Any] | None = None,
    disabled: bool = False,
) -> Span[CustomSpanData]:
    """A span for anything else; arguments as in `CustomSpanData` and `Span`."""
    return Span(CustomSpanData(name, data), span_id, parent, disabled)
