"""Handoffs: one agent passes the conversation on to another.

This one asks the model for a reason, and hides what the tools said from the next agent.
Run it: python examples/07_handoffs.py
"""

from pydantic import BaseModel

from agents_lite import Agent, RunContextWrapper, Runner, handoff
from agents_lite.extensions import handoff_filters
from agents_lite.testing import offline_unless_configured


class Escalation(BaseModel):
    reason: str


def note_escalation(context: RunContextWrapper[None], data: Escalation) -> None:
    print("Escalated:", data.reason)


billing_agent = Agent(
    name="Billing agent",
    handoff_description="Bills and invoices.",
    instructions="Reply with 'Billing here, what is the matter?'",
)
manager = Agent(name="Manager", instructions="Reply with 'Let me make that right.'")
front_desk = Agent(
    name="Front desk",
    instructions="Pass the customer on.",
    handoffs=[
        billing_agent,
        handoff(
            manager,
            tool_description_override="Handoff to the manager, for complaints.",
            on_handoff=note_escalation,
            input_type=Escalation,
            input_filter=handoff_filters.remove_all_tools,
        ),
    ],
)


def main() -> None:
    with offline_unless_configured():
        for message in ("My invoice looks odd.", "I have a complaint: 'the soup was cold'."):
            result = Runner.run_sync(front_desk, message)
            print(f"{result.last_agent.name}: {result.final_output}")


if __name__ == "__main__":
    main()

# Output:
# Billing agent: Billing here, what is the matter?
# Escalated: the soup was cold
# Manager: Let me make that right.
