from __future__ import annotations

from typing import Any

import pytest

from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.exceptions import NotFoundError, UserError
from agents_lite.http.address import parse_address, without_login
from agents_lite.http.client import ResponsesClient
from tests.support.loopback import LoopbackServer, http_answer

GOOD = http_answer(200, {"id": "r", "status": "completed", "output": []})


def ask(client: ResponsesClient, **options: Any) -> None:
    list(client.stream({}, cancellation=Cancellation(), **options))


@pytest.mark.parametrize(
    "url", ["http://host/v1", " http://host/v1 ", "http://host/v1/\n", "\thttp://host/v1//\r\n"]
)
def test_what_stands_around_a_url_is_left_out(url: str) -> None:
    assert parse_address(url).url == "http://host/v1"


@pytest.mark.parametrize(
    "url",
    [
        "", "host", "host/v1", "api.openai.com/v1", "http://", "http://[::1", "http:///v1",
        "http://host:port/v1", "http://host:99999/v1", "http://my host/v1", '"http://host/v1"',
    ],
)  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UserError, match="base_url"):
        parse_address(url)


@pytest.mark.parametrize("url", ["http://[::1", "http://host:port/v1", "ftp://host/v1", "host/v1"])
def test_a_client_refuses_it_when_it_is_used(url: str) -> None:
    with pytest.raises(UserError, match="base_url"):
        ask(ResponsesClient(base_url=url, api_key="k"))


def test_no_login_shows_in_the_refusal() -> None:
    with pytest.raises(UserError) as caught:
        parse_address("http://user:p?@ss-word@host")

    assert "ss-word" not in str(caught.value)


def test_a_login_is_masked_whatever_it_holds() -> None:
    assert without_login("http://user:p\n/@ss-word@host/v1") == "http://***@host/v1"


def test_blanks_alone_are_no_address_and_the_next_source_counts(monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", " \n")
    assert ResponsesClient().base_url == "https://api.openai.com/v1"

    monkeypatch.setenv("OPENAI_BASE_URL", " http://host/v1/\n")
    assert ResponsesClient(base_url=" ").base_url == "http://host/v1"


def test_a_query_of_the_base_url_goes_behind_the_path(monkeypatch: Any) -> None:
    with LoopbackServer(GOOD, GOOD) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.origin}/openai/?api-version=2025-01&a=1\n")
        client = ResponsesClient(api_key="sk-test-key")
        ask(client)
        ask(client, query={"a": 2, "b": "ü"})

    assert [request.path for request in server.requests] == [
        "/openai/responses?api-version=2025-01&a=1",
        "/openai/responses?api-version=2025-01&a=2&b=%C3%BC",
    ]


def test_a_404_names_the_url_that_was_called_without_its_secrets() -> None:
    with LoopbackServer(http_answer(404)) as server:
        url = server.origin.replace("//", "//user:password@") + "/v2?code=secret-code"
        with pytest.raises(NotFoundError) as caught:
            ask(ResponsesClient(base_url=url, api_key="sk-test-key"))

    text = str(caught.value)
    assert f"127.0.0.1:{server.port}/v2/responses" in text
    assert 'set_default_openai_api("chat_completions")' in text
    assert "password" not in text and "secret-code" not in text


@pytest.mark.parametrize("what", ["Item with id 'rs_1' not found.", "The model 'm' does not exist"])
def test_a_404_of_something_else_than_the_path_does_not_doubt_the_api(what: str) -> None:
    with LoopbackServer(http_answer(404, {"error": {"message": what, "code": None}})) as server:
        with pytest.raises(NotFoundError) as caught:
            ask(ResponsesClient(base_url=server.base_url, api_key="sk-test-key"))
    assert what in str(caught.value) and "chat_completions" not in str(caught.value)


def test_a_secret_in_the_query_is_masked_and_a_version_is_not() -> None:
    answer = http_answer(400, {"error": {"message": "secret-code does not fit 2025-01-01"}})
    with LoopbackServer(answer) as server:
        url = f"{server.base_url}?code=secret-code&api-version=2025-01-01"
        with pytest.raises(Exception, match=r"\*\*\* does not fit 2025-01-01"):
            ask(ResponsesClient(base_url=url, api_key="sk-test-key"))
