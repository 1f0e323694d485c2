"""Runs that stop before their end, and go on."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    AgentsException,
    GuardrailFunctionOutput,
    HostedMCPTool,
    MaxTurnsExceeded,
    ModelBehaviorError,
    NotFoundError,
    RunConfig,
    RunHooks,
    Runner,
    RunState,
    SQLiteSession,
    ToolApprovalItem,
    ToolContext,
    ToolOutputImage,
    UnknownEndError,
    UserError,
    function_tool,
    handoff,
    input_guardrail,
)
from agents_lite.testing import ScriptedModel, call, handoff_to, reasoning, text
from tests.support.drivers import (
    every_driver,
    every_stream,
    kinds,
    stopped_after_the_turn,
    types,
)
from tests.support.waiting import LIMIT, time_is_up_once

ORDER = '{"order":"7","amount":5.0}'
REFUND = call("refund", call_id="c1", order="7", amount=5.0)


class Shop:
    """Tools that note what they did."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def refund(self, order: str, amount: float) -> str:
        """Pay back."""
        self.done.append(f"refund {order} {amount}")
        return "refunded"

    def look(self, order: str) -> str:
        """Look an order up."""
        self.done.append(f"look {order}")
        return "found"

    def agent(self, *script: Any, **options: Any) -> Agent[Any]:
        refund = function_tool(self.refund, **{"needs_approval": True, **options})
        return Agent("Shop", tools=[function_tool(self.look), refund], model=ScriptedModel(script))


def carried(state: RunState, agent: Agent[Any], **options: Any) -> RunState:
    """The state as another process reads it."""
    return RunState.from_string(agent, state.to_string(), **options)


# Approvals


@every_driver
def test_a_call_waits_and_is_made_once_it_was_approved(run: Any) -> None:
    shop = Shop()
    agent = shop.agent([call("look", order="7"), REFUND], "Done.")
    result = run(agent, "Refund order 7")
    [item] = result.interruptions
    assert (item.agent, item.tool_name, item.call_id) == (agent, "refund", "c1")
    assert item.name == item.tool_name
    assert json.loads(item.arguments) == {"order": "7", "amount": 5.0}
    assert (result.final_output, result.is_paused, result.pause_reason) == (None, True, "approval")
    assert shop.done == ["look 7"]  # calls that need no approval are made first

    state = carried(result.to_state(), agent)
    state.approve(state.get_interruptions()[0])
    result = run(agent, state)
    assert shop.done == ["look 7", "refund 7 5.0"]
    assert (result.final_output, result.is_paused, result.interruptions) == ("Done.", False, [])
    assert types(result.new_items) == ["tool_call"] * 2 + ["tool_call_output"] * 2 + [
        "message_output"
    ]
    assert result.usage.requests == 2


@pytest.mark.parametrize(
    ("words", "formatter", "told"),
    [
        ("Receipt first.", lambda args: "never", "Receipt first."),
        (None, lambda args: f"No {args.tool_name}.", "No refund."),
        (None, lambda args: None, "Tool execution was not approved."),
        (None, None, "Tool execution was not approved."),
    ],
)
def test_the_model_is_told_of_a_rejection(words: Any, formatter: Any, told: str) -> None:
    shop = Shop()
    agent = shop.agent([REFUND], "Sorry.")
    state = Runner.run_sync(agent, "x").to_state()
    state.reject(state.get_interruptions()[0], rejection_message=words)
    config = RunConfig(tool_error_formatter=formatter)
    result = Runner.run_sync(agent, state, run_config=config)
    assert result.to_input_list()[-2]["output"] == told
    assert shop.done == []


def test_an_output_from_outside_is_taken_as_the_call_s() -> None:
    shop = Shop()
    agent = shop.agent([REFUND], "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    state.provide_output(state.get_interruptions()[0], {"paid": True})
    result = Runner.run_sync(agent, carried(state, agent))
    assert result.new_items[1].output == {"paid": True}
    assert result.to_input_list()[-2]["output"] == '{"paid":true}'
    assert shop.done == []


def test_an_image_from_outside_is_one_in_another_process_too() -> None:
    shop = Shop()
    agent = shop.agent(REFUND, "Done.")
    state = Runner.run_sync(agent, "Pay").to_state()
    state.provide_output(state.get_interruptions()[0], ToolOutputImage("data:image/png;base64,AA"))
    for each in (state, carried(state, agent)):
        agent.model = ScriptedModel(["Done."])
        output = Runner.run_sync(agent, each).to_input_list()[-2]["output"]
        assert output == [{"type": "input_image", "image_url": "data:image/png;base64,AA"}]


def test_some_decided_some_not_pauses_again() -> None:
    shop = Shop()
    again = call("refund", call_id="c2", order="8", amount=1.0)
    agent = shop.agent([REFUND, again], "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    state.approve(state.get_interruptions()[1])
    result = Runner.run_sync(agent, carried(state, agent))
    assert shop.done == ["refund 8 1.0"]
    assert [item.call_id for item in result.interruptions] == ["c1"]
    state = result.to_state()
    state.approve(state.get_interruptions()[0])
    result = Runner.run_sync(agent, state)
    assert shop.done == ["refund 8 1.0", "refund 7 5.0"]
    assert [item["call_id"] for item in result.to_input_list()[3:5]] == ["c1", "c2"]


@pytest.mark.parametrize(("verdict", "made"), [("approve", 3), ("reject", 0)])
def test_always_holds_for_the_rest_of_the_run(verdict: str, made: int) -> None:
    shop = Shop()
    calls = [call("refund", order=str(n), amount=1.0) for n in range(3)]
    agent = shop.agent(calls[:2], calls[2], "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    decide = getattr(state, verdict)
    decide(state.get_interruptions()[0], **{f"always_{verdict}": True})
    result = Runner.run_sync(agent, carried(state, agent))
    assert result.final_output == "Done."
    assert len(shop.done) == made


@pytest.mark.parametrize("single_first", [True, False])
def test_a_decision_about_one_call_overrules_one_about_all_of_its_tool(single_first: bool) -> None:
    shop = Shop()
    calls = [call("refund", call_id=f"c{n}", order=str(n), amount=1.0) for n in range(4)]
    agent = shop.agent(calls[:3], calls[3], "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    first, second, _ = state.get_interruptions()
    if single_first:
        state.reject(second)
    state.approve(first, always_approve=True)
    assert state.get_interruptions() == []
    if not single_first:
        state.reject(second)
    for decided in (first, second):
        with pytest.raises(UserError, match="was decided about already"):
            state.reject(decided)
    assert Runner.run_sync(agent, carried(state, agent)).final_output == "Done."
    assert shop.done == [f"refund {n} 1.0" for n in (0, 2, 3)]


def test_a_rule_is_not_asked_where_all_calls_of_the_tool_were_decided_about() -> None:
    asked = []

    def rule(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        asked.append(call_id)
        return call_id == "c0"

    for verdict, made in (("approve", 3), ("reject", 0)):
        shop = Shop()
        calls = [call("refund", call_id=f"c{n}", order=str(n), amount=1.0) for n in range(3)]
        agent = shop.agent(*calls, "Done.", needs_approval=rule)
        state = Runner.run_sync(agent, "x").to_state()
        getattr(state, verdict)(state.get_interruptions()[0], **{f"always_{verdict}": True})
        assert Runner.run_sync(agent, carried(state, agent)).final_output == "Done."
        assert len(shop.done) == made
    assert asked == ["c0", "c0"]


def test_a_rule_decides_which_calls_wait() -> None:
    asked = []

    def is_large(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        asked.append((context.context, arguments, call_id))
        return bool(arguments["amount"] > 100)

    shop = Shop()
    large = call("refund", call_id="c2", order="8", amount=500)
    agent = shop.agent([REFUND, large], "Done.", needs_approval=is_large)
    result = Runner.run_sync(agent, "x", context="me")
    assert [item.call_id for item in result.interruptions] == ["c2"]
    assert shop.done == ["refund 7 5.0"]
    assert asked[0] == ("me", {"order": "7", "amount": 5.0}, "c1")


@pytest.mark.parametrize("arguments", ["no JSON", "[1]", '{"order": "7", "amount": NaN}'])
def test_a_rule_that_cannot_read_the_arguments_asks(arguments: str) -> None:
    shop = Shop()
    agent = shop.agent([call("refund", arguments)], needs_approval=lambda *_: False)
    assert len(Runner.run_sync(agent, "x").interruptions) == 1


@every_stream
def test_a_stream_ends_with_the_calls_that_wait(read: Any) -> None:
    agent = Shop().agent([REFUND])
    events, result = read(agent, "x")
    assert events[-1].name == "tool_approval_requested"
    assert isinstance(events[-1].item, ToolApprovalItem)
    assert result.is_paused


def test_questions_of_a_hosted_server_without_a_callback_wait() -> None:
    question = {
        "type": "mcp_approval_request",
        "id": "q1",
        "name": "delete",
        "arguments": "{}",
        "server_label": "files",
    }
    tool = HostedMCPTool({"type": "mcp", "server_label": "files"})
    model = ScriptedModel([[question], "Done."])
    agent = Agent("A", tools=[tool], model=model)
    state = Runner.run_sync(agent, "x").to_state()
    with pytest.raises(UserError, match="approve or reject it"):
        state.provide_output(state.get_interruptions()[0], "gone")
    state.reject(state.get_interruptions()[0], rejection_message="Keep it.")
    result = Runner.run_sync(agent, carried(state, agent))
    assert result.final_output == "Done."
    assert model.requests[1].input[-1] == {
        "type": "mcp_approval_response",
        "approval_request_id": "q1",
        "approve": False,
        "reason": "Keep it.",
    }


def test_approvals_rise_from_nested_agents_of_equal_names() -> None:
    shops = [Shop(), Shop()]
    inner = [shops[0].agent([REFUND], "first"), shops[1].agent([REFUND], "second")]
    middle = [
        Agent(
            "Middle",
            tools=[each.as_tool("shop", "Shop.")],
            model=ScriptedModel([call("shop", input="x"), "ok"]),
        )
        for each in inner
    ]
    tools = [each.as_tool(f"ask{n}", "Ask.") for n, each in enumerate(middle)]
    calls = [call("ask0", input="x"), call("ask1", input="x")]
    outer = Agent("Outer", tools=tools, model=ScriptedModel([calls, "Both."]))
    state = carried(Runner.run_sync(outer, "x").to_state(), outer)
    first, second = state.get_interruptions()
    assert first.agent is inner[0] and second.agent is inner[1]
    state.reject(first, rejection_message="no")
    state.approve(second)
    result = Runner.run_sync(outer, carried(state, outer))
    assert result.final_output == "Both."
    assert (shops[0].done, shops[1].done) == ([], ["refund 7 5.0"])
    assert result.usage.requests == 10


def test_calls_of_one_id_at_several_depths_are_decided_one_by_one() -> None:
    shop = Shop()
    inner = shop.agent([call("refund", call_id="c1", order="inner", amount=1.0)], "Inner done.")
    calls = [call("inner", call_id="c0", input="Go"), REFUND]
    tools = [inner.as_tool("inner", "Helps."), function_tool(shop.refund, needs_approval=True)]
    outer = Agent("Outer", tools=tools, model=ScriptedModel([calls, "Done."]))
    state = carried(Runner.run_sync(outer, "Hi").to_state(), outer)
    of_inner, of_outer = state.get_interruptions()
    assert of_inner.call_id == of_outer.call_id
    state.approve(of_outer)
    state.reject(of_inner)
    assert Runner.run_sync(outer, state).final_output == "Done."
    assert shop.done == ["refund 7 5.0"]


def test_a_nested_run_s_unfinished_turn_is_not_told_of_twice() -> None:
    shop = Shop()
    inner = shop.agent([call("look", order="7"), REFUND], "ok")
    outer = Agent(
        "O",
        tools=[inner.as_tool("ask", "Ask.")],
        model=ScriptedModel([call("ask", input="x"), "Done."]),
    )
    state = Runner.run_sync(outer, "x").to_state()
    state.approve(state.get_interruptions()[0])
    Runner.run_sync(outer, state)
    assert shop.done == ["look 7", "refund 7 5.0"]


# States


def test_running_a_state_does_not_change_it() -> None:
    shop = Shop()
    agent = shop.agent([REFUND], lambda request: "Done.", lambda request: "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    state.approve(state.get_interruptions()[0])
    before = state.to_string()
    first, second = Runner.run_sync(agent, state), Runner.run_sync(agent, state)
    assert state.to_string() == before
    assert first.to_input_list()[:-1] == second.to_input_list()[:-1]
    assert shop.done == ["refund 7 5.0"] * 2


def test_what_is_added_stands_behind_the_outputs_that_were_missing() -> None:
    session = SQLiteSession("s")
    agent = Shop().agent([REFUND], "Done.")
    state = Runner.run_sync(agent, "x", session=session).to_state()
    assert session.get_items() == []  # nothing of an unfinished turn
    state.approve(state.get_interruptions()[0])
    state.add_input("And tell her.")
    result = Runner.run_sync(agent, carried(state, agent), session=session)
    said = ["user", "function_call", "function_call_output", "user", "assistant"]
    assert kinds(result.to_input_list()) == said
    assert session.get_items() == result.to_input_list()


def test_what_is_added_to_a_last_answer_is_answered_too() -> None:
    agent = Agent("A", model=ScriptedModel(["one", "two"]))
    run = Runner.run_streamed(agent, "hi")
    for event in run.stream_events():
        if event.type == "run_item_stream_event":
            break
    state = carried(run.to_state(), agent)
    state.add_input("And more?")
    result = Runner.run_sync(agent, state)
    assert result.final_output == "two"
    assert [each["role"] for each in result.to_input_list()] == [
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    with pytest.raises(UserError, match="finished"):
        result.to_state().add_input("And more?")


@pytest.mark.parametrize("said", ["hi", [{"role": "user", "content": "hi"}]])
def test_a_run_that_was_not_begun_begins_with_its_input_and_what_was_added(said: Any) -> None:
    agent = Agent("A", model=ScriptedModel(["one", "one"]))
    state = Runner.run_streamed(agent, said).to_state()
    for each in (state, carried(state, agent)):
        each.add_input("And more?")
        session = SQLiteSession("s")
        result = Runner.run_sync(agent, each, session=session)
        assert session.get_items() == result.to_input_list()
        assert [item["content"] for item in result.to_input_list()[:2]] == ["hi", "And more?"]
    changed = {**Runner.run_streamed(agent, said).to_state().to_json(), "input": 1}
    with pytest.raises(UserError, match="input of a state"):
        RunState.from_json(agent, changed)


def roles(session: SQLiteSession) -> list[str]:
    return [each.get("role") or each["type"] for each in session.get_items()]


def test_a_session_that_a_run_is_given_later_gets_all_of_it() -> None:
    agent, state = waiting()
    state = carried(state, agent)
    state.approve(state.get_interruptions()[0])
    session = SQLiteSession("later")
    Runner.run_sync(agent, state, session=session)
    assert roles(session) == ["user", "function_call", "function_call_output", "assistant"]


def test_a_fork_does_not_save_its_turns_again() -> None:
    agent = Shop().agent([call("look", order="7")], "one", "two")
    session = SQLiteSession("forked")
    state = Runner.run_sync(agent, "hi", session=session).to_state()
    Runner.run_sync(agent, state.fork(turn=1), session=session)
    assert roles(session).count("function_call") == 1
    assert roles(session)[-2:] == ["assistant", "assistant"]


def test_a_fork_from_the_beginning_does_not_save_what_was_said_again() -> None:
    session = SQLiteSession("forked")
    agent = Shop().agent("one", "two")
    state = Runner.run_sync(agent, "hi", session=session).to_state()
    Runner.run_sync(agent, carried(state.fork(turn=0), agent), session=session)
    assert roles(session) == ["user", "assistant", "assistant"]


def test_a_fork_of_a_run_that_nothing_was_saved_of_saves_all() -> None:
    agent = Shop().agent("one", "two")
    state = Runner.run_sync(agent, "hi").to_state()
    session = SQLiteSession("forked")
    Runner.run_sync(agent, state.fork(turn=0), session=session)
    assert roles(session) == ["user", "assistant"]


class MaskingSession(SQLiteSession):
    """Does not keep what is said as it is, and stops once."""

    stops = True

    def add_items(self, items: list[Any]) -> None:
        super().add_items([{**item, "note": "masked"} for item in items])
        if self.stops:
            self.stops = False
            raise KeyboardInterrupt


def test_a_turn_that_a_session_holds_in_other_words_is_not_saved_again() -> None:
    agent = Shop().agent([call("look", call_id="c1", order="7")], "Done.")
    session = MaskingSession("masked")
    stream = Runner.run_streamed(agent, "hi", session=session)
    with pytest.raises(KeyboardInterrupt):
        list(stream.stream_events())
    Runner.run_sync(agent, carried(stream.to_state(), agent), session=session)
    assert roles(session) == ["user", "function_call", "function_call_output", "assistant"]


class RenamingSession(SQLiteSession):
    """Keeps items in a form and under ids of its own, one after the other, and stops once."""

    stops_after: int | None = None

    def add_items(self, items: list[Any]) -> None:
        left = len(items) if self.stops_after is None else self.stops_after
        self.stops_after = None
        for item in items[:left]:
            kept = {**item, "id": f"own_{len(self.get_items())}"}
            if isinstance(item.get("content"), str):
                kept["content"] = [{"type": "input_text", "text": item["content"]}]
            super().add_items([kept])
        if left < len(items):
            raise KeyboardInterrupt


@pytest.mark.parametrize("kept", range(4))
def test_a_session_that_was_given_a_part_of_a_turn_gets_the_rest(kept: int) -> None:
    agent = Shop().agent([call("look", call_id="c1", order="7"), call("look", order="8")], "Done.")
    session = RenamingSession("renamed")
    session.add_items([{"role": "user", "content": "hi"}, text("Hi.")])
    session.stops_after = kept
    stream = Runner.run_streamed(agent, "hi", session=session)
    with pytest.raises(KeyboardInterrupt):
        list(stream.stream_events())
    Runner.run_sync(agent, carried(stream.to_state(), agent), session=session)
    turn = ["user", *["function_call"] * 2, *["function_call_output"] * 2, "assistant"]
    assert roles(session) == ["user", "assistant", *turn]


def test_a_turn_is_not_saved_again_to_a_session_that_has_shrunk_since(tmp_path: Path) -> None:
    class Dying(SQLiteSession):
        def add_items(self, items: list[Any]) -> None:
            super().add_items(items)
            raise KeyboardInterrupt

    path = tmp_path / "s.db"
    session = SQLiteSession("s", path)
    said = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    session.add_items(said)
    agent = Shop().agent([call("look", call_id="c1", order="7")], "Done.")
    stream = Runner.run_streamed(agent, "hi", session=Dying("s", path))
    with pytest.raises(KeyboardInterrupt):
        list(stream.stream_events())
    left = session.get_items()[1:]
    session.clear_session()
    session.add_items(left)
    Runner.run_sync(agent, carried(stream.to_state(), agent), session=session)
    turns = ["user", "function_call", "function_call_output", "assistant"]
    assert roles(session) == ["assistant", *turns]


def test_an_equal_turn_of_another_run_is_not_taken_for_this_one_s() -> None:
    session = SQLiteSession("other")
    agent, state = waiting(session=session)
    session.add_items([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}])
    state.approve(state.get_interruptions()[0])
    Runner.run_sync(agent, carried(state, agent), session=session)
    said = ["user", "function_call", "function_call_output", "assistant"]
    assert roles(session) == ["user", "assistant", *said]


def asked_for(model: ScriptedModel) -> list[Any]:
    """What the last request follows, and what it is sent."""
    request = model.requests[-1]
    sent = [each.get("role") or each["type"] for each in request.input]
    return [request.previous_response_id, request.conversation_id, *sent]


WHOLE = ["user", "function_call", "function_call_output"]


@pytest.mark.parametrize(
    ("first", "then", "asked"),
    [
        ({"previous_response_id": "a"}, {}, ["LAST", None, *WHOLE[2:]]),
        ({"previous_response_id": "a"}, {"previous_response_id": "a"}, ["LAST", None, *WHOLE[2:]]),
        ({"previous_response_id": "a"}, {"previous_response_id": "b"}, ["b", None, *WHOLE]),
        ({"previous_response_id": "a"}, {"previous_response_id": None}, [None, None, *WHOLE]),
        ({"previous_response_id": "a"}, {"conversation_id": "c"}, [None, "c", *WHOLE]),
        ({"conversation_id": "c"}, {"conversation_id": "c"}, [None, "c", *WHOLE[2:]]),
        ({"conversation_id": "c"}, {"conversation_id": "d"}, [None, "d", *WHOLE]),
        ({"conversation_id": "c"}, {"previous_response_id": None}, [None, "c", *WHOLE[2:]]),
        ({"conversation_id": "c"}, {"previous_response_id": "LAST"}, ["LAST", None, *WHOLE[2:]]),
        ({}, {"previous_response_id": "LAST"}, ["LAST", None, *WHOLE[2:]]),
        ({}, {"previous_response_id": "b"}, ["b", None, *WHOLE]),
        ({}, {"conversation_id": "d"}, [None, "d", *WHOLE]),
    ],
)
@pytest.mark.parametrize("when", ["in a turn", "between turns"])
def test_a_run_that_goes_on_follows_the_conversation_it_is_given_anew(
    first: Any, then: Any, asked: Any, when: str
) -> None:
    model = ScriptedModel([REFUND, "Done."])
    agent = Agent("Shop", tools=Shop().agent().tools, model=model)
    stream = Runner.run_streamed(agent, "hi", **first)
    list(stream.stream_events())
    state = stream.to_state()
    state.approve(state.get_interruptions()[0])
    last = stream.last_response_id
    if when == "between turns":
        stream = Runner.run_streamed(agent, state)
        stream.cancel(mode="after_turn")
        list(stream.stream_events())
        state = stream.to_state()
    given = {name: last if value == "LAST" else value for name, value in then.items()}
    assert Runner.run_sync(agent, carried(state, agent), **given).final_output == "Done."
    assert asked_for(model) == [last if each == "LAST" else each for each in asked]


def test_a_run_whose_conversation_was_not_found_goes_on_with_another() -> None:
    lost = NotFoundError("gone", status_code=404, code=None, request_id=None, body=None)
    model = ScriptedModel([lost, "Done."])
    agent = Agent("A", model=model)
    with pytest.raises(NotFoundError) as failed:
        Runner.run_sync(agent, "hi", previous_response_id="old")
    data: Any = failed.value.run_data
    Runner.run_sync(agent, carried(data.to_state(), agent), previous_response_id="new")
    assert asked_for(model) == ["new", None, "user"]


def test_a_conversation_that_the_server_keeps_goes_on_without_a_session() -> None:
    agent = Shop().agent([REFUND])
    state = Runner.run_sync(agent, "hi", conversation_id="conv_1").to_state()
    with pytest.raises(UserError, match="use one of them"):
        Runner.run_sync(agent, carried(state, agent), session=SQLiteSession("beside"))


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_a_fork_is_an_earlier_moment_of_the_run(turn: int) -> None:
    model = ScriptedModel(
        lambda request: [call("look", order="1"), call("look", order="2"), text("end")][
            min(len(request.input) // 2, 2)
        ]
    )
    agent = Agent("A", tools=[function_tool(Shop().look)], model=model)
    whole = Runner.run_sync(agent, "x")
    asked = len(model.requests)
    forked = Runner.run_sync(agent, whole.to_state().fork(turn=turn))
    assert len(model.requests) - asked == 3 - turn
    assert kinds(forked.to_input_list()) == kinds(whole.to_input_list())


def test_a_fork_of_a_turn_that_has_not_ended_is_refused() -> None:
    agent = Shop().agent([REFUND])
    with pytest.raises(UserError, match="has not ended turn 1"):
        Runner.run_sync(agent, "x").to_state().fork(turn=1)


@pytest.mark.parametrize("then", [None, "preserve"])
def test_the_policy_for_ids_of_reasoning_goes_along_until_another_one_is_given(then: Any) -> None:
    shop = Shop()
    agent = shop.agent([reasoning("so"), REFUND], [reasoning("then"), REFUND], "Done.")
    config = RunConfig(reasoning_item_id_policy="omit")
    result = Runner.run_sync(agent, "Refund order 7", run_config=config)
    for policy in (then, None):  # what was given with the second part holds in the third
        state = carried(result.to_state(), agent)
        state.approve(state.get_interruptions()[0])
        config = RunConfig(reasoning_item_id_policy=policy)
        result = Runner.run_sync(agent, state, run_config=config)
    for items in (agent.model.requests[-1].input, result.to_input_list()):  # type: ignore[union-attr]
        thoughts = [item for item in items if item.get("type") == "reasoning"]
        assert ["id" in item for item in thoughts] == [then == "preserve"] * 2


def test_typed_outputs_and_handoffs_come_back_from_text() -> None:
    class Total(BaseModel):
        total: int

    last = Agent("Last", output_type=Total, model=ScriptedModel([text('{"total": 3}')]))
    first = Agent(
        "First", handoffs=[Agent("Other"), handoff(last)], model=ScriptedModel([handoff_to("Last")])
    )
    state = carried(Runner.run_sync(first, "x").to_state(), first)
    assert state._record.final_output == Total(total=3)
    assert state._record.agent is last


def test_tools_are_told_what_their_agent_was_given_before_the_pause() -> None:
    seen = []

    @function_tool(needs_approval=True)
    def refund(context: ToolContext[Any]) -> None:
        seen.append([item.get("type", "message") for item in context.turn_input])

    model = ScriptedModel([call("refund"), handoff_to("B"), call("refund"), "Done."])
    b = Agent(name="B", model=model, tools=[refund])
    agent = Agent(name="A", model=model, tools=[refund], handoffs=[b])
    result = Runner.run_sync(agent, "Hi")
    for _ in range(2):
        state = RunState.from_string(agent, result.to_state().to_string())
        state.approve(state.get_interruptions()[0])
        result = Runner.run_sync(agent, state)
    assert seen == [["message"], ["message", *["function_call", "function_call_output"] * 2]]


def test_a_context_is_asked_for_or_written_down() -> None:
    agent = Shop().agent([REFUND], "Done.")
    state = Runner.run_sync(agent, "x", context={"user": 1}).to_state()
    with pytest.raises(UserError, match="context"):
        carried(state, agent)
    assert carried(state, agent, context=None).context is None
    written = state.to_string(context_serializer=lambda context: context)
    read = RunState.from_string(agent, written, context_deserializer=lambda told: told)
    assert read.context == {"user": 1}


async def _written(context: Any) -> dict[str, Any]:
    return {"names": context}


async def _read_back(told: dict[str, Any]) -> set[str]:
    return set(told["names"])


def test_a_context_is_written_as_json_whatever_it_holds_by_functions_of_either_kind() -> None:
    shop = Shop()
    agent = shop.agent(REFUND)
    state = Runner.run_sync(agent, "Pay", context={"Ada"}).to_state()
    text = json.dumps(state.to_json(context_serializer=_written))
    assert RunState.from_json(agent, json.loads(text), context_deserializer=_read_back).context == {
        "Ada"
    }
    for writer, words in ((lambda _: object(), "no JSON"), ("json", "must be a function")):
        with pytest.raises(UserError, match=f"context_serializer .*{words}"):
            state.to_json(context_serializer=writer)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="context_deserializer must be a function"):
        RunState.from_json(agent, json.loads(text), context_deserializer=5)  # type: ignore[arg-type]


def test_arguments_of_the_wrong_kind_are_told_where_they_are_given() -> None:
    shop = Shop()
    agent: Any = shop.agent(REFUND, "Done.")
    state: Any = Runner.run_sync(agent, "Pay").to_state()
    call_at_hand = state.get_interruptions()[0]
    for words, attempt in (
        ("always_reject must be .*rejection_message", lambda: state.reject(call_at_hand, "No.")),
        ("rejection_message must", lambda: state.reject(call_at_hand, rejection_message=5)),
        ("always_approve must", lambda: state.approve(call_at_hand, "yes")),
        ("one of the state's interruptions", lambda: state.provide_output("c1", "done")),
        ("one of the state's interruptions", lambda: state.provide_input("c1", {})),
        ("key .* must be bytes", lambda: state.to_string(key="secret")),
        ("key .* must be bytes", lambda: RunState.from_string(agent, "{}", key="secret")),
        ("the agent that began", lambda: RunState.from_json("Shop", state.to_json())),
    ):
        with pytest.raises(UserError, match=words):
            attempt()
    state.reject(call_at_hand, rejection_message="")
    assert Runner.run_sync(agent, state).to_input_list()[-2]["output"] == ""


def test_what_the_session_does_not_have_yet_is_told() -> None:
    session = SQLiteSession("s")
    second = call("refund", call_id="c2", order="8", amount=1.0)
    agent = Shop().agent([call("look", order="7"), REFUND], [second], "Done.")
    state = Runner.run_sync(agent, "x", session=session).to_state()
    said = ["user", "function_call", "function_call", "function_call_output"]
    assert kinds(carried(state, agent).get_unsaved_items()) == said
    state.approve(state.get_interruptions()[0])
    state = Runner.run_sync(agent, state, session=session).to_state()
    assert kinds(session.get_items()) == [*said, "function_call_output"]
    assert [item["call_id"] for item in state.get_unsaved_items()] == ["c2"]
    state.approve(state.get_interruptions()[0])
    result = Runner.run_sync(agent, state, session=session)
    assert result.to_state().get_unsaved_items() == []


def test_half_a_character_stays_what_it_is() -> None:
    agent = Shop().agent([REFUND], "Done.")
    state = carried(Runner.run_sync(agent, "half: \ud800").to_state(), agent)
    assert state.to_json()["facts"][0]["given"] == "half: \ud800"


@pytest.mark.parametrize("input_filter", [None, lambda given: given])
def test_a_state_behind_a_handoff_is_read_from_its_json_with_no_text_between(
    input_filter: Any,
) -> None:
    def begin() -> Agent[Any]:
        back = handoff(Shop().agent(REFUND, "Done."), input_filter=input_filter)
        return Agent("Front", model=ScriptedModel([handoff_to("Shop")]), handoffs=[back])

    state = Runner.run_sync(begin(), [{"role": "user", "content": "hi"}]).to_state()
    read: RunState = RunState.from_json(begin(), state.to_json())
    assert read.to_string() == state.to_string()
    for decided in (state, read):
        decided.approve(decided.get_interruptions()[0])
        config = RunConfig(model=ScriptedModel(["Done."]))
        assert Runner.run_sync(begin(), decided, run_config=config).final_output == "Done."


def test_a_state_told_where_to_go_on_at_the_server_is_read_from_its_json() -> None:
    shop = Shop()
    agent = shop.agent(REFUND, call("refund", call_id="c2", order="8", amount=1.0), "Done.")
    state = Runner.run_sync(agent, "hi").to_state()
    state.approve(state.get_interruptions()[0])
    state = Runner.run_sync(agent, state, conversation_id="conv_1").to_state()
    assert RunState.from_json(agent, state.to_json()).to_string() == state.to_string()


# Bad input


def waiting(**options: Any) -> tuple[Agent[Any], RunState]:
    agent = Shop().agent([REFUND], "Done.")
    return agent, Runner.run_sync(agent, "x", **options).to_state()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("{", "not the state of a run"),
        ("[]", "not the state of a run"),
        ("\ud800", "not the state of a run"),
        ('{"format": 99}', "format 99"),
        ('{"format": 1, "agent": "Shop", "facts": 3}', "no list of facts"),
        ('{"format": 1, "agent": "Shop", "facts": [{"type": "x"}]}', "no fact of a run"),
        ('{"format": 1, "agent": "Shop", "facts": [3]}', "no fact of a run"),
        ('{"format": 1, "agent": "Else", "facts": []}', "'Else', not of 'Shop'"),
    ],
)
def test_a_text_that_is_no_state_is_refused(state: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        RunState.from_string(waiting()[0], state)


def parts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all values inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in inner:
        yield (*path, name)
        if isinstance(part, dict | list):
            yield from parts(part, (*path, name))


def test_a_state_damaged_anywhere_is_read_or_refused() -> None:
    agent, state = waiting()
    whole = state.to_json()
    for *way, name in parts(whole):
        for wrong in (None, 3, "x", [], {}, [[1]], {"a": 1}, -1, True):
            damaged = copy.deepcopy(whole)
            place: Any = damaged
            for step in way:
                place = place[step]
            place[name] = wrong
            with suppress(UserError):
                RunState.from_json(agent, damaged).get_interruptions()


def test_a_damaged_state_that_was_read_is_run_or_refused() -> None:
    def begin() -> Agent[Any]:
        shop = Shop()
        back = shop.agent([reasoning("Hm."), call("look", call_id="b1", order="1"), REFUND])

        @input_guardrail
        def passes(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
            return GuardrailFunctionOutput({"a": 1}, False)

        return Agent(
            "Front",
            model=ScriptedModel([[call("look", call_id="l", order="1")], handoff_to("Shop")]),
            tools=[function_tool(shop.look)],
            handoffs=[handoff(back, input_filter=lambda given: given)],
            input_guardrails=[passes],
        )

    whole = Runner.run_sync(begin(), "hi").to_state()
    whole.approve(whole.get_interruptions()[0])
    whole.add_input("And tell him.")
    text_of = whole.to_string()
    ways = list(parts(json.loads(text_of)))
    chance = random.Random(1)
    for _ in range(300):
        damaged = place = json.loads(text_of)
        *way, name = chance.choice(ways)
        for step in way:
            place = place[step]
        place[name] = chance.choice([None, 3, 1.5, "x", [], {}, [[1]], {"type": "x"}, -1, True])
        with suppress(AgentsException):
            agent = begin()
            state: RunState[Any, Any] = RunState.from_json(agent, damaged)
            config = RunConfig(model=ScriptedModel(["Done."]), tracing_disabled=True)
            result = Runner.run_sync(agent, state, run_config=config)
            repr((str(result), result.to_input_list(), result.to_state().to_string()))


def test_a_state_that_is_nested_too_deep_is_refused() -> None:
    agent, _ = waiting()
    for deep in ("[" * 100_000, '{"a":' * 100_000):
        with pytest.raises(UserError):
            RunState.from_string(agent, deep)


def test_a_final_output_of_another_type_than_the_agent_has_now_is_refused() -> None:
    agent = Agent("A", model=ScriptedModel(['{"response":1}']), output_type=int)
    kept = Runner.run_sync(agent, "Go").to_state().to_string()
    with pytest.raises(UserError, match="A has another output type than when the run ended"):
        RunState.from_string(Agent("A", output_type=list[int]), kept)


def test_a_signed_state_that_was_changed_is_refused() -> None:
    agent, state = waiting()
    signed = state.to_string(key=b"k")
    assert len(signed.splitlines()) == 1  # so that a form gives it back as it is
    assert RunState.from_string(agent, signed, key=b"k").get_interruptions()
    for changed, key in [
        (signed.replace("5.0", "9.0"), b"k"),
        (signed, b"other"),
        (signed, None),
        (state.to_string(), b"k"),
    ]:
        with pytest.raises(UserError, match="changed|signed"):
            RunState.from_string(agent, changed, key=key)


def test_tools_and_agents_that_are_gone_are_named_before_anything_is_called() -> None:
    agent, state = waiting()
    model: Any = agent.model
    fewer = agent.clone(tools=list(agent.tools)[:1])
    with pytest.raises(UserError, match=r"Shop has nothing at tools\[1\]"):
        Runner.run_sync(fewer, state)
    renamed = agent.clone(name="Other")
    with pytest.raises(UserError, match="'Shop', not of 'Other'"):
        Runner.run_sync(renamed, state)
    assert len(model.requests) == 1


def test_another_tool_or_handoff_at_the_place_of_the_one_that_was_meant_is_refused() -> None:
    shop, target, other = Shop(), Agent("B"), Agent("C")
    agent = shop.agent([REFUND, handoff_to("B")]).clone(handoffs=[target, other])
    state = Runner.run_sync(agent, "Refund order 7").to_state()
    state.approve(state.get_interruptions()[0])
    with pytest.raises(UserError, match=r"something else at tools\[1\] than the refund"):
        Runner.run_sync(agent.clone(tools=agent.tools[::-1]), state)
    with pytest.raises(UserError, match=r"something else at handoffs\[0\] than the transfer_to_b"):
        carried(state, agent.clone(handoffs=[other, target]))
    assert shop.done == []


def test_a_decision_is_bound_to_a_call_that_waits_and_to_its_arguments() -> None:
    _, state = waiting()
    [item] = state.get_interruptions()
    other = call("refund", call_id="c1", order="7", amount=900.0)
    from agents_lite import ResponsesObject

    changed = ToolApprovalItem(item.agent, ResponsesObject(other), call_id="c1")
    with pytest.raises(UserError, match="that waits is refund"):
        state.approve(changed)
    unknown = ToolApprovalItem(item.agent, item.raw_item, call_id="c9")
    with pytest.raises(UserError, match="does not wait"):
        state.approve(unknown)
    state.reject(item)
    with pytest.raises(UserError, match="was decided about already"):
        state.approve(item)


def test_a_finished_state_is_refused() -> None:
    agent = Agent("A", model=ScriptedModel(["Done."]))
    with pytest.raises(UserError, match="finished"):
        Runner.run_sync(agent, Runner.run_sync(agent, "x").to_state())


def test_always_holds_for_later_runs_of_the_same_nested_agent() -> None:
    shop = Shop()
    inner = shop.agent([REFUND], "one", [REFUND], "two")
    asks = [call("ask", input="x"), call("ask", input="y"), "Done."]
    outer = Agent("O", tools=[inner.as_tool("ask", "Ask.")], model=ScriptedModel(asks))
    state = Runner.run_sync(outer, "x").to_state()
    state.approve(state.get_interruptions()[0], always_approve=True)
    assert Runner.run_sync(outer, carried(state, outer)).final_output == "Done."
    assert len(shop.done) == 2


PICKLED = Agent("Pickled", tools=[function_tool(Shop().refund, needs_approval=True)])


def test_a_paused_result_from_another_process_can_be_taken_up() -> None:
    config = RunConfig(model=ScriptedModel([[REFUND], "Done."]))
    result = pickle.loads(pickle.dumps(Runner.run_sync(PICKLED, "x", run_config=config)))
    assert result.input == "x"
    state = result.to_state()
    state.approve(state.get_interruptions()[0])
    assert Runner.run_sync(PICKLED, state, run_config=config).final_output == "Done."


class Heard(RunHooks[Any]):
    """Notes what the run's hooks were told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_agent_start(self, context: Any, agent: Any, input_data: Any) -> None:
        self.told.append(f"start {agent.name}")

    def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
        self.told.append(f"end {agent.name}")

    def on_handoff(self, context: Any, from_agent: Any, to_agent: Any) -> None:
        self.told.append(f"handoff {to_agent.name}")

    def on_llm_end(self, context: Any, agent: Any, response: Any) -> None:
        self.told.append(f"answer {agent.name}")


@pytest.mark.parametrize("events", range(1, 30))
def test_hooks_are_told_once_wherever_a_reader_leaves(events: int) -> None:
    last = Agent("Last", model=ScriptedModel(lambda request: "Done."))
    first = Agent(
        "First", handoffs=[last], model=ScriptedModel(lambda request: [handoff_to("Last")])
    )
    hooks = Heard()
    stream = Runner.run_streamed(first, "x", hooks=hooks)
    for number, _ in enumerate(stream.stream_events(), 1):
        if number == events:
            break
    if not stream._run.record.is_over:
        Runner.run_sync(first, carried(stream.to_state(), first), hooks=hooks)
    assert hooks.told == [
        "start First",
        "answer First",
        "handoff Last",
        "start Last",
        "answer Last",
        "end Last",
    ]


def test_a_call_that_was_made_is_not_made_again_for_another_s_malformed_arguments() -> None:
    shop = Shop()
    strict = function_tool(
        lambda number: number, name_override="strict", failure_error_function=None
    )
    calls = [call("look", order="1"), call("strict", "no JSON")]
    agent = Agent("A", tools=[function_tool(shop.look), strict], model=ScriptedModel([calls]))
    with pytest.raises(ModelBehaviorError) as failed:
        Runner.run_sync(agent, "x")
    data: Any = failed.value.run_data
    with pytest.raises(ModelBehaviorError):
        Runner.run_sync(agent, data.to_state())
    assert shop.done == ["look 1"]


# Pausing by other means


@every_driver
def test_a_run_left_with_max_turns_goes_on_with_more(run: Any) -> None:
    shop = Shop()
    agent = shop.agent(call("look", order="1"), call("look", order="2"), "Done.")
    with pytest.raises(MaxTurnsExceeded) as failed:
        run(agent, "x", max_turns=2)
    data: Any = failed.value.run_data
    state = carried(data.to_state(), agent)
    with pytest.raises(MaxTurnsExceeded):
        run(agent, state)  # the recorded limit goes on to count
    assert run(agent, state, max_turns=3).final_output == "Done."
    assert shop.done == ["look 1", "look 2"]


def test_an_answer_that_made_the_run_fail_is_asked_for_again() -> None:
    class Total(BaseModel):
        total: int

    agent = Agent(
        "A", output_type=Total, model=ScriptedModel([text("no JSON"), text('{"total": 1}')])
    )
    with pytest.raises(ModelBehaviorError) as failed:
        Runner.run_sync(agent, "x")
    data: Any = failed.value.run_data
    result = Runner.run_sync(agent, carried(data.to_state(), agent))
    assert result.final_output == Total(total=1)
    assert kinds(result.to_input_list()) == ["user", "assistant"]
    assert result.usage.requests == 2


def test_a_tool_whose_failure_left_the_run_is_called_again_and_the_others_are_not() -> None:
    attempts = []
    shop = Shop()

    @function_tool(failure_error_function=None)
    def shaky() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("down")
        return "up"

    calls = [call("look", order="1"), call("shaky")]
    agent = Agent(
        "A", tools=[function_tool(shop.look), shaky], model=ScriptedModel([calls, "Done."])
    )
    with pytest.raises(UserError) as failed:
        Runner.run_sync(agent, "x")
    data: Any = failed.value.run_data
    assert Runner.run_sync(agent, data.to_state()).final_output == "Done."
    assert (shop.done, len(attempts)) == (["look 1"], 2)


@pytest.mark.parametrize("policy", ["rerun", "ask", "fail"])
def test_a_call_of_unknown_end(policy: Any) -> None:
    begun = []

    @function_tool(on_unknown_end=policy, failure_error_function=None)
    def pay(amount: int) -> str:
        begun.append(amount)
        if len(begun) == 1:
            raise KeyboardInterrupt
        return "paid"

    agent = Agent("A", tools=[pay], model=ScriptedModel([call("pay", amount=5), "Done."]))
    stream = Runner.run_streamed(agent, "x")
    with pytest.raises(KeyboardInterrupt):
        list(stream.stream_events())
    state = carried(stream.to_state(), agent)
    if policy == "fail":
        with pytest.raises(UnknownEndError, match='"amount":5'):
            Runner.run_sync(agent, state)
        return
    result = Runner.run_sync(agent, state)
    if policy == "ask":
        assert begun == [5]
        [item] = result.interruptions
        assert item.reason == "unknown_end"
        state = result.to_state()
        state.approve(item)
        result = Runner.run_sync(agent, state)
    assert (result.final_output, begun) == ("Done.", [5, 5])


def test_an_approved_call_of_unknown_end_is_asked_about_again() -> None:
    begun = []

    @function_tool(needs_approval=True)
    def pay() -> str:
        begun.append(1)
        raise KeyboardInterrupt

    agent = Agent("A", tools=[pay], model=ScriptedModel([call("pay"), "Done."]))
    state = Runner.run_sync(agent, "x").to_state()
    state.approve(state.get_interruptions()[0])
    stream = Runner.run_streamed(agent, state)
    with pytest.raises(KeyboardInterrupt):
        list(stream.stream_events())
    result = Runner.run_sync(agent, carried(stream.to_state(), agent))
    assert [item.reason for item in result.interruptions] == ["unknown_end"]
    assert begun == [1]


@pytest.mark.parametrize("events", range(1, 30))
def test_a_reader_may_leave_at_any_event(events: int) -> None:
    shop = Shop()

    def answer(request: Any) -> Any:
        outputs = [item for item in request.input if item.get("type") == "function_call_output"]
        return [[call("look", order="1")], [call("look", order="2")], "Done."][len(outputs)]

    agent = Agent("A", tools=[function_tool(shop.look)], model=ScriptedModel(answer))
    session = SQLiteSession("s")
    stream = Runner.run_streamed(agent, "x", session=session)
    for number, _ in enumerate(stream.stream_events(), 1):
        if number == events:
            break
    if stream._run.record.is_over:
        return
    result = Runner.run_sync(agent, carried(stream.to_state(), agent), session=session)
    assert result.final_output == "Done."
    assert shop.done == ["look 1", "look 2"]
    assert session.get_items() == result.to_input_list()


def test_cancelling_after_the_turn_pauses_there() -> None:
    shop = Shop()
    agent = shop.agent(call("look", order="1"), "Done.")
    stream = stopped_after_the_turn(agent, "x", "tool_called")
    assert shop.done == ["look 1"]
    assert (stream.is_paused, stream.pause_reason) == (True, "after_turn")
    assert Runner.run_sync(agent, carried(stream.to_state(), agent)).final_output == "Done."


def test_cancelling_after_the_last_turn_ends_the_run() -> None:
    agent = Agent("A", model=ScriptedModel(["Done."]))
    stream = Runner.run_streamed(agent, "x")
    for _ in stream.stream_events():
        stream.cancel(mode="after_turn")
    assert stream.final_output is None or not stream.is_paused


def test_cancelling_after_the_turn_lets_the_runs_inside_it_come_to_their_ends() -> None:
    outer: list[Any] = []

    def look() -> str:
        """Look."""
        outer[0].cancel(mode="after_turn")
        return "seen"

    tool = function_tool(look)
    inner = Agent("In", tools=[tool], model=ScriptedModel([[call("look")], "told"]))
    agent = Agent(
        "Out", tools=[inner.as_tool("ask", "Ask.")], model=ScriptedModel([call("ask", input="?")])
    )
    outer.append(Runner.run_streamed(agent, "hi"))
    list(outer[0].stream_events())
    assert outer[0].pause_reason == "after_turn"
    assert [getattr(item, "output", None) for item in outer[0].new_items] == [None, "told"]


def test_calls_at_work_come_to_their_ends_when_the_time_is_up_beside_them() -> None:
    notes: list[str] = []
    is_late = threading.Event()

    async def work(n: int) -> int:
        """Work."""
        notes.append(f"begun {n}")
        while not is_late.is_set() or (n == 1 and "ended 2" not in notes):
            await asyncio.sleep(0.01)
        notes.append(f"ended {n}")
        return n

    calls = [call("work", n=n) for n in (1, 2, 3)]
    agent = Agent("A", tools=[function_tool(work)], model=ScriptedModel([calls, "done"]))
    config = RunConfig(max_tool_concurrency=2)
    run = Runner.run_streamed(agent, "hi", run_config=config)

    def pause() -> None:
        while len(notes) < 2:
            time.sleep(0.001)
        run._run.pause("timeout")
        is_late.set()

    watch = threading.Thread(target=pause)
    watch.start()
    list(run.stream_events())
    watch.join()
    assert run.pause_reason == "timeout"
    result = Runner.run_sync(agent, carried(run.to_state(), agent), run_config=config)
    assert result.final_output == "done"
    assert sorted(notes) == [f"{what} {n}" for what in ("begun", "ended") for n in (1, 2, 3)]


@every_driver
def test_a_run_whose_time_is_up_pauses_in_the_model_call(run: Any) -> None:
    slow = ScriptedModel(["never", "Done."], delay=60)
    agent = Agent("A", model=slow)
    result = run(agent, "x", timeout=0.05, on_timeout="pause")
    assert (result.is_paused, result.pause_reason, result.interruptions) == (True, "timeout", [])
    quick = agent.clone(model=ScriptedModel(["Done."]))
    assert run(quick, carried(result.to_state(), quick)).final_output == "Done."


def test_a_run_whose_time_is_up_in_a_tool_keeps_its_output() -> None:
    made = []

    @function_tool
    def slow() -> str:
        made.append(1)
        assert is_up.wait(60)
        return "kept"

    agent = Agent("A", tools=[slow], model=ScriptedModel([call("slow"), "Done."]))
    with time_is_up_once(lambda: made) as is_up:
        result = Runner.run_sync(agent, "x", timeout=LIMIT, on_timeout="pause")
    assert result.pause_reason == "timeout"
    again = Runner.run_sync(agent, carried(result.to_state(), agent), timeout=60)
    assert (again.final_output, made) == ("Done.", [1])
    assert again.to_input_list()[2]["output"] == "kept"


def test_many_runs_may_be_paused_ones() -> None:
    shop = Shop()
    agent = shop.agent(lambda r: [REFUND] if len(r.input) == 1 else "Done.")
    agent = Agent(
        "Shop",
        tools=list(agent.tools),
        model=ScriptedModel(lambda request: [REFUND] if len(request.input) == 1 else "Done."),
    )
    states = []
    for outcome in Runner.run_many(agent, ["a", "b"]):
        state = outcome.unwrap().to_state()
        state.approve(state.get_interruptions()[0])
        states.append(state)
    assert [o.unwrap().final_output for o in Runner.run_many(agent, states)] == ["Done."] * 2


def test_the_trace_goes_on_under_the_same_id() -> None:
    from tests.support.spans import recorded_spans

    agent = Shop().agent([call("look", order="7"), REFUND], "Done.")
    with recorded_spans() as spans:
        state = Runner.run_sync(agent, "x").to_state()
        state.approve(state.get_interruptions()[0])
        Runner.run_sync(agent, carried(state, agent))
    assert len({trace.trace_id for trace in spans.traces}) == 1
    assert spans.names.count("function look") == 1


def test_async_tools_pause_under_an_event_loop() -> None:
    made = []

    @function_tool(needs_approval=True)
    async def pay() -> str:
        made.append(asyncio.get_running_loop())
        return "paid"

    agent = Agent("A", tools=[pay], model=ScriptedModel([[call("pay"), call("pay")], "Done."]))

    async def main() -> str:
        state = (await Runner.run(agent, "x")).to_state()
        for item in state.get_interruptions():
            state.approve(item)
        result = await Runner.run(agent, state)
        assert made == [asyncio.get_running_loop()] * 2
        return str(result.final_output)

    assert asyncio.run(main()) == "Done."
