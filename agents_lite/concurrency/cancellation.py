"""The stop switch of a run: set from any thread, felt wherever the run is waiting."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from .timers import Watch, call_at

if TYPE_CHECKING:
    from typing import Self

logger = logging.getLogger("agents_lite")


class RunCancelled(BaseException):
    """The run was told to stop.

    Like KeyboardInterrupt it is no `Exception`, so a tool's `except Exception` cannot swallow it.
    """


class Cancellation:
    """Whether a run, or a part of one, has to stop, and why.

    A part has one of its own, as a scope that ends with it:

        with Cancellation(parent, seconds=2, late=TooLate) as scope: ...

    It stops when its parent does, not the other way round, and when its time is up. All methods are
    safe to call from any thread.
    """

    # No lock, which an interrupt or a fork could leave locked: what is done to the lists is one
    # step for all threads.

    def __init__(
        self,
        parent: Cancellation | None = None,
        *,
        seconds: float | None = None,
        late: Callable[[], BaseException] | None = None,
    ) -> None:
        """Say what stops the work.

        Args:
            parent: Stops it too; None: nothing does but what is said here.
            seconds: How long the `with` block may take; None: as long as it likes.
            late: Makes what the work raises once they are over, on any thread; None: a
                RunCancelled.
        """
        self.reasons: list[BaseException] = []
        """Why the work has to stop, the first one counts; empty as long as it may go on."""
        self._callbacks: list[Callable[[], object]] = []
        self._parent = parent
        self._seconds = seconds
        self._late = late
        self._watch: Watch | None = None
        if parent is not None:
            parent._add(self._follow)

    def __enter__(self) -> Self:
        """Begin to count the seconds."""
        if self._seconds is not None:
            self._watch = call_at(time.monotonic() + self._seconds, self._end_time)
        return self

    def __exit__(self, *_exception: object) -> None:
        """The work is over: neither the parent nor the clock stops it any more."""
        if self._watch is not None:
            self._watch.cancel()
        if self._parent is not None:
            self._parent._remove(self._follow)

    @property
    def root(self) -> Cancellation:
        """That of which this one is a part, of a part ...; itself where it is of none."""
        scope = self
        while scope._parent is not None:
            scope = scope._parent
        return scope

    @property
    def reason(self) -> BaseException | None:
        """What the stopped work raises, or None as long as it may go on."""
        return self.reasons[0] if self.reasons else None

    def cancel(self, reason: BaseException) -> None:
        """Stop the work: `check` raises `reason` from now on; the first reason stays."""
        self.reasons.append(reason)
        self._interrupt()

    def check(self) -> None:
        """Raise the reason, if the work was told to stop."""
        if self.reasons:
            raise self.reasons[0]

    def interrupting(self, callback: Callable[[], object]) -> Interrupting:
        """A block: call `callback` (from the cancelling thread) if the work is stopped inside it.

        It is called at once when the work was stopped before; it must be quick and not raise.
        """
        return Interrupting(self, callback)

    def wait(self, seconds: float) -> None:
        """Sleep for so many seconds, or until stopped: then raise the reason."""
        stopped: SimpleQueue[None] = SimpleQueue()
        with self.interrupting(lambda: stopped.put(None)), suppress(Empty):
            stopped.get(timeout=max(0, seconds))  # the time may be up already
        self.check()

    def _end_time(self) -> None:
        if self._late is not None:
            self.cancel(self._late())
        else:
            self.cancel(RunCancelled(f"It did not end within {self._seconds:g} seconds"))

    def _follow(self) -> None:
        if self._parent is not None and self._parent.reason is not None:
            self.cancel(self._parent.reason)

    def _add(self, callback: Callable[[], object]) -> None:
        self._callbacks.append(callback)
        if self.reasons:
            self._interrupt()

    def _remove(self, callback: Callable[[], object]) -> None:
        try:
            self._callbacks.remove(callback)
        except ValueError:  # it was called
            pass

    def _interrupt(self) -> None:
        with suppress(IndexError):  # none is left; other threads may be taking them, too
            while True:
                callback = self._callbacks.pop(0)
                try:
                    callback()
                except Exception:  # one that fails must not keep the others from being told
                    logger.exception("Could not interrupt what a run is waiting for.")


class Interrupting:
    """The block of `Cancellation.interrupting`; no generator, since every call enters some."""

    __slots__ = ("_callback", "_cancellation")

    def __init__(self, cancellation: Cancellation, callback: Callable[[], object]) -> None:
        self._cancellation = cancellation
        self._callback = callback

    def __enter__(self) -> None:
        self._cancellation._add(self._callback)

    def __exit__(self, *_exception: object) -> None:
        self._cancellation._remove(self._callback)


current_cancellation: ContextVar[Cancellation | None] = ContextVar(
    "agents_lite_cancellation", default=None
)
"""What stops the run that the running code was called by, or None outside of runs."""
