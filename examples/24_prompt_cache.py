"""The cache of the prompt: a warning names what a run changes at the beginning of its requests.

Run it: python examples/24_prompt_cache.py
"""

import itertools
import logging
import sys

from agents_lite import Agent, RunConfig, Runner, function_tool
from agents_lite.testing import offline_unless_configured

RULES = "Be polite, be brief, and look prices up before you name them. " * 100
minutes = itertools.count()


@function_tool
def find_price(product: str) -> str:
    """Find the price of a product."""
    return f"A {product} costs 24.90 EUR."


def with_a_clock(context, agent) -> str:
    return f"It is {next(minutes)} minutes past ten. {RULES}"


careless = Agent(name="Careless", instructions=with_a_clock, tools=[find_price])
careful = Agent(name="Careful", instructions=RULES, tools=[find_price])


def main() -> None:
    logging.basicConfig(stream=sys.stdout, format="%(message).78s ...")
    with offline_unless_configured():
        for agent in (careful, careless):
            config = RunConfig(group_id="prices")  # OpenAI's cache goes by a digest of this
            question = "Find the price of the product 'bell'"
            result = Runner.run_sync(agent, question, run_config=config)
            details = result.usage.input_tokens_details
            print(f"{agent.name}: {details.cached_tokens} tokens were cached")


if __name__ == "__main__":
    main()

# Output:
# Careful: 0 tokens were cached
# Agent Careless breaks the cache of its prompt: the instructions changed betwee ...
# Careless: 0 tokens were cached
