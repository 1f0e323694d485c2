"""The sides of a comparison: processes that do the work and say what it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parent.parent

Figures = dict[str, float]
"""Seconds of "cpu" and "wall", kilobytes of "rss", and what else a workload measures."""


class WorkFailed(RuntimeError):
    """A side could not do its work; it has said why on standard error."""


class Side(Protocol):
    """Work that can be measured as often as wanted."""

    def opened(
        self, python: str, stub: Stub
    ) -> AbstractContextManager[Callable[[], Figures]]: ...


class Stub:
    """The stub server, running."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "benchmarks/stub_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout is None:
            raise RuntimeError("The stub server has no output to read")
        self._url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def environment(self, path: str) -> dict[str, str]:
        """Where the stub is, for another process; the path says what it is to answer."""
        # Installed packages come compiled: without this, the checkout alone would be compiled
        # again by every process.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name != "PYTHONDONTWRITEBYTECODE"
        }
        return {
            **inherited,
            "OPENAI_API_KEY": "sk-benchmark",
            "OPENAI_BASE_URL": self._url + path,
            "TRACES_URL": self._url + "/traces",
        }

    def close(self) -> None:
        self._process.communicate()


@dataclass
class Script:
    """A script, measured from the start of the interpreter to its end."""

    source: str
    is_traced: bool = False

    @contextmanager
    def opened(self, python: str, stub: Stub) -> Iterator[Callable[[], Figures]]:
        environment = stub.environment("/1/0/5")
        if not self.is_traced:
            environment["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
        command = [python, "-c", self.source]

        def measure() -> Figures:
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise WorkFailed(f"A script ended with {process.returncode}: {self.source}")
            return {"cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss}

        yield measure


@dataclass
class Work:
    """A workload of one of the modules beside this one, repeated in a process of its own."""

    module: str
    path: str
    """What the stub server is to answer."""
    workload: str
    arguments: tuple[object, ...] = ()
    times: int = 1
    """How often it is done for one measurement."""
    is_fresh: bool = False
    """Whether each measurement takes a new process, because of the memory."""
    share: float = 1
    """Which part of the work is done; the seconds are those of the whole."""

    @contextmanager
    def opened(self, python: str, stub: Stub) -> Iterator[Callable[[], Figures]]:
        if self.is_fresh:

            def measure() -> Figures:
                with self._worker(python, stub) as measure_once:
                    return measure_once()

            yield measure
            return
        with self._worker(python, stub) as measure:
            measure(1)  # the first time is another matter
            yield measure

    @contextmanager
    def _worker(self, python: str, stub: Stub) -> Iterator[Callable[..., Figures]]:
        arguments = [self.module, self.workload, *map(str, self.arguments)]
        process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=stub.environment(self.path),
        )

        def measure(times: int = self.times) -> Figures:
            print(times, file=process.stdin, flush=True)
            answer = process.stdout.readline() if process.stdout else ""
            if not answer:
                raise WorkFailed(f"The worker of {arguments} ended before its work was done")
            figures: Figures = json.loads(answer)
            return {**figures, **{key: figures[key] / self.share for key in ("cpu", "wall")}}

        try:
            yield measure
        finally:
            process.communicate()
