"""A call that waits for its visitor, as the visitor sees it: in a real browser."""

from __future__ import annotations

from typing import Any

from agents_lite.testing import call, turn
from tests.apps.test_chat_in_a_browser import ANSWER, MARKUP, page_alone, send
from tests.support.browser import Browser
from tests.support.sites import Site, Visitor

REFUND = call("refund", call_id="c1", repair="7", euros=20)
CALL = 'refund(repair="7", euros=20)'
APPROVE, REJECT = ".decision .approve", ".decision .reject"


def ask(browser: Browser, site: Site, *turns: Any) -> None:
    """Have a message lead to the first of these turns, and see the call that waits."""
    site.turns.extend(turns)
    browser.open(site.url)
    send(browser, "My money back, please.")
    browser.wait_for(".decision", "Front desk asks")


def visitor(browser: Browser, site: Site) -> Visitor:
    """The visitor in another window."""
    other = site.visitor()
    other.session.cookies.clear()
    for cookie in browser.driver.get_cookies():
        other.session.cookies.set(cookie["name"], cookie["value"])
    return other


def outputs(browser: Browser) -> list[str]:
    return browser.texts(".tool .output")


def test_a_call_is_seen_with_its_arguments_and_goes_on_in_the_page(
    browser: Browser, site: Site
) -> None:
    ask(browser, site, [call("opening_hours", day="Sunday"), REFUND], turn("Done.", pause=0.05))
    assert browser.texts(".call") == ['opening_hours(day="Sunday")', CALL]
    assert outputs(browser) == ["On Sunday the shop is closed."]
    browser.wait_for("textarea:disabled")
    browser.click(APPROVE)
    browser.wait_for(ANSWER, "Done.")
    browser.wait_for("#send")
    assert outputs(browser)[1].endswith("20.00 euros for repair 7 are on their way.")
    assert browser.texts(".call") == ['opening_hours(day="Sunday")', CALL]
    assert browser.texts(".decision") == []
    shown = browser.texts("#log > *")
    browser.open(site.url)
    browser.wait_for(ANSWER, "Done.")
    assert browser.texts("#log > *") == shown
    site.turns.append("You are welcome.")
    send(browser, "Thank you")
    browser.wait_for(ANSWER, "You are welcome.")


@page_alone
def test_a_call_is_rejected_with_a_reason(browser: Browser, site: Site) -> None:
    ask(browser, site, [REFUND], "A voucher, then.")
    browser.type(".decision input", "I would rather have a voucher.")
    browser.click(REJECT)
    browser.wait_for(ANSWER, "A voucher, then.")
    assert outputs(browser) == ["I would rather have a voucher."]
    assert site.model.requests[-1].body["input"][-1]["output"] == "I would rather have a voucher."


@page_alone
def test_a_call_still_waits_after_a_reload(browser: Browser, site: Site) -> None:
    ask(browser, site, [call("opening_hours", day="Sunday"), REFUND], "Done.")
    shown = browser.texts("#log > *")
    browser.open(site.url)
    browser.wait_for(".decision")
    assert browser.texts("#log > *") == shown
    browser.click(APPROVE)
    browser.wait_for(ANSWER, "Done.")
    assert outputs(browser)[1].endswith("20.00 euros for repair 7 are on their way.")
    assert browser.texts(".user") == ["My money back, please."]


@page_alone
def test_another_visitor_neither_sees_nor_decides_it(browser: Browser, site: Site) -> None:
    ask(browser, site, [REFUND], "Done.")
    other = site.visitor()
    assert (other.history(), other.waiting()) == ([], [])
    assert "decided" in other.decide("c1", "approve").text
    browser.click(APPROVE)
    browser.wait_for(ANSWER, "Done.")


@page_alone
def test_two_clicks_at_once_are_one(browser: Browser, site: Site) -> None:
    ask(browser, site, [REFUND], "Done.")
    browser.driver.execute_script(
        "const button = document.querySelector(arguments[0]); button.click(); button.click()",
        APPROVE,
    )
    browser.wait_for(ANSWER, "Done.")
    browser.wait_for("#send")
    assert len(outputs(browser)) == 1
    assert browser.texts(".note") == []


def test_a_click_after_it_was_decided_elsewhere_shows_what_came_of_it(
    browser: Browser, site: Site
) -> None:
    ask(browser, site, [REFUND], "Done.")
    assert "Done." in visitor(browser, site).decide("c1", "approve").text
    browser.click(REJECT)
    browser.wait_for(".note", "This was decided before.")
    assert browser.texts(ANSWER) == ["Done."]
    assert "are on their way" in outputs(browser)[0]
    site.turns.append("Bye.")
    send(browser, "Thank you")
    browser.wait_for(ANSWER, "Bye.")


@page_alone
def test_a_click_that_did_not_get_through_can_be_repeated(browser: Browser, site: Site) -> None:
    ask(browser, site, [REFUND], "Done.")
    conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.driver.execute_cdp_cmd("Network.enable", {})
    for is_offline in (True, False):
        browser.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {"offline": is_offline, **conditions}
        )
        browser.click(APPROVE)
        browser.wait_for(".error" if is_offline else ANSWER)
        browser.wait_for(".decision" if is_offline else "#send")
    assert len(outputs(browser)) == 1
    logged = browser.driver.get_log("browser")
    refused = [entry["message"] for entry in logged if entry["level"] == "SEVERE"]
    assert all("ERR_INTERNET_DISCONNECTED" in message for message in refused), refused


def test_calls_of_one_turn_are_decided_one_by_one(browser: Browser, site: Site) -> None:
    other = call("refund", call_id="c2", repair="8", euros=5)
    ask(browser, site, [REFUND, other], "Done.")
    assert len(browser.texts(".decision")) == 2
    browser.click(f"[data-call=c2] {APPROVE}")
    browser.wait_for("[data-call=c2] .output", "repair 8")
    browser.wait_for("[data-call=c1] .decision")
    assert len(browser.texts(".decision")) == 1
    browser.click(REJECT)
    browser.wait_for(ANSWER, "Done.")
    assert len(browser.texts(".call")) == 2


@page_alone
def test_markup_in_a_call_that_waits_is_shown_as_text(browser: Browser, site: Site) -> None:
    ask(browser, site, [call("refund", call_id="c1", repair=MARKUP, euros=1)], "Done.")
    assert browser.texts(".call") == [f'refund(repair="{MARKUP}", euros=1)']
    assert not browser.texts("#log img, #log b")
    browser.click(REJECT)
    browser.wait_for(ANSWER, "Done.")


def test_a_new_conversation_forgets_the_call(browser: Browser, site: Site) -> None:
    ask(browser, site, [REFUND], "Hello.")
    browser.click("#clear")
    browser.wait_until_gone("#log > *")
    send(browser, "Hi")
    browser.wait_for(ANSWER, "Hello.")
    browser.wait_for("#send")
    browser.open(site.url)
    browser.wait_for(ANSWER, "Hello.")
    assert browser.texts(".tool") == []
