"""Calling the user's functions, `def` or `async def`, from the thread that drives a run."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ..exceptions import UserError
from .cancellation import Cancellation, RunCancelled, current_cancellation
from .workers import run_in_thread, wait_a_moment, wait_for

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

class Callbacks:
    """One run's way to call functions that are not its own.

    Plain functions run right here, on the calling thread. Coroutines run on the caller's event
    loop, or, where there is none, on one private loop that lives on a thread of its own until
    `close`; the calling thread waits for them.
    """

    def __init__(self) -> None:
        """Start without an event loop; a private one comes with the first coroutine."""
        self._loop: AbstractEventLoop | None = None
        self._loop_thread: Future[None] | None = None  # of a private loop
        self._lock = threading.Lock()
        self._is_closed = False
        self._is_stuck = False  # a coroutine was left behind: nobody waits for the loop again

    def use_loop(self, loop: AbstractEventLoop) -> None:
        """Run coroutines on the caller's event loop, unless some have run on a private one."""
        if self._loop is None:
            self._loop = loop

    def call(self, cancellation: Cancellation, function: Callable[..., Any], *args: Any) -> Any:
        """What `function(*args)` returns, awaited where that is needed.

        Raises:
            BaseException: What the function raised, or the reason of the cancellation.
        """
        cancellation.check()
        around = current_cancellation.set(cancellation)
        try:
            outcome = function(*args)
        finally:
            current_cancellation.reset(around)
        return self.wait_for(cancellation, outcome) if isawaitable(outcome) else outcome

    def wait_for(self, cancellation: Cancellation, awaitable: Awaitable[Any]) -> Any:
        """Await on the event loop and hand back the result.

        A cancellation cancels the task and waits a moment for it to end.

        Raises:
            UserError: The task was cancelled by somebody else, or this is the loop's own thread.
            BaseException: What it raised, or the reason of the cancellation.
        """
        errand = _Errand(awaitable, self._running_loop())
        try:
            with cancellation.interrupting(errand.cancel):
                return wait_for(errand.future, cancellation)
        except CancelledError as error:
            raise UserError(f"A coroutine of the run was cancelled: {error!r}") from error
        finally:
            if not errand.future.done():
                errand.cancel()
                self._is_stuck = not wait_a_moment([("A coroutine", errand.future)])

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
                closing = _Errand(close(), self._running_loop())
                wait_a_moment([("Closing the model's stream", closing.future)])

    def close(self) -> None:
        """End the private loop, if there is one, and what still runs on it."""
        with self._lock:
            self._is_closed = True
        if self._loop is not None and self._loop_thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            if not self._is_stuck:
                wait_a_moment([("A coroutine", self._loop_thread)])

    def _running_loop(self) -> AbstractEventLoop:
        with self._lock:
            if self._is_closed:
                raise RunCancelled("The run is over")
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
        if _runs_here(loop):
            self._close_unstarted()
            raise UserError(
                "A run that shares this event loop cannot be waited for on the loop's own thread; "
                "await Runner.run(...) instead"
            )
        loop.call_soon_threadsafe(self._start)

    def cancel(self) -> None:
        """Cancel the task, from any thread."""
        try:
            self._loop.call_soon_threadsafe(lambda: self._task.cancel())
        except RuntimeError as error:  # the loop is closed, and the task gone with it
            if not self.future.done():
                self.future.set_exception(error)

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
            self._close_unstarted()
            self.future.set_exception(CancelledError())

    def _close_unstarted(self) -> None:
        if isinstance(self._awaitable, Coroutine):
            self._awaitable.close()


def _runs_here(loop: AbstractEventLoop) -> bool:
    import asyncio

    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:  # no loop runs on this thread
        return False


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
