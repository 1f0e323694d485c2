"""Prompts that stay cached: keys for the cache, and a warning where a run breaks its prefix."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from agents_lite import (
    Agent,
    Compaction,
    ModelInputData,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIConversationsSession,
    OpenAIResponsesModel,
    ResponsesClient,
    RunConfig,
    Runner,
    SQLiteSession,
    function_tool,
)
from agents_lite.running.turn import prompt_cache
from agents_lite.testing import ResponsesServer, ScriptedModel, call, token_usage, turn
from agents_lite.testing.wire import build_response
from tests.support.drivers import every_driver_here

OPENAI = "https://api.openai.com/v1"


@pytest.fixture(autouse=True)
def nothing_told() -> Iterator[None]:
    prompt_cache._told.clear()
    yield


@pytest.fixture
def openai() -> Iterator[responses.RequestsMock]:
    """OpenAI's server, which says "hi"."""
    with responses.RequestsMock() as server:
        body = build_response(turn("hi"), {"model": "gpt-4o"})
        server.post(f"{OPENAI}/responses", json=body)
        yield server


def key_sent(server: responses.RequestsMock, **options: Any) -> Any:
    client = ResponsesClient(api_key="k", base_url=OPENAI)
    agent = Agent(name="A", model=OpenAIResponsesModel("gpt-4o", client))
    settings = options.pop("settings", ModelSettings())
    Runner.run_sync(agent.clone(model_settings=settings), "hi", **options)
    return json.loads(server.calls[-1].request.body).get("prompt_cache_key")  # type: ignore[union-attr]


def test_a_session_has_a_key_that_does_not_tell_its_name(openai: Any) -> None:
    names = ("ada@x.org", "ada@x.org", "bob")
    keys = [key_sent(openai, session=SQLiteSession(name)) for name in names]
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 32 and "ada" not in keys[0]


def test_groups_and_conversations_have_keys_too(openai: Any) -> None:
    group = key_sent(openai, run_config=RunConfig(group_id="g"))
    conversation = key_sent(openai, conversation_id="conv_1")
    assert group and conversation and group != conversation
    assert key_sent(openai) is None


def test_a_key_of_ones_own_comes_first(openai: Any) -> None:
    settings = ModelSettings(prompt_cache_key="mine")
    assert key_sent(openai, settings=settings, session=SQLiteSession("x")) == "mine"


def test_other_servers_are_sent_no_key() -> None:
    with ResponsesServer(["hi"] * 2) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="any")
        for kind in (OpenAIResponsesModel, OpenAIChatCompletionsModel):
            agent = Agent(name="A", model=kind("m", client))
            Runner.run_sync(agent, "hi", session=SQLiteSession("x"))
        assert all("prompt_cache_key" not in request.body for request in server.requests)


def test_a_session_without_an_id_yet_is_no_obstacle() -> None:
    with ResponsesServer(["hi"]) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="any")
        session = OpenAIConversationsSession(openai_client=client)
        agent = Agent(name="A", model=OpenAIResponsesModel("m", client))
        assert Runner.run_sync(agent, "hi", session=session).final_output == "hi"


class Counter:
    def __init__(self) -> None:
        self.value = 0

    def __call__(self, *_: Any) -> int:
        self.value += 1
        return self.value


def script(*, tokens: int = 2000) -> ScriptedModel:
    usage = token_usage(tokens, 5)
    return ScriptedModel(
        [turn(call("f"), usage=usage), turn(call("f"), usage=usage), turn("done", usage=usage)]
    )


TOOL = function_tool(lambda: 1, name_override="f")


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return [words.partition(": ")[2].partition(" changed")[0] for words in said if "cache" in words]


@every_driver_here
def test_instructions_that_change_are_named_once(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    count = Counter()
    for _ in range(2):
        agent = Agent(
            name="A",
            instructions=lambda context, agent: f"It is {count()} o'clock.",
            model=script(),
            tools=[TOOL],
        )
        run(agent, "hi")
    assert warnings_of(caplog) == ["the instructions"]


def test_tools_that_come_and_go_are_named(caplog: pytest.LogCaptureFixture) -> None:
    count = Counter()
    fickle = function_tool(
        lambda: 1, name_override="g", is_enabled=lambda context, agent: count() % 2 == 0
    )
    Runner.run_sync(Agent(name="A", model=script(), tools=[TOOL, fickle]), "hi")
    assert warnings_of(caplog) == ["the tools or handoffs"]


def test_a_filter_that_changes_what_was_said_is_named(caplog: pytest.LogCaptureFixture) -> None:
    def newest(data: Any) -> ModelInputData:
        return ModelInputData(data.model_data.input[-2:], data.model_data.instructions)

    config = RunConfig(call_model_input_filter=newest)
    Runner.run_sync(Agent(name="A", model=script(), tools=[TOOL]), "hi", run_config=config)
    assert warnings_of(caplog) == ["what was said before"]


@pytest.mark.parametrize("tokens", [2000, 1000], ids=["stable", "too short to be cached"])
def test_nothing_is_said_without_need(tokens: int, caplog: pytest.LogCaptureFixture) -> None:
    count = Counter()
    changing: Any = lambda context, agent: f"{count()}"  # noqa: E731
    agent = Agent(
        name="A",
        instructions="Be kind." if tokens == 2000 else changing,
        model=script(tokens=tokens),
        tools=[TOOL],
    )
    Runner.run_sync(agent, "hi")
    assert warnings_of(caplog) == []


def test_compacting_is_no_accident(caplog: pytest.LogCaptureFixture) -> None:
    count = Counter()

    def reply(request: Any) -> Any:
        if str(request.system_instructions).startswith("You keep"):
            return "summary"
        return turn(call("f") if count() < 4 else "done", usage=token_usage(2000, 5))

    long = function_tool(lambda: "word " * 800, name_override="f")
    agent = Agent(name="A", model=ScriptedModel(reply), tools=[long])
    config = RunConfig(compaction=Compaction(window=2000, keep_turns=1))
    Runner.run_sync(agent, "hi", run_config=config)
    assert warnings_of(caplog) == []
