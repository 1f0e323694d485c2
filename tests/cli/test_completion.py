"""`agents-lite completion`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Run
from tests.support.terminal import Terminal


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ba"], {"batch"}),
        (["batch", "--form"], {"--format"}),
        (["batch", "x", "--format", ""], {"jsonl", "csv", "text"}),
        (["traces", "s"], {"show", "serve"}),
        (["completion", "z"], {"zsh"}),
        (["run", "--env"], {"--env-file"}),
        (["run", "no-option"], set()),
    ],
)
def test_bash_completes_commands_options_and_choices(
    run: Run, tmp_path: Path, words: list[str], offered: set[str]
) -> None:
    (tmp_path / "script").write_text(run("completion", "bash").stdout)
    program = (
        'source ./script; COMP_WORDS=(agents-lite "$@"); COMP_CWORD=$#; _agents_lite; '
        'complete -p agents-lite >&2; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", *words],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(done.stdout.split()) == offered
    assert done.stderr == "complete -o default -F _agents_lite agents-lite\n"


def test_fish_and_zsh_have_scripts_of_their_own(run: Run) -> None:
    fish = run("completion", "fish").stdout
    assert "-n '__fish_seen_subcommand_from batch' -l format -r -f -a 'jsonl csv text'" in fish
    assert run("completion", "zsh").stdout.startswith("autoload")


@pytest.mark.parametrize(("colour", "start"), [("", "\x1b[31m"), ("1", "")])
def test_errors_are_red_on_a_terminal(tmp_path: Path, colour: str, start: str) -> None:
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": colour}
    command = [*COMMAND, "run", "no.py:agent", "hi", "--offline"]
    with Terminal(command, cwd=tmp_path, env=environment) as terminal:
        assert terminal.wait() == 1
    assert f"{start}agents-lite: There is no file 'no.py'" in terminal.screen
    assert ("\x1b[31m" in terminal.screen) == bool(start)
