"""A typed answer: the final output is an object of the agent's `output_type`.

Run it: python examples/03_structured_output.py
"""

from pydantic import BaseModel

from agents_lite import Agent, Runner
from agents_lite.testing import offline_unless_configured


class CalendarEvent(BaseModel):
    name: str
    date: str
    participants: list[str]


agent = Agent(
    name="Calendar extractor",
    instructions="Extract the calendar event from the text.",
    output_type=CalendarEvent,
)


def main() -> None:
    with offline_unless_configured():
        result = Runner.run_sync(agent, "Put 'Team lunch' on 2025-03-14, with Ada and Grace.")
    event = result.final_output_as(CalendarEvent)
    print(type(event).__name__)
    print(event.name, event.date, event.participants, sep=" | ")


if __name__ == "__main__":
    main()

# Output:
# CalendarEvent
# Team lunch | 2025-03-14 | ['Ada', 'Grace']
