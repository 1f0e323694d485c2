"""Runs in a notebook: what they do as they do it, and their trace below."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import cache
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..result import RunResultStreaming
from ..run import Runner
from ..run_config import as_run_config
from ..tracing import (
    SQLiteTraceProcessor,
    TraceStore,
    add_trace_processor,
    flush_traces,
    gen_trace_id,
)
from .page import trace_page

try:
    from IPython import get_ipython
    from IPython.display import HTML, display
except ImportError as error:
    raise UserError("show_run is for notebooks, and needs IPython: pip install ipython") from error

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..agent import Agent
    from ..run import RunOptions
    from ..tracing.sqlite_store import StoredTrace

__all__ = ["show_run", "show_trace"]


def show_run(
    agent: Agent[Any], input: Any, *, height: int = 420, **options: Unpack[RunOptions[Any]]
) -> RunResultStreaming:
    """Run an agent, and show below the cell what it does, step by step; then its trace.

    Args:
        agent: The agent that begins.
        input: As `Runner.run_streamed` takes it.
        height: Of the trace, in pixels; 0: it is not shown.
        options: Those of the run.

    Returns:
        The run, at its end.

    Raises:
        UserError: This is no notebook.
        Exception: Whatever the run fails with; what it has done stays to be seen.
    """
    if get_ipython() is None:
        raise UserError("show_run is for notebooks; elsewhere use Runner.run_streamed")
    config = as_run_config(options.get("run_config"))
    trace_id = config.trace_id or gen_trace_id()
    options["run_config"] = replace(config, trace_id=trace_id)
    store = _store() if height else None
    run = Runner.run_streamed(agent, input, **options)
    shown: Any = display(run, display_id=True)  # type: ignore[no-untyped-call]
    try:
        with closing(run.stream_events()) as events:
            for event in events:
                if event.type == "run_item_stream_event":
                    shown.update(run)
    finally:
        shown.update(run)
        if store is not None:
            flush_traces()
            found = TraceStore(store, make=True).load_trace(trace_id)
            if found is not None:  # tracing may be off, or the run be part of another trace
                show_trace(found, height)
    return run


def show_trace(trace: StoredTrace, height: int = 420) -> None:
    """Show a trace below the cell, as the viewer does.

    Args:
        trace: With its spans, as `TraceStore.load_trace` gives it.
        height: In pixels.
    """
    page = escape(trace_page(trace))
    style = f"width: 100%; height: {height}px; border: 1px solid #8884"
    frame = f'<iframe sandbox="allow-scripts" srcdoc="{page}" style="{style}"></iframe>'
    display(HTML(frame))  # type: ignore[no-untyped-call]


@cache
def _store() -> Path:
    """The file where, from now on, this process leaves its traces; it is gone with it."""
    path = Path(_folder().name) / "traces.db"
    add_trace_processor(SQLiteTraceProcessor(path))
    return path


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="agents-lite-", ignore_cleanup_errors=True)
