"""Runs are generators, so `yield from` puts several into one: a pipeline that streams.

Run it: python examples/16_composing_runs.py
"""

from collections.abc import Generator

from agents_lite import Agent, AgentUpdatedStreamEvent, Runner, StreamEvent
from agents_lite.testing import offline_unless_configured

writer = Agent(name="Writer", instructions="Reply with 'Roses are red.'")
critic = Agent(name="Critic", instructions="Reply with 'A classic, but is it new?'")


def write_poem(topic: str) -> Generator[StreamEvent, None, str]:
    """Let one agent write and another one criticise; returns both texts."""
    poem = yield from Runner.stream(writer, f"A line about {topic}")
    opinion = yield from Runner.stream(critic, poem.final_output)
    return f"{poem.final_output} -- {opinion.final_output}"


def show_progress() -> Generator[StreamEvent, None, None]:
    print((yield from write_poem("flowers")))


def main() -> None:
    with offline_unless_configured():
        for event in show_progress():
            if isinstance(event, AgentUpdatedStreamEvent):
                print(event.new_agent.name, "is at work")


if __name__ == "__main__":
    main()

# Output:
# Writer is at work
# Critic is at work
# Roses are red. -- A classic, but is it new?
