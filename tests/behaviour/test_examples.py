"""Every numbered example, run as its readers run it."""

from __future__ import annotations

import doctest
import os
import re
from pathlib import Path

import pytest

from tests.support.warm import run_warm

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
LONGEST = 60
RESPONSES_ONLY = ["15_hosted_tools", "23_local_tools", "26_batch_api"]
"""Examples of what Chat Completions do not have."""
BY_API = [
    pytest.param(path, api, id=f"{path.stem}-{api}")
    for path in EXAMPLES
    for api in ("responses", "chat_completions")
    if api == "responses" or path.stem not in RESPONSES_ONLY
]


def test_examples_are_numbered_without_gaps() -> None:
    assert [int(path.name[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))


@pytest.mark.parametrize(("path", "api"), BY_API)
def test_example_prints_what_it_says(path: Path, api: str) -> None:
    source = path.read_text()
    sample = source.partition("\n# Output:\n")[2]
    expected = re.sub(r"^# ?", "", sample, flags=re.MULTILINE)
    done = run_warm([str(path)], env={**os.environ, "OPENAI_API_TYPE": api})
    assert done.returncode == 0, done.stderr
    assert doctest.OutputChecker().check_output(expected, done.stdout, doctest.ELLIPSIS), (
        f"it says:\n{expected}\nit printed:\n{done.stdout}"
    )
    if "offline_unless_configured" in source:
        assert "stand-in" in done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def test_example_goes_to_the_server_that_is_configured() -> None:
    done = run_warm(
        [str(ROOT / "examples" / "01_hello.py")],
        env={**os.environ, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
    )
    assert "APIConnectionError" in done.stderr
    assert "stand-in" not in done.stderr
