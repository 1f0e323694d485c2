"""The async side: work driven by a thread, watched from an event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary, ref

from ..exceptions import UserError
from .calling import Callbacks, no_end
from .cancellation import Cancellation, RunCancelled, current_cancellation
from .forks import new_lock
from .generators import drain, is_over
from .starts import hurry, run_in_turn
from .workers import GRACE_SECONDS, Outcome, begin, let_others_begin, run_in_thread

MOST_AHEAD = 1024
"""How many values the driving thread may be ahead of their reader."""
RUSH_SECONDS = 0.001
"""Values that follow each other more closely come in a rush."""
RUSH_WAKES = 8
"""So many times a reader is woken in a rush before it lets the driving thread get ahead."""

T = TypeVar("T")
TResult = TypeVar("TResult")

logger = logging.getLogger("agents_lite")


class Work(Protocol[T, TResult]):
    """What a thread can drive: steps, and what calls and stops them."""

    events: Generator[T, None, TResult]
    """The steps, in a context of their own."""
    callbacks: Callbacks
    """Calls functions on an event loop."""
    cancellation: Cancellation
    """Stops the work."""
    tools_at_work: list[str]
    """Names of what cannot be interrupted at this moment, for a warning."""
    failure: BaseException | None
    """What ended it, raised to each reader that has come to its end; None: nothing did."""


def _loop_here() -> asyncio.AbstractEventLoop:
    """The event loop at work on this thread.

    Raises:
        UserError: It is none of asyncio's.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise UserError(
            "Runs are awaited on an event loop of asyncio, and there is none here. Under another "
            "one, trio's for example, call Runner.run_sync in a thread."
        ) from None


async def run_on_thread(work: Work[Any, TResult]) -> TResult:
    """Drain work on a thread of its own; cancelling the awaiting task stops it."""
    loop = _loop_here()
    work.callbacks.use_loop(loop)
    over, bell = loop.create_future(), _bell_of(loop)
    future: Outcome[TResult] = Outcome()
    future.add_done_callback(partial(bell.ring, over))
    # By lambdas, since a `partial` would take some of the thread's stack until the end.
    begin(lambda: future.settle(lambda: drain(work.events)))
    try:
        await over
    except asyncio.CancelledError:
        await _stop(work, future)
        raise
    return future.result()


async def call_aside(call: Callable[..., T], *args: Any) -> T:
    """What a call returns that is made on another thread; when it is cancelled, it ends soon."""
    scope = Cancellation()
    around = current_cancellation.set(scope)
    try:
        outcome = run_in_thread(_call_endless, call, *args)
    finally:
        current_cancellation.reset(around)
    try:
        return await asyncio.wrap_future(outcome)
    except asyncio.CancelledError:
        scope.cancel(RunCancelled())
        raise


def _call_endless(call: Callable[..., T], *args: Any) -> T:
    try:
        return call(*args)
    except BaseException as error:
        if told := no_end(call, error):
            raise told from error
        raise


class AsyncReader(Generic[T]):
    """What work yields, for `async for`; the work goes on as it is read.

    A thread drives the work. It may be ahead of the reader, who takes what has come in one go; but
    after a value that has consequences it waits until the reader asks for more. When the reader
    leaves, the work is stopped.
    """

    def __init__(self, work: Work[T, Any], has_consequences: Callable[[T], bool]) -> None:
        """Take the work, and say after which values something with effects may follow."""
        self._future: Future[None] | None = None  # first: an interrupt may end it here
        self._work = work
        self._driver = _Driver(work, has_consequences, _loop_here())

    def __aiter__(self) -> AsyncReader[T]:
        return self

    async def __anext__(self) -> T:
        driver = self._driver
        while not (values := driver.buffer):
            if driver.is_over:
                error, driver.error = driver.error or self._work.failure, None
                if isinstance(error, StopAsyncIteration):  # of a user's function
                    raise RuntimeError("what is read raised StopAsyncIteration") from error
                raise StopAsyncIteration if error is None else error
            if self._future is None:
                self._work.callbacks.use_loop(driver.loop)
                self._future = run_in_turn(driver.drive)
            try:
                await driver.wait()
            except asyncio.CancelledError:
                await self.aclose()
                raise
        return values.popleft()

    async def aclose(self) -> None:
        """Stop the work, if it is not over."""
        if self._future is None:
            self._driver.is_over = True
            with suppress(ValueError):  # another reader drives the work, and is told to stop
                self._work.events.close()
        elif not self._driver.is_over:
            await _stop(self._work, self._future)

    def __del__(self) -> None:
        """A reader that left, by `break` for example, stops the work."""
        if self._future is not None and not self._driver.is_over:
            self._work.cancellation.cancel(RunCancelled())


class _Driver(Generic[T]):
    """Drives work on its thread, and keeps what it yields until the reader takes it.

    Apart from the reader, so that the thread does not keep a reader alive that has left.
    """

    def __init__(
        self,
        work: Work[T, Any],
        has_consequences: Callable[[T], bool],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.loop = loop
        self._bell = _bell_of(loop)
        self.buffer: deque[T] = deque()
        self.error: BaseException | None = None
        self.is_over = False  # nothing more will come
        self._work = work
        self._has_consequences = has_consequences
        self._is_left = False  # nothing more is wanted
        self._lock = new_lock()
        self._asked: SimpleQueue[None] = SimpleQueue()  # filled as the reader waits, or leaves
        self._reader: asyncio.Future[None] | None = None  # waits for something in the buffer
        self._is_waiting = False  # for the reader
        self._woken_at = 0.0
        self._wakes = 0  # in a rush

    async def wait(self) -> None:
        """Wait until there is something in the buffer, or nothing more will come.

        In a rush each value would wake its reader, which costs more than the value: then the reader
        sleeps for a moment first.
        """
        if self._wakes >= RUSH_WAKES and not self._is_waiting:
            await asyncio.sleep(RUSH_SECONDS)
            if self.buffer or self.is_over:
                return
        await self._wait_for_bell()
        now = time.monotonic()
        self._wakes = self._wakes + 1 if now - self._woken_at < RUSH_SECONDS else 0
        self._woken_at = now

    async def _wait_for_bell(self) -> None:
        reader = self.loop.create_future()
        with self._lock:
            self._reader = reader  # before the look at the buffer, or a value could slip through
            if self.buffer or self.is_over:
                self._reader = None
                return
            self._asked.put(None)
        await reader

    def drive(self) -> None:
        """Drive the work to its end, or until the reader has left."""
        events = self._work.events
        error: BaseException | None = None
        try:
            with self._work.cancellation.interrupting(self._leave):
                for event in events:
                    self.buffer.append(event)
                    if self._reader is not None:
                        self._wake_reader()
                    if self._has_consequences(event) or len(self.buffer) >= MOST_AHEAD:
                        self._wait_for_reader()
                    if self._is_left and not self._is_stopped():
                        break
        except RunCancelled:
            pass
        except BaseException as failure:
            error = failure
            if is_over(events):  # else another reader is at them
                self._work.failure = failure
        finally:
            try:
                events.close()
            except BaseException as failure:
                error = failure if error is None else error
            self.error, self.is_over = error, True
            self._wake_reader()

    def _wait_for_reader(self) -> None:
        """Wait until the reader has taken all and asks for more, or has left."""
        self._is_waiting = True
        let_others_begin()
        while (self.buffer or self._reader is None) and not self._is_left:
            self._asked.get()
        self._is_waiting = False

    def _is_stopped(self) -> bool:
        """Whether the work itself is to say why it ends: its time is up, for one."""
        reason = self._work.cancellation.reason
        return reason is not None and not isinstance(reason, RunCancelled)

    def _leave(self) -> None:
        self._is_left = True
        if not self._is_stopped():
            self.buffer = deque(maxlen=0)  # what has come is wanted no more, nor what still comes
        self._asked.put(None)

    def _wake_reader(self) -> None:
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None and not self._bell.ring(reader):
            self._leave()  # the loop is closed: nobody reads any more


class Bell:
    """Wakes what waits on an event loop, from any thread; many with one call of the loop.

    What waits is held by that call alone. A loop that is closed before it makes the call forgets
    it, and with it what waits, whose readers are then gone: their work stops.
    """

    def __init__(self) -> None:
        self._last = ref(_Waiting())

    def ring(self, future: asyncio.Future[None], _work: object = None) -> bool:
        """Settle a future on its loop. False: the loop is closed."""
        loop = future.get_loop()
        waiting = self._last()
        if waiting is None:
            waiting = _Waiting()
            self._last = ref(waiting)
        waiting.append(future)
        if loop.is_closed():
            return False
        if not waiting.is_rung:
            waiting.is_rung = True
            try:
                loop.call_soon_threadsafe(waiting.settle)
            except RuntimeError:  # closed at this moment
                return False
        return True


class _Waiting(deque["asyncio.Future[None]"]):
    """What one call of a loop settles."""

    is_rung = False

    def settle(self) -> None:
        self.is_rung = False  # first: what is appended from now on rings again, or is seen here
        while self:
            future = self.popleft()
            if not future.done():
                future.set_result(None)


_bells: WeakKeyDictionary[asyncio.AbstractEventLoop, Bell] = WeakKeyDictionary()


def _bell_of(loop: asyncio.AbstractEventLoop) -> Bell:
    bell = _bells.get(loop)
    if bell is None:
        bell = _bells[loop] = Bell()
    return bell


async def _stop(work: Work[Any, Any], driver: Future[Any]) -> None:
    """Stop work and wait a moment for its thread."""
    work.cancellation.cancel(RunCancelled())
    hurry(driver)
    over = asyncio.wrap_future(driver)
    try:
        await asyncio.wait([over], timeout=GRACE_SECONDS)
    finally:  # anyio cancels its tasks again until they have left
        is_late = over.cancel()  # else asyncio complains no more that nobody looks at its error
    if is_late:
        logger.warning(
            "The run was cancelled, but cannot be interrupted in %s; it is not waited for.",
            ", ".join(work.tools_at_work) or "what it does",
        )
