"""Work that begins on threads: at once, or one piece after the other where much is at work.

Threads that want the interpreter's lock wake up every 5 ms to ask for it again. A few do no harm;
hundreds that begin together take more time by this than by their work, and hold all their memory
at once. So beyond `FREE` the next one begins when the last has come to wait for something, has
ended, or has had its moment. Nothing is kept back for long by what blocks: with each moment that
something blocks in, twice as many may begin side by side.

Nothing here has a lock. What is done to the sets is one step for all threads, and a beginning that
is missed, as two threads meet or an interrupt comes between, is made up for a moment later.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

from ..exceptions import UserError
from .forks import in_child
from .timers import call_at
from .workers import Outcome, before_waiting, begin, job_of

T = TypeVar("T")

FREE = 32
"""So much may be at work before the rest begins in turn."""
MOMENT = 0.02
"""Seconds after which what blocks as it begins keeps others from it no longer."""

AT_ONCE = 0.002
"""Seconds in which a thread has the interpreter's lock that has not to wait for it."""

IDLE = 0.25
"""The share of a processor up to which the process has next to nothing to do."""

_Turn = tuple[Outcome[Any], Callable[[], None]]


class Starts:
    """What is at work, what has only just begun, and what is still to begin."""

    def __init__(self, moment: float = MOMENT) -> None:
        """Begin with nothing at work.

        Args:
            moment: Seconds after which what blocks as it begins keeps others from it no longer.
        """
        self._moment = moment
        self._forget()
        in_child(self._forget)

    def _forget(self) -> None:
        self._at_work: WeakSet[Outcome[Any]] = WeakSet()  # those in the queue, too
        self._beginning: dict[Outcome[Any], float] = {}  # and since when
        self._room = 1
        self._queue: deque[_Turn] = deque()
        self._next_look = 0.0  # when one is due; long past: none is

    def run(self, function: Callable[..., T], *args: Any) -> Outcome[T]:
        """As `run_in_thread`, but in turn where much is at work.

        Raises:
            UserError: No thread can be started.
        """
        outcome, job = job_of(function, args)
        is_crowded = len(self._at_work) >= FREE
        self._at_work.add(outcome)
        if is_crowded:
            if self._queue or not self._has_room():
                self._queue.append((outcome, job))
                self._look_later()
                return outcome
            self._beginning[outcome] = time.monotonic()
        try:
            begin(partial(self._work, outcome, job))
        except UserError:
            self._end(outcome)
            raise
        return outcome

    def hurry(self, outcome: Future[Any]) -> None:
        """Begin at once, where it is still to begin: it was told to stop, and is waited for."""
        for turn in list(self._queue):
            if turn[0] is outcome:
                with suppress(ValueError):  # it begins at this moment
                    self._queue.remove(turn)
                    self._begin(turn)
                return

    def _work(self, outcome: Outcome[Any], job: Callable[[], None]) -> None:
        """Do a job, and after it those whose turn it is then."""
        turn: _Turn | None = (outcome, job)
        del outcome, job
        while turn is not None:
            before_waiting(partial(self._has_begun, turn[0]))
            self._begin_next()
            turn[1]()
            self._end(turn[0])
            turn = self._next()
        before_waiting(None)

    def _has_begun(self, outcome: Outcome[Any]) -> None:
        self._beginning.pop(outcome, None)
        self._begin_next()

    def _end(self, outcome: Outcome[Any]) -> None:
        self._beginning.pop(outcome, None)
        self._at_work.discard(outcome)

    def _has_room(self) -> bool:
        return len(self._beginning) < self._room

    def _next(self) -> _Turn | None:
        """Whose turn it is, or None: not yet, or nobody is left."""
        if not self._queue or not self._has_room():
            return None
        try:
            turn = self._queue.popleft()
        except IndexError:  # another thread took it
            return None
        self._beginning[turn[0]] = time.monotonic()
        return turn

    def _begin_next(self) -> None:
        """Have a thread begin the next; where there is room for more, it goes on with them."""
        turn = self._next()
        if turn is not None:
            self._begin(turn)

    def _begin(self, turn: _Turn) -> None:
        try:
            begin(partial(self._work, *turn))
        except UserError:  # one that ends will take it
            self._beginning.pop(turn[0], None)
            self._queue.appendleft(turn)
            self._look_later()

    def _look_later(self) -> None:
        """Look a moment from now, unless a look is due; one that is noted too late is past."""
        now = time.monotonic()
        if now >= self._next_look:
            due = now + self._moment
            call_at(due, partial(self._look, due, time.process_time()))
            self._next_look = due

    def _look(self, due: float, cpu: float) -> None:
        """Count those no longer that have had their moment.

        Args:
            due: When it was due.
            cpu: Seconds that the process had taken when it was arranged.
        """
        now = time.monotonic()
        early = now - self._moment / 2
        late = [each for each, since in self._beginning.copy().items() if since <= early]
        for outcome in late:
            self._beginning.pop(outcome, None)
        if not late:
            self._room = max(1, self._room // 2)
        elif now - due <= AT_ONCE and time.process_time() - cpu < self._moment * IDLE:
            self._room *= 2  # they wait for other things than the interpreter's lock
        self._begin_next()
        if self._queue:
            self._look_later()


_starts = Starts()
run_in_turn, hurry = _starts.run, _starts.hurry
