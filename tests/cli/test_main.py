"""What holds for every command: usage, errors, exit codes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import agents_lite
from agents_lite.cli.errors import describe_error
from agents_lite.cli.find_agent import find_agent
from agents_lite.cli.main import command_parsers
from agents_lite.testing.offline import NOTICE
from agents_lite.tracing import TraceStore
from tests.cli.conftest import COMMAND, Run


def test_version_is_told(run: Run) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"agents-lite {agents_lite.__version__}\n")


def test_installed_command_is_the_same_as_the_module() -> None:
    installed = Path(sys.executable).with_name("agents-lite")
    done = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"agents-lite {agents_lite.__version__}\n"


def test_no_command_shows_all_commands(run: Run) -> None:
    done = run()
    assert done.returncode == 2
    for command in ("demo", "run", "chat"):
        assert f"\n  {command} " in done.stdout


def test_each_command_and_each_action_has_a_page_of_help() -> None:
    for words, parser in command_parsers().items():
        text = parser.format_help()
        assert text.startswith(f"usage: agents-lite {words} [-h]")
        assert str(parser.description) in " ".join(text.split())


def test_an_action_takes_its_own_options_only(run: Run) -> None:
    listed = run("traces")
    assert (listed.returncode, "\n  export  " in listed.stdout) == (2, True)
    assert "--journal PLACE" in run("traces", "serve", "--help").stdout
    assert "--port" not in run("traces", "show", "--help").stdout
    refused = run("traces", "list", "--port", "1")
    assert (refused.returncode, "unrecognized arguments: --port" in refused.stderr) == (2, True)


@pytest.mark.parametrize("arguments", [["nope"], ["run"], ["run", "a", "b", "c"], ["demo", "--x"]])
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "hi"], "Here --offline does so."),
        (["run", "--offline", "  "], "The prompt is empty"),
        (["run", "nowhere:agent", "hi"], "There is no module 'nowhere'"),
        (["run", "nowhere.py:agent", "hi"], "There is no file 'nowhere.py'"),
        (["run", "agents.py", "hi"], "'agents.py' names no agent: write module:agent"),
        (["run", ".agents:agent", "hi"], "'.agents' names no module"),
        (["run", "agents.py:nobody", "hi"], "'nobody' does not exist in agents.py; its agents"),
        (["run", "agents:number", "hi"], "'number' is not an Agent in agents; its agents are"),
        (["chat", "json:agent"], "there are no agents in it"),
        (["run", "--session", "missing/dir/x.db", "hi"], "missing/dir/x.db"),
    ],
)
def test_errors_are_one_line_on_standard_error(run: Run, arguments: list[str], told: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert done.stderr.startswith("agents-lite: ")
    assert done.stderr.count("\n") == 1


def test_error_in_the_users_code_names_its_place(run: Run, agents_file: Path) -> None:
    line = agents_file.read_text().splitlines().index("number = 5")
    done = run("run", "agents:broken", "hi", OPENAI_BASE_URL="http://127.0.0.1:9")
    assert done.stderr == (
        f"agents-lite: ZeroDivisionError: division by zero ({agents_file}, line {line})\n"
    )


def test_module_that_imports_a_missing_one_names_that_one(run: Run, agents_file: Path) -> None:
    agents_file.write_text("import not_there\n")
    assert "No module named 'not_there'" in run("run", "agents:agent", "hi").stderr


@pytest.mark.parametrize("arguments", [["demo"], ["run", "--offline", "Hi"]])
def test_output_that_nobody_reads_any_more_is_no_error(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    with open(writing_end, "wb") as output:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=output, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.removeprefix(f"{NOTICE}\n") == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no such file")
@pytest.mark.parametrize("arguments", [["demo"], ["run", "--offline", "Hi"]])
def test_output_that_finds_no_room_is_told(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        command = [*COMMAND, *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    told = done.stderr.removeprefix(f"{NOTICE}\n")
    assert told.startswith("agents-lite: The output cannot be written: [Errno 28]")
    assert told.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="a shell closes them")
@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "0<&- 1>&- 2>&-"])
def test_who_closes_standard_input_or_output_needs_neither(closed: str, tmp_path: Path) -> None:
    words = "run --offline Hi --trace traces.db".split()
    line = f"{shlex.join([*COMMAND, *words])} {closed}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr.removeprefix(f"{NOTICE}\n")) == (0, "")
    assert TraceStore(tmp_path / "traces.db").list_traces()


def test_importing_the_package_leaves_the_command_line_alone() -> None:
    check = "import agents_lite, sys; print('agents_lite.cli' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_coroutine_function_may_give_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "made_later.py"
    program.write_text(
        "from agents_lite import Agent\nasync def make():\n    return Agent(name='Later')\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "made_later", sys)  # so it is forgotten again
    assert find_agent(f"{program}:make").name == "Later"


def test_a_program_that_is_no_python_is_told_with_its_place_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "no_python.py"
    program.write_text("x = (\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, "no_python", sys)
    with pytest.raises(SyntaxError) as caught:
        find_agent(f"{program}:agent")
    told = "SyntaxError: '(' was never closed (no_python.py, line 1)"
    assert describe_error(caught.value) == told
