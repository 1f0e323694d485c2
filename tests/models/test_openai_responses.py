"""The model behind the Responses API: what it sends, and through which client."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses

from agents_lite import (
    Agent,
    ApplyPatchTool,
    CustomTool,
    FolderEditor,
    HostedMCPTool,
    MCPToolChoice,
    ModelRequest,
    ModelSettings,
    OpenAIProvider,
    OpenAIResponsesModel,
    ResponsesClient,
    RunConfig,
    Runner,
    ShellTool,
    UserError,
    WebSearchTool,
    function_tool,
)
from agents_lite.models import default_client
from agents_lite.testing import ResponsesServer, status, text
from tests.support.spans import recorded_spans

URL = "http://127.0.0.1:9/v1/responses"
ANSWER = {
    "id": "resp_1",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": '{"response": 3}', "annotations": []}],
        }
    ],
}


@function_tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def sent(agent: Agent[Any], **options: Any) -> tuple[dict[str, Any], Any]:
    """Body and request of an agent's first model call."""
    client = ResponsesClient(
        api_key="sk-test", base_url="http://127.0.0.1:9/v1", organization="org-1", project="proj-1"
    )
    config = RunConfig(model=OpenAIResponsesModel("m", client))
    with responses.RequestsMock() as server:
        server.post(URL, json=ANSWER)
        Runner.run_sync(agent, "Hi", run_config=config, **options)
        request = server.calls[0].request
    return json.loads(request.body), request


def test_a_plain_request_holds_nothing_that_was_not_asked_for() -> None:
    body, request = sent(Agent("A"))
    assert body == {
        "model": "m",
        "input": [{"role": "user", "content": "Hi"}],
        "stream": False,
    }
    assert request.headers["Authorization"] == "Bearer sk-test"
    assert request.headers["OpenAI-Organization"] == "org-1"
    assert request.headers["OpenAI-Project"] == "proj-1"
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"temperature": 0.0, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
        ({"max_tokens": 9}, {"max_output_tokens": 9}),
        ({"tool_choice": "required"}, {"tool_choice": "required"}),
        ({"tool_choice": "add"}, {"tool_choice": {"type": "function", "name": "add"}}),
        (
            {"tool_choice": MCPToolChoice("docs", "ask")},
            {"tool_choice": {"type": "mcp", "server_label": "docs", "name": "ask"}},
        ),
        ({"tool_choice": "web_search"}, {"tool_choice": {"type": "web_search"}}),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ({"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        ({"include": ["a"], "response_include": ["b", "a"]}, {"include": ["a", "b"]}),
        ({"store": False, "metadata": {"k": "v"}}, {"store": False, "metadata": {"k": "v"}}),
        ({"extra_args": {"seed": 1}, "extra_body": {"model": "x"}}, {"seed": 1, "model": "x"}),
    ],
)
def test_settings_become_fields(settings: dict[str, Any], fields: dict[str, Any]) -> None:
    agent = Agent("A", tools=[add, WebSearchTool()], model_settings=ModelSettings(**settings))
    body, _ = sent(agent)
    assert {name: body[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("choice", "sent_as"),
    [
        ("shell", {"type": "shell"}),
        ("apply_patch", {"type": "apply_patch"}),
        ("ask", {"type": "custom", "name": "ask"}),
        ("hosted_mcp", {"type": "mcp", "server_label": "docs"}),
        ("transfer_to_b", {"type": "function", "name": "transfer_to_b"}),
    ],
)
def test_a_tool_but_a_function_is_chosen_by_its_type(choice: str, sent_as: dict[str, str]) -> None:
    tools = [
        ShellTool(lambda request: "done"),
        ApplyPatchTool(FolderEditor(".")),
        CustomTool("ask", "Ask.", lambda context, words: words),
        HostedMCPTool({"type": "mcp", "server_label": "docs", "server_url": "https://docs"}),
    ]
    settings = ModelSettings(tool_choice=choice)
    body, _ = sent(Agent("A", tools=tools, handoffs=[Agent("B")], model_settings=settings))
    assert body["tool_choice"] == sent_as


def test_extra_headers_and_query_are_sent() -> None:
    settings = ModelSettings(extra_headers={"X-One": "1"}, extra_query={"two": "2"})
    _, request = sent(Agent("A", model_settings=settings))
    assert request.headers["X-One"] == "1"
    assert request.url == f"{URL}?two=2"


def test_tools_handoffs_instructions_and_output_type_are_declared() -> None:
    other = Agent("Other one", handoff_description="Knows more.")
    agent = Agent("A", instructions="Be brief.", tools=[add], handoffs=[other], output_type=int)
    body, _ = sent(agent)
    assert body["instructions"] == "Be brief."
    assert [tool["name"] for tool in body["tools"]] == ["add", "transfer_to_other_one"]
    assert all(tool["strict"] for tool in body["tools"])
    assert body["text"]["format"]["name"] == "final_output"
    assert body["text"]["format"]["schema"]["required"] == ["response"]


def test_a_stored_prompt_and_a_conversation_are_named() -> None:
    agent = Agent("A", prompt={"id": "pmpt_1", "variables": {"x": "y"}})
    body, _ = sent(agent, conversation_id="conv_1")
    assert body["prompt"] == {"id": "pmpt_1", "variables": {"x": "y"}}
    assert body["conversation"] == "conv_1"


def test_the_environment_names_key_server_and_model(monkeypatch: pytest.MonkeyPatch) -> None:
    with ResponsesServer([text("ok")], api_key="sk-env") as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_DEFAULT_MODEL", "m-env")
        assert Runner.run_sync(Agent("A"), "Hi").final_output == "ok"
        assert server.requests[0].body["model"] == "m-env"


def test_without_a_key_the_error_names_the_variable() -> None:
    with pytest.raises(UserError, match="OPENAI_API_KEY"):
        Runner.run_sync(Agent("A"), "Hi")


def test_clients_are_shared_as_long_as_the_environment_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    first = default_client.default_client()
    assert default_client.default_client() is first
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8/v1")
    assert default_client.default_client() is not first


def test_a_provider_with_a_client_uses_it() -> None:
    with ResponsesServer([text("ok")]) as server:
        models = OpenAIProvider(ResponsesClient(base_url=server.base_url))
        result = Runner.run_sync(Agent("A"), "Hi", run_config=RunConfig(model_provider=models))
        assert result.final_output == "ok"
        assert server.requests[0].body["model"] == "gpt-4o"


def test_a_retry_appears_on_the_span_of_the_model_call() -> None:
    script = [status(503, {"error": {"message": "busy"}}), text("ok")]
    with ResponsesServer(script) as server, recorded_spans() as recorder:
        client = ResponsesClient(base_url=server.base_url, retry_delay=0.001)
        Runner.run_sync(Agent("A", model=OpenAIResponsesModel("m", client)), "Hi")
    [config] = [
        span.span_data.model_config
        for span in recorder.spans
        if span.span_data.type == "generation"
    ]
    [retry] = config["retries"]
    assert retry["attempt"] == 1 and "503" in retry["reason"] and retry["delay"] >= 0


def test_a_model_answers_outside_a_run() -> None:
    with ResponsesServer([text("ok")]) as server:
        model = OpenAIResponsesModel("m", ResponsesClient(base_url=server.base_url))
        response = model.respond(ModelRequest(input=[{"role": "user", "content": "Hi"}]))
    assert response.output[0].content[0].text == "ok"
    assert response.usage.requests == 1


def test_long_ids_of_other_servers_are_sent_short_call_and_output_alike() -> None:
    def made(call_id: str) -> list[dict[str, Any]]:
        called = {"type": "function_call", "name": "add", "arguments": "{}", "call_id": call_id}
        return [called, {"type": "function_call_output", "output": "3", "call_id": call_id}]

    first, second, fits = "x" * 65, "x" * 66, "x" * 64
    brought = [*made(first), *made(second), *made(fits), {"role": "user", "content": "Hi"}]
    with ResponsesServer(["Hello!"] * 2) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        agent = Agent("A", model=OpenAIResponsesModel("m", client))
        results = [Runner.run_sync(agent, brought) for _ in range(2)]
        ids = [[item.get("call_id") for item in each.body["input"]] for each in server.requests]
    assert ids[0] == ids[1]
    assert ids[0][0] == ids[0][1] != ids[0][2] == ids[0][3]
    assert ids[0][4:6] == [fits, fits]
    assert results[0].to_input_list()[:7] == brought


def test_ids_of_items_that_other_servers_gave_are_not_sent() -> None:
    from agents_lite.models.openai_responses import request_body

    called = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c1"}
    said = {"role": "assistant", "content": "Hello!"}
    for item, own, foreign in (
        (called, "fc_1", "call_1"),
        (said, "msg_1", "0b7e"),
        ({**said, "type": "message"}, "msg_1", "__fake_id__"),
        ({"type": "reasoning", "summary": [], "encrypted_content": "x"}, "rs_1", "thought-7"),
        ({**called, "call_id": "x" * 64}, "fc_1", ""),
    ):
        for call_id, sent in ((own, {**item, "id": own}), (foreign, item)):
            request = ModelRequest([{**item, "id": call_id}])
            assert request_body("m", request)["input"] == [sent]


def test_what_is_refused_is_left_out_wherever_it_joins_the_requests_of_a_run() -> None:
    from agents_lite.concurrency.cancellation import Cancellation
    from agents_lite.models.openai_responses import as_sent

    plain, other = {"role": "user", "content": "Hi"}, {"role": "user", "content": "Hi"}
    refused = [
        {**plain, "id": "0b7e"},
        {**plain, "status": None},
        {"type": "reasoning", "summary": [], "replayed": {}},
    ]
    for item in refused:
        run = Cancellation()
        for items in (
            [plain],
            [plain, other],
            [plain, other, item],
            [plain, other, item, plain],
            [item, other],
            [other],
            [item],
            [other, plain, plain],
            [other, item, plain],
        ):
            sent = as_sent(items, run=run)
            assert sent == as_sent(items)
            assert item not in sent


def test_where_the_server_keeps_nothing_reasoning_without_content_is_not_sent() -> None:
    from agents_lite.models.openai_responses import request_body

    called = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c1"}
    bare: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
    told = {**bare, "content": [{"type": "reasoning_text", "text": "Hm."}]}
    for store, thought, sent in (
        (False, bare, [called]),
        (False, {**bare, "encrypted_content": None}, [called]),
        (False, {**bare, "encrypted_content": "x"}, None),
        (False, told, None),
        (True, bare, None),
        (None, bare, None),
    ):
        brought = [thought, {**called, "id": "fc_1"}]
        request = ModelRequest(brought, model_settings=ModelSettings(store=store))
        assert request_body("m", request)["input"] == (sent or brought)


def test_a_long_id_that_its_server_alone_knows_stays() -> None:
    from agents_lite.models.openai_responses import request_body

    known = {"type": "function_call_output", "output": "3", "call_id": "x" * 65}
    signed = {"type": "function_call", "name": "f", "call_id": f"{'x' * 65}__thought__x"}
    for item in (known, signed):
        assert request_body("m", ModelRequest([item]))["input"] == [item]
