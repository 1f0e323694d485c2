"""The ways to run an agent, so that one test body serves them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agents_lite import Agent, Runner, StreamEvent
from agents_lite.result import RunResultBase, RunResultStreaming
from tests.support.wires import over

Outcome = tuple[list[StreamEvent], RunResultBase]


def run_sync(*args: Any, **options: Any) -> RunResultBase:
    return Runner.run_sync(*args, **options)


def run(*args: Any, **options: Any) -> RunResultBase:
    return asyncio.run(Runner.run(*args, **options))


def stream(*args: Any, **options: Any) -> Outcome:
    events: list[StreamEvent] = []
    generator = Runner.stream(*args, **options)
    while True:
        try:
            events.append(next(generator))
        except StopIteration as stop:
            return events, stop.value


def for_loop(*args: Any, **options: Any) -> Outcome:
    streaming = Runner.run_streamed(*args, **options)
    return list(streaming.stream_events()), streaming


def async_for(*args: Any, **options: Any) -> Outcome:
    async def read() -> Outcome:
        streaming = Runner.run_streamed(*args, **options)
        return [event async for event in streaming.stream_events()], streaming

    return asyncio.run(read())


def stopped_after_the_turn(agent: Agent[Any], said: str, item: str) -> RunResultStreaming:
    """A run that stops after the turn in which it first names such an item: a tool_output, say."""
    streaming = Runner.run_streamed(agent, said)
    for event in streaming.stream_events():
        if event.type == "run_item_stream_event" and event.name == item:
            streaming.cancel(mode="after_turn")
    return streaming


STREAMS = [stream, for_loop, async_for]


def _result_of(read: Callable[..., Outcome]) -> Callable[..., RunResultBase]:
    return lambda *args, **options: read(*args, **options)[1]


def _runs(*apis: str) -> pytest.MarkDecorator:
    """All drivers, and two of them once more with the model behind each of the APIs."""
    runs = {
        "run_sync": run_sync,
        "run": run,
        "stream": _result_of(stream),
        "run_streamed-for": _result_of(for_loop),
        "run_streamed-async-for": _result_of(async_for),
    }
    for api in apis:
        runs[f"over-{api}-whole"] = over(api, run_sync)
        runs[f"over-{api}-streamed"] = over(api, runs["stream"])
    return pytest.mark.parametrize("run", runs.values(), ids=list(runs))


def _reads(*apis: str) -> pytest.MarkDecorator:
    reads = {"stream": stream, "run_streamed-for": for_loop, "run_streamed-async-for": async_for}
    reads |= {f"over-{api}": over(api, stream) for api in apis}
    return pytest.mark.parametrize("read", reads.values(), ids=list(reads))


every_driver = _runs("chat", "responses")
"""Gives a test `run(agent, input, **options)`, which returns the result."""
every_driver_but_chat = _runs("responses")
"""The same, for what Chat Completions do not have."""
every_driver_here = _runs()
"""The same, for scripts that no server could send."""
every_stream = _reads("chat", "responses")
"""Gives a test `read(agent, input, **options)`, which returns the events and the result."""
every_stream_but_chat = _reads("responses")
"""The same, for what Chat Completions do not have."""

whole_and_streamed = pytest.mark.parametrize(
    "run", [run_sync, _result_of(stream)], ids=["whole", "streamed"]
)
"""The same with the two drivers that ask a model in different ways, for tests of what is sent."""


def kinds(items: list[dict[str, Any]]) -> list[str]:
    """What input items are: the role of a message, the type of anything else."""
    return [item.get("role") or item["type"] for item in items]


def types(items: list[Any]) -> list[str]:
    """Types of run items or events, `_item` and `_event` left out."""
    return [item.type.removesuffix("_item").removesuffix("_event") for item in items]
