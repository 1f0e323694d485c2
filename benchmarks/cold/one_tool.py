"""A script with one tool, as a user writes it."""

from agents_lite import Agent, Runner, function_tool


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


agent = Agent(name="A", model="m", tools=[add])
print(Runner.run_sync(agent, "hi").final_output)
