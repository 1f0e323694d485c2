"""Prompts that are stored at the model's server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired

from typing_extensions import TypedDict

from .run_context import RunContextWrapper
from .taken_whole import TakenWhole

if TYPE_CHECKING:
    from .agent import Agent

__all__ = ["DynamicPromptFunction", "GenerateDynamicPromptData", "Prompt"]


class Prompt(TypedDict):
    """A stored prompt."""

    id: str
    version: NotRequired[str]
    """None given: the current one."""
    variables: NotRequired[dict[str, Any]]
    """What goes into its gaps, by name."""


@dataclass
class GenerateDynamicPromptData(TakenWhole):
    """What a dynamic prompt function is given."""

    context: RunContextWrapper[Any]
    """The run's context."""
    agent: Agent[Any]
    """The agent at work."""


DynamicPromptFunction = Callable[[GenerateDynamicPromptData], Prompt | Awaitable[Prompt]]
"""Gives the prompt of the next model call."""
