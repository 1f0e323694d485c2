"""A server's process: lines in, lines out, and its end."""

from __future__ import annotations

import atexit
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

LONGEST_LINE = 2000
"""Bytes of a line of standard error that are read as one."""
GRACE = 1.0
"""Seconds that a process has to end once its input is closed, and again once it is told to."""
LAST_WORDS = 0.5
"""Seconds to wait for what a dead process left in its standard error."""

INHERITED = (
    ["APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PATHEXT", "SYSTEMDRIVE"]
    + ["SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE"]
    if sys.platform == "win32"
    else ["HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR"]
    + ["TZ", "USER"]
)
"""The environment variables that a server is given; all others may hold secrets."""

_alive: WeakSet[Child] = WeakSet()


class Listener(Protocol):
    """Hears what a process says, on the threads that read it."""

    def take(self, line: bytes) -> None:
        """It wrote a line."""

    def hear(self, words: str) -> None:
        """It wrote a line of standard error."""

    def end(self) -> None:
        """It writes no more."""


class Child:
    """A process in a group of its own, ended with that group at the latest at exit.

    Two threads read what it says, for as long as it lives.

    Args:
        command: The program.
        arguments: What it is given.
        environment: Added to the variables of `INHERITED`.
        directory: Where it runs; None: here.
        listener: Hears what it says.

    Raises:
        OSError: There is no such program, or it cannot be run.
    """

    def __init__(
        self,
        command: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        directory: str | os.PathLike[str] | None,
        listener: Listener,
    ) -> None:
        inherited = {key: os.environ[key] for key in INHERITED if key in os.environ}
        program = shutil.which(command, path=environment.get("PATH")) or command
        self._process = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**inherited, **environment},
            cwd=directory,
            bufsize=0,
            start_new_session=sys.platform != "win32",
        )
        self._listener = listener
        self._ending = threading.Lock()
        self._is_done = False
        self._readers = [
            threading.Thread(target=read, name="agents_lite mcp", daemon=True)
            for read in (self._read_output, self._read_errors)
        ]
        _alive.add(self)
        for reader in self._readers:
            reader.start()

    @property
    def process_id(self) -> int:
        """The operating system's number of the process, which is that of its group too."""
        return self._process.pid

    def write(self, line: bytes) -> None:
        """Write all of it; this waits for as long as the process does not read.

        Raises:
            OSError: It reads no more.
        """
        stdin = self._process.stdin
        assert isinstance(stdin, io.RawIOBase)
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[stdin.write(rest) or 0 :]
        except ValueError as error:  # closed meanwhile
            raise BrokenPipeError(str(error)) from None
        except BaseException:  # half a line spoils the pipe
            self.kill()
            raise

    def describe_end(self) -> str:
        """How it ended, all that it said being heard; to be asked once it writes no more."""
        self._readers[1].join(LAST_WORDS)
        self._ends_within(LAST_WORDS)
        status = self._process.returncode
        if status is None:
            return "it closed its output"
        if status < 0:
            return f"its process was ended by signal {-status}"
        return f"its process ended with exit code {status}"

    def kill(self) -> None:
        """End it at once, with its group; it is reaped by the thread that reads it."""
        self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def end(self) -> None:
        """End it with its group: its input is closed, then it is told to end, then killed."""
        with self._ending:
            if self._is_done:
                return
            if self._process.stdin is not None:
                self._process.stdin.close()
            if not self._ends_within(GRACE):
                self._signal(signal.SIGTERM)
                if not self._ends_within(GRACE):
                    self.kill()
                    self._ends_within(GRACE)
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))  # what it left in its group
            self._is_done = True
            _alive.discard(self)
        for reader in self._readers:
            if reader is not threading.current_thread():
                reader.join(LAST_WORDS)

    def forget(self) -> None:
        """Let go of it in a forked process: it is the parent's."""
        _alive.discard(self)
        self._is_done = True
        self._ending = threading.Lock()
        self._process.returncode = 0  # so that nobody waits for what is no child of this process
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _read_output(self) -> None:
        stdout = self._process.stdout
        assert isinstance(stdout, io.RawIOBase)
        with suppress(OSError, ValueError), io.BufferedReader(stdout, 65536) as lines:
            for line in lines:
                self._listener.take(line)
        self._listener.end()
        self.end()  # so that it is no zombie

    def _read_errors(self) -> None:
        stderr = self._process.stderr
        assert isinstance(stderr, io.RawIOBase)
        with suppress(OSError, ValueError), io.BufferedReader(stderr) as lines:
            while line := lines.readline(LONGEST_LINE):
                self._listener.hear(line.decode("utf-8", "replace").rstrip())

    def _ends_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def _signal(self, number: int) -> None:
        with suppress(OSError):
            if sys.platform == "win32":
                self._process.terminate()
            else:
                os.killpg(self._process.pid, number)


def _end_all() -> None:
    for child in list(_alive):
        child.end()


atexit.register(_end_all)
