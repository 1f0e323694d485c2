"""What a run leaves behind when nobody has its result any more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Agent, RunConfig, RunHooks, Runner, SQLiteJournal, function_tool
from agents_lite.models.interface import ModelRequest
from agents_lite.response_types import ResponseStreamEvent
from agents_lite.testing import ScriptedModel, call, text
from tests.support.drivers import for_loop, run_sync, stream
from tests.support.waiting import LIMIT


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Only what nothing refers to is freed."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("drive", [run_sync, stream, for_loop])
def test_a_run_is_freed_with_its_result_by_counting_references(drive: Any) -> None:
    class Place:
        """Something that a run refers to."""

    tool = function_tool(lambda: "seen", name_override="look")
    agent = Agent("A", tools=[tool], model=ScriptedModel([call("look"), "done"]))
    place = Place()
    freed = weakref.ref(place)
    drive(agent, "hi", context=place, hooks=RunHooks())
    del place
    assert freed() is None


@pytest.mark.usefixtures("no_collector")
def test_a_stream_that_is_left_is_closed_at_once_and_its_journal_holds_it_no_longer(
    tmp_path: Path,
) -> None:
    closed: list[str] = []

    class Noting(ScriptedModel):
        def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
            try:
                yield from super().stream(request)
            finally:
                closed.append("model")

    agent = Agent("A", model=Noting([text("some words"), text("some words"), text("some words")]))
    for event in Runner.stream(agent, "hi"):
        if event.type == "raw_response_event":
            break
    assert closed == ["model"]
    journal = SQLiteJournal(tmp_path / "runs.db")
    for event in Runner.stream(agent, "hi", run_config=RunConfig(journal=journal, run_id="r")):
        if event.type == "raw_response_event":
            break
    assert closed == ["model"] * 2
    config = RunConfig(journal=journal, run_id="s")
    run = Runner.run_streamed(agent, "hi", run_config=config, timeout=LIMIT, on_timeout="pause")
    events = run.stream_events()
    assert next(events) and next(events)
    del run, events, event
    gc.collect()
    assert closed == ["model"] * 3
    assert [stored.status for stored in journal.runs()] == ["stopped"] * 2


def test_a_run_and_its_record_hold_no_dict_of_their_names() -> None:
    result = run_sync(Agent("A", model=ScriptedModel(["done"])), "hi")
    run = result._run
    assert not hasattr(run, "__dict__") and not hasattr(run.record, "__dict__")
