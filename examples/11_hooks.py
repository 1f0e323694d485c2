"""Hooks: methods called at each step of a run, for progress, logs and measurements.

Run it: python examples/11_hooks.py
"""

from typing import Any

from agents_lite import Agent, ModelResponse, RunContextWrapper, RunHooks, Runner, function_tool
from agents_lite.testing import offline_unless_configured

Context = RunContextWrapper[None]


class Reporter(RunHooks[None]):
    def on_agent_start(self, context: Context, agent: Agent[None], input_data: Any) -> None:
        print(f"{agent.name} starts")

    def on_llm_end(self, context: Context, agent: Agent[None], response: ModelResponse) -> None:
        print(f"model call {context.usage.requests}: {[item.type for item in response.output]}")

    def on_tool_call_start(
        self, context: Context, agent: Agent[None], tool_name: str, tool_arguments: dict[str, Any]
    ) -> None:
        print(f"calling {tool_name} with {tool_arguments}")

    async def on_tool_call_end(
        self, context: Context, agent: Agent[None], tool_name: str, tool_output: Any
    ) -> None:
        print(f"{tool_name} returned {tool_output!r}")

    def on_agent_end(self, context: Context, agent: Agent[None], output: Any) -> None:
        print(f"{agent.name} ends: {output}")


@function_tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


agent = Agent(name="Calculator", tools=[multiply])


def main() -> None:
    with offline_unless_configured():
        Runner.run_sync(agent, "Multiply 6 and 7", hooks=Reporter())


if __name__ == "__main__":
    main()

# Output:
# Calculator starts
# model call 1: ['function_call']
# calling multiply with {'a': 6, 'b': 7}
# multiply returned 42
# model call 2: ['message']
# Calculator ends: multiply(6, 7) gives 42.
