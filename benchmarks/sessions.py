"""What a session costs beside the bare driver: `python -m benchmarks.sessions`.

Both sides of a row take turns, and a figure is the median of the ratios between neighbours in time.
Appending is measured against the driver's own transaction over rows already written as JSON, and
reading against its own SELECT with `json.loads` over the rows.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from agents_lite.memory import SQLiteSession

TURN: list[dict[str, Any]] = [
    {"role": "user", "content": "What is the weather in Oslo, and what in Lima?"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x" * 800},
    {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"in":"Oslo"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": "Rain, 7 degrees. " * 10},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "It rains. " * 40, "annotations": []}],
    },
]
ITEMS = 10_000
INSERT = "INSERT INTO agent_messages (session_id, message_data) VALUES (?, ?)"
SELECT = "SELECT message_data FROM agent_messages WHERE session_id = ? ORDER BY id"


def main() -> None:
    """Measure and print one line for each figure."""
    with TemporaryDirectory() as directory:
        rows = [
            ("append a turn to a file", measure_append(Path(directory)), 2.0),
            (f"read {ITEMS:,} items", measure_read(Path(directory)), 1.5),
        ]
    print(f"{'':26}{'bare driver':>14}{'SQLiteSession':>16}{'target':>10}")
    for title, (bare, ratio), target in rows:
        print(f"{title:26}{bare * 1e6:>11,.0f} us{ratio:>15.2f}x{target:>9.1f}x")


def measure_append(directory: Path) -> tuple[float, float]:
    """Seconds for the bare transaction, and the session's multiple of it."""
    texts = [json.dumps(item) for item in TURN]
    with SQLiteSession("ours", directory / "ours.db") as session:
        with closing(open_bare(directory / "bare.db")) as connection:

            def append_bare() -> None:
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.executemany(INSERT, [("bare", text) for text in texts])

            return compare(append_bare, lambda: session.add_items(TURN), rounds=1000)


def measure_read(directory: Path) -> tuple[float, float]:
    """Seconds for `json.loads` over the bare rows, and the session's multiple of it."""
    with SQLiteSession("ours", directory / "read.db") as session:
        session.add_items(TURN * (ITEMS // len(TURN)))
        with closing(open_bare(directory / "read.db")) as connection:

            def read_bare() -> None:
                for (text,) in connection.execute(SELECT, ["ours"]).fetchall():
                    json.loads(text)

            return compare(read_bare, session.get_items, rounds=30)


def open_bare(path: Path) -> sqlite3.Connection:
    """The driver's own connection to a file with a session's tables."""
    with SQLiteSession("tables", path) as session:
        session.get_items()
    return sqlite3.connect(path, isolation_level=None)


def compare(
    bare: Callable[[], object], ours: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """The median seconds of `bare`, and the median of how many times as long `ours` takes."""
    pairs = [(seconds(bare), seconds(ours)) for _round in range(rounds)]
    return median(first for first, _ in pairs), median(second / first for first, second in pairs)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
