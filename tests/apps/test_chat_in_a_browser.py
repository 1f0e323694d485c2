"""The chat apps as their visitors use them: in a real browser."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from agents_lite.testing import call, handoff_to, status, turn
from tests.support.browser import Browser
from tests.support.models import held_stream
from tests.support.sites import Site
from tests.support.waiting import PATIENCE

ANSWER = ".bubble.agent"
WRITING = ".bubble.writing"
page_alone = pytest.mark.parametrize("running_site", ["flask-gunicorn"], indirect=True)
"""For what the page does by itself, whatever serves it."""
MARKUP = "<img src=x onerror=document.title='hacked'><b>bold</b>"


def send(browser: Browser, text: str) -> None:
    """Say something, once the page takes it, and see it said."""
    browser.wait_for("#send")
    browser.type("textarea", text + "\n")
    browser.wait_for(".user", text)


def test_an_answer_is_written_step_by_step_and_is_there_after_a_reload(
    browser: Browser, site: Site
) -> None:
    spoken = "It will be ready on Thursday; we call you as soon as it is done."
    is_seen = threading.Event()
    site.turns.extend(
        [
            handoff_to("Workshop"),
            turn(call("find_repair", number="7"), delay=0.3),
            held_stream(spoken, is_seen),
            "You are welcome.",
        ]
    )
    browser.open(site.url)
    browser.wait_for("#hints button")
    send(browser, "Is my repair 7 ready?")
    browser.wait_for(".handoff", "handed over to Workshop")
    browser.wait_for(".tool .call", "find_repair(number=")
    browser.wait_for(".tool .output", "There is no repair 7.")
    first = browser.wait_for(WRITING, "It")
    assert len(first) < len(spoken)
    assert browser.texts("#stop") == ["Stop"]
    is_seen.set()
    browser.wait_for(ANSWER, spoken)
    browser.wait_for("#send")
    assert browser.texts(".name") == ["Workshop"]
    shown = browser.texts("#log > *")

    browser.open(site.url)
    browser.wait_for(ANSWER, spoken)
    assert browser.texts("#log > *") == shown
    send(browser, "Thank you")
    browser.wait_for(ANSWER, "You are welcome.")
    browser.wait_for("#send")
    assert browser.texts(".user") == ["Is my repair 7 ready?", "Thank you"]
    assert site.model.requests[-1].body["input"][-2]["content"][0]["text"] == spoken


def test_stop_cuts_the_answer_short_at_the_model_and_the_chat_goes_on(
    browser: Browser, site: Site
) -> None:
    site.turns.extend([held_stream("word1 word2", threading.Event()), "Now then."])
    browser.open(site.url)
    send(browser, "Talk")
    browser.wait_for(WRITING, "word1")
    browser.click("#stop")
    assert site.model.requests[0].client_left.wait(60)
    browser.wait_for(".ended", "Stopped.")
    browser.wait_for("#send")
    [partial] = browser.texts(ANSWER)
    assert "word2" not in partial
    shown = browser.texts("#log > *")

    browser.open(site.url)
    browser.wait_for(".ended", "Stopped.")  # it is still to be seen, though it is not kept
    assert browser.texts("#log > *") == shown
    send(browser, "Talk less")
    browser.wait_for(ANSWER, "Now then.")
    browser.wait_for("#send")
    assert len(site.model.requests[-1].body["input"]) == 1
    browser.open(site.url)
    browser.wait_for(ANSWER, "Now then.")
    assert browser.texts(".user") == ["Talk less"]


def test_leaving_the_page_ends_the_run_of_a_silent_model(browser: Browser, site: Site) -> None:
    site.turns.append(turn("Too late.", delay=60))
    browser.open(site.url)
    send(browser, "Talk")
    site.wait_for_request()
    browser.open("about:blank")
    assert site.model.requests[0].client_left.wait(60)


@page_alone
def test_markup_of_models_tools_and_visitors_is_shown_as_text(browser: Browser, site: Site) -> None:
    site.turns.extend([call("opening_hours", day=MARKUP), MARKUP])
    browser.open(site.url)
    send(browser, MARKUP)
    for _ in ("live", "after a reload"):
        browser.wait_for(ANSWER, MARKUP)
        browser.wait_for("#send")
        assert browser.texts(".user") == [MARKUP]
        assert browser.texts(".call") == [f'opening_hours(day="{MARKUP}")']
        assert MARKUP in browser.texts(".output")[0]
        assert not browser.texts("#log img, #log b")
        assert browser.driver.title == "The Spoke"
        browser.open(site.url)


@page_alone
def test_a_failure_is_told_in_words_for_visitors_and_the_chat_goes_on(
    browser: Browser, site: Site
) -> None:
    site.turns.extend([status(400, {"message": "No more of this"}), "Now then."])
    browser.open(site.url)
    send(browser, "Hi")
    told = browser.wait_for(".error", "Something went wrong on our side.")
    assert "No more of this" not in told
    browser.wait_for("#send")
    send(browser, "Hi again")
    browser.wait_for(ANSWER, "Now then.")
    assert browser.texts(".ended button") == []


@page_alone
def test_a_turn_that_failed_is_asked_again_at_a_click(browser: Browser, site: Site) -> None:
    is_gone = threading.Event()

    def once_it_is_gone(_request: Any) -> Any:
        is_gone.wait(PATIENCE)
        return [call("opening_hours", day="Sunday")]

    site.turns.extend([status(400), once_it_is_gone, status(400), "Closed."])
    browser.open(site.url)
    send(browser, "Are you open on Sunday?")
    for _ in range(2):  # nothing was kept of the first try, and a call of the second
        browser.wait_for(".ended button")
        browser.wait_for("#send")
        browser.open(site.url)
        browser.wait_for(".ended button")
        browser.wait_for("#send")
        browser.click(".ended button")
        browser.wait_until_gone(".ended")
        is_gone.set()
    browser.wait_for(ANSWER, "Closed.")
    browser.wait_for("#send")
    assert browser.texts(".user") == ["Are you open on Sunday?"]
    assert browser.texts(".call") == ['opening_hours(day="Sunday")']
    shown = browser.texts("#log > *")
    browser.open(site.url)
    browser.wait_for(ANSWER, "Closed.")
    assert browser.texts("#log > *") == shown


@page_alone
def test_markdown_is_drawn_from_text(browser: Browser, site: Site) -> None:
    site.turns.append(
        "# Hours\n\nWe are **open**:\n\n* Monday\n  1. from `9`\n  2. to *noon*\n* Tuesday\n\n"
        f"| day | hours |\n|---|:-:|\n| Mon | {MARKUP} |\n\n"
        "```html\n<script>document.title = 'hacked'</script>\n**not bold**\n```\n\n"
        "> quoted\n\n[site](https://example.com/a_b_c) [bad](javascript:alert(1)) "
        "![picture](https://example.com/p.png) <b>raw</b>"
    )
    browser.open(site.url)
    send(browser, "Hi")
    browser.wait_for("#send")
    for selector, texts in {
        "h3": ["Hours"],
        "strong": ["open"],
        "ul > li > p": ["Monday", "Tuesday"],
        "ul ol li": ["from 9", "to noon"],
        "code": ["9", "<script>document.title = 'hacked'</script>\n**not bold**"],
        "td": ["Mon", MARKUP],
        "blockquote": ["quoted"],
        "a": ["site", "picture"],
        "img, b, script": [],
    }.items():
        assert browser.texts(f".agent {selector}") == texts
    assert "[bad](javascript:alert(1))" in browser.texts(ANSWER)[0]
    assert browser.driver.title == "The Spoke"


@page_alone
def test_a_hint_asks_and_a_new_conversation_is_empty(browser: Browser, site: Site) -> None:
    site.turns.append("From 9 to 14.")
    browser.open(site.url)
    browser.wait_for("#hints button")
    browser.click("#hints button")
    browser.wait_for(ANSWER, "From 9 to 14.")
    browser.wait_for("#send")
    browser.click("#clear")
    browser.wait_until_gone("#log > *")
    browser.open(site.url)
    browser.wait_for("#hints button")
    assert browser.texts("#log > *") == []
