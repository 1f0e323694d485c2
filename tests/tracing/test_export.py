from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

import pytest
from pydantic import BaseModel

from agents_lite.response_types import ResponsesObject
from agents_lite.tracing import (
    BackendSpanExporter,
    BatchTraceProcessor,
    ConsoleSpanExporter,
    custom_span,
    flush_traces,
    function_span,
    generation_span,
    set_trace_processors,
    trace,
)
from agents_lite.tracing.span_data import SpanData
from agents_lite.tracing.spans import Span


@pytest.fixture
def export(collector):
    """Exports to the collector a trace with one custom span of these data; gives those data."""
    exporter = BackendSpanExporter("sk-secret", endpoint=collector.url, base_delay=0.01)
    set_trace_processors([BatchTraceProcessor(exporter)])

    def export_data(data):
        with trace("W"), custom_span("s", data):
            pass
        flush_traces()
        return collector.items[-1]["span_data"]["data"]

    return export_data


def test_request_is_the_one_that_the_endpoint_takes(collector, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    exporter = BackendSpanExporter("sk-1", endpoint=collector.url + "/v1/traces/ingest")
    set_trace_processors([BatchTraceProcessor(exporter)])
    with trace("W") as workflow, function_span("add", "{}", "3") as span:
        pass
    flush_traces()
    path, headers, body = collector.requests[0]
    assert path == "/v1/traces/ingest"
    assert headers["Authorization"] == "Bearer sk-1"
    assert headers["OpenAI-Beta"] == "traces=v1"
    assert headers["Content-Type"] == "application/json"
    assert (headers["OpenAI-Organization"], headers["OpenAI-Project"]) == ("org-1", "proj-1")
    assert json.loads(body) == {"data": [workflow.export(), span.export()]}


def test_optional_headers_are_left_out(collector, export):
    export({})
    headers = collector.requests[0][1]
    assert "OpenAI-Organization" not in headers and "OpenAI-Project" not in headers


def test_key_of_the_environment_is_used_where_none_is_given(collector, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    set_trace_processors([BatchTraceProcessor(BackendSpanExporter(endpoint=collector.url))])
    with trace("W"):
        pass
    flush_traces()
    assert collector.requests[0][1]["Authorization"] == "Bearer sk-env"


def test_without_a_key_nothing_is_sent_or_said(collector, capsys, caplog):
    set_trace_processors([BatchTraceProcessor(BackendSpanExporter(endpoint=collector.url))])
    with trace("W"), custom_span("s"):
        pass
    flush_traces()
    assert collector.requests == []
    assert (capsys.readouterr(), caplog.records) == (("", ""), [])


def test_netrc_does_not_replace_the_key(collector, export, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    export({})
    assert collector.requests[0][1]["Authorization"] == "Bearer sk-secret"


def test_cookies_are_not_kept(collector, export):
    collector.headers["Set-Cookie"] = "a=b"
    export({})
    export({})
    assert "Cookie" not in collector.requests[1][1]


@pytest.mark.parametrize("statuses", [[500, 503], [502]])
def test_server_errors_are_tried_again(collector, export, caplog, statuses):
    collector.statuses = list(statuses)
    export({})
    assert len(collector.requests) == len(statuses) + 1
    assert caplog.records == []


def test_third_server_error_drops_the_batch_and_says_so(collector, export, caplog):
    collector.statuses = [500, 500, 500]
    export({})
    assert len(collector.requests) == 3
    assert "answered 500" in caplog.text


@pytest.mark.parametrize("status", [400, 401, 302])
def test_what_is_refused_is_dropped_and_said_once(collector, export, caplog, status):
    collector.statuses = [status, status]
    collector.headers["Location"] = collector.url + "/elsewhere"
    export({})
    export({})
    assert [path for path, _, _ in collector.requests] == ["/", "/"]
    assert len(caplog.records) == 1
    assert f"answered {status}" in caplog.text
    assert "sk-secret" not in caplog.text


@pytest.mark.parametrize("proxy", ["", "http://user:sk-secret@", "socks9://x", "http://x:y"])
def test_unreachable_endpoint_is_said_once(free_port, caplog, monkeypatch, proxy):
    monkeypatch.setenv("http_proxy", proxy)
    endpoint = f"http://127.0.0.1:{free_port}"
    exporter = BackendSpanExporter("sk-secret", endpoint=endpoint, base_delay=0.01)
    set_trace_processors([BatchTraceProcessor(exporter)])
    for _ in range(2):
        with trace("W"):
            pass
        flush_traces()
    assert [record.message for record in caplog.records] == [
        f"{endpoint} cannot be reached; traces are dropped."
    ]


def test_batch_that_is_too_large_for_the_endpoint_is_halved(collector, export, caplog):
    collector.body_limit = 3000
    with trace("W"):
        for number in range(16):
            with custom_span(f"s{number}", {"text": "x" * 500}):
                pass
    flush_traces()
    taken = [json.loads(body)["data"] for _, _, body in collector.requests if len(body) <= 3000]
    names = [item["span_data"]["name"] for batch in taken for item in batch if "span_data" in item]
    assert names == [f"s{number}" for number in range(16)]
    assert caplog.records == []


def test_single_item_that_is_too_large_is_dropped_alone(collector, export, caplog):
    collector.body_limit = 3000
    with trace("W"), custom_span("big", {"text": "x" * 5000}), custom_span("small"):
        pass
    flush_traces()
    taken = [json.loads(body)["data"] for _, _, body in collector.requests if len(body) <= 3000]
    assert [item["object"] for batch in taken for item in batch] == ["trace", "trace.span"]
    assert "answered 413" in caplog.text


def test_large_batches_go_out_in_several_requests(collector, export):
    with trace("W"):
        for number in range(60):
            with custom_span(f"s{number}", {"text": "x" * 90_000}):
                pass
    flush_traces()
    assert len(collector.requests) == 2
    assert len(collector.items) == 61


def test_only_known_usage_is_exported(collector, export):
    usage = {"requests": 1, "input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    with trace("W"), generation_span(model="m", usage=usage) as span:
        pass
    flush_traces()
    assert collector.items[-1]["span_data"]["usage"] == {"input_tokens": 1, "output_tokens": 2}
    assert span.span_data.usage == usage


def test_large_text_is_cut_with_a_mark(collector, export):
    with trace("W"), function_span("f", "{}", "ä" * 25_000_000):
        pass
    flush_traces()
    output = collector.items[-1]["span_data"]["output"]
    assert output.startswith("ää") and output.endswith("... [cut: 25000000 characters in all]")
    assert 90_000 < len(output.encode()) <= 100_000
    assert collector.items[-1]["span_data"]["input"] == "{}"


def test_text_that_grows_by_escaping_is_cut_to_the_limit(export):
    text = export({"text": "\x00" * 60_000})["text"]
    assert len(json.dumps(text)) <= 100_000


def test_large_list_is_cut_to_its_beginning_and_stays_a_list(collector, export):
    history = [{"role": "user", "content": f"{number} " + "x" * 1000} for number in range(300)]
    with trace("W"), generation_span(input=history, model="m"):
        pass
    flush_traces()
    exported = collector.items[-1]["span_data"]
    assert exported["model"] == "m"
    assert exported["input"][:50] == history[:50]
    assert "more of 300" in exported["input"][-1]["cut"]
    assert len(json.dumps(exported["input"])) <= 101_000


def test_large_value_deep_inside_is_cut_where_it_is(export):
    data = export({"rows": [{"id": 1, "blob": "y" * 500_000}]})
    assert data["rows"][0]["id"] == 1
    assert data["rows"][0]["blob"].endswith("[cut: 500000 characters in all]")


class Point(BaseModel):
    x: int


@dataclass
class Pair:
    left: int


class Silent:
    def __str__(self):
        raise RuntimeError("no text")


def test_values_that_are_no_json_are_exported_as_what_they_hold_or_say(export):
    data = export(
        {
            "model": Point(x=1),
            "dataclass": Pair(2),
            "object": ResponsesObject({"type": "message", "id": "m"}),
            "date": date(2026, 1, 2),
            "bytes": b"\xff",
            "nan": float("nan"),
            "type": int,
        }
    )
    assert data == {
        "model": {"x": 1},
        "dataclass": {"left": 2},
        "object": {"type": "message", "id": "m"},
        "date": "2026-01-02",
        "bytes": "_w==",
        "nan": None,
        "type": "<class 'int'>",
    }


def test_half_a_surrogate_pair_is_exported_as_it_is(export):
    assert export({"text": "\ud83d", "good": 1}) == {"text": "\ud83d", "good": 1}


def test_one_bad_field_does_not_spoil_the_others(export):
    cycle = []
    cycle.append(cycle)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    data = export({"cycle": cycle, "silent": Silent(), "deep": deep, "good": 1})
    assert data["cycle"] == "[[...]]"
    assert "Silent" in data["silent"]
    assert isinstance(data["deep"], str)
    assert data["good"] == 1


def test_console_exporter_prints_one_line_of_json_each(capsys):
    set_trace_processors([BatchTraceProcessor(ConsoleSpanExporter())])
    with trace("W") as workflow, custom_span("s") as span:
        pass
    flush_traces()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [workflow.export(), span.export()]


class BrokenData(SpanData):
    """Data that cannot be exported."""

    type = "broken"

    def export(self):
        raise RuntimeError("boom")


def test_item_that_cannot_be_exported_is_left_out_alone(collector, export, caplog, capsys):
    set_trace_processors([BatchTraceProcessor(ConsoleSpanExporter()), *exporters(collector)])
    with trace("W"):
        for _ in range(2):
            with Span(BrokenData()):
                pass
        with custom_span("s"):
            pass
    flush_traces()
    assert [item["object"] for item in collector.items] == ["trace", "trace.span"]
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert [record.getMessage() for record in caplog.records] == [
        "A Span cannot be exported; it is dropped."
    ] * 2  # once for each exporter


def exporters(collector):
    return [BatchTraceProcessor(BackendSpanExporter("sk-1", endpoint=collector.url))]


def test_metadata_of_any_form_are_exported(collector, caplog):
    set_trace_processors(exporters(collector))
    with trace("W", trace_id="mine", metadata=[1]):
        pass
    flush_traces()
    assert collector.items[0]["metadata"] == [1]


@pytest.mark.parametrize("key", ["sk-secret\u2026", "sk-secret\n", "sk-\ud800secret"])
def test_key_that_no_header_can_hold_is_said_once_and_not_shown(collector, caplog, key):
    exporter = BackendSpanExporter(key, endpoint=collector.url)
    set_trace_processors([BatchTraceProcessor(exporter)])
    for _ in range(2):
        with trace("W"):
            pass
        flush_traces()
    (record,) = caplog.records
    assert "header Authorization" in record.getMessage()
    assert "secret" not in caplog.text
    assert collector.requests == []
