from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys

import pytest

from agents_lite.exceptions import UserError
from agents_lite.tracing import (
    agent_span,
    custom_span,
    function_span,
    gen_trace_id,
    get_current_span,
    get_current_trace,
    sensitive_data_by_default,
    set_tracing_disabled,
)
from agents_lite.tracing.traces import trace
from tests.support.spans import recorded_spans


def test_with_block_starts_marks_current_finishes_and_restores(remembered):
    with trace("Outer") as outer:
        assert get_current_trace() is outer
        with trace("Inner") as inner:
            assert get_current_trace() is inner
        assert get_current_trace() is outer
    assert get_current_trace() is None
    assert remembered.heard == [
        ("trace_start", outer),
        ("trace_start", inner),
        ("trace_end", inner),
        ("trace_end", outer),
    ]


def test_start_makes_current_and_finish_ends_that(remembered):
    workflow = trace("Pipeline")
    assert get_current_trace() is None
    workflow.start()
    assert get_current_trace() is workflow
    workflow.finish()
    assert get_current_trace() is None


def test_start_without_marking_leaves_the_current_trace_alone(remembered):
    with trace("Current") as current:
        aside = trace("Aside")
        aside.start(mark_as_current=False)
        assert get_current_trace() is current
        aside.finish()
        assert get_current_trace() is current


def test_async_with_works_like_with(remembered):
    async def work():
        async with trace("Async") as workflow, agent_span("A") as span:
            await asyncio.sleep(0)
            assert get_current_trace() is workflow
            return span.trace_id == workflow.trace_id

    assert asyncio.run(work())


def test_export_is_the_json_of_the_traces_endpoint(remembered):
    workflow = trace("Support", group_id="user_1", metadata={"env": "test"})
    assert re.fullmatch("trace_[0-9a-f]{32}", workflow.trace_id)
    assert workflow.export() == {
        "object": "trace",
        "id": workflow.trace_id,
        "workflow_name": "Support",
        "group_id": "user_1",
        "metadata": {"env": "test"},
    }


def test_malformed_trace_id_stays_locally_and_is_mapped_on_export(remembered, caplog):
    with trace("P", trace_id="pipeline_run_456", metadata={"v": 1}) as workflow:
        with custom_span("step") as span:
            pass
    assert workflow.trace_id == span.trace_id == "pipeline_run_456"
    exported = workflow.export()
    assert re.fullmatch("trace_[0-9a-f]{32}", exported["id"])
    assert span.export()["trace_id"] == exported["id"]
    assert exported["metadata"] == {"v": 1, "original_trace_id": "pipeline_run_456"}
    assert workflow.metadata == {"v": 1}
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_malformed_id_is_always_mapped_to_the_same_valid_one(remembered):
    ids = [trace("P", trace_id=name).export()["id"] for name in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


def test_valid_trace_id_is_kept_without_a_warning(remembered, caplog):
    given = gen_trace_id()
    assert trace("P", trace_id=given).export()["id"] == given
    assert not caplog.records


def test_event_is_a_custom_span_of_no_length_in_the_current_span(remembered):
    with trace("W") as workflow:
        workflow.add_event("before", {"n": 1})
        with agent_span("A") as agent:
            workflow.add_event("inside", {"n": 2})
    before, inside = remembered.spans["before"], remembered.spans["inside"]
    assert before.export()["span_data"] == {"type": "custom", "name": "before", "data": {"n": 1}}
    assert (before.parent_id, inside.parent_id) == (None, agent.span_id)
    assert inside.ended_ns - inside.started_ns < 1_000_000_000


def test_event_of_a_trace_that_is_not_current_still_belongs_to_it(remembered):
    other = trace("Other")
    other.start(mark_as_current=False)
    with trace("Current"), agent_span("A"):
        other.add_event("e")
    assert remembered.spans["e"].trace_id == other.trace_id
    assert remembered.spans["e"].parent_id is None


def test_starting_or_finishing_twice_changes_nothing(remembered):
    workflow = trace("W")
    workflow.start()
    workflow.start()
    workflow.finish()
    ended_at = workflow.ended_at
    workflow.finish()
    assert workflow.ended_at == ended_at
    assert remembered.events == ["trace_start", "trace_end"]
    assert get_current_trace() is None


def test_finishing_what_never_started_is_not_announced(remembered):
    trace("W").finish()
    assert remembered.events == []


def test_finishing_in_the_wrong_order_leaves_no_finished_trace_current(remembered):
    first, second = trace("First"), trace("Second")
    first.start()
    second.start()
    first.finish()
    assert get_current_trace() is second
    second.finish()
    assert get_current_trace() is None


def test_disabled_trace_records_nothing_inside(remembered):
    with trace("W"), trace("Off", disabled=True) as off:
        with function_span("f") as span:
            span.span_data.output = "harmless"
            off.add_event("e")
        assert off.export() is None and span.export() is None
        assert get_current_trace() is off
    assert remembered.events == ["trace_start", "trace_end"]


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_environment_switches_tracing_off(remembered, monkeypatch, value):
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", value)
    with trace("W"), custom_span("s"):
        pass
    assert remembered.events == []


def test_environment_value_that_says_no_leaves_tracing_on(remembered, monkeypatch):
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "0")
    with trace("W"):
        pass
    assert remembered.events == ["trace_start", "trace_end"]


def test_code_stands_above_the_environment(remembered, monkeypatch):
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")
    set_tracing_disabled(False)
    with trace("On"):
        pass
    monkeypatch.delenv("OPENAI_AGENTS_DISABLE_TRACING")
    set_tracing_disabled(True)
    with trace("Off"):
        pass
    assert remembered.events == ["trace_start", "trace_end"]


@pytest.mark.parametrize(("value", "expected"), [(None, True), ("1", True), ("false", False)])
def test_environment_says_whether_spans_hold_content(monkeypatch, value, expected):
    if value is not None:
        monkeypatch.setenv("OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA", value)
    assert sensitive_data_by_default() is expected


def test_no_trace_is_current_outside_of_one():
    assert get_current_trace() is None
    assert get_current_span() is None


def test_import_starts_no_thread_and_loads_no_sqlite():
    script = (
        "import sys, threading; import agents_lite.tracing;"
        "print(threading.active_count(), 'sqlite3' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["1", "False"]


def test_an_event_has_no_length_and_a_trace_has_its_workflow_name():
    with recorded_spans() as recorder, trace("Workflow") as current:
        for number in range(50):
            current.add_event("event", {"number": number})
    assert current.workflow_name == "Workflow"
    assert all(span.started_at == span.ended_at for span in recorder.spans)
    assert len(recorder.spans) == 50


def test_trace_id_that_is_no_text_is_a_user_error():
    with pytest.raises(UserError, match="A trace id is a str, not 5"):
        trace("W", trace_id=5)
