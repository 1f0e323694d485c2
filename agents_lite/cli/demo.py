"""Run a small program of two agents and show every step of their loop."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import Any, Literal

from pydantic import BaseModel

from ..agent import Agent
from ..models.default_client import default_client, set_default_openai_api
from ..models.openai_provider import FALLBACK_MODEL
from ..run import RunConfig
from ..tool import function_tool
from .show import RunView
from .terminal import paint

QUESTION = "Order A-1001 arrived with a broken bell. Can I have a refund?"


class RefundDecision(BaseModel):
    """The final output: what becomes of a request for a refund."""

    order_id: str
    item: str
    amount: float
    approved: bool
    reason: str


@function_tool
def find_order(order_id: str) -> dict[str, Any]:
    """Find an order by its number."""
    return {"order_id": order_id, "item": "bicycle bell", "amount": 24.9}


@function_tool
def check_refund_rules(problem: Literal["broken", "late", "unwanted"]) -> dict[str, Any]:
    """Check what the rules say about a refund for an order with a problem."""
    reasons = {
        "broken": "Broken goods are refunded in full.",
        "late": "Late orders are refunded in full.",
        "unwanted": "Unwanted goods can be exchanged, not refunded.",
    }
    return {"approved": problem != "unwanted", "reason": reasons[problem]}


refund_agent = Agent(
    name="Refund agent",
    handoff_description="Decides on refunds.",
    instructions="Find the order, check the refund rules, then decide.",
    tools=[find_order, check_refund_rules],
    output_type=RefundDecision,
)
front_desk = Agent(
    name="Front desk",
    instructions="Answer questions. Leave anything about refunds to the refund agent.",
    handoffs=[refund_agent],
)


_NEXT = """
Next: agents-lite demo --step                     the same, step by step
      agents-lite chat FILE.py:AGENT --offline    talk with an agent of your own
      agents-lite serve FILE.py:AGENT --offline   the same in the browser"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument(
        "--step", action="store_true", help="stop at each step; show requests and responses"
    )
    parser.add_argument("--model", help=f"the model (OPENAI_DEFAULT_MODEL, else {FALLBACK_MODEL})")
    parser.add_argument(
        "--api", choices=["responses", "chat_completions"], help="the API by which it is asked"
    )
    parser.epilog = (
        "With OPENAI_API_KEY or OPENAI_BASE_URL set a real model answers, "
        "otherwise a stand-in on this machine."
    )


def execute(options: argparse.Namespace) -> None:
    """Run the demo."""
    from ..replay.walk import walk_live
    from ..testing.offline import NOTICE, has_model_server, offline
    from .stepping import step_through

    if options.api is not None:
        set_default_openai_api(options.api)
    view = RunView(in_full=options.step)
    is_real = has_model_server()
    with nullcontext() if is_real else offline():
        print(f"server    {default_client().base_url}")
        if not is_real:
            print(f"          {NOTICE}")
        print(f"question  {paint(QUESTION, 'green')}")
        config = RunConfig(model=options.model, workflow_name="Demo")
        walk = walk_live(front_desk, QUESTION, {"run_config": config}, view.show_event)
        step_through(walk, view, waits=options.step)
    print(paint(_NEXT, "dim"))
