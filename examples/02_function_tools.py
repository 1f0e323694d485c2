"""Python functions as tools: name, parameters and docstring tell the model how to use them.

Run it: python examples/02_function_tools.py
"""

from agents_lite import Agent, Runner, function_tool
from agents_lite.testing import offline_unless_configured


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city.

    Args:
        city: The city's name, in English.
    """
    return f"It is sunny in {city}."


@function_tool
def convert_to_fahrenheit(celsius: float) -> float:
    """Convert degrees Celsius to Fahrenheit."""
    return celsius * 9 / 5 + 32


agent = Agent(
    name="Weather agent",
    instructions="Answer with the help of your tools.",
    tools=[get_weather, convert_to_fahrenheit],
)


def main() -> None:
    with offline_unless_configured():
        for question in ("What is the weather in Paris and Tokyo?", "Convert 20 celsius for me."):
            print(Runner.run_sync(agent, question).final_output)


if __name__ == "__main__":
    main()

# Output:
# It is sunny in Paris. It is sunny in Tokyo.
# convert_to_fahrenheit(20) gives 68.0.
