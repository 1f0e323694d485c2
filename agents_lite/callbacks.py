"""Calling the user's functions, `def` or `async def`, from the thread that drives a run."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future, TimeoutError
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from .cancellation import Cancellation
from .workers import run_in_thread

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

GRACE_SECONDS = 1.5
"""How long work that was told to stop is waited for."""

logger = logging.getLogger("agents_lite")


class Callbacks:
    """One run's way to call functions that are not its own.

    Plain functions run right here, on the calling thread. Coroutines run on the caller's event
    loop, or, where there is none, on one private loop that lives on a thread of its own until
    `close`; the calling thread waits for them.
    """

    def __init__(self) -> None:
        """Start without an event loop; a private one comes with the first coroutine."""
        self._loop: AbstractEventLoop | None = None
        self._owns_loop = True
        self._lock = threading.Lock()
        self._loop_thread: Future[None] | None = None

    def use_loop(self, loop: AbstractEventLoop) -> None:
        """Run coroutines on the caller's event loop; to be said before the first of them."""
        self._loop, self._owns_loop = loop, False

    def call(self, cancellation: Cancellation, function: Callable[..., Any], *args: Any) -> Any:
        """What `function(*args)` returns, awaited where that is needed.

        Raises:
            BaseException: What the function raised, or the reason of the cancellation.
        """
        outcome = function(*args)
        return self.wait_for(cancellation, outcome) if isawaitable(outcome) else outcome

    def wait_for(self, cancellation: Cancellation, awaitable: Awaitable[Any]) -> Any:
        """Await on the event loop and hand back the result.

        A cancellation cancels the task and waits a moment for it to end.
        """
        errand = _Errand(awaitable, self._running_loop())
        with cancellation.interrupting(errand.cancel):
            wait_for_future(errand.future, cancellation, "A coroutine")
        return errand.future.result()

    def iterate(self, cancellation: Cancellation, events: AsyncIterator[Any]) -> Iterator[Any]:
        """A synchronous view of an async iterator, each step taken on the event loop."""
        end = object()

        async def step() -> Any:
            return await anext(events, end)

        try:
            while (event := self.wait_for(cancellation, step())) is not end:
                yield event
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                self.wait_for(Cancellation(), close())

    def close(self) -> None:
        """End the private loop, if there is one, and what still runs on it."""
        if self._owns_loop and self._loop is not None and self._loop_thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            try:
                self._loop_thread.result(GRACE_SECONDS)
            except TimeoutError:
                logger.warning("A coroutine of the run still blocks its event loop.")
            self._loop = self._loop_thread = None

    def _running_loop(self) -> AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                import asyncio

                self._loop = asyncio.new_event_loop()
                self._loop_thread = run_in_thread(_serve, self._loop)
            return self._loop


class _Errand:
    """An awaitable sent to an event loop, with a future of its outcome for another thread."""

    def __init__(self, awaitable: Awaitable[Any], loop: AbstractEventLoop) -> None:
        self.future: Future[Any] = Future()
        self._awaitable = awaitable
        self._loop = loop
        loop.call_soon_threadsafe(self._start)

    def cancel(self) -> None:
        """Cancel the task, from any thread."""
        self._loop.call_soon_threadsafe(lambda: self._task.cancel())

    def _start(self) -> None:
        self._task = self._loop.create_task(self._settle())
        self._task.add_done_callback(self._settle_unstarted)

    async def _settle(self) -> None:
        from asyncio import CancelledError as TaskCancelled

        try:
            self.future.set_result(await self._awaitable)
        except TaskCancelled as error:  # an Exception, for whom it may concern
            self.future.set_exception(CancelledError(*error.args))
        except BaseException as error:  # KeyboardInterrupt too: it is for the driving thread
            self.future.set_exception(error)

    def _settle_unstarted(self, _: Task[None]) -> None:
        if not self.future.done():  # it was cancelled before its first step
            if isinstance(self._awaitable, Coroutine):
                self._awaitable.close()
            self.future.set_exception(CancelledError())


def wait_for_future(
    future: Future[Any], cancellation: Cancellation, what: str, grace: float = GRACE_SECONDS
) -> None:
    """Wait until a future is done; once cancelled, for `grace` seconds more.

    `what` names the work in the warning that it had to be left behind.

    Raises:
        BaseException: The reason of the cancellation.
    """
    over = threading.Event()
    future.add_done_callback(lambda _: over.set())
    with cancellation.interrupting(over.set):
        over.wait()
    if not future.done():
        try:
            future.exception(grace)
        except TimeoutError:
            logger.warning("%s was told to stop and still goes on; it is not waited for.", what)
    cancellation.check()


def _serve(loop: AbstractEventLoop) -> None:
    """Run a loop until it is stopped; then end its tasks as `asyncio.run` does."""
    import asyncio

    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
