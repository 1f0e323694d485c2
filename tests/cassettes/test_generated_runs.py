"""Runs made up by chance, recorded and played: the same, to the byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents_lite import cassette
from tests.support.drivers import run_sync, stream
from tests.support.generated_runs import GeneratedRun, Notes


def to_the_end(number: int, folder: Path, play: bool) -> Any:
    """The result of a generated run, its calls approved, and what its tools were told."""
    folder.mkdir()
    generated = GeneratedRun(number, Notes(folder / "notes"))
    if play:
        _silence(generated.agent)
    run = (lambda *args, **options: stream(*args, **options)[1]) if generated.streamed else run_sync
    options = generated.options()
    result: Any = run(generated.agent, generated.input, **options)
    while result.is_paused:
        state = result.to_state()
        for item in result.interruptions:
            state.approve(item)
        result = run(generated.agent, state, **options)
    return result, generated.notes.lines()


def _silence(agent: Any) -> None:
    """Have the models of an agent, and of those that it leads to, answer no more."""
    agent.model.turns = []
    for tool in agent.tools:
        if tool.agent is not None:
            _silence(tool.agent)
    for offer in agent.handoffs:
        target = getattr(offer, "agent", offer)
        if getattr(target.model, "turns", None):
            _silence(target)


@pytest.mark.parametrize("tools", ["live", "recorded"])
@pytest.mark.parametrize("number", range(50))
def test_a_generated_run_is_played_as_it_was(number: int, tmp_path: Path, tools: Any) -> None:
    with cassette(tmp_path / "a.json"):
        recorded, told = to_the_end(number, tmp_path / "recorded", play=False)
    with cassette(tmp_path / "a.json", record="none", tools=tools):
        played, told_again = to_the_end(number, tmp_path / "played", play=True)
    assert json.dumps(played.to_input_list()) == json.dumps(recorded.to_input_list())
    assert played.final_output == recorded.final_output
    assert played.last_agent.name == recorded.last_agent.name
    calls = [line for line in told_again if line.startswith("call ")]
    expected = [line for line in told if line.startswith("call ")]
    assert sorted(calls) == (sorted(expected) if tools == "live" else [])
