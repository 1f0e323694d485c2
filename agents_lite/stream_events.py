"""What a run streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .taken_whole import TakenWhole

if TYPE_CHECKING:
    from .agent import Agent
    from .items import RunItem
    from .response_types import ResponseStreamEvent

__all__ = [
    "AgentUpdatedStreamEvent",
    "RawResponsesStreamEvent",
    "RunItemStreamEvent",
    "StreamEvent",
]


@dataclass(slots=True)
class RawResponsesStreamEvent(TakenWhole):
    """An event of the model's own stream, passed on as it came."""

    data: ResponseStreamEvent
    """The Responses API event."""
    type: ClassVar[Literal["raw_response_event"]] = "raw_response_event"


@dataclass(slots=True)
class RunItemStreamEvent(TakenWhole):
    """An item is complete."""

    name: Literal[
        "message_output_created",
        "handoff_requested",
        "handoff_occured",
        "tool_called",
        "tool_output",
        "reasoning_item_created",
        "mcp_approval_requested",
        "mcp_approval_response",
        "mcp_list_tools",
        "compaction_created",
        "tool_approval_requested",
        "input_added",
        "unknown_item_created",
    ]
    """What happened. `handoff_occured` is spelled so in the public API."""
    item: RunItem
    """The item."""
    type: ClassVar[Literal["run_item_stream_event"]] = "run_item_stream_event"


@dataclass(slots=True)
class AgentUpdatedStreamEvent(TakenWhole):
    """Another agent is at work: at the start, and after each handoff."""

    new_agent: Agent[Any]
    """The agent now at work."""
    type: ClassVar[Literal["agent_updated_stream_event"]] = "agent_updated_stream_event"


StreamEvent = RawResponsesStreamEvent | RunItemStreamEvent | AgentUpdatedStreamEvent
"""Any event of a run's stream."""

EVENT_NAMES: dict[str, Any] = {
    "message_output_item": "message_output_created",
    "handoff_call_item": "handoff_requested",
    "handoff_output_item": "handoff_occured",
    "tool_call_item": "tool_called",
    "tool_call_output_item": "tool_output",
    "reasoning_item": "reasoning_item_created",
    "mcp_approval_request_item": "mcp_approval_requested",
    "mcp_approval_response_item": "mcp_approval_response",
    "mcp_list_tools_item": "mcp_list_tools",
    "compaction_item": "compaction_created",
    "tool_approval_item": "tool_approval_requested",
    "input_item": "input_added",
    "unknown_item": "unknown_item_created",
}
"""The event name for each type of item."""


def item_event(item: RunItem) -> RunItemStreamEvent:
    """The event that announces an item."""
    return RunItemStreamEvent(EVENT_NAMES[item.type], item)
