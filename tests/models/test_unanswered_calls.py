"""Calls that a server keeps, and that it was never told the outputs of."""

from __future__ import annotations

from typing import Any

import pytest

from agents_lite import (
    Agent,
    BadRequestError,
    CustomTool,
    HostedMCPTool,
    OpenAIResponsesModel,
    ResponsesClient,
    Runner,
    function_tool,
)
from agents_lite.testing import ResponsesServer, call, turn
from tests.support.drivers import whole_and_streamed
from tests.support.loopback import LoopbackServer, http_answer

FREE = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c-3", "name": "free", "input": "y"}
QUESTION = {
    "type": "mcp_approval_request",
    "server_label": "shop",
    "name": "buy",
    "arguments": "{}",
}
CALLS = turn(call("look", call_id="c1"), call("look", call_id="c2"), FREE)


@function_tool
def look() -> str:
    """Look."""
    return "seen"


def agent_at(server: ResponsesServer | LoopbackServer) -> Agent[Any]:
    client = ResponsesClient(api_key="k", base_url=server.base_url)
    return Agent(
        "A",
        model=OpenAIResponsesModel("m", client),
        tools=[look, CustomTool("free", "Free.", lambda context, text: text)],
        tool_use_behavior="stop_on_first_tool",
    )


@whole_and_streamed
@pytest.mark.parametrize("is_conversation", [True, False])
def test_a_conversation_goes_on_behind_calls_that_were_not_answered(
    run: Any, is_conversation: bool, caplog: pytest.LogCaptureFixture
) -> None:
    # https://github.com/openai/openai-agents-python/issues/673 and 1061
    with ResponsesServer([CALLS, "Fine.", "Bye."]) as server:
        agent = agent_at(server)
        kept: dict[str, Any] = {"conversation_id": "conv_1"} if is_conversation else {}
        first = run(agent, "Look", **kept)
        assert first.final_output == "seen"
        if not is_conversation:
            kept = {"previous_response_id": first.last_response_id}
        second = run(agent, "Go on", **kept)
        assert second.final_output == "Fine."
        sent = server.requests[-1].body["input"]
        assert [item.get("call_id") for item in sent] == ["c1", "c2", "c-3", None]
        assert len(second.to_input_list()) == 2  # what stands in for outputs is for the server
        if not is_conversation:
            kept = {"previous_response_id": second.last_response_id}
        assert run(agent, "Bye", **kept).final_output == "Bye."
        assert len(server.requests) == 1 + 4 + 1
    assert len([each for each in caplog.records if "never answered" in each.message]) == 3


@whole_and_streamed
def test_a_conversation_goes_on_behind_calls_that_nobody_approved(run: Any) -> None:
    asked = [{**QUESTION, "id": f"mcpr_{number}"} for number in (1, 2)]
    with ResponsesServer([turn(*asked), "Fine."]) as server:
        agent = agent_at(server)
        agent.tools = [HostedMCPTool({"type": "mcp", "server_label": "shop", "server_url": "u"})]
        assert len(run(agent, "Buy", conversation_id="conv_1").interruptions) == 2
        assert run(agent, "Rather not", conversation_id="conv_1").final_output == "Fine."
        *answers, _ = server.requests[-1].body["input"]
        assert len(server.requests) == 3  # one refusal names both
    assert [answer["approval_request_id"] for answer in answers] == ["mcpr_1", "mcpr_2"]
    assert not any(answer["approve"] for answer in answers)


def test_a_server_that_finds_no_output_in_spite_of_it_is_believed() -> None:
    refusal = {"error": {"message": "No tool output found for function call c1."}}
    told = {"type": "function_call_output", "call_id": "c1", "output": "seen"}
    with LoopbackServer(*[http_answer(400, refusal)] * 4) as server:
        for given, conversation in ("Go on", "c"), ([told], "c"), ("Go on", None):
            with pytest.raises(BadRequestError, match="No tool output"):
                Runner.run_sync(agent_at(server), given, conversation_id=conversation)
        assert len(server.requests) == 4  # it is told once, unless it was or keeps no conversation
