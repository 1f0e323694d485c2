"""Testing your agents: a model that follows a script, and remembers what it was asked.

Run it: python examples/17_testing.py, or python -m pytest examples/17_testing.py
"""

from agents_lite import Agent, RunConfig, Runner, function_tool
from agents_lite.testing import ScriptedModel, call


@function_tool
def find_price(product: str) -> str:
    """Find the price of a product."""
    return {"bell": "24.90 EUR"}.get(product, "not for sale")


agent = Agent(name="Shop assistant", instructions="Tell prices.", tools=[find_price])


def test_price_is_looked_up_and_told() -> None:
    model = ScriptedModel([call("find_price", product="bell"), "It costs 24.90 EUR."])

    result = Runner.run_sync(agent, "How much is the bell?", run_config=RunConfig(model=model))

    assert result.final_output == "It costs 24.90 EUR."
    asked_first, asked_then = model.requests
    assert asked_first.system_instructions == "Tell prices."
    assert asked_then.input[-1]["output"] == "24.90 EUR"
    model.assert_finished()


if __name__ == "__main__":
    test_price_is_looked_up_and_told()
    print("passed")

# Output:
# passed
