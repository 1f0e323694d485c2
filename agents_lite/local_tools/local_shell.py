"""Running commands on this machine, bounded in time and output."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

from ..checks import check_count, check_kind, check_seconds
from ..concurrency.cancellation import Cancellation
from ..concurrency.processes import end_group, has_ended, small_environment, start_process
from ..exceptions import UserError
from ..response_types import as_json
from .shell import (
    LocalShellCommandRequest,
    ShellCallOutcome,
    ShellCommandOutput,
    ShellCommandRequest,
    ShellResult,
)

BLOCK_SIZE = 65536
"""Bytes read at a time."""
LOOK_SECONDS = 0.05
"""How often to look whether a command has ended while others still hold its output."""
GRACE = 0.5
"""Seconds to read what is left once a command has ended, should others hold its output."""


class LocalShell:
    """Runs the commands of a `ShellTool`, or of a `LocalShellTool`, in one folder.

    Each runs in a process group of its own, which is ended with it: what a command leaves behind in
    the background does not go on, unless it has left the group, as by `setsid`. This is no sandbox:
    a command may do whatever this user may. Have calls approved (`needs_approval=True`), or run the
    program in a container.

    Args:
        folder: Where the commands run.
        timeout: Seconds for each command; the model may ask for less.
        max_output: Bytes kept of each command's output and of its errors, half of them from
            the beginning; the model may ask for less.
        env: Variables beside PATH, HOME and the like; no other is handed on, since they may hold
            keys.

    Raises:
        UserError: There is no such folder or no time, or something is of the wrong kind.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] = ".",
        *,
        timeout: float = 60.0,
        max_output: int = 20_000,
        env: Mapping[str, str] | None = None,
    ) -> None:
        check_kind(folder, (str, os.PathLike), "LocalShell: folder", "a path")
        check_kind(env, (Mapping, NoneType), "LocalShell: env", "a dict")
        check_seconds(timeout, "LocalShell: timeout")
        check_count(max_output, "LocalShell: max_output", 1)
        self.folder = Path(folder).resolve()
        self.timeout = timeout
        self.max_output = max_output
        self.env = dict(env or {})
        if not self.folder.is_dir():
            raise UserError(f"LocalShell: there is no folder {folder}")

    def __call__(self, request: ShellCommandRequest | LocalShellCommandRequest) -> Any:
        """Run what a call asks for; commands behind one whose time was over are not run."""
        cancellation = getattr(request.ctx_wrapper, "cancellation", None) or Cancellation()
        if isinstance(request, LocalShellCommandRequest):
            return self._run_program(request.data.action, cancellation)
        action = request.data.action
        most = min(self.max_output, action.max_output_length or self.max_output)
        outputs = []
        for command in action.commands:
            done = self._run(
                ["/bin/sh", "-c", command], action.timeout_ms, most, cancellation, self.folder
            )
            done.command = command
            outputs.append(done)
            if done.status == "timeout":
                break
        return ShellResult(outputs)

    def _run_program(self, action: Any, cancellation: Cancellation) -> str:
        """Both outputs of the program of an older call.

        Raises:
            PermissionError: It is to run outside of the folder.
        """
        folder = (self.folder / (action.get("working_directory") or ".")).resolve()
        if not folder.is_relative_to(self.folder):
            raise PermissionError(f"{folder} is not in the folder where programs may run")
        done = self._run(
            list(action.command),
            action.get("timeout_ms"),
            self.max_output,
            cancellation,
            folder,
            as_json(action.get("env")),
        )
        if done.status == "timeout":
            done.stderr += "\nIts time was over."
        return done.stdout + done.stderr

    def _run(
        self,
        command: Sequence[str],
        timeout_ms: int | None,
        most: int,
        cancellation: Cancellation,
        folder: Path,
        env: Mapping[str, str] | None = None,
    ) -> ShellCommandOutput:
        seconds = min(self.timeout, timeout_ms / 1000 if timeout_ms else self.timeout)
        process = start_process(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=small_environment({**(env or {}), **self.env}),
        )
        try:
            with cancellation.interrupting(lambda: end_group(process)):
                outputs, is_late = _read(process, time.monotonic() + seconds, most)
        finally:
            end_group(process)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
            has_ended(process, GRACE)  # so that it is no zombie
        cancellation.check()
        outcome = ShellCallOutcome("timeout") if is_late else _exit_of(process)
        stdout, stderr = (each.text for each in outputs)
        return ShellCommandOutput(stdout, stderr, outcome)


class _Kept:
    """The beginning and the end of what was written."""

    def __init__(self, most: int) -> None:
        self._half = max(most // 2, 1)
        self._start, self._end = bytearray(), bytearray()
        self._left_out = 0

    def add(self, written: bytes) -> None:
        room = self._half - len(self._start)
        self._start += written[:room]
        self._end += written[room:]
        too_much = len(self._end) - self._half
        if too_much > 0:
            del self._end[:too_much]
            self._left_out += too_much

    @property
    def text(self) -> str:
        """What was kept, and how much was not."""
        if not self._left_out:  # a character may stand across the middle
            return (self._start + self._end).decode("utf-8", "replace")
        start, end = (each.decode("utf-8", "replace") for each in (self._start, self._end))
        return f"{start}\n... {self._left_out} bytes were left out ...\n{end}"


def _read(process: subprocess.Popen[bytes], end: float, most: int) -> tuple[list[_Kept], bool]:
    """What a process writes until its end, or until its time is over, when it is ended."""
    kept = [_Kept(most), _Kept(most)]
    is_late = is_over = False
    with selectors.DefaultSelector() as pipes:
        for pipe, place in ((process.stdout, kept[0]), (process.stderr, kept[1])):
            assert pipe is not None
            pipes.register(pipe, selectors.EVENT_READ, place)
        while pipes.get_map() or not is_over:
            now = time.monotonic()
            if is_over and now >= end:
                break
            if not is_over and (has_ended(process) or now >= end):
                is_over, is_late = True, process.returncode is None
                end_group(process)
                end = now + GRACE
            if not pipes.get_map():  # the command has closed them, and goes on
                has_ended(process, min(end - now, LOOK_SECONDS))
                continue
            for key, _ in pipes.select(min(end - now, LOOK_SECONDS)):
                written = os.read(key.fd, BLOCK_SIZE)
                key.data.add(written)
                if not written:
                    pipes.unregister(key.fileobj)
    return kept, is_late


def _exit_of(process: subprocess.Popen[bytes]) -> ShellCallOutcome:
    code = process.returncode
    return ShellCallOutcome("exit", code if code >= 0 else 128 - code)  # as a shell tells of it
