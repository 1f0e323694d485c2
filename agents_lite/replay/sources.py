"""Where recorded runs are found: states, traces, journals, and files of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from ..journal import Journal
from ..response_types import read_json
from ..running.run_state import RunState
from ..shown import in_few_words
from ..tracing.find_trace import find_trace
from ..tracing.sqlite_store import StoredTrace, TraceStore
from .recorded import RecordedRun, run_of_record
from .traces import runs_of_trace, trace_of_json

if TYPE_CHECKING:
    from ..agent import Agent
    from ..running.start import RunOptions

_SQLITE = b"SQLite format 3\0"
_IN_PAGE = re.compile(r'<script type="application/json" id="source">(.*?)</script>', re.DOTALL)
"""The trace in a page that `agents-lite traces export` wrote."""


@contextmanager
def opened(source: Any, run_id: str | None) -> Iterator[Any]:
    """For a `with` block, have what holds the run open.

    Yields:
        A `RunState`, a `StoredTrace`, a `Journal` or the JSON of a state.

    Raises:
        UserError: It is nothing of these, or there is no such run.
    """
    found = _found(source, run_id)
    with closing(found) if isinstance(found, Journal) and found is not source else nullcontext():
        yield found


def _found(source: Any, run_id: str | None) -> Any:
    if isinstance(source, os.PathLike) or (isinstance(source, str) and _is_path(source)):
        source = _open_file(Path(source), run_id)
    if isinstance(source, TraceStore):
        return find_trace(source, (run_id or "").partition("#")[0])
    if isinstance(source, str):
        source = _parsed(source)
    if isinstance(source, dict | list) and not (isinstance(source, dict) and "format" in source):
        return trace_of_json(source)
    if isinstance(source, RunState | StoredTrace | Journal | dict):
        return source
    raise UserError(
        "A recorded run is a RunState, its text, a trace, a journal or a file, not "
        f"{in_few_words(source)}"
    )


def recorded_run(
    agent: Agent[Any], source: Any, run_id: str | None
) -> tuple[RecordedRun, RunOptions[Any]]:
    """The run that an open source holds, and the options that it had in this process.

    Raises:
        UserError: There is no such run, or it was begun by an agent of another name.
    """
    options: RunOptions[Any] = {}
    if isinstance(source, StoredTrace):
        found = chosen_run(source, run_id)
        if found.agent != agent.name:
            raise UserError(f"This is a run of agent {found.agent!r}, not of {agent.name!r}")
        return found, options
    if isinstance(source, Journal):
        from ..journal.entries import read_record

        if run_id is None:
            raise UserError("Which run of the journal? run_id=...")
        record = read_record(agent, source.facts(run_id))
        if record.starting_agent.name != agent.name:
            raise UserError(f"Run {run_id!r} was not begun by agent {agent.name!r}")
    else:
        if isinstance(source, dict):
            source = RunState.from_json(agent, source, context=None)
        options = source.options
        record = source.record_for(agent)
    if not record.is_started:
        raise UserError("Nothing of this run is recorded yet")
    return run_of_record(record), options


def chosen_run(trace: StoredTrace, run_id: str | None) -> RecordedRun:
    """The run of a trace that is meant.

    Raises:
        UserError: It is not said which of several, or there is no such run.
    """
    runs = runs_of_trace(trace)
    _, _, number = (run_id or "").partition("#")
    if not number and len(runs) == 1:
        return runs[0]
    if number.isdecimal() and 1 <= int(number) <= len(runs):
        return runs[int(number) - 1]
    names = ", ".join(f"#{at} ({run.agent})" for at, run in enumerate(runs, start=1))
    raise UserError(f"Trace {trace.trace_id} holds several runs, name one in run_id: {names}")


def _is_path(text: str) -> bool:
    return len(text) < 1000 and "\n" not in text and not text.lstrip().startswith(("{", "[", "<"))


def _open_file(path: Path, run_id: str | None) -> Any:
    import sqlite3

    try:
        with path.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
        if not is_database:
            return path.read_text("utf-8-sig")
        return _open_database(path)
    except (OSError, ValueError, sqlite3.Error) as error:  # ValueError: a path or text that is none
        raise UserError(f"There is no recorded run in {path}: {error}") from error


def _open_database(path: Path) -> Any:
    import sqlite3

    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as store:
        names = {row[0] for row in store.execute("SELECT name FROM sqlite_master")}
    if {"traces", "spans"} <= names:
        return TraceStore(path)
    from ..journal import SQLiteJournal

    return SQLiteJournal(path)


def _parsed(text: str) -> Any:
    page = _IN_PAGE.search(text) if text.lstrip().startswith("<") else None
    try:
        return read_json(text if page is None else page[1])
    except ValueError as error:
        raise UserError(f"This text is neither a state nor a trace: {error}") from error
