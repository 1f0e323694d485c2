"""Reasoning that a server cannot read, find or do without: the conversation goes on without it."""

from __future__ import annotations

from typing import Any

import pytest

from agents_lite import (
    Agent,
    AnthropicModel,
    APIStatusError,
    GuardrailFunctionOutput,
    InputGuardrail,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    ResponsesClient,
    Runner,
    function_tool,
)
from agents_lite.testing import ResponsesServer, call, reasoning, status, turn
from tests.support.drivers import whole_and_streamed
from tests.support.loopback import LoopbackServer, http_answer


def refused(words: str, code: str = "invalid_request_error", number: int = 400) -> Any:
    return status(number, {"code": code, "message": words})


UNREADABLE = "The encrypted content gAAA could not be verified."
REFUSALS = [
    # https://github.com/openai/codex/issues/8119, and as LiteLLM passes it on: issues/8100
    refused(UNREADABLE, "invalid_encrypted_content"),
    refused(f"litellm.BadRequestError: {UNREADABLE}", "400"),
    # https://github.com/vercel/ai/issues/10290
    refused("Item with id 'rs_1' not found. Items are not persisted.", number=404),
    # https://github.com/openai/openai-agents-python/issues/1660
    refused("Item 'msg_1' of type 'message' was provided without its required 'reasoning' item"),
    refused("Item 'rs_1' of type 'reasoning' was provided without its required following item."),
    # https://github.com/openai/openai-agents-python/issues/569
    refused("Reasoning input items can only be provided to a reasoning or computer use model."),
    # https://github.com/maximhq/bifrost/issues/6382, NousResearch/hermes-agent/pull/101243
    refused("Item with id 'msg_1' not found."),
    refused("Conflicting authenticated continuation identities", "invalid_value"),
    # https://github.com/pydantic/pydantic-ai/issues/7461, buhlergroup/buhler-chat/pull/179
    refused("Expected container_id: cntr_1"),
    refused("Container is expired."),
]
OLD: list[Any] = [
    {"role": "user", "content": "Hi"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "old"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
    },
    {"role": "user", "content": "Again"},
]


@function_tool
def look() -> str:
    """Look."""
    return "seen"


def agent_at(server: ResponsesServer) -> Agent[Any]:
    client = ResponsesClient(api_key="k", base_url=server.base_url)
    return Agent("A", model=OpenAIResponsesModel("m", client), tools=[look])


@pytest.mark.parametrize("refusal", REFUSALS, ids=range(len(REFUSALS)))
@whole_and_streamed
def test_a_conversation_goes_on_without_reasoning_that_is_refused(
    run: Any, refusal: Any, caplog: pytest.LogCaptureFixture
) -> None:
    thought = turn({**reasoning(encrypted_content="new"), "id": "rs_2"}, call("look"))
    with ResponsesServer([refusal, thought, "done"]) as server:
        result = run(agent_at(server), OLD)
        inputs = [request.body["input"] for request in server.requests]
    assert result.final_output == "done"
    assert [item.get("id") for item in inputs[0]] == [None, "rs_1", "ws_1", "msg_1", None]
    assert [item.get("id") for item in inputs[1]] == [None, None, None]
    assert [item.get("id") for item in inputs[2]][:4] == [None, None, None, "rs_2"]
    assert OLD[1] in result.to_input_list()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@whole_and_streamed
def test_what_was_refused_beside_guardrails_at_work_is_left_out_of_later_turns_too(
    run: Any,
) -> None:
    with ResponsesServer([REFUSALS[0], call("look"), "done"]) as server:
        agent = agent_at(server)
        agent.input_guardrails = [InputGuardrail(lambda *_: GuardrailFunctionOutput(None, False))]
        assert run(agent, OLD).final_output == "done"
        inputs = [request.body["input"] for request in server.requests]
    assert inputs[2][:3] == inputs[1]


@pytest.mark.parametrize(
    ("items", "refusal"),
    [
        ([OLD[0], {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}], REFUSALS[0]),
        (OLD, refused("No such tool")),
        ("Hi", REFUSALS[0]),
    ],
    ids=["a summary", "another refusal", "nothing of the server's"],
)
@whole_and_streamed
def test_what_cannot_be_mended_so_stays_an_error(run: Any, items: Any, refusal: Any) -> None:
    with ResponsesServer([refusal]) as server, pytest.raises(APIStatusError):
        run(agent_at(server), items)
    assert len(server.requests) == 1


@whole_and_streamed
def test_what_is_refused_without_it_too_is_not_asked_for_once_more(run: Any) -> None:
    with ResponsesServer(REFUSALS[:1] * 2) as server, pytest.raises(APIStatusError):
        run(agent_at(server), OLD)
    assert len(server.requests) == 2


# https://github.com/anthropics/anthropic-sdk-python/issues/1598, charmbracelet/crush/issues/1698,
# lbjlaq/Antigravity-Manager/pull/3342
SIGNATURES = [
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "messages.1.content.0.thinking.signature: Field required",
    "Corrupted thought signature.",
    "Unable to submit request because Thought signature is not valid",
]
CHAT_ANSWER = {"choices": [{"message": {"content": "done"}, "finish_reason": "stop"}]}
MESSAGE = {"content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn"}


@pytest.mark.parametrize("words", SIGNATURES)
@pytest.mark.parametrize("kind", [OpenAIChatCompletionsModel, AnthropicModel])
def test_a_conversation_goes_on_without_signatures_that_are_refused(kind: Any, words: str) -> None:
    block = {"type": "thinking", "thinking": "Hm.", "signature": "of-another-account"}
    refusal = http_answer(400, {"error": {"message": words}})
    answer = http_answer(content=MESSAGE if kind is AnthropicModel else CHAT_ANSWER)
    with LoopbackServer(refusal, answer) as server:
        client = ResponsesClient(api_key="k", base_url=server.base_url)
        replayed = {
            "host": client.address.host,
            "message": {"thinking_blocks": [block]},
            "calls": {"c1": {"extra_content": {"google": {"thought_signature": "of-another"}}}},
        }
        history: list[Any] = [
            {"role": "user", "content": "Look"},
            {"type": "reasoning", "summary": [], "replayed": replayed},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "seen"},
        ]
        agent = Agent("A", model=kind("m", client), tools=[look])
        assert Runner.run_sync(agent, history).final_output == "done"
        sent = [request.content.decode() for request in server.requests]
    assert ["of-another" in body for body in sent] == [True, False]
