"""A run that was cut, anywhere, and taken up in another process is the same run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.generated_runs import Notes, in_a_new_process

NUMBERS = range(8)
MOST_STARTS = 300
SIDE_BY_SIDE = {"beside", "coroutine"}
"""Tools of which several may be at work when a run is cut."""


def to_the_end(number: int, folder: Path, *parts: int | None) -> dict[str, Any]:
    """Run a generated run, each process taking so many facts further, the last ones as the last.

    None: until it is over or pauses.
    """
    state = None
    for start in range(MOST_STARTS):
        told = in_a_new_process(number, folder, state, parts[min(start, len(parts) - 1)])
        if told["is_over"]:
            return told
        state = told["state"]
    raise AssertionError(f"run {number} does not come to an end")


def calls(folder: Path) -> Counter[str]:
    return Counter(line for line in Notes(folder / "notes").lines() if line.startswith("call"))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_run_cut_again_and_again_ends_as_one_that_was_not_cut(
    tmp_path: Path, number: int
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    undisturbed = to_the_end(number, whole, None)
    disturbed = to_the_end(number, cut, 1 + number % 2, 2)  # a call takes two facts
    assert disturbed["outcome"] == undisturbed["outcome"]
    assert set(calls(cut)) == set(calls(whole))


@pytest.mark.parametrize("number", NUMBERS[:2])
def test_a_run_cut_once_after_any_fact_ends_as_one_that_was_not_cut(
    tmp_path: Path, number: int
) -> None:
    undisturbed = to_the_end(number, tmp_path / "whole", None)
    for facts in range(undisturbed["facts"]):
        cut = tmp_path / str(facts)
        assert to_the_end(number, cut, facts, None)["outcome"] == undisturbed["outcome"]
        again = calls(cut) - calls(tmp_path / "whole")
        assert set(calls(cut)) == set(calls(tmp_path / "whole"))
        made = [n for line, n in again.items() if line.split()[1] not in SIDE_BY_SIDE]
        assert sum(made) <= 1  # the one that was cut before its output was a fact


@pytest.mark.parametrize("number", NUMBERS)
def test_hooks_are_told_once_over_all_parts_of_a_run_that_waits_for_approvals(
    tmp_path: Path, number: int
) -> None:
    whole = to_the_end(number, tmp_path / "whole", None)
    hooks = Counter(n for n in Notes(tmp_path / "whole" / "notes").lines() if n.startswith("hook"))
    assert hooks["hook agent_start Front"] == 1
    assert sum(n for line, n in hooks.items() if line.startswith("hook agent_end")) == 1
    tools = [item for item in whole["outcome"]["items"] if item[0] == "tool_call_output_item"]
    assert sum(n for line, n in hooks.items() if line.startswith("hook tool_end")) == len(
        [item for item in tools if "ignoring" not in str(item[2]["output"])]
    )
