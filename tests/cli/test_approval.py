"""`agents-lite run` and `chat` ask about calls that wait for a person."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agents_lite.testing import ResponsesServer, call
from tests.cli.conftest import COMMAND, Run
from tests.support.terminal import CTRL_C, CTRL_D, Terminal

AGENTS = '''
from agents_lite import Agent, function_tool


@function_tool
def look(order: str) -> str:
    """Look an order up."""
    return "found"


@function_tool(needs_approval=True)
def refund(order: str, amount: float) -> str:
    """Pay an order back."""
    with open("paid", "a") as paid:
        paid.write(order + "\\n")
    return f"Order {order} is paid back."


cashier = Agent("Cashier", tools=[look, refund])
'''
ASKED = "Allow it? y, n, always, or why"
REFUND = call("refund", order="7", amount=5)

Start = Callable[..., "tuple[Terminal, ResponsesServer]"]


@pytest.fixture
def agents_file(tmp_path: Path) -> Path:
    path = tmp_path / "agents.py"
    path.write_text(AGENTS)
    return path


@pytest.fixture
def start(tmp_path: Path, agents_file: Path) -> Iterator[Start]:
    """Starts a command in a terminal, with a model that follows a script."""
    with ExitStack() as stack:

        def start(command: str, *arguments: str, script: list[Any]) -> Any:
            server = stack.enter_context(ResponsesServer(script))
            environment = {**os.environ, "OPENAI_BASE_URL": server.base_url, "TERM": "dumb"}
            words = [*COMMAND, command, "agents:cashier", *arguments]
            terminal = Terminal(words, cwd=tmp_path, env=environment)
            return stack.enter_context(terminal), server

        yield start


def paid(folder: Path) -> list[str]:
    """The orders that were paid back."""
    file = folder / "paid"
    return file.read_text().split() if file.exists() else []


def last_output(server: ResponsesServer) -> Any:
    """What the model was told last of its call."""
    return server.requests[-1].body["input"][-1]["output"]


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_run_asks_and_goes_on(start: Start, tmp_path: Path, stream: list[str]) -> None:
    script = [[call("look", order="7"), REFUND], "Done."]
    terminal, server = start("run", "Refund 7", *stream, script=script)
    question = terminal.read_until(ASKED)
    assert "Cashier wants to call refund:" in question
    assert '{"order": "7", "amount": 5}' in question
    assert paid(tmp_path) == []
    terminal.type("what?\n")
    terminal.read_until(ASKED)
    terminal.type("y\n")
    assert "Done." in terminal.read_until("Done.")
    assert terminal.wait() == 0
    assert paid(tmp_path) == ["7"]
    assert last_output(server) == "Order 7 is paid back."


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["n"], "Tool execution was not approved."),
        (["why", "Ask for the receipt first."], "Ask for the receipt first."),
        (["w", ""], "Tool execution was not approved."),
    ],
)
def test_the_model_is_told_of_a_no(
    start: Start, tmp_path: Path, keys: list[str], told: str
) -> None:
    terminal, server = start("run", "Refund 7", script=[[REFUND], "Sorry."])
    for key, prompt in zip(keys, [ASKED, "Why not? "], strict=False):
        terminal.read_until(prompt)
        terminal.type(key + "\n")
    terminal.read_until("Sorry.")
    assert terminal.wait() == 0
    assert (last_output(server), paid(tmp_path)) == (told, [])


def test_always_asks_once(start: Start, tmp_path: Path) -> None:
    others = [call("refund", order=order, amount=5) for order in ("8", "9")]
    terminal, _ = start("run", "Refund all", script=[[REFUND, others[0]], [others[1]], "Done."])
    terminal.read_until(ASKED)
    terminal.type("always\n")
    terminal.read_until("Done.")
    assert terminal.wait() == 0
    assert terminal.screen.count(ASKED) == 1
    assert paid(tmp_path) == ["7", "8", "9"]


def test_what_the_model_wants_does_not_control_the_terminal(start: Start) -> None:
    script = [[call("refund", '{"order": "\x1b]0;owned\x07", "amount'), REFUND]]
    terminal, _ = start("run", "Refund 7", script=script)
    question = terminal.read_until(ASKED)
    assert r"\x1b]0;owned\x07" in question
    assert "\x07" not in question


def test_ctrl_c_and_ctrl_d_end_run_and_nothing_is_called(start: Start, tmp_path: Path) -> None:
    for key, code, words in ((CTRL_C, 130, "Stopped."), (CTRL_D, 3, "nobody to ask")):
        terminal, _ = start("run", "Refund 7", script=[[REFUND]])
        terminal.read_until(ASKED)
        terminal.type(key)
        terminal.read_until(words)
        assert terminal.wait() == code
    assert paid(tmp_path) == []


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_without_a_terminal_run_says_so_and_ends_with_3(
    run: Run, tmp_path: Path, stream: list[str]
) -> None:
    with ResponsesServer([[REFUND]]) as server:
        environment = {"OPENAI_BASE_URL": server.base_url}
        done = run("run", "agents:cashier", "Refund 7", *stream, input="y\n", **environment)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("agents-lite: Approval is needed for refund,")
    assert len(done.stderr.splitlines()) == 1
    assert paid(tmp_path) == []


def test_the_question_does_not_go_where_the_answer_goes(agents_file: Path, tmp_path: Path) -> None:
    with ResponsesServer([[REFUND], "Done."]) as server:
        environment = {**os.environ, "OPENAI_BASE_URL": server.base_url}
        words = [*COMMAND, "run", "agents:cashier", "Refund 7"]
        command = ["sh", "-c", '"$@" > answer', "sh", *words]
        with Terminal(command, cwd=tmp_path, env=environment) as terminal:
            terminal.read_until(ASKED)
            terminal.type("y\n")
            assert terminal.wait() == 0
    assert (tmp_path / "answer").read_text() == "Done.\n"


def test_chat_asks_and_tells_of_each_call_once(start: Start, tmp_path: Path) -> None:
    script = [[call("look", order="7"), REFUND], "Done.", "You are welcome."]
    terminal, server = start("chat", script=script)
    terminal.read_until("\n> ")
    terminal.type("Refund 7\n")
    terminal.read_until(ASKED)
    terminal.type("y\n")
    terminal.read_until("\n> ")
    assert terminal.screen.count("tool_called: look") == 1
    assert terminal.screen.count("tool_called: refund") == 1
    assert "tool_output: Order 7 is paid back." in terminal.screen
    terminal.type("Thank you\n")
    terminal.read_until("welcome.")
    assert paid(tmp_path) == ["7"]
    assert len(server.requests[-1].body["input"]) == 7


def test_chat_goes_on_without_a_call_that_was_not_decided_about(
    start: Start, tmp_path: Path
) -> None:
    terminal, server = start("chat", script=[[REFUND], [REFUND], "Hello."])
    for key in (CTRL_C, CTRL_D):
        terminal.read_until("\n> ")
        terminal.type("Refund 7\n")
        terminal.read_until(ASKED)
        terminal.type(key)
    terminal.read_until("\n> ")
    terminal.type("Hi\n")
    terminal.read_until("Hello.")
    assert server.requests[-1].body["input"] == [{"role": "user", "content": "Hi"}]
    assert paid(tmp_path) == []


def test_lines_of_a_pipe_are_no_answers(run: Run, tmp_path: Path) -> None:
    with ResponsesServer([[REFUND], "Hello."]) as server:
        environment = {"OPENAI_BASE_URL": server.base_url}
        done = run("chat", "agents:cashier", input="Refund 7\ny\n", **environment)
        assert server.requests[-1].body["input"] == [{"role": "user", "content": "y"}]
    assert "Approval is needed for refund" in done.stderr
    assert done.stdout.endswith("Hello.\n")
    assert paid(tmp_path) == []


def test_a_line_of_a_batch_fails_whose_call_waits(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('"Refund 7"\n')
    with ResponsesServer([[REFUND]]) as server:
        environment = {"OPENAI_BASE_URL": server.base_url}
        words = ["batch", "in.jsonl", "--agent", "agents:cashier", "--out", "out.jsonl"]
        assert run(*words, **environment).returncode == 1
    failed = json.loads((tmp_path / "out.jsonl.errors.jsonl").read_text())
    assert failed["error"]["message"].startswith("Approval is needed for refund")


QUESTIONS = '''
import sys
from agents_lite import Agent, MCPServerStdio

server = MCPServerStdio(
    {"command": sys.executable, "args": [SCRIPT, '{"tools": ["book"], "modern": true}']},
    name="inn",
)
cashier = Agent("Host", mcp_servers=[server])
'''


def test_run_asks_what_a_server_wants_to_know(start: Start, agents_file: Path) -> None:
    script = Path(__file__).parents[1] / "support" / "mcp_script.py"
    agents_file.write_text(f"SCRIPT = {str(script)!r}\n{QUESTIONS}")
    terminal, server = start("run", "Book.", script=[call("book"), "Done."])
    asked = terminal.read_until("Answer it? y, n: ")
    assert "inn asks, before book goes on:" in asked
    assert "Who comes?" in asked
    for prompt, typed in [
        ("", "y"),
        ("name: ", ""),
        ("name: ", "Ada"),
        ("age (may be left out): ", "old"),
        ("age (may be left out): ", ""),
        ("Answer it? y, n: ", "y"),
        ("day (one of Monday, Friday): ", "Sunday"),
        ("day (one of Monday, Friday): ", "Friday"),
        ("meals (any of lunch, dinner; may be left out): ", "tea, dinner"),
        ("meals (any of lunch, dinner; may be left out): ", "lunch, dinner"),
    ]:
        terminal.read_until(prompt)
        terminal.type(f"{typed}\n")
    terminal.read_until("Done.")
    assert terminal.wait() == 0
    assert last_output(server) == "booked for Ada on Friday and lunch and dinner"


def test_run_declines_where_the_person_does_not_answer(start: Start, agents_file: Path) -> None:
    script = Path(__file__).parents[1] / "support" / "mcp_script.py"
    agents_file.write_text(f"SCRIPT = {str(script)!r}\n{QUESTIONS}")
    terminal, server = start("run", "Book.", script=[call("book"), "Done."])
    for _ in range(2):
        terminal.read_until("Answer it? y, n: ")
        terminal.type("n\n")
    terminal.read_until("Done.")
    assert last_output(server) == "nothing booked"
