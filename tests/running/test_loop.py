"""The loop: what a turn leads to, and when it ends."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    MaxTurnsExceeded,
    ModelBehaviorError,
    ModelRefusalError,
    RunConfig,
    Runner,
    UserError,
    WebSearchTool,
    function_tool,
)
from agents_lite.testing import (
    ScriptedModel,
    call,
    final,
    handoff_to,
    reasoning,
    refusal,
    text,
    turn,
)
from agents_lite.testing.validation import check_items
from tests.support.agents import add, calculator_with
from tests.support.drivers import every_driver, every_driver_here, kinds, types
from tests.support.models import BluntModel


class Sum(BaseModel):
    total: int


def part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


ADD = call("add", a=1, b=2, call_id="call_1")


def scripted_calculator(script: list[Any], **fields: Any) -> tuple[Agent[Any], Any]:
    """The agent, and its model."""
    agent = calculator_with(script, **fields)
    return agent, agent.model


@every_driver
def test_tools_are_called_until_the_model_answers(run: Any) -> None:
    agent, model = scripted_calculator([ADD, call("add", a=3, b=4), "10"])
    result = run(agent, "What is 1 + 2 + 3 + 4?")
    assert result.final_output == "10"
    assert types(result.new_items) == ["tool_call", "tool_call_output"] * 2 + ["message_output"]
    turn = ["function_call", "function_call_output"]
    sent = [kinds(request.input) for request in model.requests]
    assert sent == [["user"], ["user", *turn], ["user", *turn, *turn]]
    assert model.requests[1].input[2] == {
        "type": "function_call_output",
        "call_id": "call_1",
        "output": "3",
    }


@every_driver
def test_a_handoff_changes_the_agent(run: Any) -> None:
    agent, model = scripted_calculator([handoff_to("B"), "hello from B"])
    other = Agent(name="B", instructions="Be B.", model=model)
    agent.handoffs = [other]
    result = run(agent, "hi")
    assert result.final_output == "hello from B"
    assert result.last_agent is other
    assert model.requests[1].system_instructions == "Be B."
    assert kinds(model.requests[1].input) == ["user", "function_call", "function_call_output"]


# Limits of turns


@every_driver
@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_turn_too_many_is_refused_before_the_model_is_called(run: Any, most: int) -> None:
    agent, model = scripted_calculator([ADD] * most)
    with pytest.raises(MaxTurnsExceeded) as caught:
        run(agent, "go on", max_turns=most)
    model.assert_finished()
    assert str(caught.value) == f"Max turns ({most}) exceeded"
    data = caught.value.run_data
    assert data is not None
    assert data.input == "go on"
    assert data.last_agent is agent
    assert types(data.new_items) == ["tool_call", "tool_call_output"] * most
    assert len(data.raw_responses) == data.usage.requests == most


def test_the_limit_is_ten_turns_by_default() -> None:
    agent, _ = scripted_calculator([ADD] * 9 + ["done"])
    assert Runner.run_sync(agent, "x").final_output == "done"
    agent, _ = scripted_calculator([ADD] * 10)
    with pytest.raises(MaxTurnsExceeded, match=r"Max turns \(10\) exceeded"):
        Runner.run_sync(agent, "x")


def test_none_is_no_limit() -> None:
    agent, _ = scripted_calculator([ADD] * 30 + ["done"])
    assert Runner.run_sync(agent, "x", max_turns=None).final_output == "done"


def test_turns_are_counted_on_over_handoffs() -> None:
    agent, model = scripted_calculator([ADD, handoff_to("B"), ADD])
    agent.handoffs = [agent.clone(name="B")]
    with pytest.raises(MaxTurnsExceeded):
        Runner.run_sync(agent, "x", max_turns=3)
    model.assert_finished()


# Final output


def test_a_message_beside_a_call_is_not_final() -> None:
    agent, _ = scripted_calculator([[text("Let me see."), ADD], "3"])
    result = Runner.run_sync(agent, "x")
    assert result.final_output == "3"
    assert types(result.new_items) == [
        "message_output",
        "tool_call",
        "tool_call_output",
        "message_output",
    ]


def test_text_is_all_parts_of_the_last_message() -> None:
    two_parts = {**text(""), "content": [part("4"), part("2")]}
    agent, _ = scripted_calculator([[text("no"), two_parts]])
    assert Runner.run_sync(agent, "x").final_output == "42"


@pytest.mark.parametrize("output", [[], [reasoning("hm")]])
def test_no_message_at_all_ends_a_plain_agent_with_nothing(output: list[Any]) -> None:
    agent, _ = scripted_calculator([output])
    assert Runner.run_sync(agent, "x").final_output == ""


@every_driver_here
def test_an_answer_of_tools_of_the_server_alone_is_none_yet(run: Any) -> None:
    searched = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    painted = {"type": "image_generation_call", "id": "ig_1", "result": "AAAA"}
    model = BluntModel([[searched], "Found.", *[[searched]] * 3, [painted]])
    agent = Agent(name="A", model=model, tools=[WebSearchTool()])
    assert run(agent, "x").final_output == "Found."
    assert model.requests[1].input == [{"role": "user", "content": "x"}, searched]
    for option in ("conversation_id", "previous_response_id", "auto_previous_response_id"):
        assert run(agent, "x", **{option: "id_1"}).final_output == ""  # nothing is new to it
    assert run(agent, "x").final_output == ""  # a picture is an answer


@pytest.mark.parametrize("output", [[], [reasoning("hm")], [text("")]])
def test_no_message_at_all_sends_a_typed_agent_round_again(output: list[Any]) -> None:
    agent, _ = scripted_calculator([output, final(Sum(total=3))], output_type=Sum)
    assert Runner.run_sync(agent, "x").final_output == Sum(total=3)


@every_driver
@pytest.mark.parametrize("output_type", [None, Sum])
def test_a_refusal_is_an_error_of_its_own(run: Any, output_type: Any) -> None:
    agent, _ = scripted_calculator([[refusal("I must not.")]], output_type=output_type)
    with pytest.raises(ModelRefusalError) as caught:
        run(agent, "x")
    assert caught.value.refusal == "I must not."
    assert "I must not." in str(caught.value)
    assert "A" in str(caught.value)


@every_driver
@pytest.mark.parametrize("output", ["no JSON", '{"total": "many"}', '{"sum": 3}', "[]"])
def test_output_that_does_not_fit_its_type_is_shown_in_the_error(run: Any, output: str) -> None:
    agent, _ = scripted_calculator([output], output_type=Sum)
    with pytest.raises(ModelBehaviorError) as caught:
        run(agent, "x")
    assert output in str(caught.value)
    assert "Sum" in str(caught.value)


# What is sent


def test_reasoning_goes_back_as_it_came() -> None:
    thought = reasoning("hm", encrypted_content="secret")
    agent, model = scripted_calculator([[thought, ADD], "3"])
    result = Runner.run_sync(agent, "x")
    kept = model.requests[1].input[1]
    assert {name: kept[name] for name in thought} == thought
    assert result.to_input_list()[1] == kept


def test_all_calls_of_a_turn_go_before_all_outputs() -> None:
    agent, model = scripted_calculator([[ADD, call("add", a=3, b=4)], "ok"])
    Runner.run_sync(agent, "x")
    assert kinds(model.requests[1].input) == [
        "user",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
    ]


CALL = {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "3"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}
HELLO = {"role": "user", "content": "hello"}


@pytest.mark.parametrize(
    ("history", "sent"),
    [
        ([CALL, HELLO], ["user"]),
        ([OUTPUT, HELLO], ["user"]),
        ([THOUGHT, CALL, HELLO], ["user"]),
        ([HELLO, CALL, OUTPUT, CALL], ["user", "function_call", "function_call_output"]),
        ([CALL, OUTPUT, HELLO], ["function_call", "function_call_output", "user"]),
    ],
)
def test_a_broken_history_is_mended_and_logged_once(
    history: list[Any], sent: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    agent, model = scripted_calculator([ADD, "ok"])
    with caplog.at_level(logging.WARNING, "agents_lite"):
        result = Runner.run_sync(agent, list(history))
    assert kinds(model.requests[0].input) == sent
    assert kinds(model.requests[1].input)[: len(sent)] == sent
    was_broken = len(sent) < len(history)
    assert len(caplog.records) == was_broken
    assert result.input == history
    assert kinds(result.to_input_list())[: len(sent)] == sent


@pytest.mark.parametrize(
    ("server", "option", "later"),
    [
        ("previous_response_id", {"previous_response_id": "resp_0"}, "resp_1"),
        ("conversation_id", {"conversation_id": "conv_1"}, "conv_1"),
        ("previous_response_id", {"auto_previous_response_id": True}, "resp_1"),
    ],
)
def test_only_what_is_new_is_sent_where_the_server_keeps_the_history(
    server: str, option: dict[str, Any], later: str
) -> None:
    agent, model = scripted_calculator([turn(ADD, id="resp_1"), "3"])
    result = Runner.run_sync(agent, "x", **option)
    assert [kinds(each.input) for each in model.requests] == [["user"], ["function_call_output"]]
    assert getattr(model.requests[0], server) == option.get(server)
    assert getattr(model.requests[1], server) == later
    assert kinds(result.to_input_list()) == [
        "user",
        "function_call",
        "function_call_output",
        "assistant",
    ]


def test_names_of_tools_and_handoffs_may_not_clash() -> None:
    agent, model = scripted_calculator([], tools=[add, add])
    with pytest.raises(UserError, match="A .*add"):
        Runner.run_sync(agent, "x")
    agent, model = scripted_calculator([], handoffs=[Agent(name="b c"), Agent(name="B-C")])
    with pytest.raises(UserError, match="transfer_to_b_c"):
        Runner.run_sync(agent, "x")
    assert model.requests == []


def test_a_clash_with_what_is_not_offered_is_none() -> None:
    hidden = function_tool(name_override="add", is_enabled=False)(lambda: 1)
    agent, _ = scripted_calculator(["ok"], tools=[add, hidden])
    assert Runner.run_sync(agent, "x").final_output == "ok"


@pytest.mark.parametrize(
    "output",
    [
        [{**ADD, "call_id": ""}],
        [{**ADD, "call_id": None}],
    ],
)
def test_a_call_that_cannot_be_answered_is_an_error(output: list[Any]) -> None:
    agent, _ = scripted_calculator([output])
    with pytest.raises(ModelBehaviorError, match="A: the model"):
        Runner.run_sync(agent, "x")


def test_kinds_of_output_never_heard_of_pass_through() -> None:
    strange = {"type": "hologram", "id": "h1", "beams": [{"hue": 3}]}
    searched = {"type": "tool_search_call", "id": "t1", "status": "searching", "call_id": None}
    agent, model = scripted_calculator([[strange, searched, ADD], "ok"])
    result = Runner.run_sync(agent, "x")
    assert model.requests[1].input[1:3] == [strange, searched]
    assert types(result.new_items)[:2] == ["unknown", "tool_call"]
    assert result.new_items[0].raw_item.beams[0].hue == 3


def test_the_order_inside_a_turn() -> None:
    """Function calls, unknown tools, then the handoff."""
    agent, model = scripted_calculator([[handoff_to("B"), call("nope"), ADD, text("bye")], "ok"])
    agent.handoffs = [Agent(name="B", model=model)]
    agent.tool_use_behavior = "stop_on_first_tool"
    result = Runner.run_sync(agent, "x", run_config=RunConfig(tool_not_found="tell_model"))
    outputs = [item.raw_item.output for item in result.new_items if "output" in item.raw_item]
    assert outputs == ["3", "Tool 'nope' not found.", '{"assistant":"B"}']
    assert result.final_output == "ok"


def test_what_a_run_has_done_cannot_be_changed() -> None:
    tool = function_tool(lambda: "seen", name_override="look")
    model = ScriptedModel([call("look"), "done"])
    result = Runner.run_sync(Agent("A", tools=[tool], model=model), "hi")
    for fact in result._run.record.facts:
        for name in fact._fields:
            with pytest.raises(AttributeError):
                setattr(fact, name, None)


@every_driver_here
def test_arguments_with_half_a_character_are_told_of_to_the_model(run: Any) -> None:
    def echo(text: str) -> str:
        return text

    turns = [call("echo", '{"text":"\ud83d"}'), "Done."]
    agent = Agent("A", tools=[function_tool(echo)], model=ScriptedModel(turns))
    result = run(agent, "x")
    assert result.final_output == "Done."
    assert "Invalid JSON input for tool echo" in result.new_items[1].output
    asking = function_tool(echo, needs_approval=lambda context, arguments, call_id: False)
    asked = run(agent.clone(tools=[asking], model=ScriptedModel(turns)), "x")
    assert len(asked.interruptions) == 1  # what cannot be read is decided by a person


@every_driver_here
@pytest.mark.parametrize(
    ("said", "times_sent"),
    [
        ({"type": "web_search_call", "id": "id_1", "status": "completed"}, 1),
        ({"type": "reasoning", "id": "id_1", "summary": []}, 1),
        ({**text("Let me see."), "id": "id_1"}, 2),
        ({**ADD, "call_id": "call_0", "id": "id_1"}, 4),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_an_id_that_a_server_gives_again_in_a_later_turn_is_sent_once(
    run: Any, said: dict[str, Any], times_sent: int
) -> None:
    again = {**said, "call_id": "call_9"} if "call_id" in said else said
    turns = [turn(said, call("add", a=1, b=2)), turn(again, call("add", a=3, b=4)), "done"]
    agent = Agent(name="A", model=(model := BluntModel(turns)), tools=[add])
    result = run(agent, "Hi")
    sent = model.requests[-1].input
    assert len([item for item in sent if item.get("type") == said["type"]]) == times_sent
    assert [item.get("id") for item in sent].count("id_1") == 1
    for items in (sent, result.to_input_list()):
        check_items(items, [])
