"""Threads, started on demand and reused.

Not `ThreadPoolExecutor`: that one caps its threads, and waits at the interpreter's exit for work
that nobody wants any more. These are daemon threads which end when they had nothing to do for a
second.

Nothing here has a lock in Python code, such as a `Condition`, an `Event` or a plain `Future` has:
an interrupt (KeyboardInterrupt may be raised at any instruction) could leave it locked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from ..exceptions import UserError
from .cancellation import Cancellation, current_cancellation
from .forks import in_child

T = TypeVar("T")

IDLE_SECONDS = 1.0
"""How long a thread waits for another job before it ends."""
GRACE_SECONDS = 1.5
"""How long work that was told to stop is waited for."""
ABANDON_SECONDS = 0.1
"""The same for work that most likely cannot be stopped: enough for a coroutine to be cancelled."""
LOOK_SECONDS = 1.0
"""How often who waits for work on an event loop looks whether that still goes on."""

logger = logging.getLogger("agents_lite")

_Job = Callable[[], None]
_idle: list[SimpleQueue[_Job]] = []  # mailboxes of waiting threads; the last one is the warmest


class Outcome(Future[T]):
    """What becomes of work on another thread: a future that cannot be cancelled."""

    __repr__ = object.__repr__

    def __init__(self) -> None:
        self._settled: list[tuple[Any, BaseException | None]] = []
        self._callbacks: list[Callable[[Future[T]], object]] = []

    def cancel(self) -> bool:
        """Not possible."""
        return False

    def cancelled(self) -> bool:
        """Never."""
        return False

    def running(self) -> bool:
        """Whether the work goes on."""
        return not self._settled

    def done(self) -> bool:
        """Whether the work is over."""
        return bool(self._settled)

    def result(self, timeout: float | None = None) -> T:
        """What the work returned, waited for so many seconds; what it raised is raised."""
        error = self.exception(timeout)
        if error is not None:
            try:
                raise error
            finally:
                del error, self  # whose frame the traceback holds
        result: T = self._settled[0][0]
        return result

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the work raised, waited for so many seconds, or None where it went well."""
        if not self._settled:
            over: SimpleQueue[object] = SimpleQueue()
            self.add_done_callback(over.put)
            try:
                over.get(timeout=timeout)
            except Empty:
                raise FutureTimeout from None
        return self._settled[0][1]

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Call `fn` with this future once the work is over, or now."""
        self._callbacks.append(fn)
        if self._settled:
            self._tell()

    def settle(self, compute: Callable[[], T]) -> None:
        """Take the outcome of a computation, an exception of any kind included."""
        try:
            result = compute()
        except BaseException as error:
            self.set_exception(error)
        else:
            self.set_result(result)

    def set_result(self, result: T) -> None:
        """The work is over, and went well; the first outcome counts."""
        self._settled.append((result, None))
        self._tell()

    def set_exception(self, exception: BaseException | None) -> None:
        """The work is over, and failed; the first outcome counts."""
        self._settled.append((None, exception))
        self._tell()

    def _tell(self) -> None:
        with suppress(IndexError):  # none is left; another thread may be taking them, too
            while True:
                callback = self._callbacks.pop(0)
                try:
                    callback(self)
                except Exception:
                    logger.exception("Could not tell of the end of work on another thread.")


def run_in_thread(function: Callable[..., T], *args: Any) -> Outcome[T]:
    """Call `function(*args)` on another thread, in a copy of the current context variables.

    Returns:
        A future of the outcome. Whatever was raised, KeyboardInterrupt and SystemExit too, is
        raised by its `result()`.

    Raises:
        UserError: No thread can be started.
    """
    outcome, job = job_of(function, args)
    begin(job)
    return outcome


def run_in_thread_or_here(function: Callable[..., T], *args: Any) -> Outcome[T]:
    """The same, on this thread where no other can be started: for work that nobody here feeds."""
    outcome, job = job_of(function, args)
    try:
        begin(job)
    except UserError:
        job()
    return outcome


def job_of(function: Callable[..., T], args: tuple[Any, ...]) -> tuple[Outcome[T], _Job]:
    """A call in a copy of the current context variables, to be made once, and its outcome."""
    outcome: Outcome[T] = Outcome()
    return outcome, partial(outcome.settle, partial(copy_context().run, function, *args))


def begin(job: _Job) -> None:
    """Have a thread do a job.

    Raises:
        UserError: There is none: too many, or the interpreter is ending.
    """
    try:
        _idle.pop().put(job)
    except IndexError:
        mailbox: SimpleQueue[_Job] = SimpleQueue()
        mailbox.put(job)  # first, or the thread would have to wait for it
        thread = threading.Thread(target=_work, args=(mailbox,), name="agents_lite", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            interrupt = error.__context__
            if interrupt is not None and not isinstance(interrupt, Exception):
                raise interrupt from None  # which came while threading held a lock of its own
            raise UserError(
                f"No thread can be started to work beside an event loop: {error}"
            ) from None


_tells: dict[int, Callable[[], object]] = {}  # by threads; a `threading.local` costs each of them


def before_waiting(tell: Callable[[], object] | None) -> None:
    """Call `tell` when this thread may first wait for something; None: call nothing any more."""
    if tell is not None:
        _tells[threading.get_ident()] = tell
    else:
        _tells.pop(threading.get_ident(), None)


def let_others_begin() -> None:
    """Say that this thread may wait now for something that is not the interpreter's lock."""
    tell = _tells.pop(threading.get_ident(), None)
    if tell is not None:
        tell()


def wait_for(
    future: Future[T], cancellation: Cancellation, look: Callable[[], object] | None = None
) -> T:
    """The outcome of a future.

    Args:
        future: Whose outcome.
        cancellation: Ends the waiting.
        look: Called each second, for work on an event loop: it settles the future where that is
            closed. None: the work is on a thread of its own.

    Raises:
        BaseException: What it holds; or, as soon as it is cancelled, the cancellation's reason. A
            result that was there by then is not lost.
    """
    over: SimpleQueue[object] = SimpleQueue()
    future.add_done_callback(over.put)
    let_others_begin()
    with cancellation.interrupting(lambda: over.put(None)):
        while not future.done():  # also where an interrupt of who settled it came before the word
            try:
                over.get(timeout=None if look is None else LOOK_SECONDS)
                break
            except Empty:
                if look is not None:
                    look()
    if not future.done() or future.exception() is not None:
        cancellation.check()
    return future.result()


def call_or_leave(name: str, function: Callable[[], T]) -> T:
    """What `function` returns; when the run it is called in is stopped, it is left behind.

    For calls that nothing can interrupt, such as those of a database's driver. Outside of runs it
    is called right here.

    Raises:
        BaseException: What it raised; or, as soon as the run is stopped, the reason of that.
    """
    cancellation = current_cancellation.get()
    if cancellation is None:
        return function()
    future = run_in_thread_or_here(function)
    try:
        return wait_for(future, cancellation)
    finally:
        if not future.done():
            wait_a_moment([(name, future)], ABANDON_SECONDS)


def wait_a_moment(
    running: Collection[tuple[str, Future[Any]]], seconds: float = GRACE_SECONDS
) -> bool:
    """Wait for work that was told to stop, each with its name; warn of what has to be left behind.

    Returns:
        Whether all of it has ended.
    """
    ended: SimpleQueue[object] = SimpleQueue()
    for _, future in running:
        future.add_done_callback(ended.put)
    deadline = time.monotonic() + seconds
    with suppress(Empty):
        for _ in running:
            ended.get(timeout=max(0, deadline - time.monotonic()))
    left = [name for name, future in running if not future.done()]
    for name in left:
        logger.warning("%s was told to stop and still goes on; it is not waited for.", name)
    return not left


def _work(mailbox: SimpleQueue[_Job]) -> None:
    job = mailbox.get()
    while True:
        job()
        del job  # an idle thread keeps nothing of its last job alive
        _idle.append(mailbox)
        try:
            job = mailbox.get(timeout=IDLE_SECONDS)
        except Empty:
            try:
                _idle.remove(mailbox)
                return
            except ValueError:
                job = mailbox.get()  # handed over at the last moment


in_child(_idle.clear)  # it has none of its parent's threads
in_child(_tells.clear)
