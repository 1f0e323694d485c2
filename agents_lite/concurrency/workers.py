"""Threads, started on demand and reused.

Not `ThreadPoolExecutor`: that one caps its threads, and waits at the interpreter's exit for work
that nobody wants any more. These are daemon threads which end when they had nothing to do for a
second.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from .cancellation import Cancellation

T = TypeVar("T")

IDLE_SECONDS = 1.0
"""How long a thread waits for another job before it ends."""
GRACE_SECONDS = 1.5
"""How long work that was told to stop is waited for."""

logger = logging.getLogger("agents_lite")

_Job = Callable[[], None]
_lock = threading.Lock()
_idle: list[SimpleQueue[_Job]] = []  # mailboxes of waiting threads; the last one is the warmest


def run_in_thread(function: Callable[..., T], *args: Any) -> Future[T]:
    """Call `function(*args)` on another thread, in a copy of the current context variables.

    Returns:
        A future of the outcome. Whatever was raised, KeyboardInterrupt and SystemExit too, is
        raised by its `result()`.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # it cannot be cancelled, only waited for
    context = copy_context()

    def job() -> None:
        settle(future, lambda: context.run(function, *args))

    with _lock:
        mailbox = _idle.pop() if _idle else None
    if mailbox is None:
        threading.Thread(target=_work, args=(job,), name="agents_lite", daemon=True).start()
    else:
        mailbox.put(job)
    return future


def wait_for(future: Future[T], cancellation: Cancellation) -> T:
    """The outcome of a future.

    Raises:
        BaseException: What it holds; or, as soon as it is cancelled, the cancellation's reason.
    """
    over = threading.Event()
    future.add_done_callback(lambda _: over.set())
    with cancellation.interrupting(over.set):
        over.wait()
    cancellation.check()
    return future.result()


def wait_a_moment(
    running: Collection[tuple[str, Future[Any]]], seconds: float = GRACE_SECONDS
) -> bool:
    """Wait for work that was told to stop, each with its name; warn of what has to be left behind.

    Returns:
        Whether all of it has ended.
    """
    left = wait([future for _, future in running], seconds).not_done
    for name, future in running:
        if future in left:
            logger.warning("%s was told to stop and still goes on; it is not waited for.", name)
    return not left


def settle(future: Future[T], compute: Callable[[], T]) -> None:
    """Give a future the outcome of a computation, an exception of any kind included."""
    try:
        result = compute()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _work(job: _Job) -> None:
    mailbox: SimpleQueue[_Job] = SimpleQueue()
    while True:
        job()
        del job  # an idle thread keeps nothing of its last job alive
        with _lock:
            _idle.append(mailbox)
        try:
            job = mailbox.get(timeout=IDLE_SECONDS)
        except Empty:
            with _lock:
                if mailbox in _idle:
                    _idle.remove(mailbox)
                    return
            job = mailbox.get()  # handed over at the last moment


def _forget_threads() -> None:
    """A forked child has none of its parent's threads."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
