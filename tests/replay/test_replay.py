"""Recorded runs, played again."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    Compaction,
    Computer,
    ComputerTool,
    CustomTool,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    LocalShellTool,
    MaxTurnsExceeded,
    MCPServerStdio,
    ModelRetrySettings,
    ModelSettings,
    ReplayMiss,
    RunConfig,
    Runner,
    ShellTool,
    SQLiteJournal,
    SQLiteSession,
    UserError,
    function_tool,
    input_guardrail,
    output_guardrail,
)
from agents_lite.replay.walk import walk_through
from agents_lite.testing import ScriptedModel, call, handoff_to, reasoning, text, token_usage, turn
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceProvider,
    get_trace_provider,
    set_trace_provider,
    trace,
)
from agents_lite.tracing.sqlite_store import TraceStore
from agents_lite.viewer.page import trace_json, trace_page
from tests.mcp.conftest import heard as heard
from tests.mcp.conftest import script as script
from tests.support.drivers import stopped_after_the_turn
from tests.support.spans import recorded_spans

made: list[int] = []
LONG = "word " * 400


@pytest.fixture(autouse=True)
def nothing_made() -> None:
    made.clear()


@function_tool
def price(order: int) -> int:
    """The price of an order."""
    made.append(order)
    return order * 10


@function_tool(needs_approval=True)
def refund(order: int) -> str:
    """Refund an order."""
    made.append(order)
    return f"Refunded {order}"


def clerk(turns: Any = (), **options: Any) -> Agent[Any]:
    given = {"instructions": "Refund.", "tools": [price, refund], **options}
    return Agent("Clerk", model=ScriptedModel(list(turns)), **given)


TURNS = [
    turn(reasoning("Hm."), call("price", order=7), usage=token_usage(10, 3)),
    turn("It was 70.", usage=token_usage(20, 5)),
]


@pytest.fixture
def traces(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Has runs traced into a file; called, it gives the file with all of them in it."""
    earlier, provider = get_trace_provider(), TraceProvider()
    file = tmp_path / "traces.db"
    provider.set_processors([SQLiteTraceProcessor(file)])
    set_trace_provider(provider)

    def written() -> Path:
        provider.shutdown()
        return file

    yield written
    provider.shutdown()
    set_trace_provider(earlier)


def the_trace(file: Path) -> Any:
    store = TraceStore(file)
    return store.load_trace(store.list_traces()[0].trace_id)


def as_file(text: str, folder: Path) -> Path:
    path = folder / "kept.json"
    path.write_text(text)
    return path


def exported() -> Any:
    with recorded_spans() as recorder:
        result = Runner.run_sync(clerk(TURNS), "Refund order 7")
    return result, [each.export() for each in (*recorder.traces, *recorder.spans)]


# --- sources ------------------------------------------------------------------------------------

SOURCES: dict[str, Callable[[Any, Path, Path], Any]] = {
    "state": lambda result, file, folder: result.to_state(),
    "text": lambda result, file, folder: result.to_state().to_string(),
    "JSON": lambda result, file, folder: result.to_state().to_json(),
    "file of a state": lambda r, file, folder: as_file(r.to_state().to_string(), folder),
    "with a mark": lambda r, file, folder: as_file("\ufeff" + r.to_state().to_string(), folder),
    "trace": lambda result, file, folder: the_trace(file),
    "file of traces": lambda result, file, folder: file,
    "path as text": lambda result, file, folder: str(file),
    "JSON of a page": lambda result, file, folder: trace_json(the_trace(file)),
    "page of a trace": lambda r, file, folder: as_file(trace_page(the_trace(file)), folder),
    "JSON of a trace": lambda r, file, folder: as_file(json.dumps(asdict(the_trace(file))), folder),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_a_run_is_played_without_its_model_and_its_tools(
    source: Any, traces: Callable[[], Path], tmp_path: Path
) -> None:
    was = Runner.run_sync(clerk(TURNS), "Refund order 7")
    made.clear()
    played = Runner.replay(clerk(), source(was, traces(), tmp_path))
    assert made == []
    assert json.dumps(played.result.to_input_list()) == json.dumps(was.to_input_list())
    assert (played.final_output, played.error) == ("It was 70.", None)
    assert played.result.usage == was.usage
    assert played.comparison.is_same
    assert played.comparison.recorded_tokens == played.comparison.replayed_tokens == (30, 8)


def test_objects_of_an_export_are_a_trace_too() -> None:
    was, objects = exported()
    for source in (objects, {"data": objects}):
        played = Runner.replay(clerk(), json.dumps(source))
        assert played.result.to_input_list() == was.to_input_list()


def test_a_run_of_a_journal_is_named(tmp_path: Path) -> None:
    journal = SQLiteJournal(tmp_path / "runs.db")
    for run_id in ("a", "b"):
        config = RunConfig(journal=journal, run_id=run_id)
        agent = clerk([*TURNS[:1], f"Done: {run_id}."])
        Runner.run_sync(agent, "Refund order 7", run_config=config)
    entries = [journal.facts(run_id) for run_id in ("a", "b")]
    for source in (journal, tmp_path / "runs.db"):
        assert Runner.replay(clerk(), source, run_id="b").final_output == "Done: b."
        with pytest.raises(UserError, match="Which run"):
            Runner.replay(clerk(), source)
    assert [journal.facts(run_id) for run_id in ("a", "b")] == entries
    journal.close()
    assert walk_through(clerk(), tmp_path / "runs.db", run_id="b").to_turn(2)
    held = [os.path.realpath(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")]
    assert str(tmp_path / "runs.db") not in held


def test_a_walk_tells_since_when_it_is_live() -> None:
    recorded = Runner.run_sync(clerk(TURNS), "Refund order 7").to_state()
    agent = clerk(["It was 80."])
    walk = walk_through(agent, recorded)
    assert walk.to_turn(2)
    assert (walk.is_live, walk.played) == (False, None)
    walk.go_live()
    assert walk.is_live
    while walk.forward():
        pass
    assert "It was 80." in walk.state().to_string()
    assert len(agent.model.requests) == 1  # type: ignore[union-attr]


def test_one_of_several_traces_and_runs_is_named(traces: Callable[[], Path]) -> None:
    with trace("Two runs") as both:
        first = Runner.run_sync(clerk(["One"]), "Hi")
        Runner.run_sync(clerk(["Two"]), [*first.to_input_list(), {"role": "user", "content": "?"}])
    Runner.run_sync(clerk(["Three"]), "Hi")
    file = traces()
    assert Runner.replay(clerk(), file, run_id=f"{both.trace_id}#2").final_output == "Two"
    beginning = both.trace_id.removeprefix("trace_")[:12]
    assert Runner.replay(clerk(), file, run_id=f"{beginning}#1").final_output == "One"
    with pytest.raises(UserError, match=r"#1 \(Clerk\), #2 \(Clerk\)"):
        Runner.replay(clerk(), file, run_id=both.trace_id)
    with pytest.raises(UserError, match="Which trace"):
        Runner.replay(clerk(), file)


@pytest.mark.parametrize(
    "source", ["no-such-file", "{", "{}", "[1]", '{"format": 7}', 5, '{"spans": [{}]}']
)
def test_what_is_no_recorded_run_is_refused(source: Any) -> None:
    with pytest.raises(UserError):
        Runner.replay(clerk(), source)


def test_the_run_of_another_agent_is_refused(traces: Callable[[], Path]) -> None:
    state = Runner.run_sync(clerk(["Hello"]), "Hi").to_state().to_string()
    for source in (state, traces()):
        with pytest.raises(UserError, match="not of 'Other'"):
            Runner.replay(Agent("Other"), source)


def test_a_trace_that_does_not_tell_what_was_said_is_refused(traces: Callable[[], Path]) -> None:
    config = RunConfig(trace_include_sensitive_data=False)
    Runner.run_sync(clerk(["Hello"]), "Hi", run_config=config)
    with pytest.raises(UserError, match="sensitive"):
        Runner.replay(clerk(), traces())


# --- what is live -------------------------------------------------------------------------------


@pytest.mark.parametrize("of_trace", [False, True])
def test_a_changed_prompt_meets_recorded_tools(
    traces: Callable[[], Path], of_trace: bool
) -> None:
    was = Runner.run_sync(clerk(TURNS), "Refund order 7")
    made.clear()
    changed = clerk([call("price", order=7), "70 euros."], instructions="Be brief.")
    played = Runner.replay(changed, traces() if of_trace else was.to_state(), model="live")
    assert made == []
    assert played.final_output == "70 euros."
    told = {(each.turn, each.what): each.diff for each in played.comparison.differences}
    assert "70 euros." in told[2, "answer"] and "It was 70." in told[2, "answer"]
    assert "- It was 70.\n+ 70 euros." in told[None, "final output"]
    assert ((1, "instructions") in told) is of_trace
    assert not any(what in ("call", "output") for _, what in told)


def test_a_live_model_is_tried_as_often_as_in_a_run() -> None:
    was = Runner.run_sync(clerk(TURNS), "Refund order 7")
    retry = ModelRetrySettings(1, backoff={"initial_delay": 0})
    agent = clerk([ConnectionResetError()] * 2, model_settings=ModelSettings(retry=retry))
    played = Runner.replay(agent, was.to_state(), model="live")
    assert isinstance(played.error, ConnectionResetError)


def test_recorded_answers_meet_changed_tools() -> None:
    was = Runner.run_sync(clerk(TURNS), "Refund order 7")

    @function_tool(name_override="price")
    def dearer(order: int) -> int:
        made.append(order)
        return 99

    made.clear()
    played = Runner.replay(clerk(tools=[dearer, refund]), was.to_state().to_string(), tools="live")
    (difference,) = played.comparison.differences
    assert (difference.turn, difference.call, difference.what) == (1, "price", "output")
    assert (difference.recorded, difference.replayed) == ("70", "99")
    assert (made, played.final_output) == ([7], "It was 70.")
    assert "turn 1 > price: output\n- 70\n+ 99" in str(played.comparison)


def test_what_the_record_lacks_is_an_error_unless_said_otherwise() -> None:
    state = Runner.run_sync(clerk(TURNS), "Refund order 7").to_state()
    made.clear()
    turns = [call("price", order=8), "80."]
    with pytest.raises(ReplayMiss, match=r"the output of price\({\"order\": ?8}\)"):
        Runner.replay(clerk(turns), state, model="live")
    assert made == []
    assert Runner.replay(clerk(turns), state, model="live", on_missing="live").error is None
    assert made == [8]


def test_a_miss_is_not_swallowed_by_the_tool_that_it_happens_in() -> None:
    helper = Agent("Helper", model=ScriptedModel(["Helped"]))

    @function_tool
    def ask_by_hand() -> str:
        return str(Runner.run_sync(helper, "Help").final_output)

    agent = clerk([call("ask_by_hand"), "Done"], tools=[ask_by_hand])
    state = Runner.run_sync(agent, "Hi").to_state()
    with pytest.raises(ReplayMiss, match="agent Helper"):
        Runner.replay(agent, state, tools="live")


def test_what_the_record_lacks_may_be_asked_of_a_person() -> None:
    state = Runner.run_sync(clerk(TURNS), "Refund order 7").to_state()
    agent = clerk([call("price", order=8), "80."])
    made.clear()
    played = Runner.replay(agent, state, model="live", on_missing="ask")
    (item,) = played.result.interruptions
    assert (item.tool_name, made) == ("price", [])
    going_on = played.result.to_state()
    going_on.provide_output(item, 81)
    done = Runner.run_sync(agent, going_on)
    assert (done.final_output, done.new_items[1].output, made) == ("80.", 81, [])  # type: ignore[union-attr]


def test_a_model_that_is_to_be_asked_about_is_a_pause() -> None:
    with pytest.raises(MaxTurnsExceeded) as stopped:
        Runner.run_sync(clerk(TURNS[:1]), "Refund order 7", max_turns=1)
    assert stopped.value.run_data is not None
    state = stopped.value.run_data.to_state()
    agent = clerk(["And done."])
    played = Runner.replay(agent, state, on_missing="ask", max_turns=5)
    assert played.result.is_paused
    assert Runner.run_sync(agent, played.result.to_state()).final_output == "And done."


def test_a_nested_run_that_lacks_an_answer_pauses_the_whole() -> None:
    inner = Agent("Inner", model=ScriptedModel([call("price", order=1), "In."]), tools=[price])
    turns = [[call("ask", input="?"), call("price", order=2)], "Out."]
    agent = clerk(turns, tools=[inner.as_tool("ask"), price])
    state = json.loads(Runner.run_sync(agent, "Hi").to_state().to_string())
    facts = state["inside"][0]["facts"]
    last = next(at for at, fact in enumerate(facts) if fact["type"] == "answered" and at > 3)
    del facts[last:]
    again = Agent("Inner", model=ScriptedModel(["In."]), tools=[price])
    agent = clerk(tools=[again.as_tool("ask"), price])
    played = Runner.replay(agent, state, on_missing="ask")
    assert played.result.is_paused and played.error is None
    agent.model = ScriptedModel(["Out."])
    assert Runner.run_sync(agent, played.result.to_state()).final_output == "Out."


# --- what is never done -------------------------------------------------------------------------


class Untouched(Computer):
    environment = "browser"
    dimensions = (8, 8)

    def screenshot(self) -> str:
        made.append(0)
        return "aGk="

    def click(self, x: int, y: int, button: str) -> None:
        made.append(x)

    double_click = scroll = type = wait = move = keypress = drag = screenshot  # type: ignore[assignment]


@pytest.mark.parametrize("of_trace", [False, True])
def test_a_computer_is_left_alone(traces: Callable[[], Path], of_trace: bool) -> None:
    asked = {
        "type": "computer_call", "id": "c1", "call_id": "c1", "status": "completed",
        "action": {"type": "click", "x": 5, "y": 6, "button": "left"}, "pending_safety_checks": [],
    }  # fmt: skip
    tools = [ComputerTool(Untouched())]
    was = Runner.run_sync(clerk([asked, "Clicked."], tools=tools), "Click")
    assert made == [5, 0]
    made.clear()
    played = Runner.replay(clerk(tools=tools), traces() if of_trace else was.to_state())
    assert json.dumps(played.result.to_input_list()) == json.dumps(was.to_input_list())
    assert made == []


def noted(*_: Any) -> str:
    made.append(1)
    return "noted"


LOCAL_TOOLS: dict[str, tuple[Any, dict[str, Any]]] = {
    "shell": (
        ShellTool(noted),
        {"type": "shell_call", "call_id": "s1", "action": {"commands": ["ls"]}},
    ),
    "local shell": (
        LocalShellTool(noted),
        {
            "type": "local_shell_call", "id": "l1", "call_id": "p1",
            "action": {"type": "exec", "command": ["ls"], "env": {}},
        },
    ),
    "free text": (
        CustomTool("note", "Notes.", noted),
        {"type": "custom_tool_call", "call_id": "c1", "name": "note", "input": "some words"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", ["recorded", "live"])
@pytest.mark.parametrize("of_trace", [False, True])
@pytest.mark.parametrize(("tool", "asked"), LOCAL_TOOLS.values(), ids=list(LOCAL_TOOLS))
def test_local_tools_are_left_alone(
    traces: Callable[[], Path], tool: Any, asked: dict[str, Any], of_trace: bool, model: Any
) -> None:
    turns = [{**asked, "status": "completed"}, "Done."]
    was = Runner.run_sync(clerk(turns, tools=[tool]), "Go")
    assert made == [1]
    made.clear()
    agent = clerk(turns if model == "live" else (), tools=[tool])
    played = Runner.replay(agent, traces() if of_trace else was.to_state(), model=model)
    assert json.dumps(played.result.to_input_list()[:3]) == json.dumps(was.to_input_list()[:3])
    assert (made, played.comparison.differences) == ([], [])


@pytest.mark.parametrize("of_trace", [False, True])
def test_mcp_servers_are_not_begun(
    script: Callable[..., MCPServerStdio], traces: Callable[[], Path], of_trace: bool
) -> None:
    turns = [call("echo", text="hi"), "done"]
    was = Runner.run_sync(clerk(turns, mcp_servers=[script()]), "Echo")
    gone = MCPServerStdio({"command": "no-such-program"}, name="script")
    source = traces() if of_trace else was.to_state().to_string()
    played = Runner.replay(clerk(mcp_servers=[gone]), source)
    assert played.result.to_input_list() == was.to_input_list()
    if of_trace:  # which knows servers by their names
        other = MCPServerStdio({"command": "no-such-program"}, name="other")
        without = Runner.replay(clerk(mcp_servers=[other]), source)
        assert str(without.error) == "Agent Clerk has no MCP server 'script' any more"


def test_guardrails_give_their_recorded_verdicts() -> None:
    @input_guardrail
    def check(*_: Any) -> GuardrailFunctionOutput:
        made.append(1)
        return GuardrailFunctionOutput({"seen": len(made)}, False)

    @output_guardrail
    def check_end(*_: Any) -> GuardrailFunctionOutput:
        made.append(2)
        return GuardrailFunctionOutput(None, False)

    options: Any = {"input_guardrails": [check], "output_guardrails": [check_end]}
    was = Runner.run_sync(clerk(["Hello"], **options), "Hi")
    made.clear()
    played = Runner.replay(clerk(**options), was.to_state())
    assert made == []
    assert played.result.input_guardrail_results[0].output.output_info == {"seen": 1}
    changed = Runner.replay(clerk(["Bye"], **options), was.to_state(), model="live")
    assert (made, changed.final_output) == ([2], "Bye")  # a new output is looked at
    Runner.replay(clerk(**options), was.to_state(), tools="live")
    assert sorted(made) == [1, 2, 2]


def test_no_session_is_written_to_and_nothing_traced() -> None:
    session = SQLiteSession("s")
    Runner.run_sync(clerk(["Hello"]), "Hi", session=session)
    was = Runner.run_sync(clerk(["Hello again"]), "Hi again", session=session)
    kept = session.get_items()
    with recorded_spans() as recorder:
        played = Runner.replay(clerk(), was.to_state())
    assert played.comparison.is_same
    assert played.result.to_input_list() == was.to_input_list()
    assert session.get_items() == kept
    assert recorder.spans == []
    with pytest.raises(UserError, match="session"):
        Runner.replay(clerk(), was.to_state(), session=session)


def test_other_runs_of_the_process_are_left_alone() -> None:
    go_on, is_there = threading.Event(), threading.Event()

    @function_tool
    def wait() -> str:
        is_there.set()
        go_on.wait(60)
        return "waited"

    agent = clerk([call("wait"), "Done"], tools=[wait])
    go_on.set()
    state = Runner.run_sync(agent, "Hi").to_state()
    go_on.clear()
    is_there.clear()
    results: list[Any] = []
    thread = threading.Thread(
        target=lambda: results.append(Runner.replay(agent, state, tools="live"))
    )
    thread.start()
    assert is_there.wait(60)
    assert Runner.run_sync(clerk(["Live"]), "Hi").final_output == "Live"
    go_on.set()
    thread.join()
    assert results[0].final_output == "Done"


# --- how runs go --------------------------------------------------------------------------------


@pytest.mark.parametrize("of_trace", [False, True])
@pytest.mark.parametrize("verdict", ["approve", "reject", "output"])
def test_decisions_are_made_as_they_were(
    traces: Callable[[], Path], of_trace: bool, verdict: str
) -> None:
    turns = [call("refund", order=7), "Well then."]
    agent = clerk(turns)
    state = Runner.run_sync(agent, "Refund order 7").to_state()
    (item,) = state.get_interruptions()
    if verdict == "approve":
        state.approve(item)
    elif verdict == "reject":
        state.reject(item, rejection_message="Not that one.")
    else:
        state.provide_output(item, "Done by hand")
    state.add_input("And hurry.")
    was = Runner.run_sync(agent, state)
    source = traces() if of_trace else was.to_state()
    if not of_trace:
        made.clear()
        played = Runner.replay(clerk(), source)
        assert played.comparison.is_same, str(played.comparison)
        assert json.dumps(played.result.to_input_list()) == json.dumps(was.to_input_list())
        assert made == []
    else:
        made.clear()
        played = Runner.replay(clerk(), source)
        outputs = [i.output for i in played.result.new_items if i.type == "tool_call_output_item"]
        assert outputs == [i.output for i in was.new_items if i.type == "tool_call_output_item"]
        assert (made, played.final_output) == ([], "Well then.")


def test_what_was_added_between_turns_is_added_again() -> None:
    agent = clerk(TURNS)
    state = stopped_after_the_turn(agent, "Refund order 7", "tool_output").to_state()
    state.add_input("In euros.")
    was = Runner.run_sync(agent, state)
    played = Runner.replay(clerk(), was.to_state().to_string())
    assert played.comparison.is_same, str(played.comparison)
    assert json.dumps(played.result.to_input_list()) == json.dumps(was.to_input_list())


def test_a_paused_run_pauses_at_the_same_place() -> None:
    state = Runner.run_sync(clerk([call("refund", order=7)]), "Refund order 7").to_state()
    played = Runner.replay(clerk(), state.to_string())
    assert [item.call_id for item in played.result.interruptions] == [
        item.call_id for item in state.get_interruptions()
    ]
    assert played.comparison.is_same


@pytest.mark.parametrize("of_trace", [False, True])
def test_a_tool_that_ended_the_run_ends_it_again(
    traces: Callable[[], Path], of_trace: bool
) -> None:
    @function_tool(failure_error_function=None)
    def crash(order: int) -> str:
        made.append(order)
        raise LookupError(f"No order {order}")

    agent = clerk([call("crash", order=7)], tools=[crash])
    with pytest.raises(UserError) as failure:
        Runner.run_sync(agent, "Hi")
    assert failure.value.run_data is not None
    source = traces() if of_trace else failure.value.run_data.to_state()
    made.clear()
    played = Runner.replay(clerk(tools=[crash]), source)
    assert "No order 7" in str(played.error)
    assert made == []
    assert played.comparison.is_same


@pytest.mark.parametrize("of_trace", [False, True])
def test_a_guardrail_that_tripped_trips_again(traces: Callable[[], Path], of_trace: bool) -> None:
    @input_guardrail(run_in_parallel=False)
    def check(*_: Any) -> GuardrailFunctionOutput:
        made.append(1)
        return GuardrailFunctionOutput("no", True)

    agent = clerk(["Hi", "Hi"], input_guardrails=[check])
    Runner.run_sync(clerk(["Earlier"]), "Hi")
    with pytest.raises(InputGuardrailTripwireTriggered) as stopped:
        Runner.run_sync(agent, "Hi")
    assert stopped.value.run_data is not None
    if of_trace:
        newest = TraceStore(traces()).list_traces()[0].trace_id
        with pytest.raises(UserError, match="no model call"):
            Runner.replay(agent, traces(), run_id=newest)
        return
    made.clear()
    played = Runner.replay(agent, stopped.value.run_data.to_state())
    assert isinstance(played.error, InputGuardrailTripwireTriggered)
    assert (made, played.comparison.is_same) == ([], True)


def test_a_run_that_failed_at_the_model_says_so() -> None:
    stream = Runner.run_streamed(clerk([*TURNS[:1], RuntimeError("overloaded")]), "Refund order 7")
    with pytest.raises(RuntimeError):
        for _ in stream.stream_events():
            pass
    with pytest.raises(ReplayMiss, match="recorded run failed: RuntimeError: overloaded"):
        Runner.replay(clerk(), stream.to_state())


def test_runs_that_functions_begin_are_answered_from_a_trace(traces: Callable[[], Path]) -> None:
    judge = Agent("Judge", model=ScriptedModel(["Fine."]))

    @input_guardrail
    def judged(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
        verdict = Runner.run_sync(judge, "Judge this").final_output
        made.append(len(verdict))
        return GuardrailFunctionOutput(verdict, False)

    agent = clerk(["Hello"], input_guardrails=[judged])
    Runner.run_sync(agent, "Hi")
    made.clear()
    played = Runner.replay(agent, traces(), tools="live")
    assert (played.final_output, made) == ("Hello", [5])


def test_handoffs_and_agents_as_tools_are_played(traces: Callable[[], Path]) -> None:
    def agents(turns: list[list[Any]]) -> Agent[Any]:
        expert = Agent("Expert", model=ScriptedModel(turns[0]), tools=[price])
        desk = Agent("Desk", model=ScriptedModel(turns[1]), tools=[expert.as_tool("ask")])
        return clerk(turns[2], handoffs=[desk])

    turns = [
        [call("price", order=3), "It is 30."],
        [call("ask", input="The price?"), "30, they say."],
        [handoff_to("Desk")],
    ]
    was = Runner.run_sync(agents(turns), "How much?")
    made.clear()
    for source in (was.to_state().to_string(), traces()):
        played = Runner.replay(agents([[], [], []]), source)
        assert played.comparison.is_same, str(played.comparison)
        assert played.result.to_input_list() == was.to_input_list()
        assert played.result.usage_by_agent == was.usage_by_agent


def test_differences_inside_an_agent_that_works_as_a_tool_are_told() -> None:
    def agents(*scripts: list[Any]) -> Agent[Any]:
        expert = Agent("Expert", model=ScriptedModel(scripts[0]), tools=[price])
        return clerk(scripts[1], tools=[expert.as_tool("ask")])

    was = Runner.run_sync(agents(["30."], [call("ask", input="?"), "It is 30."]), "How much?")
    changed = agents(["31."], [call("ask", input="?"), "It is 30."])
    played = Runner.replay(changed, was.to_state().to_string(), model="live")
    told = [(each.inside, each.what) for each in played.comparison.differences]
    assert (("ask",), "answer") in told
    assert ((), "output") in told


def test_settings_that_are_wrong_are_refused() -> None:
    state = Runner.run_sync(clerk(["Hello"]), "Hi").to_state()
    for options in ({"model": "new"}, {"tools": "none"}, {"on_missing": "guess"}):
        with pytest.raises(UserError, match="must be"):
            Runner.replay(clerk(), state, **options)  # type: ignore[arg-type]


def test_settings_of_the_agent_may_have_changed() -> None:
    was = Runner.run_sync(clerk(TURNS), "Refund order 7")
    agent = clerk(model_settings=ModelSettings(temperature=0.1))
    assert Runner.replay(agent, was.to_state().to_string()).comparison.is_same


def test_half_a_character_is_played_as_it_was() -> None:
    was = Runner.run_sync(clerk([call("price", order=7), "half \ud83d"]), "Hi")
    played = Runner.replay(clerk(), was.to_state().to_string())
    assert played.comparison.is_same
    assert played.final_output == was.final_output == "half \ud83d"


def test_text_that_differs_in_a_word_is_told_by_lines() -> None:
    was = Runner.run_sync(clerk([text("One\ntwo")]), "Hi")
    played = Runner.replay(clerk([text("One\nthree")]), was.to_state(), model="live")
    answer = next(each for each in played.comparison.differences if each.what == "answer")
    assert answer.diff == "- two\n+ three"


def test_steps_of_compaction_are_played_as_they_were(tmp_path: Path) -> None:
    """Whether the replay is told of the settings or not."""
    history: list[Any] = [
        {"role": role, "content": LONG} for _ in range(4) for role in ("user", "assistant")
    ]
    given = [*history, {"role": "user", "content": "Price of 7?"}]
    compaction = Compaction(window=2000, keep_turns=1, summary_words=50)
    journal = SQLiteJournal(tmp_path / "runs.db")
    config = RunConfig(journal=journal, run_id="r", compaction=compaction)
    asked: list[int] = []

    def reply(request: Any) -> Any:
        if str(request.system_instructions).startswith("You keep the summary"):
            return "what was said"
        asked.append(len(request.input))
        return call("price", order=7) if len(asked) == 1 else "It is 70."

    model = ScriptedModel(reply)
    agent = Agent("A", model=model, tools=[price])
    recorded = Runner.run_sync(agent, given, run_config=config)
    assert asked[0] < len(given)
    for options in ({}, {"run_config": RunConfig(compaction=compaction)}):
        again = Agent("A", model=ScriptedModel([]), tools=[price])
        played = Runner.replay(again, journal, run_id="r", **options)  # type: ignore[arg-type]
        assert played.final_output == recorded.final_output == "It is 70."
        assert played.comparison.is_same, played.comparison
        assert played.result.context_wrapper.usage == recorded.context_wrapper.usage
