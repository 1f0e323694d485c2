"""Cassettes in pytest: the marker, the fixture, `--cassettes`."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.warm import run_warm

ROOT = Path(__file__).parents[2]
PLUGIN = "agents_lite.cassettes.pytest_plugin"
HEAD = """
import asyncio, os, pytest
from agents_lite import Agent, Runner
from agents_lite.testing import ScriptedModel

script = [] if "PLAY" in os.environ else ["Hello"]

def ask(given="Hi"):
    return Runner.run_sync(Agent("A", model=ScriptedModel(script)), given).final_output
"""

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs pytest on tests, in a process of its own; returns what it says."""

    def run(tests: str, *options: str, play: bool = False, passes: bool = True) -> str:
        (tmp_path / "test_it.py").write_text(HEAD + tests)
        environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = run_warm(
            ["-m", "pytest", "-p", PLUGIN, "--strict-markers", *options, "."],
            cwd=tmp_path,
            env={**environment, **({"PLAY": "1"} if play else {})},
        )
        assert (done.returncode == 0) == passes, done.stdout
        return done.stdout

    return run


def files(tmp_path: Path) -> list[str]:
    return sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json"))


MARKED = """
@pytest.mark.cassette
def test_one():
    assert ask() == "Hello"
"""


def test_a_marked_test_is_recorded_and_then_played(run: Run, tmp_path: Path) -> None:
    run(MARKED)
    assert files(tmp_path) == ["cassettes/test_it/test_one.json"]
    run(MARKED, "--cassettes=none", play=True)


def test_the_option_forbids_recording(run: Run, tmp_path: Path) -> None:
    assert "CassetteMiss" in run(MARKED, "--cassettes=none", passes=False)
    assert files(tmp_path) == []


def test_the_option_counts_for_with_blocks_too(run: Run, tmp_path: Path) -> None:
    block = """
def test_one(tmp_path):
    from agents_lite import cassette
    with cassette("one.json", record="all"):
        ask()
"""
    run(block)
    run(block, "--cassettes=none", play=True)
    assert files(tmp_path) == ["one.json"]


def test_a_marker_names_the_file_and_the_options(run: Run, tmp_path: Path) -> None:
    marked = """
@pytest.mark.cassette("kept/one.json", match=lambda asked: asked["model"])
def test_one():
    assert ask(str(os.environ.get("PLAY"))) == "Hello"
"""
    run(marked)
    run(marked, play=True)
    assert files(tmp_path) == ["kept/one.json"]


def test_each_test_has_a_file_of_its_own(run: Run, tmp_path: Path) -> None:
    many = """
@pytest.mark.cassette
@pytest.mark.parametrize("given", ["a/b", "a b", "x" * 300])
def test_many(given):
    assert ask(given) == "Hello"

@pytest.mark.cassette
class TestAll:
    def test_one(self):
        assert ask() == "Hello"

@pytest.mark.parametrize("given", [pytest.param(1, marks=pytest.mark.cassette), 2])
def test_one_of_two(given, request):
    assert ("cassette" in request.fixturenames) == (given == 1)
    if given == 1:
        ask()
"""
    run(many)
    assert len(files(tmp_path)) == 5
    assert "cassettes/test_it/TestAll.test_one.json" in files(tmp_path)
    run(many, play=True)


def test_a_fixture_gives_the_cassette(run: Run, tmp_path: Path) -> None:
    fixture = """
@pytest.fixture
def answer(cassette):
    return ask()

def test_one(answer, cassette):
    assert answer == "Hello"
    assert asyncio.run(Runner.run(Agent("B", model=ScriptedModel(script)), "Hi"))
    assert cassette.path.name == "test_one.json"
"""
    run(fixture)
    run(fixture, play=True)


LEFT = """
@pytest.mark.cassette
def test_one():
    ask()
    if "PLAY" not in os.environ:
        ask("something else")
"""


def test_leftovers_fail_a_test_that_passes(run: Run) -> None:
    run(LEFT)
    assert "CassetteLeftover" in run(LEFT, play=True, passes=False)


def test_leftovers_of_a_test_that_fails_are_not_told(run: Run) -> None:
    run(LEFT)
    said = run(LEFT + "    else: raise ZeroDivisionError", play=True, passes=False)
    assert "ZeroDivisionError" in said and "CassetteLeftover" not in said


def test_a_test_that_fails_records_nothing(run: Run, tmp_path: Path) -> None:
    run(MARKED + "    raise ZeroDivisionError", passes=False)
    assert files(tmp_path) == []


def test_the_marker_is_described(run: Run) -> None:
    assert "@pytest.mark.cassette(path=None" in run("", "--markers")


def test_pytest_finds_the_plugin_and_loads_nothing_with_it() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert declared["pytest11"] == {"agents_lite": PLUGIN}
    program = f"import pytest, sys, {PLUGIN}; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "False\n", done.stderr
