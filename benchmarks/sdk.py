"""The same work by an SDK: agents_lite or openai-agents, which differ in the import name."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from inspect import isawaitable
from typing import Any

from .five_parameters import ARGUMENTS, declare

MAX_TURNS = 1000


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Workloads:
    """Each method makes what it needs and gives the work to be measured."""

    def __init__(self, package: str) -> None:
        self.sdk = import_module(package)
        self.processors = import_module(f"{package}.tracing.processors")
        self.sdk.set_tracing_disabled(True)
        self.agent = self.sdk.Agent(name="A", model="m", tools=[self.sdk.function_tool(add)])
        self.is_lite = package == "agents_lite"
        self.loop = asyncio.Runner()

    def turns(self, how: str) -> Callable[[], object]:
        if how == "run_sync":
            return self.run
        if how == "await":
            return lambda: self.loop.run(self.run_async())
        return self.deltas("for")

    def traced_turns(self, tracing: str) -> Callable[[], object]:
        """A run with tracing "off", "on" with nobody listening, or exported in "batches"."""
        processors = []
        if tracing == "batches":
            exporter = import_module(f"{self.sdk.__name__}.tracing").BackendSpanExporter(
                api_key="k", endpoint=os.environ["TRACES_URL"]
            )
            processors = [self.processors.BatchTraceProcessor(exporter)]
        self.sdk.set_trace_processors(processors)
        self.sdk.set_tracing_disabled(tracing == "off")

        def work() -> None:
            for _ in range(10):
                self.run()
            self.sdk.flush_traces()

        return work

    def deltas(self, how: str) -> Callable[[], object]:
        def plain() -> int:
            return sum(
                len(event.data.delta)
                for event in self.streamed().stream_events()
                if event.type == "raw_response_event"
                and event.data.type == "response.output_text.delta"
            )

        async def asynchronous() -> int:
            length = 0
            async for text in self.texts():
                length += len(text)
            return length

        if how == "for" and self.is_lite:  # the other one has no plain `for`
            return plain
        return lambda: self.loop.run(asynchronous())

    def first_delta(self) -> Callable[[], object]:
        def plain() -> None:
            for event in self.streamed().stream_events():
                if (
                    event.type == "raw_response_event"
                    and event.data.type == "response.output_text.delta"
                ):
                    break

        async def asynchronous() -> None:
            texts = self.texts()
            await anext(texts)
            await texts.aclose()

        def work() -> dict[str, float]:
            started = time.perf_counter()
            if self.is_lite:
                plain()
            else:
                self.loop.run(asynchronous())
            return {"first_delta": time.perf_counter() - started}

        return work

    def lateness(self) -> Callable[[], object]:
        async def asynchronous() -> list[float]:
            return [time.monotonic() - float(text) async for text in self.texts()]

        def work() -> dict[str, float]:
            if self.is_lite:
                late = [
                    time.monotonic() - float(event.data.delta)
                    for event in self.streamed().stream_events()
                    if event.type == "raw_response_event"
                    and event.data.type == "response.output_text.delta"
                ]
            else:
                late = self.loop.run(asynchronous())
            return {"lateness": sorted(late)[len(late) // 2]}

        return work

    def build(self, count: int) -> Callable[[], object]:
        def work() -> None:
            for _ in range(count):
                _ = self.sdk.function_tool(declare()).params_json_schema

        return work

    def build_unread(self, count: int) -> Callable[[], object]:
        """The tool alone: its schema is made when a request first needs it."""

        def work() -> None:
            for _ in range(count):
                self.sdk.function_tool(declare())

        return work

    def call(self, count: int) -> Callable[[], object]:
        tool = self.sdk.function_tool(declare())
        context = import_module(f"{self.sdk.__name__}.tool_context" if not self.is_lite else
                                "agents_lite.run_context").ToolContext(
            context=None, tool_name="forecast", tool_call_id="c", tool_arguments=ARGUMENTS
        )
        return lambda: None

    def gathered(self, count: int) -> Callable[[], object]:
        async def work() -> None:
            await asyncio.gather(*(self.run_async() for _ in range(count)))

        self.loop.run(self.run_async())
        return lambda: self.loop.run(work())

    def in_threads(self, count: int, threads: int) -> Callable[[], object]:
        self.run()

        def work() -> None:
            with ThreadPoolExecutor(threads) as pool:
                for run in [pool.submit(self.run) for _ in range(count)]:
                    run.result()

        return work
