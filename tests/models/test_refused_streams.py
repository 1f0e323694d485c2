"""Models that a server does not stream: they answer whole, in streamed runs too."""

from __future__ import annotations

from typing import Any

import pytest

from agents_lite import (
    Agent,
    BadRequestError,
    OpenAIResponsesModel,
    ResponsesClient,
    Runner,
    function_tool,
)
from agents_lite.testing import HTTPRequest, ResponsesServer, call, status

REFUSAL = "Your organization must be verified to stream this model."
"""https://github.com/charmbracelet/crush/issues/1216"""


@function_tool
def look() -> str:
    """Look."""
    return "seen"


def test_a_model_that_may_not_be_streamed_answers_whole(caplog: pytest.LogCaptureFixture) -> None:
    def answer(asked: HTTPRequest) -> Any:
        if asked.body["stream"]:
            return status(400, {"message": REFUSAL, "param": "stream"})
        return "seen" if "function_call_output" in str(asked.body["input"]) else call("look")

    with ResponsesServer(answer) as server:
        client = ResponsesClient(api_key="k", base_url=server.base_url)
        agent = Agent("A", model=OpenAIResponsesModel("m", client), tools=[look])
        for _ in range(2):
            run = Runner.run_streamed(agent, "Hi")
            names = [e.name for e in run.stream_events() if e.type == "run_item_stream_event"]
            assert names == ["tool_called", "tool_output", "message_output_created"]
            assert (run.final_output, run.usage.requests) == ("seen", 2)
        assert [request.body["stream"] for request in server.requests] == [True] + [False] * 4
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_refusal_of_whole_answers_too_is_raised() -> None:
    with ResponsesServer(lambda asked: status(400, {"message": REFUSAL})) as server:
        client = ResponsesClient(api_key="k", base_url=server.base_url)
        run = Runner.run_streamed(Agent("A", model=OpenAIResponsesModel("m", client)), "Hi")
        with pytest.raises(BadRequestError, match="must be verified"):
            list(run.stream_events())
        assert len(server.requests) == 2


def test_a_model_that_a_stored_prompt_names_may_be_refused_so_too() -> None:
    def answer(asked: HTTPRequest) -> Any:
        assert "model" not in asked.body
        return status(400, {"message": REFUSAL}) if asked.body["stream"] else "Hi"

    with ResponsesServer(answer) as server:
        client = ResponsesClient(api_key="k", base_url=server.base_url)
        model = OpenAIResponsesModel("m", client, is_default=True)
        run = Runner.run_streamed(Agent("A", model=model, prompt={"id": "p"}), "Hi")
        list(run.stream_events())
        assert (run.final_output, len(server.requests)) == ("Hi", 2)
