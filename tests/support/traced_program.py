"""A program of several agents whose trace has a bit of everything; it runs as a script.

The model is a stand-in on this machine. `SAMPLE_PACE` is how long it thinks, as a factor.
"""

from __future__ import annotations

import os
import time
from typing import Any

from pydantic import BaseModel

from agents_lite import (
    Agent,
    GuardrailFunctionOutput,
    Runner,
    function_tool,
    input_guardrail,
    trace,
)
from agents_lite.testing import (
    ResponsesServer,
    call,
    final,
    handoff_to,
    reasoning,
    status,
    token_usage,
    turn,
)

QUESTION = """Hello, my order A-1001 (the bicycle bell) arrived broken, and I was charged twice.
I would like my money back, and to know whether the brass bell is in stock."""
PACE = float(os.environ.get("SAMPLE_PACE", "0"))


class Decision(BaseModel):
    order_id: str
    amount: float
    approved: bool
    reason: str


def work(seconds: float) -> None:
    time.sleep(seconds * PACE)


@input_guardrail
def no_card_numbers(context: Any, agent: Any, input: Any) -> GuardrailFunctionOutput:
    """Let no card numbers through."""
    work(0.12)
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)


@function_tool
def find_order(order_id: str) -> dict[str, Any]:
    """Find an order by its number."""
    work(0.21)
    lines = [{"sku": "BELL-07", "name": "Bicycle bell, brass", "quantity": 1, "price": 24.9}]
    return {"order_id": order_id, "customer": "Ada", "lines": lines, "reference": 2**63 + 1}


@function_tool
def find_payments(order_id: str, since: str) -> list[dict[str, Any]]:
    """Find the payments for an order."""
    work(0.34)
    return [{"id": f"pay_{n}", "amount": 24.9, "status": "captured"} for n in (71, 72)]


@function_tool
def check_stock(sku: str) -> str:
    """See how many of an article there are."""
    work(0.08)
    raise ConnectionError("The warehouse does not answer")


@function_tool
def issue_refund(order_id: str, amount: float) -> str:
    """Pay money back."""
    work(0.15)
    return f"Refunded {amount:.2f} for {order_id}; it takes three working days."


@function_tool
def search_rules(query: str) -> str:
    """Search the shop's rules."""
    work(0.05)
    return "§ 4 Broken goods are refunded in full.\n§ 9 Double charges are paid back at once."


expert = Agent(name="Rules expert", instructions="Answer from the rules.", tools=[search_rules])
refunds = Agent(
    name="Refund agent",
    handoff_description="Decides on refunds.",
    instructions=(
        "You decide on refunds.\n\n1. Look the order and its payments up.\n"
        "2. Ask the rules expert when in doubt.\n3. Pay back what is due, then decide."
    ),
    tools=[
        find_order,
        find_payments,
        check_stock,
        issue_refund,
        expert.as_tool("ask_rules_expert", "Ask what the rules say."),
    ],
    output_type=Decision,
)
desk = Agent(
    name="Front desk",
    instructions="Answer questions. Leave anything about refunds to the refund agent.",
    handoffs=[refunds],
    input_guardrails=[no_card_numbers],
)
TURNS = [
    status(503, {"message": "The model is overloaded"}, headers={"retry-after-ms": "100"}),
    turn(
        reasoning("The customer wants a refund: that is for the refund agent."),
        handoff_to("Refund agent"),
        usage=token_usage(412, 38, reasoning_tokens=16),
        delay=0.62 * PACE,
    ),
    turn(
        "Let me look at the order and its payments.",
        call("find_order", order_id="A-1001"),
        call("find_payments", order_id="A-1001", since="2025-01-01"),
        call("check_stock", sku="BELL-07"),
        usage=token_usage(688, 91, cached_tokens=256),
        delay=0.95 * PACE,
    ),
    turn(
        call("ask_rules_expert", input="Broken on arrival and charged twice: what is due?"),
        usage=token_usage(1034, 44),
        delay=0.48 * PACE,
    ),
    turn(
        call("search_rules", query="broken goods, double charge"),
        usage=token_usage(160, 21),
        delay=0.31 * PACE,
    ),
    turn(
        "Broken goods are refunded in full, and the second charge is paid back at once.",
        usage=token_usage(222, 24),
        delay=0.4 * PACE,
    ),
    turn(
        call("issue_refund", order_id="A-1001", amount=49.8),
        usage=token_usage(1190, 33),
        delay=0.44 * PACE,
    ),
    turn(
        final(
            Decision(
                order_id="A-1001",
                amount=49.8,
                approved=True,
                reason="The bell arrived broken (§ 4) and was paid for twice (§ 9).",
            )
        ),
        usage=token_usage(1262, 71),
        delay=0.7 * PACE,
    ),
]


def main() -> None:
    """Run the program."""
    with ResponsesServer(TURNS) as server:
        os.environ.update(OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="any")
        with trace("Customer support", group_id="chat-17", metadata={"customer": "ada"}) as whole:
            result = Runner.run_sync(desk, QUESTION)
            whole.add_event("ticket_closed", {"refund": result.final_output.amount})


if __name__ == "__main__":
    main()
