"""A conversation of 500 turns with a model that has a window, a cache and a bill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    Compaction,
    CompactionSession,
    RunConfig,
    Runner,
    SQLiteSession,
    function_tool,
)
from tests.support.strict_model import StrictModel

TURNS = 500
WINDOW = 12_000


@function_tool
def look_up(number: int) -> str:
    """Look something up."""
    return f"Entry {number}. " + "Many words of little weight. " * 60


def say(number: int) -> str:
    if number == 3:
        return "Remember this: code-3-is-K7731."
    if number % 10 == 0:
        return f"Look up {number}, please."
    return f"This is message {number}. " + "It says a few things that do not matter. " * 6


def agent_on(model: StrictModel) -> Agent[Any]:
    return Agent(name="A", instructions="You are patient.", model=model, tools=[look_up])


def talk(agent: Agent[Any], session: Any, config: RunConfig | None = None) -> None:
    for number in range(1, TURNS + 1):
        Runner.run_sync(agent, say(number), session=session, run_config=config)


def test_it_goes_on_stays_valid_costs_a_third_and_remembers_turn_3() -> None:
    whole = StrictModel(10**9)
    kept = SQLiteSession("all")
    talk(agent_on(whole), kept)

    model = StrictModel(WINDOW)
    agent = agent_on(model)
    store = SQLiteSession("chat")
    session = CompactionSession(store, Compaction(window=WINDOW))
    talk(agent, session)
    assert Runner.run_sync(agent, "What is code 3?", session=session).final_output == "K7731"

    assert sum(model.bill) < sum(whole.bill) / 3
    assert model.summaries < TURNS / 10
    assert {body["instructions"] for body in model.bodies[:3]} == {"You are patient."}
    said = [item for item in store.get_items() if item.get("role") == "user"]
    assert [item["content"] for item in said[:TURNS]] == [say(n + 1) for n in range(TURNS)]
    assert len(store.get_items()) == len(kept.get_items()) + 2
    cheap = [b for b, c in zip(model.bodies, model.bill, strict=True) if c < 0.01]
    assert len(cheap) > 0.9 * len(model.bodies)


def test_it_goes_on_in_another_process_from_what_was_noted(tmp_path: Path) -> None:
    model = StrictModel(WINDOW)
    agent = agent_on(model)
    for number in range(1, 201):
        session = CompactionSession(
            SQLiteSession("chat", tmp_path / "chat.db"), Compaction(window=WINDOW)
        )
        Runner.run_sync(agent, say(number), session=session)
    assert model.summaries < 15
    assert Runner.run_sync(agent, "What is code 3?", session=session).final_output == "K7731"


@pytest.mark.parametrize("keeps", [True, False], ids=["summary", "no summary"])
def test_without_a_summary_old_turns_are_left_out(
    keeps: bool, caplog: pytest.LogCaptureFixture
) -> None:
    model = StrictModel(WINDOW, can_summarise=keeps)
    agent = agent_on(model)
    session = CompactionSession(SQLiteSession("chat"), Compaction(window=WINDOW))
    for number in range(1, 201):
        Runner.run_sync(agent, say(number), session=session)
    answer = Runner.run_sync(agent, "What is code 3?", session=session).final_output
    assert answer == ("K7731" if keeps else "I do not know.")
    assert ("no summary was written" in caplog.text) is not keeps
