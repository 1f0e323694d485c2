"""The command line as its users start it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.warm import run_warm

COMMAND = [sys.executable, "-m", "agents_lite"]

AGENTS = '''
from pydantic import BaseModel

from agents_lite import Agent, AgentHooks, RunContextWrapper, function_tool


class Sum(BaseModel):
    total: int


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


calculator = Agent(name="Calculator", tools=[add], handoff_description="Adds numbers.")
typed = calculator.clone(output_type=Sum)


@function_tool(needs_approval=True)
def refund(order: int) -> str:
    """Refund an order."""
    return f"refunded order {order}"


cashier = Agent(name="Cashier", tools=[refund])


def make_cashier():
    return cashier


@function_tool
def who(ctx: RunContextWrapper[str]) -> str:
    """Tell who asks."""
    return f"{ctx.context} asks"


waiter = Agent(name="Waiter", tools=[who, refund])


def make_context():
    return "Ada"


@function_tool(failure_error_function=None)
def fail(words: str) -> None:
    """Fail with these words."""
    raise ValueError(words)


failing = Agent(name="Failing", tools=[fail])


class Auditor(AgentHooks):
    def on_tool_end(self, context, agent, tool, result):
        raise ValueError("this cannot be")


audited = calculator.clone(hooks=Auditor())
hasty = calculator.clone(tool_use_behavior="stop_on_first_tool")
desk = Agent(name="Desk", handoffs=[calculator])
broken = Agent(name="Broken", instructions=lambda context, agent: 1 / 0)
number = 5
'''

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def agents_file(tmp_path: Path) -> Path:
    """A file of agents, in the directory where the command runs."""
    path = tmp_path / "agents.py"
    path.write_text(AGENTS)
    return path


@pytest.fixture
def run(tmp_path: Path, agents_file: Path) -> Run:
    """Runs `agents-lite` with arguments to its end, and gives what it printed."""

    def start(
        *arguments: str, input: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return run_warm(
            ["-m", "agents_lite", *arguments],
            input=input,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )

    return start
