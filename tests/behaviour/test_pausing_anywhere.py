"""A run that was cut, anywhere, and taken up in another process is the same run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    GuardrailFunctionOutput,
    ToolGuardrailFunctionOutput,
    function_tool,
    output_guardrail,
    tool_input_guardrail,
    tool_output_guardrail,
)
from agents_lite.testing import call, text
from tests.support.generated_runs import (
    Notes,
    StatelessModel,
    Sum,
    go_on,
    in_a_new_process,
    outcome,
    taken_further,
)

NUMBERS = range(5)
MOST_STARTS = 300
SIDE_BY_SIDE = {"beside", "coroutine"}
"""Tools of which several may be at work when a run is cut."""


def to_the_end(number: int, folder: Path, *parts: int | None) -> dict[str, Any]:
    """Run a generated run, each process taking so many facts further, the last ones as the last.

    None: until it is over or pauses. The first one is this process.
    """
    folder.mkdir()
    state = None
    for start in range(MOST_STARTS):
        take = in_a_new_process if start else go_on
        told = take(number, folder, state, parts[min(start, len(parts) - 1)])
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
    for facts in range(0, undisturbed["facts"], 1 + number):
        cut = tmp_path / str(facts)
        assert to_the_end(number, cut, facts, None)["outcome"] == undisturbed["outcome"]
        again = calls(cut) - calls(tmp_path / "whole")
        assert set(calls(cut)) == set(calls(tmp_path / "whole"))
        made = [n for line, n in again.items() if line.split()[1] not in SIDE_BY_SIDE]
        # The one that was cut before its output was a fact; where all run side by side, several.
        assert sum(made) <= 1 or undisturbed["parallel_tools"]


def retrying() -> Agent[Any]:
    """An agent whose tool is checked before and after, and whose first outputs cannot stand."""

    @tool_input_guardrail
    def before(data: Any) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.allow()

    @tool_output_guardrail
    def after(data: Any) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.allow()

    @function_tool(tool_input_guardrails=[before], tool_output_guardrails=[after])
    def look() -> str:
        """Look."""
        return "seen"

    @output_guardrail(on_trip="retry")
    def even(context: Any, agent: Any, output: Sum) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, output.total % 2 == 1)

    outputs = [[text("three")], [text('{"total": 3}')], [text('{"total": 4}')]]
    return Agent(
        "A",
        model=StatelessModel("A", [[call("look", call_id="A.0.0")], *outputs]),
        tools=[look],
        output_type=Sum,
        output_guardrails=[even],
        output_retries=2,
    )


def test_checks_of_tools_and_second_tries_for_an_output_are_not_doubled_by_a_cut() -> None:
    def all_of(*parts: int | None) -> list[Any]:
        state = None
        for most in parts:
            run, record = taken_further(retrying(), state, [most])
            state = run.to_state().to_string()
        assert record.is_over
        checks = record.tool_input_guardrail_results, record.tool_output_guardrail_results
        counts = [len(record.facts), *map(len, checks), record.output_retries]
        return [counts, outcome(run)]

    (facts, *counts), undisturbed = all_of(None)
    assert counts == [1, 1, 2]
    for most in range(facts):
        (_, *again), disturbed = all_of(most, None)
        assert (again, disturbed) == (counts, undisturbed)


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
