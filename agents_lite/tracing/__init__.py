"""Tracing: what a run did, as spans inside a trace."""

from typing import TYPE_CHECKING

from .current import get_current_span, get_current_trace
from .export import BackendSpanExporter, ConsoleSpanExporter
from .ids import gen_span_id, gen_trace_id
from .processor_interface import TracingExporter, TracingProcessor
from .processors import BatchTraceProcessor
from .provider import (
    TraceProvider,
    add_trace_processor,
    flush_traces,
    get_trace_provider,
    sensitive_data_by_default,
    set_trace_processors,
    set_trace_provider,
    set_tracing_disabled,
    set_tracing_export_api_key,
)
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
from .spans import (
    Span,
    agent_span,
    custom_span,
    function_span,
    generation_span,
    guardrail_span,
    handoff_span,
    mcp_tools_span,
    response_span,
)
from .traces import Trace, trace

if TYPE_CHECKING:
    from .sqlite_store import SQLiteTraceProcessor, StoredSpan, StoredTrace, TraceStore

__all__ = [
    "AgentSpanData",
    "BackendSpanExporter",
    "BatchTraceProcessor",
    "ConsoleSpanExporter",
    "CustomSpanData",
    "FunctionSpanData",
    "GenerationSpanData",
    "GuardrailSpanData",
    "HandoffSpanData",
    "MCPListToolsSpanData",
    "ResponseSpanData",
    "SQLiteTraceProcessor",
    "Span",
    "SpanData",
    "SpanError",
    "StoredSpan",
    "StoredTrace",
    "Trace",
    "TraceProvider",
    "TraceStore",
    "TracingExporter",
    "TracingProcessor",
    "add_trace_processor",
    "agent_span",
    "custom_span",
    "flush_traces",
    "function_span",
    "gen_span_id",
    "gen_trace_id",
    "generation_span",
    "get_current_span",
    "get_current_trace",
    "get_trace_provider",
    "guardrail_span",
    "handoff_span",
    "mcp_tools_span",
    "response_span",
    "sensitive_data_by_default",
    "set_trace_processors",
    "set_trace_provider",
    "set_tracing_disabled",
    "set_tracing_export_api_key",
    "trace",
]

_OF_STORE = ("SQLiteTraceProcessor", "StoredSpan", "StoredTrace", "TraceStore")


if not TYPE_CHECKING:  # or a misspelt name passes

    def __getattr__(name: str) -> object:
        if name not in _OF_STORE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import sqlite_store  # only those who keep traces here pay for it

        return getattr(sqlite_store, name)
