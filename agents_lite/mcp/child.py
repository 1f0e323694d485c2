"""A server's process: lines in, lines out, and its end."""

from __future__ import annotations

import _socket
import atexit
import io
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

from ..concurrency.forks import new_lock
from ..concurrency.processes import end_group, has_ended, small_environment, start_process

LONGEST_LINE = 2000
"""Bytes of a line of standard error that are read as one."""
GRACE = 1.0
"""Seconds that a process has to end once its input is closed, and again once it is told to."""
IDLE_SECONDS = 0.05
"""How long after a caller has read the thread of the child reads again."""
BLOCK_SIZE = 65536
"""Bytes read at a time."""
LAST_WORDS = 0.5
"""Seconds to wait for what a dead process left in its standard error."""

_CAN_POLL = hasattr(select, "poll")  # which Windows lacks
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

    Two threads read what it says, for as long as it lives. Who waits for an answer may read the
    output, too, which saves the way over the thread: on a busy machine most of what a call costs.

    Args:
        listener: Hears what it says.
        longest: Bytes of a line; it is ended when it writes more without an end.
    """

    _process: subprocess.Popen[bytes]
    _output: int

    def __init__(self, listener: Listener, longest: int) -> None:
        self.is_killed = False
        """Whether it was told to end at once, so that nothing more is to be asked of it."""
        self._listener = listener
        self._reading = new_lock()
        self._longest = longest
        self._unfinished: list[bytes] = []  # of a line; joined only once, it may be long
        self._unfinished_size = 0
        self._read_at = 0.0
        self._is_at_end = False
        self._waking = new_lock()
        self._wake: tuple[_socket.socket, ...] = ()
        self._ending = new_lock()
        self._is_done = False
        self._readers = [
            threading.Thread(target=read, name="agents_lite mcp", daemon=True)
            for read in (self._read_output, self._read_errors)
        ]

    def begin(
        self,
        command: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        directory: str | os.PathLike[str] | None,
    ) -> None:
        """Start it; whatever comes of that, `end` has to follow.

        Args:
            command: The program.
            arguments: What it is given.
            environment: Added to the few variables that every program needs.
            directory: Where it runs; None: here.

        Raises:
            OSError: There is no such program, or it cannot be run.
        """
        if _CAN_POLL:  # unlike the ends of `os.pipe`, what an interrupt loses closes itself
            self._wake = _socket.socketpair()
        program = shutil.which(command, path=environment.get("PATH")) or command
        self._process = start_process(
            [program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=small_environment(environment),
            cwd=directory,
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._news = _poll_of(self._output, self._wake[0].fileno()) if _CAN_POLL else None
        _alive.add(self)
        try:
            for reader in self._readers:
                reader.start()
        except RuntimeError as error:
            if "new thread" in str(error):  # others stand in for an interrupt
                raise OSError(str(error)) from error
            raise

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
        has_ended(self._process, LAST_WORDS)
        status = self._process.returncode
        if self._unfinished_size > self._longest:
            return f"it wrote more than {self._longest} bytes in a line (max_message_bytes)"
        if status is None:
            return "it closed its output"
        if status < 0:
            return f"its process was ended by signal {-status}"
        return f"its process ended with exit code {status}"

    def kill(self) -> None:
        """End it at once, with its group; it is reaped by the thread that reads it."""
        self.is_killed = True
        if hasattr(self, "_process"):
            end_group(self._process)

    def end(self) -> None:
        """End it with its group: its input is closed, then it is told to end, then killed."""
        if not hasattr(self, "_process"):  # it was not started
            self._close_wake()
            return
        try:
            with self._ending:
                self._end()
            for reader in self._readers:
                if reader.is_alive() and reader is not threading.current_thread():
                    reader.join(LAST_WORDS)
        except BaseException:  # there is no time for more
            self.kill()
            raise
        if not self._readers[0].is_alive():  # it may not have been started
            self._close_wake()

    def _end(self) -> None:
        if self._is_done:
            return
        if self._process.stdin is not None:
            with suppress(OSError):  # as above
                self._process.stdin.close()
        if not has_ended(self._process, GRACE):
            self._tell_to_end()
            if not has_ended(self._process, GRACE):
                self.kill()
                has_ended(self._process, GRACE)
        end_group(self._process)  # what it left in its group
        self._is_done = True
        _alive.discard(self)

    def read_here(self, is_needed: Callable[[], bool]) -> bool:
        """Wait for output and take it, on this thread, unless another one is reading.

        Args:
            is_needed: Whether something is still to come; asked once nobody else can take it.

        Returns:
            False when another thread reads, or there is nothing more to read.
        """
        if self._news is None:
            return False
        try:
            if not self._reading.acquire(blocking=False) or self._is_at_end or not is_needed():
                return False
            wake_end = self._wake[0]
            ready = [each for each, _ in self._news.poll()]
            if wake_end.fileno() in ready:
                wake_end.recv(BLOCK_SIZE)
            elif ready:
                self._read_at = time.monotonic()
                self._read_block()
            return True
        finally:
            try:  # as `new_lock` says
                self._reading.release()
            except RuntimeError:  # another thread has it
                pass

    def wake_reader(self) -> None:
        """Let whoever is in `read_here` return."""
        with self._waking:
            if self._wake:
                self._wake[1].send(b"!")

    def forget(self) -> None:
        """Let go of it in a forked process: it is the parent's."""
        _alive.discard(self)
        self._is_done = self._is_at_end = True
        self._process.returncode = 0  # so that nobody waits for what is no child of this process
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._close_wake()

    def _read_output(self) -> None:
        """Read, but for the times when those who wait for an answer do so themselves."""
        while not self._is_at_end:
            if time.monotonic() - self._read_at < IDLE_SECONDS:
                time.sleep(IDLE_SECONDS)
                continue
            if _CAN_POLL:
                _wait_for(self._output)
            if self._reading.acquire(blocking=False):
                try:
                    if not _CAN_POLL or _wait_for(self._output, seconds=0):
                        self._read_block()
                finally:
                    self._reading.release()
            else:
                time.sleep(IDLE_SECONDS)
        assert self._process.stdout is not None
        with self._reading, suppress(OSError):  # somebody has closed all descriptors, maybe
            self._process.stdout.close()
        self.end()  # so that it is no zombie
        self._close_wake()

    def _read_block(self) -> None:
        try:
            block = os.read(self._output, BLOCK_SIZE)
        except OSError:
            block = b""
        try:
            self._take(block)
        except BaseException:  # what was read is lost, and with it an answer
            self.kill()
            raise

    def _take(self, block: bytes) -> None:
        if not block:
            self._is_at_end = True
            self._listener.take(b"".join(self._unfinished))
            self._listener.end()
            return
        first, *others = block.split(b"\n")
        self._unfinished_size += len(first)
        if self._unfinished_size > self._longest:
            self._unfinished.clear()
            self.kill()
            return
        self._unfinished.append(first)
        if others:
            lines = [b"".join(self._unfinished), *others]
            self._unfinished = [lines.pop()]
            self._unfinished_size = len(self._unfinished[0])
            for line in lines:
                self._listener.take(line)

    def _close_wake(self) -> None:
        with self._reading, self._waking:
            for end in self._wake:
                with suppress(OSError):
                    end.close()
            self._wake = ()

    def _read_errors(self) -> None:
        stderr = self._process.stderr
        assert isinstance(stderr, io.RawIOBase)
        with suppress(OSError, ValueError), io.BufferedReader(stderr) as lines:
            while line := lines.readline(LONGEST_LINE):
                self._listener.hear(line.decode("utf-8", "replace").rstrip())

    def _tell_to_end(self) -> None:
        with suppress(OSError):
            if sys.platform == "win32":
                self._process.terminate()
            else:
                os.killpg(self._process.pid, signal.SIGTERM)


def _wait_for(*inputs: int, seconds: float | None = None) -> list[int]:
    """Which of the descriptors can be read, or are at their end."""
    milliseconds = None if seconds is None else seconds * 1000
    return [each for each, _ in _poll_of(*inputs).poll(milliseconds)]


def _poll_of(*inputs: int) -> select.poll:
    poll = select.poll()
    for each in inputs:
        poll.register(each, select.POLLIN)
    return poll


def _end_all() -> None:
    for child in list(_alive):
        child.end()


atexit.register(_end_all)
