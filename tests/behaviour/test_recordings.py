"""Recorded traffic of the real API, played back to the client, the model and the runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agents_lite import (
    Agent,
    BadRequestError,
    OpenAIResponsesModel,
    ResponsesClient,
    RunConfig,
    Runner,
    function_tool,
)
from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.response_types import as_json
from agents_lite.testing.validation import check_items
from tests.support.recordings import CUTS, RECORDINGS, Exchange, ReplayServer, load_exchanges


def receive(server: ReplayServer, exchange: Exchange) -> list[dict[str, Any]]:
    """The events that the client makes of the answer to a recorded request."""
    client = ResponsesClient(base_url=server.base_url, api_key="k", retry_delay=0.001)
    return list(client.stream(exchange.request, cancellation=Cancellation()))


def announced_items(exchange: Exchange) -> list[dict[str, Any]]:
    """The items of an answer: those of a stream as its `output_item.done` events show them."""
    if not exchange.is_stream:
        return exchange.response["output"]
    done = [event for event in exchange.events if event["type"] == "response.output_item.done"]
    return [event["item"] for event in sorted(done, key=lambda event: event["output_index"])]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("recording", RECORDINGS)
def test_every_answer_is_read_as_it_was_sent(recording: str, cut: Callable[[bytes], list[bytes]]):
    exchanges = [each for each in load_exchanges(recording) if each.method == "POST"]
    with ReplayServer(exchanges, cut) as server:
        for exchange in exchanges:
            if exchange.status != 200:
                with pytest.raises(BadRequestError) as caught:
                    receive(server, exchange)
                assert caught.value.code == "decimal_below_min_value"
                assert "but got -1 instead" in str(caught.value)
                continue
            *before, last = receive(server, exchange)
            assert last["type"] == "response.completed"
            expected = {**exchange.response, "output": announced_items(exchange)}
            assert last["response"] == expected
            assert before == (exchange.events[:-1] if exchange.is_stream else [])


@pytest.mark.parametrize("cut", CUTS)
def test_a_background_stream_that_broke_off_is_taken_up_without_a_gap(
    cut: Callable[[bytes], list[bytes]],
):
    whole, rest = load_exchanges("background_mode_streaming_starting_after_vcr")
    missing = rest.events[0]["sequence_number"]
    beginning = "".join(block + "\n\n" for block in whole.body.split("\n\n")[:missing])
    with ReplayServer([replace(whole, body=beginning), rest], cut) as server:
        events = receive(server, whole)
    assert [event["sequence_number"] for event in events] == list(range(len(whole.events)))
    assert events == whole.events[:missing] + rest.events
    assert server.requests[1].query == {"stream": "true", "starting_after": str(missing - 1)}


@function_tool
def get_capital(country: str) -> str:
    return {"PotatoLand": "Potato City", "France": "Paris"}[country]


@function_tool
def update_plan(plan: str) -> str:
    return "plan updated"


def run(server: ReplayServer, agent: Agent[Any], prompt: str, streamed: bool) -> Any:
    client = ResponsesClient(base_url=server.base_url, api_key="k")
    config = RunConfig(model=OpenAIResponsesModel("gpt-4o", client))
    if not streamed:
        return Runner.run_sync(agent, prompt, run_config=config)
    stream = Runner.run_streamed(agent, prompt, run_config=config)
    for _ in stream.stream_events():
        pass
    return stream


@pytest.mark.parametrize(
    ("recording", "streamed", "answer"),
    [
        (
            "openai_responses_model_simple_response_with_tool_call",
            False,
            "The capital of PotatoLand is Potato City.",
        ),
        ("openai_responses_stream", True, "The capital of France is Paris."),
    ],
)
def test_a_conversation_with_a_tool_runs_to_its_end(recording: str, streamed: bool, answer: str):
    first, second = load_exchanges(recording)
    prompt = first.request["input"][0]["content"]
    with ReplayServer([first, second]) as server:
        result = run(server, Agent(name="Geographer", tools=[get_capital]), prompt, streamed)
    assert result.final_output == answer
    assert result.usage.requests == 2
    assert result.usage.total_tokens == sum(
        exchange.response["usage"]["total_tokens"] for exchange in (first, second)
    )
    sent_call, sent_output = server.requests[1].body["input"][1:]
    assert sent_call == announced_items(first)[0]
    assert sent_output["output"] == second.request["input"][-1]["output"]
    check_items(result.to_input_list(), [])


def test_reasoning_goes_back_as_it_came():
    first, second = load_exchanges("openai_responses_thinking_with_tool_calls")
    prompt = first.request["input"][0]["content"]
    with ReplayServer([first, second]) as server:
        result = run(server, Agent(name="Planner", tools=[update_plan]), prompt, False)
    reasoning, call = server.requests[1].body["input"][1:3]
    assert [reasoning, call] == announced_items(first)
    assert reasoning["encrypted_content"].startswith("gAAAA")
    assert [item.type for item in result.new_items][:3] == [
        "reasoning_item",
        "tool_call_item",
        "tool_call_output_item",
    ]
    assert as_json(result.raw_responses[1].output[-1]) == announced_items(second)[-1]
    check_items(result.to_input_list(), [])
