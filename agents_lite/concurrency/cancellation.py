"""The stop switch of a run: set from any thread, felt wherever the run is waiting."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger("agents_lite")


class RunCancelled(BaseException):
    """The run was told to stop.

    Like KeyboardInterrupt it is no `Exception`, so a tool's `except Exception` cannot swallow it.
    """


class Cancellation:
    """Whether a run, or one model call of it, has to stop, and why.

    A child stops when its parent does, not the other way round. All methods are safe to call from
    any thread.
    """

    def __init__(self, parent: Cancellation | None = None) -> None:
        self.reason: BaseException | None = None
        """What the stopped work raises, or None as long as it may go on."""
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []
        self._parent = parent
        if parent is not None:
            parent._add(self._follow)

    def cancel(self, reason: BaseException) -> None:
        """Stop the work: `check` raises `reason` from now on; the first reason stays."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception:  # one that fails must not keep the others from being told
                logger.exception("Could not interrupt what a run is waiting for.")

    def check(self) -> None:
        """Raise the reason, if the work was told to stop."""
        if self.reason is not None:
            raise self.reason

    @contextmanager
    def interrupting(self, callback: Callable[[], object]) -> Iterator[None]:
        """Call `callback` (from the cancelling thread) if the work is stopped inside the block.

        It is called at once when the work was stopped before; it must be quick and not raise.
        """
        self._add(callback)
        try:
            yield
        finally:
            self._remove(callback)

    def wait(self, seconds: float) -> None:
        """Sleep for so many seconds, or until stopped: then raise the reason."""
        stopped = threading.Event()
        with self.interrupting(stopped.set):
            stopped.wait(seconds)
        self.check()

    def detach(self) -> None:
        """Let the parent forget this child, whose work is over."""
        if self._parent is not None:
            self._parent._remove(self._follow)

    def _follow(self) -> None:
        if self._parent is not None and self._parent.reason is not None:
            self.cancel(self._parent.reason)

    def _add(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if self.reason is None:
                self._callbacks.append(callback)
                return
        callback()

    def _remove(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)
