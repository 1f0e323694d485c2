"""Each request goes through a session of requests, as users and their tools know it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import requests
import requests_mock
import vcr
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from requests.adapters import HTTPAdapter

from agents_lite.concurrency.cancellation import Cancellation, RunCancelled
from agents_lite.exceptions import (
    AuthenticationError,
    BadRequestError,
    PermissionDeniedError,
    UserError,
)
from agents_lite.http.answer import ERROR_BYTES
from agents_lite.http.client import ResponsesClient
from tests.support.asking import COMPLETED, DELTA, GOOD, GOOD_STREAM, RESPONSE, client_of
from tests.support.loopback import (
    LAST_CHUNK,
    LoopbackServer,
    Peer,
    chunk,
    event_bytes,
    http_answer,
    stream_head,
)


def ask(client: ResponsesClient, **body: Any) -> list[dict[str, Any]]:
    return list(client.stream({"model": "m", **body}, cancellation=Cancellation()))


class Keeping(requests.Session):
    """Keeps the answers that it gives, so that none is closed by being forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[requests.Response] = []

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.answers.append(super().send(*args, **kwargs))
        return self.answers[-1]


def test_an_error_that_is_read_in_part_is_closed() -> None:
    def refuse(peer: Peer) -> None:
        peer.send(http_answer(400, "x" * ERROR_BYTES + "y")[:-1])
        peer.hang()

    with LoopbackServer(refuse) as server, Keeping() as session:
        with pytest.raises(BadRequestError):
            ask(client_of(server, session=session))
        (answer,) = session.answers
        assert answer.raw.closed


class Translating(HTTPAdapter):
    """Asks by another client, whose errors know the status."""

    def __init__(self, *statuses: int) -> None:
        super().__init__()
        self.statuses = list(statuses)

    def send(self, request: Any, **_: Any) -> requests.Response:  # type: ignore[override]
        headers = Message()
        headers["Set-Cookie"], headers["X-Why"] = "token", "no"
        raise HTTPError(str(request.url), self.statuses.pop(0), "no", headers, None)


def test_the_status_that_an_error_of_the_session_knows_counts() -> None:
    adapter, session = Translating(503, 403), requests.Session()
    session.mount("http://", adapter)
    client = ResponsesClient(base_url="http://127.0.0.1:1", session=session, retry_delay=0)
    with pytest.raises(PermissionDeniedError, match="HTTP 403") as caught:
        ask(client)
    assert not adapter.statuses and caught.value.headers == {"x-why": "no"}


# Authentication


class Signing(requests.auth.AuthBase):
    """Signs the body, as SigV4 and HMAC schemes do."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self.calls += 1
        assert isinstance(request.body, bytes)
        request.headers["X-Signature"] = hashlib.sha256(request.body).hexdigest()
        request.headers["X-Count"] = str(self.calls)
        return request


@pytest.mark.parametrize("api_key", [None, "sk-test-key"])
def test_every_try_of_every_request_is_signed_with_its_body(api_key: str | None) -> None:
    session = requests.Session()
    session.auth = Signing()
    with LoopbackServer(GOOD, http_answer(503), GOOD) as server:
        client = client_of(server, session=session, api_key=api_key)
        ask(client, input="one")
        ask(client, input="two")

    for number, request in enumerate(server.requests, 1):
        assert request.headers["x-signature"] == hashlib.sha256(request.content).hexdigest()
        assert request.headers["x-count"] == str(number)


def test_a_redirected_request_is_signed_anew() -> None:
    session = requests.Session()
    session.auth = Signing()
    moved = http_answer(307, headers={"Location": "/v2/responses"})
    with LoopbackServer(moved, GOOD) as server:
        ask(client_of(server, session=session))

    assert [request.headers["x-count"] for request in server.requests] == ["1", "2"]
    assert server.requests[1].path == "/v2/responses"


def digest_challenge(peer: Peer) -> None:
    """Answers as a server of RFC 7616 does that has one user, with MD5."""
    assert peer.request is not None
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', peer.request.headers.get("authorization", "")))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret = md5("user:models:password")
    asked = md5(f"{peer.request.method}:{peer.request.path}")
    middle = ":".join(fields.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
    if fields.get("nonce") == "n0nce" and fields["response"] == md5(f"{secret}:{middle}:{asked}"):
        peer.send(GOOD)
    else:
        challenge = 'Digest realm="models", nonce="n0nce", qop="auth", algorithm=MD5'
        peer.send(http_answer(401, headers={"WWW-Authenticate": challenge, "Set-Cookie": "a=b"}))


@pytest.mark.parametrize("api_key", [None, "sk-test-key"])
def test_digest_authentication_works(api_key: str | None) -> None:
    session = requests.Session()
    session.auth = requests.auth.HTTPDigestAuth("user", "password")
    with LoopbackServer(always=digest_challenge) as server:
        client = client_of(server, session=session, api_key=api_key)
        assert ask(client, input="é") == [COMPLETED]
        assert ask(client) == [COMPLETED]

    assert not session.cookies


def test_a_wrong_password_for_digest_is_an_authentication_error() -> None:
    session = requests.Session()
    session.auth = requests.auth.HTTPDigestAuth("user", "wrong-password")
    with LoopbackServer(always=digest_challenge) as server:
        with pytest.raises(AuthenticationError):
            ask(client_of(server, session=session))

    assert len(server.requests) == 2


# Keys


def test_a_key_function_is_asked_for_each_try() -> None:
    keys = iter(["key-one", "key-two", "key-three"])
    with LoopbackServer(http_answer(503), GOOD, GOOD) as server:
        client = client_of(server, api_key=lambda: next(keys))
        ask(client)
        ask(client)

    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer key-one", "Bearer key-two", "Bearer key-three",
    ]  # fmt: skip


def test_the_key_of_a_function_is_masked() -> None:
    answer = http_answer(401, {"error": {"message": "Wrong key: key-of-a-function"}})
    with LoopbackServer(answer) as server:
        with pytest.raises(AuthenticationError, match=r"Wrong key: \*\*\*"):
            ask(client_of(server, api_key=lambda: "key-of-a-function"))


@pytest.mark.parametrize("key", [b"sk-secret-bytes", 5, ["sk-secret"]])
def test_a_key_that_is_neither_text_nor_a_function_is_refused_at_once(key: Any) -> None:
    with pytest.raises(UserError, match="api_key must be text, or a function") as caught:
        ResponsesClient(api_key=key)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("given", [b"sk-secret-bytes", None, 5])
def test_a_key_function_that_gives_no_text_is_refused(given: Any) -> None:
    with LoopbackServer() as server, pytest.raises(UserError, match="api_key function") as caught:
        ask(client_of(server, api_key=lambda: given))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("error", [OSError("vault down"), ValueError("bad"), KeyError("role")])
def test_a_key_function_that_fails_is_told_as_what_it_is(error: Exception) -> None:
    def fetch() -> str:
        raise error

    with LoopbackServer() as server, pytest.raises(UserError) as caught:
        ask(client_of(server, api_key=fetch))

    assert str(caught.value) == f"The api_key function failed: {type(error).__name__}: {error}"
    assert caught.value.__cause__ is error


# Settings that change


def test_what_is_set_on_the_session_later_counts() -> None:
    session = requests.Session()
    seen: list[int] = []
    with LoopbackServer(GOOD, GOOD_STREAM, GOOD) as server:
        client = client_of(server, session=session, api_key=None)
        ask(client)
        session.headers["X-Later"] = "yes"
        session.auth = ("user", "password")
        session.params = {"tenant": "7"}
        session.hooks["response"].append(lambda answer, **_: seen.append(answer.status_code))
        assert ask(client, stream=True) == [DELTA, COMPLETED]
        del session.headers["X-Later"]
        ask(client)

    first, second, third = server.requests
    assert "x-later" not in first.headers and "authorization" not in first.headers
    assert second.headers["x-later"] == "yes"
    assert second.headers["authorization"].startswith("Basic ")
    assert second.path == "/v1/responses?tenant=7"
    assert "x-later" not in third.headers
    assert seen == [200, 200]


def test_a_hook_that_raises_for_bad_statuses_changes_no_error() -> None:
    session = requests.Session()
    session.hooks["response"].append(lambda answer, **_: answer.raise_for_status())
    with LoopbackServer(http_answer(400, {"error": {"message": "Because."}})) as server:
        with pytest.raises(BadRequestError, match="Because"):
            ask(client_of(server, session=session))


def test_a_hook_may_read_the_answer() -> None:
    session, read = requests.Session(), []
    session.hooks["response"].append(lambda answer, **_: read.append(answer.text))
    with LoopbackServer(GOOD_STREAM, http_answer(400, {"error": {"message": "No."}})) as server:
        client = client_of(server, session=session)
        assert ask(client, stream=True) == [DELTA, COMPLETED]
        with pytest.raises(BadRequestError, match="No"):
            ask(client)

    assert "Hel" in read[0]


def test_cookies_are_kept_out_of_the_users_session() -> None:
    session = requests.Session()
    session.cookies.set("mine", "1")
    cookie = http_answer(200, RESPONSE, headers={"Set-Cookie": "theirs=2; Path=/"})
    with LoopbackServer(cookie, GOOD) as server:
        client = client_of(server, session=session)
        ask(client)
        ask(client)

    assert [request.headers["cookie"] for request in server.requests] == ["mine=1", "mine=1"]
    assert dict(session.cookies) == {"mine": "1"}


def test_a_proxy_set_on_the_session_is_used() -> None:
    session = requests.Session()
    with LoopbackServer(GOOD) as proxy:
        session.proxies["http"] = proxy.origin
        client = ResponsesClient(base_url="http://model.test/v1", api_key="k", session=session)
        assert ask(client) == [COMPLETED]

    assert proxy.requests[0].path == "http://model.test/v1/responses"


def test_an_adapter_mounted_later_is_used() -> None:
    class Counting(HTTPAdapter):
        sent = 0

        def send(self, *args: Any, **options: Any) -> requests.Response:
            self.sent += 1
            return super().send(*args, **options)

    session, adapter = requests.Session(), Counting()
    with LoopbackServer(GOOD, GOOD) as server:
        client = client_of(server, session=session)
        ask(client)
        session.mount("http://127.0.0.1", adapter)
        ask(client)

    assert adapter.sent == 1


def test_cancelling_interrupts_the_wait_for_headers_on_a_plain_session() -> None:
    session = requests.Session()
    with LoopbackServer(GOOD, Peer.hang) as server:
        requests.Session.get(session, server.origin)  # whose pool exists already
        cancellation = Cancellation()
        events = client_of(server, session=session).stream({}, cancellation=cancellation)
        threading.Timer(0.05, cancellation.cancel, [RunCancelled()]).start()
        with pytest.raises(RunCancelled):
            next(events)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_does_not_write_on_the_connection_of_its_parent() -> None:
    session = requests.Session()
    with LoopbackServer(always=GOOD) as server:
        client = client_of(server, session=session)
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


# What watches or plays traffic


def test_requests_mock_sees_the_request() -> None:
    with requests_mock.Mocker() as mocker:
        mocker.post("https://api.openai.com/v1/responses", json=RESPONSE)
        assert ask(ResponsesClient(api_key="sk-test-key")) == [COMPLETED]
        stream = event_bytes(DELTA) + event_bytes(COMPLETED)
        headers = {"Content-Type": "text/event-stream"}
        mocker.post("https://api.openai.com/v1/responses", content=stream, headers=headers)
        client = ResponsesClient(api_key="sk-test-key", session=requests.Session())
        assert ask(client, stream=True) == [DELTA, COMPLETED]

    assert mocker.request_history[0].headers["Authorization"] == "Bearer sk-test-key"


MATCHED = ["method", "path", "body"]


@pytest.mark.parametrize("own", [False, True], ids=["ours", "theirs"])
def test_a_cassette_records_and_plays_without_the_server(tmp_path: Path, own: bool) -> None:
    cassette = str(tmp_path / "cassette.yaml")
    with LoopbackServer(GOOD, GOOD, GOOD_STREAM, GOOD) as server:
        options = {"session": requests.Session()} if own else {}
        client = client_of(server, **options)
        ask(client)  # this connection is in the pool when the cassette begins
        with vcr.use_cassette(cassette, match_on=MATCHED):
            assert ask(client, input="one") == [COMPLETED]
            assert ask(client, stream=True) == [DELTA, COMPLETED]
        assert ask(client) == [COMPLETED]
    assert len(server.requests) == 4

    with vcr.use_cassette(cassette, record_mode="none", match_on=MATCHED) as tape:
        again = client_of(server, **options)
        assert ask(again, input="one") == [COMPLETED]
        assert ask(client, stream=True) == [DELTA, COMPLETED]
    assert tape.all_played


def test_opentelemetry_sees_the_request_and_names_its_trace() -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor = RequestsInstrumentor()
    with LoopbackServer(GOOD, GOOD_STREAM) as server:
        client = client_of(server)
        instrumentor.instrument(tracer_provider=provider)
        try:
            ask(client)
            ask(client, stream=True)
        finally:
            instrumentor.uninstrument()

    assert [span.name for span in spans.get_finished_spans()] == ["POST", "POST"]
    assert all("traceparent" in request.headers for request in server.requests)


# Connections


def test_a_stream_in_small_pieces_goes_through_a_users_session_too() -> None:
    pieces = b"".join(chunk(bytes([byte])) for byte in event_bytes(DELTA) + event_bytes(COMPLETED))
    with LoopbackServer(stream_head() + pieces + LAST_CHUNK) as server:
        client = client_of(server, session=requests.Session())
        assert ask(client, stream=True) == [DELTA, COMPLETED]
