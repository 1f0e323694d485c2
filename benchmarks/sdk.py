"""What is written in the same words for agents_lite and openai-agents."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

from .five_parameters import declare

MAX_TURNS = 1000


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def in_threads(run: Callable[[], object], count: int, threads: int) -> None:
    """Run so many times, on so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(run) for _ in range(count)]:
            future.result()


def is_text_delta(event: Any) -> bool:
    return bool(
        event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    )


def median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


class SDKWorkloads:
    """Each method makes what it needs and gives the work to be measured."""

    def __init__(self, package: ModuleType) -> None:
        self.package = package
        package.set_tracing_disabled(True)
        self.agent = package.Agent(name="A", model="m", tools=[package.function_tool(add)])
        self.loop = asyncio.Runner()

    def turns(self, how: str) -> Callable[[], object]:
        if how == "await":
            return lambda: self.loop.run(self.run_async())
        return self.run if how == "run_sync" else self.deltas("for")

    def deltas(self, how: str) -> Callable[[], object]:
        return lambda: self.loop.run(self.read())

    def first_delta(self) -> Callable[[], object]:
        async def first() -> float:
            started = time.perf_counter()
            texts = self.texts()
            await anext(texts)
            seconds = time.perf_counter() - started  # leaving the stream is not part of it
            await texts.aclose()
            return seconds

        return lambda: {"first_delta": self.loop.run(first())}

    def lateness(self) -> Callable[[], object]:
        async def late() -> float:
            return median([time.monotonic() - float(text) async for text in self.texts()])

        return lambda: {"lateness": self.loop.run(late())}

    def build(self, count: int) -> Callable[[], object]:
        def work() -> None:
            for _ in range(count):
                _ = self.package.function_tool(declare()).params_json_schema

        return work

    def declare(self, count: int) -> Callable[[], object]:
        """Tools whose schemas no request has asked for yet."""

        def work() -> None:
            for _ in range(count):
                self.package.function_tool(declare())

        return work

    def at_once(self, count: int) -> Callable[[], object]:
        async def all_runs() -> None:
            await asyncio.gather(*(self.run_async() for _ in range(count)))

        self.loop.run(self.run_async())
        return lambda: self.loop.run(all_runs())

    def in_threads(self, count: int, threads: int) -> Callable[[], object]:
        self.run()
        return lambda: in_threads(self.run, count, threads)

    def run(self) -> Any:
        return self.package.Runner.run_sync(self.agent, "hi", max_turns=MAX_TURNS)

    async def run_async(self) -> Any:
        return await self.package.Runner.run(self.agent, "hi", max_turns=MAX_TURNS)

    def stream(self) -> Any:
        return self.package.Runner.run_streamed(self.agent, "hi", max_turns=MAX_TURNS)

    async def texts(self) -> AsyncGenerator[str]:
        async for event in self.stream().stream_events():
            if is_text_delta(event):
                yield event.data.delta

    async def read(self) -> int:
        length = 0
        async for event in self.stream().stream_events():
            if is_text_delta(event):
                length += len(event.data.delta)
        return length
