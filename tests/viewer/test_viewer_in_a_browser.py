"""The viewer's page as people use it: in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Agent, RunConfig, Runner, SQLiteJournal, cassette, function_tool, trace
from agents_lite.testing import ResponsesServer, ScriptedModel, call
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceProvider,
    flush_traces,
    get_trace_provider,
    set_trace_provider,
)
from agents_lite.tracing.sqlite_store import StoredSpan, StoredTrace, TraceStore
from agents_lite.viewer.page import trace_page
from agents_lite.viewer.server import serve_store
from tests.replay.test_as_test import run_test
from tests.support.browser import Browser
from tests.support.stored_traces import made_up, span

HOSTILE = """</script><script>window.hacked = 1</script>
<img src=x onerror="window.hacked = 1"><b>'&amp;\u2028"""
UNFOLD = "document.querySelectorAll('details').forEach((each) => (each.open = true))"
ROW = "#rows .row"
NAME = "#rows .row .name"


def open_page(browser: Browser, found: StoredTrace, directory: Path) -> None:
    """Open the page of a trace, as a file."""
    path = directory / "page.html"
    path.write_text(trace_page(found), "utf-8")
    browser.open(path.as_uri())
    browser.wait_for("#name")
    browser.click("#tab-timeline")


def press(browser: Browser, key: str) -> None:
    browser.type("body", key)


def pick(browser: Browser, name: str) -> None:
    """Choose the span of that name in the timeline."""
    script = "return [...document.querySelectorAll(arguments[0])]"
    script += ".find((row) => row.innerText.includes(arguments[1])).click()"
    browser.driver.execute_script(script, ROW, name)  # at once: rows are drawn anew


def box(browser: Browser, selector: str) -> tuple[float, float]:
    """Where the first such element begins and ends, from left to right in pixels."""
    script = "const {left, right} = document.querySelector(arguments[0]).getBoundingClientRect();"
    left, right = browser.driver.execute_script(script + "return [left, right]", selector)
    return left, right


# ---- timeline ----


def test_timeline_shows_spans_as_a_tree(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    assert browser.texts("#name") == ["Customer support"]
    assert browser.texts("#state") == ["1 error"]
    assert "4,968 in · 322 out" in browser.texts("#facts dd")
    assert "$0.0153" in browser.texts("#facts dd")
    first, *beside, handoff, second = browser.texts(NAME)[:5]
    assert (first, handoff, second) == ("Front desk", "Front desk → Refund agent", "Refund agent")
    assert set(beside) == {"no_card_numbers", "gpt-4o"}  # side by side, in any order
    rows = browser.driver.find_elements("css selector", ROW)
    levels = [int(row.get_attribute("aria-level")) for row in rows]
    assert levels == [1, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 3, 4, 4, 4, 2, 2, 2, 1]


def test_bars_stand_where_their_times_are(browser: Browser, tmp_path: Path) -> None:
    found = made_up(
        [
            span("1", {"type": "agent", "name": "whole"}, end=10),
            span("2", {"type": "function", "name": "late"}, "1", start=5, end=7.5),
            span("3", {"type": "function", "name": "short"}, "1", start=9, end=9.000001),
        ]
    )
    open_page(browser, found, tmp_path)
    whole, late, short = (box(browser, f"#row-{place} .bar") for place in range(3))
    length = whole[1] - whole[0]
    assert late[0] - whole[0] == pytest.approx(length * 0.5, abs=2)
    assert late[1] - late[0] == pytest.approx(length * 0.25, abs=2)
    assert short[1] - short[0] >= 3  # it can be seen, and clicked on


def test_span_opens_beside_the_timeline(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    assert browser.texts("#details") == []
    pick(browser, "check_stock")
    details = browser.wait_for("#details", "check_stock")
    assert '{"sku": "BELL-07"}' in details
    assert "ConnectionError\nThe warehouse does not answer" in details
    browser.click("#details .error-box summary")
    assert "in check_stock" in browser.wait_for("#details .error-box details", "in check_stock")
    browser.click("#close-details")
    assert browser.texts("#details") == []


def test_numbers_in_arguments_and_outputs_keep_their_digits(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    pick(browser, "find_order")
    assert '"reference": 9223372036854775809' in browser.wait_for("#details", "Output")


def test_timeline_is_walked_through_with_keys(browser: Browser, tmp_path: Path) -> None:
    agent, tool = {"type": "agent", "name": "A"}, {"type": "function", "name": "f"}
    found = made_up([span("1", agent), span("2", tool, "1"), span("3", {**agent, "name": "B"})])
    open_page(browser, found, tmp_path)
    browser.type("#rows", "\ue015\ue015")  # down, down
    assert browser.texts("#details h2") == ["f"]
    browser.type("#rows", "\ue012")  # left: to the agent around it
    assert browser.texts("#details h2") == ["A"]
    browser.type("#rows", "\ue012")  # left: fold it
    assert browser.texts(NAME) == ["A", "B"]
    browser.type("#rows", "\ue014")  # right: unfold it
    assert browser.texts(NAME) == ["A", "f", "B"]


def test_zoom_keeps_to_the_spans_in_view(browser: Browser, tmp_path: Path) -> None:
    calls = [
        span(str(n), {"type": "function", "name": f"f{n}"}, start=n, end=n + 0.5) for n in range(8)
    ]
    open_page(browser, made_up(calls), tmp_path)
    press(browser, "++")
    assert browser.texts(NAME) == ["f3", "f4"]
    left, right = box(browser, "#row-0 .bar")
    press(browser, "0")
    assert len(browser.texts(NAME)) == 8
    assert right - left > 3 * (box(browser, "#row-3 .bar")[1] - box(browser, "#row-3 .bar")[0])


def test_dragging_over_the_overview_zooms(browser: Browser, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains

    calls = [
        span(str(n), {"type": "function", "name": f"f{n}"}, start=n, end=n + 0.5) for n in range(8)
    ]
    open_page(browser, made_up(calls), tmp_path)
    canvas = browser.driver.find_element("id", "overview-canvas")
    eighth = canvas.size["width"] // 8
    chain = ActionChains(browser.driver, duration=20)
    chain.move_to_element_with_offset(canvas, -2 * eighth, 0).click_and_hold()
    chain.move_by_offset(2 * eighth, 0).release().perform()
    assert browser.texts(NAME) == ["f2", "f3"]
    browser.click("#zoom-fit")
    assert len(browser.texts(NAME)) == 8


# ---- turn by turn ----


def test_turns_tell_what_was_sent_came_back_and_ran(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    browser.click("#tab-turns")
    outcomes = browser.texts(".turn-row .outcome")
    assert outcomes[0] == "hands off to Refund agent"
    assert outcomes[1] == "calls find_order, find_payments, check_stock"
    assert outcomes[2:4] == ["calls ask_rules_expert", "calls search_rules"]
    assert browser.texts(".turn-row .cost")[0].endswith("450 tok")
    first = browser.wait_for("#turn-body", "Turn 1")
    for piece in (
        "412 in · 38 out",
        "Answer questions.",
        "Hello, my order A-1001",
        "Try 1 failed: HTTP 503",
        "no_card_numbers",
        "The customer wants a refund",
        "calls transfer_to_refund_agent",
        "Refund agent takes over → turn 2",
    ):
        assert piece in first.replace("\n", " ")
    browser.click("#next")
    second = browser.wait_for("#turn-body", "Turn 2")
    for piece in ("3 tools ran", '{"sku": "BELL-07"}', "The warehouse does not answer", '"pay_71"'):
        assert piece in second
    assert "Hello, my order" not in second  # it was sent before
    browser.click("#turn-body summary")
    assert "Hello, my order" in browser.wait_for("#turn-body", "Hello")


def test_turns_are_stepped_through_with_keys(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    press(browser, "t")
    seen = []
    for key in ("", "\ue014", "j", "\ue012", "k", "k"):
        press(browser, key)
        seen += browser.texts("#turn-position")
    assert seen == ["1 of 7", "2 of 7", "3 of 7", "2 of 7", "1 of 7", "1 of 7"]


def test_turns_of_an_agent_that_works_as_a_tool_lead_to_its_call(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    press(browser, "tjjjj")
    assert browser.texts("#turn h2") == ["Turn 5\nRules expert"]
    assert "Works as the tool ask_rules_expert" in browser.texts("#turn-body")[0]
    browser.click(".turn-head .link")
    assert browser.texts("#turn h2") == ["Turn 3\nRefund agent"]


def test_tool_leads_to_its_place_in_the_timeline_and_back(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    press(browser, "tjj")
    browser.click(".tool-card .link")
    assert browser.texts("#rows .selected .name") == ["ask_rules_expert"]
    browser.click("#details header .link")
    assert browser.texts("#turn h2") == ["Turn 3\nRefund agent"]


def test_content_that_was_not_recorded_is_missing_quietly(
    browser: Browser, tmp_path: Path
) -> None:
    spans = [
        span("1", {"type": "agent", "name": "A", "tools": None}, end=3),
        span("2", {"type": "generation", "input": None, "output": None, "model": "m"}, "1"),
        span("3", {"type": "function", "name": "f", "input": None, "output": None}, "1", 1, 2),
        span("4", {"type": "response", "response_id": None}, "1", 2, None),
    ]
    open_page(browser, made_up(spans), tmp_path)
    for name in ("A", "m", "f", "response"):
        pick(browser, name)
        assert browser.texts("#details h2") == [name]
    assert "not finished" in browser.texts("#details")[0]
    press(browser, "t")
    assert "What was sent is not in the trace." in browser.texts("#turn-body")[0]


# ---- filter ----


def test_search_finds_spans_by_what_they_hold(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    press(browser, "/")
    browser.type("#search", 'double "QUERY"')
    assert "search_rules" in browser.texts(NAME)
    assert "find_order" not in browser.texts(NAME)
    dimmed = browser.texts("#rows .dim .name")
    assert dimmed == ["Refund agent", "ask_rules_expert", "Rules expert"]  # they lead to it
    browser.click("#tab-turns")
    assert set(browser.texts(".turn-row .number")) == {"4", "5"}


def test_kinds_and_errors_are_picked_out(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    browser.click(".kind-guardrail")
    assert browser.texts(NAME) == ["Front desk", "no_card_numbers"]
    assert browser.texts("#matches") == ["1 found"]
    browser.click(".kind-guardrail")
    assert len(browser.texts(NAME)) == sample.span_count
    browser.click(".kind-error")
    assert browser.texts(NAME) == ["Refund agent", "check_stock"]
    browser.type("#search", "nothing like it")
    assert browser.texts("#no-spans") == ["There is nothing to show here."]


# ---- safety ----


def hostile_spans() -> Iterator[StoredSpan]:
    """Spans of all kinds with hostile text wherever there can be text."""
    items: list[Any] = [
        {"role": HOSTILE, "content": HOSTILE},
        {"role": "user", "content": [{"type": "input_text", "text": HOSTILE}, {HOSTILE: HOSTILE}]},
        {"type": "function_call", "name": HOSTILE, "arguments": HOSTILE, "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": HOSTILE},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": HOSTILE}]},
        {"type": HOSTILE, "id": HOSTILE},
        HOSTILE,
        None,
    ]
    kinds: list[dict[str, Any]] = [
        {"type": "agent", "name": HOSTILE, "tools": [HOSTILE], "handoffs": [HOSTILE],
         "output_type": HOSTILE},
        {"type": "generation", "model": HOSTILE, "input": items, "output": items,
         "model_config": {HOSTILE: HOSTILE, "retries": [{"attempt": HOSTILE, "reason": HOSTILE}]},
         "usage": {HOSTILE: HOSTILE, "input_tokens": HOSTILE}},
        {"type": "function", "name": HOSTILE, "input": HOSTILE, "output": {HOSTILE: [HOSTILE]}},
        {"type": "guardrail", "name": HOSTILE, "triggered": HOSTILE},
        {"type": "handoff", "from_agent": HOSTILE, "to_agent": HOSTILE},
        {"type": "custom", "name": HOSTILE, "data": {HOSTILE: HOSTILE}},
        {"type": "response", "response_id": HOSTILE},
        {"type": HOSTILE, "name": HOSTILE, "input": HOSTILE},
    ]  # fmt: skip
    error = {"message": HOSTILE, "data": {"type": HOSTILE, HOSTILE: HOSTILE}}
    for place, data in enumerate(kinds):
        yield span(f"{place}{HOSTILE}", data, f"0{HOSTILE}" if place else None, error=error)


def test_hostile_text_in_every_field_is_shown_as_text(browser: Browser, tmp_path: Path) -> None:
    found = made_up(
        list(hostile_spans()),
        trace_id=HOSTILE,
        workflow_name=HOSTILE,
        group_id=HOSTILE,
        metadata={HOSTILE: HOSTILE},
    )
    open_page(browser, found, tmp_path)
    shown = []
    for place in range(found.span_count):
        browser.click(f"#row-{place}")
        browser.driver.execute_script(UNFOLD)
        shown += browser.texts("#details")
    press(browser, "t")
    for _ in range(2):
        shown += browser.texts("#turn-body")
        press(browser, "j")
    browser.type("#search", "<script>")
    for place in range(found.span_count):
        assert "<script>window.hacked = 1</script>" in shown[place]
    count = "return document.querySelectorAll(arguments[0]).length"
    assert browser.driver.execute_script(count, "script") == 2
    assert browser.driver.execute_script(count, "img, body b > b") == 0
    assert browser.driver.execute_script("return window.hacked") is None


# ---- many spans ----


def many_spans(count: int) -> Iterator[StoredSpan]:
    """An agent after the other, each with turns of a model call and three tools."""
    agent = ""
    for n in range(count):
        start, usage = n * 0.1, {"input_tokens": n, "output_tokens": 7}
        data: dict[str, Any] = {"type": "function", "name": f"tool_{n}", "output": "word " * 40}
        if n % 41 == 0:
            agent = f"span_{n}"
            yield span(agent, {"type": "agent", "name": f"Agent {n}"}, None, start, start + 4.1)
            continue
        if n % 4 == 0:
            input = [{"role": "user", "content": f"Question {n}"}] * 10
            data = {"type": "generation", "model": "m", "input": input, "usage": usage}
        yield span(f"span_{n}", data, agent, start, start + 0.1)


def test_5000_spans_open_with_less_than_three_seconds_of_work(
    browser: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text(trace_page(made_up(list(many_spans(5000)))), "utf-8")
    browser.processor_seconds()  # from here on they are counted
    browser.open(path.as_uri())
    browser.click("#tab-timeline")
    browser.wait_for(NAME)
    opened = browser.processor_seconds()
    assert 0 < opened < 3
    assert browser.driver.execute_script("return document.querySelectorAll('*').length") < 1500
    browser.type("#search", "tool_4999")
    assert browser.wait_for(NAME, "tool_4999")
    browser.driver.execute_script("document.getElementById('rows').scrollTop = 0")
    assert browser.processor_seconds() - opened < 3


def test_last_of_many_spans_is_reached(browser: Browser, tmp_path: Path) -> None:
    spans = list(many_spans(5000))
    last = sum(each.span_data["type"] == "generation" for each in spans)
    open_page(browser, made_up(spans), tmp_path)
    browser.driver.execute_script("document.getElementById('rows').scrollTop = 1e9")
    browser.wait_for(NAME, "tool_4999")
    browser.click("#tab-turns")
    browser.driver.execute_script("document.getElementById('turn-list').scrollTop = 1e9")
    browser.wait_for(".turn-row .number", str(last))
    browser.click(".turn-row:last-child")
    assert browser.texts("#turn-position") == [f"{last} of {last}"]


# ---- look ----


@pytest.mark.parametrize("dark", [False, True])
def test_theme_follows_the_system_until_it_is_chosen(
    browser: Browser, sample: StoredTrace, tmp_path: Path, dark: bool
) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    open_page(browser, sample, tmp_path)
    colour = "return getComputedStyle(document.body).backgroundColor"
    before = browser.driver.execute_script(colour)
    browser.click("#theme")
    after = browser.driver.execute_script(colour)
    brightness = [sum(map(int, each[4:-1].split(","))) for each in (before, after)]
    assert (brightness[0] < brightness[1]) is dark
    browser.open(browser.driver.current_url)
    assert browser.driver.execute_script(colour) == after  # it is remembered
    browser.driver.execute_script("localStorage.clear()")


def test_narrow_window_scrolls_sideways_nowhere(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    narrow = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    open_page(browser, sample, tmp_path)
    pick(browser, "Front desk")
    width = "return document.documentElement.scrollWidth"
    assert browser.driver.execute_script(width) == 400
    press(browser, "t")
    assert browser.driver.execute_script(width) == 400
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# ---- live ----


@pytest.fixture
def live(browser: Browser, tmp_path: Path) -> Iterator[str]:
    """The URL of a server for the store into which this process traces."""
    path = tmp_path / "traces.db"
    earlier, provider = get_trace_provider(), TraceProvider()
    provider.set_processors([SQLiteTraceProcessor(path)])
    set_trace_provider(provider)
    with trace("Earlier work"):
        pass
    flush_traces()
    server = serve_store(TraceStore(path))
    yield server.url
    browser.leave()
    server.close()
    provider.shutdown()
    set_trace_provider(earlier)


def test_run_is_watched_while_it_goes_on(browser: Browser, live: str) -> None:
    go_on = threading.Event()

    @function_tool
    def slow() -> str:
        """Wait."""
        assert go_on.wait(300)
        return "the slow result"

    model = ScriptedModel([call("slow"), "All done."])
    agent = Agent("Worker", tools=[slow], model=model)
    browser.open(live)
    browser.wait_for(".trace-row", "Earlier work")
    question = "Go, as often as you like. " * 200
    run = threading.Thread(target=Runner.run_sync, args=(agent, question))
    run.start()
    try:
        browser.wait_for("#traces", "running")
        browser.click(".trace-row")
        browser.wait_for("#state", "running")
        browser.wait_for("#answer", "The run goes on …")
        browser.click("#tab-timeline")
        browser.wait_for("#rows .running.kind-tool .name", "slow")
        browser.click("#tab-answer")
        browser.click("#answer .more")
        browser.wait_for_news("#facts")
        assert question.strip() in browser.wait_for("#answer")  # it stays unfolded
        browser.click("#tab-turns")
        browser.wait_for("#turn-body", "A tool ran")
    finally:
        go_on.set()
        run.join()
    browser.wait_for("#state", "ok")
    assert browser.texts("#turn-position") == ["2 of 2"]  # it has followed the run
    assert "All done." in browser.wait_for("#turn-body", "The run is done")
    browser.click("#back")
    browser.wait_for(".trace-row", "Earlier work")
    assert len(browser.texts(".trace-row")) == 2


def talk(group: str, *exchanges: tuple[str, str]) -> None:
    """A conversation, a trace for each question and its answer."""
    for question, answer in exchanges:
        model = ScriptedModel([call("look_up", word=question.split()[-1]), answer])
        with trace("Talk", group_id=group):
            Runner.run_sync(talker(model), question)
    flush_traces()


def talker(model: Any) -> Agent[Any]:
    return Agent("Talker", instructions="Talk.", tools=[look_up], model=model)


@function_tool
def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word} is in the book"


def test_traces_are_listed_by_conversation_with_first_words_and_last_answer(
    browser: Browser, live: str
) -> None:
    talk("chat-1", ("Where is the bell", "On the shelf."), ("And the chain", "In the drawer."))
    browser.open(live)
    browser.wait_for("#traces", "In the drawer.")
    first, *_ = browser.texts("#traces > *")
    assert "Where is the bell" in first and "In the drawer." in first and "2 runs" in first
    assert "40 in · 20 out" in first
    assert browser.texts("#traces > a .what b") == ["Earlier work"]
    browser.click(".conversation summary")
    assert browser.texts(".conversation a .what b") == ["And the chain", "Where is the bell"]
    browser.driver.execute_script("document.querySelectorAll('.conversation a')[1].click()")
    answer = browser.wait_for("#answer", "On the shelf.")
    assert "Where is the bell" in answer and "Talker" in answer
    browser.click("#back")
    browser.wait_for(".conversation a", "Where is the bell")  # it is still unfolded


def test_conversations_are_searched_and_filtered(browser: Browser, live: str) -> None:
    talk("chat-1", ("Where is the bell", "On the shelf."))
    talk("chat-2", ("Where is the chain", "In the drawer."))
    browser.open(live)
    browser.wait_for("#traces", "Earlier work")
    press(browser, "/")
    browser.type("#search", "CHAIN book")
    browser.wait_until_gone("#traces > :nth-child(2)")
    assert "In the drawer." in browser.texts("#traces > *")[0]
    browser.type("#search", " nowhere")
    browser.wait_for("#traces", "Nothing fits the search.")
    browser.driver.execute_script("document.getElementById('search').value = ''")
    browser.type("#search", " ")
    browser.wait_for("#traces > :nth-child(3)")
    choose = "const select = document.getElementById(arguments[0]); select.value = arguments[1];"
    choose += "select.dispatchEvent(new Event('change'))"
    browser.driver.execute_script(choose, "filter-agent", "Talker")
    browser.wait_until_gone("#traces > :nth-child(3)")
    browser.driver.execute_script(choose, "filter-status", "failed")
    browser.wait_for("#traces", "Nothing fits the search.")
    browser.driver.execute_script(choose, "filter-agent", "")
    browser.driver.execute_script(choose, "filter-status", "")
    browser.driver.execute_script(choose, "filter-workflow", "Earlier work")
    browser.wait_for("#traces", "Earlier work")
    browser.wait_until_gone("#traces > :nth-child(2)")
    assert "Earlier work" in browser.texts("#traces > *")[0]


def test_trace_opens_on_question_and_answer(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text(trace_page(sample), "utf-8")
    browser.open(path.as_uri())
    shown = browser.wait_for("#answer", "Question")
    for piece in (
        "Hello, my order A-1001",
        '"approved": true',
        "The warehouse does not answer",
        "Front desk",
        "Rules expert",
    ):
        assert piece in shown
    assert "Cached\n256" in browser.texts("#facts")[0]
    browser.click("#answer .link")
    assert browser.texts("#details h2") == ["check_stock"]


def test_generation_shows_its_settings_the_tools_it_was_offered_and_cached_tokens(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    browser.type("#search", "688 91 256")  # its counts; one alone may stand in an id by chance
    pick(browser, "gpt-4o")
    browser.driver.execute_script(UNFOLD)
    details = browser.wait_for("#details", "Was offered")
    assert "Cached\n256" in details
    assert "Find the payments for an order." in details
    assert "ask_rules_expert" in details


def test_tool_shows_its_arguments_in_its_row(
    browser: Browser, sample: StoredTrace, tmp_path: Path
) -> None:
    open_page(browser, sample, tmp_path)
    assert '{"sku":"BELL-07"}' in browser.texts("#rows .arguments")


def test_server_that_ends_is_noticed(browser: Browser, sample_db: Path) -> None:
    server = serve_store(TraceStore(sample_db))
    browser.open(server.url)
    browser.wait_for(".trace-row", "Customer support")
    server.close()
    browser.wait_for("#notice", "The server does not answer.")
    browser.driver.get("about:blank")
    browser.driver.get_log("browser")  # the failed requests stand there


def test_unknown_trace_is_told_and_nothing_is_shown_of_another(
    browser: Browser, live: str
) -> None:
    browser.open(live)
    browser.wait_for(".trace-row", "Earlier work")
    browser.click(".trace-row")
    browser.wait_for("#name", "Earlier work")
    browser.driver.execute_script("location.hash = '#nope'")
    browser.wait_for("#notice", "There is no such trace in the store")
    assert "Earlier work" not in browser.wait_for("body")
    assert browser.texts("#take-along button") == []
    browser.click("#back")
    browser.wait_for(".trace-row", "Earlier work")
    browser.wait_until_gone("#notice")
    browser.driver.get_log("browser")  # the 404 stands there


def test_what_the_server_cannot_give_is_told(
    browser: Browser, sample_db: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "runs.db"
    broken.write_bytes(b"This is no database. " * 100)
    server = serve_store(TraceStore(sample_db), journal=SQLiteJournal(broken))
    browser.open(server.url)
    browser.wait_for("#runs", "file is not a database")
    browser.click(".trace-row")
    browser.wait_for("#take-along")
    server.close()
    for name in ("as-test", "as-cassette", "compare"):
        browser.click(f"#{name}")
        browser.wait_for("dialog", "The server does not answer.")
        browser.click("dialog p > :last-child")
        browser.wait_until_gone("dialog")
    browser.leave()
    browser.driver.get_log("browser")  # the failed requests stand there


def test_hostile_trace_in_the_list_is_shown_as_text(browser: Browser, live: str) -> None:
    with trace(HOSTILE, trace_id=HOSTILE):
        pass
    flush_traces()
    browser.open(live)
    browser.wait_for(".trace-row")
    browser.click(".trace-row")
    assert "<script>window.hacked = 1</script>" in browser.wait_for("#name", "<script>")
    assert browser.driver.execute_script("return window.hacked") is None


def test_runs_of_a_journal_lead_to_their_traces(
    browser: Browser, live: str, tmp_path: Path
) -> None:
    @function_tool(needs_approval=True)
    def refund(order: int) -> str:
        """Refund an order."""
        return "refunded"

    model = ScriptedModel([call("refund", call_id="c", order=7), "All done."])
    agent = Agent("Cashier", tools=[refund], model=model)
    journal = SQLiteJournal(tmp_path / "runs.db")
    config = RunConfig(journal=journal, run_id="refund-7", workflow_name="Refund")
    Runner.run_sync(agent, "Go", run_config=config)
    flush_traces()
    server = serve_store(TraceStore(tmp_path / "traces.db"), journal=journal)
    try:
        browser.open(server.url)
        shown = browser.wait_for("#runs .trace-row", "refund-7")
        assert "paused" in shown and 'waits: refund({"order":7})' in shown
        journal.approve("refund-7", "c")
        Runner.run_sync(agent, "Go", run_config=config)
        browser.wait_for("#runs .trace-row", "finished")
        browser.click("#runs .trace-row")
        browser.wait_for("#name", "Refund")
        browser.click("#tab-timeline")
        browser.wait_for("#rows", "Taken up from the journal")
    finally:
        browser.leave()
        server.close()


# ---- what can be copied ----


def offered(browser: Browser, selector: str, label: str) -> str:
    """The text that is offered after a click on one of the links for copying."""
    script = "[...document.querySelectorAll(arguments[0])].find((each) => "
    script += "each.textContent === arguments[1]).click()"
    browser.driver.execute_script(script, selector, label)
    browser.wait_for("dialog[open] pre")
    script = "const text = document.querySelector('dialog[open] pre').textContent;"
    script += "document.querySelector('dialog[open]').close(); return text"
    return str(browser.driver.execute_script(script))


def test_a_turn_is_copied_as_a_request_that_sends_what_was_sent(
    browser: Browser, live: str, tmp_path: Path
) -> None:
    agent = Agent("Talker", instructions=HOSTILE + "$(touch hacked) `x` \\", tools=[look_up])
    with ResponsesServer(["Hello."] * 3) as server:
        environment = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-secret"}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            Runner.run_sync(agent, HOSTILE)
        flush_traces()
        browser.open(live)
        browser.wait_for(".trace-row")
        browser.driver.execute_script("document.querySelector('#traces a').click()")
        browser.wait_for("#answer", "Hello.")
        press(browser, "t")
        browser.wait_for(".turn-head")
        command = offered(browser, ".actions .link", "as curl")
        program = offered(browser, ".actions .link", "as Python")
        assert "sk-secret" not in command + program
        own = {**os.environ, **environment, "no_proxy": "127.0.0.1"}
        for words in (["bash", "-c", command], [sys.executable, "-c", program]):
            subprocess.run(words, env=own, cwd=tmp_path, check=True, capture_output=True)
        sent, *copies = (request.body for request in server.requests)
    assert not (tmp_path / "hacked").exists()
    for copy in copies:
        for name in ("model", "instructions", "input", "tools"):
            assert copy[name] == sent[name]


def test_a_run_is_taken_along_as_a_test_and_a_cassette_and_compared_with_another(
    browser: Browser, live: str, tmp_path: Path
) -> None:
    talk("chat-1", ("Where is the bell?", "On the shelf."))
    talk("chat-2", ("Where is the bell?", f"On the {HOSTILE} floor."))
    browser.open(live)
    browser.wait_for("#traces", "Earlier work")
    browser.driver.execute_script("document.querySelectorAll('#traces a')[1].click()")
    browser.wait_for("#answer", "On the shelf.")
    run_test(offered(browser, "#as-test", "As a test"), tmp_path)
    written = offered(browser, "#as-cassette", "As a cassette")
    (tmp_path / "run.json").write_text(written)
    browser.click("#compare")
    browser.wait_for("dialog[open]", "Choose the other trace.")
    script = "const select = document.querySelector('dialog select');"
    script += "select.value = [...select.options].find((each) => each.text.includes('bell')).value;"
    browser.driver.execute_script(script + "select.dispatchEvent(new Event('change'))")
    browser.wait_for("dialog table", "On the shelf.")
    assert browser.texts("dialog mark") == ["shelf.", f"{HOSTILE} floor."] * 2
    assert browser.texts("dialog th[scope=row]") == ["Turn 2\nanswer", "The end\nfinal output"]
    assert browser.driver.execute_script("return window.hacked") is None
    with cassette(tmp_path / "run.json", record="none"):
        again = Runner.run_sync(talker("scripted"), "Where is the bell?")
    assert again.final_output == "On the shelf."


def test_a_link_leads_to_its_span(browser: Browser, sample: StoredTrace, tmp_path: Path) -> None:
    open_page(browser, sample, tmp_path)
    pick(browser, "check_stock")
    link = offered(browser, "#details .actions .link", "link")
    browser.open("about:blank")
    browser.open(link)
    browser.wait_for("#details h2", "check_stock")
    assert browser.texts("#rows .selected .name") == ["check_stock"]
