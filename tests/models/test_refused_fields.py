"""Fields of items that a server does not take back: they are sent without."""

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

Json = dict[str, Any]
TOLD = [{"type": "output_text", "text": "Hello", "annotations": [], "parsed": None}]
IMAGE = {"type": "input_image", "image_url": "https://example.com/a.png"}
OLD: list[Any] = [
    {"role": "user", "content": "Hi", "name": "Ann"},
    {"type": "message", "role": "assistant", "status": "completed", "content": TOLD},
    {"role": "user", "content": "Again"},
]


@function_tool
def look() -> str:
    """Look."""
    return "seen"


def refuse(body: Json) -> Any:
    """What a server says that knows neither the status of items nor what was parsed of a text."""
    for place, item in enumerate(body["input"]):
        name = f"input[{place}]"
        if "status" in item:
            # https://github.com/earendil-works/pi/issues/7263, zyycn/codex-proxy-rs/issues/194
            words = f"[ObjectParam] [{name}.status] Unknown parameter: '{name}.status'."
            return status(400, {"message": words, "code": "unknown_parameter"})
        for part in item.get("content", ()):
            if "parsed" in part:
                # https://github.com/openai/openai-agents-python/issues/1883
                return status(400, {"message": f"Unknown parameter: '{name}.content[0].parsed'."})
    return "seen" if "function_call_output" in str(body["input"]) else call("look")


def agent_at(server: ResponsesServer) -> Agent[Any]:
    client = ResponsesClient(api_key="k", base_url=server.base_url)
    return Agent("A", model=OpenAIResponsesModel("m", client), tools=[look])


def test_fields_that_a_server_does_not_know_are_left_out_from_then_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ResponsesServer(lambda asked: refuse(asked.body)) as server:
        agent = agent_at(server)
        result = Runner.run_sync(agent, OLD)
        assert result.final_output == "seen"
        refusals = len(server.requests) - 2
        assert refusals == 3  # the status of messages, what was parsed, the status of calls
        assert Runner.run_sync(agent, OLD).final_output == "seen"
        assert len(server.requests) == refusals + 4
        sent = server.requests[-1].body["input"]
        assert sent[1]["content"] == [{"type": "output_text", "text": "Hello", "annotations": []}]
        assert sent[3]["arguments"] == "{}"
    assert "status" in OLD[1]
    assert result.to_input_list()[3]["status"] == "completed"  # another server may know it
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3


@pytest.mark.parametrize(
    "field",
    "input[0].role input[1].content input[3].content[0].image_url input[9].status input".split(),
)
def test_what_an_item_says_is_not_left_out(field: str) -> None:
    def answer(asked: HTTPRequest) -> Any:
        return status(400, {"message": f"Unknown parameter: '{field}'."})

    with ResponsesServer(answer) as server:
        with pytest.raises(BadRequestError, match="Unknown parameter"):
            Runner.run_sync(agent_at(server), [*OLD, {"role": "user", "content": [IMAGE]}])
        assert len(server.requests) == 1
