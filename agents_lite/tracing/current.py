"""The trace and span that the running code belongs to, kept in one context variable."""

from __future__ import annotations

import time
from contextvars import ContextVar
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from .warnings import WarnOnce

if TYPE_CHECKING:
    from typing import Self

    from .spans import Span
    from .traces import Trace

_innermost: ContextVar[Activity | None] = ContextVar("agents_lite_activity", default=None)
_warn_misuse = WarnOnce()


def get_current_activity() -> Trace | Span[Any] | None:
    """The innermost trace or span that is marked current and not finished, or None.

    A finished one may still be marked, in a context that did not see it end (a generator closed
    from another thread); what surrounded it counts instead.
    """
    activity = _innermost.get()
    while activity is not None and activity.ended_ns is not None:
        activity = activity._surrounding
    return activity  # type: ignore[return-value]  # there are no other subclasses


def get_current_trace() -> Trace | None:
    """The trace that running code belongs to, or None."""
    activity = get_current_activity()
    return None if activity is None else activity.trace


def get_current_span() -> Span[Any] | None:
    """The span that running code belongs to, or None where only a trace, or nothing, is open."""
    activity = get_current_activity()
    return None if activity is None or activity.is_trace else activity  # type: ignore[return-value]


class Activity:
    """What `Trace` and `Span` share: it starts, may be current for a while, and finishes."""

    is_trace = False
    trace: Any
    """What it belongs to; itself where it is a trace; None: nothing, so it is disabled."""
    _on_start: ClassVar[str]
    """The method of trace processors that is told of its start."""
    _on_end: ClassVar[str]
    """The one that is told of its end."""
    disabled: bool
    """Whether nothing is recorded, here and inside."""
    hides_content = False
    """Whether errors are told by their class alone, here and in spans opened inside, since
    their texts may quote inputs and outputs."""
    started_ns: int | None = None
    """When it started, in nanoseconds since 1970, or None."""
    ended_ns: int | None = None
    """When it ended, in nanoseconds since 1970, or None."""
    _surrounding: Activity | None = None
    _is_in_block = False

    @property
    def started_at(self) -> str | None:
        """When it started, ISO 8601 in UTC, or None: not yet, or nothing is recorded."""
        return None if self.disabled else iso_time(self.started_ns)

    @property
    def ended_at(self) -> str | None:
        """When it ended, ISO 8601 in UTC, or None: not yet, or nothing is recorded."""
        return None if self.disabled else iso_time(self.ended_ns)

    def start(self, mark_as_current: bool = False) -> None:
        """Start it; a second start does nothing.

        Args:
            mark_as_current: Whether spans opened from here on, in this context, belong inside.
        """
        if self.started_ns is not None:
            _warn_misuse("%r was started twice; the second start is ignored.", self)
            return
        self.started_ns = time.time_ns()
        if mark_as_current:
            self._surrounding = get_current_activity()
            _innermost.set(self)
        if not self.disabled:
            self.trace.provider.announce(self._on_start, self)

    def finish(self, reset_current: bool = False) -> None:
        """Finish it; finishing what has ended or never started does nothing.

        Args:
            reset_current: Whether what surrounded it becomes current again.
        """
        self._finish_at(time.time_ns(), reset_current)

    def _finish_at(self, now_ns: int, reset_current: bool = False) -> None:
        if self.started_ns is None or self.ended_ns is not None:
            _warn_misuse("%r is not running; finishing it is ignored.", self)
            return
        self.ended_ns = max(now_ns, self.started_ns)  # the clock may be set back
        if reset_current and _innermost.get() is self:
            _innermost.set(self._surrounding)
        if not self.disabled:
            self.trace.provider.announce(self._on_end, self)

    def _note_exception(self, error: BaseException) -> None:
        """Take note of an exception that left the `with` block."""

    def __enter__(self) -> Self:
        self._is_in_block = True
        self.start(mark_as_current=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, GeneratorExit):  # closing is no failure
            self._note_exception(error)
        self._is_in_block = False
        marked = _innermost.get()
        while not (marked is None or marked is self or marked._is_in_block):
            marked = marked._surrounding
        if marked is self:  # what was left open inside, without a block, is current no longer
            _innermost.set(self)
        self._finish_at(time.time_ns(), reset_current=True)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


def iso_time(nanoseconds: int | None) -> str | None:
    """Nanoseconds since 1970 as ISO 8601 text in UTC, to the microsecond; None stays None."""
    if nanoseconds is None:
        return None
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{_iso_second(seconds)}.{rest // 1000:06}+00:00"


@lru_cache(maxsize=64)  # most spans of a run share their seconds
def _iso_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
