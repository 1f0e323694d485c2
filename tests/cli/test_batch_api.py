"""`agents-lite batch --batch-api`: submit, leave, collect at the next start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents_lite.cli.batch_api import answer_in
from agents_lite.exceptions import APIStatusError
from agents_lite.testing import HTTPRequest, ResponsesServer, call, status, token_usage, turn
from tests.cli.conftest import COMMAND, Run
from tests.cli.test_batch import read_lines, write_lines
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("agents_file")

BATCH = ["batch", "in.jsonl", "--agent", "agents:calculator", "--out", "out.jsonl", "--batch-api"]
WAITING = 4

Start = Callable[..., "subprocess.CompletedProcess[str]"]


def reply(request: HTTPRequest) -> Any:
    """A call for what is to be added, the sum for its output, an echo else."""
    last = request.body["input"][-1]
    if last.get("type") == "function_call_output":
        return turn(f"It is {last['output']}.", usage=token_usage(1000, 100))
    numbers = [int(word) for word in last["content"].split() if word.isdigit()]
    if len(numbers) == 2:
        return turn(call("add", a=numbers[0], b=numbers[1]), usage=token_usage(1000, 100))
    if last["content"] == "bad":
        return status(400, {"message": "not acceptable", "code": "nope"})
    return turn(f"You said {last['content']}.", usage=token_usage(1000, 100))


@pytest.fixture
def server() -> Iterator[ResponsesServer]:
    with ResponsesServer(reply) as server:
        yield server


@pytest.fixture
def start(run: Run, server: ResponsesServer) -> Start:
    return lambda *more: run(*BATCH, *more, OPENAI_BASE_URL=server.base_url)


def asked(server: ResponsesServer) -> list[str]:
    return [f"{request.method} {request.path.split('/')[2]}" for request in server.requests]


def test_lines_are_submitted_left_and_collected(
    start: Start, server: ResponsesServer, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", "hello", {"id": "b", "input": "bye"})
    server.batches.are_held = True
    first = start()
    assert first.returncode == WAITING
    assert "0 done, 0 failed, 2 waiting" in first.stderr
    assert "start again to collect them" in first.stderr
    assert start().returncode == WAITING  # nothing is submitted twice
    assert asked(server) == ["POST files", "POST batches", "GET batches"]
    server.batches.are_held = False
    last = start()
    assert last.returncode == 0
    assert [line["output"] for line in read_lines(tmp_path / "out.jsonl")] == [
        "You said hello.",
        "You said bye.",
    ]
    assert "POST responses" not in asked(server)
    again = start()
    assert (again.returncode, len(read_lines(tmp_path / "out.jsonl"))) == (0, 2)
    assert asked(server).count("POST batches") == 1


def test_runs_with_tools_go_on_from_batch_to_batch(
    start: Start, server: ResponsesServer, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", "add 2 and 3", "hello", "add 4 and 5")
    codes = [start().returncode for _ in range(3)]
    assert codes == [WAITING, WAITING, 0]
    outputs = [line["output"] for line in read_lines(tmp_path / "out.jsonl")]
    assert outputs == ["It is 5.", "You said hello.", "It is 9."]
    assert asked(server).count("POST batches") == 2


def test_batches_cost_half(start: Start, tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", "hello")
    start()
    done = start()
    (line,) = read_lines(tmp_path / "out.jsonl")
    assert line["usage"]["cost"] == pytest.approx((1000 * 2.5 + 100 * 10) / 1e6 / 2)
    assert "cost $0.0018" in done.stderr


def test_a_line_that_is_refused_fails_and_is_tried_again(
    start: Start, server: ResponsesServer, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", "hello", "bad")
    start()
    failed = start()
    assert failed.returncode == 1
    assert "1 done, 1 failed" in failed.stderr
    (error,) = read_lines(tmp_path / "out.jsonl.errors.jsonl")
    assert error["error"]["type"] == "BadRequestError"
    assert "not acceptable" in error["error"]["message"]
    assert start().returncode == WAITING
    assert asked(server).count("POST batches") == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"response": {"status_code": 500, "body": "Upstream"}}, "answered 500: Upstream"),
        ({"response": {"status_code": 500, "body": {"error": "Down"}}}, "answered 500: Down"),
        ({"response": {"status_code": None, "body": {}}, "error": "Lost"}, "answered 0: Lost"),
        ({"response": None, "error": {"message": "Late"}}, "answered 0: Late"),
    ],
)
def test_an_error_in_another_form_is_told_of(line: Any, words: str) -> None:
    with pytest.raises(APIStatusError, match=words):
        answer_in(line)


def test_new_lines_are_submitted_beside_those_that_wait(
    start: Start, server: ResponsesServer, tmp_path: Path
) -> None:
    server.batches.are_held = True
    write_lines(tmp_path / "in.jsonl", "a")
    assert "1 line waits for" in start().stderr
    write_lines(tmp_path / "in.jsonl", "a", "b")
    assert "2 waiting" in start().stderr
    server.batches.are_held = False
    assert start().returncode == 0
    assert asked(server).count("POST batches") == 2
    assert len(read_lines(tmp_path / "out.jsonl")) == 2


def test_requests_that_expired_are_submitted_again(
    start: Start, server: ResponsesServer, tmp_path: Path
) -> None:
    server.batches.are_held = True
    write_lines(tmp_path / "in.jsonl", "a")
    start()
    (batch,) = server.batches._batches.values()
    batch["status"] = "expired"
    server.batches.are_held = False
    assert start().returncode == WAITING
    assert start().returncode == 0
    assert asked(server).count("POST batches") == 2


def test_a_batch_that_is_refused_as_a_whole_is_told_of(
    start: Start, server: ResponsesServer, tmp_path: Path
) -> None:
    server.batches.are_held = True
    write_lines(tmp_path / "in.jsonl", "a")
    start()
    (batch,) = server.batches._batches.values()
    batch |= {"status": "failed", "errors": {"data": [{"message": "quota is used up"}]}}
    done = start()
    assert done.returncode == 1
    assert "quota is used up" in done.stderr
    server.batches.are_held = False
    assert [start().returncode for _ in range(2)] == [WAITING, 0]


def test_a_process_killed_while_it_submits_submits_nothing_twice(
    start: Start, server: ResponsesServer, tmp_path: Path
) -> None:
    """The batch is made, and its id does not arrive: it is found by the name it bears.

    Others have submitted batches since then, more than the server lists at a time.
    """
    write_lines(tmp_path / "in.jsonl", "a", "b")
    create = server.batches._create
    killed: list[int] = []

    def create_once(body: Any) -> Any:
        made = create(body)
        if not killed:
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        return made

    server.batches._create = create_once  # type: ignore[method-assign]
    environment = {**os.environ, "OPENAI_BASE_URL": server.base_url}
    process = subprocess.Popen([*COMMAND, *BATCH], cwd=tmp_path, env=environment)
    process.wait(60)
    wait_until(lambda: bool(killed))
    server.batches._create = create  # type: ignore[method-assign]
    batches = server.batches._batches
    (ours,) = batches.values()
    batches |= {f"batch_{n}": {**ours, "id": f"batch_{n}", "metadata": None} for n in range(250)}
    assert start().returncode == 0
    assert asked(server).count("POST batches") == 1
    assert len(read_lines(tmp_path / "out.jsonl")) == 2


def test_a_process_killed_while_it_collects_collects_again(
    start: Start, server: ResponsesServer, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", *map(str, range(20)))
    start()
    record = tmp_path / "out.jsonl.batches.jsonl"
    before = record.read_bytes()
    start()
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines(keepends=True)
    record.write_bytes(before)  # as if it had been killed behind the tenth line
    (tmp_path / "out.jsonl").write_bytes(b"".join(lines[:10]))
    assert start().returncode == 0
    assert sorted(line["index"] for line in read_lines(tmp_path / "out.jsonl")) == list(range(20))
    assert asked(server).count("POST batches") == 1


def test_other_apis_are_refused_before_anything_is_sent(
    run: Run, server: ResponsesServer, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", "a")
    done = run(*BATCH, OPENAI_BASE_URL=server.base_url, OPENAI_API_TYPE="chat_completions")
    assert "models behind the Responses API" in done.stderr
    assert server.requests == []


def test_a_stand_in_that_ends_with_the_process_is_refused(run: Run, tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", "a")
    done = run(*BATCH, "--offline")
    assert done.returncode == 1
    assert "still there at the next start" in done.stderr


def test_what_is_submitted_is_what_the_api_takes(
    start: Start, server: ResponsesServer, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", "add 1 and 2 \ud83d\ude00")
    server.batches.are_held = True
    start()
    (content,) = server.batches._files.values()
    (line,) = map(json.loads, content.splitlines())
    assert (line["method"], line["url"]) == ("POST", "/v1/responses")
    assert line["body"].keys() == {"model", "input", "tools"}
    assert len(line["custom_id"]) <= 64


NESTED = '''
from agents_lite import Agent, GuardrailFunctionOutput, function_tool, input_guardrail
from pathlib import Path


@input_guardrail
def is_fine(context, agent, input):
    return GuardrailFunctionOutput(None, False)


@function_tool
def note(word: str) -> str:
    """Note a word."""
    with Path("noted.txt").open("a") as file:
        file.write(word + "\\n")
    return "noted"


inner = Agent(name="Inner", tools=[note])
outer = Agent(
    name="Outer",
    tools=[inner.as_tool("ask_inner", "Asks the inner agent.")],
    input_guardrails=[is_fine],
)
'''


def test_agents_as_tools_wait_too_and_no_tool_is_run_twice(run: Run, tmp_path: Path) -> None:
    (tmp_path / "nested.py").write_text(NESTED)
    write_lines(tmp_path / "in.jsonl", "go", "go")

    def answer(request: HTTPRequest) -> Any:
        names = [tool["name"] for tool in request.body["tools"]]
        if request.body["input"][-1].get("type") == "function_call_output":
            return "outer done" if names == ["ask_inner"] else "inner done"
        if names == ["ask_inner"]:
            return call("ask_inner", input="go")
        return call("note", word="once")

    with ResponsesServer(answer) as server:
        command = [*BATCH]
        command[command.index("agents:calculator")] = "nested:outer"
        codes = [run(*command, OPENAI_BASE_URL=server.base_url).returncode for _ in range(5)]
    assert codes == [WAITING] * 4 + [0]
    assert [line["output"] for line in read_lines(tmp_path / "out.jsonl")] == ["outer done"] * 2
    assert (tmp_path / "noted.txt").read_text() == "once\n" * 2
    (line, _) = read_lines(tmp_path / "out.jsonl")
    assert line["usage"]["requests"] == 4
