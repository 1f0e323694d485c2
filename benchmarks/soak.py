"""Ten thousand runs, then another look: memory, threads and sockets must not have grown.

`python -m benchmarks.soak` ends with 1 when they have. A run here has a tool call and an answer;
every fourth is streamed, every eighth of them left at its first delta, every tenth fails.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .sides import Stub

THREADS = 8
WARM_UP = 2000
MOST_GROWTH_MB = 2.0


@dataclass
class Holdings:
    """What this process holds."""

    memory_mb: float
    threads: int
    sockets: int

    @classmethod
    def now(cls) -> Holdings:
        gc.collect()
        time.sleep(2.5)  # idle threads of the SDK end by themselves within this time
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            memory_mb=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            threads=threading.active_count(),
            sockets=sum(
                os.readlink(entry).startswith("socket:")
                for entry in Path("/proc/self/fd").iterdir()
                if entry.is_symlink() and os.path.lexists(entry)
            ),
        )


def run(number: int) -> None:
    """One run, of the kind its number says."""
    from agents_lite import Agent, MaxTurnsExceeded, Runner, function_tool

    @function_tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    agent = Agent(name="A", model="m", tools=[add])
    if number % 10 == 9:
        try:
            Runner.run_sync(agent, "hi", max_turns=1)
        except MaxTurnsExceeded:
            return
        raise RuntimeError("A run without a final output did not fail")
    if number % 4 == 0:
        for event in Runner.run_streamed(agent, "hi").stream_events():
            if number % 32 == 0 and event.type == "raw_response_event":
                return
    else:
        Runner.run_sync(agent, "hi")


def run_all(count: int) -> None:
    """Runs side by side; nothing is kept of them, since memory is what is looked at."""
    from .sdk import in_threads

    numbers = iter(range(count))

    def work() -> None:
        for number in numbers:
            run(number)

    in_threads(work, THREADS, THREADS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    options = parser.parse_args()
    with closing(Stub()) as stub:
        os.environ.update(stub.environment("/1/0/5"))
        run_all(WARM_UP)
        before = Holdings.now()
        started = time.perf_counter()
        run_all(options.runs)
        seconds = time.perf_counter() - started
        after = Holdings.now()
    growth = after.memory_mb - before.memory_mb
    print(f"{options.runs} runs in {seconds:.0f} s, after a warm-up of {WARM_UP}")
    print(f"memory  {before.memory_mb:.1f} MB -> {after.memory_mb:.1f} MB ({growth:+.2f} MB)")
    print(f"threads {before.threads} -> {after.threads}")
    print(f"sockets {before.sockets} -> {after.sockets}")
    has_grown = (
        growth >= MOST_GROWTH_MB
        or after.threads > before.threads
        or after.sockets > before.sockets
    )
    sys.exit("It has grown." if has_grown else 0)


if __name__ == "__main__":
    main()
