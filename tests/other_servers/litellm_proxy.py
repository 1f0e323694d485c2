"""Runs through a real LiteLLM proxy, asked by either API, which asks the stand-in by either.

Not collected with the other tests, since LiteLLM is large and wants an environment of its own:

    LITELLM=path/to/bin/litellm pytest tests/other_servers/litellm_proxy.py
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from agents_lite import (
    Agent,
    BadRequestError,
    NotFoundError,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    ResponsesClient,
    Runner,
    SQLiteSession,
    function_tool,
)
from agents_lite.testing import HTTPRequest, ResponsesServer, call
from tests.support.drivers import stream, whole_and_streamed
from tests.support.servers import free_port
from tests.support.without_network import played_without_network, recorded

PROGRAM = os.environ.get("LITELLM", ".venv-litellm/bin/litellm")
KEY = "sk-of-the-proxy"
DELTA = "response.output_text.delta"
MODELS = {"by_chat": "lm_studio/local", "by_responses": "openai/responses/local"}
"""Models of the proxy, and how it asks for them at the stand-in."""


def answer(request: HTTPRequest) -> Any:
    """A call of `add` for a question that names it, else a text made of the conversation."""
    body = request.body
    items = body.get("messages") or body["input"]
    last = items[-1]
    if last.get("role") == "tool" or last.get("type") == "function_call_output":
        output = last.get("content") or last["output"]
        text = output if isinstance(output, str) else output[0]["text"]
        return f"The tool says {text}."
    if "add" in json.dumps(last["content"]) and body.get("tools"):
        return call("add", a=2, b=3)
    if body.get("response_format") or (body.get("text") or {}).get("format"):
        return '{"response": 5}'
    return f"{len(items)} messages"


@pytest.fixture(scope="module")
def upstream() -> Iterator[ResponsesServer]:
    with ResponsesServer(answer) as server:
        yield server


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, upstream: ResponsesServer
) -> Iterator[ResponsesClient]:
    folder = tmp_path_factory.mktemp("litellm")
    config = folder / "config.yaml"
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": model, "api_base": upstream.base_url, "api_key": "unused"},
        }
        for name, model in MODELS.items()
    ]
    config.write_text(
        json.dumps({"model_list": models, "general_settings": {"master_key": KEY}})
    )
    port = free_port()
    with open(folder / "log.txt", "w") as log:
        proxy = subprocess.Popen(
            [PROGRAM, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/health/liveliness", proxy, folder)
        yield ResponsesClient(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY)
    finally:
        proxy.terminate()
        proxy.wait(300)


def wait_until_it_answers(url: str, proxy: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 300
    while True:
        try:
            requests.get(url, timeout=5).raise_for_status()
            assert proxy.poll() is None, "another server has answered"
            return
        except requests.ConnectionError:
            alive = proxy.poll() is None and time.monotonic() < deadline
            assert alive, (folder / "log.txt").read_text()
            time.sleep(0.2)


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(params=[OpenAIChatCompletionsModel, OpenAIResponsesModel])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=MODELS)
def agent(kind: Any, client: ResponsesClient, request: pytest.FixtureRequest) -> Agent[Any]:
    return Agent(name="A", tools=[add], model=kind(request.param, client))


@whole_and_streamed
def test_a_tool_is_called_and_its_output_comes_back(run: Any, agent: Agent[Any]) -> None:
    result = run(agent, "Please add")
    assert result.final_output == "The tool says 5."
    assert [item.type for item in result.new_items] == [
        "tool_call_item",
        "tool_call_output_item",
        "message_output_item",
    ]
    assert (result.usage.requests, result.usage.total_tokens) == (2, 30)


def test_the_deltas_make_up_the_text(agent: Agent[Any]) -> None:
    events, result = stream(agent, "Please add")
    text = "".join(
        event.data.delta
        for event in events
        if event.type == "raw_response_event" and event.data.type == DELTA
    )
    assert text == result.final_output == "The tool says 5."


@whole_and_streamed
def test_an_output_type_is_asked_for(run: Any, agent: Agent[Any]) -> None:
    agent.output_type = int
    assert run(agent, "Hello").final_output == 5


def test_a_conversation_goes_on(agent: Agent[Any]) -> None:
    session = SQLiteSession("s")
    assert Runner.run_sync(agent, "Hello", session=session).final_output == "1 messages"
    assert Runner.run_sync(agent, "Hello again", session=session).final_output == "3 messages"


def test_a_conversation_crosses_all_four_ways(client: ResponsesClient) -> None:
    session = SQLiteSession("s")
    for model in (OpenAIChatCompletionsModel, OpenAIResponsesModel):
        for name in MODELS:
            agent = Agent(name="A", tools=[add], model=model(name, client))
            result = Runner.run_sync(agent, "Please add", session=session)
            assert result.final_output == "The tool says 5."


def test_an_unknown_model_is_a_typed_error(kind: Any, client: ResponsesClient) -> None:
    with pytest.raises((BadRequestError, NotFoundError), match="nonsense"):
        Runner.run_sync(Agent(name="A", model=kind("nonsense", client)), "Hello")


def agent_by_chat() -> Agent[Any]:
    return Agent(name="A", tools=[add], model="by_chat")


def agent_by_responses() -> Agent[Any]:
    return Agent(name="A", tools=[add], model="by_responses")


@whole_and_streamed
def test_a_run_is_played_without_any_network(
    run: Any, agent: Agent[Any], tmp_path: Path
) -> None:
    was = recorded(run, agent, "Please add", tmp_path)
    place = f"{__name__}:agent_{agent.model.model}"  # type: ignore[union-attr]
    lists = played_without_network(place, "Please add", tmp_path)
    assert set(lists.values()) == {json.dumps(was.to_input_list())}
    assert len(lists) == 3
