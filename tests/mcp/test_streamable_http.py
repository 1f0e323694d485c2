"""Servers over HTTP, good ones and bad ones."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from operator import le
from typing import Any

import pytest
import requests

from agents_lite import (
    Agent,
    MCPServerError,
    MCPServerStreamableHttp,
    MCPTimeoutError,
    RunConfig,
    Runner,
    function_tool,
)
from agents_lite.concurrency.cancellation import Cancellation, RunCancelled
from agents_lite.mcp.session import Caller
from agents_lite.testing import ScriptedModel, call
from tests.support.loopback import LAST_CHUNK, Peer, Received, chunk, http_answer, stream_head
from tests.support.mcp_http import ScriptedMCP, event, said
from tests.support.memory import MOST_BYTES, grown_bytes
from tests.support.waiting import SOON, cancel_once, wait_until

both_eras = pytest.mark.parametrize("modern", [False, True], ids=["handshake", "modern"])


def client(peer: ScriptedMCP, **options: Any) -> MCPServerStreamableHttp:
    params: Any = {"url": peer.url, **options.pop("params", {})}
    options = {"client_session_timeout_seconds": 60, "name": "web", **options}
    return MCPServerStreamableHttp(params, **options)


def say(server: MCPServerStreamableHttp, text: str, tool: str = "echo") -> Any:
    return server.call_tool(tool, {"text": text}).content[0].text


@both_eras
@pytest.mark.parametrize("streamed", [False, True], ids=["json", "events"])
def test_a_tool_is_listed_and_called(modern: bool, streamed: bool) -> None:
    with ScriptedMCP(modern=modern, streamed=streamed) as peer, client(peer) as server:
        assert [tool.name for tool in server.list_tools()] == ["echo", "write", "route"]
        assert say(server, "hello") == "hello"
        assert say(server, "é" * 1_000_000) == "é" * 1_000_000
        assert peer.loopback.connections == 1


def test_the_older_revision_has_a_session_that_is_ended() -> None:
    with ScriptedMCP() as peer:
        with client(peer) as server:
            say(server, "a")
        *_, call, end = peer.requests
        assert call.headers["mcp-session-id"] == "session-1"
        assert call.headers["mcp-protocol-version"] == "2025-11-25"
        assert (end.method, end.headers["mcp-session-id"]) == ("DELETE", "session-1")
        assert not peer.live


def test_a_connection_that_was_asked_for_outlives_a_block() -> None:
    with ScriptedMCP(modern=True) as peer:
        server = client(peer)
        server.connect()
        with server:
            say(server, "a")
        say(server, "b")
        server.close()
        assert peer.methods().count("server/discover") == 1
        with server:
            say(server, "c")
        assert server._session is None  # nobody asks for it any more


def test_the_newest_revision_says_all_in_each_request() -> None:
    with ScriptedMCP(modern=True) as peer:
        with client(peer) as server:
            server.list_tools()
            server.call_tool("route", {"region": "Zürich"})
        call = peer.requests[-1]
        assert peer.methods() == ["server/discover", "tools/list", "tools/call"]
        assert call.headers["mcp-method"] == "tools/call"
        assert call.headers["mcp-name"] == "route"
        assert call.headers["mcp-param-region"] == "=?base64?WsO8cmljaA==?="
        meta = call.json["params"]["_meta"]
        assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
        assert "mcp-session-id" not in call.headers


def test_a_stream_may_be_cut_anywhere() -> None:
    def bytewise(peer: Peer, message: dict[str, Any]) -> None:
        peer.send(stream_head())
        for byte in event(said(message, "é€")):
            peer.send(chunk(bytes([byte])))
        peer.send(LAST_CHUNK)

    with ScriptedMCP(plays={"echo": bytewise}) as peer, client(peer) as server:
        assert say(server, "") == "é€"


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_answer_that_grows_without_end_is_read_no_further(kind: str) -> None:
    bomb = gzip.compress(gzip.compress(b"data: " + b"x" * (64 << 20)))

    def play(peer: Peer, _: Any) -> None:
        head = stream_head({"Content-Encoding": "gzip, gzip", "Content-Type": kind})
        peer.send(head + chunk(bomb) + LAST_CHUNK)

    with ScriptedMCP(plays={"write": play}) as peer, client(peer, max_message_bytes=9999) as server:
        with pytest.raises(MCPServerError, match="max_message_bytes"):
            server.call_tool("write")
        assert say(server, "still here") == "still here"


def test_notifications_and_pings_come_before_the_answer() -> None:
    def chat(peer: Peer, message: dict[str, Any]) -> None:
        heard: Any = {"level": "info", "data": "hello"}
        scripted.reply(
            peer,
            message,
            {"jsonrpc": "2.0", "method": "notifications/message", "params": heard},
            {"jsonrpc": "2.0", "id": "p", "method": "ping"},
        )

    with ScriptedMCP(plays={"echo": chat}) as scripted, client(scripted) as server:
        assert say(server, "a") == "a"
        assert scripted.replied.wait(60)
        assert scripted.replies == [{"jsonrpc": "2.0", "id": "p", "result": {}}]


def test_a_question_in_the_stream_is_answered() -> None:
    def ask(peer: Peer, message: dict[str, Any]) -> None:
        form = {"message": "How old?", "requestedSchema": {}}
        question = {"jsonrpc": "2.0", "id": 7, "method": "elicitation/create", "params": form}
        peer.send(stream_head() + chunk(event(question)))
        assert scripted.replied.wait(60)
        age = scripted.replies[0]["result"]["content"]["age"]
        peer.send(chunk(event(said(message, str(age)))) + LAST_CHUNK)

    with ScriptedMCP(plays={"echo": ask}) as scripted:
        with client(scripted, on_elicitation=lambda question: {"age": 44}) as server:
            assert say(server, "") == "44"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http_answer(200, b"{not json"), "no message: {not json"),
        (http_answer(200, b""), "nothing at all"),
        (http_answer(500, b"<h1>Oops</h1>", "text/html"), "HTTP 500: <h1>Oops"),
        (stream_head() + chunk(b"data: {not json\n\n") + LAST_CHUNK, "no message: {not json"),
        (stream_head() + LAST_CHUNK, "broke off"),
        (stream_head() + chunk(b"data: {"), "failed"),
        (
            http_answer(302, headers={"Location": "http://elsewhere/?token=5"}),
            "redirect to elsewhere is not followed, to http://elsewhere/;",
        ),
        (
            http_answer(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}),
            'HTTP 401: with an empty body; it wants Bearer error="invalid_token"',
        ),
    ],
)
def test_an_answer_that_is_none_is_a_typed_error(answer: bytes, words: str) -> None:
    def play(peer: Peer, _: Any) -> None:
        peer.send(answer)
        if words == "failed":
            peer.close()

    with ScriptedMCP(plays={"write": play}) as scripted, client(scripted) as server:
        with pytest.raises(MCPServerError, match=words):
            server.call_tool("write")
        assert say(server, "still here") == "still here"


NOTE = {"jsonrpc": "2.0", "method": "notifications/unheard"}


def in_events(*lines: bytes) -> Any:
    """An answer in a stream of such lines, `ANSWER` standing for its JSON."""

    def play(peer: Peer, message: dict[str, Any]) -> None:
        answer = json.dumps(said(message, "here")).encode()
        content = b"".join(line.replace(b"ANSWER", answer) for line in lines)
        peer.send(stream_head() + chunk(content) + LAST_CHUNK)

    return play


def in_json(change: Any) -> Any:
    def play(peer: Peer, message: dict[str, Any]) -> None:
        peer.send(http_answer(200, change(said(message, "here"))))

    return play


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("No.", "No."),
        ({"code": -5, "message": "No."}, "No."),
        ({"code": -5, "message": None}, "no more than -5"),
        ({"code": -5}, "no more than -5"),
        ({}, "no more than {}"),
        ({"code": -5, "message": "No.", "data": {"field": "text"}}, r'No. \({"field":"text"}\)'),
        ({"code": -5, "message": "No.", "data": "text is missing"}, r"No. \(text is missing\)"),
    ],
)
def test_a_refusal_is_told_in_the_server_s_words(error: Any, words: str) -> None:
    def play(peer: Peer, message: dict[str, Any]) -> None:
        peer.send(http_answer(200, {"jsonrpc": "2.0", "id": message["id"], "error": error}))

    with ScriptedMCP(plays={"write": play}) as scripted, client(scripted) as server:
        with pytest.raises(MCPServerError, match=f"it refused tools/call: .*{words}"):
            server.call_tool("write")


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": -5, "message": "No, token-1234."}},
        {"error": {"code": -5, "message": "No.", "data": "x" * 195 + "token-1234"}},
        b"x" * 195 + b"token-1234",
    ],
)
def test_a_secret_is_masked_also_where_an_excerpt_is_cut(answer: Any) -> None:
    def play(peer: Peer, message: dict[str, Any]) -> None:
        if isinstance(answer, dict):
            answer.update(jsonrpc="2.0", id=message["id"])
        peer.send(http_answer(200, answer))

    params = {"headers": {"Authorization": "token-1234"}}
    with ScriptedMCP(plays={"write": play}) as scripted, client(scripted, params=params) as server:
        with pytest.raises(MCPServerError) as caught:
            server.call_tool("write")
    assert "tok" not in str(caught.value)


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_of_the_older_transport_is_told_from_another_failure(status: int) -> None:
    def refuse(peer: Peer, _: Any) -> None:
        peer.send(http_answer(status, b"No."))

    plays: Any = {"server/discover": refuse, "initialize": refuse}
    with ScriptedMCP(plays=plays) as scripted:
        with pytest.raises(MCPServerError, match=f"HTTP {status}: No.; is the path right.*SSE"):
            client(scripted).connect()


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(in_events(b"event: ping\ndata: 12:00\n\n", b"data: ANSWER\n\n"), id="ping"),
        pytest.param(in_events(b": x\n\nevent: result\ndata: ANSWER\n\n"), id="another event"),
        pytest.param(in_events(b"data: ANSWER"), id="no empty line at the end"),
        pytest.param(in_events(b"\xef\xbb\xbfdata: ANSWER\r\n\r\n"), id="mark and line ends"),
        pytest.param(in_events(b"data: ANSWER\n\n", b"data: [DONE]\n\n"), id="[DONE]"),
        pytest.param(in_json(lambda a: b"\xef\xbb\xbf" + json.dumps(a).encode()), id="mark"),
        pytest.param(in_json(lambda a: {**a, "id": str(a["id"])}), id="id as text"),
        pytest.param(in_json(lambda a: {**a, "error": None}), id="error beside it"),
        pytest.param(in_json(lambda a: json.dumps([NOTE, a])), id="list"),
    ],
)
def test_an_answer_that_is_a_little_off_is_read(play: Any) -> None:
    with ScriptedMCP(plays={"echo": play}) as scripted, client(scripted) as server:
        assert say(server, "") == "here"


@pytest.mark.parametrize(
    "answer",
    [
        http_answer(202),
        http_answer(200, b"<html>", "text/html"),
        http_answer(404, b"<html>", "text/html"),
        http_answer(500),
    ],
)
def test_a_server_that_makes_nothing_of_being_discovered_is_shaken_hands_with(
    answer: bytes,
) -> None:
    plays = {"server/discover": lambda peer, _: peer.send(answer)}
    with ScriptedMCP(plays=plays) as scripted, client(scripted) as server:
        assert say(server, "here") == "here"


@pytest.mark.parametrize("code", [200, 202, 204, 400, 405, 500])
def test_what_answers_a_notification_or_a_get_does_not_matter(code: int) -> None:
    plays = {"notifications/initialized": lambda peer, _: peer.send(http_answer(code))}
    with (
        ScriptedMCP(plays=plays, get=lambda peer, _: peer.send(http_answer(code))) as scripted,
        client(scripted, cache_tools_list=True) as server,
    ):
        assert len(server.list_tools()) == 3


def test_a_session_that_is_called_invalid_is_begun_anew() -> None:
    """Servers say it with 400, too; told in https://github.com/weaviate/weaviate/issues/12788."""

    def refuse_once(peer: Peer, message: dict[str, Any]) -> None:
        if scripted.calls["echo"] > 1:
            scripted.reply(peer, message)
            return
        why = {"code": -32600, "message": "Bad Request: No valid session ID provided"}
        peer.send(http_answer(400, {"jsonrpc": "2.0", "id": "server-error", "error": why}))

    with ScriptedMCP(plays={"echo": refuse_once}) as scripted, client(scripted) as server:
        server.list_tools()
        assert say(server, "here") == "here"
        assert scripted.sessions == 2


def test_an_expired_session_is_begun_anew_and_what_it_was_refused_for_is_asked_again() -> None:
    """As wanted in https://github.com/sparfenyuk/mcp-proxy/issues/149 and many others."""
    with ScriptedMCP() as scripted, client(scripted) as server:
        server.list_tools()
        scripted.live.clear()
        assert say(server, "a") == "a"
        assert (scripted.sessions, scripted.calls["echo"]) == (2, 2)
        scripted.live.clear()
        server.call_tool("write")
        assert (scripted.sessions, scripted.calls["write"]) == (3, 2)  # refused, then made


def test_a_session_that_expires_again_and_again_is_not_asked_for_ever() -> None:
    def refuse(peer: Peer, _: Any) -> None:
        peer.send(http_answer(404))

    with ScriptedMCP(plays={"tools/list": refuse}) as scripted, client(scripted) as server:
        with pytest.raises(MCPServerError, match="session"):
            server.list_tools()
        assert scripted.calls["tools/list"] == 2


@pytest.mark.parametrize(
    ("step", "begins"),
    [
        ("server/discover", True),
        ("initialize", False),
        ("initialize", True),
        ("notifications/initialized", False),
        ("tools/list", False),
        ("tools/list", True),
        ("echo", False),
        ("echo", True),
    ],
)
def test_a_server_may_hang_at_each_step(step: str, begins: bool) -> None:
    def hang(peer: Peer, _: Any) -> None:
        if begins:
            peer.send(stream_head())
        peer.hang()

    with ScriptedMCP(modern=step == "server/discover", plays={step: hang}) as scripted:
        server = client(scripted, client_session_timeout_seconds=1)
        with pytest.raises(MCPTimeoutError):
            server.list_tools()
            server.call_tool("echo")
        server.close()


@both_eras
def test_a_call_that_is_not_answered_is_taken_back(modern: bool) -> None:
    with ScriptedMCP(modern=modern, plays={"write": lambda peer, _: peer.hang()}) as scripted:
        with client(scripted) as server:
            server.connect()
            server._seconds = 0.5
            with pytest.raises(MCPTimeoutError, match="no answer to tools/call within 0.5 s"):
                server.call_tool("write")
            wait_until(lambda: any(p.client_left.is_set() for p in scripted.loopback.peers))
            server._seconds = 60
            assert say(server, "a") == "a"
            if modern:  # there, closing is all it takes
                assert "notifications/cancelled" not in scripted.methods()
            else:
                wait_until(lambda: "notifications/cancelled" in scripted.methods())


def test_a_server_may_be_silent_for_so_long() -> None:
    silence = {"timeout": 1000, "sse_read_timeout": 0.5}
    with ScriptedMCP(plays={"server/discover": lambda peer, _: peer.hang()}) as scripted:
        server = client(scripted, params=silence, client_session_timeout_seconds=None)
        with pytest.raises(MCPServerError, match="it was silent for too long"):
            server.list_tools()
        server.close()


def test_a_cancelled_call_ends_at_once() -> None:
    began = threading.Event()

    def hang(peer: Peer, _: Any) -> None:
        began.set()
        peer.hang()

    with ScriptedMCP(plays={"write": hang}) as scripted, client(scripted) as server:
        cancellation = Cancellation()
        caller = Caller(cancellation, lambda function, *args: function(*args))

        def stop() -> None:
            began.wait(60)
            cancellation.cancel(RunCancelled())

        threading.Thread(target=stop).start()
        with pytest.raises(RunCancelled):
            server.call("write", {}, caller)


def test_a_call_that_a_tool_makes_of_a_server_ends_with_the_run() -> None:
    began, ended = threading.Event(), threading.Event()

    def hang(peer: Peer, _: Any) -> None:
        began.set()
        peer.hang()

    endless: dict[str, Any] = {"client_session_timeout_seconds": None}
    with ScriptedMCP(plays={"write": hang}) as scripted, client(scripted, **endless) as server:

        @function_tool
        def write() -> None:
            try:
                server.call_tool("write")
            finally:
                ended.set()

        agent = Agent("A", tools=[write], model=ScriptedModel([call("write")]))
        asyncio.run(cancel_once(began, Runner.run(agent, "x")))
        assert ended.wait(SOON)


def test_a_stream_that_breaks_off_is_taken_up_where_it_ended() -> None:
    held: list[dict[str, Any]] = []
    asked: list[str] = []

    def begin(peer: Peer, message: dict[str, Any]) -> None:
        held.append(message)
        peer.send(stream_head() + chunk(b"id: e1\nretry: 10\ndata: \n\n") + LAST_CHUNK)

    def go_on(peer: Peer, received: Received) -> None:
        asked.append(received.headers["last-event-id"])
        if len(asked) == 1:
            peer.send(stream_head() + chunk(b"id: e2\nretry: 10\ndata:\n\n") + LAST_CHUNK)
        else:
            peer.send(stream_head() + chunk(event(said(held[0], "at last"))) + LAST_CHUNK)

    with ScriptedMCP(plays={"write": begin}, get=go_on) as scripted, client(scripted) as server:
        assert say(server, "", "write") == "at last"
        assert asked == ["e1", "e2"]
        assert scripted.calls["write"] == 1


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_within_the_server_is_followed_for_good(status: int) -> None:
    def answer(peer: Peer) -> None:
        assert peer.request is not None
        if peer.request.path == "/mcp":
            peer.send(http_answer(status, headers={"Location": "/mcp/"}))
        else:
            scripted._answer(peer)

    with ScriptedMCP() as scripted:
        scripted.loopback._always = answer
        with client(scripted) as server:
            assert say(server, "a") == "a"
        assert [r.path for r in scripted.requests].count("/mcp") == 1


def test_a_key_that_is_refused_is_not_tried_on_an_older_revision(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    def refuse(peer: Peer, _: Any) -> None:
        peer.send(http_answer(401, b"no such key: tok-123456789"))

    headers = {"Authorization": "Bearer tok-123456789"}
    with ScriptedMCP(plays={"server/discover": refuse}) as scripted:
        server = client(scripted, params={"headers": headers})
        with pytest.raises(MCPServerError, match="HTTP 401: no such key: ") as caught:
            server.connect()
        assert scripted.methods() == ["server/discover"]
        assert scripted.requests[0].headers["authorization"] == "Bearer tok-123456789"
    assert "tok-123456789" not in f"{caught.value!r} {server!r} {caplog.text}"
    assert caught.value.__cause__ is None


def test_requests_authenticate_themselves() -> None:
    class Rotating(requests.auth.AuthBase):
        count = 0

        def __call__(self, request: Any) -> Any:
            self.count += 1
            request.headers["Authorization"] = f"Bearer token-{self.count}"
            return request

    with ScriptedMCP() as scripted, client(scripted, params={"auth": Rotating()}) as server:
        say(server, "a")
        keys = [received.headers["authorization"] for received in scripted.requests]
    assert keys == [f"Bearer token-{number + 1}" for number in range(len(keys))]


def test_a_session_of_the_user_is_used() -> None:
    def make() -> requests.Session:
        session = requests.Session()
        session.headers["X-Team"] = "bells"
        return session

    with ScriptedMCP() as scripted, client(scripted, session=make) as server:
        say(server, "a")
        assert {received.headers["x-team"] for received in scripted.requests} == {"bells"}


@both_eras
def test_changed_tools_are_heard_of_while_nothing_is_asked(modern: bool) -> None:
    streams: list[Peer] = []
    before = set(threading.enumerate())
    changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}

    def open_stream(peer: Peer, _: Any) -> None:
        streams.append(peer)
        peer.send(stream_head() + chunk(b": hello\n\n"))
        peer.hang()

    plays = {"subscriptions/listen": open_stream}
    with ScriptedMCP(modern=modern, plays=plays, get=open_stream) as scripted:
        with client(scripted, cache_tools_list=True) as server:
            assert len(server.list_tools()) == 3
            assert len(server.list_tools()) == 3
            assert scripted.calls["tools/list"] == 1
            scripted.tools.append({"name": "new", "inputSchema": {}})
            streams[0].send(chunk(event(changed)))
            wait_until(lambda: len(server.list_tools()) == 4)
            calls = scripted.calls["tools/list"]
            streams[0].close()
            wait_until(lambda: server.list_tools() and scripted.calls["tools/list"] > calls)
        begun = set(threading.enumerate()) - before
        wait_until(lambda: not any("mcp" in each.name and each.is_alive() for each in begun))


def test_a_server_that_says_nothing_of_its_own_accord_keeps_its_list() -> None:
    with ScriptedMCP() as scripted, client(scripted, cache_tools_list=True) as server:
        for _ in range(3):
            server.list_tools()
        assert scripted.calls["tools/list"] == 1
        assert [received.method for received in scripted.requests].count("GET") == 1


def test_twenty_threads_share_one_server() -> None:
    with ScriptedMCP() as scripted, client(scripted) as server, ThreadPoolExecutor(20) as pool:
        texts = [str(number) for number in range(200)]
        assert list(pool.map(lambda text: say(server, text), texts)) == texts
        assert scripted.sessions == 1


def test_hundreds_of_calls_leave_nothing_behind() -> None:
    def facts() -> tuple[int, int, int]:
        fds = len(os.listdir("/proc/self/fd"))
        return threading.active_count(), fds, scripted.loopback.connections

    with ScriptedMCP(streamed=True) as scripted, client(scripted) as server:
        for number in range(20):
            say(server, str(number))
        before = facts()
        for number in range(200):
            say(server, str(number))
        wait_until(lambda: all(map(le, facts(), before)))

        def once(number: int) -> None:
            say(server, str(number))
            scripted.loopback.requests.clear()

        assert grown_bytes(once) < MOST_BYTES


def test_a_server_that_is_not_there_is_a_typed_error() -> None:
    server = MCPServerStreamableHttp({"url": "http://127.0.0.1:9/mcp"}, name="ghost")
    with pytest.raises(MCPServerError, match="'ghost'.*connection failed.*refused"):
        server.connect()


NAMELESS = [None, 5, {}, {"name": 5}, {"name": "x", "inputSchema": 5}, {"name": "y"}]
ASKED = {"resultType": "input_required", "inputRequests": 5}


@both_eras
@pytest.mark.parametrize("field", ["result", "error"])
@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("server/discover", {"supportedVersions": 5}),
        ("server/discover", {"supportedVersions": ["2026-07-28"], "capabilities": 5}),
        ("initialize", {"protocolVersion": []}),
        ("tools/list", {"tools": NAMELESS}),
        ("tools/list", {"tools": [], "nextCursor": [5]}),
        ("tools/list", ASKED),
        ("tools/list", [5]),
        ("echo", {"content": [5, {}, {"type": "text"}, {"type": "image", "data": 5}]}),
        ("echo", {"structuredContent": 5}),
        ("echo", {**ASKED, "inputRequests": {"a": {"method": "elicitation/create", "params": 5}}}),
        ("prompts/get", {"messages": [5, {}, {"content": {"type": "text", "text": 5}}]}),
        ("prompts/get", ASKED),
    ],
)
def test_answers_of_the_wrong_shape_are_typed_errors_or_left_aside(
    modern: bool, field: str, method: str, value: Any
) -> None:
    def play(peer: Peer, message: dict[str, Any]) -> None:
        peer.send(http_answer(200, {"jsonrpc": "2.0", "id": message["id"], field: value}))

    def script(request: Any) -> Any:
        return "done" if len(request.input) > 1 else call("echo", text="a")

    with ScriptedMCP(modern=modern, plays={method: play}) as peer:
        server = client(peer)
        agent = Agent("A", mcp_servers=[server], model=ScriptedModel(script))
        config = RunConfig(tool_not_found="tell_model")
        with suppress(MCPServerError):
            Runner.run_sync(agent, "go", run_config=config)
        with suppress(MCPServerError):
            assert server.get_prompt("x").text == ""
        server.close()
