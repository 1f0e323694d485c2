"""The whole programs among the examples, as their users start them; those for Django and for the
web are tested with the apps.
"""

from __future__ import annotations

import ast
import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agents_lite.testing.offline import NOTICE
from tests.support.warm import run_warm

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("ask_files.py", "requests"),
        ("letters.py", "requests"),
        ("summarise_log.py", "requests"),
        ("support_desk.py", "flask"),
        ("flask_app/app.py", "flask"),
        ("celery_app/app.py", "celery"),
    ],
)
def test_a_program_says_how_it_is_started(name: str, needs: str, tmp_path: Path) -> None:
    pytest.importorskip(needs)
    told = run_warm([str(EXAMPLES / name), "--help"], cwd=tmp_path)
    usage = ast.get_docstring(ast.parse((EXAMPLES / name).read_text()))
    assert (told.returncode, told.stdout, told.stderr.strip()) == (1, "", usage)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program with arguments to its end."""

    def start(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, EXAMPLES / name, *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return start


def test_a_log_is_summarised_once_and_only_where_there_is_something_to_tell(
    run: Run, tmp_path: Path
) -> None:
    log, mark = tmp_path / "shop.log", tmp_path / "shop.log.read"
    log.write_text("07:00 INFO hello\n07:01 ERROR payment 17 failed\n07:02 ERROR payment 18 f")
    unreachable = run("summarise_log.py", "shop.log", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert (unreachable.returncode, mark.exists()) == (75, False)
    told = run("summarise_log.py", "shop.log")
    assert told.stdout == "shop.log: ERROR, 1 of 2 lines\n\n1 x ERROR payment # failed\n"
    with log.open("a") as file:
        file.write("ailed\n07:03 INFO payment 19\n")
    assert "1 of 2 lines" in run("summarise_log.py", "shop.log").stdout
    assert run("summarise_log.py", "shop.log").stdout == ""
    log.write_text("00:00 WARNING 90 % full\n")  # rotated
    again = run("summarise_log.py", "shop.log")
    assert (again.returncode, again.stderr) == (0, f"{NOTICE}\n")
    assert "WARNING, 1 of 1 lines\n\n1 x WARNING # % full\n" in again.stdout


def test_questions_are_answered_from_the_files_of_a_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "book" / "shop").mkdir(parents=True)
    (tmp_path / "book" / "shop" / "returns.md").write_text("# Returns\n\nA lamp for 30 days.\n")
    (tmp_path / "secret.md").write_text("A lamp.")
    (tmp_path / "book" / "folder.md").mkdir()
    found = run("ask_files.py", "book", "Search for 'lamp'")
    assert found.stdout == "shop/returns.md:3: A lamp for 30 days.\n"
    assert "# Returns" in run("ask_files.py", "book", "Read file 'shop/returns.md'").stdout
    outside = run("ask_files.py", "book", "Read file '../secret.md'").stdout
    assert "There is no file '../secret.md'" in outside
    assert run("ask_files.py").returncode == 1


def test_two_hundred_letters_become_a_table_and_none_is_paid_twice(
    run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number:03}.txt").write_text(
            f"Dear shop, my name is {['Ada', 'Grace'][number % 2]}. "
            f"On 2025-01-{number % 28 + 1:02} I bought a lamp for {number}.50 euros, "
            f"order B-{1000 + number}. It is broken. I want a refund."
        )
    (folder / "200.txt").write_text((folder / "007.txt").read_text())  # it came twice
    done = run("letters.py", "letters", "table.csv")
    assert (done.returncode, done.stdout) == (0, "201 letters are in table.csv, 0 are not\n")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = {
        "customer": "Grace", "day": "2025-01-08", "order_code": "B-1007",
        "euros": "7.5", "wish": "refund",
    }  # fmt: skip
    assert rows[7] == {"file": "007.txt", **expected}
    assert rows[200] == {"file": "200.txt", **expected}
    (folder / "201.txt").write_text("Hello.")
    nobody = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "k"}
    again = run("letters.py", "letters", "table.csv", **nobody)
    assert (again.returncode, again.stdout) == (1, "201 letters are in table.csv, 1 are not\n")
    assert again.stderr.startswith("201.txt: ")
