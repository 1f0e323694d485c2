"""Calls that wait for a person, in all kinds of company."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from agents_lite import (
    Agent,
    Computer,
    ComputerTool,
    GuardrailFunctionOutput,
    HandoffInputData,
    HostedMCPTool,
    MaxTurnsExceeded,
    ModelBehaviorError,
    ModelSettings,
    OutputGuardrailTripwireTriggered,
    RunConfig,
    RunContextWrapper,
    RunHooks,
    Runner,
    RunState,
    SQLiteSession,
    ToolGuardrailFunctionOutput,
    ToolsToFinalOutputResult,
    UsageLimitExceeded,
    UsageLimits,
    UserError,
    function_tool,
    handoff,
    input_guardrail,
    output_guardrail,
    tool_input_guardrail,
)
from agents_lite.testing import ScriptedModel, call, handoff_to, text
from tests.support.drivers import every_driver, every_stream

done: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    done.clear()


@function_tool(needs_approval=True)
def pay(order: str) -> str:
    """Pay."""
    done.append(f"pay {order}")
    return f"paid {order}"


@function_tool
def look(order: str) -> str:
    """Look."""
    done.append(f"look {order}")
    return f"found {order}"


def carried(state: RunState, agent: Agent[Any], **options: Any) -> RunState:
    """The state as another process reads it."""
    return RunState.from_string(agent, state.to_string(), **options)


def agent_of(*script: Any, **options: Any) -> Agent[Any]:
    return Agent("A", **{"tools": [look, pay], "model": ScriptedModel(script), **options})


def approved(state: RunState, agent: Agent[Any], **options: Any) -> RunState:
    """The state in another process, all that waits approved."""
    state = carried(state, agent, **options)
    for item in state.get_interruptions():
        state.approve(item)
    return state


def outputs(result: Any) -> list[Any]:
    return [item.output for item in result.new_items if item.type == "tool_call_output_item"]


def sent(agent: Agent[Any]) -> Any:
    """The last request of the agent's model."""
    model: Any = agent.model
    return model.requests[-1]


# Decisions


def test_a_decision_for_all_calls_holds_for_those_that_wait_beside() -> None:
    calls = [call("pay", call_id=n, order=n) for n in "ab"]
    agent = agent_of(calls, "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    state.approve(state.get_interruptions()[0], always_approve=True)
    assert state.get_interruptions() == []
    assert outputs(Runner.run_sync(agent, carried(state, agent))) == ["paid a", "paid b"]


def test_one_call_may_be_rejected_before_the_others_are_approved_for_good() -> None:
    calls = [call("pay", call_id=n, order=n) for n in "abc"]
    agent = agent_of(calls, call("pay", call_id="d", order="d"), "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    a, b, _ = state.get_interruptions()
    state.reject(a, rejection_message="not a")
    state.approve(b, always_approve=True)
    result = Runner.run_sync(agent, carried(state, agent))
    assert outputs(result) == ["not a", "paid b", "paid c", "paid d"]


def test_words_of_a_rejection_for_good_are_told_each_time() -> None:
    agent = agent_of(*[call("pay", call_id=n, order=n) for n in "abc"], "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    [item] = state.get_interruptions()
    state.reject(item, always_reject=True, rejection_message="never")
    assert outputs(Runner.run_sync(agent, carried(state, agent))) == ["never"] * 3


@pytest.mark.parametrize("first", ["approve", "reject", "provide_output"])
@pytest.mark.parametrize("second", ["approve", "reject", "provide_output"])
def test_a_decision_stands(first: str, second: str) -> None:
    agent = agent_of(call("pay", order="a"))
    state = Runner.run_sync(agent, "x").to_state()
    [item] = state.get_interruptions()
    more = {"provide_output": ("out",)}
    getattr(state, first)(item, *more.get(first, ()))
    with pytest.raises(UserError, match="decided about already"):
        getattr(carried(state, agent), second)(item, *more.get(second, ()))


def test_a_rule_is_asked_once() -> None:
    asked = []

    async def rule(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        asked.append((arguments, call_id))
        return True

    tool = function_tool(lambda order: order, name_override="t", needs_approval=rule)
    agent = agent_of(call("t", call_id="c", order="7"), "Done.", tools=[tool])
    state = approved(Runner.run_sync(agent, "x").to_state(), agent)
    assert outputs(Runner.run_sync(agent, state)) == ["7"]
    assert asked == [({"order": "7"}, "c")]


def test_ids_that_come_again_in_another_turn_are_other_calls() -> None:
    agent = agent_of(*[call("pay", call_id="0", order=n) for n in "ab"], "Done.")
    state = approved(Runner.run_sync(agent, "x").to_state(), agent)
    again = Runner.run_sync(agent, state)
    assert [item.arguments for item in again.interruptions] == ['{"order":"b"}']
    assert done == ["pay a"]
    state = again.to_state()
    state.reject(state.get_interruptions()[0])
    Runner.run_sync(agent, carried(state, agent))
    assert done == ["pay a"]


def test_two_calls_of_one_answer_with_one_id_are_decided_about_one_by_one() -> None:
    calls = [call("pay", call_id="0", order="cheap"), call("pay", call_id="0", order="dear")]
    agent = agent_of(calls, "Done.")
    state = carried(Runner.run_sync(agent, "x").to_state(), agent)
    cheap, dear = state.get_interruptions()
    state.approve(cheap)
    state.reject(dear)
    Runner.run_sync(agent, state)
    assert done == ["pay cheap"]


def test_items_of_the_result_decide_about_its_state() -> None:
    agent = agent_of(call("pay", order="a"), "Done.")
    result = Runner.run_sync(agent, "x")
    state = carried(result.to_state(), agent)
    state.approve(result.interruptions[0])
    Runner.run_sync(agent, state)
    assert done == ["pay a"]


# Tools of all kinds


def hosted(name: str, id: str) -> dict[str, Any]:
    kind = {"type": "mcp_approval_request", "server_label": "files", "arguments": "{}"}
    return {**kind, "id": id, "name": name}


def test_what_is_decided_for_all_calls_of_a_hosted_server_s_tool_is_for_that_tool() -> None:
    agent = agent_of(
        [hosted("read", "1")],
        [hosted("read", "2"), hosted("delete", "3")],
        "Done.",
        tools=[HostedMCPTool({"type": "mcp", "server_label": "files"})],
    )
    state = Runner.run_sync(agent, "x").to_state()
    state.approve(state.get_interruptions()[0], always_approve=True)
    result = Runner.run_sync(agent, carried(state, agent))
    assert [(item.tool_name, item.call_id) for item in result.interruptions] == [("delete", "3")]
    Runner.run_sync(agent, approved(result.to_state(), agent))
    answered = [(each["approval_request_id"], each["approve"]) for each in sent(agent).input[-2:]]
    assert answered == [("2", True), ("3", True)]


def test_a_server_s_question_under_an_id_that_is_taken_is_refused() -> None:
    tools = [HostedMCPTool({"type": "mcp", "server_label": "files"})]
    agent = agent_of([hosted("read", "1"), hosted("delete", "1")], tools=tools)
    with pytest.raises(ModelBehaviorError, match="the id '1' twice"):
        Runner.run_sync(agent, "x")


def test_a_callback_answers_a_hosted_server_once_over_all_parts() -> None:
    asked = []

    def decide(request: Any) -> Any:
        asked.append(request.data.name)
        return {"approve": True}

    server = HostedMCPTool({"type": "mcp", "server_label": "files"}, on_approval_request=decide)
    calls = [hosted("read", "1"), call("pay", order="a")]
    agent = agent_of(calls, "Done.", tools=[server, pay])
    state = Runner.run_sync(agent, "x").to_state()
    Runner.run_sync(agent, approved(state, agent))
    assert asked == ["read"]


class Screen(Computer):
    environment = "browser"
    dimensions = (10, 10)

    def screenshot(self) -> str:
        return base64.b64encode(b"png").decode()

    def click(self, x: int, y: int, button: str) -> None:
        done.append(f"click {x} {y}")

    def double_click(self, x: int, y: int) -> None: ...
    def scroll(self, x: int, y: int, scroll_x: int, scroll_y: int) -> None: ...
    def type(self, text: str) -> None: ...
    def wait(self) -> None: ...
    def move(self, x: int, y: int) -> None: ...
    def keypress(self, keys: list[str]) -> None: ...
    def drag(self, path: list[tuple[int, int]]) -> None: ...


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_actions_on_a_computer_wait(verdict: str) -> None:
    click = {
        "type": "computer_call",
        "call_id": "c",
        "action": {"type": "click", "x": 1, "y": 2, "button": "left"},
        "pending_safety_checks": [],
    }
    tool = ComputerTool(Screen(), needs_approval=True)
    agent = agent_of([click], "Done.", tools=[tool])
    state = carried(Runner.run_sync(agent, "x").to_state(), agent)
    [item] = state.get_interruptions()
    assert json.loads(item.arguments) == [click["action"]]
    getattr(state, verdict)(item)
    assert Runner.run_sync(agent, state).final_output == "Done."
    assert done == (["click 1 2"] if verdict == "approve" else [])


def test_the_words_of_a_rejection_stand_behind_an_output_that_cannot_hold_them() -> None:
    click = {"type": "computer_call", "call_id": "c", "action": {"type": "wait"}}
    tool = ComputerTool(Screen(), needs_approval=True)
    agent = agent_of([click, call("pay", call_id="p", order="a")], "Done.", tools=[tool, pay])
    state = carried(Runner.run_sync(agent, "x").to_state(), agent)
    first, second = state.get_interruptions()
    state.reject(first, rejection_message="Not on this page.")
    state = carried(Runner.run_sync(agent, state).to_state(), agent)  # the other call waits on
    state.approve(state.get_interruptions()[0])
    result = Runner.run_sync(agent, state)
    *_, image, words, said = result.to_input_list()
    assert (image["type"], words["content"]) == ("computer_call_output", "Not on this page.")
    assert result.final_output == "Done." == said["content"][0]["text"]


def test_an_agent_as_a_tool_waits_and_so_do_the_calls_inside_it() -> None:
    inner = agent_of(call("pay", order="a"), "inside")
    tool = inner.as_tool("ask", "Ask.", needs_approval=True)
    outer = agent_of(call("ask", input="go"), "Done.", tools=[tool])
    state = Runner.run_sync(outer, "x").to_state()
    assert [item.tool_name for item in state.get_interruptions()] == ["ask"]
    state = Runner.run_sync(outer, approved(state, outer)).to_state()
    assert [item.tool_name for item in state.get_interruptions()] == ["pay"]
    assert outputs(Runner.run_sync(outer, approved(state, outer))) == ["inside"]
    assert done == ["pay a"]


def test_one_agent_called_twice_in_a_turn_is_two_runs() -> None:
    def script(request: Any) -> Any:
        if len(request.input) > 1:
            return f"inside: {request.input[-1]['output']}"
        return call("pay", order=request.input[0]["content"])

    inner = agent_of(model=ScriptedModel(script))
    calls = [call("ask", call_id=n, input=n) for n in "ab"]
    outer = agent_of(calls, "Done.", tools=[inner.as_tool("ask", "Ask.")])
    state = carried(Runner.run_sync(outer, "x").to_state(), outer)
    first, second = state.get_interruptions()
    state.approve(second)
    state.reject(first, rejection_message="no")
    assert outputs(Runner.run_sync(outer, state)) == ["inside: no", "inside: paid b"]


def test_a_decision_for_all_is_for_the_tool_of_one_agent() -> None:
    inner = agent_of(call("pay", order="inside"), "inside")
    outer = agent_of(
        call("pay", order="outside"), call("ask", input="go"), tools=[pay, inner.as_tool("ask", "")]
    )
    state = Runner.run_sync(outer, "x").to_state()
    state.approve(state.get_interruptions()[0], always_approve=True)
    result = Runner.run_sync(outer, carried(state, outer))
    assert [item.agent for item in result.interruptions] == [inner]
    assert done == ["pay outside"]


def test_a_run_inside_counts_its_own_turns_over_all_parts() -> None:
    inner = agent_of(*[call("pay", order=n) for n in "ab"])
    tool = inner.as_tool("ask", "Ask.", max_turns=1, failure_error_function=None)
    outer = agent_of(call("ask", input="go"), tools=[tool])
    state = approved(Runner.run_sync(outer, "x").to_state(), outer)
    with pytest.raises(MaxTurnsExceeded, match="1"):
        Runner.run_sync(outer, state)


def test_a_tool_that_fails_once_it_was_approved_is_told_to_the_model() -> None:
    @function_tool(needs_approval=True)
    def fail() -> str:
        """Fail."""
        done.append("failed")
        raise ValueError("broken")

    agent = agent_of(call("fail"), "Done.", tools=[fail])
    result = Runner.run_sync(agent, approved(Runner.run_sync(agent, "x").to_state(), agent))
    assert "broken" in outputs(result)[0]
    assert (result.interruptions, done) == ([], ["failed"])


def test_guardrails_on_the_input_look_at_what_was_approved() -> None:
    @tool_input_guardrail
    def check(data: Any) -> ToolGuardrailFunctionOutput:
        done.append("checked")
        return ToolGuardrailFunctionOutput.reject_content("not this one")

    tool = function_tool(
        lambda: done.append("made"),
        name_override="t",
        needs_approval=True,
        tool_input_guardrails=[check],
    )
    agent = agent_of(call("t"), "Done.", tools=[tool])
    state = Runner.run_sync(agent, "x").to_state()
    assert done == []
    result = Runner.run_sync(agent, approved(state, agent))
    assert (outputs(result), done) == (["not this one"], ["checked"])
    assert len(result.tool_input_guardrail_results) == 1


def test_calls_of_tools_that_do_not_exist_are_answered_beside() -> None:
    calls = [call("nope"), call("pay", order="a")]
    config = RunConfig(tool_not_found="tell_model")
    agent = agent_of(calls, "Done.")
    state = Runner.run_sync(agent, "x", run_config=config).to_state()
    result = Runner.run_sync(agent, approved(state, agent), run_config=config)
    assert outputs(result) == ["paid a", "Tool 'nope' not found."]


def test_async_tools_side_by_side_wait_and_are_made_together() -> None:
    async def both(order: str) -> str:
        met.set() if order == "b" else None
        await asyncio.to_thread(met.wait, 10)
        return order

    met = threading.Event()
    tool = function_tool(both, needs_approval=True)
    agent = agent_of([call("both", order=n) for n in "ab"], "Done.", tools=[tool])
    state = approved(Runner.run_sync(agent, "x").to_state(), agent)
    assert outputs(asyncio.run(Runner.run(agent, state))) == ["a", "b"]  # type: ignore[arg-type]


# What follows


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_a_handoff_waits_for_the_calls_beside_it(verdict: str) -> None:
    second = Agent("B", tools=[pay], model=ScriptedModel([call("pay", order="b"), "Done."]))
    first = agent_of([handoff_to("B"), call("pay", order="a")], handoffs=[second])
    state = Runner.run_sync(first, "x").to_state()
    getattr(state, verdict)(state.get_interruptions()[0])
    result = Runner.run_sync(first, carried(state, first))
    [item] = result.interruptions
    assert (item.agent, result.last_agent) == (second, second)
    result = Runner.run_sync(first, approved(result.to_state(), first))
    assert (result.final_output, result.last_agent) == ("Done.", second)
    assert done == ["pay a"] * (verdict == "approve") + ["pay b"]


def test_what_is_decided_for_all_does_not_follow_a_handoff() -> None:
    second = Agent("B", tools=[pay], model=ScriptedModel([call("pay", order="b")]))
    first = agent_of(call("pay", order="a"), handoff_to("B"), tools=[pay], handoffs=[second])
    state = Runner.run_sync(first, "x").to_state()
    state.approve(state.get_interruptions()[0], always_approve=True)
    assert len(Runner.run_sync(first, carried(state, first)).interruptions) == 1
    assert done == ["pay a"]


def test_a_filter_is_applied_once_and_what_it_left_is_kept() -> None:
    def keep_nothing(data: HandoffInputData) -> HandoffInputData:
        done.append("filtered")
        return data.clone(input_history="In short.", pre_handoff_items=(), new_items=())

    second = Agent("B", tools=[pay], model=ScriptedModel([call("pay", order="b"), "Done."]))
    offers = [handoff(second, input_filter=keep_nothing)]
    first = agent_of(handoff_to("B"), handoffs=offers)
    state = Runner.run_sync(first, "x").to_state()
    result = Runner.run_sync(first, approved(state, first))
    assert done == ["filtered", "pay b"]
    assert [each.get("content") for each in sent(second).input] == ["In short.", None, None]
    assert result.to_input_list()[0]["content"] == "x"


@pytest.mark.parametrize(("resets", "choice"), [(True, None), (False, "required")])
def test_a_tool_choice_is_reset_over_all_parts(resets: bool, choice: Any) -> None:
    settings = ModelSettings(tool_choice="required")
    agent = agent_of(
        call("pay", order="a"), "Done.", model_settings=settings, reset_tool_choice=resets
    )
    Runner.run_sync(agent, approved(Runner.run_sync(agent, "x").to_state(), agent))
    assert sent(agent).model_settings.tool_choice == choice


@pytest.mark.parametrize(
    ("behavior", "output"),
    [
        ("stop_on_first_tool", "found a"),
        ({"stop_at_tool_names": ["pay"]}, "paid b"),
        (
            lambda context, results: ToolsToFinalOutputResult(
                True, [each.output for each in results]
            ),
            "['found a', 'paid b']",
        ),
    ],
)
def test_tools_that_end_the_run_do_so_once_all_calls_are_made(behavior: Any, output: Any) -> None:
    calls = [call("look", order="a"), call("pay", order="b")]
    agent = agent_of(calls, tool_use_behavior=behavior)
    paused = Runner.run_sync(agent, "x")
    assert paused.final_output is None
    result = Runner.run_sync(agent, approved(paused.to_state(), agent))
    assert result.final_output == output
    assert done == ["look a", "pay b"]


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize(
    "behavior",
    [
        "stop_on_first_tool",
        {"stop_at_tool_names": ["pay"]},
        lambda context, results: ToolsToFinalOutputResult(True, results),
    ],
)
def test_the_model_is_asked_about_a_call_that_was_rejected(behavior: Any, always: bool) -> None:
    agent = agent_of(call("pay", order="a"), "Not paid.", tool_use_behavior=behavior)
    state = Runner.run_sync(agent, "x").to_state()
    state.reject(state.get_interruptions()[0], always_reject=always)
    result = Runner.run_sync(agent, state)
    assert result.final_output == "Not paid."
    assert outputs(result) == ["Tool execution was not approved."]


def test_a_call_that_was_made_before_its_tool_was_rejected_ends_the_run() -> None:
    buy = function_tool(
        lambda price: f"bought for {price}",
        name_override="buy",
        needs_approval=lambda context, arguments, call_id: arguments["price"] > 5,
    )
    calls = [call("buy", price=1), call("buy", price=9)]
    agent = Agent(
        "A", tools=[buy], model=ScriptedModel([calls]), tool_use_behavior="stop_on_first_tool"
    )
    state = Runner.run_sync(agent, "x").to_state()
    state.reject(state.get_interruptions()[0], always_reject=True)
    assert Runner.run_sync(agent, state).final_output == "bought for 1"


class Total(BaseModel):
    total: int


@dataclass
class Point:
    x: int
    y: int


class Row(TypedDict):
    name: str


@pytest.mark.parametrize(
    ("kind", "answer", "value"),
    [
        (Total, '{"total": 3}', Total(total=3)),
        (Point, '{"response": {"x": 1, "y": 2}}', Point(1, 2)),
        (list[int], '{"response": [1, 2]}', [1, 2]),
        (Row, '{"name": "Zoë"}', {"name": "Zoë"}),
        (bool, '{"response": false}', False),
        (int | None, '{"response": null}', None),
    ],
)
def test_outputs_of_all_types_come_at_the_end(kind: Any, answer: str, value: Any) -> None:
    agent = agent_of(call("pay", order="a"), text(answer), output_type=kind)
    result = Runner.run_sync(agent, approved(Runner.run_sync(agent, "x").to_state(), agent))
    assert result.final_output == value
    forked = carried(result.to_state().fork(turn=1), agent)
    assert [item.type for item in forked._record.conversation.new_items][-1] == (
        "tool_call_output_item"
    )


def test_guardrails_are_asked_once() -> None:
    @input_guardrail
    def before(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
        done.append(f"in {given}")
        return GuardrailFunctionOutput({"seen": given}, False)

    @output_guardrail
    def after(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        done.append(f"out {output}")
        return GuardrailFunctionOutput(None, False)

    agent = agent_of(
        call("pay", order="a"), "Done.", input_guardrails=[before], output_guardrails=[after]
    )
    state = Runner.run_sync(agent, "x").to_state()
    result = Runner.run_sync(agent, approved(state, agent))
    assert done == ["in x", "pay a", "out Done."]
    [seen] = result.input_guardrail_results
    assert (seen.output.output_info, seen.guardrail) == ({"seen": "x"}, before)
    assert len(result.output_guardrail_results) == 1


def test_an_output_that_was_stopped_is_asked_for_again_and_its_calls_are_not() -> None:
    @output_guardrail
    def check(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, output == "bad")

    agent = agent_of(call("pay", order="a"), "bad", "good", output_guardrails=[check])
    state = approved(Runner.run_sync(agent, "x").to_state(), agent)
    with pytest.raises(OutputGuardrailTripwireTriggered) as stopped:
        Runner.run_sync(agent, state)
    data: Any = stopped.value.run_data
    assert Runner.run_sync(agent, carried(data.to_state(), agent)).final_output == "good"
    assert done == ["pay a"]


# Counting


@every_driver
def test_usage_and_limits_count_over_all_parts(run: Any) -> None:
    limits = RunConfig(usage_limits=UsageLimits(requests=2, tool_calls=2))
    script = [call("pay", order=n) for n in "ab"]
    agent = agent_of(*script, "Done.")
    state = run(agent, "x", run_config=limits).to_state()
    result = run(agent, approved(state, agent), run_config=limits)
    assert result.usage.requests == 2
    assert result.usage_by_agent["A"].requests == 2
    with pytest.raises(UsageLimitExceeded, match="2 requests"):
        run(agent, approved(result.to_state(), agent), run_config=limits)
    assert done == ["pay a", "pay b"]


def test_a_limit_of_calls_counts_a_run_that_goes_on_inside_once() -> None:
    inner = agent_of(call("pay", order="a"), "inside")
    outer = agent_of(call("ask", input="go"), "Done.", tools=[inner.as_tool("ask", "Ask.")])
    config = RunConfig(usage_limits=UsageLimits(tool_calls=2))
    state = Runner.run_sync(outer, "x", run_config=config).to_state()
    result = Runner.run_sync(outer, approved(state, outer), run_config=config)
    assert result.final_output == "Done."


@every_driver
def test_a_session_gets_whole_turns_once(run: Any) -> None:
    agent = agent_of(call("look", order="a"), call("pay", order="b"), "Done.")
    session = SQLiteSession("s")
    session.add_items([{"role": "user", "content": "before"}])

    def kinds() -> list[str]:
        return [item.get("role") or item["type"] for item in session.get_items()]

    state = run(agent, "x", session=session).to_state()
    first = ["user", "user", "function_call", "function_call_output"]
    assert kinds() == first
    state = carried(state, agent)
    assert len(run(agent, state, session=session).interruptions) == 1  # nothing is decided
    assert kinds() == first
    run(agent, approved(state, agent), session=session)
    assert kinds() == [*first, "function_call", "function_call_output", "assistant"]


# States


@dataclass
class Customer:
    name: str


class Guest(BaseModel):
    name: str


@pytest.mark.parametrize(
    ("context", "write", "read"),
    [
        (Customer("Zoë"), asdict, lambda told: Customer(**told)),
        (Guest(name="Zoë"), Guest.model_dump, Guest.model_validate),
        ({"name": "Zoë"}, dict, dict),
        (None, lambda context: None, lambda told: None),
    ],
    ids=["dataclass", "model", "dict", "none"],
)
def test_a_context_of_any_kind_may_go_along(context: Any, write: Any, read: Any) -> None:
    @function_tool(needs_approval=True)
    def greet(context: RunContextWrapper[Any]) -> str:
        """Greet."""
        return repr(context.context)

    agent = agent_of(call("greet"), "Done.", tools=[greet])
    text = (
        Runner.run_sync(agent, "x", context=context).to_state().to_string(context_serializer=write)
    )
    state = RunState.from_string(agent, text, context_deserializer=read)
    state.approve(state.get_interruptions()[0])
    result = Runner.run_sync(agent, state)
    assert outputs(result) == [repr(context)]
    assert result.context_wrapper.context == context


def test_a_context_given_with_the_run_takes_the_place_of_the_state_s() -> None:
    @function_tool(needs_approval=True)
    def who(context: RunContextWrapper[Any]) -> str:
        """Tell who."""
        return str(context.context)

    agent = agent_of(call("who"), "Done.", tools=[who])
    state = Runner.run_sync(agent, "x", context="then").to_state()
    state = carried(state, agent, context="read")
    state.approve(state.get_interruptions()[0])
    assert outputs(Runner.run_sync(agent, state, context="now")) == ["now"]


def test_a_state_is_plain_json_in_any_script() -> None:
    order = "Ünïcode 漢字 🚲 \u2028 \x00"
    agent = agent_of(call("pay", order=order), "Gut.")
    state = Runner.run_sync(agent, [{"role": "user", "content": order}]).to_state()
    told = json.loads(json.dumps(state.to_json()))
    state = RunState.from_json(agent, told)
    state.approve(state.get_interruptions()[0])
    assert outputs(Runner.run_sync(agent, state)) == [f"paid {order}"]


def test_outputs_that_are_no_json_are_what_the_model_saw() -> None:
    class Thing:
        def __str__(self) -> str:
            return "a thing"

    thing = function_tool(Thing, name_override="thing")
    agent = agent_of([call("thing"), call("pay", order="a")], "Done.", tools=[thing, pay])
    state = approved(Runner.run_sync(agent, "x").to_state(), agent)
    assert outputs(Runner.run_sync(agent, state)) == ["a thing", "paid a"]


def test_a_copy_of_the_agent_goes_on_as_well() -> None:
    agent = agent_of(call("pay", order="a"), "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    state.approve(state.get_interruptions()[0])
    copy = agent.clone(name="A", instructions="Anew.")
    assert Runner.run_sync(copy, state).final_output == "Done."
    assert sent(agent).system_instructions == "Anew."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tools": [look]}, r"nothing at tools\[1\]"),
        ({"tools": [pay, look]}, "something else at tools"),
        ({"tools": [look, function_tool(print, name_override="refund")]}, "something else at"),
        ({"name": "Z"}, "of agent 'A', not of 'Z'"),
    ],
)
def test_tools_that_were_changed_are_named_before_anything_is_sent(change: Any, words: str) -> None:
    agent = agent_of(call("pay", order="a"))
    text = Runner.run_sync(agent, "x").to_state().to_string()
    with pytest.raises(UserError, match=words):
        RunState.from_string(agent.clone(**change), text)


def test_agents_that_are_gone_are_named() -> None:
    second = Agent("B", tools=[pay], model=ScriptedModel([call("pay", order="b")]))
    first = agent_of(handoff_to("B"), handoffs=[second])
    text = Runner.run_sync(first, "x").to_state().to_string()
    with pytest.raises(UserError, match=r"agent 'B' at A.handoffs\[0\], where nothing stands"):
        RunState.from_string(first.clone(handoffs=[]), text)


def test_one_checkpoint_may_be_run_by_many_at_once() -> None:
    def script(request: Any) -> Any:
        return "Done." if len(request.input) > 1 else call("pay", order="a")

    agent = agent_of(model=ScriptedModel(script))
    state = Runner.run_sync(agent, "x").to_state()
    state.approve(state.get_interruptions()[0])
    before = state.to_string()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: Runner.run_sync(agent, state), range(8)))
    assert {result.final_output for result in results} == {"Done."}
    assert [result.usage.requests for result in results] == [2] * 8
    assert state.to_string() == before


def test_many_states_are_run_beside_each_other() -> None:
    def script(request: Any) -> Any:
        if len(request.input) > 1:
            return "Done."
        return call("pay", order=request.input[0]["content"])

    agent = agent_of(model=ScriptedModel(script))
    paused = [each.unwrap() for each in Runner.run_many(agent, ["a", "b", "c"])]
    states = [approved(result.to_state(), agent) for result in paused]
    outcomes = list(Runner.run_many(agent, states))
    assert sorted(done) == ["pay a", "pay b", "pay c"]
    assert {each.unwrap().final_output for each in outcomes} == {"Done."}
    assert all(each.input in states for each in outcomes)


@every_stream
def test_a_stream_that_goes_on_tells_of_the_whole_turn(read: Any) -> None:
    agent = agent_of([call("look", order="a"), call("pay", order="b")], "Done.")
    events, paused = read(agent, "x")
    state = approved(paused.to_state(), agent)
    events, result = read(agent, state)
    told = [event.name for event in events if event.type == "run_item_stream_event"]
    assert told == ["tool_called"] * 2 + ["tool_output"] * 2 + ["message_output_created"]
    assert result.final_output == "Done."


def test_a_reader_may_leave_at_the_call_that_waits() -> None:
    agent = agent_of(call("pay", order="a"), "Done.")
    stream = Runner.run_streamed(agent, "x")
    for event in stream.stream_events():
        if getattr(event, "name", None) == "tool_approval_requested":
            break
    state = approved(stream.to_state(), agent)
    assert Runner.run_sync(agent, state).final_output == "Done."


def test_hooks_are_told_of_each_call_once() -> None:
    class Heard(RunHooks[Any]):
        def on_tool_start(self, context: Any, agent: Any, tool: Any) -> None:
            told.append(f"start {tool.name}")

        def on_tool_end(self, context: Any, agent: Any, tool: Any, result: Any) -> None:
            told.append(f"end {tool.name}")

        def on_llm_start(self, *_: Any) -> None:
            told.append("ask")

    told: list[str] = []
    agent = agent_of([call("look", order="a"), call("pay", order="b")], "Done.")
    state = Runner.run_sync(agent, "x", hooks=Heard()).to_state()
    Runner.run_sync(agent, approved(state, agent), hooks=Heard())
    assert told == ["ask", "start look", "end look", "start pay", "end pay", "ask"]


def test_more_may_be_said_again_and_again() -> None:
    agent = agent_of(call("pay", order="a"), "Done.")
    state = Runner.run_sync(agent, "x").to_state()
    state.add_input("And then?")
    state = approved(state, agent)
    state.add_input([{"role": "user", "content": "And then?"}])
    result = Runner.run_sync(agent, state)
    roles = [each.get("role") or each["type"] for each in sent(agent).input]
    assert roles == ["user", "function_call", "function_call_output", "user", "user"]
    assert result.final_output == "Done."


def test_a_finished_state_can_be_forked_and_not_run() -> None:
    agent = agent_of(call("pay", order="a"), "Done.", "Again.")
    state = approved(Runner.run_sync(agent, "x").to_state(), agent)
    finished = Runner.run_sync(agent, state).to_state()
    with pytest.raises(UserError, match="finished"):
        Runner.run_sync(agent, finished)
    assert Runner.run_sync(agent, finished.fork(turn=1)).final_output == "Again."
    assert done == ["pay a"]


def test_a_fork_before_a_decision_is_undecided() -> None:
    first = [call("look", order="1"), call("pay", order="a")]
    agent = agent_of(*first, "Done.", call("pay", order="b"))
    state = approved(Runner.run_sync(agent, "x").to_state(), agent)
    finished = Runner.run_sync(agent, state).to_state()
    [item] = Runner.run_sync(agent, finished.fork(turn=1)).interruptions
    assert item.arguments == '{"order":"b"}'
    assert done == ["look 1", "pay a"]


@function_tool(needs_approval=True)
def picked(order: str) -> str:
    """Pick."""
    return order


PICKLED = Agent("Pickled", tools=[picked], model="m")


def test_a_state_can_be_pickled() -> None:
    config = RunConfig(model=ScriptedModel([call("picked", order="a"), "Done."]))
    state = Runner.run_sync(PICKLED, "x", run_config=config).to_state()
    state = pickle.loads(pickle.dumps(state))
    state.approve(state.get_interruptions()[0])
    assert Runner.run_sync(PICKLED, state, run_config=config).final_output == "Done."


def test_a_model_of_another_run_config_goes_on() -> None:
    agent = agent_of(call("pay", order="a"))
    other = ScriptedModel(["Done elsewhere."])
    state = approved(Runner.run_sync(agent, "x").to_state(), agent)
    result = Runner.run_sync(agent, state, run_config=RunConfig(model=other))
    assert result.final_output == "Done elsewhere."


def test_states_of_one_result_know_nothing_of_each_other() -> None:
    agent = agent_of(call("pay", order="a"), "Done.")
    result = Runner.run_sync(agent, "x")
    decided, other = result.to_state(), result.to_state()
    decided.approve(decided.get_interruptions()[0])
    assert len(other.get_interruptions()) == len(result.interruptions) == 1
    assert len(Runner.run_sync(agent, other).interruptions) == 1
    assert done == []


def test_an_agent_inside_may_wait_again_and_again() -> None:
    inner = agent_of(*[call("pay", order=n) for n in "abc"], "inside")
    outer = agent_of(call("ask", input="go"), "Done.", tools=[inner.as_tool("ask", "Ask.")])
    result = Runner.run_sync(outer, "x")
    for _ in "abc":
        assert [item.agent for item in result.interruptions] == [inner]
        result = Runner.run_sync(outer, approved(result.to_state(), outer))
    assert (result.final_output, done) == ("Done.", ["pay a", "pay b", "pay c"])


def test_a_state_is_not_changed_by_a_run_that_fails() -> None:
    def script(request: Any) -> Any:
        if len(request.input) > 1:
            raise RuntimeError("down")
        return call("pay", order="a")

    agent = agent_of(model=ScriptedModel(script))
    state = approved(Runner.run_sync(agent, "x").to_state(), agent)
    before = state.to_string()
    with pytest.raises(RuntimeError, match="down"):
        Runner.run_sync(agent, state)
    assert state.to_string() == before


def test_a_merge_of_a_session_is_asked_for_once() -> None:
    def merge(history: list[Any], new: list[Any]) -> list[Any]:
        done.append("merged")
        return history[-1:] + new

    session = SQLiteSession("s")
    for word in "ab":
        session.add_items([{"role": "user", "content": word}])
    config = RunConfig(session_input_callback=merge)
    agent = agent_of(call("pay", order="c"), "Done.")
    state = Runner.run_sync(agent, "x", session=session, run_config=config).to_state()
    Runner.run_sync(agent, approved(state, agent), session=session, run_config=config)
    assert done == ["merged", "pay c"]
    assert [each.get("content") for each in sent(agent).input[:2]] == ["b", "x"]
    assert len(session.get_items()) == 6


def test_an_answer_inside_that_made_the_run_fail_is_asked_for_again_there() -> None:
    calls = [call("look", order="a"), call("pay", order="b")]
    inner = agent_of(calls, "no JSON", text('{"total": 1}'), output_type=Total)
    tool = inner.as_tool("ask", "Ask.", failure_error_function=None)
    outer = agent_of(call("ask", input="go", call_id="0"), "Done.", tools=[tool])
    state = approved(Runner.run_sync(outer, "x").to_state(), outer)
    with pytest.raises(ModelBehaviorError) as failed:
        Runner.run_sync(outer, state)
    data: Any = failed.value.run_data
    result = Runner.run_sync(outer, carried(data.to_state(), outer))
    assert outputs(result) == [Total(total=1)]
    assert (result.final_output, done) == ("Done.", ["look a", "pay b"])


def test_a_discarded_answer_leaves_no_run_behind_for_the_next() -> None:
    inner = agent_of("first")
    tools = [inner.as_tool("ask", "Ask.")]
    wrong = [call("ask", input="wrong", call_id="0"), call("nope", call_id="1")]
    outer = agent_of(wrong, call("ask", input="right", call_id="0"), "Done.", tools=tools)
    with pytest.raises(ModelBehaviorError, match="nope") as failed:
        Runner.run_sync(outer, "x")
    data: Any = failed.value.run_data
    result = Runner.run_sync(outer, carried(data.to_state(), outer))
    assert outputs(result) == ["first"]
    inner_model: Any = inner.model
    assert [each["content"] for each in inner_model.requests[0].input] == ["right"]
