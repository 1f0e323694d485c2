"""A served chat over HTTP: who is answered, and what comes of it."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from agents_lite.exceptions import UserError
from agents_lite.testing import call, handoff_to, turn
from tests.chat_page.conftest import Served, inn
from tests.support.waiting import PATIENCE, wait_until

REFUND = call("refund", call_id="c1", repair="7")


class Visitor:
    """Somebody with the page open."""

    def __init__(self, url: str, name: str = "") -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        page = self.session.get(url + (f"chat/{name}/" if name else ""), timeout=60)
        self.address = page.url
        source = re.search(r'id="source">(.*?)</script>', page.text)
        assert source, page.text
        self.settings = json.loads(source[1])

    def get(self, path: str) -> Any:
        response = self.session.get(requests.compat.urljoin(self.address, path), timeout=60)
        return response.json()

    def post(self, action: str, **fields: str) -> requests.Response:
        body = {**self.settings["fields"], **fields}
        return self.session.post(self.address + action, body, stream=True, timeout=60)

    def events(self, action: str, **fields: str) -> list[tuple[str, Any]]:
        """The events that come of what is posted."""
        return self.read(self.post(action, **fields))

    def read(self, answer: requests.Response) -> list[tuple[str, Any]]:
        """The events of an answer, that which names the run left out."""
        assert answer.headers["content-type"] == "text/event-stream", answer.text
        found = re.findall(r"event: (.*)\ndata: (.*)\n\n", answer.content.decode())
        return [(name, json.loads(text)) for name, text in found if name != "run"]

    def ask_once_free(self, message: str) -> list[tuple[str, Any]]:
        """Ask as soon as the conversation is no longer being answered."""
        answers: list[requests.Response] = []

        def is_free() -> bool:
            answers.append(self.post("ask", message=message))
            return answers[-1].status_code != 409

        wait_until(is_free)
        return self.read(answers[-1])

    def ask(self, message: str, **fields: str) -> list[tuple[str, Any]]:
        return self.events("ask", message=message, **fields)


def test_an_answer_comes_piece_by_piece_and_is_kept(served: Served) -> None:
    served.turns.extend([call("opening_hours", day="Sunday"), "We are closed."])
    visitor = Visitor(served.url)
    answer = visitor.ask("Are you open?")
    assert [content["type"] for name, content in answer if name == "item"] == [
        "function_call", "function_call_output", "message"
    ]  # fmt: skip
    assert "".join(content for name, content in answer if name == "delta") == "We are closed."
    assert answer[-1] == ("done", "We are closed.")
    assert visitor.get("history")["items"][0] == {"role": "user", "content": "Are you open?"}
    assert len(visitor.get("history")["items"]) == 4


def test_conversations_are_listed_with_their_first_words_the_latest_first(served: Served) -> None:
    served.turns.extend(["Hello.", "Hi.", "Bye."])
    ada, grace = Visitor(served.url, "ada"), Visitor(served.url, "grace%20%2F%20h")
    ada.ask("I am  Ada")
    grace.ask("I am Grace")
    listed = ada.get("/conversations")
    assert sorted(each["title"] for each in listed) == ["I am Ada", "I am Grace"]
    again = Visitor(served.url[:-1] + next(e["address"] for e in listed if "Grace" in e["title"]))
    assert len(again.get("history")["items"]) == 2
    ada.post("clear")
    assert [each["title"] for each in grace.get("/conversations")] == ["I am Grace"]
    assert ada.get("history")["items"] == []


def test_a_new_conversation_begins_where_none_is_named(served: Served) -> None:
    served.turns.append("Hello.")
    first, second = Visitor(served.url), Visitor(served.url + "new")
    assert first.address != second.address
    first.ask("Hi")
    assert second.get("history") == {"items": [], "waiting": [], "trace": None}


def test_the_run_is_told_and_its_trace_belongs_to_the_conversation(served: Served) -> None:
    served.turns.append("Hello.")
    visitor = Visitor(served.url, "ada")
    answer = visitor.post("ask", message="Hi").content.decode()
    trace_id = json.loads(re.search(r"event: run\ndata: (.*)\n", answer)[1])  # type: ignore[index]
    assert visitor.get("history")["trace"] == trace_id
    found = wait_until(lambda: visitor.get(f"/runs/traces/{trace_id}"))
    assert (found["trace_id"], found["group_id"]) == (trace_id, "ada")


def test_a_trace_that_is_not_written_yet_is_no_error(served: Served) -> None:
    assert Visitor(served.url).get("/runs/traces/trace_to_come") is None


def test_a_call_waits_for_a_decision_and_goes_on(served: Served) -> None:
    served.turns.extend([REFUND, "Done."])
    visitor = Visitor(served.url, "ada")
    assert visitor.ask("Money back")[-1][0] == "waiting"
    [waiting] = visitor.get("history")["waiting"]
    assert (waiting["agent"], waiting["call_id"], waiting["name"]) == ("Front desk", "c1", "refund")
    assert visitor.post("ask", message="Hello?").status_code == 409
    assert Visitor(served.url, "grace").events("decide", call="c1") == [("decided", None)]
    answer = visitor.events("decide", call="c1", verdict="approve")
    assert answer[-1] == ("done", "Done.")
    assert served.refunds == ["7"]
    assert visitor.events("decide", call="c1", verdict="approve") == [("decided", None)]


def test_a_call_is_rejected_with_the_visitors_words(served: Served) -> None:
    served.turns.extend([REFUND, "I see."])
    visitor = Visitor(served.url, "ada")
    visitor.ask("Money back")
    visitor.events("decide", call="c1", verdict="reject", reason="A voucher, please.")
    outputs = [item.get("output") for item in visitor.get("history")["items"]]
    assert "A voucher, please." in outputs
    assert served.refunds == []


def test_clicks_at_the_same_time_make_a_call_once(served: Served) -> None:
    served.turns.extend([REFUND, "Done."])
    visitor = Visitor(served.url, "ada")
    visitor.ask("Money back")
    with ThreadPoolExecutor(4) as pool:
        clicks = [
            pool.submit(visitor.events, "decide", call="c1", verdict="approve") for _ in range(4)
        ]
        answers = sorted((click.result() for click in clicks), key=len)
    assert answers[:3] == [[("decided", None)]] * 3
    assert served.refunds == ["7"]


def test_a_call_can_be_decided_about_as_soon_as_the_page_is_told(served: Served) -> None:
    served.turns.extend([REFUND, "Done."])
    visitor = Visitor(served.url, "ada")
    with visitor.post("ask", message="Money back") as answer:
        frames = answer.iter_content(None, decode_unicode=True)
        told = next(frame for frame in frames if "event: waiting" in str(frame))
        assert "c1" in str(told)
        assert visitor.events("decide", call="c1", verdict="approve")[-1] == ("done", "Done.")
    assert served.refunds == ["7"]


def test_while_an_answer_is_written_a_run_that_was_put_aside_stays_there(served: Served) -> None:
    served.turns.extend([REFUND, turn("Too late.", delay=PATIENCE), "Done."])
    visitor = Visitor(served.url, "ada")
    visitor.ask("Money back")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(visitor.events, "decide", call="c1", verdict="approve")
        wait_until(lambda: served.model and len(served.model.requests) == 2)
        assert visitor.post("ask", message="And?").status_code == 409
        visitor.post("stop")
        assert answer.result(PATIENCE)[-1] == ("done", None)
    assert visitor.post("ask", message="And?").status_code == 200
    assert served.refunds == ["7"]
    assert [item.get("output") for item in visitor.get("history")["items"]].count("7 is refunded.")


def test_a_decision_whose_reader_leaves_at_once_is_not_lost(served: Served) -> None:
    served.turns.extend([REFUND, *["Now then."] * 3])
    visitor = Visitor(served.url, "ada")
    visitor.ask("Money back")
    answer = visitor.post("decide", call="c1", verdict="approve")
    next(answer.iter_content(1))
    answer.close()
    assert visitor.ask_once_free("Well?")[-1][0] == "done"
    assert "7 is refunded." in [each.get("output") for each in visitor.get("history")["items"]]
    assert served.refunds == ["7"]


def test_a_decision_that_cannot_be_begun_with_can_be_made_again(
    served: Served, tmp_path: Path
) -> None:
    served.turns.extend([REFUND, "Done."])
    visitor = Visitor(served.url, "ada")
    visitor.ask("Money back")
    with closing(sqlite3.connect(tmp_path / "chat.db")) as database:
        refuse = "BEFORE INSERT ON chat_runs BEGIN SELECT RAISE(ABORT, 'no room'); END"
        database.execute(f"CREATE TRIGGER full {refuse}")
        answer = visitor.post("decide", call="c1", verdict="approve")
        assert (answer.status_code, "no room" in answer.text) == (500, True)
        database.execute("DROP TRIGGER full")
    assert visitor.events("decide", call="c1", verdict="approve")[-1] == ("done", "Done.")
    assert served.refunds == ["7"]


def test_a_conversation_that_is_deleted_while_it_is_answered_does_not_come_back(
    served: Served,
) -> None:
    served.turns.append(turn("Too late.", delay=PATIENCE))
    visitor = Visitor(served.url, "ada")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(visitor.ask, "Talk")
        wait_until(lambda: served.model and served.model.requests)
        assert visitor.post("clear").status_code == 204
        assert answer.result(PATIENCE) == [("done", None)]
    assert visitor.get("/conversations") == []
    assert visitor.get("history") == {"items": [], "waiting": [], "trace": None}


def test_stop_ends_an_answer_and_the_conversation_goes_on(served: Served) -> None:
    served.turns.extend([turn("Too late.", delay=PATIENCE), "Now then."])
    visitor = Visitor(served.url, "ada")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(visitor.ask, "Talk")
        wait_until(lambda: served.model and served.model.requests)
        assert visitor.post("ask", message="And?").status_code == 409
        assert visitor.post("stop").status_code == 204
        assert answer.result(PATIENCE) == [("done", None)]
    assert visitor.ask("Again")[-1] == ("done", "Now then.")


def test_a_reader_who_leaves_ends_the_run(served: Served) -> None:
    served.turns.extend([turn("word " * 4000, pause=0.1), "Now then."])
    visitor = Visitor(served.url, "ada")
    answer = visitor.post("ask", message="Talk")
    next(answer.iter_content(None))
    answer.close()
    assert visitor.ask_once_free("Again")[-1] == ("done", "Now then.")


def test_a_failure_is_told_in_words_and_with_its_details(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.turns.extend([ValueError("the pump"), "Now then."])
    visitor = Visitor(served.url, "ada")
    [(name, told)] = visitor.ask("Hi")
    assert name == "error"
    assert "the pump" not in told["message"]
    assert told["details"] == "ValueError: the pump"
    assert "the pump" in caplog.text
    assert visitor.ask("Hi", again="yes")[-1] == ("done", "Now then.")


def test_a_handoff_is_told(served: Served) -> None:
    served.turns.extend([handoff_to("Workshop"), "It is ready."])
    answer = Visitor(served.url).ask("Ready?")
    outputs = [content.get("output") for name, content in answer if name == "item"]
    assert '{"assistant":"Workshop"}' in outputs


# ---- who is answered ----


def ask_by_hand(url: str, head: str) -> str:
    """The answer to a request of which only the head is sent."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=PATIENCE) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
    return answer.decode()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", ""])
def test_who_calls_it_by_another_name_is_refused_before_the_body_is_read(
    served: Served, host: str
) -> None:
    head = f"POST /chat/ada/ask HTTP/1.1\nHost: {host}\nContent-Length: 90000\n\n"
    assert ask_by_hand(served.url, head).startswith("HTTP/1.1 403 ")


def test_a_body_that_is_too_large_is_not_read(served: Served) -> None:
    head = "POST /chat/ada/ask HTTP/1.1\nHost: localhost:1\nContent-Length: 2000000\n\n"
    assert ask_by_hand(served.url, head).startswith("HTTP/1.1 413 ")


def test_a_name_of_this_machine_needs_no_port(served: Served) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]", "[::1]:80"):
        assert requests.get(served.url, headers={"Host": host}, timeout=60).ok


@pytest.mark.parametrize("action", ["ask", "decide", "stop", "clear"])
def test_what_another_page_posts_is_refused(served: Served, action: str) -> None:
    visitor = Visitor(served.url, "ada")
    visitor.settings["fields"] = {"csrf": "guessed"}
    assert visitor.post(action, message="Hi").status_code == 403


def test_the_page_may_ask_nobody_else_and_is_framed_by_nobody_else(served: Served) -> None:
    page = requests.get(served.url, timeout=60)
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page.text)
    assert policy
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert (rules["default-src"], rules["connect-src"]) == ("'none'", "'self'")
    assert rules["img-src"] == "data:"
    assert page.headers["content-security-policy"] == "frame-ancestors 'self'"
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    ["nope", "chat/ada", "chat/ada/nope", "chat", "runs/nope", "runs/traces/%2E/x"]
    + ["runs/traces/trace_to_come/test"],
)
def test_there_is_nothing_else(served: Served, path: str) -> None:
    assert requests.get(served.url + path, timeout=60).status_code == 404


def test_runs_are_where_their_page_looks_for_them(served: Served) -> None:
    assert requests.get(f"{served.url}runs", timeout=60).url == f"{served.url}runs/"
    assert requests.get(f"{served.url}runs/conversations?limit=x", timeout=60).status_code == 400


def test_two_servers_of_one_machine_do_not_log_each_other_out(
    serve: Callable[..., Served],
) -> None:
    first, second = (serve(host="0.0.0.0").url.replace("0.0.0.0", "127.0.0.1") for _ in range(2))
    with requests.Session() as session:
        for url in (first, second, first.partition("?")[0], second.partition("?")[0]):
            assert session.get(url, timeout=60).ok


def test_from_other_machines_only_the_token_opens_it(serve: Callable[..., Served]) -> None:
    served = serve(host="0.0.0.0")
    url = served.url.replace("0.0.0.0", "127.0.0.1")
    plain = url.partition("?")[0]
    for address in (plain, f"{plain}?token=wrong", f"{plain}conversations", f"{plain}runs/"):
        assert requests.get(address, timeout=60).status_code == 403
    head = "POST /chat/ada/ask HTTP/1.1\nHost: x\nContent-Length: 90000\n\n"
    assert ask_by_hand(plain, head).startswith("HTTP/1.1 403 ")
    served.turns.append("Hello.")
    visitor = Visitor(url)
    assert "token" not in visitor.address
    assert visitor.ask("Hi")[-1] == ("done", "Hello.")
    [cookie] = visitor.session.cookies
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Strict"


def test_a_port_that_is_taken_is_a_user_error(serve: Callable[..., Served], served: Served) -> None:
    port = urlsplit(served.url).port
    with pytest.raises(UserError, match=f"Port {port} cannot be used"):
        serve(port=port)
    with pytest.raises(UserError, match=r"address no host cannot be used \([A-Z][^()]*\);"):
        serve(host="no host")


def test_what_a_server_asks_is_answered_field_by_field(serve: Callable[..., Served]) -> None:
    served = serve(mcp_servers=[inn()])
    served.turns.extend([call("book", call_id="b"), "Done."])
    visitor = Visitor(served.url)
    name, [who, when] = visitor.ask("A room, please")[-1]
    assert (name, who["question"]) == ("waiting", "inn asks: Who comes?")
    assert [field["name"] for field in who["fields"]] == ["name", "age"]
    assert [field["required"] for field in who["fields"]] == [True, False]
    assert when["fields"][0]["choices"] == ["Monday", "Friday"]

    answer = {"call": "b", "verdict": "approve", "question": who["question_name"]}
    refused = visitor.post("decide", **answer, fields='{"age": 4}')
    assert (refused.status_code, "name are missing" in refused.text) == (400, True)
    assert visitor.post("decide", **answer, fields="{").status_code == 400
    name, [left] = visitor.events("decide", **answer, fields='{"name": "Ada"}')[-1]
    assert (name, left) == ("waiting", when)
    answer["question"] = when["question_name"]
    events = visitor.events("decide", **answer, fields='{"day": "Friday"}')
    assert events[-1] == ("done", "Done.")
    outputs = [content.get("output") for kind, content in events if kind == "item"]
    assert "booked for Ada on Friday" in outputs


def test_what_a_server_asks_may_be_declined(serve: Callable[..., Served]) -> None:
    served = serve(mcp_servers=[inn()])
    served.turns.extend([call("book", call_id="b"), "Done."])
    visitor = Visitor(served.url)
    for question in ("who", "when"):
        visitor.ask("A room, please") if question == "who" else None
        events = visitor.events("decide", call="b", verdict="reject", question=question)
    outputs = [content.get("output") for kind, content in events if kind == "item"]
    assert "nothing booked" in outputs
