"""Durable runs: a process dies in the middle of a turn, and the next one goes on there.

What the tools write is committed together with the run, so nothing is charged twice:
python examples/25_durable.py
"""

import multiprocessing
import os
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from agents_lite import Agent, RunConfig, Runner, SQLiteJournal, function_tool
from agents_lite.testing import offline_unless_configured


def settle(path: Path, dies: bool) -> None:
    """Settle an invoice; or get as far as the receipt, and die."""
    shop = sqlite3.connect(path)
    shop.execute("CREATE TABLE IF NOT EXISTS done (what TEXT)")

    @function_tool
    def charge(euros: float) -> str:
        """Charge an amount of euros."""
        shop.execute("INSERT INTO done VALUES (?)", [f"charged {euros:g} euros"])
        return f"{euros:g} euros were charged."

    @function_tool
    def send_receipt(email: str) -> str:
        """Send a receipt to an email address."""
        shop.execute("INSERT INTO done VALUES (?)", [f"sent a receipt to {email}"])
        if dies:
            os._exit(1)
        return f"A receipt was sent to {email}."

    agent = Agent(name="Cashier", tools=[charge, send_receipt])
    config = RunConfig(journal=SQLiteJournal(connection=shop), run_id="invoice-7")
    with offline_unless_configured():
        prompt = "Charge 20 euros and send a receipt to the email ada@example.org"
        print(Runner.run_sync(agent, prompt, run_config=config).final_output)


def main() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "shop.db")
        for dies in (True, False):
            process = multiprocessing.Process(target=settle, args=(path, dies))
            process.start()
            process.join()
            done = [what for (what,) in sqlite3.connect(path).execute("SELECT * FROM done")]
            print("died with" if process.exitcode else "ended with", done)


if __name__ == "__main__":
    main()

# Output:
# died with ['charged 20 euros']
# 20 euros were charged. A receipt was sent to ada@example.org.
# ended with ['charged 20 euros', 'sent a receipt to ada@example.org']
