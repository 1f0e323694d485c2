"""`agents-lite traces`, as its users start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents_lite.tracing.sqlite_store import StoredTrace
from tests.replay.test_as_test import run_test
from tests.support.terminal import CTRL_C, Terminal
from tests.support.warm import run_warm

COMMAND = [sys.executable, "-m", "agents_lite", "traces"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_warm(
        ["-m", "agents_lite", "traces", *arguments], env={**os.environ, **environment}
    )


def test_list_tells_the_newest_traces(sample_db: Path, sample: StoredTrace) -> None:
    done = run("list", "--db", str(sample_db))
    assert done.returncode == 0
    assert f"19 spans  1 error    {sample.trace_id}  Customer support" in done.stdout
    assert run("list", "--limit", "0", "--db", str(sample_db)).stdout == ""


def test_a_run_that_paused_and_went_on_is_one_trace(tmp_path: Path) -> None:
    database = {"AGENTS_LITE_TRACE_DB": str(tmp_path / "traces.db")}
    example = Path(__file__).parents[2] / "examples" / "20_approvals.py"
    run_warm([str(example)], env={**os.environ, **database}).check_returncode()
    (line,) = run("list", **database).stdout.splitlines()
    assert "5 spans" in line
    shown = run("show", "trace_", **database).stdout
    assert "2 turns" in shown
    inside = [row.split()[1] for row in shown.splitlines() if "─" in row]
    assert inside == ["model", "tool", "model"]


def test_show_takes_the_beginning_of_an_id(sample_db: Path, sample: StoredTrace) -> None:
    shown = {
        run("show", name, AGENTS_LITE_TRACE_DB=str(sample_db)).stdout
        for name in (sample.trace_id, sample.trace_id[:12], sample.trace_id[6:12])
    }
    (text,) = shown
    assert "└─ agent Rules expert" in text
    assert "\x1b" not in text


def test_heads_and_colours_are_for_terminals_only(sample_db: Path, sample: StoredTrace) -> None:
    command = [*COMMAND, "list", "--db", str(sample_db)]
    with Terminal(command) as terminal:
        assert terminal.wait() == 0
        assert terminal.screen.index("STARTED") < terminal.screen.index("Customer support")
    command = [*COMMAND, "show", sample.trace_id, "--db", str(sample_db)]
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with Terminal(command, env={**plain, "TERM": "xterm"}) as terminal:
        assert terminal.wait() == 0
        assert "\x1b[1magent Front desk\x1b[0m" in terminal.screen
    with Terminal(command, env={**plain, "TERM": "xterm", "NO_COLOR": "1"}) as terminal:
        assert terminal.wait() == 0
        assert "agent Front desk" in terminal.screen
        assert "\x1b" not in terminal.screen


def test_export_writes_one_page(sample_db: Path, sample: StoredTrace, tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    done = run("export", sample.trace_id, str(page), "--db", str(sample_db))
    assert (done.returncode, done.stdout) == (0, f"{page}\n")
    assert page.read_text().startswith("<!doctype html>")


def test_serve_says_where_and_ends_with_ctrl_c(sample_db: Path) -> None:
    with Terminal([*COMMAND, "serve", "--db", str(sample_db)]) as terminal:
        assert "http://127.0.0.1:" in terminal.read_until("until Ctrl-C")
        terminal.type(CTRL_C)
        assert terminal.wait() == 130


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list"], "--db FILE, or AGENTS_LITE_TRACE_DB"),
        (["list", "--db", "missing.db"], "There is no trace store at"),
        (["list", "--db", __file__], "is no readable trace store"),
        (["show", "zzz", "--db", "{db}"], "There is no trace 'zzz'"),
        (["show", "{id}x", "--db", "{db}"], "near it: {id}"),
        (["export", "{id}", "missing/dir/out.html", "--db", "{db}"], "The page cannot be written"),
        (["serve", "--port", "70000", "--db", "{db}"], "Port 70000 cannot be used"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], told: str, sample_db: Path, sample: StoredTrace
) -> None:
    facts = {"db": sample_db, "id": sample.trace_id}
    done = run(*[each.format(**facts) for each in arguments], AGENTS_LITE_TRACE_DB="")
    assert (done.returncode, done.stdout) == (1, "")
    assert told.format(**facts) in done.stderr
    assert done.stderr.count("\n") == 1


def test_beginning_that_fits_several_traces_names_some(tmp_path: Path) -> None:
    path = str(tmp_path / "traces.db")
    program = "from agents_lite import trace\nfor n in 'ab':\n  with trace('W', 't_' + n): pass"
    environment = {**os.environ, "AGENTS_LITE_TRACE_DB": path}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=300)
    done = run("show", "t_", "--db", path)
    assert "2 traces begin with 't_': " in done.stderr
    assert done.returncode == 1


def test_test_writes_a_test_that_runs(sample_db: Path, tmp_path: Path) -> None:
    printed = run("test", "trace_", "--db", str(sample_db))
    assert printed.returncode == 0
    run_test(printed.stdout, tmp_path)
    path = tmp_path / "test_written.py"
    assert run("test", "trace_", str(path), "--db", str(sample_db)).stdout == f"{path}\n"
    assert path.read_text("utf-8") == printed.stdout
