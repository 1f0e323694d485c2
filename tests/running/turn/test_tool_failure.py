"""What is seen of a tool that raises: in the log, and in the span of its call."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from agents_lite import Agent, AgentsException, Computer, ComputerTool, RunConfig, function_tool
from agents_lite.testing import ScriptedModel, call
from tests.support.drivers import every_driver_here, run_sync
from tests.support.spans import recorded_spans


def look_up(order: str) -> str:
    try:
        return {}[order]
    except KeyError as error:
        raise ConnectionError(f"No warehouse has {order}") from error


@function_tool
def stock(order: str) -> str:
    return look_up(order)


@function_tool
async def late_stock(order: str) -> str:
    return look_up(order)


@function_tool(failure_error_function=None)
def strict_stock(order: str) -> str:
    return look_up(order)


class Screenless(Computer):
    environment = "browser"
    dimensions = (8, 8)

    def screenshot(self) -> str:
        raise ConnectionError("No screen A-1")

    click = double_click = scroll = type = wait = move = keypress = drag = screenshot


TOOLS = {
    "def": (stock, call("stock", order="A-1")),
    "async def": (late_stock, call("late_stock", order="A-1")),
    "leaves the run": (strict_stock, call("strict_stock", order="A-1")),
    "computer": (
        ComputerTool(Screenless()),
        {
            "type": "computer_call",
            "id": "c1",
            "call_id": "c1",
            "status": "completed",
            "action": {"type": "screenshot"},
            "pending_safety_checks": [],
        },
    ),
}
every_tool = pytest.mark.parametrize(("tool", "asked"), TOOLS.values(), ids=list(TOOLS))


def failed(run: Any, tool: Any, asked: Any, **options: Any) -> Any:
    """The error of the span of a call that fails."""
    agent = Agent("Clerk", tools=[tool], model=ScriptedModel([asked, "Sorry."]))
    with recorded_spans() as recorder:
        with suppress(AgentsException, ConnectionError):
            run(agent, "Is it there?", run_config=RunConfig(**options))
    (span,) = [each for each in recorder.spans if each.span_data.type == "function"]
    return span.error


@every_driver_here
@every_tool
def test_a_failure_is_logged_with_its_traceback(
    run: Any, tool: Any, asked: Any, caplog: pytest.LogCaptureFixture
) -> None:
    error = failed(run, tool, asked)
    (record,) = [each for each in caplog.records if each.name == "agents_lite"]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith(f"Tool {tool.name} of agent Clerk failed: ConnectionE")
    assert record.exc_info is not None and record.exc_info[2] is not None
    assert "A-1" in record.getMessage()
    assert error["data"]["type"] == "ConnectionError"
    assert error["message"] in error["data"]["traceback"]


@every_tool
def test_the_spans_traceback_begins_at_the_tool_and_tells_of_causes(tool: Any, asked: Any) -> None:
    told = failed(run_sync, tool, asked)["data"]["traceback"]
    assert "agents_lite/" not in told
    assert __file__ in told
    if tool is stock:
        assert told.index("KeyError: 'A-1'") < told.index("ConnectionError: No warehouse has A-1")


@every_tool
def test_what_must_not_be_traced_is_neither_logged_nor_in_the_span(
    tool: Any, asked: Any, caplog: pytest.LogCaptureFixture
) -> None:
    error = failed(run_sync, tool, asked, trace_include_sensitive_data=False)
    traceback = error["data"]["traceback"]
    shown = f"{error} {caplog.text}"
    assert "A-1" not in shown and "warehouse" not in shown and "screen A" not in shown
    assert all(each.exc_info is None for each in caplog.records)
    assert f'File "{__file__}", line' in traceback
    assert traceback in caplog.text
    assert traceback.endswith("ConnectionError")
    assert ("KeyError" in traceback) is (asked.get("name") is not None)


@every_tool
def test_what_must_not_be_logged_is_in_the_span_alone(
    tool: Any, asked: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_AGENTS_DONT_LOG_TOOL_DATA", "1")
    error = failed(run_sync, tool, asked)
    assert "A-1" in error["message"] and "A-1" in error["data"]["traceback"]
    assert "A-1" not in caplog.text and "warehouse" not in caplog.text
    assert all(each.exc_info is None for each in caplog.records)
    assert "failed: ConnectionError" in caplog.text and f'File "{__file__}", line' in caplog.text


def test_arguments_that_are_no_json_are_logged_without_a_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = failed(run_sync, stock, call("stock", "no JSON"))
    (record,) = caplog.records
    assert record.exc_info is None
    assert error["data"] == {"type": "InvalidToolArguments"}


def test_of_a_deep_traceback_the_innermost_frames_are_told() -> None:
    @function_tool
    def dig(depth: int) -> int:
        def deeper(left: int) -> int:
            return deeper(left - 1) if left > 0 else 1 // left

        def other(left: int) -> int:
            return other(left - 1) if left > 0 else deeper(depth)

        return other(depth)

    told = failed(run_sync, dig, call("dig", depth=100))["data"]["traceback"]
    assert told.endswith("ZeroDivisionError: integer division or modulo by zero")
    assert "in other" not in told
    assert len(told) < 5000
    hidden = failed(
        run_sync, dig, call("dig", depth=100), trace_include_sensitive_data=False
    )["data"]["traceback"]
    assert hidden.count("  File ") == 30


def test_causes_that_lead_in_a_circle_are_told_once() -> None:
    @function_tool
    def circle() -> None:
        first, second = ValueError("first"), KeyError("second")
        first.__cause__, second.__cause__ = second, first
        raise first

    asked, hidden = call("circle"), {"trace_include_sensitive_data": False}
    told = failed(run_sync, circle, asked, **hidden)["data"]["traceback"]
    assert [line for line in told.splitlines() if line.endswith("Error")] == [
        "KeyError",
        "ValueError",
    ]


class TimeIsUp(Exception):
    """What a queue raises in the middle of a task that takes too long."""


class Queue:
    def end_task(self, *_: Any) -> None:
        raise TimeIsUp

    __call__ = end_task


def end_task(*_: Any) -> None:
    raise TimeIsUp


@pytest.mark.parametrize("handler", [end_task, Queue().end_task, Queue(), partial(end_task, 1)])
@pytest.mark.parametrize("is_inside", [False, True])
def test_what_a_signal_raises_in_a_tool_ends_the_run(
    handler: Callable[..., None], is_inside: bool
) -> None:
    @function_tool
    def work() -> str:
        signal.raise_signal(signal.SIGTERM)
        return "done"

    agent = Agent("A", model=ScriptedModel([call("work")]), tools=[work])
    if is_inside:
        tool = agent.as_tool("ask_a", "Asks A.")
        agent = Agent("B", model=ScriptedModel([call("ask_a", input="Go")]), tools=[tool])
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(TimeIsUp):
            run_sync(agent, "Go")
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_the_handler_of_a_tool_of_its_own_raises_is_told_to_the_model() -> None:
    @function_tool
    def work() -> str:
        before = signal.signal(signal.SIGTERM, end_task)
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.signal(signal.SIGTERM, before)
        return "done"

    agent = Agent("A", model=ScriptedModel([call("work"), "It failed"]), tools=[work])
    assert run_sync(agent, "Go").final_output == "It failed"
