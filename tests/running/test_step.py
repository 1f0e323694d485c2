"""Each effect of a run handed to an engine that keeps results itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic_core import from_json, to_json

from agents_lite import (
    Agent,
    Model,
    ModelRequest,
    ResponseFailedError,
    RunConfig,
    Runner,
    function_tool,
)
from agents_lite.testing import ScriptedModel, call
from tests.support.drivers import every_driver


class Engine:
    """Keeps results as JSON, in the order of the steps, and gives them again to who starts anew."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, bytes]] = []
        self.at = 0

    def __call__(self, name: str, make: Callable[[], Any]) -> Any:
        if self.at == len(self.kept):
            self.kept.append((name, to_json(make())))
        known, result = self.kept[self.at]
        assert known == name
        self.at += 1
        return from_json(result)


@every_driver
def test_an_engine_that_has_the_results_is_asked_for_them(run: Any) -> None:
    done: list[int] = []

    @function_tool(parallel=True)
    def work(x: int) -> dict[str, int]:
        """Works."""
        done.append(x)
        if len(done) == 2:
            raise KeyboardInterrupt
        return {"x": x}

    inner = Agent("Inner", model=ScriptedModel([call("work", x=5), "helped"]), tools=[work])
    model = ScriptedModel([[call("work", x=1), call("work", x=2), call("inner", input="?")], "ok"])
    agent = Agent("Outer", model=model, tools=[work, inner.as_tool("inner")])
    engine = Engine()
    config = RunConfig(step=engine, tracing_disabled=True)
    with pytest.raises(KeyboardInterrupt):
        Runner.run_sync(agent, "Go", run_config=config)
    engine.at = 0
    result = run(agent, "Go", run_config=config)
    assert result.final_output == "ok"
    assert result.new_items[3].output == {"x": 1}
    assert done == [1, 2, 2, 5]
    assert (len(model.requests), result.usage.requests) == (2, 4)
    assert [name for name, _ in engine.kept] == [
        *("Outer: model", "work", "work"),
        *("Inner: model", "work", "Inner: model", "Outer: model"),
    ]


@pytest.mark.parametrize("step", [None, Engine()], ids=["alone", "engine"])
def test_a_model_without_an_event_is_told_of(step: Any) -> None:
    class Silent(Model):
        def stream(self, request: ModelRequest) -> Iterator[Any]:
            return iter(())

    with pytest.raises(ResponseFailedError, match="ended with no event at all"):
        Runner.run_sync(Agent("A", model=Silent()), "Go", run_config=RunConfig(step=step))
