"""Runs in journals: taken up, kept from others, looked at, forgotten."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import uuid
from array import array
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    AgentOutputSchema,
    ApplyPatchTool,
    CustomTool,
    FolderEditor,
    Journal,
    JournalError,
    JournalMismatch,
    RunBusy,
    RunConfig,
    Runner,
    RunRow,
    RunState,
    SQLiteJournal,
    SQLiteSession,
    ToolCallOutputItem,
    ToolContext,
    UnknownEndError,
    UserError,
    function_tool,
)
from agents_lite.journal.holder import Holder
from agents_lite.running.facts import Failed
from agents_lite.testing import ScriptedModel, call, turn
from tests.journal.conftest import make_store
from tests.support.drivers import every_driver
from tests.support.journal_stores import JournalStore
from tests.support.waiting import LIMIT, PATIENCE, time_is_up_once, wait_until
from tests.support.warm import OF_DATABASES, Warm

CHECKOUT = Path(__file__).parents[2]
Scripted = Callable[..., ScriptedModel]


@function_tool
def look(what: str) -> str:
    """Looks at something."""
    return f"saw {what}"


@function_tool(needs_approval=True)
def pay(amount: int) -> str:
    """Pays an amount."""
    return f"paid {amount}"


class Stopped(BaseException):
    """Ends a run as a kill would, but that its record is let go of."""


def config(journal: Journal, run_id: Any = "r", **options: Any) -> RunConfig:
    return RunConfig(journal=journal, run_id=run_id, tracing_disabled=True, **options)


def forget_run(journal: Journal) -> None:
    """Forget what another test has left, whoever holds it."""
    if journal.entries("r") is not None:
        journal.change("r", lambda row, now: (replace(row, status="finished", holder=None), None))
        journal.forget("r")


@pytest.fixture
def journal(store: JournalStore) -> Journal:
    journal = store.open()
    forget_run(journal)
    return journal


def stopping_once(stops: list[int]) -> Any:
    """A tool that stops the run at its first call."""

    @function_tool
    def work(ctx: ToolContext[Any], x: int) -> str:
        """Works."""
        stops.append(x)
        if len(stops) == 1:
            raise Stopped
        return f"{ctx.idempotency_key}: {x}"

    return work


@every_driver
def test_a_run_that_was_stopped_in_a_turn_goes_on_there(
    run: Any, journal: Journal, scripted: Scripted
) -> None:
    stops: list[int] = []
    model = scripted([[call("look", what="a"), call("work", call_id="w", x=1)], "done"])
    agent = Agent("A", model=model, tools=[look, stopping_once(stops)])
    with pytest.raises(Stopped):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    (stored,) = [each for each in journal.runs() if each.run_id == "r"]
    assert (stored.status, stored.agent_name, stored.holder) == ("stopped", "A", None)
    result = run(agent, "Go", run_config=config(journal))
    assert result.final_output == "done"
    assert [item.output for item in result.new_items[2:4]] == ["saw a", "r/1/w: 1"]
    assert (len(model.requests), stops, result.usage.requests) == (2, [1, 1], 2)


@every_driver
def test_a_finished_run_gives_its_result_without_a_call(
    run: Any, journal: Journal, scripted: Scripted
) -> None:
    model = scripted([call("look", what="a"), "done"])
    agent = Agent("A", model=model, tools=[look])
    first = run(agent, "Go", run_config=config(journal))
    again = run(agent, "Go", run_config=config(journal))
    assert again.final_output == "done"
    assert again.to_input_list() == first.to_input_list()
    assert again.usage == first.usage
    assert len(model.requests) == 2


class Sum(BaseModel):
    total: int


def test_a_stored_output_has_its_type(journal: Journal, scripted: Scripted) -> None:
    agent = Agent("A", model=scripted(['{"total": 3}']), output_type=Sum)
    for _ in range(2):
        result = Runner.run_sync(agent, "Go", run_config=config(journal))
        assert result.final_output == Sum(total=3)


def test_a_failed_run_goes_on_where_it_failed(journal: Journal, scripted: Scripted) -> None:
    model = scripted([call("look", what="a"), OSError("no"), "done"])
    agent = Agent("A", model=model, tools=[look])
    with pytest.raises(OSError):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    (stored,) = [each for each in journal.runs("failed") if each.run_id == "r"]
    assert stored.error == "OSError: no"
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"


def test_a_run_that_failed_before_it_was_begun_is_begun_when_it_comes_again(
    journal: Journal, scripted: Scripted, tmp_path: Any
) -> None:
    class Fails(SQLiteSession):
        def get_items(self, limit: int | None = None) -> Any:
            raise OSError("no")

    agent = Agent("A", model=scripted(["done"]))
    with pytest.raises(OSError):
        place = Fails("s", tmp_path / "sessions.db")
        Runner.run_sync(agent, "Go", session=place, run_config=config(journal))
    assert journal.run("r").error == "OSError: no"
    assert journal.run("r").status == "failed"
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"


def test_a_run_whose_beginning_could_not_be_told_is_begun_when_it_comes_again(
    store: JournalStore, scripted: Scripted
) -> None:
    def mask(fact: Any) -> Any:
        if not failed:
            failed.append(fact["type"])
            raise OSError("no")
        return fact

    failed: list[str] = []
    journal = store.open(mask=mask)
    forget_run(journal)
    agent = Agent("A", model=scripted(["done"]))
    with pytest.raises(OSError):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    assert failed == ["started"]
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"


def test_a_run_left_by_break_goes_on(journal: Journal, scripted: Scripted) -> None:
    agent = Agent("A", model=scripted([call("look", what="a"), "done"]), tools=[look])
    events = Runner.stream(agent, "Go", run_config=config(journal))
    for event in events:
        if event.type == "run_item_stream_event" and event.item.type == "tool_call_output_item":
            break
    events.close()
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"


@pytest.mark.parametrize(
    ("given", "change", "difference"),
    [
        ("Stop", {}, "its input was 'Go', and now it is 'Stop'"),
        ([{"role": "user", "content": "No"}], {}, "item 0 of its input was"),
        ("Go", {"tools": []}, r"at agent.tools\[0\] it had tool 'look', and now there is nothing"),
        ("Go", {"tools": [pay, look]}, "it had tool 'look', and now there is tool 'pay'"),
        ("Go", {"name": "B"}, "it had agent 'A', and now there is agent 'B'"),
        ("Go", {"handoffs": [Agent("C")]}, r"at agent.handoffs\[0\].agent it had nothing"),
    ],
)
def test_what_differs_from_how_a_run_was_begun_is_named(
    journal: Journal, scripted: Scripted, given: Any, change: dict[str, Any], difference: str
) -> None:
    agent = Agent("A", model=scripted([call("look", what="a"), "done"]), tools=[look])
    Runner.run_sync(agent, "Go", run_config=config(journal))
    with pytest.raises(JournalMismatch, match=difference):
        Runner.run_sync(agent.clone(**change), given, run_config=config(journal))
    same = [{"role": "user", "content": "Go"}]
    again = agent.clone(instructions="It is 10 o'clock")
    assert Runner.run_sync(again, same, run_config=config(journal)).final_output == "done"


def test_a_run_at_work_is_busy(journal: Journal, scripted: Scripted) -> None:
    agent = Agent("A", model=scripted(["done"]))
    events = Runner.stream(agent, "Go", run_config=config(journal))
    next(events)
    with pytest.raises(RunBusy, match=f"process {os.getpid()}") as caught:
        Runner.run_sync(agent, "Go", run_config=config(journal))
    assert caught.value.run_id == "r"
    (stored,) = [each for each in journal.runs("working") if each.run_id == "r"]
    assert stored.holder == caught.value.holder
    events.close()
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"


class NotLeft(SQLiteJournal):
    """A journal of which runs cannot let go."""

    def let_go(self, *_: Any) -> None:
        raise JournalError("The disk is full")


def test_what_a_journal_refuses_is_over_and_tells_what_was_done(
    scripted: Scripted, tmp_path: Path
) -> None:
    agent = Agent("A", model=scripted(["done"]))
    full = config(NotLeft(tmp_path / "runs.db"))
    for given, kind, output in [("Go", JournalError, "done"), ("Stop", JournalMismatch, None)]:
        stream = Runner.run_streamed(agent, given, run_config=full)
        with pytest.raises(kind) as failed:
            list(stream.stream_events())
        assert stream.is_complete and stream.run_loop_exception is failed.value
        assert failed.value.run_data is not None and failed.value.run_data.final_output == output


def held_elsewhere(journal: Journal, seconds: float) -> None:
    """Have the run held by a process of another machine, for so many seconds from now."""

    def hold(row: Any, now: float) -> Any:
        holder = Holder("elsewhere 1 2", 7, "8", "9").text
        return replace(row, status="working", holder=holder, lease_until=now + seconds), None

    journal.change("r", hold)


def test_the_run_of_another_machine_is_taken_over_when_its_lease_is_over(
    journal: Journal, scripted: Scripted
) -> None:
    agent = Agent("A", model=scripted([OSError("no"), "done"]))
    with pytest.raises(OSError):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    held_elsewhere(journal, 100.0)
    with pytest.raises(RunBusy, match="process 7 on elsewhere"):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    held_elsewhere(journal, -0.001)
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"


def test_a_run_that_was_taken_over_stops_here(journal: Journal, scripted: Scripted) -> None:
    @function_tool
    def lose() -> str:
        """Loses the run."""
        held_elsewhere(journal, 100.0)
        return "lost"

    agent = Agent("A", model=scripted([call("lose")]), tools=[lose])
    with pytest.raises(RunBusy, match="elsewhere"):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    assert journal.facts("r")[-1]["type"] == "begun"


def test_a_long_call_keeps_its_run(store: JournalStore, scripted: Scripted) -> None:
    journal = store.open(lease=0.3)
    forget_run(journal)
    seen: list[float] = []

    def lease() -> float:
        row, _ = journal.entries("r") or pytest.fail("it is not there")
        return row.lease_until

    @function_tool
    def wait() -> str:
        """Waits until its lease was renewed twice."""
        for _ in range(2):
            seen.append(lease())
            wait_until(lambda: lease() > seen[-1])
        return "held"

    agent = Agent("A", model=scripted([call("wait"), "done"]), tools=[wait])
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"


RACER = """
import sys
from agents_lite import Agent, RunBusy, RunConfig, Runner, function_tool
from agents_lite.testing import ScriptedModel, call
from tests.support.journal_stores import JournalStore

@function_tool
def hold() -> str:
    print("works", flush=True)
    sys.stdin.readline()
    return "held"

agent = Agent("A", model=ScriptedModel([call("hold"), "done"]), tools=[hold])
config = RunConfig(
    journal=JournalStore(*sys.argv[1:3]).open(), run_id=sys.argv[3], tracing_disabled=True
)
print("ready", flush=True)
sys.stdin.readline()
try:
    print(Runner.run_sync(agent, "Go", run_config=config).final_output, flush=True)
except RunBusy as busy:
    print("busy", flush=True)
"""


def test_of_several_processes_one_works_and_when_it_is_killed_another_takes_over(
    store: JournalStore, journal: Journal
) -> None:
    def start() -> Warm:
        words = [store.kind, store.location, "r"]
        return Warm(["-c", RACER, *words], cwd=CHECKOUT, loaded=OF_DATABASES)

    count = 8 if store.kind == "sqlite" else 3
    with ExitStack() as all_of_them:
        racers = [all_of_them.enter_context(start()) for _ in range(count)]
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * count
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        said = [racer.stdout.readline() for racer in racers]
        assert sorted(said) == ["busy\n"] * (count - 1) + ["works\n"]
        winner = racers[said.index("works\n")]
        winner.kill()
        winner.wait()
        agent = Agent("A", model=ScriptedModel(["done"]), tools=[])
        with pytest.raises(JournalMismatch):  # the agent has no such tool; but nobody is at work
            Runner.run_sync(agent, "Go", run_config=config(journal))
        with start() as other:
            other.stdin.write("go\n\n")
            output, errors = other.communicate()
        assert output.split() == ["ready", "works", "works", "done"], errors


@pytest.mark.skipif(sys.platform == "win32", reason="there are no zombies here")
def test_a_process_that_has_ended_holds_nothing_though_nobody_has_waited_for_it() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        holder = replace(Holder.here(), pid=process.pid, started="")
        assert not holder.is_dead()
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert holder.is_dead()


def test_an_approval_waits_in_the_journal(journal: Journal, scripted: Scripted) -> None:
    model = scripted([[call("pay", call_id="p", amount=7), call("look", what="a")], "done"])
    agent = Agent("A", model=model, tools=[pay, look])
    for _ in range(2):  # starting it again asks again
        result = Runner.run_sync(agent, "Go", run_config=config(journal))
        assert [item.call_id for item in result.interruptions] == ["p"]
    (stored,) = [each for each in journal.runs("paused") if each.run_id == "r"]
    (waiting,) = stored.waiting
    assert (waiting.tool_name, waiting.arguments, waiting.reason) == (
        "pay",
        '{"amount":7}',
        "approval",
    )
    with pytest.raises(UserError, match="no call waits by the id 'q'"):
        journal.approve("r", "q")
    journal.approve("r", "p")
    assert not [each for each in journal.runs("paused") if each.waiting and each.run_id == "r"]
    with pytest.raises(UserError, match="no call waits"):
        journal.reject("r", "p")
    result = Runner.run_sync(agent, "Go", run_config=config(journal))
    assert result.final_output == "done"
    assert result.new_items[2].output == "paid 7"


def test_what_still_waits_is_told_in_the_same_words_once_another_call_is_decided(
    journal: Journal, scripted: Scripted, tmp_path: Path
) -> None:
    operation = {"type": "delete_file", "path": "a.txt"}
    patch = {"type": "apply_patch_call", "call_id": "f", "operation": operation}
    said = {"type": "custom_tool_call", "call_id": "s", "name": "say", "input": "Hello"}
    tools = [
        pay,
        ApplyPatchTool(FolderEditor(tmp_path), needs_approval=True),
        CustomTool("say", "Says it.", lambda context, text: text, needs_approval=True),
    ]
    model = scripted([[call("pay", call_id="p", amount=7), patch, said]])
    Runner.run_sync(Agent("A", model=model, tools=tools), "Go", run_config=config(journal))
    _, *left = journal.run("r").waiting
    assert [each.tool_name for each in left] == ["apply_patch", "say"]
    journal.approve("r", "p")
    assert list(journal.run("r").waiting) == left


def test_a_run_that_goes_on_waits_no_more(journal: Journal, scripted: Scripted) -> None:
    def shown() -> Any:
        stored = journal.run("r")
        return stored.status, [each.call_id for each in stored.waiting], stored.error

    @function_tool
    def leave() -> str:
        """End without the journal being told."""
        told.append(shown())
        raise KeyboardInterrupt

    told: list[Any] = []
    model = scripted([call("pay", call_id="p", amount=7), call("leave")])
    agent = Agent("A", model=model, tools=[pay, leave])
    Runner.run_sync(agent, "Go", run_config=config(journal))
    told.append(shown())
    state = journal.state("r", agent)
    state.approve(state.get_interruptions()[0])
    with pytest.raises(KeyboardInterrupt):
        Runner.run_sync(agent, state, run_config=config(journal))
    assert told == [("paused", ["p"], None), ("working", [], None)]


def test_a_rejection_tells_the_model(journal: Journal, scripted: Scripted) -> None:
    model = scripted([call("pay", call_id="p", amount=7), "done"])
    agent = Agent("A", model=model, tools=[pay])
    Runner.run_sync(agent, "Go", run_config=config(journal))
    journal.reject("r", "p", "Not today")
    Runner.run_sync(agent, "Go", run_config=config(journal))
    assert model.requests[1].input[-1]["output"] == "Not today"


def test_approvals_inside_agents_as_tools_are_decided_in_the_journal(
    journal: Journal, scripted: Scripted
) -> None:
    inner = Agent("I", model=scripted([call("pay", call_id="p", amount=7), "ok"]), tools=[pay])
    outer_model = scripted([call("inner", call_id="i", input="Pay"), "done"])
    outer = Agent("O", model=outer_model, tools=[inner.as_tool("inner")])
    Runner.run_sync(outer, "Go", run_config=config(journal))
    (stored,) = [each for each in journal.runs("paused") if each.run_id == "r"]
    assert stored.waiting[0].inside == ((1, "i"),)
    journal.approve("r", "p")
    result = Runner.run_sync(outer, "Go", run_config=config(journal))
    assert (result.final_output, result.usage.requests) == ("done", 4)


def test_what_agents_left_behind_in_calls_tell_in_later_turns_is_read_where_it_belongs(
    journal: Journal, scripted: Scripted
) -> None:
    """One is left in a call of its own, one before it has begun; another agent is at work then."""
    begun: list[str] = []
    may_end = threading.Event()

    def stay(what: str) -> list[Any]:
        begun.append(what)
        may_end.wait(PATIENCE)
        return []

    class Slow(SQLiteSession):
        def get_items(self, limit: int | None = None) -> Any:
            return stay("session")

    at_work = function_tool(lambda: stay("tool"), name_override="at_work")
    inner = Agent("I", model=scripted([call("at_work")]), tools=[at_work])
    left = [inner.as_tool("one"), inner.as_tool("other", session=Slow("s"))]
    for tool in left:
        tool.timeout = LIMIT

    def tell(context: ToolContext[Any]) -> str:
        may_end.set()
        runs: Any = context.run.record.inside.values()
        wait_until(lambda: all(run.facts and isinstance(run.facts[-1], Failed) for run in runs))
        return "told"

    named = function_tool(tell, name_override="tell")
    other = Agent("B", model=scripted([call("tell"), Stopped(), "done"]), tools=[named])
    calls = [call("one", call_id="1", input="Go"), call("other", call_id="2", input="Go")]
    agent = Agent("A", tools=left, handoffs=[other])
    agent.model = scripted([calls, call("transfer_to_b")])
    options = config(journal, parallel_tools=True)
    with time_is_up_once(lambda: len(begun) == 2), pytest.raises(Stopped):
        Runner.run_sync(agent, "Go", run_config=options)
    state = journal.state("r", agent)
    inside = {place: record.agent for place, record in state._record.inside.items()}
    assert inside == {(1, "1"): inner, (1, "2"): inner}
    result = Runner.run_sync(agent, state, run_config=options)
    assert (result.final_output, result.last_agent, result.usage.requests) == ("done", other, 5)


def test_a_state_goes_on_in_its_journal(journal: Journal, scripted: Scripted) -> None:
    model = scripted([call("pay", call_id="p", amount=7), "done"])
    agent = Agent("A", model=model, tools=[pay])
    state = Runner.run_sync(agent, "Go", run_config=config(journal)).to_state()
    text = state.to_string()
    state.approve(state.get_interruptions()[0])
    assert Runner.run_sync(agent, state).final_output == "done"
    kinds = [fact["type"] for fact in journal.facts("r")]
    assert kinds.index("asked") < kinds.index("decided") < kinds.index("finished")
    with pytest.raises(JournalMismatch, match="has gone on from this state"):
        Runner.run_sync(agent, RunState.from_string(agent, text), run_config=config(journal))


def test_a_decided_state_that_is_given_again_goes_on_where_its_journal_is(
    journal: Journal, scripted: Scripted
) -> None:
    made: list[int] = []

    @function_tool(needs_approval=True)
    def pay(amount: int) -> str:
        """Pays."""
        made.append(amount)
        return f"paid {amount}"

    pays = [call("pay", call_id="p", amount=7), call("pay", call_id="q", amount=8)]
    inner = Agent("I", model=scripted([pays, Stopped(), "ok"]), tools=[pay])
    outer_model = scripted([call("inner", call_id="i", input="Pay"), Stopped(), "done"])
    outer = Agent("O", model=outer_model, tools=[inner.as_tool("inner")])
    text = Runner.run_sync(outer, "Go", run_config=config(journal)).to_state().to_string()

    def task(rejects: str = "q") -> Any:
        state = RunState.from_string(outer, text)
        for item in state.get_interruptions():
            state.reject(item) if item.call_id == rejects else state.approve(item)
        return Runner.run_sync(outer, state, run_config=config(journal))

    for _ in range(2):  # what is done stays done, in the inner run and in the outer one
        with pytest.raises(Stopped):
            task()
    assert [(task().final_output, task().usage.requests, made)] == [("done", 4, [7])]
    with pytest.raises(JournalMismatch, match="has gone on from this state"):
        task(rejects="p")
    with pytest.raises(JournalMismatch, match="has gone on from this state"):
        Runner.run_sync(outer, RunState.from_string(outer, text), run_config=config(journal))


def test_a_state_is_read_from_the_journal(journal: Journal, scripted: Scripted) -> None:
    model = scripted([call("pay", call_id="p", amount=7), "done"])
    agent = Agent("A", model=model, tools=[pay])
    Runner.run_sync(agent, "Go", run_config=config(journal))
    state = journal.state("r", agent)
    state.approve(state.get_interruptions()[0])
    assert Runner.run_sync(agent, state, run_config=config(journal)).final_output == "done"
    assert [each.status for each in journal.runs() if each.run_id == "r"] == ["finished"]
    with pytest.raises(UserError, match="has no run 'nowhere'"):
        journal.state("nowhere", agent)
    with pytest.raises(JournalMismatch):
        journal.state("r", Agent("B"))


def test_a_fork_is_a_run_of_its_own(journal: Journal, scripted: Scripted) -> None:
    journal.forget("fork", unfinished=True)
    model = scripted([call("look", what="a"), "first", "second"])
    agent = Agent("A", model=model, tools=[look])
    result = Runner.run_sync(agent, "Go", run_config=config(journal))
    fork = result.to_state().fork(turn=1)
    again = Runner.run_sync(agent, fork, run_config=config(journal, "fork"))
    assert again.final_output == "second"
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "first"
    assert Runner.run_sync(agent, "Go", run_config=config(journal, "fork")).final_output == "second"


@pytest.mark.parametrize(
    "run_id", ["it's", 'a "b"', "a\nb", "x; DROP TABLE y --", "%", "日本 🙂", "é" * 400, "A", "a"]
)
def test_any_text_names_a_run_of_its_own(store: JournalStore, run_id: str) -> None:
    journal = store.open()
    journal.forget(run_id, unfinished=True)
    agent = Agent("A", model=ScriptedModel([run_id]))
    for _ in range(2):
        result = Runner.run_sync(agent, "Go", run_config=config(journal, run_id))
        assert result.final_output == run_id
    assert run_id in [each.run_id for each in journal.runs(limit=1000)]


LONG = "".join(map(chr, range(100, 9000)))


@pytest.mark.parametrize("run_id", ["a\0b", LONG], ids=["nul", "long"])
def test_a_name_that_a_store_cannot_take_is_an_error_before_the_model_is_asked(
    store: JournalStore, run_id: str
) -> None:
    journal = store.open()
    agent = Agent("A", model=ScriptedModel(["done"]))
    try:
        result = Runner.run_sync(agent, "Go", run_config=config(journal, run_id))
    except JournalError as error:
        assert store.kind == "sqlalchemy" and "failed" in str(error)
    else:
        assert result.final_output == "done"
        assert journal.run(run_id).status == "finished"
        assert journal.forget(run_id) == 1


@pytest.mark.parametrize("run_id", ["\ud83d", 7, "", lambda given: None or 5])
def test_what_is_no_text_names_no_run(run_id: Any, tmp_path: Any) -> None:
    agent = Agent("A", model=ScriptedModel([]))
    with pytest.raises(UserError, match="run_id"):
        Runner.run_sync(agent, "Go", run_config=config(SQLiteJournal(tmp_path / "j.db"), run_id))


@pytest.mark.parametrize("run_id", ["\ud83d", 7])
def test_what_is_no_text_names_no_run_of_a_journal(store: JournalStore, run_id: Any) -> None:
    journal = store.open()
    for look in (journal.run, journal.facts, journal.forget):
        with pytest.raises(UserError, match="run_id must"):
            look(run_id)
    for decide in (journal.approve, journal.reject, journal.provide_input):
        with pytest.raises(UserError, match="run_id must"):
            decide(run_id, "call")
    with pytest.raises(UserError, match="run_id must"):
        journal.state(run_id, Agent("A"))


def test_runs_are_listed_and_forgotten(store: JournalStore) -> None:
    journal = store.open()
    journal.forget(unfinished=True)
    agent = Agent("A", model=ScriptedModel(answer_again), tools=[pay])
    for run_id in ("one", "two", "three"):
        Runner.run_sync(agent, run_id, run_config=config(journal, run_id))
    waits = agent.clone(model=ScriptedModel([call("pay", amount=1)]))
    Runner.run_sync(waits, "four", run_config=config(journal, "four"))
    assert [each.run_id for each in journal.runs()] == ["four", "three", "two", "one"]
    assert [each.run_id for each in journal.runs("unfinished", limit=10**30)] == ["four"]
    assert journal.runs(limit=10**30, offset=10**30) == []
    assert [each.run_id for each in journal.runs("finished", limit=1, offset=1)] == ["two"]
    with pytest.raises(UserError, match="no runs of status 'done'"):
        journal.runs("done")  # type: ignore[arg-type]
    for limit in (-1, 2.5):
        with pytest.raises(UserError, match="limit must be a whole number from 0 on"):
            journal.runs(limit=limit)  # type: ignore[arg-type]
    for days in (-5, float("nan")):
        with pytest.raises(UserError, match="older_than must be 0 or more"):
            journal.forget(older_than=days)
    assert journal.forget(older_than=1000) == 0
    assert journal.forget("two") == 1
    assert journal.forget() == 2
    assert journal.forget(unfinished=True) == 1
    assert journal.runs() == []
    with pytest.raises(UserError, match="has no run"):
        journal.facts("four")


def named_by_input(given: str) -> str:
    return f"many-{given}"


def answer_again(request: Any) -> str:
    return f"to {request.input[0]['content']}"


def make_many_agent() -> Agent[Any]:
    return Agent("Many", model=ScriptedModel(answer_again))


many_agent = make_many_agent()


def test_many_runs_are_named_by_their_inputs(journal: Journal, scripted: Scripted) -> None:
    journal.forget(unfinished=True)
    model = ScriptedModel(answer_again)
    agent = Agent("A", model=model)
    for _ in range(2):
        outcomes = Runner.run_many(
            agent, ["x", "y", "z"], run_config=config(journal, named_by_input)
        )
        outputs = {outcome.input: outcome.unwrap().final_output for outcome in outcomes}
        assert outputs == {"x": "to x", "y": "to y", "z": "to z"}
    assert len(model.requests) == 3
    assert len(journal.runs("finished")) == 3


def test_many_runs_cannot_all_be_the_same_one(scripted: Scripted) -> None:
    agent = Agent("A", model=scripted([]))
    settings = config(SQLiteJournal(":memory:"), "r")
    with pytest.raises(UserError, match="'r': run_id must be a function"):
        Runner.run_many(agent, ["x", "y"], run_config=settings)


def test_many_runs_in_other_processes_share_a_file(tmp_path: Any) -> None:
    journal = SQLiteJournal(tmp_path / "runs.db")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        outcomes = Runner.run_many(
            many_agent,
            ["x", "y", "z"],
            executor=pool,
            run_config=config(journal, named_by_input),
        )
        assert {outcome.unwrap().final_output for outcome in outcomes} == {"to x", "to y", "to z"}
    assert {each.run_id for each in journal.runs("finished")} == {"many-x", "many-y", "many-z"}


def test_a_mask_hides_what_is_written(store: JournalStore, scripted: Scripted) -> None:
    def hide(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: hide(each) for key, each in value.items()}
        if isinstance(value, list):
            return [hide(each) for each in value]
        return value.replace("4111 11", "****") if isinstance(value, str) else value

    journal = store.open(mask=hide)
    forget_run(journal)
    agent = Agent("A", model=scripted([call("look", what="4111 11"), "4111 11"]), tools=[look])
    Runner.run_sync(agent, "Pay with 4111 11", run_config=config(journal))
    assert "4111 11" not in str(journal.facts("r"))
    again = Runner.run_sync(agent, "Pay with 4111 11", run_config=config(journal))
    assert again.final_output == "****"


def test_a_torn_last_entry_is_dropped(journal: Journal, scripted: Scripted) -> None:
    stops: list[int] = []
    model = scripted([call("work", x=1), "done"])
    agent = Agent("A", model=model, tools=[stopping_once(stops)])
    with pytest.raises(Stopped):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    before = journal.facts("r")

    def tear(row: Any, now: float) -> Any:
        return replace(row, entries=row.entries + 1), '[{"type": "beg'

    journal.change("r", tear)
    assert journal.facts("r") == before
    assert Runner.run_sync(agent, "Go", run_config=config(journal)).final_output == "done"
    assert journal.facts("r")[: len(before)] == before


def test_another_damaged_entry_is_an_error(journal: Journal, scripted: Scripted) -> None:
    agent = Agent("A", model=scripted([OSError("no")]))
    with pytest.raises(OSError):
        Runner.run_sync(agent, "Go", run_config=config(journal))

    def add(entry: str) -> None:
        journal.change("r", lambda row, now: (replace(row, entries=row.entries + 1), entry))

    add("torn")
    add("[]")
    with pytest.raises(JournalError, match="Entry 1 of run 'r' is damaged"):
        Runner.run_sync(agent, "Go", run_config=config(journal))


@pytest.mark.parametrize("text", ["[" * 10_000, '{"waiting": [5]}', '{"waiting": [{"inside": 3}]}'])
def test_a_damaged_row_is_listed_with_what_can_be_read(
    journal: Journal, scripted: Scripted, text: str
) -> None:
    agent = Agent("A", model=scripted([OSError("no")]))
    with pytest.raises(OSError):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    journal.change("r", lambda row, now: (replace(row, about=text, note=text), None))

    assert [run.waiting for run in journal.runs() if run.run_id == "r"] == [()]
    with pytest.raises(JournalError):
        Runner.run_sync(agent, "Go", run_config=config(journal))


@pytest.mark.parametrize("entry", ["[" * 10_000, '[{"type": "started"}]', '[{"type": "answered"}]'])
def test_damaged_facts_are_an_error(journal: Journal, scripted: Scripted, entry: str) -> None:
    agent = Agent("A", model=scripted([OSError("no")]))
    with pytest.raises(OSError):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    for each in (entry, "[]"):
        journal.change("r", lambda row, now: (replace(row, entries=row.entries + 1), each))  # noqa: B023

    for work in (
        lambda: journal.approve("r", "c"),
        lambda: Runner.run_sync(agent, "Go", run_config=config(journal)),
    ):
        with pytest.raises((JournalError, UserError)):
            work()


@pytest.mark.parametrize("version", [1, 3], ids=["older", "newer"])
def test_another_format_is_refused(journal: Journal, scripted: Scripted, version: int) -> None:
    agent = Agent("A", model=scripted(["done"]))
    Runner.run_sync(agent, "Go", run_config=config(journal))
    about = f'{{"format": {version}}}'
    journal.change("r", lambda row, now: (replace(row, about=about), None))
    words = f"written in the format {version}; this version reads 2: have the version that began it"
    with pytest.raises(JournalError, match=words):
        Runner.run_sync(agent, "Go", run_config=config(journal))


def test_a_run_that_has_lost_entries_is_an_error(journal: Journal, scripted: Scripted) -> None:
    agent = Agent("A", model=scripted([OSError("no")]))
    with pytest.raises(OSError):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    count = len((journal.entries("r") or pytest.fail("it is not there"))[1])
    journal.change("r", lambda row, now: (replace(row, entries=count + 2), None))
    for _ in range(2):
        with pytest.raises(JournalError, match=f"Of {count + 2} entries of run 'r' .* has lost 2"):
            Runner.run_sync(agent, "Go", run_config=config(journal))
    assert "r" in [run.run_id for run in journal.runs()]
    assert journal.forget("r", unfinished=True) == 1


def test_a_run_that_is_lost_while_it_is_at_work_goes_on_from_its_error(
    journal: Journal, scripted: Scripted
) -> None:
    losses: list[int] = []

    @function_tool
    def lose() -> str:
        """Has the store lose the run."""
        losses.append(journal.delete("r", ["working"], float("inf")))
        return "lost"

    agent = Agent("A", model=scripted([call("lose"), "done"]), tools=[lose])
    with pytest.raises(JournalError, match=r"run_data, whose to_state\(\) goes on") as caught:
        Runner.run_sync(agent, "Go", run_config=config(journal))
    state = (caught.value.run_data or pytest.fail("it has none")).to_state()
    assert Runner.run_sync(agent, state, run_config=config(journal)).final_output == "done"
    assert losses == [1]


def test_entries_that_have_lost_their_run_are_an_error(store: JournalStore) -> None:
    journal, run_id = store.open(), uuid.uuid4().hex
    agent = Agent("A", model=ScriptedModel(["done"]))
    Runner.run_sync(agent, "Go", run_config=config(journal, run_id))
    store.drop_row(run_id)
    works: list[Callable[[], Any]] = [
        lambda: Runner.run_sync(agent, "Go", run_config=config(journal, run_id)),
        lambda: journal.run(run_id),
        lambda: journal.state(run_id, agent),
        lambda: journal.approve(run_id, "c"),
    ]
    for work in works:
        with pytest.raises(JournalError, match="holds entries of run .* but has lost the run"):
            work()


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_a_run_that_another_process_begins_between_two_statements_is_not_lost(
    name: str, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    sa = pytest.importorskip("sqlalchemy")
    is_file = name == "sqlite"
    url = f"sqlite:///{tmp_path}/r.db" if is_file else make_store(name, request).location
    journal, other = (JournalStore("sqlalchemy", url).open() for _ in range(2))
    agent = Agent("A", model=ScriptedModel(["done"] * (1 if is_file else 2)))

    def go(own: Journal, run_id: str) -> Any:
        return Runner.run_sync(agent, "Go", run_config=config(own, run_id)).final_output

    works: list[Callable[[str], Any]] = [lambda run_id: journal.run(run_id).status]
    works += [] if is_file else [partial(go, journal)]  # SQLite's writers wait for each other
    journal.runs()  # there are tables
    to_begin: list[str] = []

    def begin(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "FROM agent_runs" in statement and to_begin:
            go(other, to_begin.pop())

    sa.event.listen(journal._database.engine, "after_cursor_execute", begin)  # type: ignore[attr-defined]
    for work in works:
        run_id = uuid.uuid4().hex
        to_begin.append(run_id)
        assert work(run_id) in ("finished", "done")
        assert not to_begin


def test_a_run_that_another_process_takes_up_while_it_is_forgotten_keeps_all_or_nothing(
    request: pytest.FixtureRequest,
) -> None:
    sa = pytest.importorskip("sqlalchemy")
    store, run_id = make_store("postgresql", request), uuid.uuid4().hex
    url = f"{store.location}?options=-c%20lock_timeout%3D200"
    journal, other = store.open(), JournalStore("sqlalchemy", url).open()
    with pytest.raises(OSError):
        agent = Agent("A", model=ScriptedModel([OSError("no")]))
        Runner.run_sync(agent, "Go", run_config=config(journal, run_id))
    refusals: list[str] = []

    def claim(row: RunRow, now: float) -> tuple[RunRow, None]:
        return replace(row, status="working", holder=Holder.here().text), None

    def take_up(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM agent_run_entries"):
            with pytest.raises(JournalError, match="lock timeout"):  # it would have to wait
                other.change(run_id, claim)
            refusals.append(statement)

    sa.event.listen(journal._database.engine, "after_cursor_execute", take_up)  # type: ignore[attr-defined]
    assert journal.forget(run_id, unfinished=True) == 1
    assert refusals and journal.entries(run_id) is None


def test_a_run_that_changes_while_redis_lists_runs_is_listed_as_it_was_asked_for(
    redis_url: str,
) -> None:
    redis = pytest.importorskip("redis")
    from agents_lite.extensions.journal import RedisJournal

    class Slow(redis.Redis):  # type: ignore[misc]
        """Another process changes a run before the rows of those listed are read."""

        def mget(self, *names: Any) -> Any:
            journal.change(run_id, set_to(statuses.pop(0)))
            return super().mget(*names)

    def set_to(status: Any) -> Any:
        return lambda row, now: (replace(row or new, status=status, changed_at=now), None)

    run_id = uuid.uuid4().hex
    new = RunRow(run_id, "{}", "failed", "{}", None, 0.0, 0.0, 0.0, 0)
    listing = RedisJournal(redis_client=Slow.from_url(redis_url), key_prefix=run_id)
    journal = RedisJournal.from_url(redis_url, key_prefix=run_id)
    for asked, found in ((["failed"], []), (["failed", "stopped"], ["stopped"])):
        journal.change(run_id, set_to("failed"))
        statuses: list[Any] = ["stopped", "stopped"]
        assert [row.status for row in listing.rows(asked, 9, 0)] == found


def test_who_has_lost_a_run_adds_nothing_behind_the_claim_of_another(
    store: JournalStore, journal: Journal
) -> None:
    with pytest.raises(OSError):
        agent = Agent("A", model=ScriptedModel([OSError("no")]))
        Runner.run_sync(agent, "Go", run_config=config(journal))

    def steal(own: Journal) -> list[tuple[int, list[str]]]:
        """Of each claim, which entry was the next one then, and what was added behind it."""
        claims = []
        for _ in range(8):
            holder, added, found = Holder.here(), list[str](), list[int]()
            own.change("r", partial(claim, holder.text, found))
            with suppress(RunBusy):
                for number in range(found[-1], found[-1] + 5):
                    entry = f'[{{"type": "{holder.token} {number}"}}]'
                    own.append("r", holder, number, entry)
                    added.append(entry)
            claims.append((found[-1], added))
        return claims

    def claim(holder: str, found: list[int], row: Any, now: float) -> Any:
        found.append(row.entries)
        return replace(row, status="working", holder=holder, lease_until=now + 9), None

    with ThreadPoolExecutor(3) as pool:
        thieves = list(pool.map(steal, [store.open() for _ in range(3)]))
    _, entries = journal.entries("r") or pytest.fail("it is not there")
    for first, added in (claim for thief in thieves for claim in thief):
        assert entries[first : first + len(added)] == added
    assert len(entries) == 1 + sum(len(added) for thief in thieves for _, added in thief)


def test_a_session_is_given_each_turn_once(
    journal: Journal, scripted: Scripted, tmp_path: Any
) -> None:
    session = SQLiteSession("s", tmp_path / "sessions.db")
    stops: list[int] = []
    model = scripted([call("look", what="a"), call("work", x=1), turn("done")])
    agent = Agent("A", model=model, tools=[look, stopping_once(stops)])
    with pytest.raises(Stopped):
        Runner.run_sync(agent, "Go", session=session, run_config=config(journal))
    for _ in range(2):
        Runner.run_sync(agent, "Go", session=session, run_config=config(journal))
    assert [item.get("type", "message") for item in session.get_items()] == [
        *("message", "function_call", "function_call_output"),
        *("function_call", "function_call_output", "message"),
    ]


def test_a_session_that_fails_at_the_last_turn_is_given_it_when_the_run_comes_again(
    journal: Journal, scripted: Scripted, tmp_path: Any
) -> None:
    class Fails(SQLiteSession):
        def add_items(self, items: list[Any]) -> None:
            raise OSError("no")

    place = tmp_path / "sessions.db"
    agent = Agent("A", model=scripted(["done"]))
    with pytest.raises(OSError):
        Runner.run_sync(agent, "Go", session=Fails("s", place), run_config=config(journal))
    assert journal.run("r").status == "failed"
    session = SQLiteSession("s", place)
    for _ in range(2):
        result = Runner.run_sync(agent, "Go", session=session, run_config=config(journal))
        assert result.final_output == "done"
        assert journal.run("r").status == "finished"
    assert [item["role"] for item in session.get_items()] == ["user", "assistant"]


def test_a_turn_is_given_once_to_a_session_that_another_run_has_used_meanwhile(
    journal: Journal, scripted: Scripted, tmp_path: Any
) -> None:
    class Dies(SQLiteSession):
        def add_items(self, items: list[Any]) -> None:
            super().add_items(items)
            raise Stopped

    place = tmp_path / "sessions.db"
    first = Agent("A", model=scripted([call("look", call_id="l", what="a"), "done"]), tools=[look])
    with pytest.raises(Stopped):
        Runner.run_sync(first, "One", session=Dies("s", place), run_config=config(journal))
    session = SQLiteSession("s", place)
    Runner.run_sync(Agent("B", model=ScriptedModel(["hello"])), "Two", session=session)
    Runner.run_sync(first, "One", session=session, run_config=config(journal))
    told = [item.get("call_id") or item["content"] for item in session.get_items()]
    assert told[:4] == ["One", "l", "l", "Two"]
    assert len(told) == 6  # and what each of the two said last


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_an_approved_call_whose_end_is_unknown_waits_for_a_person_again(
    journal: Journal, scripted: Scripted, verdict: str
) -> None:
    paid: list[int] = []

    @function_tool(needs_approval=True)
    def pay_once(amount: int) -> str:
        """Pays; its process dies over it at first."""
        paid.append(amount)
        if len(paid) == 1:
            raise Stopped
        return f"paid {amount}"

    model = scripted([call("pay_once", call_id="p", amount=7), "done"])
    agent = Agent("A", model=model, tools=[pay_once])
    Runner.run_sync(agent, "Go", run_config=config(journal))
    journal.approve("r", "p")
    with pytest.raises(Stopped):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    for _ in range(2):  # starting it again asks again
        assert Runner.run_sync(agent, "Go", run_config=config(journal)).is_paused
    (waiting,) = journal.run("r").waiting
    assert (waiting.call_id, waiting.reason, paid) == ("p", "unknown_end", [7])
    if verdict == "approve":
        journal.approve("r", "p")
    else:
        journal.reject("r", "p", "It was paid by hand.")
    result = Runner.run_sync(agent, "Go", run_config=config(journal))
    assert result.final_output == "done"
    output = model.requests[1].input[-1]["output"]
    assert output == ("paid 7" if verdict == "approve" else "It was paid by hand.")
    assert len(paid) == (2 if verdict == "approve" else 1)


def test_a_call_that_must_not_be_repeated_fails_the_run(
    journal: Journal, scripted: Scripted
) -> None:
    @function_tool(on_unknown_end="fail")
    def launch() -> str:
        """Launches; its process dies over it."""
        raise Stopped

    agent = Agent("A", model=scripted([call("launch", call_id="l")]), tools=[launch])
    with pytest.raises(Stopped):
        Runner.run_sync(agent, "Go", run_config=config(journal))
    for _ in range(2):
        with pytest.raises(UnknownEndError, match="launch"):
            Runner.run_sync(agent, "Go", run_config=config(journal))
    assert journal.run("r").status == "failed"


class Opaque:
    def __str__(self) -> str:
        return "an opaque thing"


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ({"a": array("i", [1, 2])}, {"a": [1, 2]}),
        (array("d", [0.5]), [0.5]),
        (Opaque(), "an opaque thing"),
        (b"\xff", str(b"\xff")),
        (None, None),
    ],
    ids=["array", "bare array", "opaque", "bytes", "none"],
)
def test_an_output_that_json_cannot_take_is_kept_as_a_model_would_be_told(
    tmp_path: Path, output: Any, kept: Any
) -> None:
    @function_tool
    def make() -> Any:
        return output

    @function_tool(needs_approval=True)
    def ask() -> Any:
        return None

    class Anything(AgentOutputSchema):
        def validate_json(self, text: str) -> Any:
            return text

    config = RunConfig(journal=SQLiteJournal(tmp_path / "runs.db"), run_id="r")
    model = ScriptedModel([call("make")])
    behavior: Any = "stop_on_first_tool"
    schema = Anything(int)
    agent = Agent("A", tools=[make], model=model, tool_use_behavior=behavior, output_type=schema)
    assert Runner.run_sync(agent, "Hi", run_config=config).final_output is output
    assert Runner.run_sync(agent, "Hi", run_config=config).final_output == kept

    model = ScriptedModel([call("ask"), "Done."])
    agent = Agent("A", tools=[ask], model=model)
    state = Runner.run_sync(agent, "Hi").to_state()
    state.provide_output(state.get_interruptions()[0], output)
    result = Runner.run_sync(agent, RunState.from_string(agent, state.to_string()))
    assert isinstance(result.new_items[1], ToolCallOutputItem)
    assert result.new_items[1].output == kept
