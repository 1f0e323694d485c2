"""The work by agents_lite, which also knows plain `for` and calls tools without a loop."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Literal

import agents_lite
from agents_lite import BackendSpanExporter, BatchTraceProcessor, ToolContext, function_tool

from .company_session import company_session
from .five_parameters import ARGUMENTS, declare
from .sdk import SDKWorkloads, is_text_delta, median

INSTRUCTIONS = "You help the customers of a shop. Be brief, and ask where you are not sure. " * 6
RUNS = 10
"""Runs of a measurement of tracing, whose traces are sent together."""


class Workloads(SDKWorkloads):
    def __init__(self) -> None:
        super().__init__(agents_lite)

    def deltas(self, how: str) -> Callable[[], object]:
        def work() -> int:
            return sum(
                len(event.data.delta)
                for event in self.stream().stream_events()
                if is_text_delta(event)
            )

        return work if how == "for" else super().deltas(how)

    def turns_by(
        self, api: Literal["responses", "chat_completions"], how: str
    ) -> Callable[[], object]:
        """Runs of an agent with instructions and five tools, as many have."""
        agents_lite.set_default_openai_api(api)
        others = [function_tool(declare(), name_override=f"other_{n}") for n in range(4)]
        tools = [*self.agent.tools, *others]
        self.agent = self.agent.clone(instructions=INSTRUCTIONS, tools=tools)
        return self.turns(how)

    def turns_by_session(self) -> Callable[[], object]:
        client = agents_lite.ResponsesClient(session=company_session())
        agents_lite.set_default_openai_client(client)
        return self.run

    def first_delta(self) -> Callable[[], object]:
        def work() -> dict[str, float]:
            started = time.perf_counter()
            for event in self.stream().stream_events():
                if is_text_delta(event):
                    seconds = time.perf_counter() - started  # leaving is not part of it
                    break
            return {"first_delta": seconds}

        return work

    def lateness(self) -> Callable[[], object]:
        def work() -> dict[str, float]:
            late = [
                time.monotonic() - float(event.data.delta)
                for event in self.stream().stream_events()
                if is_text_delta(event)
            ]
            return {"lateness": median(late)}

        return work

    def call(self, count: int) -> Callable[[], object]:
        tool = function_tool(declare())
        context = ToolContext(None, tool_name=tool.name, tool_arguments=ARGUMENTS)

        def work() -> None:
            for _ in range(count):
                tool.on_invoke_tool(context, ARGUMENTS)

        return work

    def tracing(self, how: str) -> Callable[[], object]:
        """Runs with tracing "off", "on" with nobody listening, or sent in "batches"."""
        exporter = BackendSpanExporter(api_key="k", endpoint=os.environ["TRACES_URL"])
        processors = [BatchTraceProcessor(exporter)] if how == "batches" else []
        agents_lite.set_trace_processors(processors)
        agents_lite.set_tracing_disabled(how == "off")

        def work() -> None:
            for _ in range(RUNS):
                self.run()
            agents_lite.flush_traces()

        return work
