"""Which of a server's tools an agent gets to see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from typing_extensions import TypedDict

from ..checks import check_takes
from ..exceptions import UserError
from ..run_context import RunContextWrapper
from ..shown import repr_of
from ..taken_whole import TakenWhole
from .objects import MCPTool

if TYPE_CHECKING:
    from ..agent import Agent


class ToolFilterStatic(TypedDict, total=False):
    """A filter by names."""

    allowed_tool_names: list[str]
    """Only these; all, where it is missing."""
    blocked_tool_names: list[str]
    """None of these."""


@dataclass
class ToolFilterContext(TakenWhole):
    """What a filter function is given, beside the tool."""

    run_context: RunContextWrapper[Any] | None
    """The run's context, or None outside a run."""
    agent: Agent[Any] | None
    """The agent at work, or None outside a run."""
    server_name: str
    """The server that has the tool."""


ToolFilterFunction: TypeAlias = Callable[[ToolFilterContext, MCPTool], bool | Awaitable[bool]]
"""Says whether the agent gets to see the tool; `def` or `async def`."""
ToolFilter: TypeAlias = ToolFilterFunction | ToolFilterStatic | None
"""None lets all tools pass."""


def create_static_tool_filter(
    allowed_tool_names: list[str] | None = None, blocked_tool_names: list[str] | None = None
) -> ToolFilterStatic | None:
    """A filter by names.

    Args:
        allowed_tool_names: Only these; None: all.
        blocked_tool_names: None of these; None: none is blocked.

    Returns:
        The filter, or None where nothing is filtered.
    """
    names = ToolFilterStatic()
    if allowed_tool_names is not None:
        names["allowed_tool_names"] = allowed_tool_names
    if blocked_tool_names is not None:
        names["blocked_tool_names"] = blocked_tool_names
    return names or None


def check_filter(tool_filter: Any) -> None:
    """Raise UserError for what is no filter."""
    if tool_filter is None:
        return
    if callable(tool_filter):
        return check_takes(tool_filter, "tool_filter", "a ToolFilterContext", "a tool")
    known = {"allowed_tool_names", "blocked_tool_names"}
    if not isinstance(tool_filter, dict) or not set(tool_filter) <= known:
        raise UserError(
            "tool_filter must be create_static_tool_filter(...), or a function of a "
            f"ToolFilterContext and a tool, got {repr_of(tool_filter)}"
        )
    for name, names in tool_filter.items():
        if isinstance(names, str) or not isinstance(names, Collection):
            raise UserError(
                f"{name} of a tool_filter must be a list of names, got {repr_of(names)}"
            )


def passes(
    tool: MCPTool, tool_filter: ToolFilter, context: ToolFilterContext, call: Callable[..., Any]
) -> bool:
    """Whether a filter lets a tool pass; `call` calls a function of the user."""
    if tool_filter is None:
        return True
    if callable(tool_filter):
        return bool(call(tool_filter, context, tool))
    allowed = tool_filter.get("allowed_tool_names")
    is_allowed = allowed is None or tool.name in allowed
    return is_allowed and tool.name not in tool_filter.get("blocked_tool_names", ())
