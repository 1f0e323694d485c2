"""Sessions: the conversation is remembered in a file, across runs and restarts.

Run it: python examples/06_sessions.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from agents_lite import Agent, Runner, SQLiteSession
from agents_lite.testing import offline_unless_configured

agent = Agent(name="Assistant", instructions="Reply with 'Noted.'")


def main() -> None:
    with offline_unless_configured(), TemporaryDirectory() as folder:
        path = Path(folder, "conversations.db")
        Runner.run_sync(agent, "My name is Ada.", session=SQLiteSession("ada", path))
        Runner.run_sync(agent, "I live in London.", session=SQLiteSession("ada", path))
        Runner.run_sync(agent, "I am somebody else.", session=SQLiteSession("grace", path))

        session = SQLiteSession("ada", path)
        for item in session.get_items():
            text = item["content"]
            print(f"{item['role']}: {text if isinstance(text, str) else text[0]['text']}")

        session.pop_item()  # take the last answer back
        print(len(session.get_items()), "items are left")
        session.close()


if __name__ == "__main__":
    main()

# Output:
# user: My name is Ada.
# assistant: Noted.
# user: I live in London.
# assistant: Noted.
# 3 items are left
