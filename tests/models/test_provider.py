"""From a model's name to the model, its server and its API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agents_lite import (
    Agent,
    MultiProvider,
    OpenAIChatCompletionsModel,
    OpenAIProvider,
    OpenAIResponsesModel,
    ResponsesClient,
    RunConfig,
    Runner,
    UserError,
    get_default_model,
    is_gpt_5_default,
    set_default_openai_api,
)
from agents_lite.models import default_client
from agents_lite.models.known_servers import KNOWN_SERVERS, ollama_url
from agents_lite.testing import ResponsesServer

LOCAL = ResponsesClient(base_url="http://127.0.0.1:9/v1")


@pytest.fixture(autouse=True)
def no_api_is_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(default_client, "_default_api", None)
    for server in KNOWN_SERVERS.values():
        if server.key_variable:
            monkeypatch.delenv(server.key_variable, raising=False)
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    yield


def kind(provider: Any) -> type[Any]:
    return type(provider.get_model("m"))


# One server, two APIs


def test_the_responses_api_is_the_default() -> None:
    assert kind(OpenAIProvider(LOCAL)) is OpenAIResponsesModel


@pytest.mark.parametrize("value", ["chat_completions", "CHAT_COMPLETIONS"])
def test_the_environment_names_the_api(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OPENAI_API_TYPE", value)
    assert kind(OpenAIProvider(LOCAL)) is OpenAIChatCompletionsModel


def test_what_others_mean_by_the_variable_is_nothing_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    assert kind(OpenAIProvider(LOCAL)) is OpenAIResponsesModel


def test_a_slip_in_the_variable_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_TYPE", "chat-completions")
    with pytest.raises(UserError, match="OPENAI_API_TYPE .*chat_completions.*chat-completions"):
        OpenAIProvider(LOCAL).get_model("m")


def test_what_is_set_in_code_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_TYPE", "responses")
    set_default_openai_api("chat_completions")
    assert kind(OpenAIProvider(LOCAL)) is OpenAIChatCompletionsModel


def test_an_api_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UserError, match="realtime"):
        set_default_openai_api("realtime")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("use_responses", "model"),
    [(True, OpenAIResponsesModel), (False, OpenAIChatCompletionsModel)],
)
def test_what_a_provider_is_told_wins_over_all(use_responses: bool, model: type[Any]) -> None:
    set_default_openai_api("chat_completions" if use_responses else "responses")
    assert kind(OpenAIProvider(LOCAL, use_responses=use_responses)) is model


def test_a_run_that_names_its_model_alone_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    with ResponsesServer(["ok"]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_TYPE", "chat_completions")
        assert Runner.run_sync(Agent("A", model="m"), "Hi").final_output == "ok"
        assert server.requests[0].path == "/v1/chat/completions"


# Many servers


def client_of(model: Any) -> ResponsesClient:
    client: ResponsesClient = model._client
    return client


def test_a_prefix_names_the_provider() -> None:
    with ResponsesServer(["ok"]) as server:
        local = OpenAIProvider(ResponsesClient(base_url=server.base_url), use_responses=False)
        config = RunConfig(model_provider=MultiProvider({"local": local}))
        agent = Agent("A", model="local/org/model")
        assert Runner.run_sync(agent, "Hi", run_config=config).final_output == "ok"
        assert server.requests[0].body["model"] == "org/model"


@pytest.mark.parametrize("prefix", KNOWN_SERVERS)
def test_a_known_server_is_asked_by_chat_completions(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KNOWN_SERVERS[prefix]
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-openai")
    if known.key_variable:
        monkeypatch.setenv(known.key_variable, "k-1")
    model = MultiProvider().get_model(f"{prefix}/some-model")
    assert isinstance(model, OpenAIChatCompletionsModel)
    assert model.model == "some-model"
    client = client_of(model)
    assert client.base_url == known.base_url
    assert client._headers() == {}
    assert client._key() == ("k-1" if known.key_variable else "")


def test_a_known_server_without_its_key_names_the_variable() -> None:
    with pytest.raises(UserError, match="DEEPSEEK_API_KEY"):
        MultiProvider().get_model("deepseek/deepseek-chat")


def test_a_client_is_made_but_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    models = MultiProvider()
    one, two = models.get_model("deepseek/one"), models.get_model("deepseek/two")
    assert client_of(one) is client_of(two)


def test_a_provider_of_one_s_own_wins_over_a_known_server() -> None:
    models = MultiProvider({"ollama": OpenAIProvider(LOCAL, use_responses=True)})
    assert kind(models) is OpenAIResponsesModel
    assert client_of(models.get_model("ollama/m")) is LOCAL


@pytest.mark.parametrize(
    ("name", "asked_for"),
    [("gpt-4o", "gpt-4o"), ("openai/gpt-4o", "gpt-4o"), ("Qwen/Qwen3", "Qwen/Qwen3")],
)
def test_other_names_go_to_the_default(name: str, asked_for: str) -> None:
    model: Any = MultiProvider(default=OpenAIProvider(LOCAL)).get_model(name)
    assert (model.model, client_of(model)) == (asked_for, LOCAL)


def test_no_name_is_the_default_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_DEFAULT_MODEL", "m-env")
    model: Any = MultiProvider(default=OpenAIProvider(LOCAL)).get_model(None)
    assert model.model == "m-env"


@pytest.mark.parametrize("prefix", ["", "a/b"])
def test_a_prefix_that_cannot_be_one_is_refused(prefix: str) -> None:
    with pytest.raises(UserError, match="prefix"):
        MultiProvider({prefix: OpenAIProvider(LOCAL)})


def test_a_prefix_alone_is_no_name() -> None:
    with pytest.raises(UserError, match="ollama/"):
        MultiProvider().get_model("ollama/")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:11500", "http://127.0.0.1:11500/v1"),
        (":11500", "http://127.0.0.1:11500/v1"),
        ("http://box", "http://box:80/v1"),
        ("https://box/", "https://box:443/v1"),
        ("http://box:1234/v1", "http://box:1234/v1"),
        ("[::1]:1234", "http://[::1]:1234/v1"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(
    host: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ollama_url(host) == url
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert client_of(MultiProvider().get_model("ollama/m")).base_url == url


def test_an_ollama_host_that_is_none_is_told() -> None:
    with pytest.raises(UserError, match="OLLAMA_HOST"):
        ollama_url("box:port")


class ForeignClient:
    """What a client of the `openai` package tells of itself."""

    api_key = "sk-foreign"
    base_url = "http://127.0.0.1:9/v1/"
    organization = "org-1"
    project = None
    max_retries = 0


@pytest.mark.parametrize(
    "named",
    [
        lambda client: OpenAIResponsesModel("m", openai_client=client),
        lambda client: OpenAIChatCompletionsModel("m", openai_client=client),
        lambda client: OpenAIProvider(openai_client=client).get_model("m"),
    ],
)
def test_a_client_of_the_openai_package_says_which_server(named: Any) -> None:
    client = ForeignClient()
    with ResponsesServer(["Hello"]) as server:
        client.base_url = server.base_url + "/"
        result = Runner.run_sync(Agent(name="A", model=named(client)), "Hi")
    assert result.final_output == "Hello"
    assert server.requests[0].headers["authorization"] == "Bearer sk-foreign"
    assert server.requests[0].headers["openai-organization"] == "org-1"


def test_what_is_no_client_is_refused() -> None:
    with pytest.raises(UserError, match="not str"):
        OpenAIResponsesModel("m", "client")  # type: ignore[arg-type]


def test_a_provider_makes_its_client_of_key_and_server() -> None:
    with ResponsesServer(["Hello"], api_key="sk-mine") as server:
        provider = OpenAIProvider(api_key="sk-mine", base_url=server.base_url)
        assert Runner.run_sync(Agent(name="A", model=provider.get_model("m")), "Hi").final_output


def test_a_provider_takes_a_client_or_what_makes_one() -> None:
    with pytest.raises(UserError, match="not both"):
        OpenAIProvider(LOCAL, api_key="sk-mine")


class AzureClient(ForeignClient):
    """What one for Azure tells."""

    _azure_ad_token: str | None = None
    _azure_ad_token_provider: Any = None
    _custom_headers = {"X-Team": "a", "X-Left-Out": None}
    default_query = {"api-version": "2026-01-01"}
    timeout = 30


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        ({}, {"api-key": "sk-foreign", "authorization": None}),
        ({"_azure_ad_token": "token-1"}, {"api-key": None, "authorization": "Bearer token-1"}),
        ({"_azure_ad_token_provider": lambda: "token-2"}, {"authorization": "Bearer token-2"}),
        ({"_api_key_provider": lambda: "key-3", "api_key": ""}, {"authorization": "Bearer key-3"}),
    ],
)
def test_a_client_for_azure_brings_its_version_headers_and_token(told: Any, sent: Any) -> None:
    client = AzureClient()
    vars(client).update(told)
    with ResponsesServer(["Hello"]) as server:
        client.base_url = server.base_url + "/"
        Runner.run_sync(Agent("A", model=OpenAIResponsesModel("m", client)), "Hi")
    (request,) = server.requests
    assert request.query == {"api-version": "2026-01-01"}
    assert {name: request.headers.get(name) for name in sent} == sent
    assert (request.headers["x-team"], "x-left-out" in request.headers) == ("a", False)


def test_an_api_key_that_is_to_be_awaited_is_refused_at_once() -> None:
    async def key() -> str:
        return "sk"

    with pytest.raises(UserError, match="not `async def`"):
        ResponsesClient(api_key=key)  # type: ignore[arg-type]


def test_the_prefix_openai_is_taken_off_for_openai_alone() -> None:
    there = OpenAIProvider(base_url="https://api.openai.com/v1", api_key="sk-any")
    assert vars(there.get_model("openai/gpt-4.1"))["model"] == "gpt-4.1"
    elsewhere = OpenAIProvider(LOCAL)
    assert vars(elsewhere.get_model("openai/gpt-4.1"))["model"] == "openai/gpt-4.1"


@pytest.mark.parametrize(
    ("name", "reasons"), [("gpt-5.1", True), ("gpt-5-chat-latest", False), ("", False)]
)
def test_the_default_model_is_the_environment_s(
    name: str, reasons: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_DEFAULT_MODEL", name)
    assert get_default_model() == (name or "gpt-4o")
    assert is_gpt_5_default() is reasons
