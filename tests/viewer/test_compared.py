"""Two traces beside each other."""

from __future__ import annotations

from pathlib import Path

from agents_lite import Agent
from agents_lite.testing import ScriptedModel
from agents_lite.viewer.compared import compare_traces
from tests.replay.test_as_test import traced


def test_a_run_that_only_one_of_two_traces_has_differs_in_all_its_turns(tmp_path: Path) -> None:
    one = traced(tmp_path, Agent("A", model=ScriptedModel(["Hi", "Hello"])), "q", "q")
    other = traced(tmp_path, Agent("A", model=ScriptedModel(["Hi"])), "q")
    for pair in ((one, other), (other, one)):
        same, only_one = compare_traces(*pair)
        assert same.is_same
        [turn] = only_one.differences
        assert turn.what == "turn" and "Hello" in turn.recorded + turn.replayed
