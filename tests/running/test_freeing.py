"""What a run leaves behind when nobody has its result any more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from agents_lite import Agent, RunHooks, function_tool
from agents_lite.testing import ScriptedModel, call
from tests.support.drivers import for_loop, run_sync, stream


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


def test_a_run_and_its_record_hold_no_dict_of_their_names() -> None:
    result = run_sync(Agent("A", model=ScriptedModel(["done"])), "hi")
    run = result._run
    assert not hasattr(run, "__dict__") and not hasattr(run.record, "__dict__")
