"""The chat apps as their visitors use them: in a real browser."""

from __future__ import annotations

from agents_lite.testing import call, handoff_to, status, turn
from tests.support.browser import Browser
from tests.support.sites import Site

ANSWER = ".bubble.agent"
WRITING = ".bubble.writing"
LONG = " ".join(f"word{number}" for number in range(400))
MARKUP = "<img src=x onerror=document.title='hacked'><b>bold</b>"


def send(browser: Browser, text: str) -> None:
    browser.type("textarea", text + "\n")


def test_an_answer_is_written_step_by_step_and_is_there_after_a_reload(
    browser: Browser, site: Site
) -> None:
    spoken = "It will be ready on Thursday; we call you as soon as it is done."
    site.turns.extend(
        [
            handoff_to("Workshop"),
            turn(call("find_repair", number="7"), delay=0.3),
            turn(spoken, pause=0.05),
            "You are welcome.",
        ]
    )
    browser.open(site.url)
    browser.wait_for("#hints button")
    send(browser, "Is my repair 7 ready?")
    browser.wait_for(".handoff", "handed over to Workshop")
    browser.wait_for(".tool .call", "find_repair(number=")
    browser.wait_for(".tool .output", "There is no repair 7.")
    first = browser.wait_for(WRITING, "It will")
    assert len(first) < len(spoken)
    assert browser.texts("#stop") == ["Stop"]
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
    site.turns.extend([turn(LONG, pause=0.05), "Now then."])
    browser.open(site.url)
    send(browser, "Talk")
    browser.wait_for(WRITING, "word2")
    browser.click("#stop")
    assert site.model.requests[0].client_left.wait(60)
    browser.wait_for(".note", "Stopped.")
    browser.wait_for("#send")
    assert "word399" not in browser.texts(ANSWER)[0]

    browser.open(site.url)
    browser.wait_for("#hints")  # a turn that was cut short is not kept
    send(browser, "Talk less")
    browser.wait_for(ANSWER, "Now then.")


def test_leaving_the_page_ends_the_run_of_a_silent_model(browser: Browser, site: Site) -> None:
    site.turns.append(turn("Too late.", delay=60))
    browser.open(site.url)
    send(browser, "Talk")
    site.wait_for_request()
    browser.open("about:blank")
    assert site.model.requests[0].client_left.wait(60)


def test_markup_of_models_tools_and_visitors_is_shown_as_text(browser: Browser, site: Site) -> None:
    site.turns.extend([call("opening_hours", day=MARKUP), MARKUP])
    browser.open(site.url)
    send(browser, MARKUP)
    for _ in ("live", "after a reload"):
        browser.wait_for(ANSWER, MARKUP)
        assert browser.texts(".user") == [MARKUP]
        assert browser.texts(".call") == [f'opening_hours(day="{MARKUP}")']
        assert MARKUP in browser.texts(".output")[0]
        assert not browser.texts("#log img, #log b")
        assert browser.driver.title == "The Spoke"
        browser.open(site.url)


def test_a_failure_is_shown_and_the_chat_goes_on(browser: Browser, site: Site) -> None:
    site.turns.extend([status(400, {"message": "No more of this"}), "Now then."])
    browser.open(site.url)
    send(browser, "Hi")
    browser.wait_for(".error", "No more of this")
    browser.wait_for("#send")
    send(browser, "Hi again")
    browser.wait_for(ANSWER, "Now then.")


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
