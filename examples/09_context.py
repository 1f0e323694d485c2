"""Context: your own object reaches every tool and instruction function, and never the model.

Run it: python examples/09_context.py
"""

from dataclasses import dataclass, field

from agents_lite import Agent, RunContextWrapper, Runner, function_tool
from agents_lite.testing import offline_unless_configured


@dataclass
class Shopper:
    name: str
    basket: list[str] = field(default_factory=list)


@function_tool
def add_to_basket(context: RunContextWrapper[Shopper], product: str) -> str:
    """Add a product to the basket."""
    context.context.basket.append(product)
    return f"The basket of {context.context.name} holds {len(context.context.basket)} product(s)."


def instructions(context: RunContextWrapper[Shopper], agent: Agent[Shopper]) -> str:
    return f"You serve {context.context.name}. Today: fresh bread."


agent = Agent[Shopper](name="Shop", instructions=instructions, tools=[add_to_basket])


def main() -> None:
    shopper = Shopper("Ada")
    with offline_unless_configured():
        result = Runner.run_sync(agent, "Add 'rye bread' to my basket.", context=shopper)
    print(result.final_output)
    print(shopper.basket)


if __name__ == "__main__":
    main()

# Output:
# The basket of Ada holds 1 product(s).
# ['rye bread']
