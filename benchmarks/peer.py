"""The work by openai-agents."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import agents
from agents.tool_context import ToolContext
from openai import AsyncOpenAI

from .five_parameters import ARGUMENTS, declare
from .sdk import MAX_TURNS, SDKWorkloads, in_threads


class Workloads(SDKWorkloads):
    def __init__(self) -> None:
        super().__init__(agents)

    def in_threads(self, count: int, threads: int) -> Callable[[], object]:
        own = threading.local()  # a client serves one event loop only, and each thread has its own

        def run() -> Any:
            if not hasattr(own, "agent"):
                model = agents.OpenAIResponsesModel("m", AsyncOpenAI())
                own.agent = self.agent.clone(model=model)
            return agents.Runner.run_sync(own.agent, "hi", max_turns=MAX_TURNS)

        run()
        return lambda: in_threads(run, count, threads)

    def call(self, count: int) -> Callable[[], object]:
        tool = agents.function_tool(declare())
        context = ToolContext(
            None, tool_name=tool.name, tool_call_id="call_1", tool_arguments=ARGUMENTS
        )

        async def calls() -> None:
            for _ in range(count):
                await tool.on_invoke_tool(context, ARGUMENTS)

        return lambda: self.loop.run(calls())
