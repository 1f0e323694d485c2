"""Traces to look at: one of a real program, and ones made up on the spot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from agents_lite.tracing.sqlite_store import StoredSpan, StoredTrace, TraceStore
from tests.support.warm import run_warm

SAMPLE = Path(__file__).with_name("traced_program.py")


@pytest.fixture(scope="session")
def sample_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store in which the sample program has left its trace."""
    path = tmp_path_factory.mktemp("sample") / "traces.db"
    environment = {**os.environ, "AGENTS_LITE_TRACE_DB": str(path)}
    run_warm([str(SAMPLE)], env=environment).check_returncode()
    return path


@pytest.fixture
def sample(sample_db: Path) -> StoredTrace:
    """The trace of the sample program."""
    store = TraceStore(sample_db)
    found = store.load_trace(store.list_traces()[0].trace_id)
    assert found is not None
    return found


def span(
    name: str,
    data: dict[str, Any],
    parent: str | None = None,
    start: float = 0,
    end: float | None = 1,
    error: dict[str, Any] | None = None,
) -> StoredSpan:
    """A span; times are seconds after the trace's start."""
    ended_ns = None if end is None else int(end * 1e9)
    return StoredSpan(name, parent, int(start * 1e9), ended_ns, data, error)


def made_up(spans: list[StoredSpan], **fields: Any) -> StoredTrace:
    """A trace of those spans that ended with the last of them."""
    ended_ns = max((each.ended_ns or 0 for each in spans), default=0)
    errors = sum(each.error is not None for each in spans)
    facts: dict[str, Any] = {
        "trace_id": "trace_made_up",
        "workflow_name": "Made up",
        "group_id": None,
        "metadata": None,
        "started_ns": 0,
        "ended_ns": ended_ns,
        **fields,
    }
    return StoredTrace(**facts, span_count=len(spans), error_count=errors, spans=spans)
