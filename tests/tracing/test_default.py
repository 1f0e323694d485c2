from __future__ import annotations

import gc
import threading
import weakref

import pytest

from agents_lite.tracing import (
    BackendSpanExporter,
    TraceStore,
    add_trace_processor,
    custom_span,
    flush_traces,
    generation_span,
    set_tracing_export_api_key,
    trace,
)
from agents_lite.tracing.default import OpenAITraceProcessor
from agents_lite.tracing.spans import agent_span
from tests.support.traces import RememberingProcessor


@pytest.fixture(autouse=True)
def sent_to(collector, provider):
    """The default processor, posting to the collector in place of OpenAI."""
    backend = BackendSpanExporter(endpoint=collector.url + "/ingest")
    provider.openai_processor = OpenAITraceProcessor(backend)
    return collector


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")


def run_trace(*hosts):
    with trace("W") as workflow:
        with custom_span("before"):
            pass
        for host in hosts:
            workflow.note_model_host(host)
        with custom_span("after"):
            pass
    flush_traces()


def sent_names(collector):
    return [item.get("workflow_name") or item["span_data"]["name"] for item in collector.items]


def test_trace_whose_model_is_at_openai_is_sent_whole(sent_to, key):
    run_trace("api.openai.com")
    assert sent_names(sent_to) == ["W", "before", "after"]
    assert sent_to.requests[0][1]["Authorization"] == "Bearer sk-env"


@pytest.mark.parametrize("hosts", [(), ("127.0.0.1",), ("api.openai.com.evil.example",)])
def test_trace_of_other_models_or_none_is_not_sent(sent_to, key, hosts):
    run_trace(*hosts)
    assert sent_to.requests == []


def test_trace_of_several_models_is_sent_when_one_is_at_openai(sent_to, key):
    run_trace("127.0.0.1", "api.openai.com")
    assert sent_names(sent_to) == ["W", "before", "after"]


def test_tracing_key_set_on_purpose_sends_every_trace(sent_to):
    set_tracing_export_api_key("sk-tracing")
    run_trace()
    assert sent_names(sent_to) == ["W", "before", "after"]
    assert sent_to.requests[0][1]["Authorization"] == "Bearer sk-tracing"


def test_key_of_the_models_serves_traces_of_openai_models_only(sent_to, provider):
    provider.openai_processor.use_model_key("sk-model")
    run_trace("127.0.0.1")
    assert sent_to.requests == []
    run_trace("api.openai.com")
    assert sent_to.requests[0][1]["Authorization"] == "Bearer sk-model"


def test_tracing_key_stands_above_the_key_of_the_models(sent_to, provider):
    set_tracing_export_api_key("sk-tracing")
    provider.openai_processor.use_model_key("sk-model")
    run_trace()
    assert sent_to.requests[0][1]["Authorization"] == "Bearer sk-tracing"


def test_without_a_key_nothing_is_sent_kept_or_started(sent_to, capsys, caplog):
    threads = set(threading.enumerate())
    with trace("W") as workflow:
        workflow.note_model_host("api.openai.com")
        with custom_span("s") as span:
            pass
        gone = weakref.ref(span)
        del span
        gc.collect()
        assert gone() is None
    flush_traces()
    assert set(threading.enumerate()) <= threads
    assert sent_to.requests == []
    assert (capsys.readouterr(), caplog.records) == (("", ""), [])


def test_held_spans_are_forgotten_when_the_trace_ends_undecided(sent_to, key):
    with trace("W"):
        with custom_span("s") as span:
            pass
        gone = weakref.ref(span)
        del span
        gc.collect()
        assert gone() is not None
    gc.collect()
    assert gone() is None


class Items(list):
    """A list that can be watched."""


def test_what_models_were_asked_is_held_once_and_sent_whole(sent_to, key):
    said = [{"role": "user", "content": str(number)} for number in range(40)]
    others = [{"role": "user", "content": "Other"}, *said[:3]]
    asked = [Items(said[: number + 1]) for number in range(40)]
    alive = [weakref.ref(items) for items in asked]
    wanted = [list(items) for items in asked]
    with trace("W") as workflow, agent_span("A") as outer:
        while asked:
            with generation_span(asked.pop(0)):
                pass
        with agent_span("B"), generation_span(others):
            pass
        with generation_span(said[20:]):  # compacted
            pass
        with generation_span(said[20:] + others), generation_span("no list"):
            pass
        gc.collect()
        assert len([ref for ref in alive if ref() is not None]) < 5
        workflow.note_model_host("api.openai.com")
    flush_traces()
    data = [item["span_data"] for item in sent_to.items if "span_data" in item]
    sent = [each["input"] for each in data if each["type"] == "generation"]
    assert sent == [*wanted, others, said[20:], "no list", said[20:] + others]
    assert outer.span_data.name == "A"


class Masking(RememberingProcessor):
    """A user's processor, asked after the default one."""

    def on_span_end(self, span):
        span.span_data.input = [{**item, "content": "***"} for item in span.span_data.input]
        span.span_data.output = ["***"]


def test_what_others_change_of_held_spans_is_sent(sent_to, key, provider):
    add_trace_processor(Masking())
    asked = [{"role": "user", "content": str(number)} for number in range(4)]
    with trace("W") as workflow:
        for number in range(3):
            with generation_span(asked[: number + 1], [{"content": "secret"}]) as span:
                pass
            asked.append({"role": "user", "content": "never said"})
        span.span_data.input.append({"content": "later"})
        workflow.note_model_host("api.openai.com")
    flush_traces()
    data = [item["span_data"] for item in sent_to.items if "span_data" in item]
    masked = {"role": "user", "content": "***"}
    assert [each["input"] for each in data] == [
        [masked],
        [masked] * 2,
        [*[masked] * 3, {"content": "later"}],
    ]
    assert [each["output"] for each in data] == [["***"]] * 3


def test_span_that_ends_after_its_trace_is_still_sent(sent_to, key):
    with trace("W") as workflow:
        workflow.note_model_host("api.openai.com")
        late = custom_span("late")
        late.start()
    late.finish()
    flush_traces()
    assert sent_names(sent_to) == ["W", "late"]


def test_environment_names_a_store(sent_to, monkeypatch, tmp_path):
    path = tmp_path / "traces.db"
    monkeypatch.setenv("AGENTS_LITE_TRACE_DB", str(path))
    run_trace()
    assert [found.workflow_name for found in TraceStore(path).list_traces()] == ["W"]
