from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
import requests

from agents_lite.exceptions import RateLimitError, UserError
from agents_lite.testing import (
    CutConnection,
    HTTPReply,
    ResponsesServer,
    ScriptError,
    call,
    reasoning,
    status,
    text,
    turn,
)
from agents_lite.testing.wire import stream_events
from tests.support.recordings import RECORDINGS, load_exchanges
from tests.support.waiting import wait_until


def post(server: ResponsesServer, body: dict[str, Any] | None = None, **headers: str) -> Any:
    """The answer to a request; `body` is laid over a minimal one."""
    body = {"model": "gpt-4o", "input": "Hi", **(body or {})}
    return requests.post(server.base_url + "/responses", json=body, headers=headers, timeout=60)


def get(server: ResponsesServer, response_id: str, **query: Any) -> requests.Response:
    return requests.get(f"{server.base_url}/responses/{response_id}", params=query, timeout=60)


def read_events(reply: requests.Response) -> list[dict[str, Any]]:
    events = []
    for block in reply.content.decode().split("\n\n")[:-1]:
        name, _, data = block.partition("\ndata: ")
        events.append(json.loads(data))
        assert name == "event: " + events[-1]["type"]
    return events


def first_text(reply: requests.Response) -> str:
    return reply.json()["output"][0]["content"][0]["text"]


def test_a_scripted_turn_is_answered_as_json():
    with ResponsesServer([call("add", a=1)]) as server:
        reply = post(server, {"instructions": "Add.", "temperature": 0.5})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"].startswith("req_")
    response = reply.json()
    assert (response["object"], response["status"]) == ("response", "completed")
    assert (response["model"], response["instructions"]) == ("gpt-4o", "Add.")
    assert response["output"][0]["arguments"] == '{"a":1}'


def test_a_scripted_turn_is_streamed():
    with ResponsesServer([turn("Grüße", pause=0.001)]) as server:
        reply = post(server, {"stream": True})
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = read_events(reply)
    assert events == list(stream_events(events[-1]["response"]))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "Grüße"


@pytest.mark.parametrize("path", ["responses", "chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
def test_half_a_character_is_sent_as_the_escape_that_json_has_for_it(path: str, stream: bool):
    asked = {"model": "m", "input": "hi"}
    if path != "responses":
        asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    with ResponsesServer([["half \ud83d", call("f", text="\ud83d")]]) as server:
        body = {**asked, "stream": stream}
        answer = requests.post(f"{server.base_url}/{path}", json=body, timeout=60)
    assert answer.status_code == 200 and "half \\ud83d" in answer.text


def test_requests_are_recorded():
    with ResponsesServer(["Hello"]) as server:
        post(server, {"input": "Hi there"}, Authorization="Bearer k")
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/responses")
    assert request.body["input"] == "Hi there"
    assert request.headers["authorization"] == "Bearer k"


def test_statuses_and_errors_are_sent_as_http_errors():
    limited = RateLimitError("slow down", status_code=429, headers={"retry-after": "0"})
    script = [
        status(503, {"message": "overloaded"}, headers={"retry-after": "2"}),
        limited,
        ValueError("broken"),
        HTTPReply(502, b"<html>", {"Content-Type": "text/html"}),
        "Hello",
    ]
    with ResponsesServer(script) as server:
        replies = [post(server, {"stream": True}) for _ in script]
    assert [reply.status_code for reply in replies] == [503, 429, 500, 502, 200]
    assert replies[0].json() == {"error": {"message": "overloaded"}}
    assert replies[0].headers["retry-after"] == "2"
    assert (replies[1].json()["error"]["message"], replies[1].headers["retry-after"]) == (
        "slow down",
        "0",
    )
    assert replies[2].json()["error"]["message"] == "broken"
    assert replies[3].text == "<html>"
    server.assert_finished()


def test_a_repeated_status_has_a_request_id_of_its_own_each_time():
    with ResponsesServer([status(429)] * 2) as server:
        ids = [post(server).headers["x-request-id"] for _ in range(2)]
    assert ids[0] != ids[1]


def test_a_connection_can_be_dropped():
    with ResponsesServer([CutConnection, "Hello"]) as server:
        with pytest.raises(requests.ConnectionError):
            post(server)
        assert first_text(post(server)) == "Hello"


def test_a_function_sees_the_request():
    with ResponsesServer([lambda request: request.body["input"].upper()]) as server:
        assert first_text(post(server)) == "HI"


def test_a_script_that_runs_out_is_a_bad_request_which_no_client_repeats():
    with ResponsesServer(["One"]) as server:
        post(server)
        reply = post(server)
        assert reply.status_code == 400
        assert "Request 2 came, but the script has 1 turns" in reply.json()["error"]["message"]
        with pytest.raises(ScriptError):
            server.assert_finished()


def test_a_function_that_raises_is_a_bad_request_that_says_so():
    class Mute(Exception):
        def __str__(self) -> str:
            raise LookupError("no words")

    for error, words in ((KeyError("colour"), "KeyError: 'colour'"), (Mute(), "Mute: Mute, whose")):

        def answer(request: Any, error: Exception = error) -> str:
            raise error

        with ResponsesServer(answer) as server:
            reply = post(server)
        assert reply.status_code == 400
        assert reply.json()["error"]["message"].startswith(f"The script raised {words}")


def test_a_function_may_drop_the_connection():
    def answer(request: Any) -> str:
        raise CutConnection

    with ResponsesServer(answer) as server, pytest.raises(requests.ConnectionError):
        post(server)


def test_a_refused_request_uses_no_turn():
    with ResponsesServer(["One"]) as server:
        assert post(server, {"model": None}).status_code == 400
        assert first_text(post(server)) == "One"


def test_previous_response_id_brings_the_conversation_back():
    with ResponsesServer([call("add", call_id="call_1", a=1), "Done", "Again"]) as server:
        first = post(server).json()
        output = {"type": "function_call_output", "call_id": "call_1", "output": "2"}
        follow_up = {"input": [output], "previous_response_id": first["id"]}
        second = post(server, follow_up)
        assert first_text(second) == "Done"
        assert second.json()["previous_response_id"] == first["id"]
        unanswered = post(server, {"previous_response_id": first["id"]})
    error = unanswered.json()["error"]
    assert error["message"] == "No tool output found for function call call_1."


def test_an_unknown_or_unstored_previous_response_is_refused():
    with ResponsesServer(["One"]) as server:
        unstored = post(server, {"store": False}).json()["id"]
        for response_id in (unstored, "resp_nope"):
            error = post(server, {"previous_response_id": response_id}).json()["error"]
            assert error["code"] == "previous_response_not_found"
            assert get(server, response_id).status_code == 404


def test_a_conversation_goes_on_from_request_to_request():
    with ResponsesServer([call("add", call_id="call_1"), "Done"]) as server:
        first = post(server, {"conversation": "conv_1"}).json()
        assert first["conversation"] == {"id": "conv_1"}
        output = {"type": "function_call_output", "call_id": "call_1", "output": "2"}
        assert post(server, {"conversation": "conv_2", "input": [output]}).status_code == 400
        reply = post(server, {"conversation": {"id": "conv_1"}, "input": [output]})
    assert first_text(reply) == "Done"


def test_a_stored_response_can_be_fetched_and_its_stream_taken_up_again():
    with ResponsesServer(["One two three"]) as server:
        events = read_events(post(server, {"stream": True, "background": True}))
        response = events[-1]["response"]
        assert get(server, response["id"]).json() == response
        assert read_events(get(server, response["id"], stream="true")) == events
        rest = read_events(get(server, response["id"], stream="true", starting_after=4))
    assert rest == events[5:]


def test_without_the_right_key_nothing_is_answered():
    with ResponsesServer(["Hello"], api_key="sk-right") as server:
        assert post(server).status_code == 401
        refused = post(server, Authorization="Bearer sk-wrong")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert post(server, Authorization="Bearer sk-right").status_code == 200


def test_unknown_paths_are_not_found():
    with ResponsesServer() as server:
        assert requests.get(server.base_url + "/nothing", timeout=60).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("responses", {"input": "x", "text": {"format": "json"}}),
        ("responses", {"input": [{"role": "user", "content": [{"text": None}]}]}),
        ("chat/completions", {"messages": [{"role": "user", "content": ["a"]}]}),
        ("chat/completions", {"messages": [{"role": "user", "content": "a"}], "tools": ["a"]}),
        ("conversations", {"items": [5]}),
    ],
)
def test_what_is_not_shaped_like_a_request_is_refused(path: str, body: dict[str, Any]):
    with ResponsesServer() as server:
        reply = requests.post(f"{server.base_url}/{path}", json={"model": "m", **body}, timeout=60)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"].startswith("This cannot be answered: ")


def test_the_delay_of_the_server_holds_for_turns_without_their_own():
    with ResponsesServer([turn("quick", delay=0), "slow"], delay=0.2) as server:
        post(server)
        started = time.monotonic()
        post(server)
        assert time.monotonic() - started >= 0.2


def test_a_client_that_gives_up_is_noticed():
    with ResponsesServer([turn("late", delay=60)]) as server:
        with pytest.raises(requests.ReadTimeout):
            requests.post(
                server.base_url + "/responses",
                json={"model": "m", "input": "Hi"},
                timeout=(60, 0.05),
            )
        wait_until(lambda: server.requests)
        assert server.requests[0].client_left.wait(60)


def test_every_turn_goes_out_once_over_many_connections():
    texts: list[str] = []

    def work() -> None:
        texts.extend(first_text(post(server)) for _ in range(5))

    with ResponsesServer([str(number) for number in range(50)]) as server:
        threads = [threading.Thread(target=work) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.assert_finished()
    assert sorted(texts, key=int) == [str(number) for number in range(50)]


def test_a_server_that_is_not_running_says_so():
    with pytest.raises(UserError, match="not running"):
        ResponsesServer().base_url  # noqa: B018


def test_a_server_is_started_once_and_again_when_it_was_closed():
    server = ResponsesServer(["Hello", "Again"]).start()
    first = server.base_url
    with server:
        assert server.base_url == first
        assert post(server).ok
    with pytest.raises(requests.ConnectionError):
        post(server)
    with server:
        assert post(server).ok


def test_a_script_that_never_closes_its_server_ends():
    program = (
        "from agents_lite.testing import ResponsesServer\n"
        "import requests\n"
        "server = ResponsesServer(['Hello']).start()\n"
        "body = {'model': 'm', 'input': 'Hi', 'stream': True}\n"
        "print(requests.post(server.base_url + '/responses', json=body).status_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=300)
    assert (done.stdout, done.stderr, done.returncode) == (b"200\n", b"", 0)


def test_importing_the_package_does_not_load_an_http_server():
    program = "import sys, agents_lite.testing; print('http.server' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=300)
    assert done.stdout == b"False\n"


@pytest.mark.parametrize("recording", RECORDINGS)
def test_what_real_clients_sent_is_accepted_and_answered_as_recorded(recording: str):
    """Recorded answers as the script, recorded requests against it: those refused then are now."""
    exchanges = [each for each in load_exchanges(recording) if each.method == "POST"]
    answered = [exchange.response for exchange in exchanges if exchange.status == 200]
    script = [
        turn(*response["output"], id=response["id"], usage=response["usage"])
        for response in answered
    ]
    with ResponsesServer(script) as server:
        for exchange in exchanges:
            reply = post(server, {"input": None, **exchange.request})
            assert reply.status_code == exchange.status, reply.text
            if reply.status_code != 200:
                assert reply.json() == json.loads(exchange.body)
                continue
            got = read_events(reply)[-1]["response"] if exchange.is_stream else reply.json()
            for name in ("id", "output", "usage"):
                assert got[name] == exchange.response[name]
    server.assert_finished()


def test_reasoning_is_taken_back_with_what_followed_it():
    with ResponsesServer([[reasoning("Hm."), call("add", a=1)], "Done"]) as server:
        output = post(server).json()["output"]
        answer = {
            "type": "function_call_output",
            "call_id": output[1]["call_id"],
            "output": "2",
        }
        history = [{"role": "user", "content": "Hi"}, *output, answer]
        assert first_text(post(server, {"input": history})) == "Done"


def test_text_builders_may_be_sent_back_as_input():
    with ResponsesServer(["One", text("Two")]) as server:
        history = post(server).json()["output"] + [{"role": "user", "content": "More"}]
        assert first_text(post(server, {"input": history})) == "Two"
