"""Outputs that do not fit are asked for again, and a function answers where nothing else does.

The model's answers are scripted, so nothing is asked elsewhere: python examples/27_second_tries.py
"""

from typing import Any

from pydantic import BaseModel, Field

from agents_lite import (
    Agent,
    GuardrailFunctionOutput,
    RunConfig,
    Runner,
    function_tool,
    output_guardrail,
)
from agents_lite.testing import ScriptedModel, call


class Offer(BaseModel):
    product: str
    price: float = Field(gt=0)


@output_guardrail(on_trip="retry")
def known_products(context: Any, agent: Agent[Any], output: Offer) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput("We sell bells only.", output.product != "bell")


@function_tool
def look_up(product: str) -> str:
    """Look a product up."""
    return "not found, try again"


def main() -> None:
    drafts = [
        '{"product": "bell", "price": -1}',
        '{"product": "horn", "price": 19.0}',
        '{"product": "bell", "price": 24.9}',
    ]
    guardrails = [known_products]
    seller = Agent("Seller", output_type=Offer, output_retries=3, output_guardrails=guardrails)
    result = Runner.run_sync(seller.clone(model=ScriptedModel(drafts)), "An offer, please")
    print(f"{result.final_output!r} after {result.output_attempts} attempts")

    endless = ScriptedModel([call("look_up", product="bell")] * 3)
    clerk = Agent("Clerk", model=endless, tools=[look_up])
    config = RunConfig(error_handlers={"max_turns": lambda fault: "I could not find out."})
    print(Runner.run_sync(clerk, "How much?", max_turns=3, run_config=config).final_output)


if __name__ == "__main__":
    main()

# Output:
# Offer(product='bell', price=24.9) after 3 attempts
# I could not find out.
