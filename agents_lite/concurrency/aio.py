"""The async facade: a run driven by a thread, watched from an event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..stream_events import RawResponsesStreamEvent, StreamEvent
from .cancellation import RunCancelled
from .generators import drain
from .workers import GRACE_SECONDS, run_in_thread

if TYPE_CHECKING:
    from ..result import RunResult
    from ..running.run_state import RunState

MOST_AHEAD = 1024
"""How many events the driving thread may be ahead of their reader."""

logger = logging.getLogger("agents_lite")


async def run_on_thread(
    state: RunState, events: Generator[StreamEvent, None, RunResult]
) -> RunResult:
    """Drain a run on a thread of its own; cancelling the awaiting task stops the run."""
    state.callbacks.use_loop(asyncio.get_running_loop())
    future = run_in_thread(drain, events)
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        await _stop(state, future)
        raise


class AsyncEvents:
    """A run's events for `async for`; the run goes on as they are read.

    A thread drives the run. While the model's text comes in it may be ahead of the reader, who
    takes what has come in one go; before anything that has consequences it waits until the reader
    asks for more. When the reader leaves, the run is stopped.
    """

    def __init__(self, state: RunState, events: Generator[StreamEvent, None, RunResult]) -> None:
        """Take the run's record and its events."""
        self._state = state
        self._events = events
        self._channel = _Channel(asyncio.get_running_loop())
        self._future: Future[None] | None = None

    def __aiter__(self) -> AsyncEvents:
        return self

    async def __anext__(self) -> StreamEvent:
        channel = self._channel
        while not channel.buffer:
            if channel.is_closed:
                if channel.error is not None:
                    error, channel.error = channel.error, None
                    raise error
                raise StopAsyncIteration
            if self._future is None:
                self._state.callbacks.use_loop(channel.loop)
                self._future = run_in_thread(_feed, self._state, self._events, channel)
            try:
                await channel.wait()
            except asyncio.CancelledError:
                await self.aclose()
                raise
        return channel.buffer.popleft()

    async def aclose(self) -> None:
        """Stop the run, if it is not over."""
        if self._future is None:
            self._channel.close(None)
            with suppress(ValueError):  # another reader drives the run, and is told to stop
                self._events.close()
        elif not self._channel.is_closed:
            await _stop(self._state, self._future)

    def __del__(self) -> None:
        """A reader that left, by `break` for example, stops the run."""
        if self._future is not None and not self._channel.is_closed:
            self._state.cancellation.cancel(RunCancelled())


class _Channel:
    """Takes events from the driving thread to the reader's event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.buffer: deque[StreamEvent] = deque()
        self.is_closed = False
        self.error: BaseException | None = None
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._reader: asyncio.Future[None] | None = None  # waits for something in the buffer
        self._is_stopped = False

    def put(self, event: StreamEvent) -> bool:
        """Hand over an event; wait for the reader where that is due.

        Returns:
            Whether to go on.
        """
        with self._lock:
            self.buffer.append(event)
            reader, self._reader = self._reader, None
        if reader is not None:
            self._wake(reader)
        if _has_consequences(event) or len(self.buffer) >= MOST_AHEAD:
            with self._changed:
                while self._reader is None and not self._is_stopped:
                    self._changed.wait()
        return not self._is_stopped

    def stop(self) -> None:
        """Wait for the reader no longer."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()

    def close(self, error: BaseException | None) -> None:
        """No more events will come, for want of any or because of an error."""
        with self._lock:
            self.error = error
            self.is_closed = True
            reader, self._reader = self._reader, None
        if reader is not None:
            self._wake(reader)

    async def wait(self) -> None:
        """Wait until there is something in the buffer, or the channel is closed."""
        reader = self.loop.create_future()
        with self._changed:
            if self.buffer or self.is_closed:
                return
            self._reader = reader
            self._changed.notify()
        await reader

    def _wake(self, reader: asyncio.Future[None]) -> None:
        try:
            self.loop.call_soon_threadsafe(_settle, reader)
        except RuntimeError:  # the loop is closed: nobody reads any more
            self.stop()


def _settle(reader: asyncio.Future[None]) -> None:
    if not reader.done():
        reader.set_result(None)


def _has_consequences(event: StreamEvent) -> bool:
    """Whether the run may do something with effects once it goes on after this event."""
    return not (isinstance(event, RawResponsesStreamEvent) and event.data.type.endswith(".delta"))


def _feed(
    state: RunState, events: Generator[StreamEvent, None, Any], channel: _Channel
) -> None:
    """Drive a run on this thread, handing its events to the channel."""
    error: BaseException | None = None
    try:
        with state.cancellation.interrupting(channel.stop):
            for event in events:
                if not channel.put(event):
                    break
    except RunCancelled:
        pass
    except BaseException as failure:
        error = failure
    finally:
        try:
            events.close()
        except BaseException as failure:
            error = error or failure
        channel.close(error)


async def _stop(state: RunState, future: Future[Any]) -> None:
    """Stop a run and wait a moment for its thread."""
    state.cancellation.cancel(RunCancelled())
    over = asyncio.wrap_future(future)
    await asyncio.wait([over], timeout=GRACE_SECONDS)
    if over.done():
        over.exception()  # looked at, so that asyncio does not complain
        return
    over.cancel()
    logger.warning(
        "The run was cancelled, but cannot be interrupted in %s; it is not waited for.",
        ", ".join(state.tools_at_work) or "what it does",
    )
