"""Sorting a response: the items it holds, and what is to be done about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...exceptions import ModelBehaviorError
from ...items import (
    CompactionItem,
    HandoffCallItem,
    ItemHelpers,
    MCPApprovalRequestItem,
    MCPListToolsItem,
    MessageOutputItem,
    ModelResponse,
    ReasoningItem,
    RunItem,
    ToolCallItem,
    UnknownItem,
)
from ...response_types import ResponsesObject
from ...tool import ComputerTool, FunctionTool, HostedMCPTool

if TYPE_CHECKING:
    from ...agent import Agent
    from ...handoffs import Handoff
    from ...models.interface import ModelRequest

_ITEM_CLASSES: dict[str, type[RunItem]] = {
    "message": MessageOutputItem,
    "reasoning": ReasoningItem,
    "mcp_list_tools": MCPListToolsItem,
    "mcp_approval_request": MCPApprovalRequestItem,
    "compaction": CompactionItem,
}
_REQUIRED_TEXTS = {
    "function_call": ("call_id", "name"),
    "computer_call": ("call_id",),
    "mcp_approval_request": ("id",),
}
"""What an item must hold for its call to be answered."""


@dataclass
class Plan:
    """What a response holds and asks for, each list in the response's order."""

    items: list[RunItem] = field(default_factory=list)
    """An item for each thing in the response."""
    function_calls: list[tuple[Any, FunctionTool]] = field(default_factory=list)
    """Calls of functions, each with its tool."""
    computer_calls: list[tuple[Any, ComputerTool]] = field(default_factory=list)
    """Calls for actions on a computer."""
    unknown_calls: list[Any] = field(default_factory=list)
    """Calls of functions that the agent does not have."""
    handoffs: list[tuple[Any, Handoff[Any, Any]]] = field(default_factory=list)
    """Handoffs asked for."""
    approval_requests: list[tuple[Any, Callable[..., Any]]] = field(default_factory=list)
    """Questions of MCP servers, each with the tool's function that answers it."""
    used_tool: bool = False
    """Whether a tool of any kind was called."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be done about the response."""
        return not (
            self.function_calls
            or self.computer_calls
            or self.unknown_calls
            or self.handoffs
            or self.approval_requests
        )

    @property
    def last_message(self) -> Any:
        """The response's last message, or None."""
        for item in reversed(self.items):
            if isinstance(item, MessageOutputItem):
                return item.raw_item
        return None

    @property
    def text(self) -> str | None:
        """All text of the last message, or None when there is none."""
        return ItemHelpers.extract_text(self.last_message)


def sort_output(response: ModelResponse, request: ModelRequest, agent: Agent[Any]) -> Plan:
    """Make items of a response's output, and note what each asks for.

    Raises:
        ModelBehaviorError: An item that cannot be understood, or a call that cannot be answered:
            without an id, or for a computer that the agent does not have.
    """
    plan = Plan()
    functions = {tool.name: tool for tool in request.tools if isinstance(tool, FunctionTool)}
    handoffs = {offer.tool_name: offer for offer in request.handoffs}
    for raw in response.output:
        _check_item(raw, agent)
        kind = raw.type
        if kind == "function_call":
            if raw.name in handoffs:
                plan.handoffs.append((raw, handoffs[raw.name]))
                plan.items.append(HandoffCallItem(agent, raw))
                continue
            if raw.name in functions:
                plan.function_calls.append((raw, functions[raw.name]))
            else:
                plan.unknown_calls.append(raw)
        elif kind == "computer_call":
            plan.computer_calls.append((raw, _computer_tool(request, agent)))
        elif kind == "mcp_approval_request":
            plan.approval_requests.extend(_approvers(raw, request))
        plan.items.append(_item_class(kind)(agent, raw))
    plan.used_tool = any(isinstance(item, ToolCallItem) for item in plan.items)
    return plan


def _item_class(kind: str) -> type[RunItem]:
    found = _ITEM_CLASSES.get(kind)
    if found is not None:
        return found
    return ToolCallItem if kind.endswith("_call") else UnknownItem


def _check_item(raw: Any, agent: Agent[Any]) -> None:
    kind = raw.get("type")
    if not isinstance(kind, str):
        raise ModelBehaviorError(f"Agent {agent.name}: the model sent an item of no type: {raw!r}")
    for name in _REQUIRED_TEXTS.get(kind, ()):
        if not raw.get(name) or not isinstance(raw[name], str):
            raise ModelBehaviorError(
                f"Agent {agent.name}: the model sent a {kind} without its {name}: {raw!r}"
            )
    if kind == "message" and not _is_content(raw.get("content")):
        raise ModelBehaviorError(
            f"Agent {agent.name}: the model sent a message without readable content: {raw!r}"
        )


def _is_content(content: Any) -> bool:
    if isinstance(content, list):
        return all(map(_is_part, content))
    return isinstance(content, str)


def _is_part(part: Any) -> bool:
    if not isinstance(part, ResponsesObject):
        return False
    text = part.get("text")
    return isinstance(text, str) or (text is None and part.get("type") != "output_text")


def _computer_tool(request: ModelRequest, agent: Agent[Any]) -> ComputerTool:
    for tool in request.tools:
        if isinstance(tool, ComputerTool):
            return tool
    raise ModelBehaviorError(
        f"Agent {agent.name}: the model asked for a computer, but the agent has no ComputerTool"
    )


def _approvers(raw: Any, request: ModelRequest) -> list[tuple[Any, Callable[..., Any]]]:
    """An approval request with the function that is to answer it; empty when there is none."""
    return [
        (raw, tool.on_approval_request)
        for tool in request.tools
        if isinstance(tool, HostedMCPTool)
        and tool.on_approval_request is not None
        and tool.tool_config.get("server_label") == raw.get("server_label")
    ]
