"""What a cassette holds: questions, each with its answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..concurrency.forks import new_lock

JSON = dict[str, Any]


@dataclass(eq=False)
class Entry:
    """One question and its answer."""

    asked: JSON
    """What was asked; of a model {"model": ..., "input": ..., ...}, of a tool {"tool": ...,
    "arguments": ...}."""
    answer: JSON
    """What was answered; of a model {"response": ..., "events": ...}, of a tool {"output": ...}."""
    agent: str = ""
    """The agent that asked."""
    thread: int | None = field(default_factory=threading.get_ident)
    """Where it asked; None: that is not known, the entry comes from a file."""
    is_used: bool = False
    """Whether it has been answered from, or was recorded just now."""


class Entries:
    """Entries found by what was asked; of several alike, each answers once, in their order.

    Safe from any thread.

    Args:
        known: Those of the file.
        compared: What of a question counts.
    """

    def __init__(self, known: list[Entry], compared: Callable[[JSON], Any]) -> None:
        self.all = known
        self._compared = compared
        self._lock = new_lock()
        self._unused = [(compared(entry.asked), entry) for entry in known]

    def take(self, asked: JSON) -> Entry | None:
        """The next entry for that question, or None."""
        with self._lock:
            wanted = self._compared(asked)
            for place, (counts, entry) in enumerate(self._unused):
                if counts == wanted:
                    del self._unused[place]
                    entry.is_used = True
                    return entry
            return None

    def add(self, entry: Entry) -> None:
        """Record an entry; nobody is answered from it this time."""
        entry.is_used = True
        with self._lock:
            self.all.append(entry)

    def like(self, asked: JSON) -> int:
        """How many entries there are for that question, used or not."""
        wanted = self._compared(asked)
        return sum(self._compared(entry.asked) == wanted for entry in self.all)

    def left_over(self) -> list[Entry]:
        """Those that nobody has asked for."""
        return [entry for entry in self.all if not entry.is_used]

    def in_order(self) -> list[Entry]:
        """Those used, as they were asked; where several threads asked, by what was asked.

        Threads take turns as they like, and a file recorded again should be the same.
        """
        used = [entry for entry in self.all if entry.is_used]
        if len({entry.thread for entry in used if entry.thread is not None}) > 1:
            used.sort(key=lambda entry: json.dumps(entry.asked.get("input", entry.asked)))
        return used
