from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading

import pytest

from agents_lite.exceptions import UserError
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceStore,
    agent_span,
    custom_span,
    flush_traces,
    function_span,
    set_trace_processors,
    trace,
)
from tests.support.waiting import wait_until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.db"


@pytest.fixture
def store(path):
    """Reads what the test's only processor writes."""
    set_trace_processors([SQLiteTraceProcessor(path)])
    with trace("First"):
        pass
    flush_traces()
    return TraceStore(path)


def test_trace_comes_back_as_it_was(store):
    with trace("W", group_id="g", metadata={"k": [1]}) as workflow, agent_span("A") as agent:
        with function_span("f", "{}", "out") as function:
            function.set_error({"message": "bad", "data": None})
    flush_traces()
    found = store.load_trace(workflow.trace_id)
    assert (found.workflow_name, found.group_id, found.metadata) == ("W", "g", {"k": [1]})
    assert (found.started_ns, found.ended_ns) == (workflow.started_ns, workflow.ended_ns)
    assert (found.span_count, found.error_count) == (2, 1)
    assert [span.span_id for span in found.spans] == [agent.span_id, function.span_id]
    second = found.spans[1]
    assert second.parent_id == agent.span_id
    assert (second.started_ns, second.ended_ns) == (function.started_ns, function.ended_ns)
    assert second.span_data == {"type": "function", "name": "f", "input": "{}", "output": "out"}
    assert second.error == {"message": "bad", "data": None}


def test_traces_are_listed_from_the_newest(store):
    for number in range(5):
        with trace(f"W{number}"), custom_span("s"):
            pass
    flush_traces()
    listed = store.list_traces(limit=3, offset=1)
    assert [found.workflow_name for found in listed] == ["W3", "W2", "W1"]
    assert [(found.span_count, found.spans) for found in listed] == [(1, [])] * 3


def test_running_spans_are_seen_and_completed_later(store):
    with trace("Live") as workflow, custom_span("s") as span:
        flush_traces()
        live = store.load_trace(workflow.trace_id)
        assert live.ended_ns is None
        assert [(seen.span_id, seen.ended_ns) for seen in live.spans] == [(span.span_id, None)]
        span.span_data.data = {"later": True}
    flush_traces()
    done = store.load_trace(workflow.trace_id)
    assert done.ended_ns == workflow.ended_ns
    assert done.spans[0].ended_ns == span.ended_ns
    assert done.spans[0].span_data["data"] == {"later": True}


def test_span_that_never_finishes_stays_open(store):
    with trace("W") as workflow:
        custom_span("open").start()
    flush_traces()
    found = store.load_trace(workflow.trace_id)
    assert found.ended_ns is not None
    assert found.spans[0].ended_ns is None


def test_trace_is_written_soon_without_a_flush(path):
    set_trace_processors([SQLiteTraceProcessor(path)])
    with trace("W"):
        pass
    wait_until(lambda: path.exists() and _names(path))


def _names(path):
    try:
        return [found.workflow_name for found in TraceStore(path).list_traces()]
    except UserError:  # the file is there before its tables
        return []


def test_malformed_trace_id_is_the_one_to_look_up(store):
    with trace("W", trace_id="pipeline_run_456"):
        pass
    flush_traces()
    assert store.load_trace("pipeline_run_456").workflow_name == "W"


def test_reused_trace_id_adds_to_the_trace(store):
    for number in range(2):
        with trace("W", trace_id="mine"), custom_span(f"s{number}"):
            pass
        flush_traces()
    assert [span.span_data["name"] for span in store.load_trace("mine").spans] == ["s0", "s1"]


def test_large_output_is_cut_with_a_mark(store):
    with trace("W") as workflow, function_span("f", "{}", "x" * 50_000_000):
        pass
    flush_traces()
    output = store.load_trace(workflow.trace_id).spans[0].span_data["output"]
    assert len(output) <= 100_000
    assert output.endswith("... [cut: 50000000 characters in all]")


def test_unserialisable_data_is_kept_as_text(store):
    with trace("W") as workflow, custom_span("s", {"thing": object(), "half": "\ud83d"}):
        pass
    flush_traces()
    data = store.load_trace(workflow.trace_id).spans[0].span_data["data"]
    assert data["thing"].startswith("<object object")
    assert data["half"] == "\ud83d"


def test_count_of_traces_kept_is_limited(path):
    set_trace_processors([SQLiteTraceProcessor(path, keep_traces=3)])
    for number in range(6):
        with trace(f"W{number}"), custom_span("s"):
            pass
        flush_traces()
    assert _names(path) == ["W5", "W4", "W3"]
    assert _count(path, "spans") == 3


def test_old_traces_are_deleted(path, store):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE traces SET started_ns = started_ns - 2 * 86400 * 1000000000")
    connection.close()
    set_trace_processors([SQLiteTraceProcessor(path, keep_days=1)])
    with trace("New"):
        pass
    flush_traces()
    assert _names(path) == ["New"]


def _count(path, table):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        connection.close()


def test_unknown_trace_is_none(store):
    assert store.load_trace("trace_unknown") is None


def test_missing_store_is_a_user_error_that_says_how_to_make_one(path):
    with pytest.raises(UserError, match="AGENTS_LITE_TRACE_DB"):
        TraceStore(path)


def test_file_that_is_no_store_is_a_user_error(path):
    path.write_bytes(b"this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(UserError, match="no readable trace store"):
        TraceStore(path).list_traces()


@pytest.mark.parametrize("damage", ["corrupt", "directory", "no such directory"])
def test_unusable_store_is_logged_once_and_harms_no_run(tmp_path, caplog, damage):
    caplog.set_level(logging.WARNING)
    path = tmp_path / "store"
    if damage == "corrupt":
        path.write_bytes(b"garbage that is no database" * 100)
    elif damage == "directory":
        path.mkdir()
    else:
        path = tmp_path / "missing" / "store"
    set_trace_processors([SQLiteTraceProcessor(path)])
    for _ in range(2):
        with trace("W"), custom_span("s"):
            pass
        flush_traces()
    assert len(caplog.records) == 1
    assert f"Traces cannot be kept in {path}" in caplog.text


def test_relative_path_is_kept_when_the_program_changes_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    set_trace_processors([SQLiteTraceProcessor("traces.db")])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with trace("W"):
        pass
    flush_traces()
    assert _names(tmp_path / "traces.db") == ["W"]


def test_threads_share_a_store(store):
    def work(name):
        for _ in range(20):
            with trace(name), custom_span("s"):
                pass

    threads = [threading.Thread(target=work, args=(f"T{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flush_traces()
    listed = store.list_traces(limit=1000)
    assert len(listed) == 161
    assert sum(found.span_count for found in listed) == 160


WRITING_SCRIPT = textwrap.dedent("""
    import os, sys
    from agents_lite.tracing import *
    for _ in range(10):
        with trace(sys.argv[1]), custom_span("s"):
            pass
        flush_traces()
    if hasattr(os, "fork"):
        child = os.fork()
        with trace(sys.argv[1] + (" parent" if child else " child")), custom_span("s"):
            pass
        flush_traces()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
""")


def test_processes_share_a_store_that_the_environment_names(path):
    environment = {**os.environ, "AGENTS_LITE_TRACE_DB": str(path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore:This process", "-c", WRITING_SCRIPT, f"P{n}"],
            env=environment,
            stderr=subprocess.PIPE,
        )
        for n in range(6)
    ]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert errors == [b""] * 6
    listed = TraceStore(path).list_traces(limit=1000)
    per_process = 12 if hasattr(os, "fork") else 10
    assert len(listed) == 6 * per_process
    assert sum(found.span_count for found in listed) == 6 * per_process


EXIT_SCRIPT = textwrap.dedent("""
    import atexit
    from agents_lite import Agent, Runner
    from agents_lite.testing import ScriptedModel

    @atexit.register
    def say_goodbye():
        Runner.run_sync(Agent("A", model=ScriptedModel(["Goodbye"])), "x")
""")


def test_a_run_at_the_interpreters_exit_is_traced_though_it_is_the_first(path):
    environment = {**os.environ, "AGENTS_LITE_TRACE_DB": str(path)}
    ended = subprocess.run([sys.executable, "-c", EXIT_SCRIPT], env=environment, timeout=300)
    assert ended.returncode == 0
    assert _names(path) == ["Agent workflow"]


def test_half_a_surrogate_pair_in_a_name_is_replaced(store):
    with trace("Half \ud83d", trace_id="id \ud83d", group_id="g \ud83d"), custom_span("s"):
        pass
    flush_traces()
    found = store.load_trace("id \ud83d")
    assert (found.workflow_name, found.trace_id, found.group_id) == ("Half ?", "id ?", "g ?")
    assert found.span_count == 1


@pytest.mark.parametrize("damage", ["{oops", "[1]"])
def test_damaged_span_is_a_user_error_that_names_the_store(path, store, damage):
    with trace("W") as workflow, custom_span("s"):
        pass
    flush_traces()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE spans SET span_data = ?", (damage,))
    connection.close()
    with pytest.raises(UserError, match="traces.db is no readable trace store"):
        store.load_trace(workflow.trace_id)


def test_error_that_is_no_object_is_read_as_a_message(store):
    with trace("W") as workflow, custom_span("s") as span:
        span.set_error("bad")
    flush_traces()
    assert store.load_trace(workflow.trace_id).spans[0].error == {"message": "bad", "data": None}


def test_span_that_ends_after_its_trace_was_deleted_is_not_kept(path):
    set_trace_processors([SQLiteTraceProcessor(path, keep_traces=1)])
    with trace("Old"):
        late = custom_span("late")
        late.start()
    flush_traces()
    with trace("New"), custom_span("s"):
        pass
    flush_traces()
    late.finish()
    flush_traces()
    assert _names(path) == ["New"]
    assert _count(path, "spans") == 1


def test_any_limit_is_taken(store):
    assert len(store.list_traces(10**30)) == 1
    assert store.list_traces(-(10**30)) == store.list_traces(1, offset=10**30) == []
