"""`agents-lite completion`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, Run
from tests.support.terminal import Terminal

OFFERED = [
    ("ba", {"batch"}),
    ("traces s", {"show", "serve"}),
    ("traces list --li", {"--limit"}),
    ("traces list --jour", set()),
    ("batch --form", {"--format"}),
    ("batch x --format ", {"jsonl", "csv", "text"}),
    ("completion z", {"zsh"}),
    ("run --env", {"--env-file"}),
]
BASH = """
source ./script
for line in "$@"; do
    IFS=' ' read -ra COMP_WORDS <<<"agents-lite $line"
    [[ $line != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _agents_lite
    echo "${COMPREPLY[@]}"
done
complete -p agents-lite >&2
"""
ZSH = """
source ./script
for line in "$@"; do
    COMP_WORDS=(agents-lite ${(s: :)line})
    [[ $line != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$(( $#COMP_WORDS - 1 ))
    offered=(${(f)"$(compgen -o default -F _agents_lite -- $COMP_WORDS[-1])"})
    echo ${(M)offered:#$COMP_WORDS[-1]*}  # as zsh itself does
done
"""
FISH = """
source ./script
for line in $argv
    echo (complete --do-complete "agents-lite $line" | string replace -r '\\t.*' '')
end
"""
PROGRAMS = {
    "bash": ["--norc", "-c", BASH, "bash"],
    "zsh": ["-f", "-c", ZSH, "zsh"],
    "fish": ["--no-config", "-c", FISH],
}


@pytest.mark.parametrize("shell", PROGRAMS)
def test_shells_complete_commands_actions_options_and_choices(
    run: Run, tmp_path: Path, shell: str
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(run("completion", shell).stdout)
    done = subprocess.run(
        [shell, *PROGRAMS[shell], *[words for words, _ in OFFERED]],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [set(line.split()) for line in done.stdout.splitlines()] == [each for _, each in OFFERED]


@pytest.mark.parametrize(("colour", "start"), [("", "\x1b[31m"), ("1", "")])
def test_errors_are_red_on_a_terminal(tmp_path: Path, colour: str, start: str) -> None:
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": colour}
    command = [*COMMAND, "run", "no.py:agent", "hi", "--offline"]
    with Terminal(command, cwd=tmp_path, env=environment) as terminal:
        assert terminal.wait() == 1
    assert f"{start}agents-lite: There is no file 'no.py'" in terminal.screen
    assert ("\x1b[31m" in terminal.screen) == bool(start)
