"""So many at a time, whichever thread they are on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from .cancellation import Cancellation
from .forks import new_lock
from .workers import Outcome, wait_for


class Seats:
    """Seats for so many at a time; who comes first is the first to have one."""

    def __init__(self, count: int) -> None:
        """Begin with all of them free."""
        self._free = count
        self._waiting: deque[Outcome[None]] = deque()
        self._lock = new_lock()

    @contextmanager
    def taken(self, cancellation: Cancellation) -> Iterator[None]:
        """A block that has a seat of its own; before it, one is waited for.

        Raises:
            BaseException: The reason of the cancellation.
        """
        seat: Outcome[None] = Outcome()
        try:
            with self._lock:
                self._waiting.append(seat)
            self._hand_out()
            wait_for(seat, cancellation)
            yield
        finally:
            with self._lock:
                if seat.done():
                    self._free += 1
                elif seat in self._waiting:
                    self._waiting.remove(seat)
            self._hand_out()

    def _hand_out(self) -> None:
        with self._lock:
            while self._free and self._waiting:
                self._free -= 1
                self._waiting.popleft().set_result(None)
