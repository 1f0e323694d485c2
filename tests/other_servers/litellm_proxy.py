"""Runs through a real LiteLLM proxy, whose model is a chat server on this machine.

Not collected with the other tests, since LiteLLM is large and wants an environment of its own:

    LITELLM=path/to/bin/litellm pytest tests/other_servers/litellm_proxy.py
"""

from __future__ import annotations

import json
import os
import re
import socket
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
    OpenAIResponsesModel,
    ResponsesClient,
    RunConfig,
    Runner,
    SQLiteSession,
    function_tool,
)
from agents_lite.local_server.messages import HTTPReply, HTTPRequest, json_reply
from agents_lite.local_server.server import LoopbackServer

PROGRAM = os.environ.get("LITELLM", ".venv-litellm/bin/litellm")
KEY = "sk-of-the-proxy"


def chat_message(request: HTTPRequest) -> dict[str, Any]:
    """A tool call for a question that names a tool, else a text made of the last message."""
    messages, tools = request.body["messages"], request.body.get("tools") or []
    last = messages[-1]
    if last["role"] == "tool":
        return {"role": "assistant", "content": f"The tool says {last['content']}."}
    for tool in tools:
        name = tool["function"]["name"]
        if name in json.dumps(last["content"]):
            call = {"name": name, "arguments": '{"a": 2, "b": 3}'}
            return {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
            }
    return {"role": "assistant", "content": f"{len(messages)} messages"}


def chat_completion(request: HTTPRequest) -> HTTPReply:
    """The part of the Chat Completions API that the proxy asks for."""
    message = chat_message(request)
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    facts = {"id": "chat_1", "created": 1, "model": "local", "usage": usage}
    if not request.body.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return json_reply({**facts, "object": "chat.completion", "choices": [choice]})
    calls = [{**call, "index": 0} for call in message.get("tool_calls") or ()]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "tool_calls": calls}] if calls else []
    deltas += [{"content": word} for word in re.findall(r"\S+\s*", message["content"] or "")]
    frames = [
        {**facts, "object": "chat.completion.chunk", "choices": [choice]}
        for choice in [
            *({"index": 0, "delta": delta, "finish_reason": None} for delta in deltas),
            {"index": 0, "delta": {}, "finish_reason": reason},
        ]
    ]
    chunks = [b"data: %s\n\n" % json.dumps(frame).encode() for frame in frames]
    return HTTPReply(
        body=[*chunks, b"data: [DONE]\n\n"], headers={"Content-Type": "text/event-stream"}
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResponsesClient]:
    folder = tmp_path_factory.mktemp("litellm")
    upstream = LoopbackServer(chat_completion)
    config = folder / "config.yaml"
    config.write_text(
        "model_list:\n"
        "  - model_name: local\n"
        "    litellm_params:\n"
        "      model: lm_studio/local\n"
        f"      api_base: {upstream.url}/v1\n"
        "      api_key: unused\n"
        f"general_settings:\n  master_key: {KEY}\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
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
        proxy.wait(60)
        upstream.close()


def wait_until_it_answers(url: str, proxy: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            requests.get(url, timeout=5)
            return
        except requests.ConnectionError:
            alive = proxy.poll() is None and time.monotonic() < deadline
            assert alive, (folder / "log.txt").read_text()
            time.sleep(0.2)


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture
def agent(client: ResponsesClient) -> Agent[Any]:
    return Agent(name="A", tools=[add], model=OpenAIResponsesModel("local", client))


def test_a_tool_is_called_and_its_output_comes_back(agent: Agent[Any]) -> None:
    result = Runner.run_sync(agent, "Please add")
    assert result.final_output == "The tool says 5."
    assert [item.type for item in result.new_items] == [
        "tool_call_item",
        "tool_call_output_item",
        "message_output_item",
    ]
    assert (result.usage.requests, result.usage.total_tokens) == (2, 20)


def test_the_same_streamed(agent: Agent[Any]) -> None:
    stream = Runner.run_streamed(agent, "Please add")
    events = list(stream.stream_events())
    text = "".join(
        event.data.delta
        for event in events
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    )
    assert stream.final_output == "The tool says 5."
    assert text == "The tool says 5."


def test_a_conversation_goes_on(agent: Agent[Any]) -> None:
    session = SQLiteSession("s")
    assert Runner.run_sync(agent, "Hello", session=session).final_output == "1 messages"
    assert Runner.run_sync(agent, "Hello again", session=session).final_output == "3 messages"


def test_an_unknown_model_is_a_typed_error(agent: Agent[Any], client: ResponsesClient) -> None:
    config = RunConfig(model=OpenAIResponsesModel("nonsense", client))
    with pytest.raises((BadRequestError, NotFoundError), match="nonsense"):
        Runner.run_sync(agent, "Hello", run_config=config)
