from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
from asyncio import CancelledError
from contextvars import copy_context

import pytest

from agents_lite.exceptions import UserError
from agents_lite.tracing import (
    BackendSpanExporter,
    BatchTraceProcessor,
    TracingExporter,
    TracingProcessor,
    add_trace_processor,
    custom_span,
    flush_traces,
    set_trace_processors,
    trace,
)
from agents_lite.tracing.default import OpenAITraceProcessor


class KeepingExporter(TracingExporter):
    """Keeps its batches; waits for `gate` before each one."""

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()

    def export(self, items):
        self.gate.wait(60)
        self.batches.append(list(items))


class RaisingProcessor(TracingProcessor):
    def __init__(self, error=None):
        self.error = error or RuntimeError("processor is broken")
        self.calls = 0

    def fail(self, *args):
        self.calls += 1
        raise self.error

    on_trace_start = on_trace_end = on_span_start = on_span_end = fail
    shutdown = force_flush = fail


@pytest.fixture
def exporter():
    return KeepingExporter()


def run_trace(spans=1):
    with trace("W") as workflow:
        for number in range(spans):
            with custom_span(f"s{number}"):
                pass
    return workflow


def test_processors_hear_of_starts_and_ends_in_order(remembered):
    run_trace()
    assert remembered.events == ["trace_start", "span_start", "span_end", "trace_end"]


def test_added_processor_listens_beside_the_others(provider, remembered):
    second = type(remembered)()
    add_trace_processor(second)
    run_trace()
    assert remembered.events == second.events


def test_added_processor_does_not_replace_the_default_one(provider, collector, monkeypatch):
    provider.openai_processor = OpenAITraceProcessor(BackendSpanExporter(endpoint=collector.url))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    heard = KeepingExporter()
    add_trace_processor(BatchTraceProcessor(heard))
    with trace("W") as workflow:
        workflow.note_model_host("api.openai.com")
    flush_traces()
    assert [item["id"] for item in collector.items] == [workflow.trace_id]
    assert heard.batches == [[workflow]]


@pytest.mark.parametrize("error", [RuntimeError("broken"), CancelledError(), GeneratorExit()])
def test_processor_that_raises_is_logged_once_and_the_others_still_hear(remembered, caplog, error):
    broken = RaisingProcessor(error)
    healthy = type(remembered)()
    set_trace_processors([broken, healthy])
    run_trace(spans=3)
    flush_traces()
    assert broken.calls == 9
    assert healthy.events.count("span_end") == 3
    assert len(caplog.records) == 1
    assert "RaisingProcessor" in caplog.text


def test_processor_that_ends_the_program_is_not_held_up(remembered):
    set_trace_processors([RaisingProcessor(SystemExit())])
    with pytest.raises(SystemExit):
        copy_context().run(run_trace)  # the trace that it cuts off stays the current one
    set_trace_processors([])


def test_flush_and_shutdown_reach_every_processor(provider, remembered):
    flush_traces()
    provider.shutdown()
    assert remembered.events == ["force_flush", "shutdown"]


def test_batches_hold_the_trace_first_and_at_most_so_many_items(exporter):
    processor = BatchTraceProcessor(exporter, max_batch_size=4)
    set_trace_processors([processor])
    workflow = run_trace(spans=9)
    flush_traces()
    assert exporter.batches[0][0] is workflow
    assert max(len(batch) for batch in exporter.batches) <= 4
    names = [span.span_data.name for batch in exporter.batches for span in batch if span.span_id]
    assert names == [f"s{number}" for number in range(9)]


def test_items_are_exported_after_the_delay_without_a_flush(collector):
    exporter = BackendSpanExporter("sk-test", endpoint=collector.url)
    set_trace_processors([BatchTraceProcessor(exporter, schedule_delay=0.05)])
    run_trace()
    assert collector.arrived.acquire(timeout=60)


def test_queue_that_fills_up_is_exported_before_the_delay(collector):
    exporter = BackendSpanExporter("sk-test", endpoint=collector.url)
    set_trace_processors([BatchTraceProcessor(exporter, max_queue_size=10, schedule_delay=600)])
    run_trace(spans=7)
    assert collector.arrived.acquire(timeout=60)


def test_full_queue_drops_new_items_and_says_so_once(exporter, caplog):
    exporter.gate.clear()
    processor = BatchTraceProcessor(exporter, max_queue_size=5, max_batch_size=5)
    set_trace_processors([processor])
    run_trace(spans=50)
    exporter.gate.set()
    flush_traces()
    assert 5 <= sum(len(batch) for batch in exporter.batches) <= 10
    assert [record.message for record in caplog.records] == [
        "The queue for KeepingExporter is full; traces are dropped."
    ]


@pytest.mark.parametrize("error", [RuntimeError("no luck"), SystemExit(1), CancelledError()])
def test_exporter_that_raises_is_logged_once_and_asked_again(caplog, error):
    class Failing(TracingExporter):
        calls = 0

        def export(self, items):
            self.calls += 1
            raise error

    exporter = Failing()
    set_trace_processors([BatchTraceProcessor(exporter)])
    for _ in range(2):
        run_trace()
        flush_traces()
    assert exporter.calls == 2
    assert len(caplog.records) == 1


def test_an_interrupt_leaves_a_shutdown_that_exports_on_its_callers_thread(monkeypatch):
    class Interrupted(TracingExporter):
        def export(self, items):
            raise KeyboardInterrupt

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    processor = BatchTraceProcessor(Interrupted())
    set_trace_processors([processor])
    monkeypatch.setattr(threading.Thread, "start", refuse)
    run_trace()
    with pytest.raises(KeyboardInterrupt):
        processor.shutdown()


def test_shutdown_exports_what_is_pending_and_takes_nothing_more(exporter):
    processor = BatchTraceProcessor(exporter, schedule_delay=600)
    set_trace_processors([processor])
    run_trace()
    processor.shutdown()
    run_trace()
    flush_traces()
    assert len(exporter.batches) == 1


def test_shutdown_waits_no_longer_than_its_timeout(exporter):
    exporter.gate.clear()
    processor = BatchTraceProcessor(exporter, exit_timeout=0.1)
    set_trace_processors([processor])
    run_trace()
    began = time.monotonic()
    processor.shutdown()
    assert time.monotonic() - began < 50
    exporter.gate.set()


def test_thread_starts_with_the_first_item_only(exporter):
    before = set(threading.enumerate())
    processor = BatchTraceProcessor(exporter)
    set_trace_processors([processor])
    flush_traces()
    assert set(threading.enumerate()) <= before
    run_trace()
    assert len(set(threading.enumerate()) - before) == 1
    processor.shutdown()


def test_span_that_never_finishes_is_not_exported(exporter):
    set_trace_processors([BatchTraceProcessor(exporter)])
    with trace("W") as workflow:
        custom_span("open").start()
    flush_traces()
    assert exporter.batches == [[workflow]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_child_exports_its_own_spans_and_not_the_parent_s(collector):
    exporter = BackendSpanExporter("sk-test", endpoint=collector.url)
    set_trace_processors([BatchTraceProcessor(exporter, schedule_delay=600)])
    run_trace()
    flush_traces()
    with trace("Of the parent"):
        pass

    def work():
        with trace("Of the child"):
            pass
        flush_traces()

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert [item["workflow_name"] for item in collector.batches[-1]] == ["Of the child"]
    flush_traces()
    names = [item["workflow_name"] for item in collector.items if item["object"] == "trace"]
    assert sorted(names) == ["Of the child", "Of the parent", "W"]


def run_script(script, *arguments, **environment):
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    return ran, time.monotonic() - began


EXPORTING_SCRIPT = """
    import sys, time
    from agents_lite.tracing import *
    exporter = BackendSpanExporter("sk-test", endpoint=sys.argv[1])
    timeout = float(sys.argv[2])
    set_trace_processors([BatchTraceProcessor(exporter, exit_timeout=timeout)])
    with trace("At exit"), custom_span("s"):
        pass
"""


def test_pending_spans_are_sent_at_exit(collector):
    ran, _ = run_script(EXPORTING_SCRIPT, collector.url, "60")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert [item["object"] for item in collector.items] == ["trace", "trace.span"]


def test_endpoint_that_refuses_connections_does_not_hold_up_the_exit(free_port):
    ran, seconds = run_script(EXPORTING_SCRIPT, f"http://127.0.0.1:{free_port}", "60")
    assert ran.returncode == 0
    assert seconds < 30


def test_endpoint_that_never_answers_holds_up_the_exit_for_the_timeout_only(silent_port):
    ran, seconds = run_script(EXPORTING_SCRIPT, f"http://127.0.0.1:{silent_port}", "0.2")
    assert ran.returncode == 0
    assert seconds < 30


class MeetingProcessor(RaisingProcessor):
    """Its shutdown returns once that of every other one at the barrier has begun."""

    def __init__(self, barrier):
        super().__init__()
        self.barrier = barrier
        self.met = False

    def shutdown(self):
        self.barrier.wait(60)
        self.met = True


@pytest.mark.parametrize("wrong", [[RaisingProcessor], ["console"], RaisingProcessor()])
def test_what_is_no_processor_is_refused(provider, wrong):
    with pytest.raises(UserError, match="^(A trace processor is|Trace processors are)"):
        set_trace_processors(wrong)
    with pytest.raises(UserError, match="A trace processor is a TracingProcessor"):
        add_trace_processor("console")


@pytest.mark.parametrize("method", ["on_trace_start", "on_span_end", "shutdown", "force_flush"])
def test_processor_whose_methods_would_have_to_be_awaited_is_refused(provider, method):
    async def awaited(self, *subject): ...

    wrong = type("Slow", (RaisingProcessor,), {method: awaited})()
    for register in (add_trace_processor, lambda one: set_trace_processors([one])):
        with pytest.raises(UserError, match=rf"^Slow\.{method} is an `async def`.*make it a `def`"):
            register(wrong)
    exporter = type("Sender", (KeepingExporter,), {"export": awaited})()
    with pytest.raises(UserError, match=r"^Sender\.export is an `async def`.*make it a `def`"):
        BatchTraceProcessor(exporter)


def test_processors_shut_down_side_by_side(provider):
    barrier = threading.Barrier(3)
    processors = [MeetingProcessor(barrier) for _ in range(3)]
    provider.set_processors([RaisingProcessor(), *processors])
    provider.shutdown()
    assert all(processor.met for processor in processors)
