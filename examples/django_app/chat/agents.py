"""A bicycle shop's two agents; the workshop's tools use the ORM."""

from __future__ import annotations

from functools import cache

import requests

from agents_lite import Agent, OpenAIProvider, ResponsesClient, RunConfig, function_tool
from agents_lite.testing import ResponsesServer
from agents_lite.testing.offline import has_model_server

from .models import Refund, Repair


@function_tool
def opening_hours(day: str) -> str:
    """The shop's opening hours on a day of the week."""
    if day.lower().startswith("sun"):
        return f"On {day} the shop is closed."
    return f"On {day} the shop is open from 9 to {14 if day.lower().startswith('sat') else 18}."


@function_tool
def book_visit(problem: str, customer: str) -> str:
    """Book a visit to the workshop.

    Args:
        problem: What is to be done, in the customer's words.
        customer: The customer's name.
    """
    repair = Repair.objects.create(customer=customer, problem=problem)
    return f"Repair {repair.pk} is booked for {customer}: {problem}."


@function_tool
def find_repair(number: int) -> str:
    """The state of a repair, by its number."""
    repair = Repair.objects.filter(pk=number).first()
    if repair is None:
        return f"There is no repair {number}."
    state = "ready" if repair.is_ready else "not ready yet"
    return f"Repair {number} ({repair.problem}) is {state}."


@function_tool(needs_approval=True)
def refund(repair: str, euros: float) -> str:
    """Refund money to a customer."""
    made = Refund.objects.create(repair=repair, euros=euros)
    return f"Refund {made.pk}: {euros:.2f} euros for repair {repair} are on their way."


workshop = Agent(
    name="Workshop",
    handoff_description="Books visits, and knows the state of every repair.",
    instructions="Answer in a sentence or two. Find out what you need to know before you book.",
    tools=[book_visit, find_repair],
)
front_desk = Agent(
    name="Front desk",
    instructions="You answer for a bicycle shop. Leave repairs to the workshop.",
    tools=[opening_hours, refund],
    handoffs=[workshop],
)


@cache
def model_config() -> RunConfig:
    """The model that the environment names; when it names none, a stand-in on this machine."""
    config = RunConfig()
    if not has_model_server():
        session = requests.Session()
        session.trust_env = False  # no proxy stands between this process and itself
        client = ResponsesClient(base_url=ResponsesServer().start().base_url, session=session)
        config.model_provider = OpenAIProvider(client)
    return config
