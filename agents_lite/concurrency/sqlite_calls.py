"""Calls of SQLite: kept apart from forks, in short waits for files that others have locked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from .cancellation import current_cancellation
from .forks import without_fork

T = TypeVar("T")

TRY_SECONDS = 0.2
"""How long SQLite itself may wait for a file: forks, time limits and Ctrl-C wait with it."""
_PAUSE = 0.001
_BUSY, _LOCKED = 5, 6  # SQLite's codes for what another connection holds


def call_sqlite(lock: threading.RLock, work: Callable[[], T], seconds: float) -> T:
    """What `work` returns, as the only holder of `lock` and while no other thread forks.

    It is called again for so many seconds as long as what it needs is locked elsewhere; so it must
    leave nothing half done when it raises.

    Raises:
        BaseException: What `work` raised, or the reason for which the calling run was cancelled.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with lock:
                return without_fork(work)
        except Exception as error:
            if not _is_locked(error) or time.monotonic() >= deadline:
                raise
        cancellation = current_cancellation.get()
        if cancellation is not None:
            cancellation.check()
        time.sleep(_PAUSE)  # another thread's turn


def _is_locked(error: Exception) -> bool:
    """Whether it is an sqlite3 error, or SQLAlchemy's of one, that may be gone the next time."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", 0)
    return code & 0xFF in (_BUSY, _LOCKED)
