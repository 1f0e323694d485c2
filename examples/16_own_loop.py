"""Driving the loop yourself: look at each step, and stop when you have seen enough.

Run it: python examples/16_own_loop.py
"""

from collections.abc import Generator

from agents_lite import Agent, Runner, RunResult, StreamEvent, function_tool
from agents_lite.testing.offline import offline_unless_configured


@function_tool
def roll_dice(sides: int) -> int:
    """Roll dice with so many sides."""
    return sides  # always lucky


agent = Agent(name="Croupier", tools=[roll_dice])


def numbered(events: Generator[StreamEvent, None, RunResult]) -> Generator[str, None, RunResult]:
    """A generator around the run's own; `yield from` and `return` would do as well."""
    number = 0
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            return end.value
        if event.type != "raw_response_event":
            number += 1
            yield f"{number}. {event.type}"


def main() -> None:
    with offline_unless_configured():
        steps = numbered(Runner.stream(agent, "Roll dice with 6 sides"))
        for step in steps:
            print(step)

        events = Runner.stream(agent, "Roll dice with 20 sides")
        for event in events:
            if event.type == "run_item_stream_event" and event.name == "tool_called":
                events.close()  # the tool never runs, the model is not asked again
        print("stopped")


if __name__ == "__main__":
    main()

# Output:
