"""A process of its own that adds turns to a session.

Usage: python -m tests.support.session_writer KIND LOCATION SESSION_ID WRITER THREADS TURNS

It prints a line when the session is open, and starts to write once it reads one.
"""

from __future__ import annotations

import sys
import threading

from tests.support.session_stores import Store, make_turn


def main() -> None:
    """Add TURNS turns from each of THREADS threads that share one session."""
    kind, location, session_id, writer, threads, turns = sys.argv[1:]
    session = Store(kind, location).open(session_id)

    def write(thread: int) -> None:
        for turn in range(int(turns)):
            session.add_items(make_turn(f"{writer}.{thread}", turn, size=5 + turn % 20))

    print("ready", flush=True)
    sys.stdin.readline()
    workers = [threading.Thread(target=write, args=(n,)) for n in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
