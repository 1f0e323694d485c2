"""The same script, its trace sent to a server before it exits."""

import os

from agents_lite import Agent, Runner, function_tool, set_trace_processors
from agents_lite.tracing import BackendSpanExporter, BatchTraceProcessor

exporter = BackendSpanExporter(api_key="k", endpoint=os.environ["TRACES_URL"])
set_trace_processors([BatchTraceProcessor(exporter)])


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


agent = Agent(name="A", model="m", tools=[add])
print(Runner.run_sync(agent, "hi").final_output)
