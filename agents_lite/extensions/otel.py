"""Traces as OpenTelemetry spans, under the semantic conventions for generative AI.

Needs the extra `otel`. Source of the attribute names:
https://opentelemetry.io/docs/specs/semconv/gen-ai/
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from threading import Thread
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..exceptions import UserError
from ..tracing.current import get_current_activity
from ..tracing.json_text import json_text
from ..tracing.processor_interface import TracingProcessor
from ..tracing.provider import sensitive_data_by_default
from ..tracing.span_data import (
    AgentSpanData,
    CustomSpanData,
    FunctionSpanData,
    GenerationSpanData,
    GuardrailSpanData,
    HandoffSpanData,
    ResponseSpanData,
    SpanData,
    SpanError,
)

try:
    from opentelemetry import context
    from opentelemetry import trace as otel
except ImportError as error:
    raise UserError(
        "OpenTelemetryProcessor needs OpenTelemetry: pip install 'agents_lite[otel]'"
    ) from error

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from ..tracing.current import Activity
    from ..tracing.spans import Span
    from ..tracing.traces import Trace

_PROVIDERS = {
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "bedrock-*.amazonaws.com": "aws.bedrock",
    "bedrock-*.api.aws": "aws.bedrock",
    "cohere.ai": "cohere",
    "cohere.com": "cohere",
    "deepseek.com": "deepseek",
    "groq.com": "groq",
    "mistral.ai": "mistral_ai",
    "perplexity.ai": "perplexity",
    "x.ai": "x_ai",
}
"""The names of the conventions by the ends of hosts; any other is told of as OpenAI's API is."""
_SETTINGS = ("temperature", "top_p", "max_tokens")


class OpenTelemetryProcessor(TracingProcessor):
    """Makes an OpenTelemetry span of each trace and each span, with the same times and parents.

    A trace becomes a child of the OpenTelemetry span that is active when it starts. While a span of
    ours is current, its OpenTelemetry span is active, so that those of other libraries (HTTP,
    databases) belong inside.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        include_content: bool | None = None,
        exit_timeout: float = 5.0,
    ) -> None:
        """Set up; where spans go is up to the tracer provider.

        Args:
            tracer_provider: Makes the OpenTelemetry spans; None for the global one.
            include_content: Whether what was said, tool arguments and outputs, data of custom spans
                and error messages are passed on, as far as the spans hold them; None for what
                `OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA` says (without it: yes).
            exit_timeout: Seconds that `shutdown` waits for pending spans at most.
        """
        self.exit_timeout = exit_timeout
        self._provider = tracer_provider
        self._tracer = otel.get_tracer("agents_lite", tracer_provider=tracer_provider)
        self._include_content = (
            sensitive_data_by_default() if include_content is None else include_content
        )
        self._open: WeakKeyDictionary[Trace, dict[str | None, _OpenSpan]] = WeakKeyDictionary()

    def on_trace_start(self, trace: Trace) -> None:
        """Start the span of the whole workflow, inside the span that is active."""
        attributes = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": trace.name,
            "gen_ai.conversation.id": trace.group_id,
            "agents_lite.trace_id": trace.trace_id,
            "agents_lite.metadata": trace.metadata and json_text(trace.metadata).decode(),
        }
        name = f"invoke_workflow {trace.name}"
        opened = self._start(trace, name, otel.SpanKind.INTERNAL, context.get_current())
        opened.span.set_attributes(_fit(attributes))
        self._open[trace] = {None: opened}

    def on_trace_end(self, trace: Trace) -> None:
        """End the span of the whole workflow."""
        opened = self._open.get(trace, {}).get(None)
        if opened is not None:
            opened.end(trace.ended_ns)

    def on_span_start(self, span: Span[Any]) -> None:
        """Start the span inside its parent."""
        siblings = self._open.get(span.trace) if span.trace is not None else None
        if siblings is None:  # the trace began before this processor listened
            return
        parent = siblings.get(span.parent_id) or siblings[None]
        calls_model = isinstance(span.span_data, GenerationSpanData | ResponseSpanData)
        kind = otel.SpanKind.CLIENT if calls_model else otel.SpanKind.INTERNAL
        name = _span_name(span.span_data)
        siblings[span.span_id] = self._start(span, name, kind, parent.context)

    def on_span_end(self, span: Span[Any]) -> None:
        """Tell what the span's data tell, and end it."""
        siblings = self._open.get(span.trace) if span.trace is not None else None
        opened = siblings.pop(span.span_id, None) if siblings else None
        if opened is None:
            return
        try:
            if opened.span.is_recording():  # not where sampling leaves the trace out
                self._describe(opened.span, span)
        finally:
            opened.end(span.ended_ns)

    def force_flush(self) -> None:
        """Have the tracer provider export what is pending."""
        provider = self._provider or otel.get_tracer_provider()
        if hasattr(provider, "force_flush"):  # only the SDK's provider has it, not the API's
            provider.force_flush()

    def shutdown(self) -> None:
        """Export what is pending, for `exit_timeout` seconds at most.

        The tracer provider goes on, since it belongs to others.
        """
        flushing = Thread(target=self.force_flush, name="agents_lite-otel", daemon=True)
        flushing.start()  # the SDK's own time limit does not hold while an endpoint is silent
        flushing.join(self.exit_timeout)

    def _start(
        self, activity: Activity, name: str, kind: otel.SpanKind, parent: context.Context
    ) -> _OpenSpan:
        span = self._tracer.start_span(_whole(name), parent, kind, start_time=activity.started_ns)
        opened = _OpenSpan(span, otel.set_span_in_context(span, parent))
        if get_current_activity() is activity:
            opened.activate()
        return opened

    def _describe(self, target: otel.Span, span: Span[Any]) -> None:
        attributes = {"agents_lite.span_id": span.span_id, **_attributes(span.span_data)}
        if self._include_content:
            attributes.update(_content(span.span_data))
        target.update_name(_whole(_span_name(span.span_data)))  # the model may be known only now
        target.set_attributes(_fit(attributes))
        if span.error is not None:
            message = span.error.get("message") if self._include_content else None
            target.set_status(otel.StatusCode.ERROR, message and _whole(message))
            target.set_attribute("error.type", _error_type(span.error))


class _OpenSpan:
    """An OpenTelemetry span that has not ended."""

    def __init__(self, span: otel.Span, inside: context.Context) -> None:
        self.span = span
        self.context = inside
        self._surrounding: context.Context | None = None

    def activate(self) -> None:
        self._surrounding = context.get_current()
        context.attach(self.context)

    def end(self, time_ns: int | None) -> None:
        self.span.end(time_ns)
        if self._surrounding is not None and otel.get_current_span() is self.span:
            context.attach(self._surrounding)  # not detach: this may be a copy of the context


def _error_type(error: SpanError) -> str:
    details = error.get("data")
    kind = details.get("type") if isinstance(details, dict) else None
    return str(kind or "_OTHER")


def _span_name(span_data: SpanData) -> str:
    match span_data:
        case AgentSpanData():
            return f"invoke_agent {span_data.name}"
        case FunctionSpanData():
            return f"execute_tool {span_data.name}"
        case GenerationSpanData(model=str() as model):
            return f"chat {model}"
        case GenerationSpanData() | ResponseSpanData():
            return "chat"
        case GuardrailSpanData():
            return f"guardrail {span_data.name}"
        case HandoffSpanData():
            return f"handoff to {span_data.to_agent}" if span_data.to_agent else "handoff"
        case CustomSpanData():
            return span_data.name
    return span_data.type


def _attributes(span_data: SpanData) -> dict[str, Any]:
    """What may be told of a span without telling what was said."""
    match span_data:
        case AgentSpanData():
            return {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": "openai",
                "gen_ai.agent.name": span_data.name,
                "agents_lite.agent.handoffs": span_data.handoffs,
                "agents_lite.agent.tools": span_data.tools,
                "agents_lite.agent.output_type": span_data.output_type,
            }
        case FunctionSpanData():
            return {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": span_data.name,
                "gen_ai.tool.type": "function",
            }
        case GenerationSpanData():
            return _generation_attributes(span_data)
        case ResponseSpanData():
            return {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.response.id": getattr(span_data.response, "id", None),
            }
        case GuardrailSpanData():
            return {"agents_lite.guardrail.triggered": span_data.triggered}
        case HandoffSpanData():
            return {
                "agents_lite.handoff.from_agent": span_data.from_agent,
                "agents_lite.handoff.to_agent": span_data.to_agent,
            }
    return {}


def _generation_attributes(generation: GenerationSpanData) -> dict[str, Any]:
    settings = generation.model_config or {}
    usage = generation.usage or {}
    input_details = usage.get("input_tokens_details") or {}
    output_details = usage.get("output_tokens_details") or {}
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _provider_at(generation.hostname or ""),
        "server.address": generation.hostname,
        "gen_ai.request.model": generation.model,
        "gen_ai.usage.input_tokens": usage.get("input_tokens"),
        "gen_ai.usage.output_tokens": usage.get("output_tokens"),
        "gen_ai.usage.cache_read.input_tokens": input_details.get("cached_tokens"),
        "gen_ai.usage.reasoning.output_tokens": output_details.get("reasoning_tokens"),
        **{f"gen_ai.request.{name}": settings.get(name) for name in _SETTINGS},
    }


def _provider_at(hostname: str) -> str:
    found = (name for end, name in _PROVIDERS.items() if fnmatchcase(f".{hostname}", f"*.{end}"))
    return next(found, "openai")


def _content(span_data: SpanData) -> dict[str, Any]:
    """What was said, as JSON texts."""
    match span_data:
        case FunctionSpanData():
            return {
                "gen_ai.tool.call.arguments": _text(span_data.input),
                "gen_ai.tool.call.result": _text(span_data.output),
            }
        case GenerationSpanData():
            return {
                "gen_ai.input.messages": _messages_text(span_data.input),
                "gen_ai.output.messages": _messages_text(span_data.output),
            }
        case CustomSpanData():
            return {"agents_lite.data": _text(span_data.data)}
    return {}


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(value).decode()


def _messages_text(items: Any) -> str | None:
    if items is None:
        return None
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    return json_text([_message(item) for item in items]).decode()


def _message(item: Any) -> dict[str, Any]:
    """A Responses API item as a message of the conventions: {"role": ..., "parts": [...]}."""
    fields = item.model_dump() if hasattr(item, "model_dump") else item
    if not isinstance(fields, dict):
        return {"role": "user", "parts": [{"type": "text", "content": str(item)}]}
    match fields.get("type"):
        case "function_call":
            call = {"id": fields.get("call_id"), "name": fields.get("name")}
            arguments = fields.get("arguments")
            return _assistant({"type": "tool_call", **call, "arguments": arguments})
        case "function_call_output":
            answer = {"id": fields.get("call_id"), "response": fields.get("output")}
            return {"role": "tool", "parts": [{"type": "tool_call_response", **answer}]}
        case "reasoning":
            summary = "\n".join(map(_summary_text, fields.get("summary") or []))
            return _assistant({"type": "reasoning", "content": summary})
    if "content" not in fields:
        return _assistant(fields)
    content = fields["content"]
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    return {"role": fields.get("role", "user"), "parts": [_part(part) for part in parts]}


def _assistant(part: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "parts": [part]}


def _summary_text(part: Any) -> str:
    return str(part.get("text", "") if isinstance(part, dict) else part)


def _part(part: Any) -> Any:
    if isinstance(part, dict) and "text" in part:
        return {"type": "text", "content": part["text"]}
    return part


def _fit(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes that have a value, in a form that can be sent."""
    return {name: _whole(value) for name, value in attributes.items() if value is not None}


def _whole(value: Any) -> Any:
    """The value, in texts "?" for halves of characters: exporters drop all that comes with one."""
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
