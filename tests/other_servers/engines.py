"""Runs whose steps an engine for durable work keeps.

Not collected with the other tests, since its packages want an environment of their own, which has
this package's too (requests, pydantic, docstring-parser):

    DBOS=path/to/python pytest tests/other_servers/engines.py
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

PYTHON = os.environ.get("DBOS", ".venv-dbos/bin/python")
CHECKOUT = Path(__file__).parents[2]


def start(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = CHECKOUT / "tests" / "other_servers" / "dbos_engine.py"
    return subprocess.run(
        [PYTHON, script, folder, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )


def test_dbos_recovers_a_killed_run_and_repeats_no_effect(tmp_path: Path) -> None:
    assert start(tmp_path, "die").returncode == -signal.SIGKILL
    assert (tmp_path / "effects").read_text().split() == ["answer", "charge", "1"]
    recovered = start(tmp_path)
    assert recovered.returncode == 0, recovered.stderr
    assert "settled\n['answer', 'answer', 'charge 1', 'charge 2']" in recovered.stdout
