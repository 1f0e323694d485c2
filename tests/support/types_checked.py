"""What mypy says of programs, asked by one process after the other."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path
from tempfile import gettempdir

HERE = Path(__file__).parents[2]


def mypy_report(*programs: Path) -> tuple[str, int]:
    """The report of `mypy --strict`, and its exit code.

    What it finds in the package is kept for the next one, who waits for it. It has a process of
    its own, since it leaves much behind in one, and undoes `gc.freeze`.
    """
    options = ["--strict", "--show-error-codes", "--config-file", str(HERE / "pyproject.toml")]
    command = [sys.executable, "-m", "mypy", *options, *map(str, programs)]
    with open(Path(gettempdir(), "mypy-of-tests.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout, done.returncode
