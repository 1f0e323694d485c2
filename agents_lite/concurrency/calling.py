"""Calling the user's functions, `def` or `async def`, from the thread that drives a run."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from inspect import isasyncgen, isawaitable
from typing import TYPE_CHECKING, Any, Self

from ..exceptions import UserError, words_of
from .cancellation import Cancellation, RunCancelled, current_cancellation
from .forks import end_child, in_child, new_lock
from .workers import GRACE_SECONDS, Outcome, let_others_begin, wait_a_moment, wait_for

if TYPE_CHECKING:
    import asyncio
    from asyncio import AbstractEventLoop, Task

_LOOP_CLOSED = "The event loop of the run was closed"
_ENDS = (StopIteration, StopAsyncIteration, GeneratorExit)


def name_of(function: object) -> str:
    """What a function, or its coroutine, is called in errors."""
    for name in ("__qualname__", "__name__"):
        if isinstance(found := getattr(function, name, None), str):
            return found
    return type(function).__name__


def no_end(function: object, error: BaseException) -> UserError | None:
    """The error for one that means an end to generators or tasks, and to who reads or awaits them;
    None: it is any other.
    """
    if isinstance(error, _ENDS):
        return UserError(f"{name_of(function)} raised {type(error).__name__}: {words_of(error)}")
    if is_cancelled_task(error):
        return UserError(f"{name_of(function)} was cancelled: {words_of(error)}")
    return None


class Ready:
    """A value that is there already, and may be awaited all the same.

    Like a coroutine it may be given to `asyncio.gather`, which asks for its hash, and be made a
    task of.
    """

    __slots__ = ()

    def __await__(self) -> Generator[None, None, Self]:
        return self
        yield

    if not TYPE_CHECKING:  # which says the same of lists and the like as they do
        __hash__ = object.__hash__

    def send(self, value: None) -> None:
        """End as a coroutine does, with the value as its result."""
        self.__await__().send(value)

    def throw(self, *error: Any) -> None:
        """Raise what is thrown into it."""
        self.__await__().throw(*error)

    def close(self) -> None:
        """Nothing is open."""


class Done(Ready):
    """What a method returns that has nothing to tell: it may be awaited, and gives None."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:  # type: ignore[override]  # not itself
        return
        yield


async def settled(value: Any) -> Any:
    """The value, awaited where that is needed."""
    return await value if isawaitable(value) else value


def _find_loop() -> object:
    """The event loop of this thread, or None, also as long as nobody has loaded asyncio."""
    global loop_here
    found = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    if found is None:  # another thread may be about to load it
        return None
    loop_here = found
    return found()


loop_here: Callable[[], object] = _find_loop
"""The event loop at work on this thread, so that what it is given may be awaited, or None. It is
asyncio's own function once that is loaded, so look it up in this module each time."""


class Callbacks:
    """One run's way to call functions that are not its own.

    Plain functions run right here, on the calling thread. Coroutines run on the caller's event
    loop, or, where there is none, on a private one that all such runs share and that lives until
    the interpreter's exit, so that what a client keeps open in one run serves the next one. The
    calling thread waits for them.
    """

    def __init__(self) -> None:
        """Start without an event loop; a private one comes with the first coroutine."""
        self._loop: AbstractEventLoop | None = None  # the caller's
        self._depth = _depth_here()
        self._is_private = False
        self._is_closed = False

    def use_loop(self, loop: AbstractEventLoop) -> None:
        """Run coroutines on the caller's event loop, unless some have run on the private one.

        The first one counts, until it is closed.
        """
        if (self._loop is None or self._loop.is_closed()) and not self._is_private:
            self._loop = loop

    def call(self, cancellation: Cancellation, function: Callable[..., Any], *args: Any) -> Any:
        """What `function(*args)` returns, awaited where that is needed.

        Raises:
            UserError: It is an async generator function, or it was cancelled by somebody else.
            BaseException: What the function raised, or the reason of the cancellation.
        """
        cancellation.check()
        self._check_open()
        let_others_begin()
        around = current_cancellation.get()
        try:
            current_cancellation.set(cancellation)
            with _InOneProcess(function):
                outcome = function(*args)
        except BaseException as error:
            if told := no_end(function, error):
                raise told from error
            raise
        finally:
            current_cancellation.set(around)
        awaited = None  # clients and pools that are awaited give themselves
        while isawaitable(outcome) and outcome is not awaited and not isinstance(outcome, Ready):
            outcome, awaited = self.wait_for(cancellation, outcome), outcome
        if isasyncgen(outcome):
            raise UserError(
                f"{name_of(function)} is an async generator, where one value is needed: return it, "
                "or a list of what there is"
            )
        return outcome

    def wait_for(self, cancellation: Cancellation, awaitable: Awaitable[Any]) -> Any:
        """Await on the event loop and hand back the result.

        A cancellation cancels the task and waits a moment for it to end.

        Raises:
            UserError: The task was cancelled by somebody else, or this is the loop's own thread.
            RunCancelled: The loop was closed.
            BaseException: What it raised, or the reason of the cancellation.
        """
        errand = self._errand(awaitable)
        try:
            return self._outcome(errand.future, errand, cancellation)
        finally:
            if not errand.future.done():
                errand.cancel()
                _leave("A coroutine", errand)

    def iterate(self, cancellation: Cancellation, events: AsyncIterator[Any]) -> Iterator[Any]:
        """A synchronous view of an async iterator.

        As in an `async for`, one task takes all steps, so that time limits, groups of tasks and
        context variables of an async generator hold over its events.
        """
        steps = _Steps(events)
        errand = self._errand(steps.take())
        step: Outcome[Any] = Outcome()
        try:
            while True:
                self._check_open()
                errand.send(partial(steps.ask, step))
                event = self._outcome(step, errand, cancellation)
                if event is _END:
                    return
                cancellation.check()
                yield event
                step = Outcome()
        finally:
            if not errand.future.done():
                if step.done():
                    errand.tell(partial(steps.ask, None))
                else:
                    errand.cancel()
                _leave("Closing the model's stream", errand)

    def close(self) -> None:
        """Call nothing more: the run is over."""
        self._is_closed = True

    def _check_open(self) -> None:
        if self._is_closed:
            raise RunCancelled("The run is over")
        if self._loop is not None and self._loop.is_closed():
            raise RunCancelled(_LOOP_CLOSED)

    def _errand(self, awaitable: Awaitable[Any]) -> _Errand:
        try:
            return _Errand(awaitable, self._running_loop())
        except BaseException:
            _close_unstarted(awaitable)
            raise

    def _outcome(
        self, future: Outcome[Any], errand: _Errand, cancellation: Cancellation
    ) -> Any:
        """What comes of an errand, or of a part of it."""

        def look() -> None:
            errand.look()
            if errand.future.done() and not future.done():
                future.set_exception(errand.future.exception() or RunCancelled(_LOOP_CLOSED))

        try:
            with cancellation.interrupting(errand.cancel):
                look()
                return wait_for(future, cancellation, look)
        except CancelledError as error:
            raise UserError(f"A coroutine of the run was cancelled: {words_of(error)}") from error

    def _running_loop(self) -> AbstractEventLoop:
        self._check_open()
        if self._loop is not None:
            return self._loop
        self._is_private = True
        return _private_loop(self._depth)


class _InOneProcess:
    """A block of a user's function, which a child that it forks does not leave."""

    __slots__ = ("_function", "_process_id")

    def __init__(self, function: object) -> None:
        self._function = function
        self._process_id = os.getpid()

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, *_error: object) -> None:
        if os.getpid() != self._process_id:
            end_child(name_of(self._function))


class _Errand:
    """An awaitable sent to an event loop, with a future of its outcome for another thread."""

    def __init__(self, awaitable: Awaitable[Any], loop: AbstractEventLoop) -> None:
        self.future: Outcome[Any] = Outcome()
        self.loop = loop
        self.was_told = False
        """Whether the loop has come round to ending it."""
        self._awaitable = awaitable
        self._task: Task[None] | None = None
        if _runs_here(loop):
            raise UserError(
                "A run that shares this event loop cannot be waited for on the loop's own thread; "
                "await Runner.run(...) instead"
            )
        self.send(self._start)

    def cancel(self) -> None:
        """Cancel the task, from any thread."""
        self.tell(self._cancel)

    def tell(self, end: Callable[[], None]) -> None:
        """Have the loop call what ends it."""

        def call() -> None:
            end()
            self.was_told = True

        self.send(call)

    def look(self) -> None:
        """End it where the loop is closed, and with it the run."""
        if self.loop.is_closed():
            if self._task is None:
                _close_unstarted(self._awaitable)
            self.future.set_exception(RunCancelled(_LOOP_CLOSED))

    def send(self, callback: Callable[[], None]) -> None:
        """Have the loop call something, unless it is closed; that ends the errand."""
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:
            self.look()

    def _cancel(self) -> None:
        if self._task is not None and not self.was_told:  # again, it would cut its cleaning up
            self._task.cancel()

    def _start(self) -> None:
        self._task = self.loop.create_task(_settle(self.future, self._awaitable))
        self._task.add_done_callback(self._settle_unstarted)

    def _settle_unstarted(self, _: Task[None]) -> None:
        if not self.future.done():  # it was cancelled before its first step
            _close_unstarted(self._awaitable)
            self.future.set_exception(CancelledError())


async def _settle(future: Outcome[Any], awaitable: Awaitable[Any]) -> None:
    """Have a future hold what comes of an awaitable."""
    try:
        with _InOneProcess(awaitable):
            result = await awaitable
    except BaseException as error:  # KeyboardInterrupt too: it is for the driving thread
        if is_cancelled_task(error):  # as an Exception, for whom it may concern
            future.set_exception(CancelledError(*error.args))
        elif told := no_end(awaitable, error):
            told.__cause__ = error
            future.set_exception(told)
        else:
            future.set_exception(error)
    else:
        future.set_result(result)


_END = object()
"""What is behind the last value of an iterator."""


class _Steps:
    """The steps of an async iterator: one task takes them all, each when it is asked for."""

    def __init__(self, events: AsyncIterator[Any]) -> None:
        self._events = events
        self._asked: deque[Outcome[Any] | None] = deque()
        self._woken: asyncio.Future[None] | None = None

    def ask(self, step: Outcome[Any] | None) -> None:
        """Have a step taken, for its outcome; None: close the iterator. Called on the loop."""
        self._asked.append(step)
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def take(self) -> None:
        """Take the steps, up to the first that fails, and close the iterator."""
        from asyncio import get_running_loop

        loop = get_running_loop()
        try:
            while (step := await self._next(loop)) is not None:
                await _settle(step, self._event())
                if step.exception() is not None:
                    break
        finally:
            close = getattr(self._events, "aclose", None)
            if close is not None and loop_here() is loop:  # else it was closed under the task
                await close()

    async def _event(self) -> Any:
        try:  # `anext` with a default crashes Python 3.11 where a plain `__anext__` raises
            return await anext(self._events)
        except StopAsyncIteration:
            return _END

    async def _next(self, loop: AbstractEventLoop) -> Outcome[Any] | None:
        while not self._asked:
            self._woken = loop.create_future()
            await self._woken
        return self._asked.popleft()


def _leave(name: str, errand: _Errand) -> None:
    """Wait a moment for an errand that was told to end, unless this is the loop's own thread, as
    where the garbage collector finds an iterator there.
    """
    if _runs_here(errand.loop):
        return
    if not wait_a_moment([(name, errand.future)]) and not errand.was_told:
        _retire(errand.loop)  # what blocks it must not hold up other runs


class _PrivateLoop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        import asyncio

        try:
            self.loop = asyncio.new_event_loop()
        except OSError as error:
            raise UserError(f"No event loop can be opened for a coroutine: {error}") from error
        self.thread = threading.Thread(
            target=_serve, args=(self.loop,), name="agents_lite loop", daemon=True
        )
        try:
            self.thread.start()
        except RuntimeError as error:
            self.loop.close()
            raise UserError(f"No event loop can be run for a coroutine: {error}") from error

    def end(self) -> None:
        """End it, and what still runs on it; wait a moment for that."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(GRACE_SECONDS)


def _close_unstarted(awaitable: Awaitable[Any]) -> None:
    """Nobody will await it, which Python would warn of."""
    if isinstance(awaitable, Coroutine):
        awaitable.close()


def _runs_here(loop: AbstractEventLoop) -> bool:
    import asyncio

    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:  # no loop runs on this thread
        return False


def is_cancelled_task(error: BaseException) -> bool:
    """Whether an error says that a task was cancelled, and not only is of such a kind, as that of
    Prefect's time limits is."""
    asyncio = sys.modules.get("asyncio")  # who has not loaded it cannot raise its error
    return asyncio is not None and type(error) is asyncio.CancelledError


def is_failure(error: BaseException) -> bool:
    """Whether an error of a user's function is one, and not what ends the program or its work."""
    return isinstance(error, Exception | GeneratorExit) or is_cancelled_task(error)


_lock = new_lock()
_loops: dict[int, _PrivateLoop] = {}
"""0: the private loop of all runs; 1: of the runs that a coroutine there waits for, and so on."""
_inherited: list[_PrivateLoop] = []  # of the parent process; closing one would harm the parent's


def _depth_here() -> int:
    """How many private loops are held up as long as this thread waits: it is the thread of one."""
    me = threading.get_ident()
    held_up = [depth for depth, loop in list(_loops.items()) if loop.thread.ident == me]
    return max(held_up, default=-1) + 1


def _private_loop(depth: int) -> AbstractEventLoop:
    with _lock:
        if depth not in _loops:
            _loops[depth] = _PrivateLoop()
        return _loops[depth].loop


def _retire(loop: AbstractEventLoop) -> None:
    """Let the next runs have another private loop; this one ends when what it does is done."""
    with _lock:
        for depth, private in list(_loops.items()):
            if private.loop is loop:
                del _loops[depth]
                loop.call_soon_threadsafe(lambda: loop.create_task(_stop_when_idle(loop)))


async def _stop_when_idle(loop: AbstractEventLoop) -> None:
    import asyncio

    while others := asyncio.all_tasks(loop) - {asyncio.current_task(loop)}:
        await asyncio.wait(others)
    loop.stop()


@atexit.register
def _end_loops() -> None:
    with _lock:
        for private in _loops.values():
            private.end()


@in_child
def _begin_in_child() -> None:
    _inherited.extend(_loops.values())
    _loops.clear()


def _serve(loop: AbstractEventLoop) -> None:
    """Run a loop until it is stopped; then end its tasks as `asyncio.run` does."""
    import asyncio

    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:  # of none, `gather` asks the policy for a loop, and that may be another by now
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        with suppress(RuntimeError):  # it starts a thread, which the interpreter's exit forbids
            loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
