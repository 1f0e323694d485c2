"""`agents-lite serve`, as its users start it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from agents_lite.tracing import TraceStore
from tests.chat_page.test_server import Visitor
from tests.cli.conftest import Run
from tests.support.waiting import PATIENCE, wait_until, wait_until_asleep
from tests.support.warm import Warm, run_warm

pytestmark = pytest.mark.usefixtures("agents_file")


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[str]:
    """The line that a server prints at its start; in the end it is stopped by Ctrl-C."""
    command = ["-m", "agents_lite", "serve", *arguments]
    server = Warm(command, cwd=folder, env={**os.environ, **environment})
    try:
        yield server.stdout.readline()
    finally:
        wait_until_asleep(server.pid)
        server.send_signal(signal.SIGINT)
        told = server.communicate(timeout=PATIENCE)[1]
    assert (server.returncode, told.splitlines()[-1]) == (130, "Stopped.")


def url_in(line: str) -> str:
    return line.split(" is at ")[1].split()[0]


def test_an_agent_is_served_until_ctrl_c_and_its_conversation_is_kept(tmp_path: Path) -> None:
    arguments = ("agents:calculator", "--offline", "--session", "chat.db")
    with serving(tmp_path, *arguments) as line:
        assert line.startswith("Calculator is at http://127.0.0.1:")
        visitor = Visitor(url_in(line))
        assert visitor.address.endswith("/chat/default/")
        assert "stand-in" in visitor.settings["notice"]
        assert visitor.ask("Add 2 and 3")[-1][0] == "done"
    with serving(tmp_path, *arguments) as line:
        visitor = Visitor(url_in(line))
        history = visitor.get("history")
        assert history["items"][0]["content"] == "Add 2 and 3"
        trace = visitor.get(f"/runs/traces/{history['trace']}")
    assert trace["workflow_name"] == "Calculator"
    assert trace["group_id"].startswith("default in /")


def test_what_chat_has_kept_in_a_file_goes_on_in_the_browser(tmp_path: Path, run: Run) -> None:
    options = ["--offline", "--session", "chat.db", "--session-id", "ada"]
    asked = run("run", "agents:calculator", "Add 2 and 3", *options, "--trace", "traces.db")
    assert asked.returncode == 0
    with serving(tmp_path, "agents:calculator", *options, "--trace", "traces.db") as line:
        visitor = Visitor(url_in(line))
        assert visitor.address.endswith("/chat/ada/")
        assert len(visitor.get("history")["items"]) == 4
        visitor.ask("Add 4 and 5")
    [conversation] = TraceStore(tmp_path / "traces.db").list_conversations()
    assert conversation.trace_count == 2
    assert conversation.name == f"ada in {tmp_path}/chat.db"


def test_without_a_file_nothing_is_left_behind(tmp_path: Path) -> None:
    with serving(tmp_path, "--offline", TMPDIR=str(tmp_path)) as line:
        Visitor(url_in(line)).ask("Hello")
    left = {path.name for path in tmp_path.iterdir()} - {"agents.py", "__pycache__"}
    assert left == set()


def test_runs_go_where_the_environment_says(tmp_path: Path) -> None:
    environment = {"AGENTS_LITE_TRACE_DB": str(tmp_path / "traces.db")}
    with serving(tmp_path, "--offline", **environment) as line:
        Visitor(url_in(line)).ask("Hello")
    command = ["-m", "agents_lite", "traces", "list"]
    listed = run_warm(command, env={**os.environ, **environment})
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("\n") == 1


@pytest.mark.parametrize("traces", [("--trace", "own.db"), ()])
def test_the_page_shows_runs_where_they_are_kept(tmp_path: Path, traces: tuple[str, ...]) -> None:
    arguments = ("--offline", "--session", "chat.db", *traces)
    with serving(tmp_path, *arguments, AGENTS_LITE_TRACE_DB="") as line:
        visitor = Visitor(url_in(line))
        visitor.ask("Hello")
        trace = visitor.get("history")["trace"]
        wait_until(lambda: visitor.get(f"/runs/traces/{trace}") is not None)


def test_other_machines_need_the_token_that_is_printed(tmp_path: Path) -> None:
    with serving(tmp_path, "--offline", "--host", "0.0.0.0") as line:
        assert "//0.0.0.0" not in line  # but an address that others can open
        url = re.sub(r"//[^:/]+", "//127.0.0.1", url_in(line))
        assert requests.get(url.partition("?")[0], timeout=60).status_code == 403
        assert requests.get(url, timeout=60).ok


def test_the_command_line_does_not_load_it() -> None:
    program = (
        "import sys, agents_lite.cli.main\n"
        "assert not [name for name in sys.modules if 'chat_page' in name or 'viewer.page' in name]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
