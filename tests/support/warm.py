"""Python programs that begin warm: forked from a process that has loaded the package before.

Loading is most of what a short program costs, and hundreds are run here. What a test shows of the
start itself (what is loaded, how a terminal or a signal finds it) needs a process of its own.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import Any

LOADED = (
    *("agents_lite.cli.main", "agents_lite.run", "agents_lite.testing", "pydantic.json_schema"),
    *("asyncio", "genai_prices.data", "genai_prices.data_snapshot", "pytest"),
)


def run_warm(
    arguments: Sequence[str],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str = "",
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run `python` with a file, or -m and a module, to its end, and give what it printed.

    None is the folder, or the environment, of the caller. What the environment tells the start of
    Python (PYTHONPATH and the like) is not heard.
    """
    told = {
        "arguments": list(arguments),
        "folder": str(cwd or Path.cwd()),
        "environment": dict(os.environ if env is None else env),
    }
    with (
        TemporaryFile("w+") as asked,
        TemporaryFile("w+") as typed,
        TemporaryFile("w+") as printed,
        TemporaryFile("w+") as warned,
    ):
        for file, text in ((asked, json.dumps(told)), (typed, input)):
            file.write(text)
            file.seek(0)
        files = [file.fileno() for file in (asked, typed, printed, warned)]
        code = _forking_process().run(files, timeout)
        printed.seek(0)
        warned.seek(0)
        return subprocess.CompletedProcess(
            [sys.executable, *arguments], code, printed.read(), warned.read()
        )


class _ForkingProcess:
    def __init__(self) -> None:
        self._asking, answering = socket.socketpair()
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(answering.fileno())],
            cwd=Path(__file__).parents[2],
            pass_fds=[answering.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        answering.close()
        self._answers = self._asking.makefile()

    def run(self, files: list[int], timeout: float) -> int:
        """Run a program; gives its exit code, or the negative number of the signal it died of."""
        with self._lock:
            socket.send_fds(self._asking, [b"."], files)
            pid = int(self._answers.readline())
            late = threading.Timer(timeout, os.kill, (pid, signal.SIGKILL))
            late.start()
            try:
                return int(self._answers.readline())
            finally:
                late.cancel()


@cache
def _forking_process() -> _ForkingProcess:
    return _ForkingProcess()


def main(answering: socket.socket) -> None:
    """Fork for each program that is asked for, until nobody is left to ask."""
    for name in LOADED:
        import_module(name)
    gc.freeze()  # or each would look through all of it in the end
    while True:
        sign, files, _, _ = socket.recv_fds(answering, 1, 4)
        if not sign:
            return
        pid = os.fork()
        if pid == 0:
            answering.close()
            _begin(*files)
            return
        for file in files:
            os.close(file)
        answering.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        answering.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _begin(asked: int, *standard_files: int) -> None:
    with open(asked) as file:
        told: dict[str, Any] = json.load(file)
    for number, open_file in enumerate(standard_files):
        os.dup2(open_file, number)
        os.close(open_file)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"])
    program = sys.modules["__main__"] = ModuleType("__main__")
    match told["arguments"]:
        case ["-m", name, *words]:
            sys.path[0] = told["folder"]
            sys.argv = [name, *words]
            runpy._run_module_as_main(name)  # type: ignore[attr-defined]
        case [path, *words]:
            sys.path[0] = str(Path(path).resolve().parent)
            sys.argv = [path, *words]
            program.__file__ = path
            exec(compile(Path(path).read_bytes(), path, "exec"), program.__dict__)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
