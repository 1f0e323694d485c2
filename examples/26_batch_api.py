"""The Batch API: requests are submitted in a file, and the next start collects the answers.

Run it: python examples/26_batch_api.py (a cron job would run `agents-lite batch`)
"""

import json
import os
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

from agents_lite import Agent, function_tool
from agents_lite.cli import main as agents_lite
from agents_lite.testing import offline_unless_configured

COMMAND = "batch in.jsonl --out out.jsonl --batch-api --quiet --agent".split()


@function_tool
def find_price(product: str) -> str:
    """Find the price of a product."""
    return f"A {product} costs 24.90 EUR."


agent = Agent(name="Shop assistant", tools=[find_price])


def main() -> None:
    place = f"{os.path.abspath(__file__)}:agent"
    with offline_unless_configured(), TemporaryDirectory() as folder, chdir(folder):
        lines = ["Reply with 'hello'", "Find the price of the product 'bell'"]
        Path("in.jsonl").write_text("\n".join(map(json.dumps, lines)))
        for number in (1, 2, 3):
            code = agents_lite([*COMMAND, place])
            found = sorted(Path("out.jsonl").read_text().splitlines())
            print(f"start {number} ends with {code}:", *(json.loads(x)["output"] for x in found))


if __name__ == "__main__":
    main()

# Output:
# start 1 ends with 4:
# start 2 ends with 4: hello
# start 3 ends with 0: hello A bell costs 24.90 EUR.
