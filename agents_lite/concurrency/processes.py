"""Starting and ending processes, and what they are given."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from .forks import new_lock
from .workers import run_in_thread_or_here

_LONGEST_PAUSE = 0.05  # seconds between two looks whether a process has ended
_reaping = new_lock()

_INHERITED = (
    ["APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PATHEXT", "SYSTEMDRIVE"]
    + ["SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE"]
    if sys.platform == "win32"
    else ["HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR"]
    + ["TZ", "USER"]
)


def small_environment(added: Mapping[str, str]) -> dict[str, str]:
    """Variables that every program needs, and what is added; all others may hold secrets."""
    return {**{key: os.environ[key] for key in _INHERITED if key in os.environ}, **added}


def start_process(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program, in a process group of its own.

    It is started on another thread: an interrupt comes to the main one, and could come when the
    program runs and nobody knows of it yet. One that nobody will know of is ended.

    Args:
        command: The program and its arguments.
        options: Those of `subprocess.Popen`.

    Raises:
        OSError: There is no such program, or it cannot be run.
    """
    started: list[subprocess.Popen[bytes]] = []
    is_left: list[bool] = []

    def start() -> None:
        # A group, not a session: Linux would schedule that apart from its callers.
        group = None if sys.platform == "win32" else 0
        started.append(subprocess.Popen(command, process_group=group, **options))
        if is_left:
            end_group(started[0])

    try:
        run_in_thread_or_here(start).result()
        return started[0]
    except BaseException:
        is_left.append(True)
        for process in started:
            end_group(process)
        raise


def has_ended(process: subprocess.Popen[bytes], seconds: float = 0.0) -> bool:
    """Whether a process has ended within so many seconds; its `returncode` is known then.

    The methods of `Popen` have a lock in Python code, which an interrupt could leave locked.
    """
    if sys.platform == "win32":
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.returncode is not None
    deadline, pause = time.monotonic() + seconds, 0.0005
    while not _is_reaped(process):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
    return True


def _is_reaped(process: subprocess.Popen[bytes]) -> bool:
    with _reaping:
        if process.returncode is None:
            try:
                pid, status = os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:  # it has ended, and how was told to somebody else
                process.returncode = 0
            else:
                if pid:
                    process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode is not None


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process at once, with its group."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
