"""`agents-lite replay`, and its stepping debugger in a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Agent, RunConfig, Runner, RunState, SQLiteJournal, function_tool
from agents_lite.testing import ResponsesServer, ScriptedModel, call, handoff_to
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceProvider,
    get_trace_provider,
    set_trace_provider,
)
from tests.cli.conftest import COMMAND, Run
from tests.support.terminal import CTRL_C, CTRL_D, Terminal

PROMPT = "[?: more] "
AGENTS = '''
from dataclasses import replace
from pathlib import Path

from agents_lite import Agent, GuardrailFunctionOutput, InputGuardrail, function_tool


@function_tool
def price(order: int) -> int:
    """The price of an order."""
    with Path("made").open("a") as file:
        file.write(f"{order}\\n")
    return order * 10


clerk = Agent("Clerk", instructions="Refund.", tools=[price])
expert = Agent("Expert", tools=[price])
boss = Agent("Boss", tools=[expert.as_tool("ask")], handoffs=[clerk])


def refuse(context, agent, input):
    return GuardrailFunctionOutput(None, tripwire_triggered=True)


guarded = clerk.clone(input_guardrails=[InputGuardrail(refuse)])
careful = clerk.clone(tools=[replace(price, needs_approval=True)])
'''
TURNS = [call("price", order=7), "It was 70."]


@function_tool
def price(order: int) -> int:
    """The price of an order."""
    return order * 10


def clerk(turns: Any) -> Agent[Any]:
    return Agent("Clerk", "Refund.", tools=[price], model=ScriptedModel(turns))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(AGENTS)
    return tmp_path


@pytest.fixture
def traced(folder: Path) -> Iterator[Callable[..., Path]]:
    """Runs an agent, traced into a file; gives the file."""
    earlier = get_trace_provider()

    def run(agent: Agent[Any], name: str = "traces.db") -> Path:
        provider = TraceProvider()
        provider.set_processors([SQLiteTraceProcessor(folder / name)])
        set_trace_provider(provider)
        try:
            Runner.run_sync(agent, "Refund order 7")
        except RuntimeError:
            pass
        provider.shutdown()
        return folder / name

    yield run
    set_trace_provider(earlier)


def made(folder: Path) -> list[str]:
    file = folder / "made"
    return file.read_text().split() if file.exists() else []


@pytest.fixture
def terminal(folder: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts `agents-lite replay` in a terminal, and waits for its first prompt."""
    opened: list[Terminal] = []

    def start(*arguments: str, **variables: str) -> Terminal:
        environment = {**os.environ, "NO_COLOR": "1", **variables}
        command = [*COMMAND, "replay", *arguments]
        opened.append(Terminal(command, env=environment, cwd=folder).__enter__())
        return opened[-1]

    yield start
    for each in opened:
        each.__exit__()


def step(terminal: Terminal, keys: str = "") -> str:
    """Type a line; gives what appears up to the next prompt."""
    terminal.type(f"{keys}\n")
    return terminal.read_until(PROMPT)


# --- playing ------------------------------------------------------------------------------------


def test_a_run_is_played_and_compared(run: Run, folder: Path, traced: Any) -> None:
    traced(clerk(TURNS))
    done = run("replay", "traces.db", "--agent", "shop:clerk")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The runs are the same\n\ntokens: ")
    assert made(folder) == []


def test_a_state_meets_live_tools(run: Run, folder: Path) -> None:
    state = Runner.run_sync(clerk(TURNS), "Refund order 7").to_state()
    (folder / "run.json").write_text(state.to_string())
    done = run("replay", "run.json", "--agent", "shop:clerk", "--tools", "live")
    assert "The runs are the same" in done.stdout
    assert made(folder) == ["7"]


def test_a_journal_meets_a_live_model(run: Run, folder: Path) -> None:
    journal = SQLiteJournal(folder / "runs.db")
    config = RunConfig(journal=journal, run_id="a")
    Runner.run_sync(clerk(TURNS), "Refund order 7", run_config=config)
    journal.close()
    with ResponsesServer([call("price", order=7), "70 euros."]) as server:
        done = run(
            "replay", "runs.db", "--run", "a", "--agent", "shop:clerk", "--model", "live",
            OPENAI_BASE_URL=server.base_url,
        )  # fmt: skip
    assert "- It was 70.\n+ 70 euros." in done.stdout
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is not the same" in done.stderr
    assert made(folder) == []


def test_a_replay_that_fails_says_why(run: Run, traced: Any) -> None:
    traced(clerk([call("price", order=7), "It was 70."]))
    done = run("replay", "traces.db", "--agent", "shop:guarded")
    assert done.returncode == 1
    assert "failure" in done.stdout
    assert done.stderr == "agents-lite: Guardrail InputGuardrail triggered tripwire\n"


def test_questions_are_asked_until_none_is_left(
    terminal: Callable[..., Terminal], traced: Any, folder: Path
) -> None:
    traced(clerk(["Hello"]))
    turns = [call("price", order=8), call("price", order=9), "It was 90."]
    with ResponsesServer(turns) as server:
        program = terminal(
            "traces.db", "--agent", "shop:careful", "--model", "live", "--on-missing", "ask",
            OPENAI_BASE_URL=server.base_url,
        )  # fmt: skip
        for order in (8, 9):
            program.read_until(f'"order": {order}')
            program.read_until("or why")
            program.type("y\n")
        assert program.wait() == 1
    assert "It was 90." in program.screen
    assert made(folder) == ["8", "9"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("traces.db",), "Which agent began it?"),
        (("nothing.db",), "There is no file nothing.db"),
        (("shop.py", "--agent", "shop:clerk"), "neither a state nor a trace"),
        (("traces.db", "--agent", "shop:boss"), "run of agent 'Clerk', not of 'Boss'"),
        (("traces.db", "--step", "--run", "trace_nothing"), "There is no trace"),
        (("traces.db", "--step", "--run", "#²"), "holds several runs"),
        (("bad.db", "--step"), "There is no recorded run in bad.db: file is not a database"),
        (("run.json", "--step"), "States and journals are read with the agent"),
    ],
)
def test_what_cannot_be_played_is_said(
    run: Run, folder: Path, traced: Any, arguments: tuple[str, ...], words: str
) -> None:
    traced(clerk(TURNS))
    state = Runner.run_sync(clerk(TURNS), "Refund order 7").to_state()
    (folder / "run.json").write_text(state.to_string())
    (folder / "bad.db").write_bytes(b"SQLite format 3\0 and no more")
    done = run("replay", *arguments)
    assert done.returncode == 1
    assert words in done.stderr


# --- stepping -----------------------------------------------------------------------------------


def test_a_trace_alone_is_walked_through_forwards_and_back(
    terminal: Callable[..., Terminal], traced: Any
) -> None:
    traced(clerk(TURNS))
    program = terminal("traces.db", "--step")
    first = program.read_until(PROMPT)
    assert "Clerk is at work" in first and "turn 1" in first
    assert '"instructions": "Refund."' in first
    assert "response  " not in first
    answer = step(program)
    assert '"name": "price"' in answer and "tool_called" not in answer
    output = step(program)
    assert 'tool_called                   price({"order":7})' in output
    assert "tool_output                   70" in output
    assert "3 input items" in step(program)
    assert "It was 70." in step(program)
    end = step(program)
    assert "final output, of type str" in end and "together" in end
    assert "response  " in step(program, "b")
    assert "turn 1" in step(program, "1")
    assert "There is no turn 9" in step(program, "9")
    assert "back to the moment before" in step(program, "²")
    assert '"content": "Refund order 7"' in step(program, "items")
    assert "turn 2" in step(program, "2")
    assert "It was 70." in step(program, "answer")
    assert "1 request, " in step(program, "usage")
    assert "go on live from here" in step(program, "?")
    assert "--agent MODULE:AGENT" in step(program, "live")
    program.type("q\n")
    assert program.wait() == 0


def test_the_end_of_typing_and_of_the_run_end_the_program(
    terminal: Callable[..., Terminal], traced: Any
) -> None:
    traced(clerk(["Hello"]))
    for keys, code in ((CTRL_D, 0), (CTRL_C, 130), ("\n\n\n", 0)):
        program = terminal("traces.db", "--step")
        program.read_until(PROMPT)
        program.type(keys)
        assert program.wait() == code


def test_where_nobody_types_all_of_it_is_shown(run: Run, traced: Any) -> None:
    traced(clerk(TURNS))
    done = run("replay", "traces.db", "--step")
    assert done.returncode == 0
    assert done.stdout.count('"usage": {') == 2
    assert "final output, of type str\n  It was 70." in done.stdout


def test_a_failure_in_production_is_walked_through(
    terminal: Callable[..., Terminal], traced: Any
) -> None:
    traced(clerk([call("price", order=7), RuntimeError("The model is overloaded")]))
    program = terminal("traces.db", "--step")
    program.read_until(PROMPT)
    step(program)
    step(program)
    request = step(program)
    assert "turn 2" in request and '"output": "70"' in request
    assert "RuntimeError: The model is overloaded" in step(program)


@pytest.mark.parametrize("kept_as", ["trace", "state"])
@pytest.mark.parametrize("at_the_end", [False, True])
def test_a_failed_run_goes_on_live_from_where_it_failed(
    terminal: Callable[..., Terminal], traced: Any, folder: Path, kept_as: str, at_the_end: bool
) -> None:
    turns = [call("price", order=7), RuntimeError("The model is overloaded")]
    file = traced(clerk(turns))
    if kept_as == "state":
        file = folder / "run.json"
        stream = Runner.run_streamed(clerk(turns), "Refund order 7")
        with pytest.raises(RuntimeError):
            list(stream.stream_events())
        file.write_text(stream.to_state().to_string())
    with ResponsesServer(["It was 70."]) as server:
        program = terminal(
            file.name, "--step", "--agent", "shop:clerk", OPENAI_BASE_URL=server.base_url
        )
        program.read_until(PROMPT)
        for _ in range(4 if at_the_end else 3):
            step(program)
        assert "turn 2" in step(program, "live")
        assert "It was 70." in step(program)
    assert made(folder) == []


def test_handoffs_and_agents_as_tools_are_walked_through(
    terminal: Callable[..., Terminal], traced: Any
) -> None:
    expert = Agent("Expert", model=ScriptedModel(TURNS), tools=[price])
    boss = Agent(
        "Boss",
        model=ScriptedModel([call("ask", input="How much?"), handoff_to("Clerk")]),
        tools=[expert.as_tool("ask")],
        handoffs=[clerk(["70, then."])],
    )
    traced(boss)
    program = terminal("traces.db", "--step", "--agent", "shop:boss")
    program.read_until(PROMPT)
    step(program)
    inner = step(program)
    assert "tool_called                   ask(" in inner
    assert "Expert is at work" in inner and "turn 1 > turn 1" in inner
    assert "agent that works as a tool" in step(program, "live")
    for _ in range(4):
        shown = step(program)
    assert "It was 70." in shown
    assert "tool_output                   It was 70." in step(program)
    assert "  turn 2\r" in step(program)
    step(program)
    assert "handoff_occured               Boss -> Clerk" in step(program)
    assert "Clerk is at work" in step(program)


# --- going on live ------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[ResponsesServer]:
    with ResponsesServer([]) as server:
        yield server


@pytest.mark.parametrize("kept_as", ["trace", "state"])
def test_an_output_is_changed_and_the_run_goes_on_live(
    terminal: Callable[..., Terminal], traced: Any, folder: Path, kept_as: str
) -> None:
    turns = [call("price", order=1), call("price", order=7), "It was 70."]
    file = traced(clerk(turns))
    if kept_as == "state":
        file = folder / "run.json"
        state = Runner.run_sync(clerk(turns), "Refund order 7").to_state()
        file.write_text(state.to_string())
    with ResponsesServer(["It was 99, then."]) as server:
        program = terminal(
            file.name, "--step", "--agent", "shop:clerk", OPENAI_BASE_URL=server.base_url
        )
        program.read_until(PROMPT)
        step(program, "2")
        step(program)
        assert "tool_output                   99" in step(program, "output 99")
        assert server.requests == []
        request = step(program)
        assert '"output": "99"' in request
        assert server.requests == []  # nothing is sent before the next step
        assert "It was 99, then." in step(program)
        assert "It was 99, then." in step(program)
        assert "saved.json" in step(program, "save saved.json")
        program.type("q\n")
        assert program.wait() == 0
        (sent,) = server.requests
    outputs = [item["output"] for item in sent.body["input"] if "output" in item]
    assert (outputs, made(folder)) == (["10", "99"], [])
    saved = RunState.from_string(clerk([]), (folder / "saved.json").read_text())
    assert Runner.replay(clerk([]), saved).final_output == "It was 99, then."


def test_an_answer_is_changed_and_its_calls_are_made(
    terminal: Callable[..., Terminal], traced: Any, folder: Path
) -> None:
    traced(clerk(TURNS))
    with ResponsesServer(["80, then."]) as server:
        program = terminal(
            "traces.db", "--step", "--agent", "shop:clerk", OPENAI_BASE_URL=server.base_url
        )
        program.read_until(PROMPT)
        items = '[{"type": "function_call", "name": "price", "arguments": {"order": 8}}]'
        assert "function_call" in step(program, f"answer {items}")
        assert made(folder) == []
        assert "tool_output                   80" in step(program)
        assert made(folder) == ["8"]
        step(program)
        assert "80, then." in step(program)
        assert "no items" in step(program, "answer [1")
        assert "output items, not 1" in step(program, "answer [1]")
        step(program, "1")
        assert "Enough." in step(program, "answer Enough.")
        assert "final output, of type str\r\n  Enough." in step(program)


def test_an_input_is_changed_and_all_is_live(
    terminal: Callable[..., Terminal], traced: Any, folder: Path
) -> None:
    traced(clerk(TURNS))
    with ResponsesServer([call("price", order=3), "It is 30."]) as server:
        program = terminal(
            "traces.db", "--step", "--agent", "shop:clerk", OPENAI_BASE_URL=server.base_url
        )
        program.read_until(PROMPT)
        step(program)
        assert '"content": "Order 3?"' in step(program, "input Order 3?")
        step(program)
        assert "tool_output                   30" in step(program)
        step(program)
        assert "It is 30." in step(program)
    assert made(folder) == ["3"]


def test_a_run_goes_on_live_from_an_answer_and_from_a_request(
    terminal: Callable[..., Terminal], traced: Any, folder: Path
) -> None:
    traced(clerk(TURNS))
    with ResponsesServer(["New.", "Newer."]) as server:
        program = terminal(
            "traces.db", "--step", "--agent", "shop:clerk", OPENAI_BASE_URL=server.base_url
        )
        program.read_until(PROMPT)
        step(program)
        assert "function_call" in step(program, "live")
        assert "tool_output                   70" in step(program)  # made, not recorded
        assert made(folder) == ["7"]
        step(program)
        assert "New." in step(program)
        step(program, "2")
        assert "turn 2" in step(program, "live")
        assert "Newer." in step(program)
        assert made(folder) == ["7"]


def test_a_live_run_that_fails_says_why(
    terminal: Callable[..., Terminal], traced: Any, folder: Path
) -> None:
    traced(clerk(TURNS))
    program = terminal(
        "traces.db", "--step", "--agent", "shop:clerk",
        OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_MAX_RETRIES="0",
    )  # fmt: skip
    program.read_until(PROMPT)
    step(program, "live")
    assert "APIConnectionError" in step(program)
    program.type("q\n")
    assert program.wait() == 1


def test_hostile_text_does_nothing_to_the_terminal(
    terminal: Callable[..., Terminal], traced: Any
) -> None:
    traced(clerk([call("price", order=7), "\x1b]0;owned\x07 done"]))
    program = terminal("traces.db", "--step")
    program.read_until(PROMPT)
    for _ in range(5):
        step(program)
    assert "\x1b]0;" not in program.screen
    assert r"\x1b]0;owned\x07 done" in program.screen
