"""Long conversations: the store keeps all of it, the model sees what fits into its window.

Run it: python examples/22_long_conversation.py
"""

from typing import Any

from agents_lite import Agent, Compaction, CompactionSession, Runner, SQLiteSession
from agents_lite.testing import offline_unless_configured

agent = Agent(name="Assistant", instructions="Be brief.")


def keep_the_requests(so_far: str | None, items: list[dict[str, Any]]) -> str:
    """A summary without a model; leave `summarize` out, and the agent's model writes it."""
    asked = [item["content"] for item in items if item.get("role") == "user"]
    return " | ".join(filter(None, [so_far, *(text[:21] for text in asked)]))


def main() -> None:
    store = SQLiteSession("chat")  # give it a file, and it outlives the program
    compaction = Compaction(window=1500, keep_turns=2, summarize=keep_the_requests)
    session = CompactionSession(store, compaction)
    with offline_unless_configured():
        for number in range(1, 16):
            message = f"Reply with 'noted {number}'. " + "Some more words about it. " * 10
            Runner.run_sync(agent, message, session=session)
    shown = session.get_items()
    print(len(store.get_items()), "items are kept")
    print("fewer are shown:", len(shown) < 20)
    print(shown[0]["content"][76:120], "...")


if __name__ == "__main__":
    main()

# Output:
# 30 items are kept
# fewer are shown: True
# Reply with 'noted 1'. | Reply with 'noted 2' ...
