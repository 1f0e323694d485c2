"""Runs with llama.cpp's own server and a random model, by all of its APIs.

Not collected with the other tests, since its packages want an environment of their own:

    LLAMA_CPP=path/to/python pytest tests/other_servers/llama_cpp.py
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    AnthropicModel,
    InternalServerError,
    Model,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    ResponseFailedError,
    ResponsesClient,
    SQLiteSession,
    function_tool,
)
from tests.support.drivers import kinds, stream, whole_and_streamed
from tests.support.servers import free_port
from tests.support.without_network import played_without_network, recorded

PYTHON = os.environ.get("LLAMA_CPP", ".venv-llama-cpp/bin/python")
MODELS = [OpenAIChatCompletionsModel, OpenAIResponsesModel, AnthropicModel]

every_api = pytest.mark.parametrize("kind", MODELS, ids=["chat", "responses", "messages"])


class Verdict(BaseModel):
    count: int
    colour: Literal["red", "green"]
    is_fine: bool


@function_tool
def add(a: int, b: bool) -> str:
    """Add something."""
    return f"{a} {b}"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResponsesClient]:
    folder = tmp_path_factory.mktemp("llama_cpp")
    program = Path(__file__).with_name("llama_cpp_server.py")
    with open(folder / "log.txt", "w") as log:
        server = subprocess.Popen(
            [PYTHON, str(program), str(folder), str(free_port())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    assert address, (folder / "log.txt").read_text()
    yield ResponsesClient(base_url=f"{address}/v1", api_key="any")
    server.communicate()


END, CALL, BLANKS = 2, 259, [12, 13, 35]
"""Ids of the tokens that end an answer, that begin a call, and of tab, line feed and space."""


def biased(bias: dict[int, float], **options: Any) -> ModelSettings:
    """Settings with which a random model is likely to say some tokens, and hardly ever blanks."""
    body = {"logit_bias": [*bias.items(), *((blank, -50) for blank in BLANKS)]}
    return ModelSettings(max_tokens=2000, extra_body=body, **options)


TALKATIVE = biased({END: 5})
CALLING = biased({END: 101, CALL: 100}, tool_choice="required")
SPEAKING = TALKATIVE.resolve(ModelSettings(tool_choice="none"))


def calls_in(result: Any) -> list[Any]:
    return [item for item in result.new_items if item.type == "tool_call_item"]


def agent_with(kind: type[Any], client: ResponsesClient, **options: Any) -> Agent[Any]:
    model: Model = kind("random", client)
    return Agent("A", model=model, model_settings=options.pop("settings", TALKATIVE), **options)


def until_done(run: Callable[[], Any]) -> Any:
    """What a random model says, once it comes to an end within its tokens.

    What it says by chance may also look like a call that its server cannot read.
    """
    for _ in range(20):
        try:
            return run()
        except ResponseFailedError:
            continue
        except InternalServerError as error:
            if "does not match the expected" not in str(error):
                raise
    raise AssertionError("the model never came to an end")


@every_api
@whole_and_streamed
def test_a_text_comes_back_with_its_tokens_counted(
    run: Any, kind: type[Any], client: ResponsesClient
) -> None:
    agent = agent_with(kind, client, instructions="Be brief.")
    result = until_done(lambda: run(agent, "Hi"))
    assert isinstance(result.final_output, str)
    if kind is not AnthropicModel:  # there the server does not count what it had cached
        assert result.usage.input_tokens > 0
    assert result.usage.output_tokens > 0


@every_api
def test_the_deltas_make_up_the_text(kind: type[Any], client: ResponsesClient) -> None:
    agent = agent_with(kind, client)
    events, result = until_done(lambda: stream(agent, "Hi"))
    deltas = [
        event.data.delta
        for event in events
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]
    assert "".join(deltas) == result.final_output


@every_api
@whole_and_streamed
def test_tools_are_called_and_their_outputs_taken(
    run: Any, kind: type[Any], client: ResponsesClient
) -> None:
    session = SQLiteSession("s")
    caller = agent_with(kind, client, tools=[add], settings=CALLING)
    caller.tool_use_behavior = "stop_on_first_tool"
    result = until_done(lambda: run(caller, "Hi", session=session))
    assert {item.raw_item.name for item in calls_in(result)} == {"add"}
    assert result.final_output.endswith(("True", "False"))
    if kind is not AnthropicModel:  # there the server does not know the tool_choice "none"
        answer = run(caller.clone(model_settings=SPEAKING), "And?", session=session)
        assert isinstance(answer.final_output, str)


@whole_and_streamed
def test_a_random_model_obeys_the_schema_by_chat(run: Any, client: ResponsesClient) -> None:
    """By its other route the server does not hold a model to a schema (issue 26145 there)."""
    agent = agent_with(OpenAIChatCompletionsModel, client, output_type=Verdict)
    for _ in range(5):
        assert isinstance(run(agent, "Hi").final_output, Verdict)


@whole_and_streamed
def test_a_conversation_goes_on_by_the_other_apis(run: Any, client: ResponsesClient) -> None:
    session = SQLiteSession("s")
    for kind in [*MODELS, MODELS[0]]:
        agent = agent_with(kind, client, tools=[add], settings=CALLING)
        agent.tool_use_behavior = "stop_on_first_tool"
        assert calls_in(until_done(lambda agent=agent: run(agent, "Hi", session=session)))
    assert kinds(session.get_items()).count("user") == 4


@whole_and_streamed
def test_an_answer_that_is_too_long_is_an_error(run: Any, client: ResponsesClient) -> None:
    endless = biased({END: -100, CALL: -100})
    settings = endless.resolve(ModelSettings(max_tokens=3))
    agent = agent_with(OpenAIChatCompletionsModel, client, settings=settings)
    with pytest.raises(ResponseFailedError, match="max_output_tokens"):
        run(agent, "Hi")


def random_agent() -> Agent[Any]:
    """One whose model, at first, is likely to make calls."""
    return Agent(
        "A",
        model="random",
        tools=[add],
        model_settings=CALLING,
        tool_use_behavior="stop_on_first_tool",
    )


def speaking_agent() -> Agent[Any]:
    """One that speaks, with a tool that it does not call."""
    return Agent("A", model="random", tools=[add], model_settings=SPEAKING)


@every_api
@whole_and_streamed
@pytest.mark.parametrize("make", [random_agent, speaking_agent])
def test_a_run_is_played_without_any_network(
    make: Any, run: Any, kind: type[Any], client: ResponsesClient, tmp_path: Path
) -> None:
    if kind is AnthropicModel and make is speaking_agent:  # its server knows no such tool_choice
        make = random_agent
    agent = make().clone(model=kind("random", client))
    was = until_done(lambda: recorded(run, agent, "Hi", tmp_path))
    lists = played_without_network(f"{__name__}:{make.__name__}", "Hi", tmp_path)
    assert set(lists.values()) == {json.dumps(was.to_input_list())}
    assert len(lists) == 3
