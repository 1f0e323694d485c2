from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import socket
import threading
import time
import traceback
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import certifi
import pytest
import requests
import responses
from requests.adapters import HTTPAdapter

from agents_lite.concurrency.cancellation import (
    Cancellation,
    RunCancelled,
    current_cancellation,
)
from agents_lite.exceptions import (
    AgentsException,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    UserError,
)
from agents_lite.http.client import ResponsesClient
from tests.support.asking import COMPLETED, DELTA, GOOD, GOOD_STREAM, RESPONSE, client_of
from tests.support.loopback import (
    CERTIFICATE,
    EXPIRED,
    LAST_CHUNK,
    LoopbackServer,
    Peer,
    chunk,
    event_bytes,
    http_answer,
    socks_proxy,
    stream_answer,
    stream_head,
)
from tests.support.recordings import CUTS, RECORDINGS, load_exchanges
from tests.support.threads import no_thread_left
from tests.support.waiting import wait_until_asleep


def ask(client: ResponsesClient, **options: Any) -> list[dict[str, Any]]:
    body = options.pop("body", {"model": "m", "input": "hi"})
    return list(client.stream(body, **{"cancellation": Cancellation(), **options}))


# What is sent


def test_a_request_holds_the_body_as_json_and_the_key():
    with LoopbackServer(GOOD) as server:
        assert ask(client_of(server), body={"model": "m", "input": "héllo"}) == [COMPLETED]

    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/responses")
    assert request.json == {"model": "m", "input": "héllo"}
    assert request.headers["authorization"] == "Bearer sk-test-key"
    assert request.headers["content-type"] == "application/json"
    assert "cookie" not in request.headers


def test_lone_surrogates_in_a_request_are_replaced():
    with LoopbackServer(GOOD) as server:
        ask(client_of(server), body={"model": "m", "input": "h\u00e9 \udce9.txt"})

    assert server.requests[0].json == {"model": "m", "input": "hé ?.txt"}


def test_an_include_that_is_no_list_is_for_the_server_to_refuse():
    with LoopbackServer(GOOD) as server:
        ask(client_of(server), body={"model": "m", "input": "hi", "include": True})

    assert server.requests[0].json["include"] is True


def test_tools_are_sent_as_they_are_at_each_request():
    schema: dict[str, Any] = {"properties": {"n": {"default": 1}, "m": {}}}
    field = schema["properties"]["n"]
    tools: list[Any] = [{"name": "look_up", "parameters": schema}]
    bodies = [{"model": "m", "tools": tools}, {"tools": tools}, {"tools": []}]
    sent, meant = [], []
    with LoopbackServer(*[GOOD] * 26) as server:
        client = client_of(server)

        def ask_twice(body: dict[str, Any]) -> None:
            for _ in range(2):
                ask(client, body=body)
                sent.append(json.dumps(server.requests[-1].json))
            tools_first = {name: body[name] for name in sorted(body, key="tools".__ne__)}
            meant.extend([json.dumps(tools_first, default=lambda value: value.tolist())] * 2)

        for default in (1, True, 1.0, "1", None, array("q", [0]), array("d", [0.0]), "hé"):
            field["default"] = default  # all alike to `==`, or in the bytes that they have
            ask_twice(bodies[0])
        schema["properties"] = dict(reversed(schema["properties"].items()))
        ask_twice(bodies[0])
        tools.append({"name": "other", "parameters": {}})
        for body in bodies:
            ask_twice(body)
        tools[0]["parameters"] = {"type": "\udce9"}
        ask(client, body=bodies[0])

    assert sent == meant
    assert server.requests[-1].json["tools"][0]["parameters"] == {"type": "?"}


@pytest.mark.parametrize(
    "login", ["u:pa@ss-word", "u:pass/word", "u:p?@ss-word", "u:p#ss-word", "u:pa/ss@-word"]
)
def test_no_part_of_a_password_in_the_address_is_shown(login):
    shown = repr(ResponsesClient(base_url=f"http://{login}@host/v1?api_key=secret"))

    assert shown == "ResponsesClient(base_url='http://***@host/v1')"


def test_a_password_in_the_address_that_the_server_repeats_is_masked():
    login = base64.b64encode(b"user:pass@word").decode()
    answer = http_answer(400, {"error": {"message": f"pass@word pass%40word {login} is wrong"}})
    with LoopbackServer(answer) as server:
        url = server.base_url.replace("//", "//user:pass%40word@")
        client = ResponsesClient(base_url=url)
        with pytest.raises(BadRequestError) as caught:
            ask(client)

    assert server.requests[0].headers["authorization"] == f"Basic {login}"
    assert "*** *** *** is wrong" in str(caught.value)


def test_settings_come_from_the_environment_when_first_needed(monkeypatch):
    client = ResponsesClient()
    with LoopbackServer(GOOD) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url + "/")
        monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
        monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
        ask(client)

    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer sk-of-the-environment"
    assert headers["openai-organization"] == "org-1"
    assert headers["openai-project"] == "proj-1"
    assert client.base_url == server.base_url


def test_arguments_count_before_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-environment")
    with LoopbackServer(GOOD) as server:
        ask(client_of(server, organization="org-2", default_headers={"X-Team": "blue"}))

    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer sk-test-key"
    assert headers["openai-organization"] == "org-2"
    assert headers["x-team"] == "blue"


def test_headers_and_query_of_one_request_stay_with_it():
    with LoopbackServer(GOOD, GOOD) as server:
        client = client_of(server, default_headers={"X-Team": "blue"})
        ask(client, headers={"X-Team": "red", "X-One": "1"}, query={"version": "ü"})
        ask(client)

    first, second = server.requests
    assert (first.headers["x-team"], first.headers["x-one"]) == ("red", "1")
    assert first.path == "/v1/responses?version=%C3%BC"
    assert second.headers["x-team"] == "blue"
    assert "x-one" not in second.headers
    assert second.path == "/v1/responses"


def test_openai_insists_on_a_key_and_says_how_to_set_one():
    with pytest.raises(UserError, match="OPENAI_API_KEY.*set_default_openai_key"):
        ask(ResponsesClient())


def test_other_servers_may_do_without_a_key():
    with LoopbackServer(GOOD) as server:
        ask(client_of(server, api_key=None))

    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("key", ["sk-secret\n", " sk-secret", "sk-sécret", "sk-secret\u2028x"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str):
    with pytest.raises(UserError, match="API key") as caught:
        ask(ResponsesClient(api_key=key))

    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ü", 5])
def test_a_header_that_cannot_be_sent_is_refused_by_name(value: Any):
    with LoopbackServer() as server, pytest.raises(UserError, match="X-Mine"):
        ask(client_of(server), headers={"X-Mine": value})


def test_a_name_that_no_header_can_have_is_refused():
    with LoopbackServer() as server, pytest.raises(UserError, match="X Mine"):
        ask(client_of(server), headers={"X Mine": "1"})


@pytest.mark.parametrize("text", ["plain", "half a pair \ud83d"])
def test_arrays_are_sent_as_lists(text: str):
    with LoopbackServer(GOOD) as server:
        ask(client_of(server), body={"input": text, "embedding": array("d", [0.5])})
    assert server.requests[0].json["embedding"] == [0.5]


def test_a_refused_body_is_followed_by_another_as_long_as_there_is_one():
    refused = http_answer(400, {"error": {"message": "no"}})
    told: list[str] = []

    def other_body(refusal: APIStatusError) -> dict[str, Any]:
        told.append(str(refusal))
        return {"model": "m", "input": f"take {min(len(told), 2)}"}

    with LoopbackServer(refused, http_answer(503), refused, GOOD) as server:
        assert ask(client_of(server), reword=other_body) == [COMPLETED]
    assert [request.json["input"] for request in server.requests] == [
        "hi", "take 1", "take 1", "take 2"
    ]  # fmt: skip
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 3
    with LoopbackServer(refused, refused) as server:
        with pytest.raises(APIStatusError, match="no") as caught:
            ask(client_of(server), reword=other_body)
    assert len(told) == 4
    assert caught.value.status_code == 400


@pytest.mark.parametrize("answer", [b"x" * 195, b'{"error": {"x": "' + b"x" * 175])
def test_a_key_is_masked_also_where_an_excerpt_is_cut(answer: bytes):
    with LoopbackServer(http_answer(200, answer + b'sk-test-key"}}')) as server:
        with pytest.raises(APIError, match="xxx") as caught:
            ask(client_of(server))
    assert "xsk" not in str(caught.value)


def test_no_refusal_shows_a_key_that_was_sent_with_the_other_body():
    def quote_key(peer: Peer) -> None:
        assert peer.request is not None
        message = f"no {peer.request.headers['authorization']}"
        peer.send(http_answer(400, {"error": {"message": message}}))

    keys = iter(["the-first-key", "the-second-key", "the-third-key"])
    told: list[str] = []

    def other_body(refusal: APIStatusError) -> dict[str, Any]:
        told.append(str(refusal))
        return {"input": "take 1"}

    with LoopbackServer(quote_key, quote_key) as server:
        client = client_of(server, api_key=lambda: next(keys))
        with pytest.raises(APIStatusError) as caught:
            ask(client, reword=other_body)
    assert told == [str(caught.value)] * 2
    assert str(caught.value).endswith("no ***")


def test_a_body_that_is_no_json_is_refused_before_anything_is_sent():
    with LoopbackServer() as server, pytest.raises(UserError, match="not JSON.*object"):
        ask(client_of(server), body={"input": object()})


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": (1, 2)},
        {"timeout": 0},
        {"read_timeout": "5"},
        {"connect_timeout": -1},
        {"max_retries": "3"},
        {"max_retries": -1},
        {"default_headers": "X-Key: secret"},
        {"session": "secret"},
        {"base_url": 5},
    ],
    ids=str,
)
def test_settings_of_the_wrong_kind_are_refused_and_not_shown(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"^{next(iter(wrong))} must be") as refused:
        ResponsesClient(**wrong)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["api.openai.com/v1", "ftp://127.0.0.1/v1", "http://", "http://[::1"])
def test_a_base_url_that_is_none_is_refused(url: str):
    with pytest.raises(UserError, match="base_url"):
        ask(ResponsesClient(base_url=url, api_key="sk-test-key"))


def test_the_key_is_sent_even_if_a_netrc_file_has_a_password(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("NETRC", str(netrc))
    with LoopbackServer(GOOD, GOOD) as server:
        ask(client_of(server))
        ask(client_of(server, api_key=None))

    with_key, without_key = server.requests
    assert with_key.headers["authorization"] == "Bearer sk-test-key"
    assert without_key.headers["authorization"].startswith("Basic ")


def test_cookies_are_not_sent_back():
    cookie = http_answer(200, RESPONSE, headers={"Set-Cookie": "a=b; Path=/"})
    with LoopbackServer(cookie, GOOD) as server:
        client = client_of(server)
        ask(client)
        ask(client)

    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("status", "target", "sent"),
    [(307, "/v2/responses", 2), (308, "?a=b", 2), (302, "/v2", 1), (307, "http://a.invalid/", 1)],
)
def test_redirects_within_the_server_that_keep_the_request_are_followed(status, target, sent):
    moved = http_answer(status, headers={"Location": target})
    with LoopbackServer(moved, GOOD) as server:
        client = client_of(server)
        if sent == 2:
            assert ask(client) == [COMPLETED]
        else:
            with pytest.raises(APIStatusError, match="a redirect to elsewhere is not followed"):
                ask(client)
        client.close()

    assert [request.method for request in server.requests] == ["POST"] * sent
    assert server.requests[0].content == server.requests[-1].content


def test_proxies_of_the_environment_are_used(monkeypatch):
    with LoopbackServer(GOOD) as proxy:
        monkeypatch.setenv("http_proxy", proxy.origin.replace("//", "//user:pass@"))
        assert ask(ResponsesClient(base_url="http://model.test/v1", api_key="k")) == [COMPLETED]

    assert proxy.requests[0].path == "http://model.test/v1/responses"
    assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")


def test_https_goes_through_a_tunnel_of_the_proxy(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with LoopbackServer(GOOD, GOOD, tls=True) as server, LoopbackServer(Peer.tunnel) as proxy:
        monkeypatch.setenv("https_proxy", proxy.origin)
        client = client_of(server)
        assert [ask(client), ask(client)] == [[COMPLETED], [COMPLETED]]

    (tunnel,) = proxy.requests
    assert (tunnel.method, tunnel.path) == ("CONNECT", f"127.0.0.1:{server.port}")
    assert "authorization" not in tunnel.headers


def test_a_proxy_that_refuses_is_an_error_that_says_so(monkeypatch):
    refusal = http_answer(407)
    with LoopbackServer(tls=True) as server, LoopbackServer(always=refusal) as proxy:
        monkeypatch.setenv("https_proxy", proxy.origin)
        with pytest.raises(APIConnectionError, match="at the proxy.*407.*give it a login"):
            ask(client_of(server))

    assert len(proxy.requests) == 1  # a directory may lock the account at the third


def test_a_proxy_of_plain_http_that_wants_a_password_is_not_asked_again(monkeypatch):
    with LoopbackServer(always=http_answer(407)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.origin)
        with pytest.raises(BadRequestError, match="407"):
            ask(ResponsesClient(base_url="http://model.test/v1", api_key="k"))

    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    "proxy",
    [
        "://",
        "http://user:hush-hush@",
        "http://user:hush-hush@127.0.0.1:99999",
        "user:hush-hush@host:x",
        "http://a b",
        "ftp://127.0.0.1:1",
        "socks9://127.0.0.1:1",
        f"http://{'a' * 70}.test",
    ],
)
@pytest.mark.parametrize("owner", ["ours", "theirs"])
def test_what_is_no_proxy_is_told_without_its_login(monkeypatch, proxy, owner):
    monkeypatch.setenv("http_proxy", proxy)
    session = requests.Session() if owner == "theirs" else None
    client = ResponsesClient(base_url="http://model.test/v1", api_key="k", session=session)
    with pytest.raises(UserError, match="The proxy .* is no address.*HTTP_PROXY") as caught:
        ask(client)

    seen = [str(caught.value), *(str(entry.locals) for entry in caught.traceback[1:])]
    assert "hush-hush" not in "".join(seen)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_cannot_be_reached_is_named_as_the_cause(monkeypatch, scheme):
    monkeypatch.setenv(f"{scheme}_proxy", "http://user:hush-hush@127.0.0.1:1")
    client = ResponsesClient(base_url=f"{scheme}://model.test/v1", api_key="k", max_retries=0)
    with pytest.raises(APIConnectionError, match="at the proxy that HTTPS_PROXY.*refused"):
        ask(client)


@pytest.mark.parametrize("owner", ["ours", "theirs"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_request_through_a_socks_proxy_can_be_cancelled(monkeypatch, tls, owner):
    def hang(peer: Peer) -> None:
        cancellation.cancel(RunCancelled())
        peer.hang()

    cancellation = Cancellation()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with LoopbackServer(GOOD, hang, tls=tls) as server, socks_proxy() as proxy:
        monkeypatch.setenv("all_proxy", f"socks5h://{proxy}")
        session = requests.Session() if owner == "theirs" else None
        client = client_of(server, session=session)
        assert ask(client) == [COMPLETED]
        with pytest.raises(RunCancelled):
            ask(client, cancellation=cancellation)
        assert server.connections == 1


def test_a_socks_proxy_that_refuses_or_cannot_be_reached_is_named_as_the_cause(monkeypatch):
    with LoopbackServer() as server, socks_proxy(reply=5) as refusing:
        for proxy in (refusing, "127.0.0.1:1"):
            monkeypatch.setenv("all_proxy", f"socks5://user:hush-hush@{proxy}")
            with pytest.raises(APIConnectionError, match="at the proxy that.*refused") as caught:
                ask(client_of(server, max_retries=0))
            assert "hush-hush" not in str(caught.value)


@pytest.mark.parametrize("owner", ["ours", "theirs"])
def test_no_log_of_urllib3_tells_the_query_of_a_request(caplog, owner):
    caplog.set_level(logging.DEBUG)
    session = requests.Session() if owner == "theirs" else None
    with LoopbackServer(GOOD, http_answer(200)) as server:
        url = f"{server.base_url}?code=hush-hush"
        ask(ResponsesClient(base_url=url, api_key="k", session=session), query={"sig": "hush-hush"})
        requests.get(f"{server.origin}/other?of=another", timeout=5)

    assert "/v1/responses" in caplog.text
    assert "hush-hush" not in caplog.text
    assert "of=another" in caplog.text


def test_hosts_without_a_proxy_are_reached_directly(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with LoopbackServer(GOOD) as server:
        assert ask(client_of(server)) == [COMPLETED]


def test_a_self_signed_certificate_is_refused_at_once():
    with LoopbackServer(tls=True) as server:
        with pytest.raises(APIConnectionError, match="CERTIFICATE_VERIFY_FAILED.*CA_BUNDLE"):
            ask(client_of(server))
        assert server.connections == 1


@pytest.mark.parametrize(
    ("certificate", "host", "trusted", "remedy"),
    [
        (EXPIRED, "127.0.0.1", EXPIRED, "has expired.*the server must renew it"),
        (CERTIFICATE, "127.1", CERTIFICATE, "not valid for.*name the host as"),
        (CERTIFICATE, "127.0.0.1", os.devnull, "BUNDLE must name a file of certificates"),
        (CERTIFICATE, "127.0.0.1", "/no/such", "certificates at '/no/such' cannot be read"),
    ],
    ids=["expired", "another host", "none trusted", "no file"],
)
def test_what_keeps_a_certificate_from_being_trusted_is_told_at_once(
    monkeypatch, certificate, host, trusted, remedy
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    with LoopbackServer(tls=True, certificate=certificate) as server:
        client = ResponsesClient(base_url=f"https://{host}:{server.port}/v1", api_key="k")
        with pytest.raises((APIConnectionError, UserError), match=remedy):
            ask(client)

    assert server.connections <= 1


def test_a_server_without_tls_has_another_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = ResponsesClient(
            base_url=f"https://127.0.0.1:{server.getsockname()[1]}", api_key="k", max_retries=0
        )

        def refuse() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        with pytest.raises(APIConnectionError, match="begins with http://"):
            ask(client)


def test_an_authority_of_ones_own_can_be_trusted(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with LoopbackServer(GOOD, GOOD_STREAM, tls=True) as server:
        client = client_of(server)
        assert ask(client) == [COMPLETED]
        assert ask(client, body={"stream": True}) == [DELTA, COMPLETED]

    assert server.connections == 1


# Connections


def test_a_connection_is_kept_for_the_next_request():
    with LoopbackServer(GOOD, GOOD_STREAM, GOOD_STREAM, http_answer(400), GOOD) as server:
        client = client_of(server)
        for streamed in (False, True, True):
            ask(client, body={"stream": streamed})
        with pytest.raises(AgentsException):
            ask(client)
        ask(client)

    assert server.connections == 1


def test_the_terminal_event_may_be_the_last_thing_the_reader_wants():
    with LoopbackServer(GOOD_STREAM, GOOD) as server:
        client = client_of(server)
        for event in client.stream({"stream": True}, cancellation=Cancellation()):
            if event["type"] == "response.completed":
                break
        ask(client)

    assert server.connections == 1


def test_closing_a_stream_early_closes_its_connection():
    peers: list[Peer] = []

    def answer(peer: Peer) -> None:
        peers.append(peer)
        peer.send(stream_head() + chunk(event_bytes(DELTA)))
        peer.hang()

    with LoopbackServer(answer, GOOD) as server:
        client = client_of(server)
        stream = client.stream({"stream": True}, cancellation=Cancellation())
        assert next(stream) == DELTA
        stream.close()

        assert peers[0].client_left.wait(60)
        assert ask(client) == [COMPLETED]
        assert server.connections == 2


def test_a_connection_that_the_server_closed_meanwhile_is_replaced():
    closed = threading.Event()

    def once(peer: Peer) -> None:
        peer.send(GOOD)
        peer.close()
        closed.set()

    with LoopbackServer(once, GOOD) as server:
        client = client_of(server)
        ask(client)
        assert closed.wait(60)
        assert ask(client, on_retry=pytest.fail) == [COMPLETED]


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
def test_a_kept_connection_that_is_closed_under_a_request_is_replaced_at_once(end: Any) -> None:
    with LoopbackServer(GOOD, end, GOOD, GOOD) as server:
        client = client_of(server, max_retries=0)
        for _ in range(3):
            assert ask(client) == [COMPLETED]

    sent = [request.headers["idempotency-key"] for request in server.requests]
    assert (server.connections, sent[1] == sent[2], len({*sent})) == (2, True, 3)


def test_a_new_connection_that_is_closed_under_a_request_is_none_that_was_kept() -> None:
    with LoopbackServer(GOOD, Peer.close, Peer.close) as server:
        client = client_of(server, max_retries=0)
        ask(client)
        with pytest.raises(APIConnectionError):
            ask(client)


def test_a_request_that_must_not_come_twice_is_not_sent_again_on_another_connection() -> None:
    with LoopbackServer(GOOD, Peer.close) as server:
        client = client_of(server, max_retries=0)
        ask(client)
        with pytest.raises(APIConnectionError):
            client.ask("POST", "/conversations", {}, may_be_repeated=False)


def test_a_slow_delta_is_handed_on_at_once():
    seen = threading.Semaphore(0)

    def answer(peer: Peer) -> None:
        peer.send(stream_head())
        for event in (DELTA, DELTA, DELTA, COMPLETED):
            peer.send(chunk(event_bytes(event)))
            assert seen.acquire(timeout=60)  # nothing follows before it was handed on
        peer.send(LAST_CHUNK)

    with LoopbackServer(answer) as server:
        stream = client_of(server).stream({"stream": True}, cancellation=Cancellation())
        assert [seen.release() for _ in stream] == [None] * 4


def test_100_threads_share_one_client():
    with LoopbackServer(always=GOOD_STREAM) as server:
        client = client_of(server)
        results: list[Any] = []

        def work() -> None:
            for _ in range(3):
                results.append(ask(client, body={"stream": True}))

        threads = [threading.Thread(target=work) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert results == [[DELTA, COMPLETED]] * 300
    assert server.connections <= 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_client_used_before_a_fork_works_in_the_child():
    with LoopbackServer(always=GOOD) as server:
        client = client_of(server)
        ask(client)
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                os._exit(0 if ask(client) == [COMPLETED] else 1)
            os._exit(2)
        _, status = os.waitpid(child, 0)
        ask(client)

    assert status == 0
    assert server.connections == 2


def test_an_answer_that_was_cut_short_is_not_taken_for_a_whole_one():
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

    def late(peer: Peer) -> None:
        peer.send(head + b'{"half": 1}')
        peer.hang()

    def stopped(peer: Peer) -> None:
        peer.send(head + b'{"half": 1}')
        scope.cancel(RunCancelled("enough"))
        peer.hang()

    scope = Cancellation()
    token = current_cancellation.set(scope)
    try:
        with LoopbackServer(always=late) as server:
            hasty = client_of(server, timeout=0.3, max_retries=0)
            for ask in (hasty.download, lambda path: hasty.ask("GET", path)):
                with pytest.raises(APITimeoutError):
                    ask("/files/f")
        with LoopbackServer(always=stopped) as server, pytest.raises(RunCancelled, match="enough"):
            client_of(server, max_retries=0).download("/files/f")
    finally:
        current_cancellation.reset(token)


def test_a_closed_client_can_be_used_again():
    with LoopbackServer(GOOD, GOOD) as server:
        client = client_of(server)
        ask(client)
        client.close()
        assert ask(client) == [COMPLETED]
        assert server.connections == 2


def test_a_session_of_the_user_lends_its_headers_and_authentication():
    session = requests.Session()
    session.headers["X-Session"] = "yes"
    session.auth = ("user", "password")
    with LoopbackServer(GOOD) as server:
        ask(client_of(server, session=session, api_key=None))

    assert server.requests[0].headers["x-session"] == "yes"
    assert server.requests[0].headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("verify", [str(CERTIFICATE), False], ids=["a bundle", "none"])
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_certificates_of_the_users_session_count_before_those_of_the_environment(
    verify, monkeypatch
):
    """Told in https://github.com/psf/requests/issues/3829, where it is otherwise."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    session = requests.Session()
    session.verify = verify
    with LoopbackServer(GOOD, tls=True) as server:
        assert ask(client_of(server, session=session)) == [COMPLETED]


def test_proxies_of_the_users_session_count_before_those_of_the_environment(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    session = requests.Session()
    with LoopbackServer(GOOD) as proxy:
        session.proxies = {"http": proxy.origin}
        client = ResponsesClient(base_url="http://model.test/v1", api_key="k", session=session)
        assert ask(client) == [COMPLETED]


class CountingAdapter(HTTPAdapter):
    sent = 0

    def send(self, *args: Any, **options: Any) -> requests.Response:
        self.sent += 1
        return super().send(*args, **options)


def test_an_adapter_mounted_by_the_user_is_used_and_can_be_cancelled_in_the_body():
    session = requests.Session()
    adapter = CountingAdapter()
    session.mount("http://", adapter)

    def answer(peer: Peer) -> None:
        peer.send(stream_head() + chunk(event_bytes(DELTA)))
        peer.hang()

    with LoopbackServer(GOOD_STREAM, answer) as server:
        client = client_of(server, session=session)
        assert ask(client, body={"stream": True}) == [DELTA, COMPLETED]
        cancellation = Cancellation()
        stream = client.stream({"stream": True}, cancellation=cancellation)
        next(stream)
        threading.Timer(0.05, cancellation.cancel, [RunCancelled()]).start()
        with pytest.raises(RunCancelled):
            next(stream)

    assert adapter.sent == 2


@responses.activate
def test_mocks_of_requests_see_the_request():
    responses.post("https://api.openai.com/v1/responses", json=RESPONSE)
    stream = event_bytes(DELTA) + event_bytes(COMPLETED)
    responses.post(
        "https://api.openai.com/v1/responses", body=stream, content_type="text/event-stream"
    )
    client = ResponsesClient(api_key="sk-test-key")

    assert ask(client) == [COMPLETED]
    assert ask(client, body={"stream": True}) == [DELTA, COMPLETED]
    assert responses.calls[0].request.headers["authorization"] == "Bearer sk-test-key"


# Cancelling and timeouts


def test_an_upload_may_take_longer_than_connecting():
    listener = socket.create_server(("127.0.0.1", 0))

    def read_late() -> None:
        peer = Peer(listener.accept()[0])
        time.sleep(0.6)
        peer.receive()
        peer.send(GOOD)
        peer.hang()

    threading.Thread(target=read_late, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    client = ResponsesClient(api_key="sk-test-key", base_url=url, connect_timeout=0.3)
    with listener:
        assert ask(client, body={"input": "x" * 30_000_000}) == [COMPLETED]


def test_an_upload_that_nobody_reads_times_out_and_is_not_repeated():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        client = ResponsesClient(
            api_key="sk-test-key", base_url=url, read_timeout=0.1, retry_delay=0.001
        )
        with pytest.raises(APITimeoutError, match=r"silent for 0\.1 s"):
            ask(client, body={"input": "x" * 30_000_000})
        listener.accept()[0].close()
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()


@contextlib.contextmanager
def full_listener() -> Iterator[str]:
    """A server whose queue of connections is full, so that connecting to it takes for ever."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@contextlib.contextmanager
def silent_server(scheme: str) -> Iterator[str]:
    """A server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/v1"


@contextlib.contextmanager
def server_that(play: Callable[[Peer], object]) -> Iterator[str]:
    with LoopbackServer(always=play) as server:
        yield server.base_url


def hang_in_body(peer: Peer) -> None:
    peer.send(stream_head() + chunk(event_bytes(DELTA)))
    peer.hang()


WAITS = {
    "connecting": full_listener,
    "TLS handshake": lambda: silent_server("https"),
    "headers": lambda: silent_server("http"),
    "body": lambda: server_that(hang_in_body),
    "between tries": lambda: server_that(
        lambda peer: peer.send(http_answer(503, headers={"Retry-After": "60"}))
    ),
}


@pytest.mark.parametrize("waiting", WAITS.values(), ids=WAITS)
def test_cancelling_ends_every_wait_at_once(waiting):
    cancellation = Cancellation()
    caught: list[BaseException] = []

    def work() -> None:
        try:
            ask(client, body={"stream": True}, cancellation=cancellation)
        except BaseException as error:
            caught.append(error)

    with waiting() as url:
        client = ResponsesClient(api_key="k", base_url=url)
        thread = threading.Thread(target=work)
        thread.start()
        wait_until_asleep(thread.native_id)
        assert thread.is_alive()
        reason = RunCancelled("enough")
        cancellation.cancel(reason)
        thread.join(60)

    assert not thread.is_alive()
    assert caught == [reason]


def test_cancelling_ends_the_wait_for_an_answer_on_a_connection_from_the_pool():
    cancellation = Cancellation()
    with LoopbackServer(GOOD, Peer.hang) as server:
        client = client_of(server)
        ask(client)
        threading.Timer(0.05, cancellation.cancel, [RunCancelled()]).start()
        with pytest.raises(RunCancelled):
            ask(client, cancellation=cancellation)
        assert server.connections == 1


def test_cancelling_ends_the_sending_of_a_large_body():
    cancellation = Cancellation()
    with silent_server("http") as url:
        client = ResponsesClient(api_key="k", base_url=url)
        threading.Timer(0.1, cancellation.cancel, [RunCancelled()]).start()
        with pytest.raises(RunCancelled):
            ask(client, body={"input": "x" * (64 << 20)}, cancellation=cancellation)


def test_a_cancelled_request_is_not_sent():
    cancellation = Cancellation()
    cancellation.cancel(RunCancelled())
    with LoopbackServer() as server:
        with pytest.raises(RunCancelled):
            ask(client_of(server), cancellation=cancellation)
        assert server.connections == 0


def test_a_cancelled_stream_hands_out_no_further_event():
    cancellation = Cancellation()
    with LoopbackServer(GOOD_STREAM) as server:
        stream = client_of(server).stream({"stream": True}, cancellation=cancellation)
        next(stream)
        cancellation.cancel(RunCancelled())
        with pytest.raises(RunCancelled):
            next(stream)


def test_cancelling_after_the_end_does_not_disturb_the_connection_in_the_pool():
    cancellation = Cancellation()
    with LoopbackServer(GOOD, GOOD) as server:
        client = client_of(server)
        ask(client, cancellation=cancellation)
        cancellation.cancel(RunCancelled())
        ask(client, on_retry=pytest.fail)
        assert server.connections == 1


def test_connecting_has_a_timeout_and_is_tried_again():
    notes: list[Any] = []
    with full_listener() as url:
        client = ResponsesClient(
            api_key="k", base_url=url, connect_timeout=0.1, max_retries=1, retry_delay=0.001
        )
        with pytest.raises(APITimeoutError, match=r"0\.1 s"):
            ask(client, on_retry=notes.append)

    assert len(notes) == 1


def test_a_tls_handshake_counts_as_connecting():
    with silent_server("https") as url:
        client = ResponsesClient(api_key="k", base_url=url, connect_timeout=0.1, max_retries=0)
        with pytest.raises(APITimeoutError, match=r"No connection .* 0\.1 s"):
            ask(client)


@pytest.mark.parametrize("waiting", WAITS.values(), ids=WAITS)
def test_the_whole_request_has_a_timeout_wherever_it_is(waiting):
    with waiting() as url:
        client = ResponsesClient(api_key="k", base_url=url)
        started = time.monotonic()
        with pytest.raises(AgentsException):
            ask(client, body={"stream": True}, timeout=0.2)

    assert time.monotonic() - started < 50


def test_no_thread_is_left_behind():
    with no_thread_left(), LoopbackServer(GOOD) as server:
        ask(client_of(server))


# Secrets

KEY = "sk-verysecretkey123"
SECRETS = [KEY, "org-secret", "proj-secret", "header-secret", "once-secret"]


def everything_of(error: BaseException) -> str:
    """All that a careless program might print of an error."""
    seen, chain = set(), [error]
    texts = []
    while chain:
        one = chain.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        chain += [one.__cause__, one.__context__]
        request = getattr(one, "request", None)
        texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
        texts += [repr(dict(request.headers))] if request is not None else []
    return "".join(texts + traceback.format_exception(error))


def echoing(status: int) -> Callable[[Peer], None]:
    def answer(peer: Peer) -> None:
        assert peer.request is not None
        echo = json.dumps(peer.request.headers)
        names = {"openai-organization": "org-secret", "Set-Cookie": KEY}
        peer.send(http_answer(status, {"error": {"message": echo, "code": KEY}}, headers=names))

    return answer


def echo_in_stream(peer: Peer) -> None:
    assert peer.request is not None
    message = json.dumps(peer.request.headers)
    peer.send(stream_answer([DELTA, {"type": "error", "message": message}]))


@pytest.mark.parametrize(
    "answer",
    [
        echoing(200), echoing(307), echoing(400), echoing(401), echoing(500), echo_in_stream,
        Peer.reset, Peer.hang, http_answer(200, f"<p>{KEY}</p>"), f"{KEY}\r\n\r\n".encode(),
    ],
)  # fmt: skip
def test_no_error_and_no_log_line_shows_a_secret(answer, caplog):
    caplog.set_level(logging.DEBUG)
    with LoopbackServer(always=answer) as server:
        client = ResponsesClient(
            api_key=KEY,
            base_url=server.base_url,
            organization=SECRETS[1],
            project=SECRETS[2],
            default_headers={"X-Mine": SECRETS[3]},
            retry_delay=0.001,
            read_timeout=0.2,
        )
        with pytest.raises(AgentsException) as caught:
            ask(client, body={"stream": True}, headers={"X-Once": SECRETS[4]})

    shown = everything_of(caught.value) + caplog.text + repr(client)
    assert [secret for secret in SECRETS if secret in shown] == []


def test_an_authentication_error_still_says_what_the_server_says():
    answer = http_answer(401, {"error": {"message": f"Incorrect API key: {KEY}."}})
    with LoopbackServer(answer) as server:
        with pytest.raises(AuthenticationError, match=r"Incorrect API key: \*\*\*\."):
            ask(client_of(server, api_key=KEY))


def test_a_login_in_the_base_url_is_not_shown():
    client = ResponsesClient(base_url="https://user:password@127.0.0.1/v1")

    assert "password" not in repr(client)


# Recorded traffic


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("recording", RECORDINGS)
def test_recorded_answers_arrive_whole_however_they_are_cut(recording, cut):
    for exchange in load_exchanges(recording):
        if exchange.status != 200 or exchange.method != "POST":
            continue
        pieces = b"".join(chunk(piece) for piece in cut(exchange.body.encode()))
        answer = stream_head({"Content-Type": exchange.content_type}) + pieces + LAST_CHUNK
        with LoopbackServer(answer) as server:
            *events, last = ask(client_of(server), body=exchange.request)

        if exchange.is_stream:
            assert events == exchange.events[:-1]
            done = [e for e in events if e["type"] == "response.output_item.done"]
            done.sort(key=lambda event: event["output_index"])
            assert last["response"]["output"] == [event["item"] for event in done]
        else:
            assert last == {"type": "response.completed", "response": exchange.response}


def test_errors_of_other_requests_hold_the_id_of_theirs():
    with LoopbackServer(http_answer(400, {}, headers={"request-id": "req_9"})) as server:
        with pytest.raises(BadRequestError) as caught:
            client_of(server).ask("GET", "/files")
    assert caught.value.request_id == "req_9"


def test_a_stream_that_calls_itself_json_is_one_though_it_begins_in_pieces():
    def in_pieces(peer: Peer) -> None:
        peer.send(stream_head({"Content-Type": "application/json"}))
        stream = event_bytes(COMPLETED)
        for piece in (stream[:2], stream[2:]):
            peer.send(chunk(piece))  # a record of its own, which is read alone
        peer.send(LAST_CHUNK)

    session = requests.Session()
    session.verify = str(CERTIFICATE)
    with LoopbackServer(in_pieces, tls=True) as server:
        assert ask(client_of(server, session=session)) == [COMPLETED]
