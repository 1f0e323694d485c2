from __future__ import annotations

import contextvars
import json
import subprocess
import sys
import threading
import time

import pytest
from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from agents_lite import (
    Agent,
    OpenAIChatCompletionsModel,
    ResponsesClient,
    Runner,
    UserError,
)
from agents_lite.extensions.otel import OpenTelemetryProcessor
from agents_lite.tracing import (
    agent_span,
    custom_span,
    flush_traces,
    function_span,
    generation_span,
    guardrail_span,
    handoff_span,
    response_span,
    set_trace_processors,
    trace,
)
from tests.support.traces import collector as collector
from tests.support.traces import provider as provider


@pytest.fixture
def tracer_provider(collector):
    """Exports over OTLP to the collector."""
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=collector.url + "/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    yield provider
    provider.shutdown()


@pytest.fixture
def received(collector, tracer_provider):
    """Flushes; gives the spans that arrived, by name."""
    set_trace_processors([OpenTelemetryProcessor(tracer_provider)])

    def read():
        flush_traces()
        return {span.name: span for span in received_spans(collector)}

    return read


def received_spans(collector):
    for path, _, body in collector.requests:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def attributes(span):
    values = {}
    for attribute in span.attributes:
        kind = attribute.value.WhichOneof("value")
        value = getattr(attribute.value, kind)
        is_list = kind == "array_value"
        values[attribute.key] = [v.string_value for v in value.values] if is_list else value
    return values


def test_parents_ids_and_times_are_those_of_the_trace(received):
    with trace("Flow") as workflow, agent_span("A") as agent:
        with function_span("add") as tool:
            pass
    spans = received()
    root, agent_out, tool_out = (
        spans[name] for name in ("invoke_workflow Flow", "invoke_agent A", "execute_tool add")
    )
    assert root.parent_span_id == b""
    assert agent_out.parent_span_id == root.span_id
    assert tool_out.parent_span_id == agent_out.span_id
    assert {span.trace_id for span in spans.values()} == {root.trace_id}
    for ours, theirs in ((workflow, root), (agent, agent_out), (tool, tool_out)):
        times = (theirs.start_time_unix_nano, theirs.end_time_unix_nano)
        assert times == (ours.started_ns, ours.ended_ns)
    assert attributes(root)["agents_lite.trace_id"] == workflow.trace_id
    assert attributes(tool_out)["agents_lite.span_id"] == tool.span_id


def test_half_a_character_anywhere_costs_no_span(received):
    with trace("Flow \udcff", group_id="g\udcff"), agent_span("A\udcff", tools=["t\udcff"]):
        with pytest.raises(ValueError), function_span("list", output="\udcff.txt"):
            raise ValueError("no file \udcff")
        with generation_span(input=[{"role": "user", "content": "\udcff"}], model="m\udcff"):
            pass
        with custom_span("c\udcff", {"\udcff": "\udcff"}):
            pass
    spans = received()
    names = ["invoke_workflow Flow ?", "invoke_agent A?", "execute_tool list", "chat m?", "c?"]
    assert sorted(spans) == sorted(names)
    assert attributes(spans["invoke_workflow Flow ?"])["gen_ai.conversation.id"] == "g?"
    assert attributes(spans["invoke_agent A?"])["agents_lite.agent.tools"] == ["t?"]
    failed = spans["execute_tool list"]
    assert failed.status.message == "no file ?"
    assert attributes(failed)["gen_ai.tool.call.result"] == "?.txt"


def test_trace_joins_the_active_span_and_leaves_it_active(received, tracer_provider):
    tracer = tracer_provider.get_tracer("app")
    with tracer.start_as_current_span("request") as outer:
        with trace("Flow"), agent_span("A"):
            pass
        assert otel.get_current_span() is outer
    spans = received()
    root = spans["invoke_workflow Flow"]
    assert root.parent_span_id == spans["request"].span_id
    assert root.trace_id == spans["request"].trace_id


def test_spans_of_other_libraries_belong_inside_the_current_span(received, tracer_provider):
    tracer = tracer_provider.get_tracer("app")
    with trace("Flow"), function_span("fetch"):
        with tracer.start_as_current_span("GET /"):
            pass
    spans = received()
    assert spans["GET /"].parent_span_id == spans["execute_tool fetch"].span_id
    assert otel.get_current_span() is otel.INVALID_SPAN


def test_spans_in_a_copied_context_keep_their_parent(received):
    def tool():
        with function_span("t"):
            pass

    with trace("Flow"), agent_span("A"):
        contextvars.copy_context().run(tool)
    spans = received()
    assert spans["execute_tool t"].parent_span_id == spans["invoke_agent A"].span_id


def test_generation_is_a_chat_span_with_model_settings_and_tokens(received):
    usage = {
        "input_tokens": 11,
        "output_tokens": 7,
        "input_tokens_details": {"cached_tokens": 5},
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    with trace("Flow"), generation_span(model_config={"temperature": 0.0}) as span:
        span.span_data.model = "gpt-4o"
        span.span_data.usage = usage
    chat = received()["chat gpt-4o"]
    assert chat.kind == WireSpan.SPAN_KIND_CLIENT
    told = attributes(chat)
    assert told.pop("agents_lite.span_id") == span.span_id
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }


@pytest.mark.parametrize(
    ("hostname", "provider"),
    [
        ("api.deepseek.com", "deepseek"),
        ("my-resource.openai.azure.com", "azure.ai.openai"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", "aws.bedrock"),
        ("vllm.us-east-1.elb.amazonaws.com", "openai"),
        ("api.cohere.ai", "cohere"),
        ("x.ai", "x_ai"),
        ("phoenix.ai", "openai"),
        ("127.0.0.1", "openai"),
    ],
)
def test_the_provider_is_that_of_the_server(received, hostname, provider):
    client = ResponsesClient(base_url=f"https://{hostname}/v1", api_key="sk-test-key")
    model = OpenAIChatCompletionsModel("m", client)
    with pytest.raises(UserError, match="which do not know"):  # before anything is sent
        Runner.run_sync(Agent(name="A", model=model), "Hi", previous_response_id="r1")
    told = attributes(received()["chat m"])
    assert (told["gen_ai.provider.name"], told["server.address"]) == (provider, hostname)


def test_messages_take_the_form_of_the_conventions(received):
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Add 1 and 2"}]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
    ]
    output = [{"type": "message", "role": "assistant", "content": [{"text": "3"}]}]
    with trace("Flow"), generation_span(history, output, model="m"):
        pass
    told = attributes(received()["chat m"])
    call = {"type": "tool_call", "id": "c1", "name": "add", "arguments": '{"a":1}'}
    answer = {"type": "tool_call_response", "id": "c1", "response": "3"}
    assert json.loads(told["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Add 1 and 2"}]},
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}]},
        {"role": "assistant", "parts": [call]},
        {"role": "tool", "parts": [answer]},
    ]
    assert json.loads(told["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "3"}]}
    ]


def test_each_kind_of_span_has_its_name_and_attributes(received):
    with trace("Flow", group_id="g1", metadata={"k": 1}):
        with agent_span("A", handoffs=["B"], tools=["t"], output_type="int"):
            pass
        with function_span("add", '{"a": 1}', "3"):
            pass
        with guardrail_span("check", triggered=True):
            pass
        with handoff_span("A", "B"):
            pass
        with custom_span("step", {"n": 1}):
            pass
        with response_span():
            pass
    told = {name: attributes(span) for name, span in received().items()}
    for values in told.values():
        values.pop("agents_lite.span_id", None)
    told["invoke_workflow Flow"].pop("agents_lite.trace_id")
    assert told == {
        "invoke_workflow Flow": {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": "Flow",
            "gen_ai.conversation.id": "g1",
            "agents_lite.metadata": '{"k":1}',
        },
        "invoke_agent A": {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "openai",
            "gen_ai.agent.name": "A",
            "agents_lite.agent.handoffs": ["B"],
            "agents_lite.agent.tools": ["t"],
            "agents_lite.agent.output_type": "int",
        },
        "execute_tool add": {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "add",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.arguments": '{"a": 1}',
            "gen_ai.tool.call.result": "3",
        },
        "guardrail check": {"agents_lite.guardrail.triggered": True},
        "handoff to B": {
            "agents_lite.handoff.from_agent": "A",
            "agents_lite.handoff.to_agent": "B",
        },
        "step": {"agents_lite.data": '{"n":1}'},
        "chat": {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"},
    }


def test_errors_set_the_status(received):
    with pytest.raises(ValueError), trace("Flow"), function_span("f"):
        raise ValueError("boom")
    span = received()["execute_tool f"]
    assert (span.status.code, span.status.message) == (2, "boom")
    assert attributes(span)["error.type"] == "ValueError"


@pytest.mark.parametrize("by_environment", [True, False])
def test_content_stays_out_where_it_is_not_allowed(
    collector, tracer_provider, monkeypatch, by_environment
):
    if by_environment:
        monkeypatch.setenv("OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA", "0")
        processor = OpenTelemetryProcessor(tracer_provider)
    else:
        processor = OpenTelemetryProcessor(tracer_provider, include_content=False)
    set_trace_processors([processor])
    with pytest.raises(ValueError), trace("Flow"):
        with generation_span("secret", ["secret"], "m"), custom_span("c", {"x": "secret"}):
            pass
        with function_span("f", "secret", "secret"):
            raise ValueError("secret")
    flush_traces()
    assert len(list(received_spans(collector))) == 4
    assert not any(b"secret" in body for _, _, body in collector.requests)


def test_span_that_ends_after_its_trace_is_exported(received):
    with trace("Flow"):
        late = custom_span("late")
        late.start()
    late.finish()
    spans = received()
    assert spans["late"].parent_span_id == spans["invoke_workflow Flow"].span_id


def test_traces_side_by_side_are_two_traces(received):
    first, second = trace("One"), trace("Two")
    first.start(mark_as_current=False)
    second.start(mark_as_current=False)
    custom_span("a", parent=first).start()
    with custom_span("a1", parent=first), custom_span("b1", parent=second):
        pass
    first.finish()
    second.finish()
    spans = received()
    assert spans["a1"].trace_id == spans["invoke_workflow One"].trace_id
    assert spans["b1"].trace_id == spans["invoke_workflow Two"].trace_id
    assert spans["a1"].trace_id != spans["b1"].trace_id


def test_missing_opentelemetry_names_the_extra():
    script = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "try:\n    import agents_lite.extensions.otel\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("UserError")
    assert "agents_lite[otel]" in ran.stdout


def test_span_that_cannot_be_described_ends_and_is_no_longer_active(received):
    with trace("Flow"):
        with generation_span(model="m", usage="no counts"):
            pass
        with custom_span("next"):
            pass
    assert otel.get_current_span() is otel.INVALID_SPAN
    assert set(received()) == {"invoke_workflow Flow", "chat m", "next"}


def test_message_parts_of_any_form_are_told(received):
    reasoning = {"type": "reasoning", "summary": ["plain", {"text": "dict"}]}
    with trace("Flow"), generation_span([reasoning, {"role": "user", "content": ["hi"]}]):
        pass
    messages = json.loads(attributes(received()["chat"])["gen_ai.input.messages"])
    assert [message["parts"] for message in messages] == [
        [{"type": "reasoning", "content": "plain\ndict"}],
        ["hi"],
    ]


class SilentTracerProvider(TracerProvider):
    """Its flush waits for an answer that does not come."""

    def __init__(self):
        super().__init__()
        self.answered = threading.Event()

    def force_flush(self, timeout_millis=30000):
        return self.answered.wait(60)


def test_shutdown_waits_no_longer_than_its_timeout():
    silent = SilentTracerProvider()
    began = time.monotonic()
    OpenTelemetryProcessor(silent, exit_timeout=0.1).shutdown()
    assert time.monotonic() - began < 50
    silent.answered.set()
