"""Streaming: a run is a plain generator of events, read with `for`; leaving the loop stops it.

Run it: python examples/04_streaming.py
"""

from agents_lite import Agent, RawResponsesStreamEvent, RunItemStreamEvent, Runner, function_tool
from agents_lite.testing import offline_unless_configured


@function_tool
def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


agent = Agent(name="Counter", instructions="Count words with your tool.", tools=[count_words])


def main() -> None:
    with offline_unless_configured():
        for event in Runner.stream(agent, "How many words has 'to be or not to be'?"):
            if isinstance(event, RunItemStreamEvent):
                print(f"[{event.name}]")
            elif isinstance(event, RawResponsesStreamEvent):
                if event.data.type == "response.output_text.delta":
                    print(event.data.delta, end="|", flush=True)
                elif event.data.type == "response.output_text.done":
                    print()


if __name__ == "__main__":
    main()

# Output:
# [tool_called]
# [tool_output]
# count_words(|to |be |or |not |to |be) |gives |6.|
# [message_output_created]
