"""Every Python block of the README, run against the stand-in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from agents_lite.testing.offline import offline

README = Path(__file__).resolve().parents[2] / "README.md"
_BLOCK = r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?"
BLOCKS = re.findall(_BLOCK, README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("program", "output"), BLOCKS)
def test_python_block_runs_and_prints_the_text_block_after_it(
    program: str, output: str, tmp_path: Path
) -> None:
    with offline():
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout == output


def test_readme_has_programs() -> None:
    assert any(output for _program, output in BLOCKS)
