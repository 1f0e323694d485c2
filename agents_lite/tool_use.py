"""What functions of an agent are told of its tools, and what they decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from .run_context import RunContextWrapper, TContext
from .taken_whole import TakenWhole
from .tool import FunctionTool

if TYPE_CHECKING:
    from .agent import Agent
    from .items import ToolCallOutputItem
    from .stream_events import StreamEvent

__all__ = [
    "AgentToolStreamEvent",
    "FunctionToolResult",
    "StopAtTools",
    "ToolsToFinalOutputFunction",
    "ToolsToFinalOutputResult",
]


class StopAtTools(TypedDict):
    """Ends the run at a call of one of these tools."""

    stop_at_tool_names: list[str]


@dataclass
class ToolsToFinalOutputResult:
    """What a `tool_use_behavior` function decides."""

    is_final_output: bool
    """True ends the run."""
    final_output: Any = None
    """The final output, when it does."""


@dataclass
class FunctionToolResult(TakenWhole):
    """A function tool's call, as a `tool_use_behavior` function sees it."""

    tool: FunctionTool
    """The tool."""
    output: Any
    """What it returned."""
    run_item: ToolCallOutputItem
    """The item for the output."""


ToolsToFinalOutputFunction = Callable[[RunContextWrapper[TContext], list[FunctionToolResult]], Any]
"""Called with context and results; returns a `ToolsToFinalOutputResult`, or an awaitable of one."""


@dataclass(eq=False)
class AgentToolStreamEvent(Mapping[str, Any], TakenWhole):
    """An event of an agent that runs as a tool; its fields can be read as those of a dict, too."""

    event: StreamEvent
    """The nested run's event."""
    agent: Agent[Any]
    """The agent now at work in it."""
    tool_name: str
    """The tool's name."""
    tool_call: Any = None
    """The outer agent's call, or None outside a run."""

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self))

    def __len__(self) -> int:
        return len(vars(self))
