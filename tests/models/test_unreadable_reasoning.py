"""Reasoning that a server cannot decrypt: the conversation goes on without it."""

from __future__ import annotations

from typing import Any

import pytest

from agents_lite import Agent, BadRequestError, OpenAIResponsesModel, ResponsesClient, function_tool
from agents_lite.testing import ResponsesServer, call, reasoning, status, turn
from tests.support.drivers import whole_and_streamed

# https://github.com/openai/codex/issues/8119, and as LiteLLM passes it on: issues/8100
WORDS = "The encrypted content gAAA could not be verified."
REFUSAL = status(400, {"code": "invalid_encrypted_content", "message": WORDS})
PASSED_ON = status(400, {"code": "400", "message": f"litellm.BadRequestError: {WORDS}"})
OLD: list[Any] = [
    {"role": "user", "content": "Hi"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "old"},
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


def secrets(body: Any) -> list[Any]:
    return [item["encrypted_content"] for item in body["input"] if item.get("type") == "reasoning"]


@pytest.mark.parametrize("refusal", [REFUSAL, PASSED_ON], ids=["OpenAI", "LiteLLM"])
@whole_and_streamed
def test_a_conversation_goes_on_without_reasoning_that_cannot_be_read(
    run: Any, refusal: Any, caplog: pytest.LogCaptureFixture
) -> None:
    thought = turn(reasoning(encrypted_content="new"), call("look"))
    with ResponsesServer([refusal, thought, "done"]) as server:
        result = run(agent_at(server), OLD)
        bodies = [request.body for request in server.requests]
    assert result.final_output == "done"
    assert [secrets(body) for body in bodies] == [["old"], [], ["new"]]
    assert [item.get("id") for item in bodies[1]["input"]] == [None] * 3, "ids led to the reasoning"
    assert OLD[1] in result.to_input_list()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize(
    ("items", "refusal"),
    [
        ([OLD[0], {"type": "compaction", "id": "cmp_1", "encrypted_content": "old"}], REFUSAL),
        (OLD, status(400, {"code": "invalid_request_error", "message": "No such tool"})),
    ],
    ids=["a summary", "another refusal"],
)
@whole_and_streamed
def test_what_cannot_be_mended_so_stays_an_error(run: Any, items: Any, refusal: Any) -> None:
    with ResponsesServer([refusal]) as server, pytest.raises(BadRequestError):
        run(agent_at(server), items)
    assert len(server.requests) == 1
