"""`agents-lite demo`."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from agents_lite.testing import ResponsesServer, call, final, handoff_to
from tests.cli.conftest import COMMAND, Run
from tests.support.terminal import CTRL_C, Terminal

DECISION = {"order_id": "A-1001", "item": "bell", "amount": 9, "approved": True, "reason": "ok"}


@pytest.mark.parametrize(
    ("options", "request_line"),
    [
        ((), "1 input item "),
        (("--api", "chat_completions"), "2 messages .* tools: transfer_to_refund_agent"),
    ],
)
def test_every_step_of_the_loop_is_shown_in_order(
    run: Run, options: tuple[str, ...], request_line: str
) -> None:
    done = run("demo", *options)
    assert (done.returncode, done.stderr) == (0, "")
    steps = [
        "offline stand-in",
        "Front desk is at work",
        "turn 1",
        f"request .* {request_line}",
        "handoff_requested ",
        "handoff_occured .* Front desk -> Refund agent",
        "Refund agent is at work",
        "turn 2",
        'function_call_arguments.delta .*{"order_id":"A-1001"}',
        'tool_called .* find_order\\({"order_id":"A-1001"}\\)',
        "tool_output .* {.*bicycle bell.*}",
        "turn 3",
        "output_text.delta ",
        "message_output_created ",
        "final output, of type RefundDecision",
        "RefundDecision\\(order_id='A-1001', item='bicycle bell', amount=24.9, approved=True",
        "together .* 3 requests, \\d+ input tokens, \\d+ output tokens",
    ]
    assert re.search("(?s)" + ".*\n?.*".join(steps), done.stdout), done.stdout


def test_server_named_by_the_environment_answers(run: Run, tmp_path: Path) -> None:
    script = [handoff_to("Refund agent"), call("find_order", order_id="A-1001"), final(DECISION)]
    with ResponsesServer(script) as server:
        done = run("demo", "--model", "tiny", OPENAI_BASE_URL=server.base_url)
        server.assert_finished()
    assert done.returncode == 0
    assert "stand-in" not in done.stdout
    assert f"server    {server.base_url}\n" in done.stdout
    assert {request.body["model"] for request in server.requests} == {"tiny"}
    (tmp_path / ".env").write_text("OPENAI_DEFAULT_MODEL=small\n")
    with ResponsesServer() as server:
        run("demo", "--env-file", ".env", OPENAI_BASE_URL=server.base_url)
    assert {request.body["model"] for request in server.requests} == {"small"}


def test_stand_in_is_reached_past_a_proxy(run: Run) -> None:
    done = run("demo", http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9")
    assert done.returncode == 0


def test_step_waits_at_each_step_and_shows_what_is_sent_and_answered() -> None:
    with Terminal([*COMMAND, "demo", "--step"], env=os.environ) as terminal:
        request = terminal.read_until("[Enter: next step]")
        assert '"name": "transfer_to_refund_agent"' in request
        assert "response  " not in request
        terminal.type("\n")
        response = terminal.read_until("[Enter: next step]")
        assert '"status": "completed"' in response
        assert "handoff_requested" not in response
        terminal.type("\n")
        assert "handoff_occured" in terminal.read_until("[Enter: next step]")
        terminal.type(CTRL_C)
        assert terminal.wait() == 130


def test_step_goes_back_and_takes_another_turn() -> None:
    with Terminal([*COMMAND, "demo", "--step"], env={**os.environ, "NO_COLOR": "1"}) as terminal:
        for _ in range(3):
            terminal.read_until("[?: more] ")
            terminal.type("\n")
        terminal.read_until("Refund agent is at work")
        terminal.read_until("[?: more] ")
        terminal.type("1\n")
        assert "turn 1" in terminal.read_until("[?: more] ")
        terminal.type("answer I cannot do that.\n")
        terminal.read_until("[?: more] ")
        terminal.type("\n")
        assert "final output, of type str\r\n  I cannot do that." in terminal.read_until("more] ")
        terminal.type("\n")
        assert terminal.wait() == 0


def test_step_without_a_user_shows_everything(run: Run) -> None:
    done = run("demo", "--step")
    assert done.returncode == 0
    assert done.stdout.count('"usage": {') == 3


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_for_terminals_that_want_it(variables: dict[str, str], coloured: bool) -> None:
    environment = {**os.environ, "TERM": "xterm", **variables}
    with Terminal([*COMMAND, "demo"], env=environment) as terminal:
        assert terminal.wait() == 0
        assert ("\x1b[" in terminal.screen) is coloured


def test_no_colour_in_a_pipe(run: Run) -> None:
    assert "\x1b" not in run("demo", TERM="xterm").stdout
