"""What an answer holds and asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...exceptions import ModelBehaviorError, UserError
from ...handoffs import Handoff, handoff
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
from ...response_types import ResponsesObject, as_json
from ...tool import FunctionTool, HostedTool, LocalTool

if TYPE_CHECKING:
    from ...agent import Agent
    from ...models.interface import ModelRequest
    from ..facts import Answered, Place
    from ..record import Record

_ITEM_CLASSES: dict[str, Callable[[Agent[Any], Any], RunItem]] = {
    "message": MessageOutputItem,
    "reasoning": ReasoningItem,
    "mcp_list_tools": MCPListToolsItem,
    "mcp_approval_request": MCPApprovalRequestItem,
    "compaction": CompactionItem,
}
_REQUIRED_TEXTS = {
    "function_call": ("call_id", "name"),
    "mcp_approval_request": ("id",),
    "computer_call": ("call_id",),
    "shell_call": ("call_id",),
    "local_shell_call": ("call_id",),
    "apply_patch_call": ("call_id",),
    "custom_tool_call": ("call_id", "name"),
}
"""What an item must hold for its call to be answered; the first is what names the call."""
_NAMED = ("function_call", "custom_tool_call")
"""Calls that name their tool; of one that the agent does not have, the model is told so."""

_MISSED = {
    "computer_call": ("a computer", "ComputerTool"),
    "local_shell_call": ("a program to be run", "LocalShellTool"),
    "apply_patch_call": ("a patch", "ApplyPatchTool"),
}
"""Calls that only a local tool can answer, and what their tool is."""


@dataclass(eq=False, repr=False)
class Plan:
    """What an answer holds and asks for, each list in the answer's order."""

    items: list[RunItem]
    """An item for each thing in the answer."""
    message: Any = None
    """The last message, or None."""
    calls: list[tuple[Any, FunctionTool | LocalTool]] = field(default_factory=list)
    """Calls of functions, then those of local tools of other types, each with its tool."""
    unknown_calls: list[Any] = field(default_factory=list)
    """Calls of functions and custom tools that the agent does not have."""
    approval_requests: list[tuple[Any, HostedTool]] = field(default_factory=list)
    """Questions of MCP servers, each with the tool that the server belongs to."""
    handoffs: list[tuple[Any, Handoff[Any, Any]]] = field(default_factory=list)
    """Handoffs asked for."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be done about the answer."""
        return not (self.calls or self.unknown_calls or self.approval_requests or self.handoffs)

    @property
    def text(self) -> str | None:
        """All text of the last message, or None when there is none."""
        return ItemHelpers.extract_text(self.message)


def find_targets(
    response: ModelResponse, request: ModelRequest, agent: Agent[Any]
) -> dict[str, Place]:
    """Where the tools and handoffs that an answer calls stand in the agent, by call id.

    Raises:
        ModelBehaviorError: An item that cannot be understood, or a call that cannot be answered:
            without an id of its own, or for a computer and the like that the agent does not have.
    """
    targets: dict[str, Place] = {}
    seen: set[str] = set()
    for raw in response.output:
        _check_item(raw, agent)
        item = as_json(raw)
        kind = item["type"]
        if kind == "function_call":
            place = _place_of_function(item["name"], request, agent)
        elif kind == "mcp_approval_request":
            place = _place_of_server(item, agent)
        elif kind in _REQUIRED_TEXTS:
            place = _place_of_local_tool(raw, agent)
        else:
            continue
        if place is None and kind not in _NAMED:
            continue
        call_id = item[_REQUIRED_TEXTS[kind][0]]
        if call_id in seen:
            raise ModelBehaviorError(f"Agent {agent.name}: the model used the id {call_id!r} twice")
        seen.add(call_id)
        if place is not None:
            targets[call_id] = place
    return targets


def items_of(answer: Answered, agent: Agent[Any]) -> list[RunItem]:
    """An item for each thing in an answer."""
    targets = answer.targets or {}
    items: list[RunItem] = []
    for raw in answer.response.output:
        item = as_json(raw)
        kind = item["type"]
        if kind == "function_call" and targets.get(item["call_id"], ("",))[0] == "handoffs":
            items.append(HandoffCallItem(agent, raw))
        else:
            items.append(item_class(kind)(agent, raw))
    return items


def ranks_of(answer: Answered) -> dict[str, int]:
    """The order in which the outputs of an answer's calls stand, by call id.

    Those of functions come first, then of other local tools, of tools that do not exist, of
    servers.
    """
    groups: tuple[list[str], ...] = ([], [], [], [])
    targets = answer.targets or {}
    for raw in answer.response.output:
        item = as_json(raw)
        kind = item["type"]
        if kind in _NAMED and item["call_id"] not in targets:
            groups[2].append(item["call_id"])
        elif kind == "function_call":
            groups[0].append(item["call_id"])
        elif kind == "mcp_approval_request":
            groups[3].append(item["id"])
        elif kind in _REQUIRED_TEXTS:
            groups[1].append(item["call_id"])
    in_order = [call_id for group in groups for call_id in group]
    return {call_id: rank for rank, call_id in enumerate(in_order)}


def make_plan(record: Record) -> Plan:
    """What is to be done about the answer of the turn at hand.

    Raises:
        UserError: A tool or handoff that it calls is not there any more, or another is.
    """
    agent, items = record.agent, record.conversation.answer_items
    targets = (record.answer and record.answer.targets) or {}
    plan = Plan(items)
    others: list[tuple[Any, FunctionTool | LocalTool]] = []
    for item in items:
        raw = item.raw_item
        fields = as_json(raw)
        kind = fields["type"]
        if (unknown := plan.unknown_calls) and kind not in ("custom_tool_call", "reasoning"):
            # The server has made those before: xAI tells of its own tools in this way.
            plan.unknown_calls = [call for call in unknown if call.type != "custom_tool_call"]
        if kind == "message":
            plan.message = raw
        elif kind not in _REQUIRED_TEXTS:
            continue
        elif (place := targets.get(fields[_REQUIRED_TEXTS[kind][0]])) is not None:
            target = found_at(place, agent)
            if not _is_meant(raw, target):
                raise UserError(
                    f"Agent {agent.name} has something else at {place[0]}[{place[1]}] than the "
                    f"{raw.get('name') or kind} that the run means"
                )
            if kind == "mcp_approval_request":
                plan.approval_requests.append((raw, target))
            elif kind != "function_call":
                others.append((raw, target))
            elif place[0] == "handoffs":
                plan.handoffs.append((raw, target))
            else:
                plan.calls.append((raw, target))
        elif kind in _NAMED:
            plan.unknown_calls.append(raw)
    plan.calls += others
    return plan


def found_at(place: Place, agent: Agent[Any]) -> Any:
    """The tool or handoff that stands at a place of an agent.

    Raises:
        UserError: Nothing stands there.
    """
    what, index = place[0], place[1]
    offers: Any = getattr(agent, str(what), ())
    if not isinstance(index, int) or index >= len(offers):
        raise UserError(f"Agent {agent.name} has nothing at {what}[{index}] any more")
    if what == "mcp_servers":
        from ...mcp.agent_tools import tool_at

        return tool_at(place, agent)
    return as_handoff(offers[index]) if what == "handoffs" else offers[index]


def _is_meant(raw: Any, target: Any) -> bool:
    """Whether it is that tool or handoff which a call means."""
    call = as_json(raw)
    if isinstance(target, LocalTool):
        return call["type"] == target.call_type and target.is_meant(raw)
    if call["type"] == "mcp_approval_request":
        return _is_server(target, call)
    name = target.tool_name if isinstance(target, Handoff) else getattr(target, "name", None)
    return bool(name == call["name"])


def as_handoff(target: Agent[Any] | Handoff[Any, Any]) -> Handoff[Any, Any]:
    """An agent among the handoffs, as the handoff that it stands for."""
    return target if isinstance(target, Handoff) else handoff(target)


def _place_of_function(name: str, request: ModelRequest, agent: Agent[Any]) -> Place | None:
    for offer in request.handoffs:
        if offer.tool_name == name:
            for index, declared in enumerate(agent.handoffs):
                if declared is offer or declared is offer.agent:
                    return "handoffs", index
    for tool in request.tools:
        if isinstance(tool, FunctionTool) and tool.name == name:
            return _place_of_tool(tool, agent)
    return None


def _place_of_local_tool(raw: Any, agent: Agent[Any]) -> Place | None:
    """Where the tool is that such a call means.

    None where the agent has none of that name, or where the call is the server's affair.

    Raises:
        ModelBehaviorError: The agent has no such tool, and the model cannot be told.
    """
    for tool in agent.tools:
        if isinstance(tool, LocalTool) and _is_meant(raw, tool):
            return _place_of_tool(tool, agent)
    if raw.type in _MISSED:
        what, missed = _MISSED[raw.type]
        raise ModelBehaviorError(
            f"Agent {agent.name}: the model asked for {what}, but the agent has no {missed}"
        )
    return None


def _place_of_server(item: dict[str, Any], agent: Agent[Any]) -> Place | None:
    """Where the server is that asks, and which of its tools it asks about."""
    for tool in agent.tools:
        if _is_server(tool, item):
            return (*_place_of_tool(tool, agent), str(item.get("name")))
    return None


def _is_server(tool: Any, item: Mapping[str, Any]) -> bool:
    """Whether it stands for the MCP server that an item names."""
    label = tool.server_label if isinstance(tool, HostedTool) else None
    return label is not None and label == item.get("server_label")


def _place_of_tool(tool: Any, agent: Agent[Any]) -> Place:
    for at, declared in enumerate(agent.tools):
        if declared is tool:
            return "tools", at
    place: Place = tool.place
    return place


def item_class(kind: str) -> Callable[[Agent[Any], Any], RunItem]:
    """The class of the item for an output of that type."""
    found = _ITEM_CLASSES.get(kind)
    if found is not None:
        return found
    return ToolCallItem if kind.endswith("_call") else UnknownItem


def _check_item(raw: Any, agent: Agent[Any]) -> None:
    item = as_json(raw)
    kind = item.get("type")
    if not isinstance(kind, str):
        raise ModelBehaviorError(f"Agent {agent.name}: the model sent an item of no type: {raw!r}")
    for name in _REQUIRED_TEXTS.get(kind, ()):
        if not item.get(name) or not isinstance(item[name], str):
            raise ModelBehaviorError(
                f"Agent {agent.name}: the model sent a {kind} without its {name}: {raw!r}"
            )
    if isinstance(item.get("id"), list | dict) or isinstance(item.get("call_id"), list | dict):
        raise ModelBehaviorError(f"Agent {agent.name}: the id of an item is no text: {raw!r}")
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
