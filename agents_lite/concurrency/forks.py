"""What a fork waits for, and what begins anew in the child.

A fork copies the memory as it is, and of the threads only the one that forks. What the others held
at that moment stays held in the child for ever: a lock, an import that is under way, one of the
mutexes that SQLite has for the whole process, what pydantic's core does once and never again. So a
fork waits, no longer than `LONGEST_WAIT`, until the other threads are out of SQLite and make none
of pydantic's adapters (`without_fork`), and import nothing; then files are closed that a child must
not inherit (`before_fork`), and in the child locks are unlocked (`new_lock`) and what had threads
or sockets begins anew (`in_child`).

A fork may come at any moment, even inside a signal handler that interrupts this module. So nothing
here waits for a lock: what is done to the sets is one step for all threads.
"""

from __future__ import annotations

import _imp
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import _bootstrap
from inspect import ismethod
from typing import Any, NoReturn, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakSet

P = ParamSpec("P")
T = TypeVar("T")

LONGEST_WAIT = 5.0
"""Seconds after which a fork takes place whatever other threads do."""
_PAUSE = 0.001
_SPELL = 0.05  # seconds for which other threads begin no import, and then again may

logger = logging.getLogger("agents_lite")
_logging_lock: Any = logging._lock  # type: ignore[attr-defined]

_forking: set[int] = set()  # threads that are about to fork
_inside: set[int] = set()  # threads in the middle of what no fork may interrupt
_locks: WeakSet[Any] = WeakSet()
_before: list[Callable[[], object]] = []
_in_child: list[Callable[[], object]] = []
_in_child_by_owner: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()
_holding_imports: set[int] = set()  # forking threads that keep others from importing
_endless: set[str] = set()  # modules whose import was waited for in vain, and is no more


def without_fork(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function; other threads fork before it or after it, not meanwhile."""
    me = threading.get_ident()
    is_inside = me in _inside
    try:
        while not is_inside:
            _inside.add(me)
            if not _forking - {me}:
                break
            _inside.discard(me)
            time.sleep(_PAUSE)
        return function(*args, **kwargs)
    finally:
        if not is_inside:
            _inside.discard(me)


def before_fork(prepare: Callable[[], T]) -> Callable[[], T]:
    """Call `prepare` before each fork, while no other thread is inside a `without_fork`."""
    _before.append(prepare)
    return prepare


def in_child(renew: Callable[[], T]) -> Callable[[], T]:
    """Call `renew` in each forked child; a bound method as long as its object lives."""
    if ismethod(renew):
        _in_child_by_owner[renew.__self__] = renew.__func__
    else:
        _in_child.append(renew)
    return renew


def new_lock() -> threading.RLock:
    """A lock for `with` that nothing leaves locked.

    It is locked in one step, so that an interrupt comes before or after; a signal handler may take
    it once more; and a child has it unlocked, unless it is the forking thread that holds it.

    Where it is locked by `acquire`, a `finally` calls `release` itself, as an interrupt may come in
    a function on the way there, and takes a RuntimeError for word that it was not locked here.
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def end_child(name: str) -> NoReturn:
    """End this process, which came out of a function that has forked it.

    It would go on with the run of its parent, and do all that is left of it once more.

    Args:
        name: What the function is called, for the words on standard error.
    """
    error = sys.exception()
    code = error.code if isinstance(error, SystemExit) else 1
    if not isinstance(error, SystemExit):
        words = f"{name} has forked, and the child came out of it: end such a child by os._exit()\n"
        with suppress(OSError):
            os.write(2, words.encode("utf-8", "replace"))
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # it may be anything by now
            stream.flush()
    os._exit(code & 0xFF if isinstance(code, int) else code is not None)


def _wait_for_others() -> None:
    me = threading.get_ident()
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        _forking.add(me)
        _wait_while(lambda: _inside - {me}, deadline)
        if _imports_end(me) or time.monotonic() >= deadline:
            break
        _forking.discard(me)  # what is imported may want to go inside
        time.sleep(_SPELL)
    if time.monotonic() >= deadline:
        logger.warning(
            "A fork takes place while another thread imports, or is inside SQLite or pydantic."
        )
        _endless.update(_imports_of_others(me))
    for prepare in _before:
        prepare()


def _wait_while(is_so: Callable[[], object], deadline: float) -> None:
    while is_so() and time.monotonic() < deadline:
        time.sleep(_PAUSE)


def _imports_end(me: int) -> bool:
    """Whether the other threads end what they import; if so, they begin nothing until the fork.

    They wait for the interpreter's import lock, so no lock that is asked for between here and the
    fork may be held by one of them: that of logging, which has a handler of forks, is taken here.
    """
    _logging_lock.acquire()
    _imp.acquire_lock()
    _wait_while(lambda: _imports_of_others(me), time.monotonic() + _SPELL)
    _holding_imports.add(me)
    if not _imports_of_others(me):
        return True
    _let_import(me)
    _logging_lock.release()
    return False


def _let_import(me: int) -> bool:
    """Give back the import lock; whether it was held."""
    was_held = me in _holding_imports
    if was_held:
        _holding_imports.discard(me)
        _imp.release_lock()
    return was_held


def _imports_of_others(me: int) -> set[str]:
    """Modules that other threads are in the middle of importing; a child inherits their locks."""
    module_locks: Any = _bootstrap._module_locks  # type: ignore[attr-defined]
    locks = [(name, reference()) for name, reference in list(module_locks.items())]
    return {name for name, lock in locks if lock and _is_held(lock, me)} - _endless


def _is_held(module_lock: Any, me: int) -> bool:
    if module_lock.owner not in (None, me):
        return True
    is_free: bool = module_lock.lock.acquire(False)  # it is locked while the owner changes
    if is_free:
        module_lock.lock.release()
    return not is_free


def _go_on() -> None:
    me = threading.get_ident()
    if _let_import(me):
        _logging_lock.release()
    _forking.discard(me)


def _begin_in_child() -> None:
    me = threading.get_ident()
    _let_import(me)  # logging has made its lock anew
    _forking.clear()
    _inside.intersection_update({me})
    for lock in list(_locks):
        if not lock._is_owned():
            lock._at_fork_reinit()
    for renew in _in_child:
        renew()
    for owner, renew_owner in list(_in_child_by_owner.items()):
        renew_owner(owner)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(
        before=_wait_for_others, after_in_parent=_go_on, after_in_child=_begin_in_child
    )
