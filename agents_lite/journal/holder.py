"""Who drives a run: a process, named so that others can tell whether it is still there."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from pydantic_core import from_json, to_json

_at_work: set[str] = set()  # tokens of this process


@dataclass(frozen=True)
class Holder:
    """One driver of a run."""

    host: str
    """The machine since its last start, with the namespace that its process ids belong to."""
    pid: int
    """The process."""
    started: str
    """When the process was started, in the system's own units; "" where that is not known."""
    token: str
    """Tells the runs of a process apart."""
    text: str = field(default="", init=False, repr=False, compare=False)
    """The holder as JSON."""

    def __post_init__(self) -> None:
        told = {name: getattr(self, name) for name in ("host", "pid", "started", "token")}
        object.__setattr__(self, "text", to_json(told).decode())

    @classmethod
    def here(cls) -> Holder:
        """A new one, of this process."""
        pid, token = os.getpid(), os.urandom(8).hex()
        _at_work.add(token)
        return cls(_host(), pid, _start_of(pid) or "", token)

    @classmethod
    def from_text(cls, text: str) -> Holder | None:
        """The one whose `text` it is, or None when the text is damaged."""
        try:
            return cls(**from_json(text))
        except (TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host.partition(' ')[0]}"

    def leave(self) -> None:
        """Drive the run no more, whether or not the store could be told."""
        _at_work.discard(self.token)

    def is_dead(self) -> bool:
        """Whether it has ended for certain: only its own machine can say."""
        if self.host != _host():
            return False
        if self.pid == os.getpid():
            return self.token not in _at_work
        started = _start_of(self.pid)
        return started is None or (started != self.started and "" not in (started, self.started))


@cache
def _host() -> str:
    """This machine since its last start; containers of one name have process ids of their own."""
    told = [socket.gethostname()]
    with suppress(OSError):
        told.append(_read("/proc/sys/kernel/random/boot_id").strip())
        told.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(told)


def _start_of(pid: int) -> str | None:
    """When a process was started; "" where the system does not tell, None: there is none.

    Source: proc_pid_stat(5); the fields behind the command's name, which stands in parentheses.
    """
    if sys.platform == "linux":
        try:
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        except OSError:
            return ""
        return None if fields[0] in "ZX" else fields[19]  # a zombie has ended
    if sys.platform == "win32":  # where signal 0 would end it
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return ""


def _read(path: str) -> str:
    with open(path, errors="replace") as file:
        return file.read()
