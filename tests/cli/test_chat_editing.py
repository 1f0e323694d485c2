"""`agents-lite chat`: its commands, its editor, and Markdown laid out."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agents_lite import SQLiteSession
from agents_lite.cli.markdown import end_of_blocks
from agents_lite.testing import ResponsesServer, call, handoff_to
from tests.cli.conftest import COMMAND
from tests.cli.test_chat import chat
from tests.support.models import held_stream
from tests.support.terminal import CTRL_C, CTRL_D, Terminal

pytestmark = pytest.mark.usefixtures("agents_file")

PROMPT = ">\x08"  # as the editor draws it
PASTE, PASTE_END = "\x1b[200~", "\x1b[201~"


@contextmanager
def rich_chat(
    script: list[Any], folder: Path, *arguments: str, prompt: str = PROMPT, **more: str
) -> Iterator[Any]:
    """A chat in a terminal that takes escape sequences."""
    with ResponsesServer(script) as server:
        environment = {
            **os.environ, "OPENAI_BASE_URL": server.base_url, "TERM": "xterm", "COLUMNS": "80",
            "PROMPT_TOOLKIT_NO_CPR": "1", **more,
        }  # fmt: skip
        with Terminal([*COMMAND, "chat", *arguments], cwd=folder, env=environment) as terminal:
            terminal.read_until(prompt)
            yield terminal, server


def inputs(server: ResponsesServer) -> list[str]:
    """What the newest message of each request says."""
    return [request.body["input"][-1]["content"] for request in server.requests]


class TestCommands:
    def test_help_names_all_commands_and_another_one_is_told(self, tmp_path: Path) -> None:
        with chat(["Hi."], tmp_path) as (terminal, server):
            terminal.type("/help\n")
            said = terminal.read_until("\n> ")
            for name in ("/new", "/undo", "/usage", "/save FILE", "/agent", "/exit"):
                assert name in said
            terminal.type("/quit now\n")
            assert "There is no /quit; /help lists what there is" in terminal.read_until("\n> ")
            terminal.type(" /etc/hosts?\n")
            terminal.read_until("Hi.")
            assert inputs(server) == [" /etc/hosts?"]

    def test_exit_leaves(self, tmp_path: Path) -> None:
        with chat([], tmp_path) as (terminal, _):
            terminal.type("/exit\n")
            assert terminal.wait() == 0

    def test_undo_takes_the_last_exchange_out_of_the_session(self, tmp_path: Path) -> None:
        script = ["One.", call("add", a=1, b=2), "Three.", "Again."]
        with chat(script, tmp_path, "agents:calculator") as (terminal, server):
            terminal.type("first\n")
            terminal.read_until("\n> ")
            terminal.type("second\n")
            terminal.read_until("Three.")
            terminal.read_until("\n> ")
            terminal.type("/undo\n")
            assert "(taken back: second)" in terminal.read_until("\n> ")
            terminal.type("third\n")
            terminal.read_until("Again.")
            terminal.read_until("\n> ")
            said = [item.get("content") for item in server.requests[-1].body["input"]]
            assert (said[0], said[2], len(said)) == ("first", "third", 3)
            for told in ("third", "first"):
                terminal.type("/undo\n")
                assert f"(taken back: {told})" in terminal.read_until("\n> ")
            terminal.type("/undo\n")
            assert "There is nothing to take back" in terminal.read_until("\n> ")

    def test_undo_leaves_what_no_message_led_to(self, tmp_path: Path) -> None:
        greeting = {"role": "assistant", "content": "How can I help?"}
        SQLiteSession("default", tmp_path / "chat.db").add_items([greeting])
        with chat([], tmp_path, "--session", "chat.db") as (terminal, _):
            terminal.type("/undo\n")
            assert "There is nothing to take back" in terminal.read_until("\n> ")
        assert SQLiteSession("default", tmp_path / "chat.db").get_items() == [greeting]

    def test_new_forgets_the_conversation_and_goes_back_to_the_first_agent(
        self, tmp_path: Path
    ) -> None:
        script = [handoff_to("Calculator"), "Five.", "Fresh."]
        with chat(script, tmp_path, "agents:desk") as (terminal, server):
            terminal.type("hi\n")
            terminal.read_until("Five.")
            terminal.read_until("\n> ")
            terminal.type("/agent\n")
            assert "Calculator answers" in terminal.read_until("\n> ")
            terminal.type("/new\n")
            assert "(a new conversation with Desk)" in terminal.read_until("\n> ")
            terminal.type("hello\n")
            terminal.read_until("Fresh.")
            assert server.requests[-1].body["input"] == [{"role": "user", "content": "hello"}]
            assert server.requests[-1].body["tools"][0]["name"] == "transfer_to_calculator"

    def test_agent_changes_who_answers(self, tmp_path: Path) -> None:
        with chat(["Hi."], tmp_path) as (terminal, server):
            terminal.type("/agent agents:nobody\n")
            assert "error: 'nobody' does not exist in agents" in terminal.read_until("\n> ")
            terminal.type("/agent agents:calculator\n")
            assert "Calculator answers" in terminal.read_until("\n> ")
            terminal.type("hi\n")
            terminal.read_until("Hi.")
            assert [tool["name"] for tool in server.requests[0].body["tools"]] == ["add"]

    def test_usage_is_that_of_all_answers(self, tmp_path: Path) -> None:
        with chat(["One.", "Two."], tmp_path) as (terminal, _):
            for _ in range(2):
                terminal.type("hi\n")
                terminal.read_until("\n> ")
            terminal.type("/usage\n")
            said = terminal.read_until("\n> ")
        assert "2 requests, 20 input tokens, 10 output tokens, $" in said

    def test_save_writes_the_conversation(self, tmp_path: Path) -> None:
        with chat(["**Hello.**"], tmp_path) as (terminal, _):
            terminal.type("hi\n")
            terminal.read_until("\n> ")
            for file in ("talk.md", "talk.json", "missing/talk.md", ""):
                terminal.type(f"/save {file}\n")
                said = terminal.read_until("\n> ")
                if file == "missing/talk.md":
                    assert "error: FileNotFoundError" in said
            assert "Into which file?" in said
        assert (tmp_path / "talk.md").read_text() == "**You:** hi\n\n**Agent:** **Hello.**\n"
        items = json.loads((tmp_path / "talk.json").read_text())
        assert [item["role"] for item in items] == ["user", "assistant"]


class TestEditor:
    def test_pasted_lines_are_one_message(self, tmp_path: Path) -> None:
        with rich_chat(["Read."], tmp_path) as (terminal, server):
            terminal.type(f"{PASTE}one\ntwo\n\nthree{PASTE_END}")
            terminal.read_until("three")
            terminal.type("\r")
            terminal.read_until("Read.")
            assert inputs(server) == ["one\ntwo\n\nthree"]

    def test_alt_enter_begins_a_line(self, tmp_path: Path) -> None:
        with rich_chat(["Read."], tmp_path) as (terminal, server):
            terminal.type("one\x1b\rtwo\r")
            terminal.read_until("Read.")
            assert inputs(server) == ["one\ntwo"]

    def test_ctrl_c_clears_the_line_stops_an_answer_and_ctrl_d_leaves(
        self, tmp_path: Path
    ) -> None:
        endless = held_stream("one two three four five", threading.Event())
        with rich_chat([endless, "Fine."], tmp_path) as (terminal, server):
            terminal.type("half a th" + CTRL_C)
            terminal.read_until(PROMPT)
            terminal.type("Count\r")
            terminal.read_until("one")
            terminal.interrupt()
            terminal.read_until("(stopped)")
            terminal.read_until(PROMPT)
            terminal.type("Enough?\r")
            terminal.read_until("Fine.")
            terminal.read_until(PROMPT)
            terminal.type(CTRL_D)
            assert terminal.wait() == 0
            assert inputs(server) == ["Count", "Enough?"]

    def test_approvals_are_asked(self, tmp_path: Path) -> None:
        script = [call("refund", order=7), "Done."]
        with rich_chat(script, tmp_path, "agents:cashier") as (terminal, _):
            terminal.type("Refund 7\r")
            terminal.read_until("Allow it?")
            terminal.type("y\r")
            terminal.read_until("Done.")

    def test_without_prompt_toolkit_lines_are_read_plainly(self, tmp_path: Path) -> None:
        (tmp_path / "prompt_toolkit.py").write_text("raise ImportError('not installed')")
        plain = {"prompt": "> ", "PYTHONPATH": str(tmp_path)}
        with rich_chat(["Hi."], tmp_path, **plain) as (terminal, server):
            terminal.type("Hello\n")
            terminal.read_until("Hi.")
            assert inputs(server) == ["Hello"]


class TestMarkdown:
    TEXT = "# Title\n\nSome **bold** words.\n\n- first\n- last\n\n```\na = 1\n\nb = 2\n```\n\nEnd."

    def test_answer_is_laid_out_and_each_block_stays_once(self, tmp_path: Path) -> None:
        with rich_chat([self.TEXT], tmp_path) as (terminal, _):
            terminal.type("hi\r")
            terminal.read_until("End.")
            terminal.read_until(PROMPT)
            shown = shown_at_last(terminal.screen)
        words = ("Title", "bold", "first", "b = 2", "End.")
        assert [shown.count(word) for word in words] == [1] * 5
        assert "**" not in shown
        assert "```" not in shown
        assert " • first" in shown

    def test_without_rich_the_text_stays_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "rich.py").write_text("raise ImportError('not installed')")
        with rich_chat(["**bold**"], tmp_path, PYTHONPATH=str(tmp_path)) as (terminal, _):
            terminal.type("hi\r")
            terminal.read_until("**bold**")

    def test_what_the_model_says_does_not_control_the_terminal(self, tmp_path: Path) -> None:
        with rich_chat(["a \x1b]0;owned\x07 b"], tmp_path) as (terminal, _):
            terminal.type("hi\r")
            terminal.read_until(r"\x1b]0;owned\x07")
            assert "\x07" not in terminal.screen

    @pytest.mark.parametrize(
        ("text", "whole"),
        [
            ("one", ""),
            ("one\n\n", ""),
            ("one\n\ntwo", "one\n\n"),
            ("- one\n\n  goes on", ""),
            ("```\na\n\nb", ""),
            ("```\na\n\nb\n```\n\nc", "```\na\n\nb\n```\n\n"),
        ],
    )
    def test_block_is_whole_once_another_one_begins(self, text: str, whole: str) -> None:
        assert text[: end_of_blocks(text)] == whole


def shown_at_last(screen: str) -> str:
    """What a terminal shows of it: a line that is cleared is gone."""
    lines: list[str] = [""]
    row = 0
    for part in re.split(r"(\x1b\[[\d;?]*[a-zA-Z]|\r|\n)", screen):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif found := re.fullmatch(r"\x1b\[(\d*)A", part):
            row = max(row - int(found[1] or 1), 0)
        elif part != "\r" and not part.startswith("\x1b["):
            lines[row] += part
    return "\n".join(lines)
