"""Each platform's example in docs/tracing.md, run with the platform's own package on loopback."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DOCS = Path(__file__).parents[2] / "docs" / "tracing.md"

TRACED_WORK = """
from agents_lite.tracing import agent_span, flush_traces, function_span, generation_span, trace

with trace("Flow"), agent_span("Helper"):
    usage = {"input_tokens": 11, "output_tokens": 7}
    with generation_span([{"role": "user", "content": "1+2?"}], [], "gpt-4o", usage=usage):
        pass
    with function_span("add", '{"a": 1, "b": 2}', "3"):
        pass
flush_traces()
"""


def example(heading):
    """The Python block under a heading of the documentation."""
    section = DOCS.read_text().split(f"# {heading}\n", 1)[1]
    return re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]


def run(program, package, environment):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    ran = subprocess.run(  # logfire sends nothing while it sees pytest's variables
        [sys.executable, "-c", program + TRACED_WORK],
        env={**surroundings, "PYTHONPATH": str(DOCS.parents[1]), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr


def received(collector, path):
    """The spans that were posted to a path, by name."""
    return {
        span.name: span
        for request_path, _, body in collector.requests
        if request_path == path
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def check_received(collector, path, authorization):
    """The spans of the traced work have arrived, nested and complete, with this header."""
    assert authorization in [
        headers["Authorization"] for sent_to, headers, _ in collector.requests if sent_to == path
    ]
    spans = received(collector, path)
    names = ("invoke_workflow Flow", "invoke_agent Helper", "chat gpt-4o", "execute_tool add")
    root, agent, chat, tool = (spans[name] for name in names)
    assert agent.parent_span_id == root.span_id
    assert chat.parent_span_id == tool.parent_span_id == agent.span_id
    told = {attribute.key: attribute.value for attribute in [*chat.attributes, *tool.attributes]}
    assert told["gen_ai.usage.input_tokens"].int_value == 11
    assert told["gen_ai.tool.call.result"].string_value == "3"


def test_opentelemetry(collector):
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20key",
    }
    run(example("OpenTelemetry"), "opentelemetry", environment)
    check_received(collector, "/v1/traces", "Bearer key")


@pytest.fixture
def logfire_environment(collector, tmp_path):
    project = {"project_name": "test", "project_url": collector.url}
    collector.answers["/v1/info"] = json.dumps(project).encode()
    return {
        "LOGFIRE_TOKEN": "key",
        "LOGFIRE_BASE_URL": collector.url,
        "LOGFIRE_CREDENTIALS_DIR": str(tmp_path),
    }


def test_logfire(collector, logfire_environment):
    run(example("Pydantic Logfire"), "logfire", logfire_environment)
    check_received(collector, "/v1/traces", "key")


def test_logfire_span_around_a_trace_is_its_parent(collector, logfire_environment):
    around = "request = logfire.span('request')\nrequest.__enter__()\n"
    run(example("Pydantic Logfire") + around, "logfire", logfire_environment)
    assert received(collector, "/v1/traces")["invoke_workflow Flow"].parent_span_id


def test_braintrust(collector):
    environment = {
        "BRAINTRUST_API_KEY": "key",
        "BRAINTRUST_API_URL": collector.url,
        "BRAINTRUST_PARENT": "project_name:test",
    }
    run(example("Braintrust"), "braintrust", environment)
    check_received(collector, "/otel/v1/traces", "Bearer key")
    assert "project_name:test" in [headers["x-bt-parent"] for _, headers, _ in collector.requests]


@pytest.fixture
def agentops_environment(collector):
    account = {"token": "jwt", "project_id": "p", "project_prem_status": "pro"}
    collector.answers["/v3/auth/token"] = json.dumps(account).encode()
    collector.headers["Content-Type"] = "application/json"
    return {
        "AGENTOPS_API_KEY": "00000000-0000-4000-8000-000000000000",
        "AGENTOPS_API_ENDPOINT": collector.url,
        "AGENTOPS_APP_URL": collector.url,
        "AGENTOPS_EXPORTER_ENDPOINT": collector.url + "/v1/traces",
    }


def test_agentops(collector, agentops_environment):
    logged_in = "while not agentops.get_client().get_current_jwt():\n    pass\n"
    run(example("AgentOps") + logged_in, "agentops", agentops_environment)  # logs in on a thread
    check_received(collector, "/v1/traces", "Bearer jwt")


def test_processor_that_agentops_ships_for_the_openai_sdk_works_as_it_is(collector):
    program = f"""
from agentops.instrumentation.agentic.openai_agents.exporter import OpenAIAgentsExporter
from agentops.instrumentation.agentic.openai_agents.processor import OpenAIAgentsProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from agents_lite.tracing import add_trace_processor

provider = TracerProvider()
exporter = OTLPSpanExporter(endpoint={collector.url + "/v1/traces"!r})
provider.add_span_processor(SimpleSpanProcessor(exporter))
add_trace_processor(OpenAIAgentsProcessor(OpenAIAgentsExporter(provider)))
"""
    run(program, "openai", {})
    spans = received(collector, "/v1/traces")
    assert spans["Helper"].parent_span_id == spans["Flow"].span_id
    told = {attribute.key: attribute.value.string_value for attribute in spans["add"].attributes}
    assert (told["tool.name"], told["tool.result"]) == ("add", "3")


def test_keywords_ai(collector):
    environment = {"KEYWORDSAI_API_KEY": "key", "KEYWORDSAI_BASE_URL": collector.url + "/api"}
    run(example("Keywords AI"), "keywordsai_tracing", environment)
    check_received(collector, "/api/v1/traces", "Bearer key")


def test_scorecard(collector):
    """With the exporter of Scorecard's package, which the OTLP settings of the example replace."""
    program = example("OpenTelemetry").replace(
        "OTLPSpanExporter()", f"ScorecardExporter({collector.url + '/otel/v1/traces'!r}, headers)"
    )
    own = (
        "from scorecard_ai.lib._wrap_llms_otel import ScorecardExporter\n"
        "headers = {'Authorization': 'Bearer key'}\n"
    )
    run(own + program, "scorecard_ai", {})
    check_received(collector, "/otel/v1/traces", "Bearer key")
