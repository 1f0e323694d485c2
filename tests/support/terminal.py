"""A program in a terminal of its own, with a user who types and reads."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE, wait_until_asleep
from tests.support.warm import Begun

CTRL_C, CTRL_D = "\x03", "\x04"

class Terminal:
    """Starts a program in a pseudo-terminal; use it in a `with` block.

    One of Python begins warm, by a process that has loaded the modules `loaded`, too.

    Attributes:
        screen: Everything that has appeared so far, escape sequences included.
    """

    def __init__(
        self,
        command: list[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        loaded: tuple[str, ...] = (),
    ) -> None:
        self.screen = ""
        self._read_up_to = 0
        self._master, slave = pty.openpty()
        with open(slave, "r+b", buffering=0) as file:
            if command[0] == sys.executable:
                self._process: Any = Begun(command[1:], cwd, env, loaded, [file] * 3)
            else:
                # In a session of its own, with this as the terminal that Ctrl-C interrupts.
                self._process = subprocess.Popen(
                    ["setsid", "--ctty", "--wait", *command],
                    stdin=file,
                    stdout=file,
                    stderr=file,
                    cwd=cwd,
                    env=env,
                )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        os.close(self._master)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C once the program waits for something."""
        wait_until_asleep(self._process.pid)
        self.type(CTRL_C)

    def read_until(self, wanted: str) -> str:
        """Wait until that text appears; returns what appeared up to its end since the last call."""
        while (found := self.screen.find(wanted, self._read_up_to)) < 0:
            assert self._read_more(), f"{wanted!r} never appeared in:\n{self.screen}"
        start, self._read_up_to = self._read_up_to, found + len(wanted)
        return self.screen[start : self._read_up_to]

    def wait(self) -> int:
        """Wait for the program's end; returns its exit code."""
        while self._read_more():
            pass
        return self._process.wait(PATIENCE)

    def _read_more(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE)
        try:
            read = os.read(self._master, 65536) if ready else b""
        except OSError:  # the program has ended
            return False
        self.screen += read.decode(errors="replace")
        return bool(read)
