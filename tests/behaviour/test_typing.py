"""What `mypy --strict` says of programs that use the package."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.types_checked import mypy_report

HERE = Path(__file__).parents[1]
DOCUMENTS = HERE.parent.parent / "shared" / "spec"


@cache
def report_of_programs() -> str:
    """What mypy reports of all programs here."""
    return mypy_report(*sorted((HERE / "typing").glob("*.py")))[0]


def complaints(program: Path) -> list[tuple[int, str, str]]:
    """Line, code and text of each error that mypy reports in a program."""
    report = report_of_programs()
    pattern = rf"^\S*{re.escape(program.name)}:(\d+): error: (.*)  \[([a-z-]+)\]$"
    return [
        (int(line), code, text) for line, text, code in re.findall(pattern, report, re.MULTILINE)
    ]


@pytest.mark.parametrize(
    ("name", "wrong"), [("context_types", 7), ("lists_and_items", 4), ("misspelt", 7)]
)
def test_what_does_not_fit_and_nothing_else_is_refused(name: str, wrong: int) -> None:
    """Contexts; lists that grow, items that narrow, hooks that take less, inputs; names."""
    program = HERE / "typing" / f"{name}.py"
    expected = [
        (number, line.rpartition("# wrong: ")[2])
        for number, line in enumerate(program.read_text().splitlines(), 1)
        if "# wrong: " in line
    ]
    assert len(expected) == wrong
    found = [(line, code) for line, code, _ in complaints(program)]
    assert list(dict.fromkeys(found)) == expected


def document_blocks() -> list[str]:
    markdown = DOCUMENTS / "000_ee6f3f30662260ea.txt"
    if not markdown.exists():
        return []
    blocks = re.findall(r"```python\n(.*?)```", markdown.read_text(), re.DOTALL)
    strings = re.findall(
        r'"code": ("(?:[^"\\]|\\.)*")', (DOCUMENTS / "003_540258097cd9ca1f.txt").read_text()
    )
    return [*blocks, *map(json.loads, strings)]


def test_the_documents_examples_are_accepted(tmp_path: Path) -> None:
    blocks = document_blocks()
    if not blocks:
        pytest.skip("the documents with the examples are not beside this checkout")
    for number, block in enumerate(blocks):
        program = re.sub(r"\b(from|import) agents\b", r"\1 agents_lite", block)
        (tmp_path / f"block_{number}.py").write_text(program)
    report, _ = mypy_report(tmp_path)
    errors = re.findall(r"block_\d+\.py:\d+: error: .*", report)
    ours = [line for line in errors if "agents_lite" in line or "incompatible with super" in line]
    assert errors and not ours, report  # the blocks have errors of their own: names left out
