"""A run as a test: what is copied runs as it stands."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Agent, AgentsException, Runner, function_tool, handoff
from agents_lite.exceptions import UserError
from agents_lite.replay.as_cassette import cassette_of_trace
from agents_lite.replay.as_test import test_of_trace as as_test
from agents_lite.replay.traces import runs_of_trace
from agents_lite.testing import ScriptedModel, call, reasoning
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceProvider,
    TraceStore,
    get_trace_provider,
    set_trace_provider,
    trace,
)
from agents_lite.tracing.sqlite_store import StoredTrace
from agents_lite.viewer.compared import compare_traces
from tests.support.stored_traces import made_up, span
from tests.support.warm import run_warm

HOSTILE = "'''\"\"\"\\\n\r\u2028\ud83d #${}{{}}\x00é"


def run_test(text: str, directory: Path) -> None:
    path = directory / "test_copied.py"
    path.write_text(text, "utf-8")
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = run_warm(command, cwd=directory, env=environment)
    assert done.returncode == 0, text + done.stdout


def traced(path: Path, agent: Agent[Any], *inputs: Any, name: str = "W") -> StoredTrace:
    """The trace of runs of an agent."""
    earlier, provider = get_trace_provider(), TraceProvider()
    provider.set_processors([SQLiteTraceProcessor(path / "traces.db")])
    set_trace_provider(provider)
    try:
        with trace(name) as whole:
            for input in inputs:
                try:
                    Runner.run_sync(agent, input, max_turns=3)
                except AgentsException:
                    pass
    finally:
        provider.shutdown()
        set_trace_provider(earlier)
    found = TraceStore(path / "traces.db").load_trace(whole.trace_id)
    assert found is not None
    return found


@function_tool
def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word} is in the book"


def test_a_run_with_handoffs_tools_and_agents_as_tools_runs_as_a_test(
    sample: StoredTrace, tmp_path: Path
) -> None:
    text = as_test(sample)
    assert "front_desk.handoffs = [refund_agent]" in text
    assert "rules_expert" not in text.replace("ask_rules_expert", "")  # a tool, as any other
    run_test(text, tmp_path)


def test_hostile_text_is_text_in_the_test(tmp_path: Path) -> None:
    name = HOSTILE.replace("\ud83d", "")
    arguments = json.dumps({"word": HOSTILE})
    other = Agent(f"B{name}", model=ScriptedModel([HOSTILE]))
    first = ScriptedModel([[reasoning(HOSTILE), call("look_up", arguments)], [call("go")]])
    agent = Agent(
        f"A{name}",
        instructions=HOSTILE,
        model=first,
        tools=[look_up],
        handoffs=[handoff(other, tool_name_override="go")],
    )
    run_test(as_test(traced(tmp_path, agent, HOSTILE, name=HOSTILE)), tmp_path)


def test_runs_of_one_trace_are_tests_of_their_own(tmp_path: Path) -> None:
    agent = Agent("class", model=ScriptedModel(["One.", [call("look_up", word="x")], "Two."]))
    agent.tools = [look_up]
    text = as_test(traced(tmp_path, agent, "1?", [{"role": "user", "content": "2?"}]))
    assert "def test_run_1()" in text and "def test_run_2()" in text
    run_test(text, tmp_path)


def test_a_run_that_failed_fails_in_the_test_as_well(tmp_path: Path) -> None:
    agent = Agent("A", tools=[look_up], model=ScriptedModel([[call("look_up", word="x")]] * 3))
    text = as_test(traced(tmp_path, agent, "Go"))
    assert "pytest.raises(AgentsException)" in text
    run_test(text, tmp_path)


def test_a_run_that_waits_waits_in_the_test_as_well(tmp_path: Path) -> None:
    @function_tool(needs_approval=True)
    def refund(order: int) -> str:
        """Refund an order."""
        return "refunded"

    asked = ScriptedModel([call("refund", call_id="inner", order=1)])
    inner = Agent("Inner", tools=[refund], model=asked).as_tool("ask", "Ask.")
    calls = [call("look_up", word="y"), call("refund", call_id="outer", order=2)]
    model = ScriptedModel([[call("look_up", word="x")], [*calls, call("ask", input="z")]])
    found = traced(tmp_path, Agent("A", tools=[look_up, refund, inner], model=model), "Go")
    [run] = runs_of_trace(found)
    assert run.waiting == ['refund({"order":2})', 'refund({"order":1})']
    text = as_test(found)
    assert "['outer', " in text and "AgentsException(" not in text
    run_test(text, tmp_path)


def test_a_trace_without_a_run_is_told() -> None:
    with pytest.raises(UserError, match="no model call"):
        as_test(made_up([span("1", {"type": "custom", "name": "x"})]))


ANSWER: dict[str, Any] = {"type": "message", "role": "assistant", "content": "Hi"}
TAKERS = [
    as_test,
    cassette_of_trace,
    runs_of_trace,
    lambda trace: compare_traces(trace, trace),
]


@pytest.mark.parametrize("take", TAKERS, ids=["test", "cassette", "runs", "compared"])
@pytest.mark.parametrize(
    "facts",
    [
        {"input": [{"role": "user", "content": ["Hi", None]}], "output": [ANSWER]},
        {"input": "Hi", "output": [{"type": "message", "content": [5]}]},
        {"input": [], "output": [{"type": "function_call"}]},
        {"input": [], "output": [{"type": "function_call", "name": 5, "call_id": ["x"]}]},
        {"input": [], "output": [ANSWER], "model_config": ["x"]},
        {"input": [], "output": [ANSWER], "model_config": {"tools": [None, "x"]}},
        {"input": [], "output": [ANSWER], "usage": {"input_tokens": "many", "cost": "x"}},
        {"input": [], "output": [{"type": "reasoning", "summary": 5, "id": {}}, {"type": ["x"]}]},
    ],
    ids=str,
)
def test_spans_of_another_form_are_a_user_error_at_most(take: Any, facts: dict[str, Any]) -> None:
    agent = span("1", {"type": "agent", "name": "A"})
    with suppress(UserError):
        take(made_up([agent, span("2", {"type": "generation", **facts}, parent="1")]))


def test_agents_whose_names_are_no_variables_get_free_ones(tmp_path: Path) -> None:
    model = ScriptedModel([call("onward"), "Done."])
    second = Agent("客服", model=model)
    first = Agent("Agent 2", model=model, handoffs=[handoff(second, tool_name_override="onward")])
    text = as_test(traced(tmp_path, first, "Hello"))
    assert "agent_2 = Agent(" in text and "agent_3 = Agent(" in text
    run_test(text, tmp_path)
