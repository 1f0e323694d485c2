"""What `help`, `inspect`, jedi and pyright show of the ways to run an agent."""

from __future__ import annotations

import inspect
import json
import pydoc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jedi
import pytest

from agents_lite import Runner, RunOptions, walk_through
from tests.support import run_stub
from tests.support.types_checked import mypy_report

OPTIONS = list(RunOptions.__annotations__)
WAYS = ["stream", "run_sync", "run", "run_streamed", "run_many", "replay"]
TEXT = "Seconds for the whole run; None: no limit."
"""Of `timeout`, as RunOptions has it."""


@pytest.mark.parametrize("way", WAYS)
def test_a_signature_names_the_options(way: str) -> None:
    parameters = inspect.signature(getattr(Runner, way)).parameters
    assert list(parameters)[-len(OPTIONS) :] == OPTIONS
    assert parameters["timeout"].kind is inspect.Parameter.KEYWORD_ONLY
    assert str(parameters["timeout"]) == "timeout: 'float | None' = ..."
    assert "options" not in parameters


@pytest.mark.parametrize("way", WAYS)
def test_help_has_a_text_for_each_option(way: str) -> None:
    shown = pydoc.plain(pydoc.render_doc(getattr(Runner, way)))
    assert TEXT in shown
    assert all(f"        {name}: " in shown for name in OPTIONS)
    assert "options: " not in shown and "Unpack" not in shown


def test_a_walk_names_the_options_too() -> None:
    assert list(inspect.signature(walk_through).parameters)[-len(OPTIONS) :] == OPTIONS


def test_every_option_has_a_text() -> None:
    attributes = inspect.getdoc(RunOptions).partition("Attributes:\n")[2]
    named = [line.split(":")[0].strip() for line in attributes.splitlines() if line[4:5].strip()]
    assert named == OPTIONS


@pytest.mark.parametrize("way", WAYS)
def test_jedi_names_the_options_with_their_texts(way: str) -> None:
    program = f"from agents_lite import Runner\nRunner.{way}("
    (signature,) = jedi.Script(program).get_signatures()
    names = [parameter.name for parameter in signature.params]
    assert names[-len(OPTIONS) :] == OPTIONS
    assert TEXT in signature.docstring()
    completions = jedi.Script(program + "conv").complete()
    assert "conversation_id=" in [completion.name for completion in completions]


def test_what_type_checkers_read_is_made_of_what_runs() -> None:
    assert run_stub.STUB.read_text() == run_stub.made(), "python -m tests.support.run_stub"


def test_what_runs_is_checked_too() -> None:
    report, status = mypy_report(run_stub.SOURCE)
    assert status == 0, report


CALLS = """from agents_lite import Agent, Runner, RunOptions

agent = Agent(name="A")
options = RunOptions(max_turns=3)
Runner.run_sync(agent, "Hi", **options).final_output
Runner.run_sync(agent, "Hi", max_turns="3")
Runner.run_sync(agent, "Hi", max_truns=3)
"""


def test_pyright_finds_the_package_where_it_is_installed_and_checks_calls(tmp_path: Path) -> None:
    (tmp_path / "calls.py").write_text(CALLS)
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    assert [(each["range"]["start"]["line"] + 1, each["rule"]) for each in found] == [
        (6, "reportArgumentType"),
        (7, "reportCallIssue"),
    ]


class LanguageServer:
    """Pyright, asked as an editor asks it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._count = 0

    def tell(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        self._count += 1
        self._send({"id": self._count, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == self._count and "method" not in message:
                return message["result"]
            if "id" in message:  # a question of the server's
                sections = message["params"].get("items", [])
                settings = [{"pythonPath": sys.executable} for _ in sections]
                self._send({"id": message["id"], "result": settings})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        length = 0
        while (line := self._process.stdout.readline()) != b"\r\n":
            assert line, "the server has ended"
            if line.startswith(b"Content-Length:"):
                length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


@contextmanager
def pyright_in(folder: Path) -> Iterator[LanguageServer]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pyright.langserver", "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    server = LanguageServer(process)
    try:
        place = {"uri": folder.as_uri(), "name": folder.name}
        capabilities = {
            "textDocument": {"hover": {"contentFormat": ["plaintext"]}},
            "workspace": {"configuration": True, "workspaceFolders": True},
        }
        server.ask(
            "initialize",
            processId=None,
            rootUri=folder.as_uri(),
            workspaceFolders=[place],
            capabilities=capabilities,
        )
        server.tell("initialized")
        yield server
        server.ask("shutdown")
        server.tell("exit")
        process.wait(300)
    finally:
        process.kill()
        process.communicate()


def test_pyright_shows_the_options_with_their_texts_where_a_call_is_pointed_at(
    tmp_path: Path,
) -> None:
    uri = (tmp_path / "calls.py").as_uri()
    with pyright_in(tmp_path) as server:
        document = {"uri": uri, "languageId": "python", "version": 1, "text": CALLS}
        server.tell("textDocument/didOpen", textDocument=document)
        hover = server.ask(
            "textDocument/hover",
            textDocument={"uri": uri},
            position={"line": 4, "character": 9},
        )
    shown = hover["contents"]["value"]
    assert "max_turns: int | None" in shown
    assert TEXT in shown
    assert "options" not in shown
