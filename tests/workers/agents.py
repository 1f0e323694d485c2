"""Agents that worker processes find by their names."""

from __future__ import annotations

import os
import signal

from pydantic import BaseModel

from agents_lite import Agent, function_tool


class Sum(BaseModel):
    total: int


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@function_tool
def process_id() -> str:
    """Name the process that works."""
    return str(os.getpid())


@function_tool
def die() -> None:
    """Die."""
    os.kill(os.getpid(), signal.SIGKILL)


calculator = Agent(name="Calculator", tools=[add])
typed = calculator.clone(output_type=Sum)
mortal = Agent(name="Mortal", tools=[die], handoff_description="Dies.")
worker = Agent(name="Worker", tools=[process_id], tool_use_behavior="stop_on_first_tool")
