from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from contextlib import closing

import pytest

from agents_lite import Agent, Runner, SQLiteSession
from agents_lite.exceptions import UserError
from agents_lite.testing import ScriptedModel
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceStore,
    agent_span,
    custom_span,
    flush_traces,
    function_span,
    generation_span,
    set_trace_processors,
    trace,
)
from agents_lite.tracing.default import environment_processors
from agents_lite.tracing.trace_filter import TraceFilter
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


@pytest.mark.parametrize(
    "limit", [{"keep_traces": 10**30}, {"keep_days": 10**9}, {"keep_days": float("inf")}], ids=str
)
def test_a_limit_beyond_all_numbers_keeps_all(path, store, limit):
    set_trace_processors([SQLiteTraceProcessor(path, **limit)])
    with trace("New"):
        pass
    flush_traces()
    assert len(_names(path)) == 2


@pytest.mark.parametrize("name", ["keep_traces", "keep_days"])
@pytest.mark.parametrize("limit", [-1, "30", float("nan")])
def test_a_limit_that_is_none_is_refused(path, name, limit):
    with pytest.raises(UserError, match=f"SQLiteTraceProcessor: {name} must be"):
        SQLiteTraceProcessor(path, **{name: limit})


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


@pytest.mark.parametrize(
    ("column", "damage"),
    [
        *(("spans.span_data", damage) for damage in ["{oops", "[1]", b"\xff"]),
        *(("spans.error", damage) for damage in ["{oops", b"\xff"]),
        ("spans.started_ns", "soon"),
        ("spans.ended_ns", b"\xff"),
        ("spans.name", b"\xff"),
        ("spans.usage", "{oops"),
        ("spans.answer", b"\xff"),
        ("traces.started_ns", "soon"),
        ("traces.workflow_name", b"\xff"),
        ("traces.group_id", b"\xff"),
        ("traces.metadata", "{oops"),
    ],
)
def test_damaged_row_is_a_user_error_that_names_the_store(path, store, column, damage):
    with trace("W") as workflow, agent_span("s"), generation_span(model="m"):
        pass
    flush_traces()
    table, name = column.split(".")
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE {table} SET {name} = ?", (damage,))
    connection.close()
    with pytest.raises(UserError, match="traces.db is no readable trace store") as kept:
        store.load_trace(workflow.trace_id)
        store.list_conversations()
        store.list_names()
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        only_one_has_it_open = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    assert only_one_has_it_open == ("delete",), kept


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


def test_any_limit_is_taken_but_what_is_no_count(store):
    for read in (store.list_traces, store.list_conversations):
        assert len(read(limit=10**30)) == 1
        assert read(limit=0) == read(limit=1, offset=10**30) == []
        for wrong in (-1, "5", True, 1.5):
            with pytest.raises(UserError, match="limit must be a whole number"):
                read(limit=wrong)
            with pytest.raises(UserError, match="offset must be a whole number"):
                read(offset=wrong)


# ---- conversations ----


def asked(question, answer, **options):
    """A trace of one call of a model."""
    said = [{"role": "assistant", "content": [{"type": "output_text", "text": answer}]}]
    with trace(options.pop("name", "W"), **options) as whole, agent_span("Desk"):
        usage = {"input_tokens": 3, "output_tokens": 2}
        with generation_span([{"role": "user", "content": question}], said, usage=usage):
            pass
    return whole


def conversations(store, **wanted):
    flush_traces()
    return {
        found.name: [preview.question for preview in found.previews]
        for found in store.list_conversations(TraceFilter(**wanted))
    }


def test_traces_are_grouped_by_group_or_session_the_latest_first(store):
    asked("one", "1", group_id="g")
    session = asked("two", "2")
    session.session_id = "s"
    session.add_event("later")
    asked("three", "3", group_id="g")
    alone = asked("four", "4")
    found = conversations(store)
    assert list(found)[:2] == [alone.trace_id, "g"]
    assert found["g"] == ["three", "one"]


def test_runs_with_a_session_are_grouped_by_it(store):
    for text in ("Hi", "Bye"):
        agent = Agent("A", model=ScriptedModel(["Hello."]))
        Runner.run_sync(agent, text, session=SQLiteSession("ada"))
    assert conversations(store)["ada"] == ["Bye", "Hi"]


def test_previews_tell_first_question_last_answer_and_usage(store):
    asked("word " * 200, "the answer", group_id="g")
    flush_traces()
    [found, _] = store.list_conversations()
    [preview] = found.previews
    assert preview.question == ("word " * 200)[:300]
    assert preview.answer == "the answer"
    [called] = preview.calls
    assert called.span_data["usage"] == {"input_tokens": 3, "output_tokens": 2}


@pytest.mark.parametrize("has_index", [True, False], ids=["fts5", "like"])
def test_words_are_found_wherever_in_a_trace(store, path, has_index):
    asked("Where is the bicycle", "On the shelf", group_id="a")
    with trace("W", group_id="b"), function_span("find_order", '{"id": "A-1001"}', "50%_off"):
        pass
    flush_traces()
    if not has_index:
        with sqlite3.connect(path) as file:
            for name in ("come", "go", "change"):
                file.execute(f"DROP TRIGGER spans_{name}")
            file.execute("DROP TABLE search")
    for words, found in {
        "BICYCLE shelf": ["a"],
        "bicy": ["a"],
        "bicycle order": [],
        "find_order": ["b"],
        "a-1001": ["b"],
        "50%_off": ["b"],
        "%_%": [],
        "W": ["b", "a"],
    }.items():
        assert list(conversations(store, words=words)) == found, words


@pytest.mark.parametrize(
    "words", ['"', "'", "a OR b", "NEAR(", "*", "^", "\0", "\ud83d", "a:b", "-"]
)
def test_no_search_is_misread(store, words):
    asked(words, words, group_id="g")
    assert "g" in conversations(store, words=words)


def test_searches_use_the_index_and_lists_read_no_spans_whole(store, path):
    where, values = TraceFilter(words="bicycle", status="failed", agent="Desk").where(True)
    with sqlite3.connect(path) as file:
        query = f"SELECT conversation, trace_id FROM traces {where} ORDER BY started_ns DESC"
        plan = [row[-1] for row in file.execute(f"EXPLAIN QUERY PLAN {query}", values)]
        listing = "SELECT span_id FROM spans WHERE trace_id = ? AND kind = 'generation'"
        calls = [
            row[-1]
            for row in file.execute(f"EXPLAIN QUERY PLAN {listing} ORDER BY started_ns", ["x"])
        ]
    assert not [line for line in plan if line.startswith("SCAN spans") and "INDEX" not in line]
    assert any("SCAN search VIRTUAL TABLE" in line for line in plan)
    assert any("agents_by_name" in line for line in plan)
    assert any("spans_by_failure" in line for line in plan)
    assert all("USING INDEX calls_by_trace" in line for line in calls)


def test_what_is_deleted_is_found_no_more(path):
    set_trace_processors([SQLiteTraceProcessor(path, keep_traces=1)])
    asked("bicycle", "shelf", group_id="a")
    flush_traces()
    asked("chain", "drawer", group_id="b")
    flush_traces()
    store = TraceStore(path)
    assert conversations(store, words="bicycle") == {}
    assert list(conversations(store, words="chain")) == ["b"]


def test_a_store_that_keeps_little_stays_small(path):
    set_trace_processors([SQLiteTraceProcessor(path, keep_traces=5)])
    sizes = []
    for number in range(300):
        asked(f"question {number} " * 40, f"answer {number} " * 40)
        if number % 5 == 4:
            flush_traces()
            sizes.append(path.stat().st_size)
    assert sizes[-1] <= 2 * sizes[9]


def test_the_environment_says_how_much_is_kept(path, monkeypatch, caplog):
    monkeypatch.setenv("AGENTS_LITE_TRACE_DB", str(path))
    for text, kept in {"2": 2, "30d": 4, "": 4, "all": 4}.items():
        path.unlink(missing_ok=True)
        monkeypatch.setenv("AGENTS_LITE_TRACE_KEEP", text)
        set_trace_processors(environment_processors())
        for number in range(4):
            asked(str(number), "")
            flush_traces()
        assert len(TraceStore(path).list_traces()) == kept, text
    assert "AGENTS_LITE_TRACE_KEEP=all is neither" in caplog.text


def test_a_store_is_made_where_it_is_asked_for(path):
    assert TraceStore(path, make=True).list_conversations() == []
