"""`agents-lite chat`, in a real terminal."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agents_lite.testing import ResponsesServer, handoff_to, status
from agents_lite.tracing import TraceStore
from tests.cli.conftest import COMMAND, Run
from tests.support.models import held_stream
from tests.support.terminal import CTRL_C, CTRL_D, Terminal

pytestmark = pytest.mark.usefixtures("agents_file")


@contextmanager
def chat(script: list[Any] | None, folder: Path, *arguments: str) -> Iterator[Any]:
    """A chat with a server that follows a script; gives the terminal and the server."""
    with ResponsesServer(script) as server:
        environment = {**os.environ, "OPENAI_BASE_URL": server.base_url, "TERM": "dumb"}
        command = [*COMMAND, "chat", *arguments]
        with Terminal(command, cwd=folder, env=environment) as terminal:
            terminal.read_until("> ")
            yield terminal, server


def test_conversation_is_kept_until_ctrl_d(tmp_path: Path) -> None:
    with chat(["Hello Ada.", "You are Ada."], tmp_path) as (terminal, server):
        terminal.type("I am Ada\n")
        assert "Hello Ada." in terminal.read_until("\n> ")
        terminal.type("Who am I?\n")
        assert "You are Ada." in terminal.read_until("\n> ")
        terminal.type(CTRL_D)
        assert terminal.wait() == 0
    second = server.requests[1].body["input"]
    assert [item["role"] for item in second] == ["user", "assistant", "user"]


def test_agent_that_answered_last_takes_the_next_message(tmp_path: Path) -> None:
    script = [handoff_to("Calculator"), "Five.", "Six."]
    with chat(script, tmp_path, "agents:desk") as (terminal, server):
        terminal.type("2 + 3?\n")
        assert "handoff_occured: Desk -> Calculator" in terminal.read_until("\n> ")
        terminal.type("and 2 + 4?\n")
        terminal.read_until("Six.")
    offered = [[tool["name"] for tool in each.body["tools"]] for each in server.requests]
    assert offered == [["transfer_to_calculator"], ["add"], ["add"]]


def test_tool_calls_are_shown(tmp_path: Path) -> None:
    with chat(None, tmp_path, "agents:calculator") as (terminal, _):
        terminal.type("Add 2 and 3\n")
        answer = terminal.read_until("\n> ")
    assert 'tool_called: add({"a":2,"b":3})' in answer
    assert "tool_output: 5" in answer


def test_ctrl_c_stops_the_answer_and_the_chat_goes_on(tmp_path: Path) -> None:
    endless = held_stream("one two three four five", threading.Event())
    with chat([endless, "Fine."], tmp_path) as (terminal, server):
        terminal.type("Count\n")
        terminal.read_until("one ")
        terminal.interrupt()
        assert "two" not in terminal.read_until("(stopped)")
        terminal.read_until("> ")
        terminal.type("Enough?\n")
        terminal.read_until("Fine.")
        assert server.requests[0].client_left.wait(60)
    assert server.requests[1].body["input"] == [{"role": "user", "content": "Enough?"}]


def test_ctrl_c_at_the_prompt_only_clears_the_line(tmp_path: Path) -> None:
    with chat(["Hi."], tmp_path) as (terminal, server):
        terminal.type("half a th")
        terminal.read_until("half a th")
        terminal.type(CTRL_C)
        terminal.read_until("\n> ")
        terminal.type("Hello\n")
        terminal.read_until("Hi.")
    assert server.requests[0].body["input"][0]["content"] == "Hello"


def test_ctrl_c_is_noticed_when_it_comes_before_the_prompt_waits_for_keys(tmp_path: Path) -> None:
    with chat([], tmp_path) as (terminal, _):
        for _ in range(200):  # now and then one comes in that moment
            terminal.type(CTRL_C)
            terminal.read_until("\n> ")


def test_error_is_told_and_the_chat_goes_on(tmp_path: Path) -> None:
    with chat([status(400, {"message": "Too rude."}), "Hi."], tmp_path) as (terminal, _):
        terminal.type("Oi\n")
        assert "Too rude." in terminal.read_until("\n> ")
        terminal.type("Hello\n")
        terminal.read_until("Hi.")


def test_error_of_the_agents_own_code_is_told_and_the_chat_goes_on(tmp_path: Path) -> None:
    with chat([], tmp_path, "agents:broken") as (terminal, _):
        for _ in range(2):
            terminal.type("Hello\n")
            said = terminal.read_until("\n> ")
            assert "error: " in said and "division by zero" in said


def test_session_file_carries_a_conversation_over_to_the_next_chat(tmp_path: Path) -> None:
    for number in (1, 3):
        with chat(["Hi."], tmp_path, "--session", "chat.db") as (terminal, server):
            terminal.type("Hello\n")
            terminal.read_until("Hi.")
            terminal.read_until("\n> ")
            terminal.type(CTRL_D)
            assert terminal.wait() == 0
        assert len(server.requests[0].body["input"]) == number


def test_lines_of_a_pipe_are_answered_without_prompts(run: Run) -> None:
    done = run("chat", "agents:calculator", "--offline", input="Add 1 and 2\n\nAdd 3 and 4\n")
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if "gives" in line] == [
        "add(1, 2) gives 3.",
        "add(3, 4) gives 7.",
    ]
    assert ">" not in done.stdout


def test_what_the_model_says_does_not_control_the_terminal(tmp_path: Path) -> None:
    with chat(["\x1b]0;owned\x07 first\nsecond"], tmp_path) as (terminal, _):
        terminal.type("Hi\n")
        answer = terminal.read_until("\n> ")
    assert r"\x1b]0;owned\x07 first" in answer
    assert "second" in answer
    assert "\x07" not in answer


def test_traces_of_a_chat_belong_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "traces.db"
    monkeypatch.setenv("AGENTS_LITE_TRACE_DB", str(database))
    for arguments in ([], ["--session", "chat.db"], ["--session", "chat.db"]):
        with chat(["Hello.", "Bye."], tmp_path, *arguments) as (terminal, _):
            terminal.type("Hi\n")
            terminal.read_until("\n> ")
            terminal.type("Ciao\n")
            terminal.read_until("\n> ")
            terminal.type(CTRL_D)
            assert terminal.wait() == 0
    kept, passing = TraceStore(database).list_conversations()
    assert (kept.trace_count, passing.trace_count) == (4, 2)
    assert kept.name == f"default in {tmp_path / 'chat.db'}"
