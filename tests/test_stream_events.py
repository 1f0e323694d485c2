"""What a run streams, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from agents_lite import (
    Agent,
    AgentUpdatedStreamEvent,
    HostedMCPTool,
    RawResponsesStreamEvent,
    ResponseStreamEvent,
    RunItemStreamEvent,
)
from agents_lite.testing import ScriptedModel, call, handoff_to, reasoning, text
from tests.support.agents import agent_with_tool
from tests.support.drivers import every_stream, every_stream_but_chat

RAW = "raw_response_event"


def outline(events: list[Any]) -> list[str]:
    """Events by name, each run of raw events as one "raw"."""
    names: list[str] = []
    for event in events:
        if event.type == RAW:
            if names[-1:] != ["raw"]:
                names.append("raw")
        elif event.type == "agent_updated_stream_event":
            names.append(f"agent {event.new_agent.name}")
        else:
            names.append(event.name)
    return names


@every_stream
def test_events_come_in_the_order_in_which_things_happen(read: Any) -> None:
    agent = agent_with_tool(
        [[reasoning("hm"), text("so"), call("f"), call("f")],
        [handoff_to("B"), call("f")],
        "ok"],
    )
    agent.handoffs = [Agent(name="B", model=agent.model)]
    events, _ = read(agent, "x")
    assert outline(events) == [
        "agent A",
        "raw",
        "reasoning_item_created",
        "message_output_created",
        "tool_called",
        "tool_called",
        "tool_output",
        "tool_output",
        "raw",
        "handoff_requested",
        "tool_called",
        "tool_output",
        "handoff_occured",
        "agent B",
        "raw",
        "message_output_created",
    ]


@every_stream
def test_raw_events_are_passed_on_as_they_came(read: Any) -> None:
    events, _ = read(agent_with_tool(["Hello, world"]), "x")
    raw = [event.data for event in events if event.type == RAW]
    assert [data.type for data in raw][:2] == ["response.created", "response.in_progress"]
    assert raw[-1].type == "response.completed"
    assert [data.sequence_number for data in raw] == list(range(len(raw)))
    deltas = [data.delta for data in raw if data.type == "response.output_text.delta"]
    assert "".join(deltas) == "Hello, world"
    assert len(deltas) > 1
    assert raw[-1].response.output[0].content[0].text == "Hello, world"
    assert raw[-1].model_dump()["response"]["status"] == "completed"


@every_stream
def test_the_items_of_events_are_those_of_the_result(read: Any) -> None:
    events, result = read(agent_with_tool([call("f"), "ok"]), "x")
    items = [event.item for event in events if isinstance(event, RunItemStreamEvent)]
    assert list(map(id, items)) == list(map(id, result.new_items))


@every_stream
def test_events_have_a_class_and_a_type(read: Any) -> None:
    events, _ = read(agent_with_tool(["ok"]), "x")
    assert {type(event): event.type for event in events} == {
        AgentUpdatedStreamEvent: "agent_updated_stream_event",
        RawResponsesStreamEvent: RAW,
        RunItemStreamEvent: "run_item_stream_event",
    }


NAMES = {
    "mcp_list_tools": "mcp_list_tools",
    "mcp_approval_request": "mcp_approval_requested",
    "compaction": "compaction_created",
    "web_search_call": "tool_called",
    "hologram": "unknown_item_created",
}


@every_stream_but_chat
@pytest.mark.parametrize("kind", NAMES)
def test_every_kind_of_item_has_its_event(read: Any, kind: str) -> None:
    item = {"type": kind, "id": "item_1", "server_label": "none"}
    events, _ = read(agent_with_tool([[item, text("ok")]]), "x")
    assert outline(events)[2:] == [NAMES[kind], "message_output_created"]


@every_stream_but_chat
def test_an_answered_approval_has_two_events(read: Any) -> None:
    tool = HostedMCPTool(
        {"type": "mcp", "server_label": "s"}, on_approval_request=lambda request: {"approve": True}
    )
    question = {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "s"}
    events, _ = read(agent_with_tool([[question], "ok"], tools=[tool]), "x")
    assert outline(events)[2:4] == ["mcp_approval_requested", "mcp_approval_response"]


class Untyped(ScriptedModel):
    """Sends an event that bears no type before its answer."""

    def stream(self, request: Any) -> Any:
        yield ResponseStreamEvent({"odd": True})
        yield from super().stream(request)


@every_stream
def test_an_event_without_a_type_is_passed_on_as_it_came(read: Any) -> None:
    events, result = read(Agent("A", model=Untyped(["ok"])), "x")
    assert [e.data.get("odd") for e in events if e.type == "raw_response_event"][0] is True
    assert result.final_output == "ok"
