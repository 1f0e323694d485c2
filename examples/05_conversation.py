"""A conversation by hand: the result's items and the next question are the next input.

Run it: python examples/05_conversation.py
"""

from agents_lite import Agent, Runner, function_tool
from agents_lite.testing import offline_unless_configured


@function_tool
def find_capital(country: str) -> str:
    """Find the capital of a country."""
    return {"France": "Paris", "Japan": "Tokyo"}.get(country, "unknown")


agent = Agent(name="Geographer", instructions="Reply briefly.", tools=[find_capital])


def main() -> None:
    with offline_unless_configured():
        first = Runner.run_sync(agent, "What is the capital of France?")
        print(first.final_output)

        question = {"role": "user", "content": "And the capital of Japan?"}
        second = Runner.run_sync(first.last_agent, [*first.to_input_list(), question])
        print(second.final_output)

    for item in second.to_input_list():
        print("-", item.get("role") or item["type"])


if __name__ == "__main__":
    main()

# Output:
# find_capital(France) gives Paris.
# find_capital(Japan) gives Tokyo.
# - user
# - function_call
# - function_call_output
# - assistant
# - user
# - function_call
# - function_call_output
# - assistant
