"""The work by openai-agents."""

from __future__ import annotations

from collections.abc import Callable

import agents
from agents.tool_context import ToolContext

from .five_parameters import ARGUMENTS, declare
from .sdk import SDKWorkloads


class Workloads(SDKWorkloads):
    def __init__(self) -> None:
        super().__init__(agents)

    def call(self, count: int) -> Callable[[], object]:
        tool = agents.function_tool(declare())
        context = ToolContext(
            None, tool_name=tool.name, tool_call_id="call_1", tool_arguments=ARGUMENTS
        )

        async def calls() -> None:
            for _ in range(count):
                await tool.on_invoke_tool(context, ARGUMENTS)

        return lambda: self.loop.run(calls())
