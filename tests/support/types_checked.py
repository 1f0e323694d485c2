"""What mypy says of programs, asked by one process after the other."""

from __future__ import annotations

import fcntl
from pathlib import Path
from tempfile import gettempdir

from mypy import api

HERE = Path(__file__).parents[2]


def mypy_report(*programs: Path) -> tuple[str, int]:
    """The report of `mypy --strict`, and its exit code.

    What it finds in the package is kept for the next one, who waits for it.
    """
    options = ["--strict", "--show-error-codes", "--config-file", str(HERE / "pyproject.toml")]
    with open(Path(gettempdir(), "mypy-of-tests.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        report, _, code = api.run([*options, *map(str, programs)])
    return report, code
