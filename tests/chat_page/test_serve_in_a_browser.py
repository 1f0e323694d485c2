"""`agents-lite serve` as people use it: in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents_lite import CustomTool, ShellTool, function_tool
from agents_lite.chat_page.conversations import Conversations
from agents_lite.testing import call, handoff_to, turn
from tests.apps.test_chat_in_a_browser import send
from tests.chat_page.conftest import Served, inn
from tests.support.browser import Browser
from tests.support.waiting import PATIENCE

ANSWER = ".bubble.agent"
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
REFUND = call("refund", call_id="c1", repair="7")
WIDE = {"width": 1400, "height": 900, "deviceScaleFactor": 1, "mobile": False}


@pytest.fixture(autouse=True)
def leave(browser: Browser, served: Served) -> Iterator[None]:
    yield
    browser.leave()


def open_wide(browser: Browser, url: str) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", WIDE)
    browser.open(url)
    browser.wait_for("#run", "The run appears here")


class Beside:
    """For a `with` block, look into the frame with the run."""

    def __init__(self, browser: Browser) -> None:
        self.driver = browser.driver

    def __enter__(self) -> None:
        self.driver.switch_to.frame(self.driver.find_element("css selector", "#run iframe"))

    def __exit__(self, *_: Any) -> None:
        self.driver.switch_to.default_content()


def test_the_run_is_watched_beside_the_chat_while_it_goes_on(
    browser: Browser, served: Served
) -> None:
    go_on = threading.Event()

    def slowly(_request: Any) -> Any:
        assert go_on.wait(PATIENCE)
        return turn("We are *closed*.", pause=0.05)

    served.turns.extend(
        [call("opening_hours", day="Sunday"), slowly, [handoff_to("Workshop")], "Yes."]
    )
    open_wide(browser, served.url)
    send(browser, "Are you open on Sunday?")
    browser.wait_for(".tool .output", "On Sunday the shop is closed.")
    browser.wait_for("#run iframe")
    with Beside(browser):
        browser.wait_for(".turn-row .outcome", "the model is answering")
        browser.wait_for("#state", "running")
        go_on.set()
        browser.wait_for("#state", "ok")
        assert browser.texts(".turn-row .outcome")[0] == "calls opening_hours"
        browser.wait_for("#turn-body", "The run is done")
    browser.wait_for(f"{ANSWER} em", "closed")
    send(browser, "Is my bike ready?")
    browser.wait_for(ANSWER, "Yes.")
    assert browser.texts(".name")[-1] == "Workshop"
    with Beside(browser):
        browser.wait_for(".turn-row .outcome", "Yes.")
    browser.wait_for("#send")
    browser.open(browser.driver.current_url)
    browser.wait_for(ANSWER, "Yes.")
    with Beside(browser):
        browser.wait_for(".turn-row .outcome", "Yes.")


def test_conversations_are_begun_chosen_and_deleted(browser: Browser, served: Served) -> None:
    served.turns.extend(["Hello Ada.", "Hello Grace."])
    open_wide(browser, served.url)
    send(browser, "I am Ada")
    browser.wait_for(".conversation", "I am Ada")
    browser.wait_for("#send")
    browser.click("#clear")
    browser.wait_until_gone("#log > *")
    send(browser, "I am Grace")
    browser.wait_for(".conversation.current", "I am Grace")
    browser.wait_for("#send")
    browser.click(".conversation:not(.current) a")
    browser.wait_for(ANSWER, "Hello Ada.")
    browser.wait_for(".conversation.current", "I am Ada")
    browser.driver.execute_script("document.querySelector('.current button').click()")
    browser.wait_until_gone(".current")
    browser.wait_for(".conversation", "I am Grace")
    assert len(browser.texts(".conversation")) == 1
    assert browser.texts("#log > *") == []


def test_a_call_is_approved_by_a_button(browser: Browser, served: Served) -> None:
    served.turns.extend([REFUND, "Done."])
    browser.open(served.url)
    send(browser, "Money back")
    browser.wait_for(".decision", "Front desk asks")
    browser.open(browser.driver.current_url)
    browser.wait_for(".decision", "Front desk asks")
    browser.click(".decision .approve")
    browser.wait_for(ANSWER, "Done.")
    assert browser.texts(".tool .output") == ["7 is refunded."]
    assert served.refunds == ["7"]


def test_the_run_beside_is_followed_on_once_a_call_was_approved(
    browser: Browser, served: Served
) -> None:
    served.turns.extend([REFUND, "Done."])
    open_wide(browser, served.url)
    send(browser, "Money back")
    browser.wait_for(".decision", "Front desk asks")
    with Beside(browser):
        browser.wait_for(".turn-row .outcome", "asks for")
        browser.wait_for("#state", "ok")
    browser.click(".decision .approve")
    browser.wait_for(ANSWER, "Done.")
    with Beside(browser):
        browser.wait_for(".turn-row .outcome", "Done.")
        assert browser.texts(".turn-row .outcome") == ["calls refund", "Done."]


def test_calls_of_every_kind_are_drawn_whatever_their_names(
    browser: Browser, serve: Callable[..., Served]
) -> None:
    move = function_tool(lambda: "moved", name_override="transfer_to_savings")
    shout = CustomTool("shout", "Shouts.", lambda context, text: f"{text}!")
    served = serve(tools=[move, shout, ShellTool(lambda request: "two files")])
    listing = {"type": "shell_call", "call_id": "c2", "action": {"commands": ["ls"]}}
    hello = {"type": "custom_tool_call", "call_id": "c3", "name": "shout", "input": "hello"}
    served.turns.extend([[call("transfer_to_savings", call_id="c1"), listing, hello], "Done."])
    browser.open(served.url)
    send(browser, "Do it all")
    browser.wait_for(ANSWER, "Done.")
    for _ in range(2):  # while it happens, and from the history
        assert browser.texts(".tool .call") == [
            "transfer_to_savings()",
            'shell_call(commands=["ls"])',
            "shout(hello)",
        ]
        assert browser.texts(".tool .output") == ["moved", "two files", "hello!"]
        browser.wait_for("#send")
        browser.open(browser.driver.current_url)
        browser.wait_for(ANSWER, "Done.")


def test_a_form_of_a_server_is_filled_in(browser: Browser, serve: Callable[..., Served]) -> None:
    served = serve(mcp_servers=[inn()])
    served.turns.extend([call("book", call_id="b"), "Done."])
    browser.open(served.url)
    send(browser, "A room")
    browser.wait_for(".decision", "inn asks: Which day?")
    assert "inn asks: Who comes?" in browser.texts(".decision p")
    browser.type(".decision input[name=name]", "Ada")
    browser.click(".decision .approve")
    browser.wait_until_gone(".decision input[name=name]")
    browser.wait_for(".decision", "inn asks: Which day?")
    browser.type(".decision select[name=day]", "Friday")
    assert browser.texts(".decision select[name=meals] option") == ["lunch", "dinner"]
    browser.click(".decision select[name=meals] option:last-child")
    browser.click(".decision .approve")
    browser.wait_for(ANSWER, "Done.")
    assert browser.texts(".tool .output") == ["booked for Ada on Friday and dinner"]


def test_a_failure_shows_its_details_and_can_be_tried_again(
    browser: Browser, served: Served
) -> None:
    served.turns.extend([ValueError(HOSTILE), "Now then."])
    browser.open(served.url)
    send(browser, "Hi")
    browser.wait_for(".ended", "Something went wrong on our side.")
    browser.wait_for("#send")
    browser.click(".ended summary")
    assert browser.texts(".ended pre") == [f"ValueError: {HOSTILE}"]
    browser.click(".ended button")
    browser.wait_for(ANSWER, "Now then.")
    assert browser.texts(".user") == ["Hi"]


def test_a_server_that_fails_is_told_and_asked_again(
    browser: Browser, served: Served, tmp_path: Path
) -> None:
    file = tmp_path / "chat.db"
    whole = file.read_bytes()
    file.write_bytes(b"This is no database. " * 100)
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", WIDE)
    browser.open(served.url)
    browser.wait_for(".ended", "file is not a database")
    browser.click(".ended button")
    browser.wait_for(".ended", "file is not a database")
    send(browser, "Hi")  # it is not lost
    browser.wait_for(".user + .ended", "file is not a database")
    browser.click(".user + .ended button")
    browser.wait_for(".user + .ended", "file is not a database")
    file.write_bytes(whole)
    served.turns.append("Hello!")
    browser.click(".user + .ended button")
    browser.wait_for(ANSWER, "Hello!")
    assert browser.texts(".user") == ["Hi"]
    assert not browser.texts(".ended")
    browser.wait_for("#send")
    served.server.close()
    browser.click("#list .conversation button")
    browser.wait_for(".ended", "The server cannot be reached.")
    browser.driver.get_log("browser")  # the failed requests stand there


def test_a_long_text_is_sent_whole_and_one_too_long_is_not_lost(
    browser: Browser, served: Served
) -> None:
    def paste(text: str) -> None:
        browser.wait_for("#send")
        browser.click("textarea")
        browser.driver.execute_cdp_cmd("Input.insertText", {"text": text})
        browser.type("textarea", "\n")

    browser.open(served.url)
    served.turns.append("Long.")
    long = "word " * 5000 + "end"
    paste(long)
    browser.wait_for(ANSWER, "Long.")
    assert served.model is not None
    assert served.model.requests[0].input[-1]["content"] == long
    paste("ä" * 200_000)  # six bytes each in what is posted
    browser.wait_for(".ended button", "Retry")
    assert [len(text) for text in browser.texts(".user")] == [len(long), 200_000]
    browser.driver.get_log("browser")  # the refusal stands there


def test_hostile_text_everywhere_is_shown_as_text(browser: Browser, served: Served) -> None:
    served.turns.extend(
        [
            [HOSTILE, call("opening_hours", day=HOSTILE)],
            [f"[{HOSTILE}](https://example.com) `{HOSTILE}`\n> {HOSTILE}\n| {HOSTILE} |\n|---|"],
        ]
    )
    open_wide(browser, served.url)
    send(browser, HOSTILE)
    browser.wait_for(".conversation", HOSTILE[:30])
    browser.open(browser.driver.current_url)
    browser.wait_for(f"{ANSWER} code", HOSTILE)
    for selector in (".user", ".tool .call", ".tool .output", f"{ANSWER} a", f"{ANSWER} th"):
        assert HOSTILE in browser.wait_for(selector, "<script>")
    with Beside(browser):
        assert HOSTILE in browser.wait_for("#turn-body", "<script>")
        assert browser.driver.execute_script("return window.hacked") is None
    count = "return document.querySelectorAll('img, .agent script').length"
    assert browser.driver.execute_script(count) == 0
    assert browser.driver.execute_script("return window.hacked") is None


def test_what_other_programs_have_put_into_the_file_is_shown(
    browser: Browser, served: Served, tmp_path: Path
) -> None:
    told = ['{"assistant": "cut', '{"assistant": "Ada", "phone": 5}']
    items = [{"role": "assistant", "content": "How can I help?"}]
    for text in told:
        output = {"type": "function_call_output", "call_id": text, "output": text}
        items += [call("look", call_id=text), output]
    Conversations(tmp_path / "chat.db").session("s").add_items(items)
    browser.open(f"{served.url}chat/s/")
    browser.wait_for(ANSWER, "How can I help?")
    assert browser.texts(".tool .output") == told


def test_a_narrow_window_shows_chat_and_run_one_at_a_time(browser: Browser, served: Served) -> None:
    served.turns.append("Hello.\n\n" + "|x" * 60 + "|\n" + "|-" * 60 + "|")
    narrow = {**WIDE, "width": 400}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    browser.open(served.url)
    send(browser, "Hi")
    browser.wait_for(ANSWER, "Hello.")
    browser.wait_for("#send")
    assert browser.texts("#run, #list") == []
    width = "return document.documentElement.scrollWidth"
    assert browser.driver.execute_script(width) == 400
    browser.click("#show-run")
    with Beside(browser):
        browser.wait_for(".turn-row .outcome", "Hello.")
    browser.click("#show-run")
    browser.click("#show-list")
    browser.wait_for(".conversation", "Hi")
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
