"""Servers that ask in the middle of a call, and persons who answer later."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    MCPElicitation,
    MCPServerError,
    MCPServerStdio,
    MCPServerStreamableHttp,
    RunConfig,
    RunHooks,
    Runner,
    RunState,
    SQLiteJournal,
    UsageLimits,
    UserError,
    function_tool,
)
from agents_lite.testing import call
from tests.support.loopback import LAST_CHUNK, Peer, chunk, http_answer, stream_head
from tests.support.mcp_http import ScriptedMCP, event, said
from tests.support.threads import no_thread_left

Script = Callable[..., MCPServerStdio]
Heard = Callable[[], list[dict[str, Any]]]
both_eras = pytest.mark.parametrize("modern", [False, True], ids=["handshake", "modern"])


def outputs(result: Any) -> list[Any]:
    return [item.output for item in result.new_items if item.type == "tool_call_output_item"]


def booking(scripted: Any, script: Script, plan: dict[str, Any], *turns: Any) -> Agent[Any]:
    server = script({"tools": ["book", "echo", "slow"], **plan})
    return Agent("A", mcp_servers=[server], model=scripted(list(turns)))


def answered(agent: Agent[Any], state: RunState, answers: dict[str, Any]) -> Any:
    """What comes of a run whose questions are answered so, each time in another process."""
    while True:
        state = RunState.from_string(agent, state.to_string())
        waiting = state.get_interruptions()
        if not waiting:
            raise AssertionError("nothing waits")
        for item in waiting:
            assert item.question is not None
            answer = answers[item.question.message]
            if answer is None:
                state.reject(item)
            else:
                state.provide_input(item, answer)
        result = Runner.run_sync(agent, state)
        if not result.is_paused:
            return result
        state = result.to_state()


ANSWERS = {"Who comes?": {"name": "Zoë", "age": 4}, "Which day?": {"day": "Friday"}}


@both_eras
def test_a_question_pauses_the_run_and_is_answered_in_another_process(
    scripted: Any, script: Script, modern: bool
) -> None:
    agent = booking(scripted, script, {"modern": modern}, call("book"), "Done.")
    with no_thread_left():
        paused = Runner.run_sync(agent, "Book.")
    assert (paused.is_paused, paused.pause_reason, paused.final_output) == (True, "approval", None)
    first, *others = paused.interruptions
    assert (first.tool_name, first.reason) == ("book", "input")
    assert first.question is not None
    assert (first.question.server_name, first.question.message) == ("script", "Who comes?")
    assert (first.question.requested_schema or {})["required"] == ["name"]
    assert [item.question and item.question.message for item in others] == ["Which day?"] * modern
    result = answered(agent, paused.to_state(), ANSWERS)
    assert outputs(result) == ["booked for Zoë on Friday"]
    assert result.final_output == "Done."


def test_a_server_that_has_lost_its_state_is_asked_from_the_start(
    scripted: Any, script: Script
) -> None:
    """As the official package seals it, with a key of the process."""
    agent = booking(scripted, script, {"modern": True, "seals": True}, call("book"), "Done.")
    paused = Runner.run_sync(agent, "Book.")
    assert outputs(answered(agent, paused.to_state(), ANSWERS)) == ["booked for Zoë on Friday"]


@both_eras
@pytest.mark.parametrize("declined", list(ANSWERS))
def test_a_question_may_be_declined(
    scripted: Any, script: Script, modern: bool, declined: str
) -> None:
    agent = booking(scripted, script, {"modern": modern}, call("book"), "Done.")
    state = Runner.run_sync(agent, "Book.").to_state()
    assert outputs(answered(agent, state, {**ANSWERS, declined: None})) == ["nothing booked"]


@both_eras
def test_a_call_that_asks_may_be_taken_as_made_elsewhere(
    scripted: Any, script: Script, modern: bool
) -> None:
    agent = booking(scripted, script, {"modern": modern}, call("book"), "Done.")
    state = Runner.run_sync(agent, "Book.").to_state()
    state.provide_output(state.get_interruptions()[0], "by telephone")
    assert state.get_interruptions() == []
    assert outputs(Runner.run_sync(agent, state)) == ["by telephone"]


def test_questions_of_which_some_are_answered_wait_on(scripted: Any, script: Script) -> None:
    agent = booking(scripted, script, {"modern": True}, call("book"), "Done.")
    state = Runner.run_sync(agent, "Book.").to_state()
    state.provide_input(state.get_interruptions()[1], {"day": "Monday"})
    result = Runner.run_sync(agent, state)
    [left] = result.interruptions
    assert left.question is not None
    assert left.question.message == "Who comes?"
    assert outputs(answered(agent, result.to_state(), ANSWERS)) == ["booked for Zoë on Monday"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "name are missing"),
        ({"name": 7}, "'name' is of type string, not 7"),
        ({"name": "Zoë", "age": True}, "'age' is of type integer"),
        ({"name": "Zoë", "size": 3}, "no field 'size'"),
        (None, "must be a dict"),
    ],
)
def test_an_answer_that_does_not_fit_the_form_is_refused(
    scripted: Any, script: Script, answer: Any, words: str
) -> None:
    agent = booking(scripted, script, {}, call("book"))
    state = Runner.run_sync(agent, "Book.").to_state()
    [item] = state.get_interruptions()
    with pytest.raises(UserError, match=words):
        state.provide_input(item, answer)
    assert state.get_interruptions() == [item]


def test_a_question_is_no_approval(scripted: Any, script: Script) -> None:
    agent = booking(scripted, script, {"modern": True}, call("book"))
    state = Runner.run_sync(agent, "Book.").to_state()
    [who, when] = state.get_interruptions()
    with pytest.raises(UserError, match="asks for input: provide_input answers"):
        state.approve(who)
    state.provide_input(who, {"name": "Zoë"})
    with pytest.raises(UserError, match="was decided about already"):
        state.provide_input(who, {"name": "Zoë"})
    with pytest.raises(UserError, match="one of"):
        state.provide_input(when, {"day": "Sunday"})


@pytest.mark.parametrize("order", [["slow", "book"], ["book", "slow"]])
def test_the_questions_of_calls_side_by_side_find_their_calls(
    scripted: Any, script: Script, order: list[str]
) -> None:
    calls = [call(name, call_id=name) for name in order]
    agent = booking(scripted, script, {}, calls, "Done.")
    paused = Runner.run_sync(agent, "Book.")
    assert [item.call_id for item in paused.interruptions] == ["book"]
    result = answered(agent, paused.to_state(), ANSWERS)
    assert sorted(outputs(result)) == ["booked for Zoë on Friday", "slow"]


@pytest.mark.parametrize("same", [False, True], ids=["two questions", "the same one"])
def test_calls_that_both_ask_are_each_given_their_own_answer(
    scripted: Any, script: Script, same: bool
) -> None:
    calls = [call("quiz", call_id=n, name=n, same=same) for n in ("Ann", "Bob")]
    agent = Agent(
        "A", mcp_servers=[script({"tools": ["quiz"]})], model=scripted([calls, "Done."])
    )
    state = Runner.run_sync(agent, "Ask.").to_state()
    ages = {"Ann": 30, "Bob": 40}
    while waiting := state.get_interruptions():
        for item in waiting:
            assert item.question is not None
            about = [name for name in ages if name in item.question.message]
            state.provide_input(item, {"age": ages[about[0] if about else str(item.call_id)]})
        result = Runner.run_sync(agent, RunState.from_string(agent, state.to_string()))
        if not result.is_paused:
            break
        state = result.to_state()
    assert outputs(result) == ["Ann is 30", "Bob is 40"]


def test_hooks_approvals_and_limits_count_a_call_that_asks_once(
    scripted: Any, script: Script
) -> None:
    class Heard(RunHooks[Any]):
        def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
            told.append(f"start {tool.name}")

        def on_tool_end(self, context: Any, agent: Any, tool: Any, result: Any) -> None:
            told.append(f"end {tool.name}")

    told: list[str] = []
    server = script({"tools": ["book"]}, require_approval="always")
    agent = Agent("A", mcp_servers=[server], model=scripted([call("book"), "Done."]))
    options: Any = {
        "hooks": Heard(),
        "run_config": RunConfig(usage_limits=UsageLimits(tool_calls=1)),
    }
    state = Runner.run_sync(agent, "Book.", **options).to_state()
    [item] = state.get_interruptions()
    assert item.reason == "approval"
    state.approve(item)
    for answer in ANSWERS.values():
        state = Runner.run_sync(agent, state, **options).to_state()
        state.provide_input(state.get_interruptions()[0], answer)
    result = Runner.run_sync(agent, state, **options)
    assert outputs(result) == ["booked for Zoë on Friday"]
    assert told == ["start book", "end book"]


def test_a_question_inside_an_agent_as_a_tool_rises_to_the_run_around_it(
    scripted: Any, script: Script
) -> None:
    inner = booking(scripted, script, {"modern": True}, call("book"), "booked")
    outer = Agent(
        "Outer",
        tools=[inner.as_tool("ask", "Ask.")],
        model=scripted([call("ask", input="Book."), "All done."]),
    )
    state = Runner.run_sync(outer, "Go.").to_state()
    assert [item.agent.name for item in state.get_interruptions()] == ["A", "A"]
    assert answered(outer, state, ANSWERS).final_output == "All done."


def test_who_answers_at_once_is_asked_at_once(scripted: Any, script: Script) -> None:
    server = script({"tools": ["book"]}, on_elicitation=lambda question: ANSWERS[question.message])
    agent = Agent("A", mcp_servers=[server], model=scripted([call("book"), "Done."]))
    assert outputs(Runner.run_sync(agent, "Book.")) == ["booked for Zoë on Friday"]


@both_eras
def test_a_server_is_told_that_it_may_ask(
    scripted: Any, script: Script, heard: Heard, tmp_path: Path, modern: bool
) -> None:
    plan = {"modern": modern, "log": str(tmp_path / "log")}
    Runner.run_sync(booking(scripted, script, plan, call("echo", text="a"), "Done."), "Hi")
    message = next(m for m in heard() if m["method"] == ("tools/call" if modern else "initialize"))
    params = message["params"]
    meta = params.get("_meta") or {}
    name = "io.modelcontextprotocol/clientCapabilities"
    able = meta[name] if modern else params["capabilities"]
    assert able == {"elicitation": {"form": {}, "url": {}}}


def test_a_page_to_be_visited_is_a_question_without_fields(scripted: Any) -> None:
    def ask(peer: Peer, message: dict[str, Any]) -> None:
        page = {"mode": "url", "message": "Log in.", "url": "https://x/", "elicitationId": "1"}
        question = {"jsonrpc": "2.0", "id": 7, "method": "elicitation/create", "params": page}
        peer.send(stream_head() + chunk(event(question)))
        assert peers.replied.wait(60)
        action = peers.replies.pop()["result"]["action"]
        peers.replied.clear()
        peer.send(chunk(event(said(message, action))) + LAST_CHUNK)

    with ScriptedMCP(plays={"echo": ask}) as peers:
        server = MCPServerStreamableHttp({"url": peers.url}, name="web")
        agent = Agent("A", mcp_servers=[server], model=scripted([call("echo"), "Done."]))
        state = Runner.run_sync(agent, "Go").to_state()
        [item] = state.get_interruptions()
        assert item.question == MCPElicitation("web", "Log in.", None, "https://x/")
        with pytest.raises(UserError, match="no fields"):
            state.provide_input(item, {"a": 1})
        state.provide_input(item)
        assert outputs(Runner.run_sync(agent, state)) == ["accept"]


def page_wanted(visited: Callable[[], bool]) -> Callable[[Peer, dict[str, Any]], None]:
    """Does a call once a page was visited."""
    page = {"mode": "url", "message": "Log in.", "url": "https://x/", "elicitationId": "1"}
    why = {"code": -32042, "message": "Log in first", "data": {"elicitations": [page]}}

    def answer(peer: Peer, message: dict[str, Any]) -> None:
        refused = {"jsonrpc": "2.0", "id": message["id"], "error": why}
        peer.send(http_answer(200, said(message, "done") if visited() else refused))

    return answer


@both_eras
@pytest.mark.parametrize("agrees", [True, False])
def test_a_page_that_a_refusal_wants_visited_is_a_question(
    scripted: Any, modern: bool, agrees: bool
) -> None:
    visited: list[str] = []
    echo = page_wanted(lambda: bool(visited))
    with ScriptedMCP(modern=modern, plays={"echo": echo}) as peers:
        server = MCPServerStreamableHttp({"url": peers.url}, name="web")
        agent = Agent("A", mcp_servers=[server], model=scripted([call("echo"), "Done."]))
        state = Runner.run_sync(agent, "Go").to_state()
        [item] = state.get_interruptions()
        assert item.question == MCPElicitation("web", "Log in.", None, "https://x/")
        if agrees:
            visited.append("https://x/")
            state.provide_input(item)
        else:
            state.reject(item)
        [output] = outputs(Runner.run_sync(agent, state))
        assert ("Log in first" in output, output == "done") == (not agrees, agrees)
        assert "https" not in output  # the page is for the person


def test_who_answers_at_once_is_sent_to_a_page_at_once() -> None:
    visited: list[str | None] = []

    def visit(question: MCPElicitation) -> dict[str, Any]:
        visited.append(question.url)
        return {"action": "accept"}

    with (
        ScriptedMCP(plays={"echo": page_wanted(lambda: bool(visited))}) as peers,
        MCPServerStreamableHttp({"url": peers.url}, on_elicitation=visit) as server,
    ):
        assert server.call_tool("echo").content[0].text == "done"
    assert visited == ["https://x/"]


def test_a_page_that_nobody_can_visit_is_an_error() -> None:
    echo = page_wanted(lambda: False)
    for answer in None, lambda question: None:
        with (
            ScriptedMCP(plays={"echo": echo}) as peers,
            MCPServerStreamableHttp({"url": peers.url}, on_elicitation=answer) as server,
            pytest.raises(MCPServerError, match="Log in first"),
        ):
            server.call_tool("echo")


def test_a_question_that_cannot_be_read_is_no_state(scripted: Any, script: Script) -> None:
    agent = booking(scripted, script, {}, call("book"))
    text = Runner.run_sync(agent, "Book.").to_state().to_string()
    with pytest.raises(UserError, match="no fact of a run"):
        RunState.from_string(agent, text.replace('"message"', '"massage"'))


@both_eras
def test_a_run_in_a_journal_waits_for_answers(
    scripted: Any, script: Script, tmp_path: Path, modern: bool
) -> None:
    agent = booking(scripted, script, {"modern": modern}, call("book"), "Done.")
    journal = SQLiteJournal(tmp_path / "runs.db")
    config = RunConfig(journal=journal, run_id="r")
    result = Runner.run_sync(agent, "Book.", run_config=config)
    while result.is_paused:
        [*waiting] = journal.run("r").waiting
        assert [(each.tool_name, each.reason) for each in waiting] == [("book", "input")]
        with pytest.raises(UserError, match="asks for input"):
            journal.approve("r", waiting[0].call_id)
        with pytest.raises(UserError, match="not 'other'"):
            journal.provide_input("r", waiting[0].call_id, {}, question="other")
        for item in result.interruptions:
            assert item.question is not None
            answer = ANSWERS[item.question.message]
            journal.provide_input("r", item.call_id, answer, question=item.question_name)
        assert journal.run("r").waiting == ()
        result = Runner.run_sync(agent, "Book.", run_config=config)
    assert outputs(result) == ["booked for Zoë on Friday"]
    assert journal.run("r").is_finished


@pytest.mark.parametrize("is_last", [False, True])
def test_a_call_that_asks_does_not_hold_up_those_in_the_journal_s_transaction(
    scripted: Any, script: Script, tmp_path: Path, is_last: bool
) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:

        @function_tool
        def charge() -> str:
            connection.execute("CREATE TABLE charges (amount)")
            return "charged"

        calls = [call("charge"), call("book")]
        answer = calls if is_last else calls[::-1]
        agent = booking(scripted, script, {"modern": True}, answer, "Done.")
        agent.tools = [charge]
        config = RunConfig(journal=SQLiteJournal(connection=connection), run_id="r")
        state = Runner.run_sync(agent, "Book.", run_config=config).to_state()
        for item in state.get_interruptions():
            assert item.question is not None
            state.provide_input(item, ANSWERS[item.question.message])
        done = outputs(Runner.run_sync(agent, state, run_config=config))
    assert sorted(done) == ["booked for Zoë on Friday", "charged"]
