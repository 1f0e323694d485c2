"""Cost: what a run has cost, by agent and by request, and a limit that a run cannot pass.

Run it, where agents_lite[prices] is installed: python examples/21_cost.py
"""

from agents_lite import (
    Agent,
    RunConfig,
    Runner,
    UsageLimitExceeded,
    UsageLimits,
    function_tool,
)
from agents_lite.testing import offline_unless_configured


@function_tool
def find_price(product: str) -> str:
    """Find the price of a product."""
    return f"A {product} costs 24.90 EUR."


agent = Agent(name="Shop assistant", model="gpt-4.1", tools=[find_price])


def main() -> None:
    question = "Find the price of the product 'bell'"
    with offline_unless_configured():
        result = Runner.run_sync(agent, question)
        print(result.final_output)
        for name, usage in result.usage_by_agent.items():
            print(f"{name}: {usage.requests} requests, ${usage.cost:.3f}")
        for entry in result.usage.request_usage_entries:
            print(f"{entry.model}: ${entry.cost:.4f}")

        config = RunConfig(usage_limits=UsageLimits(cost=0.0001))
        try:
            Runner.run_sync(agent, question, run_config=config)
        except UsageLimitExceeded as error:
            print(error)


if __name__ == "__main__":
    main()

# Output:
# A bell costs 24.90 EUR.
# Shop assistant: 2 requests, $0.001
# gpt-4.1: $0.0002
# gpt-4.1: $0.0003
# Another model call would pass the limit of $0.0001; $0.0002 are spent
