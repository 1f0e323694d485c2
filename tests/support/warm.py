"""Python programs that begin warm: forked from a process that has loaded the package before.

Loading is most of what a short program costs, and hundreds are run here. What a test shows of the
start itself (what is loaded, and from where) needs a process of its own.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import IO, Any, TextIO

from agents_lite import Usage

LOADED = (
    *("agents_lite.cli.main", "agents_lite.run", "agents_lite.testing", "pydantic.json_schema"),
    *("asyncio", "sqlite3", "genai_prices.data", "genai_prices.data_snapshot", "pytest"),
)
_CLIENTS = {
    "sqlalchemy": (
        *("agents_lite.extensions.journal.sqlalchemy_journal",),
        *("agents_lite.extensions.memory.sqlalchemy_session",),
        *("sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.mysql"),
    ),
    "redis": (
        *("agents_lite.extensions.journal.redis_journal",),
        *("agents_lite.extensions.memory.redis_session",),
    ),
    "psycopg": ("sqlalchemy.dialects.postgresql.psycopg", "psycopg"),
    "pymysql": ("sqlalchemy.dialects.mysql.pymysql", "pymysql"),
}
OF_DATABASES = tuple(
    module for name, modules in _CLIENTS.items() if find_spec(name) for module in modules
)
"""What programs load that keep something in a database, of what is installed."""


def run_warm(
    arguments: Sequence[str],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str = "",
    timeout: float = 300,
    loaded: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `python` with a file, or -m and a module, or -c and a program, to its end.

    None is the folder, or the environment, of the caller. What the environment tells the start of
    Python (PYTHONPATH and the like) is not heard. It is begun by a process that has loaded the
    modules `loaded`, too. Gives what was printed.
    """
    with (
        TemporaryFile("w+") as typed,
        TemporaryFile("w+") as printed,
        TemporaryFile("w+") as warned,
    ):
        typed.write(input)
        typed.seek(0)
        code = Begun(arguments, cwd, env, loaded, (typed, printed, warned)).wait(timeout)
        printed.seek(0)
        warned.seek(0)
        return subprocess.CompletedProcess(
            [sys.executable, *arguments], code, printed.read(), warned.read()
        )


class Begun:
    """A program that was begun with three files; `pid` is the id of its process.

    Where they are a terminal, it is the one of a session of its own, and Ctrl-C interrupts it.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: str | Path | None,
        env: Mapping[str, str] | None,
        loaded: tuple[str, ...],
        standard_files: Iterable[IO[Any]],
    ) -> None:
        told = {
            "arguments": list(arguments),
            "folder": str(cwd or Path.cwd()),
            "environment": dict(os.environ if env is None else env),
        }
        with TemporaryFile("w+") as asked:
            json.dump(told, asked)
            asked.seek(0)
            files = [asked.fileno(), *(file.fileno() for file in standard_files)]
            self._answers = _forking_process(loaded).begin(files)
        self.pid = int(self._answers.readline())
        self._code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, or the negative number of the signal it died of; None: it runs."""
        if self._code is None and select.select([self._answers], [], [], 0)[0]:
            self.wait()
        return self._code

    def wait(self, timeout: float = 300) -> int:
        """Its exit code, once it is over; it is killed after so many seconds."""
        if self._code is None:
            late = threading.Timer(timeout, os.kill, (self.pid, signal.SIGKILL))
            late.start()
            try:
                self._code = int(self._answers.readline())
            finally:
                late.cancel()
            self._answers.close()
        return self._code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it, if it runs."""
        self.send_signal(signal.SIGKILL)


class Warm(Begun):
    """A Python program that runs beside its caller, who may type, read, send signals and wait.

    It is begun as `run_warm` does.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        loaded: tuple[str, ...] = (),
    ) -> None:
        (typed, typing), (reading, printed) = os.pipe(), os.pipe()
        self.stdin, self.stdout = open(typing, "w"), open(reading)
        self._warned = TemporaryFile("w+")
        with open(typed) as its_input, open(printed, "w") as its_output:
            files = (its_input, its_output, self._warned)
            super().__init__(arguments, cwd, env, loaded, files)

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.communicate()

    @property
    def returncode(self) -> int | None:
        """As `poll` has it."""
        return self.poll()

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """Type no more, and wait for its end; gives what it printed since, and all it warned of."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.wait(timeout)
        printed = "" if self.stdout.closed else self.stdout.read()
        self.stdout.close()
        self._warned.seek(0)
        return printed, self._warned.read()


class _ForkingProcess:
    def __init__(self, loaded: tuple[str, ...]) -> None:
        self._asking, answering = socket.socketpair()
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(answering.fileno()), *LOADED, *loaded],
            cwd=Path(__file__).parents[2],
            pass_fds=[answering.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        answering.close()

    def begin(self, files: list[int]) -> TextIO:
        """Begin a program; gives where its process's id and then its exit code can be read."""
        hearing, telling = socket.socketpair()
        with hearing, telling:
            with self._lock:
                socket.send_fds(self._asking, [b"."], [telling.fileno(), *files])
            return hearing.makefile()


@cache
def _forking_process(loaded: tuple[str, ...]) -> _ForkingProcess:
    return _ForkingProcess(loaded)


def main(answering: socket.socket, *loaded: str) -> None:
    """Fork for each program that is asked for, until nobody is left to ask."""
    for name in loaded:
        import_module(name)
    Usage().model_dump()  # what it needs is made at its first use
    gc.freeze()  # or each would look through all of it in the end
    running: dict[int, int] = {}

    def tell_ends(*_: object) -> None:
        with suppress(ChildProcessError):  # there is none left
            # Each end is told once: the next signal may come in the middle of this.
            while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
                pid, status = ended
                telling = running.pop(pid)
                os.write(telling, f"{os.waitstatus_to_exitcode(status)}\n".encode())
                os.close(telling)

    signal.signal(signal.SIGCHLD, tell_ends)
    while True:
        sign, files, _, _ = socket.recv_fds(answering, 1, 5)
        if not sign:
            return
        telling, *its_files = files
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            answering.close()
            for file in (telling, *running.values()):
                os.close(file)
            _begin(*its_files)
            return
        for file in its_files:
            os.close(file)
        os.write(telling, f"{pid}\n".encode())
        running[pid] = telling
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def _begin(asked: int, *standard_files: int) -> None:
    with open(asked) as file:
        told: dict[str, Any] = json.load(file)
    for number, open_file in enumerate(standard_files):
        os.dup2(open_file, number)
        os.close(open_file)
    sys.stdin = open(0, errors=sys.stdin.errors, closefd=False)
    sys.stdout = open(1, "w", errors=sys.stdout.errors, closefd=False)
    if os.isatty(0):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    program = sys.modules["__main__"] = ModuleType("__main__")
    match told["arguments"]:
        case ["-m", name, *words]:
            sys.path[0] = told["folder"]
            sys.argv = [name, *words]
            runpy._run_module_as_main(name)  # type: ignore[attr-defined]
        case ["-c", text, *words]:
            sys.path[0] = told["folder"]
            sys.argv = ["-c", *words]
            exec(compile(text, "<string>", "exec"), program.__dict__)
        case [path, *words]:
            sys.path[0] = str(Path(path).resolve().parent)
            sys.argv = [path, *words]
            program.__file__ = path
            exec(compile(Path(path).read_bytes(), path, "exec"), program.__dict__)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), *sys.argv[2:])
