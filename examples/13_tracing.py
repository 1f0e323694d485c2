"""Tracing: every run leaves a tree of spans; here two runs in one trace, kept in a local file.

Run it: python examples/13_tracing.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from agents_lite import Agent, Runner, function_tool, trace
from agents_lite.testing import offline_unless_configured
from agents_lite.tracing import SQLiteTraceProcessor, TraceStore, flush_traces, set_trace_processors


@function_tool
def tell_joke(topic: str) -> str:
    """Tell a joke about a topic."""
    return f"A {topic} walks into a bar."


joker = Agent(name="Joker", tools=[tell_joke])
critic = Agent(name="Critic", instructions="Reply with 'Two stars.'")


def main() -> None:
    with TemporaryDirectory() as folder, offline_unless_configured():
        path = Path(folder, "traces.db")
        set_trace_processors([SQLiteTraceProcessor(path)])
        with trace("Joke workflow", group_id="evening show") as show:
            joke = Runner.run_sync(joker, "Tell me a joke about a 'horse'.").final_output
            show.add_event("joke told", {"length": len(joke)})
            Runner.run_sync(critic, f"Rate this joke: {joke}")
        flush_traces()

        stored = TraceStore(path).load_trace(show.trace_id)
        assert stored is not None  # it has just been written
        print(f"{stored.workflow_name}: {stored.span_count} spans, {stored.error_count} errors")
        for span in stored.spans:
            print("-", span.span_data.get("name") or span.span_data["type"])


if __name__ == "__main__":
    main()

# Output:
# Joke workflow: 7 spans, 0 errors
# - Joker
# - generation
# - tell_joke
# - generation
# - joke told
# - Critic
# - generation
