"""Agents that worker processes find by their names."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator

from pydantic import BaseModel

from agents_lite import Agent, Model, ModelRequest, RunContextWrapper, function_tool
from agents_lite.response_types import ResponseStreamEvent
from agents_lite.testing import ScriptedModel, call


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


class Unloadable(Exception):
    """Pickled, and then not to be had back."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{code} {words}")


def end_oddly(context: RunContextWrapper[object], agent: Agent[object]) -> str:
    """Instructions, in which a run ends as its input says."""
    match context.turn_input[0]["content"]:
        case "exit":
            sys.exit(4)
        case "interrupt":
            raise KeyboardInterrupt
        case "unloadable":
            raise Unloadable(3, "words")
        case "raise a lock":
            raise LookupError(threading.Lock())
    return "Answer."


@function_tool
def lock() -> object:
    """Give what cannot leave its process."""
    return threading.Lock()


class Odd(Model):
    def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
        said = str(request.input[0]["content"])
        answer = call("lock") if said == "lock" and len(request.input) == 1 else said
        yield from ScriptedModel([answer]).stream(request)


odd = Agent(name="Odd", model=Odd(), instructions=end_oddly, tools=[lock])
