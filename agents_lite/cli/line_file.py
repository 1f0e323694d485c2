"""A file of JSON lines that stays whole when its writer is killed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO, Self

from ..exceptions import UserError
from ..response_types import read_json


class LineFile:
    """Appends entries to a file, for this process alone; use it in a `with` block.

    An entry is on disk when `append` returns. One that was cut short, since the process or the
    machine died over it, is taken away when the file is opened again.
    """

    def __init__(self, path: str) -> None:
        """Open the file, or begin it.

        Raises:
            UserError: It cannot be opened, or another process has it open as such.
        """
        self._path = path
        if os.path.exists(path) and not os.path.isfile(path):
            raise UserError(f"{path} is no file that lines can be added to")
        try:
            self._file = open(path, "a+b")
        except OSError as error:
            raise UserError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            _keep_others_out(self._file, path)
            _mend_end(self._file)
        except BaseException:
            self._file.close()
            raise

    def entries(self) -> Iterator[dict[str, Any]]:
        """What the file holds.

        Raises:
            UserError: A line is no JSON object.
        """
        self._file.seek(0)
        for number, line in enumerate(self._file, start=1):
            entry = _parse(line)
            if entry is None:
                raise UserError(
                    f"Line {number} of {self._path} is no JSON object: correct it, or name another "
                    "file"
                )
            yield entry

    def append(self, entry: dict[str, Any]) -> None:
        """Write an entry, JSON values by name, and wait until it is on disk.

        Raises:
            UserError: It cannot be written, as on a full disk.
        """
        text = json.dumps(entry, ensure_ascii=False)
        try:
            # What UTF-8 cannot take, a lone surrogate, becomes the escape that JSON has for it.
            self._file.write(text.encode(errors="backslashreplace") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UserError(f"{self._path} cannot be written: {error}") from error

    def sort(self, place: Callable[[dict[str, Any]], int]) -> None:
        """Put the entries in order; who is killed over it leaves the file as it was.

        Nothing can be appended after that.

        Args:
            place: Where an entry belongs; those of one place stay as they are.

        Raises:
            UserError: It cannot be written.
        """
        self._file.seek(0)
        lines = [(place(json.loads(line)), line) for line in self._file]
        in_order = sorted(lines, key=lambda each: each[0])
        if in_order == lines:
            return
        path = os.path.realpath(self._path)
        beside = f"{path}.sorting"
        try:
            with open(beside, "wb") as file:
                file.writelines(line for _, line in in_order)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(path, beside)
            os.replace(beside, path)
        except OSError as error:
            raise UserError(f"{self._path} cannot be put in order: {error}") from error

    def clear(self) -> None:
        """Drop all entries."""
        self._file.truncate(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # of what `append` could not write
            self._file.close()


def _keep_others_out(file: BinaryIO, path: str) -> None:
    """Lock the file until it is closed; the system unlocks it for a process that is killed."""
    with suppress(ImportError):  # no such locks on Windows
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"Another process is writing {path}: wait for its end") from None


def _mend_end(file: BinaryIO) -> None:
    """Cut off a last line that is incomplete; complete one that only lacks its line break."""
    file.seek(0)
    last, end = b"\n", 0
    for last in file:
        end += len(last)
    if last.endswith(b"\n"):
        return
    if _parse(last) is None:
        file.truncate(end - len(last))
    else:
        file.write(b"\n")
        file.flush()


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        entry = read_json(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
