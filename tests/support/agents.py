"""Agents whose models follow a script."""

from __future__ import annotations

from typing import Any

from agents_lite import Agent, function_tool
from agents_lite.testing import ScriptedModel


def agent_with(script: Any, *, delay: float = 0, **fields: Any) -> Agent[Any]:
    """Agent A.

    Args:
        script: What its model says, as `ScriptedModel` takes it.
        delay: Seconds before each answer.
        fields: What else the agent is made of.
    """
    return Agent(name="A", **{"model": ScriptedModel(script, delay=delay), **fields})


@function_tool
def add(a: int, b: int) -> int:
    return a + b


def calculator_with(script: Any, **fields: Any) -> Agent[Any]:
    """Agent A, which has the tool `add`."""
    return agent_with(script, **{"tools": [add], **fields})


def agent_with_tool(script: Any, **fields: Any) -> Agent[Any]:
    """Agent A, which has the tool `f`: it takes nothing and gives 1."""
    tool = function_tool(lambda: 1, name_override="f")
    return agent_with(script, **{"tools": [tool], **fields})
