"""The programs of two documents written for other packages run with only the import changed."""

from __future__ import annotations

import ast
import asyncio
import builtins
import dataclasses
import inspect
import json
import logging
import re
import types
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import agents_lite
from agents_lite.testing import ResponsesServer, call, handoff_to, turn
from tests.support.spans import recorded_spans

SPEC = Path(__file__).parents[3] / "shared" / "spec"
TOPICS = "000_ee6f3f30662260ea.txt"
GUIDE = "003_540258097cd9ca1f.txt"

missing = not all((SPEC / name).exists() for name in (TOPICS, GUIDE))
pytestmark = pytest.mark.skipif(missing, reason="the documents are not beside this checkout")


def blocks_of_topics() -> list[str]:
    """The Python blocks of the Markdown document."""
    return re.findall(r"```python\n(.*?)```", read(TOPICS), re.DOTALL)


def blocks_of_guide() -> list[str]:
    """The values of "code" in the JSON document, which breaks off in the middle of its last one."""
    literals = re.findall(r'"code": "((?:[^"\\]|\\.)*)"', read(GUIDE))
    return [json.loads(f'"{literal}"') for literal in literals]


def read(name: str) -> str:
    return (SPEC / name).read_text(encoding="utf-8")


@dataclasses.dataclass
class UserContext:
    name: str = "Ada"


class Purchase:
    pass


def given_names() -> dict[str, Any]:
    """What the documents' blocks use and leave to the reader to define."""
    agents = {name: agents_lite.Agent(name=name) for name in ("agent", "agent1", "agent2")}
    return {
        **{name: getattr(agents_lite, name) for name in agents_lite.__all__},
        **agents,
        "trace": agents_lite.trace,
        "asyncio": asyncio,
        "dataclass": dataclasses.dataclass,
        "datetime": datetime,
        "Any": Any,
        "Purchase": Purchase,
        "UserContext": UserContext,
        "support_agent": agents["agent"],
        "user_input": "hello",
        "thread_id": "thread_1",
        "my_context": None,
        "my_session": agents_lite.SQLiteSession("s"),
    }


def execute(code: str, names: dict[str, Any]) -> None:
    """Run a block, `await` outside functions too, and then its `main()`, if nothing else does."""
    code = re.sub(r"\b(from|import) agents\b", r"\1 agents_lite", code)
    compiled = compile(code, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names.setdefault("__builtins__", builtins)  # where newer Pythons look for them
    block = types.FunctionType(compiled, names)
    if not inspect.iscoroutinefunction(block):
        block()
    if "asyncio.run(" not in code:
        asyncio.run(finish(block, code, names))


async def finish(block: Any, code: str, names: dict[str, Any]) -> None:
    if inspect.iscoroutinefunction(block):
        await block()
    if "async def main(" in code:
        await names["main"]()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ResponsesServer]:
    """A stand-in that the programs take for the real API."""
    with ResponsesServer() as running:
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        monkeypatch.setenv("OPENAI_BASE_URL", running.base_url)
        yield running


@pytest.fixture(autouse=True)
def traces() -> Iterator[Any]:
    with recorded_spans() as spans:
        yield spans


@pytest.fixture(autouse=True)
def untouched_loggers() -> Iterator[None]:
    """Blocks configure logging; take it back."""
    root, handlers = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def topics_up_to(number: int, names: dict[str, Any]) -> None:
    """Run the blocks of the first document up to one: later ones use what earlier ones define."""
    for code in blocks_of_topics()[: number + 1]:
        execute(code, names)


def block_with(words: str) -> int:
    """The number of the first document's block that contains those words."""
    (number,) = [n for n, code in enumerate(blocks_of_topics()) if words in code]
    return number


def test_every_block_of_the_first_document_runs(server: ResponsesServer) -> None:
    names = given_names()
    blocks = blocks_of_topics()
    assert len(blocks) == 22
    for code in blocks:
        execute(code, names)
    assert server.requests


@pytest.mark.parametrize("number", range(0 if missing else len(blocks_of_guide())))
def test_a_block_of_the_second_document_runs(number: int, server: ResponsesServer) -> None:
    code = blocks_of_guide()[number]
    execute(code, given_names())
    assert bool(server.requests) == ("Runner.run" in code)


def test_the_last_block_of_the_second_document_runs_when_it_is_completed(
    server: ResponsesServer, capsys: pytest.CaptureFixture[str]
) -> None:
    literal = re.findall(r'"code": "((?:[^"\\]|\\.)*)$', read(GUIDE).rstrip())[-1]
    ending = ", input='Fetch the user age', context=user_info)\n    print(result.final_output)\n"
    execute(json.loads(f'"{literal}"') + ending, given_names())
    assert "User John is 47 years old" in capsys.readouterr().out
    assert "123" not in str(server.requests[0].body)  # the context stays here


# What the documents say of what they show


USAGE = {"input_tokens": 400, "output_tokens": 100, "total_tokens": 500}


@pytest.fixture
def hooked(server: ResponsesServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Names of the first document with an agent that uses a tool and one that it hands over to."""
    lookup = agents_lite.function_tool(lambda city: f"{city}: sunny", name_override="lookup")
    script = [
        turn(call("lookup", city="Rome"), usage=USAGE),
        turn(handoff_to("Expert"), usage=USAGE),
        turn("It is sunny.", usage=USAGE),
    ]
    with ResponsesServer(script) as scripted:
        names = given_names()
        topics_up_to(block_with("class CostTrackingHook") - 4, names)
        monkeypatch.setenv("OPENAI_BASE_URL", scripted.base_url)
        expert = agents_lite.Agent(name="Expert")
        names["agent"] = agents_lite.Agent(name="First", tools=[lookup], handoffs=[expert])
        yield names


def test_the_first_hooks_tell_what_happens(
    hooked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    execute(blocks_of_topics()[block_with("class MyHooks")], hooked)
    told = [re.sub(r"^[^A-Za-z]+", "", line) for line in capsys.readouterr().out.splitlines()]
    assert told[:2] == [
        "Agent 'First' starting with input: Process this request",
        "Calling tool 'lookup' with args: {'city': 'Rome'}",
    ]
    assert told[2] == "Tool 'lookup' returned: Rome: sunny"
    assert told[3].startswith("Handoff: First")
    assert told[4].startswith("Agent 'Expert' starting with input: [")
    assert told[5:] == [
        "Agent 'Expert' completed",
        "Requests: 3",
        "Total tokens: 1500",
        "Prompt tokens: 1200",
        "Completion tokens: 300",
    ]


def test_the_logging_hook_logs(hooked: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    execute(blocks_of_topics()[block_with("class LoggingHook")], hooked)
    logged = [record.getMessage() for record in caplog.records if record.name == "agents"]
    assert logged == ["Agent First started", "Agent Expert started", "Agent Expert completed"]
    (completed,) = [each for each in caplog.records if "completed" in each.getMessage()]
    assert vars(completed)["usage"]["total_tokens"] == 1500


def test_the_performance_hook_measures(
    hooked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    execute(blocks_of_topics()[block_with("class PerformanceHook")], hooked)
    report = capsys.readouterr().out
    assert re.search(r"^  Expert: \d\.\d{3}s$", report, re.MULTILINE)
    assert re.search(r"^  lookup: 1 calls, avg \d\.\d{3}s$", report, re.MULTILINE)


def test_the_cost_hook_adds_up(hooked: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    execute(blocks_of_topics()[block_with("class CostTrackingHook")], hooked)
    cost = (1200 * 2.5 + 300 * 10) / 1e6
    assert f"Total cost: ${cost:.4f}" in capsys.readouterr().out


def test_the_usage_of_a_result_is_printed(
    hooked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    execute(blocks_of_topics()[block_with("# Usage available in result")], hooked)
    assert capsys.readouterr().out.splitlines() == [
        "Requests: 3",
        "Total tokens: 1500",
        "Prompt tokens: 1200",
        "Completion tokens: 300",
    ]


def test_the_monitoring_hook_warns_of_slow_answers(
    hooked: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    execute(blocks_of_topics()[block_with("class MonitoringHook")], hooked)
    caplog.set_level(logging.INFO)
    hooks = hooked["MonitoringHook"](alert_threshold_seconds=0)
    agents_lite.Runner.run_sync(hooked["agent"], "x", hooks=hooks)
    completed, warning = [each for each in caplog.records if each.name == "agent_monitoring"]
    assert (completed.getMessage(), vars(completed)["tokens"]) == ("Agent completed", 1500)
    assert warning.getMessage().startswith("Slow agent response")


def test_the_tracker_adds_up_over_runs(
    server: ResponsesServer, capsys: pytest.CaptureFixture[str]
) -> None:
    names = given_names()
    execute(blocks_of_topics()[block_with("class CumulativeUsageTracker")], names)
    report = names["tracker"].get_report()
    assert report["total_requests"] == len(server.requests) == 2
    assert set(report["by_agent"]) == {"agent1", "agent2"}
    assert report["total_tokens"] > 0


def test_events_of_a_trace_are_spans_under_it(server: ResponsesServer, traces: Any) -> None:
    names = given_names()
    execute(blocks_of_topics()[block_with("async def traced_workflow")], names)
    asyncio.run(names["traced_workflow"]())
    assert [trace.name for trace in traces.traces] == ["Custom Workflow"]
    customs = [each.removeprefix("custom ") for each in traces.names if each.startswith("custom")]
    assert customs == ["workflow_started", "analysis_complete", "validation", "workflow_complete"]
    assert traces.open == []


def test_a_trace_by_hand_is_joined_by_the_run(server: ResponsesServer, traces: Any) -> None:
    names = given_names()
    execute(blocks_of_topics()[block_with("async def custom_workflow")], names)
    asyncio.run(names["custom_workflow"]())
    (trace,) = traces.traces
    assert (trace.name, trace.trace_id) == ("Data Pipeline", "pipeline_run_456")
    assert "generation" in traces.names
    assert "custom data_processed" in traces.names
    assert traces.open == []


def test_the_support_trace_is_grouped(server: ResponsesServer, traces: Any) -> None:
    names = given_names()
    execute(blocks_of_topics()[block_with("async def process_request")], names)
    exported = traces.traces[0].export()
    assert exported["workflow_name"] == "Customer Support"
    assert exported["group_id"] == "user_user_123"
    assert exported["metadata"]["query_type"] == "support"


def test_the_environment_disables_tracing(
    server: ResponsesServer, traces: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    agents_lite.Runner.run_sync(agents_lite.Agent(name="A"), "hi")
    assert traces.traces == []


SETTINGS = {
    "# Model configuration": {"temperature": 0.8, "max_output_tokens": 2000},
    "# Agent has default settings": {"temperature": 0.95, "max_output_tokens": 3000},
}


@pytest.mark.parametrize("words", SETTINGS)
def test_settings_of_the_run_are_sent(words: str, server: ResponsesServer) -> None:
    execute(blocks_of_topics()[block_with(words)], given_names())
    body = server.requests[0].body
    assert {name: body[name] for name in SETTINGS[words]} == SETTINGS[words]


def test_the_full_configuration_is_sent(server: ResponsesServer) -> None:
    names = given_names()
    topics_up_to(block_with("async def configured_run"), names)
    answer = asyncio.run(names["configured_run"]("hi"))
    body = server.requests[-1].body
    assert answer
    assert body["metadata"] == {"run_id": "abc123"}
    assert (body["temperature"], body["max_output_tokens"]) == (0.7, 1500)
    assert [item["role"] for item in names["my_session"].get_items()] == ["user", "assistant"]


def verdict(info: str, trips: bool) -> Any:
    return lambda *_: agents_lite.GuardrailFunctionOutput(info, trips)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, {"success": True, "attempts": 1}),
        (
            {"input_guardrails": [agents_lite.InputGuardrail(verdict("no", True))]},
            {"success": False, "error": "input_blocked", "details": "no", "retryable": False},
        ),
        (
            {"output_guardrails": [agents_lite.OutputGuardrail(verdict("no", True))]},
            {"success": False, "error": "output_blocked", "details": "no", "attempts": 3},
        ),
    ],
    ids=["answered", "input", "output"],
)
def test_the_error_handler_tells_errors_apart(
    fields: Any, outcome: dict[str, Any], server: ResponsesServer
) -> None:
    names = given_names()
    execute(blocks_of_topics()[block_with("async def safe_agent_run")], names)
    told = asyncio.run(names["safe_agent_run"](agents_lite.Agent(name="A", **fields), "hi"))
    assert {name: told[name] for name in outcome} == outcome
    if told["success"]:
        assert told["usage"]["requests"] == 1


def test_timeouts_are_handled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    names = given_names()
    execute(blocks_of_topics()[block_with("async def run_with_timeout")], names)
    with ResponsesServer(["late"], delay=60) as slow:
        monkeypatch.setenv("OPENAI_BASE_URL", slow.base_url)
        answer = asyncio.run(names["run_with_timeout"](names["agent"], "x", timeout_seconds=1))
        assert answer == "Request timed out. Please try a simpler query."
        assert slow.requests[0].client_left.wait(60)


def test_a_health_check_is_healthy(server: ResponsesServer) -> None:
    names = given_names()
    execute(blocks_of_topics()[block_with("async def health_check")], names)
    assert asyncio.run(names["health_check"]())["status"] == "healthy"
    assert server.requests[0].body["max_output_tokens"] == 10


def test_a_hundred_queries_are_limited(server: ResponsesServer) -> None:
    names = given_names()
    execute(blocks_of_topics()[block_with("class RateLimitedRunner")], names)
    assert len(names["results"]) == len(server.requests) == 100
    sent = {request.body["input"][0]["content"] for request in server.requests}
    assert sent == {f"Query {number}" for number in range(100)}


def test_a_system_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    names = given_names()
    execute(blocks_of_topics()[block_with("async def resilient_agent_system")], names)
    script: list[Any] = [call("nope")] * 2
    with ResponsesServer(script) as failing:
        monkeypatch.setenv("OPENAI_BASE_URL", failing.base_url)
        with pytest.raises(agents_lite.ModelBehaviorError):  # the first tier takes only timeouts
            asyncio.run(names["resilient_agent_system"]("x"))


def test_a_conversation_goes_on_with_the_input_list(server: ResponsesServer) -> None:
    (code,) = [code for code in blocks_of_guide() if "to_input_list" in code]
    execute(code, given_names())
    roles = [item["role"] for item in server.requests[1].body["input"]]
    assert roles == ["user", "assistant", "user"]


def test_function_tools_are_declared_as_the_guide_says(
    server: ResponsesServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = [code for code in blocks_of_guide() if "fetch_weather" in code]
    execute(code, given_names())
    printed = capsys.readouterr().out
    assert printed.startswith("fetch_weather\nFetch the weather for a given location.\n{")
    assert "\nfetch_data\nRead the contents of a file.\n{" in printed
    assert "The path to the file to read." in printed
    assert "ctx" not in printed


def test_the_orchestrator_uses_agents_as_tools(
    server: ResponsesServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = [code for code in blocks_of_guide() if "orchestrator_agent" in code]
    execute(code, given_names())
    instructions = [request.body["instructions"] for request in server.requests]
    assert "You translate the user's message to Spanish" in instructions
    assert capsys.readouterr().out.strip()


def test_two_runs_share_a_trace(server: ResponsesServer, traces: Any) -> None:
    (code,) = [code for code in blocks_of_guide() if "Joke workflow" in code]
    execute(code, given_names())
    assert [trace.name for trace in traces.traces] == ["Joke workflow"]
    assert traces.names == ["agent Joke generator", "generation"] * 2
