"""The chat apps over HTTP, as any client sees them."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from agents_lite.testing import call, handoff_to, status, turn
from agents_lite.testing.offline import NOTICE
from tests.support.sites import KINDS, Site, Visitor, serve_site

LONG = "word " * 4000
STEPS = [handoff_to("Workshop"), call("find_repair", number="7"), "There is none."]


def events(visitor: Visitor, message: str) -> list[tuple[str, Any]]:
    """The server-sent events of an answer."""
    return parsed(visitor.ask(message))


def parsed(answer: requests.Response) -> list[tuple[str, Any]]:
    """The server-sent events of a response."""
    events = []
    for event in answer.text.split("\n\n")[:-1]:
        name, content = event.split("\n")
        events.append((name.removeprefix("event: "), json.loads(content.removeprefix("data: "))))
    return events


def test_an_answer_is_made_of_deltas_items_and_an_end(site: Site) -> None:
    site.turns.extend(STEPS)
    visitor = site.visitor()
    answer = events(visitor, "Is 7 ready?")
    assert answer[-1] == ("done", "There is none.")
    assert "".join(content for name, content in answer if name == "delta") == "There is none."
    items = [content for name, content in answer if name == "item"]
    assert visitor.history() == [{"role": "user", "content": "Is 7 ready?"}, *items]
    assert [item["type"] for item in items] == [
        "function_call",
        "function_call_output",
        "function_call",
        "function_call_output",
        "message",
    ]


def test_the_next_message_goes_on_with_the_conversation(site: Site) -> None:
    site.turns.extend(["Hello Ada.", "You are Ada."])
    visitor = site.visitor()
    events(visitor, "I am Ada.")
    events(visitor, "Who am I?")
    sent = [item["content"] for item in site.model.requests[-1].body["input"]]
    assert sent[0] == "I am Ada."
    assert sent[1][0]["text"] == "Hello Ada."
    assert sent[2] == "Who am I?"


def test_visitors_have_conversations_of_their_own(site: Site) -> None:
    site.turns.append("Hello Ada.")
    ada, grace = site.visitor(), site.visitor()
    events(ada, "I am Ada.")
    assert len(ada.history()) == 2
    assert grace.history() == []


def test_a_visitor_can_begin_anew(site: Site) -> None:
    site.turns.append("Hello Ada.")
    visitor = site.visitor()
    events(visitor, "I am Ada.")
    assert visitor.post("clear").status_code == 204
    assert visitor.history() == []


def test_visitors_are_answered_at_the_same_time(site: Site) -> None:
    together = threading.Barrier(6)

    def meet(_request: Any) -> str:
        together.wait(60)  # fewer than six would wait in vain
        return "Hello."

    site.turns.extend([meet] * 6)
    visitors = [site.visitor() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda visitor: events(visitor, "Hi"), visitors))
    assert [answer[-1] for answer in answers] == [("done", "Hello.")] * 6


def test_stop_ends_a_run_whose_model_is_still_silent(site: Site) -> None:
    site.turns.extend([turn("Too late.", delay=60), "Now then."])
    visitor = site.visitor()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(events, visitor, "Hi")
        site.wait_for_request()
        assert visitor.post("stop").status_code == 204
        assert answer.result(60) == [("done", None)]
    assert site.model.requests[0].client_left.wait(60)
    assert visitor.history() == []
    assert events(visitor, "Hi again")[-1] == ("done", "Now then.")


def test_a_visitor_who_leaves_ends_the_run(site: Site) -> None:
    site.turns.append(turn(LONG, pause=0.05))
    answer = site.visitor().ask("Talk")
    assert b"event: delta" in next(answer.iter_content(None))
    answer.close()
    assert site.model.requests[0].client_left.wait(60)


# WSGI servers see that a browser has gone only when they write to it.
@pytest.mark.parametrize("running_site", ["django-uvicorn"], indirect=True)
def test_under_asgi_a_visitor_who_leaves_ends_the_run_of_a_silent_model(site: Site) -> None:
    site.turns.append(turn("Too late.", delay=60))
    answer = site.visitor().ask("Hi")
    site.wait_for_request()
    answer.close()
    assert site.model.requests[0].client_left.wait(60)


def test_an_error_is_told_and_the_conversation_goes_on(site: Site) -> None:
    site.turns.extend([status(400, {"message": "No more of this"}), "Now then."])
    visitor = site.visitor()
    [(name, content)] = events(visitor, "Hi")
    assert (name, content["details"]) == ("error", None)
    assert "No more of this" not in content["message"]
    assert events(visitor, "Hi")[-1] == ("done", "Now then.")
    assert [item["role"] for item in visitor.history()] == ["user", "assistant"]


def test_an_empty_message_is_refused(site: Site) -> None:
    refused = site.visitor().ask("  ")
    assert (refused.status_code, refused.json()) == (400, {"error": "The message is empty."})


def test_a_forged_visitor_gets_a_conversation_of_its_own(site: Site) -> None:
    site.turns.append("Hello Ada.")
    ada = site.visitor()
    events(ada, "I am Ada.")
    forged = site.visitor()
    for cookie in list(ada.session.cookies):
        value = cookie.value[:-3] + ("abc" if cookie.value[-3:] != "abc" else "cba")
        forged.session.cookies.set(cookie.name, value, domain=cookie.domain, path=cookie.path)
    assert forged.history() == []


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_key_a_stand_in_answers_and_the_page_says_so(kind: str, tmp_path: Path) -> None:
    with serve_site(kind, tmp_path) as url:
        visitor = Visitor(url)
        assert NOTICE in visitor.page
        answer = events(visitor, "Is repair 7 ready?")
    assert ("done", "There is no repair 7.") == answer[-1]
    calls = [content["name"] for name, content in answer if name == "item" and "name" in content]
    assert calls == ["transfer_to_workshop", "find_repair"]


def test_with_a_model_server_the_page_says_nothing_of_a_stand_in(site: Site) -> None:
    assert NOTICE not in site.visitor().page
