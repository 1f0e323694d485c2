"""The page as a file."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

from agents_lite.tracing.sqlite_store import StoredTrace
from agents_lite.viewer.page import live_page, trace_json, trace_page
from tests.support.stored_traces import made_up, span


def embedded(page: str) -> Any:
    (text,) = re.findall(r'<script type="application/json" id="source">(.*?)</script>', page)
    return json.loads(text)


def test_page_holds_the_whole_trace(sample: StoredTrace) -> None:
    assert embedded(trace_page(sample)) == trace_json(sample)


def test_times_are_milliseconds_after_the_start() -> None:
    trace = made_up([span("1", {}, start=2, end=None)], started_ns=1_000_000_000, ended_ns=None)
    facts = trace_json(trace)
    assert (facts["started"], facts["ended"]) == (1000, None)
    assert (facts["spans"][0]["start"], facts["spans"][0]["end"]) == (1000, None)


def test_nothing_in_a_trace_ends_the_element_that_holds_it() -> None:
    evil = "</script><!--<script>"
    page = trace_page(made_up([span(evil, {"type": evil, evil: evil})], workflow_name=evil))
    assert page.lower().count("</script") == live_page().lower().count("</script")
    assert embedded(page)["spans"][0]["data"] == {"type": evil, evil: evil}


def test_odd_characters_arrive() -> None:
    odd = "\ud83d \u2028 \x00 ü €"
    page = trace_page(made_up([span("1", {"type": "custom", "name": odd})]))
    page.encode()
    assert embedded(page)["spans"][0]["data"]["name"] == odd


def test_only_the_page_that_a_server_sends_may_connect(sample: StoredTrace) -> None:
    assert "connect-src 'none'" in trace_page(sample)
    assert "connect-src 'self'" in live_page()


def test_page_names_no_address_to_load_from(sample: StoredTrace) -> None:
    places = set(re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\'\s)]+)', trace_page(sample)))
    assert places == {"data:,", "#"}
    assert set(re.findall(r"https?://[^\"'\s]+", trace_page(sample))) == {
        "http://www.w3.org/2000/svg"
    }


def test_scripts_put_text_into_the_page_never_html() -> None:
    for script in files("agents_lite.viewer").joinpath("static").iterdir():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(",
                             script.read_text("utf-8"))
