"""A bicycle shop's two agents: a front desk, and a workshop it hands over to."""

from __future__ import annotations

from functools import cache
from typing import Literal

import requests

from agents_lite import Agent, OpenAIProvider, ResponsesClient, RunConfig, function_tool
from agents_lite.testing import ResponsesServer
from agents_lite.testing.offline import has_model_server

REPAIRS = {
    "R-1042": "a city bike with a new chain, ready to be picked up",
    "R-1043": "a racing bike with a bent wheel, ready on Thursday",
}
REFUNDS: list[tuple[str, float]] = []
MINUTES = {"tyre": 20, "brakes": 40, "chain": 30, "wheel": 60}


@function_tool
def opening_hours(day: str) -> str:
    """The shop's opening hours on a day of the week."""
    if day.lower().startswith("sun"):
        return f"On {day} the shop is closed."
    return f"On {day} the shop is open from 9 to {14 if day.lower().startswith('sat') else 18}."


@function_tool
def find_repair(number: str) -> str:
    """The state of a repair, by its number such as R-1042."""
    state = REPAIRS.get(number.upper())
    return f"Repair {number} is {state}." if state else f"There is no repair {number}."


@function_tool
def estimate_price(part: Literal["tyre", "brakes", "chain", "wheel"]) -> str:
    """What it costs to fix a part: an estimate of the price."""
    return f"To fix the {part} costs about {MINUTES[part] * 1.2:.2f} euros."


@function_tool(needs_approval=True)
def refund(repair: str, euros: float) -> str:
    """Refund money to a customer."""
    REFUNDS.append((repair, euros))
    return f"Refund {len(REFUNDS)}: {euros:.2f} euros for repair {repair} are on their way."


workshop = Agent(
    name="Workshop",
    handoff_description="Knows every repair and what it costs to fix a part.",
    instructions="Answer in a sentence or two. Look repairs and prices up; never guess them.",
    tools=[find_repair, estimate_price],
)
front_desk = Agent(
    name="Front desk",
    instructions="You answer for a bicycle shop. Leave repairs and prices to the workshop.",
    tools=[opening_hours, refund],
    handoffs=[workshop],
)


@cache
def model_config() -> RunConfig:
    """The model that the environment names; when it names none, a stand-in on this machine."""
    if has_model_server():
        return RunConfig()
    session = requests.Session()
    session.trust_env = False  # no proxy stands between this process and itself
    client = ResponsesClient(base_url=ResponsesServer().start().base_url, session=session)
    return RunConfig(model_provider=OpenAIProvider(client))
