"""The model behind Chat Completions, in runs against the stand-in."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    BadRequestError,
    ModelRefusalError,
    ModelSettings,
    NotFoundError,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    ResponseFailedError,
    ResponsesClient,
    RunConfig,
    Runner,
    SQLiteSession,
    UserError,
    WebSearchTool,
    function_tool,
)
from agents_lite.testing import (
    HTTPReply,
    HTTPRequest,
    ResponsesServer,
    call,
    handoff_to,
    reasoning,
    refusal,
    status,
    token_usage,
    turn,
)
from tests.support.drivers import every_driver, every_stream, whole_and_streamed
from tests.support.loopback import LoopbackServer, Peer, http_answer, stream_answer
from tests.support.spans import recorded_spans

PATH = "/v1/responses"
ANSWER = '{"city": "Ulm", "degrees": 3}'


class Weather(BaseModel):
    city: str
    degrees: int


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture
def serve() -> Iterator[Callable[..., ResponsesServer]]:
    """Starts stand-ins; at the end the test fails if a script has turns left."""
    servers: list[ResponsesServer] = []

    def start(script: Any = None, **options: Any) -> ResponsesServer:
        servers.append(ResponsesServer(script, **options).start())
        return servers[-1]

    yield start
    for server in servers:
        server.close()
        server.assert_finished()


def client_of(server: Any) -> ResponsesClient:
    return ResponsesClient(base_url=server.base_url, api_key="sk-of-the-test", retry_delay=0.01)


def chat_model(server: Any, **options: Any) -> OpenAIChatCompletionsModel:
    return OpenAIChatCompletionsModel("m", client_of(server), **options)


@every_driver
def test_a_tool_is_called_and_its_output_comes_back(run: Any, serve: Any) -> None:
    server = serve([call("add", a=1, b=2, call_id="c1"), "It is 3."])
    agent = Agent("A", instructions="Add.", model=chat_model(server), tools=[add])
    result = run(agent, "1 + 2?")
    assert result.final_output == "It is 3."
    assert (result.usage.requests, result.usage.input_tokens, result.usage.output_tokens) == (
        2,
        20,
        10,
    )
    first, second = (request.body for request in server.requests)
    assert first["tools"][0]["function"]["name"] == "add"
    assert second["messages"] == [
        {"role": "system", "content": "Add."},
        {"role": "user", "content": "1 + 2?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "add", "arguments": '{"a":1,"b":2}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "3"},
    ]


@every_driver
def test_an_output_type_is_asked_for_by_its_schema(run: Any, serve: Any) -> None:
    server = serve(['{"city": "Ulm", "degrees": 3}'])
    agent = Agent("A", model=chat_model(server), output_type=Weather)
    assert run(agent, "Hi").final_output == Weather(city="Ulm", degrees=3)
    wanted = server.requests[0].body["response_format"]
    assert (wanted["type"], wanted["json_schema"]["strict"]) == ("json_schema", True)


@every_driver
def test_calls_of_one_turn_are_all_answered(run: Any, serve: Any) -> None:
    server = serve([[call("add", a=1, b=2), call("add", a=3, b=4)], "3 and 7."])
    assert run(Agent("A", model=chat_model(server), tools=[add]), "Hi").final_output == "3 and 7."
    outputs = [message["content"] for message in server.requests[1].body["messages"][-2:]]
    assert outputs == ["3", "7"]


@every_driver
def test_a_refusal_is_an_error_with_the_model_s_words(run: Any, serve: Any) -> None:
    with pytest.raises(ModelRefusalError, match="I won't"):
        run(Agent("A", model=chat_model(serve([refusal("I won't.")]))), "Hi")


@every_driver
@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_an_answer_cut_short_is_an_error(run: Any, serve: Any, reason: str) -> None:
    cut = turn("Half an ans", status="incomplete", incomplete_details={"reason": reason})
    with pytest.raises(ResponseFailedError, match=reason) as caught:
        run(Agent("A", model=chat_model(serve([cut]))), "Hi")
    assert caught.value.code == reason


@every_driver
def test_cached_and_reasoning_tokens_are_counted(run: Any, serve: Any) -> None:
    usage = token_usage(9, 8, cached_tokens=7, reasoning_tokens=6)
    result = run(Agent("A", model=chat_model(serve([turn("Hi", usage=usage)]))), "Hi")
    assert result.usage.input_tokens_details.cached_tokens == 7
    assert result.usage.output_tokens_details.reasoning_tokens == 6


@every_driver
def test_reasoning_is_an_item_and_goes_back_to_its_server(run: Any, serve: Any) -> None:
    server = serve([[reasoning("Adding."), call("add", a=1, b=2)], "3"])
    result = run(Agent("A", model=chat_model(server), tools=[add]), "Hi")
    assert result.new_items[0].type == "reasoning_item"
    assert server.requests[1].body["messages"][1]["reasoning_content"] == "Adding."


def test_reasoning_stays_here_if_it_is_told_to(serve: Any) -> None:
    server = serve([[reasoning("Adding."), call("add", a=1, b=2)], "3"])
    model = chat_model(server, replay_reasoning=False)
    Runner.run_sync(Agent("A", model=model, tools=[add]), "Hi")
    assert "reasoning_content" not in server.requests[1].body["messages"][1]


@whole_and_streamed
@pytest.mark.parametrize("output_type", [None, Weather])
def test_the_request_s_id_is_kept(run: Any, serve: Any, output_type: Any) -> None:
    agent = Agent("A", model=chat_model(serve([ANSWER])), output_type=output_type)
    [response] = run(agent, "Hi").raw_responses
    assert response.request_id.startswith("req_")


def test_reasoning_of_another_server_on_this_machine_stays_behind(serve: Any) -> None:
    first, second = serve([[reasoning("Adding."), handoff_to("Second")]]), serve(["3"])
    other = Agent("Second", model=chat_model(second))
    Runner.run_sync(Agent("First", model=chat_model(first), handoffs=[other]), "Hi")
    assert not any("reasoning_content" in m for m in second.requests[0].body["messages"])


def test_azure_is_reached_by_the_path_of_its_deployment() -> None:
    chat = {"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]}
    with LoopbackServer(http_answer(content=chat)) as server:
        client = ResponsesClient(
            base_url=f"{server.origin}/openai/deployments/d?api-version=2024-10-21",
            api_key="",
            default_headers={"api-key": "k"},
        )
        model = OpenAIChatCompletionsModel("d", client)
        assert Runner.run_sync(Agent("A", model=model), "Hi").final_output == "ok"
        request = server.requests[0]
    assert request.path == "/openai/deployments/d/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == "k"
    assert "authorization" not in request.headers


# What is asked


def sent(serve: Any, agent: Agent[Any], **settings: Any) -> dict[str, Any]:
    """The body of a request with these settings."""
    server = serve(["ok"])
    config = RunConfig(model=chat_model(server), model_settings=ModelSettings(**settings))
    Runner.run_sync(agent, "Hi", run_config=config)
    body: dict[str, Any] = server.requests[0].body
    return body


def test_a_plain_request_holds_nothing_that_was_not_asked_for(serve: Any) -> None:
    assert sent(serve, Agent("A")) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": False,
    }


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"temperature": 0.0, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        (
            {"tool_choice": "add"},
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
        ),
        (
            {"tool_choice": {"type": "function", "name": "add"}},
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
        ),
        ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, {"reasoning_effort": "low"}),
        ({"verbosity": "low"}, {"verbosity": "low"}),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"frequency_penalty": 0.5, "presence_penalty": 0.0}, {"presence_penalty": 0.0}),
        ({"store": False, "metadata": {"k": "v"}}, {"store": False, "metadata": {"k": "v"}}),
        ({"extra_args": {"seed": 1}, "extra_body": {"model": "x"}}, {"seed": 1, "model": "x"}),
    ],
)
def test_settings_become_fields(
    serve: Any, settings: dict[str, Any], fields: dict[str, Any]
) -> None:
    body = sent(serve, Agent("A", tools=[add]), **settings)
    assert {name: body[name] for name in fields} == fields


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_how_to_call_tools_is_not_said_where_there_are_none(serve: Any, choice: str) -> None:
    body = sent(serve, Agent("A"), tool_choice=choice, parallel_tool_calls=True)
    assert not {"tool_choice", "parallel_tool_calls", "tools"} & body.keys()


def test_who_demands_a_call_where_there_are_no_tools_is_told_by_the_server(serve: Any) -> None:
    with pytest.raises(BadRequestError, match="only allowed when 'tools' are specified"):
        settings = ModelSettings(tool_choice="required")
        Runner.run_sync(Agent("A", model=chat_model(serve([])), model_settings=settings), "Hi")


def test_openai_s_own_servers_have_another_name_for_the_most_tokens() -> None:
    from agents_lite import ModelRequest
    from agents_lite.models.chat.request import chat_request_body

    request = ModelRequest(input=[], model_settings=ModelSettings(max_tokens=9))
    for host in ("api.openai.com", "x.openai.azure.com"):
        body = chat_request_body(
            "m", request, host=host, output_format="text", replay_reasoning=False
        )
        assert body["max_completion_tokens"] == 9


@every_stream
def test_streams_are_asked_to_tell_the_usage(read: Any, serve: Any) -> None:
    server = serve(["ok"])
    _, result = read(Agent("A", model=chat_model(server)), "Hi")
    assert server.requests[0].body["stream_options"] == {"include_usage": True}
    assert result.usage.total_tokens == 15
    silent = ModelSettings(include_usage=False)
    server = serve(["ok"])
    read(Agent("A", model=chat_model(server), model_settings=silent), "Hi")
    assert "stream_options" not in server.requests[0].body


@every_stream
def test_deltas_are_those_of_the_responses_api(read: Any, serve: Any) -> None:
    server = serve([[reasoning("Hm, hm."), "Hello, you there!"]])
    events, result = read(Agent("A", model=chat_model(server)), "Hi")
    deltas: dict[str, str] = {}
    for event in events:
        if event.type == "raw_response_event" and event.data.type.endswith(".delta"):
            deltas[event.data.type] = deltas.get(event.data.type, "") + event.data.delta
    assert deltas == {
        "response.reasoning_text.delta": "Hm, hm.",
        "response.output_text.delta": "Hello, you there!",
    }


def test_headers_and_query_are_sent(serve: Any) -> None:
    server = serve(["ok"])
    settings = ModelSettings(extra_headers={"X-One": "1"}, extra_query={"api-version": "2"})
    Runner.run_sync(Agent("A", model=chat_model(server), model_settings=settings), "Hi")
    request = server.requests[0]
    assert (request.path, request.query) == ("/v1/chat/completions", {"api-version": "2"})
    assert request.headers["x-one"] == "1"


@every_driver
@pytest.mark.parametrize(
    ("agent", "options", "feature"),
    [
        ({"tools": [WebSearchTool()]}, {}, "web_search"),
        ({"prompt": {"id": "pmpt_1"}}, {}, "stored prompt"),
        ({}, {"previous_response_id": "resp_1"}, "previous_response_id"),
        ({}, {"conversation_id": "conv_1"}, "conversation_id"),
        ({"model_settings": ModelSettings(truncation="auto")}, {}, "truncation"),
        ({"model_settings": ModelSettings(extra_body={"background": True})}, {}, "background"),
        ({"model_settings": ModelSettings(tool_choice={"type": "mcp"})}, {}, "tool_choice"),
    ],
)
def test_what_the_api_cannot_say_is_refused_before_anything_is_sent(
    run: Any, serve: Any, agent: dict[str, Any], options: dict[str, Any], feature: str
) -> None:
    server = serve([])
    with pytest.raises(UserError, match=rf"Agent Ann .*{feature}"):
        run(Agent("Ann", model=chat_model(server), **agent), "Hi", **options)
    assert server.requests == []


# One conversation by two APIs


@every_driver
def test_a_conversation_goes_on_by_the_other_api(run: Any, serve: Any) -> None:
    server = serve(
        [[reasoning("Adding."), call("add", a=1, b=2)], "3", "Yes, 3.", [call("add")], "Bye."]
    )
    session = SQLiteSession("s")
    by_chat = Agent("A", model=chat_model(server), tools=[add])
    by_responses = by_chat.clone(model=OpenAIResponsesModel("m", client_of(server)))
    run(by_chat, "1 + 2?", session=session)
    run(by_responses, "Sure?", session=session)
    assert run(by_chat, "Bye", session=session).final_output == "Bye."
    kinds = [item.get("type") for item in server.requests[2].body["input"]]
    assert kinds == [None, "function_call", "function_call_output", "message", None]
    assert len(server.requests[4].body["messages"]) == 9


@every_driver
@pytest.mark.parametrize("first", ["chat", "responses"])
def test_a_handoff_crosses_from_one_api_to_the_other(run: Any, serve: Any, first: str) -> None:
    server = serve([[reasoning("Not mine."), handoff_to("Second")], "Here I am."])
    models = [chat_model(server), OpenAIResponsesModel("m", client_of(server))]
    if first == "responses":
        models.reverse()
    second = Agent("Second", model=models[1])
    result = run(Agent("First", model=models[0], handoffs=[second]), "Hi")
    assert (result.final_output, result.last_agent) == ("Here I am.", second)
    assert {request.path for request in server.requests} == {"/v1/chat/completions", PATH}


# Servers that do not take a schema


def picky(*refused: str, answer: str, message: str = "") -> Callable[[HTTPRequest], Any]:
    """A server that refuses these response formats."""

    def reply(request: HTTPRequest) -> HTTPReply | str:
        wanted = (request.body.get("response_format") or {"type": "text"})["type"]
        if wanted in refused:
            return status(400, {"message": message or f"response_format {wanted} is unavailable"})
        return answer

    return reply


@every_driver
@pytest.mark.parametrize(
    ("refused", "last"),
    [(["json_schema"], {"type": "json_object"}), (["json_schema", "json_object"], None)],
)
def test_the_schema_goes_into_the_prompt_where_the_format_is_refused(
    run: Any, serve: Any, refused: list[str], last: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(picky(*refused, answer=f"Here:\n```json\n{ANSWER}\n```"))
    agent = Agent("A", instructions="Tell.", model=chat_model(server), output_type=Weather)
    with caplog.at_level(logging.WARNING, "agents_lite"):
        for _ in range(2):
            assert run(agent, "Hi").final_output == Weather(city="Ulm", degrees=3)
    assert len(server.requests) == len(refused) + 2  # refused but once
    assert len(caplog.records) == len(refused)  # and told but once
    body = server.requests[-1].body
    assert body.get("response_format") == last
    assert body["messages"][0]["content"].startswith("Tell.")
    assert '"degrees"' in body["messages"][0]["content"]


def test_a_schema_that_is_too_much_for_a_server_goes_into_the_prompt(serve: Any) -> None:
    message = "The schema produces a constraint that has too many states for serving."
    server = serve(picky("json_schema", answer=ANSWER, message=message))
    agent = Agent("A", model=chat_model(server), output_type=Weather)
    assert Runner.run_sync(agent, "Hi").final_output == Weather(city="Ulm", degrees=3)


def test_a_server_that_takes_no_format_beside_tools_is_asked_for_text(serve: Any) -> None:
    message = "Function calling with a response mime type: 'application/json' is unsupported"
    server = serve(picky("json_schema", "json_object", answer=ANSWER, message=message))
    agent = Agent("A", model=chat_model(server), tools=[add], output_type=Weather)
    assert Runner.run_sync(agent, "Hi").final_output == Weather(city="Ulm", degrees=3)
    assert "response_format" not in server.requests[-1].body


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (["json_schema"], "There is no such model"),
        (["json_schema"], "Invalid schema for response_format 'final_output'"),
        (["json_schema"], "tools.0.custom.input_schema: JSON schema is invalid. It must match"),
        (["json_schema", "json_object", "text"], "No response_format will do"),
    ],
)
def test_another_refusal_is_raised(serve: Any, refused: list[str], message: str) -> None:
    server = serve(picky(*refused, answer=ANSWER, message=message))
    with pytest.raises(BadRequestError, match=re.escape(message)):
        Runner.run_sync(Agent("A", model=chat_model(server), output_type=Weather), "Hi")


NO_SYSTEM = "System role not supported"


@pytest.mark.parametrize(
    ("options", "is_refused", "message"),
    [
        ({"instructions": "Tell."}, lambda body: '"system"' in json.dumps(body), NO_SYSTEM),
        (
            {"output_type": Weather},
            lambda body: body.get("response_format", {}).get("type") == "json_schema",
            "response_format json_schema is unavailable",
        ),
    ],
    ids=["a demand", "a format"],
)
def test_requests_that_are_refused_at_the_same_time_all_learn_one_thing(
    options: Any, is_refused: Callable[[Any], bool], message: str
) -> None:
    both_are_here, one_has_learned = Barrier(2), Event()
    taken = []

    def answer(peer: Peer) -> None:
        assert peer.request is not None
        body = peer.request.json
        if is_refused(body):
            if both_are_here.wait(60) and not one_has_learned.wait(60):
                return
            peer.send(http_answer(400, {"error": {"message": message}}))
            return
        taken.append(body)
        one_has_learned.set()
        choice = {"message": {"content": ANSWER}, "finish_reason": "stop"}
        peer.send(http_answer(content={"id": "c", "choices": [choice]}))

    with LoopbackServer(always=answer) as server, ThreadPoolExecutor() as threads:
        agent = Agent("A", model=chat_model(server), **options)
        results = [threads.submit(Runner.run_sync, agent, "Hi") for _ in range(2)]
        assert [result.result() for result in results]
    assert len(server.requests) == 4
    assert taken[0] == taken[1]


# Errors, retries, cancelling: those of the client


def test_an_error_in_place_of_an_answer_is_raised(serve: Any) -> None:
    answers = [http_answer(content={"error": {"message": "overloaded", "code": 400}})]
    chunks = b'data: {"error": {"message": "overloaded", "code": 400}}\n\ndata: [DONE]\n\n'
    answers.append(stream_answer(chunks))
    for answer in answers:
        with LoopbackServer(answer, answer, answer) as server:
            with pytest.raises(ResponseFailedError, match="overloaded") as caught:
                Runner.run_sync(Agent("A", model=chat_model(server)), "Hi")
            assert caught.value.code == "400"


def test_a_picture_alone_ends_a_run_and_stays_out_of_the_next_request() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    said = {"role": "assistant", "content": "", "images": [image]}
    answer = http_answer(content={"choices": [{"message": said, "finish_reason": "stop"}]})
    with LoopbackServer(answer, answer) as server:
        agent = Agent("A", model=chat_model(server))
        result = Runner.run_sync(agent, "Draw")
        Runner.run_sync(agent, [*result.to_input_list(), {"role": "user", "content": "More"}])
        sent = [message["content"] for message in server.requests[1].json["messages"]]
    assert [item.raw_item.result for item in result.new_items] == ["AAAA"]
    assert sent == ["Draw", "More"]


def test_a_busy_server_is_asked_again(serve: Any) -> None:
    server = serve([status(429), status(503), "ok"])
    with recorded_spans() as recorder:
        result = Runner.run_sync(Agent("A", model=chat_model(server)), "Hi")
    assert result.final_output == "ok"
    [span] = [each for each in recorder.spans if each.span_data.type == "generation"]
    assert len(span.span_data.model_config["retries"]) == 2


@pytest.mark.parametrize(
    "choice",
    [
        {"finish_reason": "error"},
        {"finish_reason": "error", "error": {"code": 502, "message": "Lost."}},
        {"finish_reason": "insufficient_system_resource"},
        {"finish_reason": "function_call_filter: MALFORMED_FUNCTION_CALL"},
    ],
)
def test_an_answer_that_failed_by_chance_is_asked_for_again(choice: dict[str, Any]) -> None:
    """Told in https://github.com/earendil-works/pi/issues/9002, and in the servers' references."""
    half, whole = [
        http_answer(content={"choices": [{"message": {"content": text}, **end}]})
        for text, end in (("A be", choice), ("A bell.", {"finish_reason": "stop"}))
    ]
    with LoopbackServer(half, half, whole) as server:
        assert Runner.run_sync(Agent("A", model=chat_model(server)), "Hi").final_output == "A bell."


def test_an_answer_whose_calls_the_server_has_lost_is_asked_for_again() -> None:
    """Told in https://github.com/vllm-project/vllm/issues/50889."""
    lost = {"message": {"content": None, "tool_calls": []}, "finish_reason": "tool_calls"}
    whole = {"message": {"content": "A bell."}, "finish_reason": "stop"}
    answers = [http_answer(content={"choices": [choice]}) for choice in (lost, whole)]
    with LoopbackServer(*answers) as server:
        assert Runner.run_sync(Agent("A", model=chat_model(server)), "Hi").final_output == "A bell."


def test_an_unknown_model_is_an_error(serve: Any) -> None:
    server = serve([], models=["other"])
    with pytest.raises(BadRequestError, match="'m' does not exist"):
        Runner.run_sync(Agent("A", model=chat_model(server)), "Hi")


def test_no_error_shows_the_key(serve: Any) -> None:
    answer = http_answer(400, {"error": {"message": "What is sk-of-the-test?"}})
    with LoopbackServer(answer) as server, pytest.raises(BadRequestError) as caught:
        Runner.run_sync(Agent("A", model=chat_model(server)), "Hi")
    assert "sk-of" not in str(caught.value) + repr(caught.value.body)


def test_a_server_without_the_responses_api_is_told_of(serve: Any) -> None:
    with LoopbackServer(always=http_answer(404, {"detail": "Not Found"})) as server:
        model = OpenAIResponsesModel("m", client_of(server))
        with pytest.raises(NotFoundError, match="set_default_openai_api"):
            Runner.run_sync(Agent("A", model=model), "Hi")
        with pytest.raises(NotFoundError) as caught:
            Runner.run_sync(Agent("A", model=chat_model(server)), "Hi")
        assert "set_default_openai_api" not in str(caught.value)


def test_a_missing_model_is_not_taken_for_a_missing_api(serve: Any) -> None:
    answer = http_answer(404, {"error": {"message": "model 'm' not found", "code": None}})
    with LoopbackServer(answer) as server, pytest.raises(NotFoundError) as caught:
        Runner.run_sync(Agent("A", model=OpenAIResponsesModel("m", client_of(server))), "Hi")
    assert "set_default_openai_api" not in str(caught.value)


def test_a_stream_that_is_left_closes_its_connection(serve: Any) -> None:
    server = serve([turn("One two three four five", pause=0.05)])
    stream = Runner.stream(Agent("A", model=chat_model(server)), "Hi")
    for event in stream:
        if event.type == "raw_response_event":
            break
    stream.close()
    assert server.requests[0].client_left.wait(60)


def test_a_stream_that_breaks_off_is_an_error() -> None:
    chunk = json.dumps({"id": "c", "choices": [{"delta": {"content": "Hi"}}]})
    with LoopbackServer(stream_answer(f"data: {chunk}\n\n".encode())) as server:
        stream = Runner.run_streamed(Agent("A", model=chat_model(server)), "Hi")
        with pytest.raises(ResponseFailedError, match="broke off"):
            list(stream.stream_events())
