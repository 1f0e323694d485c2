"""Runs made up by chance, recorded and played again on all four squares: the same, to the byte."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Runner, SQLiteJournal
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceProvider,
    get_trace_provider,
    set_trace_provider,
)
from tests.support.drivers import run_sync, stream
from tests.support.generated_runs import GeneratedRun, Notes

SIDES = ("recorded", "live")


def recorded(number: int, folder: Path, **config: Any) -> Any:
    """A generated run, its calls approved, and its result."""
    generated = GeneratedRun(number, Notes(folder / "notes"))
    generated.has_session = False
    run = (lambda *args, **options: stream(*args, **options)[1]) if generated.streamed else run_sync
    options = generated.options()
    options["run_config"] = replace(options["run_config"], **config)
    result: Any = run(generated.agent, generated.input, **options)
    while result.is_paused:
        state = result.to_state()
        for item in state.get_interruptions():
            state.approve(item)
        result = run(generated.agent, state, **options)
    return result


def silent(agent: Any) -> Any:
    """The agent, with models that answer no more, and so all that it leads to."""
    agent.model.turns = []
    for tool in agent.tools:
        if tool.agent is not None:
            silent(tool.agent)
    for offer in agent.handoffs:
        target = getattr(offer, "agent", offer)
        if getattr(target.model, "turns", None):
            silent(target)
    return agent


def check(number: int, folder: Path, was: Any, source: Any, **options: Any) -> None:
    """See that the run is the same on each square, and that what is recorded is not done again."""
    for model in SIDES:
        for tools in SIDES:
            notes = Notes(folder / f"{model}-{tools}")
            generated = GeneratedRun(number, notes)
            agent = generated.agent if model == "live" else silent(generated.agent)
            played = Runner.replay(
                agent, source, model=model, tools=tools, context={"name": "Ada"}, **options
            )
            assert played.error is None
            assert played.comparison.is_same, str(played.comparison)
            assert json.dumps(played.result.to_input_list()) == json.dumps(was.to_input_list())
            assert played.result.usage == was.usage
            calls = [line for line in notes.lines() if line.startswith("call ")]
            told = [line for line in Notes(folder / "notes").lines() if line.startswith("call ")]
            assert sorted(calls) == (sorted(told) if tools == "live" else [])


@pytest.mark.parametrize("number", range(40))
def test_a_generated_run_is_played_from_its_state(number: int, tmp_path: Path) -> None:
    was = recorded(number, tmp_path)
    check(number, tmp_path, was, was.to_state().to_string())


@pytest.mark.parametrize("number", range(0, 40, 4))
def test_a_generated_run_is_played_from_its_journal(number: int, tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "runs.db")
    was = recorded(number, tmp_path, journal=journal, run_id="r")
    check(number, tmp_path, was, journal, run_id="r")
    journal.close()


@pytest.mark.parametrize("number", range(0, 40, 4))
def test_a_generated_run_is_played_from_its_trace(number: int, tmp_path: Path) -> None:
    earlier, provider = get_trace_provider(), TraceProvider()
    provider.set_processors([SQLiteTraceProcessor(tmp_path / "traces.db")])
    set_trace_provider(provider)
    try:
        was = recorded(number, tmp_path, tracing_disabled=False)
        provider.shutdown()
    finally:
        set_trace_provider(earlier)
    check(number, tmp_path, was, tmp_path / "traces.db")
