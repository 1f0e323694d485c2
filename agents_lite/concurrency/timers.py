"""Calls functions at points in time, from one thread that lives only while it has work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from queue import Empty, SimpleQueue

from .forks import in_child, new_lock

logger = logging.getLogger("agents_lite")

LONGEST_SLEEP = 1.0
"""Seconds after which the thread looks again: it clears away what was cancelled, or ends."""


class Watch:
    """A call that is due at a point in time."""

    __slots__ = ("_callback", "deadline")

    def __init__(self, deadline: float, callback: Callable[[], object]) -> None:
        self.deadline = deadline
        self._callback: Callable[[], object] | None = callback

    @property
    def is_cancelled(self) -> bool:
        """Whether the call will not be made any more."""
        return self._callback is None

    def cancel(self) -> None:
        """Do not make the call; one that is being made already is not stopped."""
        self._callback = None

    def fire(self) -> None:
        """Make the call, unless it was cancelled."""
        callback = self._callback
        try:
            if callback is not None:
                callback()
        except Exception:  # the thread has other calls to make
            logger.exception("A call of the watchdog failed")


class Watchdog:
    """Keeps the calls to be made and the thread that makes them."""

    _news: SimpleQueue[None]
    _watches: list[Watch]
    _thread: threading.Thread | None
    _wakes_at: float

    def __init__(self) -> None:
        self._lock = new_lock()
        self._forget()
        in_child(self._forget)

    def call_at(self, deadline: float, callback: Callable[[], object]) -> Watch:
        """Call `callback` on another thread once `time.monotonic()` reaches `deadline`.

        The callback must be quick; what it raises is logged. A forked child starts with nothing to
        watch.
        """
        watch = Watch(deadline, callback)
        with self._lock:
            self._watches.append(watch)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="agents_lite watchdog")
                thread.daemon = True
                with suppress(RuntimeError):  # none can be started: the next call tries again
                    thread.start()
                    self._thread = thread
            elif deadline < self._wakes_at:
                self._news.put(None)
        return watch

    def _forget(self) -> None:
        self._news = SimpleQueue()
        self._watches = []
        self._thread = None
        self._wakes_at = 0.0

    def _run(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                live = [watch for watch in self._watches if not watch.is_cancelled]
                due = [watch for watch in live if watch.deadline <= now]
                self._watches = [watch for watch in live if watch.deadline > now]
                if not live:
                    self._thread = None
                    return
                self._wakes_at = min([now + LONGEST_SLEEP, *(w.deadline for w in self._watches)])
            for watch in sorted(due, key=attrgetter("deadline")):
                watch.fire()
            with suppress(Empty):
                self._news.get(timeout=max(0, self._wakes_at - time.monotonic()))


call_at = Watchdog().call_at
