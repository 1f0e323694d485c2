from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agents_lite import (
    Agent,
    Model,
    ModelRequest,
    OpenAIResponsesModel,
    ResponseFailedError,
    ResponsesClient,
    Runner,
    RunState,
    function_tool,
)
from agents_lite.response_types import as_stream_event
from tests.support.drivers import every_driver
from tests.support.loopback import LoopbackServer, http_answer, stream_answer

Event = dict[str, Any]

CREATED = {"type": "response.created", "response": {"id": "r1", "status": "in_progress"}}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "pay", "arguments": ""}
WHERE = {"item_id": "fc_1", "output_index": 0}
ARGUMENTS = [
    {"type": "response.function_call_arguments.delta", **WHERE, "delta": '{"amount": 5,'},
    {"type": "response.function_call_arguments.delta", **WHERE, "delta": ' "to": "Ada"}'},
]
TEXT = [
    {"type": "response.output_text.delta", "item_id": "m1", "output_index": 0, "delta": "Paid"},
    {"type": "response.output_text.delta", "item_id": "m1", "output_index": 0, "delta": "."},
]


def ended(*output: Any, **fields: Any) -> Event:
    response = {"id": "r1", "status": "completed", "output": list(output), **fields}
    return {"type": "response.completed", "response": response}


CALL_DONE = {"type": "response.output_item.done", "output_index": 0, "item": CALL}
TURNS = [[CREATED, *ARGUMENTS, CALL_DONE, ended()], [CREATED, *TEXT, ended()]]


class Playing(Model):
    """Streams what it is told to, turn by turn."""

    def __init__(self, *turns: list[Event]) -> None:
        self._turns = list(turns)

    def stream(self, request: ModelRequest) -> Iterator[Any]:
        for event in self._turns.pop(0):
            yield as_stream_event(event)


class PlayingAsync(Playing):
    async def stream(self, request: ModelRequest) -> Any:  # type: ignore[override]
        for event in self._turns.pop(0):
            yield as_stream_event(event)


@pytest.mark.parametrize("kind", ["HTTP", "custom", "async"])
@every_driver
def test_what_was_streamed_counts_with_every_model(run: Any, kind: str) -> None:
    payments = []

    @function_tool
    def pay(amount: int = 100, to: str = "nobody") -> str:
        payments.append((amount, to))
        return "done"

    with LoopbackServer(*map(stream_answer, TURNS)) as server:
        client = ResponsesClient(api_key="sk-test-key", base_url=server.base_url)
        models = {
            "HTTP": OpenAIResponsesModel("m", client),
            "custom": Playing(*TURNS),
            "async": PlayingAsync(*TURNS),
        }
        result = run(Agent(name="A", model=models[kind], tools=[pay]), "Pay Ada 5")

    assert payments == [(5, "Ada")]
    assert result.final_output == "Paid."


BAD_ENDS = {
    "incomplete": (
        ended(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        "response.incomplete, .*: max_output_tokens",
    ),
    "failed": (ended(status="failed", error={"message": "It broke."}), "failed, .*: It broke."),
    "an error": ({"type": "error", "message": "It broke."}, "error, .*: It broke."),
    "nothing": (TEXT[0], "response.output_text.delta, not"),
}


@pytest.mark.parametrize(("last", "words"), BAD_ENDS.values(), ids=BAD_ENDS)
def test_a_custom_model_that_ends_badly_is_an_error_that_says_why(last: Event, words: str) -> None:
    model = Playing([CREATED, *TEXT, last])

    with pytest.raises(ResponseFailedError, match=words):
        Runner.run_sync(Agent(name="A", model=model), "Hi")


def test_what_a_custom_model_says_after_the_end_is_left_aside_but_it_is_read_to_its_end() -> None:
    model = Playing([CREATED, ended(), *TEXT], [ended()])

    model.respond(ModelRequest(input=[]))

    assert model.respond(ModelRequest(input=[])).output == []


def test_an_answer_tells_the_id_of_its_request() -> None:
    whole = http_answer(200, ended()["response"], headers={"x-request-id": "req_1"})
    streamed = stream_answer(TURNS[1], {"x-request-id": "req_2"})
    with LoopbackServer(whole, streamed) as server:
        client = ResponsesClient(api_key="sk-test-key", base_url=server.base_url)
        agent = Agent(name="A", model=OpenAIResponsesModel("m", client))
        first = Runner.run_sync(agent, "Hi")
        second = Runner.run_streamed(agent, "Hi")
        list(second.stream_events())

    assert [r.raw_responses[0].request_id for r in (first, second)] == ["req_1", "req_2"]


@pytest.mark.parametrize("id", [7, 1.5, True, ["r1"], {"id": "r1"}], ids=repr)
def test_an_id_that_is_no_text_keeps_no_state_from_being_read(id: Any) -> None:
    agent = Agent(name="A", model=Playing([CREATED, *TEXT, ended(id=id)]))
    result = Runner.run_sync(agent, "Hi")

    assert result.last_response_id is None
    assert RunState.from_string(agent, result.to_state().to_string()).fork(turn=1)


def test_a_model_without_requests_has_no_request_id() -> None:
    result = Runner.run_sync(Agent(name="A", model=Playing(TURNS[1])), "Hi")

    assert result.raw_responses[0].request_id is None
