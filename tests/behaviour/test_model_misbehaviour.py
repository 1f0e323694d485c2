"""Whatever a model does wrong has one outcome; docs/errors.md lists them for users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite import (
    Agent,
    APIResponseError,
    MaxTurnsExceeded,
    ModelBehaviorError,
    ModelRefusalError,
    ResponseFailedError,
    RunConfig,
    UsageLimitExceeded,
    UsageLimits,
    function_tool,
    handoff,
)
from agents_lite.testing import call, final, handoff_to, reasoning, refusal, text, turn
from tests.support.drivers import every_driver, every_driver_here
from tests.support.models import BluntModel

ADD = call("add", a=1, b=2, call_id="c1")
TELL_MODEL = RunConfig(tool_not_found="tell_model")
MALFORMED = "An error occurred while parsing tool arguments. Please try again with valid JSON."
MISFIT = "An error occurred while running the tool. Please try again. Error: "
IGNORED = "Multiple handoffs detected, ignoring this one."


class Sum(BaseModel):
    total: int


def fields(item: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The item with fields changed; ... leaves one out."""
    return {name: value for name, value in {**item, **changes}.items() if value is not ...}


def message(content: Any) -> dict[str, Any]:
    return fields(text(""), content=content)


def for_ever(output: Any) -> Callable[[Any], Any]:
    return lambda request: output


@dataclass
class Case:
    """What a model says, and what comes of it."""

    says: Any
    """The output of its first turn, after which it says "done" or {"total": 3}; or its script."""
    error: type[Exception] | None = None
    message: str = ""
    """What the error says, a pattern."""
    told: list[str] | None = None
    """How the outputs begin that the model is sent back; None: it is not asked again."""
    final: Any = "done"
    config: RunConfig | None = None
    ran: list[str] = field(default_factory=list)
    """The tools that ran."""
    output_type: Any = None


def wrong(says: Any, message: str, ran: tuple[str, ...] = (), **options: Any) -> Case:
    return Case(says, ModelBehaviorError, message, ran=list(ran), **options)


CASES = {
    # Arguments
    "malformed arguments": Case([call("add", '{"a": 1')], told=[MALFORMED]),
    "arguments in Python": Case([call("add", "{'a': 1, 'b': 2}")], told=[MALFORMED]),
    "arguments with a text around": Case([call("add", 'ok: {"a": 1}')], told=[MALFORMED]),
    "arguments nested too deeply": Case([call("add", '{"a":' * 5000)], told=[MALFORMED]),
    "a list of arguments": Case([call("add", "[1, 2]")], told=[MISFIT]),
    "a missing argument": Case([call("add", a=1)], told=[MISFIT]),
    "a mistyped argument": Case([call("add", a=1, b="two")], told=[MISFIT]),
    "an argument null": Case([call("add", a=1, b=None)], told=[MISFIT]),
    "a list as a text of its own": Case([call("total", of="[1, 2]")], told=["3"], ran=["total"]),
    "null for what has a default": Case([call("total", of=None)], told=["0"], ran=["total"]),
    "an argument too many": Case([call("add", a=1, b=2, c=3)], told=["3"], ran=["add"]),
    "numbers as text": Case([call("add", a="1", b="2")], told=["3"], ran=["add"]),
    "no arguments": Case([call("now", "")], told=["noon"], ran=["now"]),
    "arguments null": Case([fields(call("now"), arguments=None)], told=["noon"], ran=["now"]),
    "arguments left out": Case([fields(call("now"), arguments=...)], told=["noon"], ran=["now"]),
    "an object for arguments": Case(
        [fields(ADD, arguments={"a": 1, "b": 2})], told=["3"], ran=["add"]
    ),
    "blank arguments": Case([call("now", " \n")], told=["noon"], ran=["now"]),
    "the word null for arguments": Case([call("now", " null ")], told=["noon"], ran=["now"]),
    "nothing where arguments are needed": Case([call("add", "null")], told=[MISFIT]),
    "a list instead of arguments": Case([fields(ADD, arguments=[1, 2])], told=[MISFIT]),
    "malformed, failures raised": wrong([call("strict", "{")], "Invalid JSON"),
    "mistyped, failures raised": wrong([call("strict", number="x")], "strict"),
    "malformed beside good ones": Case(
        [call("add", "{"), ADD, call("add", a="?", b=1)], told=[MALFORMED, "3", MISFIT], ran=["add"]
    ),
    # Calls
    "an unknown tool": wrong([call("nope")], "^Tool nope not found in agent A$"),
    "an unknown tool, told": Case(
        [call("nope"), ADD], told=["3", "Tool 'nope' not found."], ran=["add"], config=TELL_MODEL
    ),
    "an unknown tool beside others": wrong([call("nope"), ADD], "nope not found"),
    "a tool not offered": wrong([call("hidden")], "^Tool hidden not found in agent A$"),
    "a handoff not offered": wrong([handoff_to("D")], "^Tool transfer_to_d not found in agent A$"),
    "a tool name in capitals": wrong([call("ADD", a=1, b=2)], "ADD not found"),
    "no call_id": wrong([fields(ADD, call_id="")], "function_call without its call_id"),
    "call_id null": wrong([fields(ADD, call_id=None)], "function_call without its call_id"),
    "a list for a call_id": wrong([fields(ADD, call_id=["c1"])], "without its call_id"),
    "no name": wrong([fields(ADD, name=...)], "function_call without its name"),
    "a call_id twice": Case(
        [ADD, call("add", a=2, b=2, call_id="c1")], told=["3", "4"], ran=["add"] * 2
    ),
    "a call_id of a call and a handoff": Case(
        [fields(handoff_to("B"), call_id="c1"), ADD],
        told=["3", '{"assistant":"B"}'],
        ran=["add"],
    ),
    "a call_id of an earlier turn": Case([[ADD], [ADD], "done"], told=["3"], ran=["add", "add"]),
    "an unknown computer": wrong(
        [{"type": "computer_call", "call_id": "c1", "action": {}}], "the agent has no ComputerTool"
    ),
    "an output of its own": Case(
        [{"type": "function_call_output", "call_id": "c9", "output": "42"}, ADD],
        told=["3"],
        ran=["add"],
    ),
    "endless calls": Case(
        for_ever(call("add", a=1, b=2)), MaxTurnsExceeded, r"Max turns \(10\)", ran=["add"] * 10
    ),
    "endless calls, limited": Case(
        for_ever(call("add", a=1, b=2)),
        UsageLimitExceeded,
        "limit of 3 tool calls",
        ran=["add"] * 3,
        config=RunConfig(usage_limits=UsageLimits(tool_calls=3)),
    ),
    # Handoffs
    "several handoffs": Case(
        [handoff_to("B"), handoff_to("C", total=1)], told=[IGNORED, '{"assistant":"B"}']
    ),
    "one handoff twice": Case(
        [handoff_to("B"), handoff_to("B")], told=[IGNORED, '{"assistant":"B"}']
    ),
    "handoffs and calls": Case(
        [handoff_to("B"), ADD, handoff_to("C", total=1)],
        told=["3", IGNORED, '{"assistant":"B"}'],
        ran=["add"],
    ),
    "malformed input of a handoff": wrong([call("transfer_to_c", "{")], "handoff to C: '{'"),
    "mistyped input of a handoff": wrong([handoff_to("C", total="x")], "handoff to C"),
    "no input of a handoff": wrong([call("transfer_to_c", "")], "handoff to C: ''"),
    "input of a handoff without": Case([handoff_to("B", x=1)], told=['{"assistant":"B"}']),
    "handoffs in circles": Case(for_ever(handoff_to("A")), MaxTurnsExceeded, "Max turns"),
    # Answers
    "no output": Case([], final=""),
    "only reasoning": Case([reasoning("hm")], final=""),
    "an empty text": Case([text("")], final=""),
    "a message of no parts": Case([message([])], final=""),
    "no structured output": Case([], told=[], final=Sum(total=3), output_type=Sum),
    "only reasoning, structured": Case(
        [reasoning("hm")], told=[], final=Sum(total=3), output_type=Sum
    ),
    "never a structured output": Case(
        for_ever([]), MaxTurnsExceeded, "Max turns", output_type=Sum
    ),
    "a refusal": Case([refusal("No!")], ModelRefusalError, "refused to answer as agent A: No!"),
    "a refusal, structured": Case([refusal("No!")], ModelRefusalError, "No!", output_type=Sum),
    "a refusal beside a call": Case([refusal("No!"), ADD], told=["3"], ran=["add"]),
    "invalid structured output": wrong(
        [text('{"total": "x"}')], "not valid JSON for Sum(.|\n)*The output was", output_type=Sum
    ),
    "a bare list for structured output": Case([text("[3]")], final=[3], output_type=list[int]),
    "prose for structured output": wrong([text("Three.")], "Three", output_type=Sum),
    "prose around structured output": wrong(
        [text('Here: {"total": 3}')], "not valid JSON for Sum", output_type=Sum
    ),
    "other structured output": wrong([final({"sum": 3})], "total", output_type=Sum),
    "an answer cut short": Case(
        turn("Once upon", status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        ResponseFailedError,
        "response.incomplete",
    ),
    # Items
    "content null": wrong([message(None)], "A: the model sent a message without readable content"),
    "content null beside a call": Case([message(None), ADD], told=["3"], ran=["add"]),
    "text null beside a call": Case(
        [message([{"type": "output_text", "text": None}]), ADD], told=["3"], ran=["add"]
    ),
    "no content and no text beside a call": Case(
        [message(...), message([{"type": "output_text"}]), ADD], told=["3"], ran=["add"]
    ),
    "a number for content": wrong([message(5)], "without readable content"),
    "parts that are none": wrong([message(["x"])], "without readable content"),
    "a number for a text": wrong(
        [message([{"type": "output_text", "text": 5}])], "without readable content"
    ),
    "a part without its text": wrong(
        [message([{"type": "output_text"}])], "without readable content"
    ),
    "text for content": Case([message("hello")], final="hello"),
    "an item of no type": wrong([{"id": "x"}], "A: the model sent an item of no type"),
    "a number for a type": wrong([{"type": 5}], "A: the model sent an item of no type"),
    "what is no item": Case(turn(output=[None, 1, "x"]), APIResponseError, "no output items"),
    "an unknown kind of item": Case([{"type": "hologram"}, ADD], told=["3"], ran=["add"]),
    "reasoning that leads to nothing": Case([ADD, reasoning("hm")], told=["3"], ran=["add"]),
    "nonsense for usage": Case(turn("done", usage={"input_tokens": "many", "total_tokens": []})),
    "usage that is none": Case(turn("done", usage=["many"])),  # type: ignore[arg-type]
}


def script_of(case: Case) -> Any:
    if callable(case.says):
        return case.says
    is_script = isinstance(case.says, list) and isinstance((case.says or [None])[0], list)
    if is_script:
        return case.says
    goes_on = case.told is not None
    return [case.says, *["done" if case.output_type is None else final(Sum(total=3))] * goes_on]


def cast(model: BluntModel, output_type: Any, ran: list[str]) -> Agent[Any]:
    """Agents and tools for the model to go wrong with."""

    @function_tool
    def add(a: int, b: int) -> int:
        ran.append("add")
        return a + b

    @function_tool
    def now() -> str:
        ran.append("now")
        return "noon"

    @function_tool
    def total(of: list[int] = []) -> int:  # noqa: B006
        ran.append("total")
        return sum(of)

    @function_tool(failure_error_function=None)
    def strict(number: int) -> None:
        ran.append("strict")

    @function_tool(is_enabled=False)
    def hidden() -> None:
        ran.append("hidden")

    tools = [add, now, total, strict, hidden]
    shared: dict[str, Any] = {"model": model, "tools": tools, "output_type": output_type}
    first, second, third = (Agent(name=name, **shared) for name in "ABC")
    to_third = handoff(third, input_type=Sum, on_handoff=lambda context, given: None)
    first.handoffs = [second, to_third, handoff(first)]
    return first


@every_driver_here
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_each_misbehaviour_has_its_outcome(run: Any, case: Case) -> None:
    ran: list[str] = []
    model = BluntModel(script_of(case))
    agent = cast(model, case.output_type, ran)
    if case.error is None:
        assert run(agent, "Hi", run_config=case.config).final_output == case.final
        model.assert_finished()
    else:
        with pytest.raises(case.error, match=case.message) as caught:
            run(agent, "Hi", run_config=case.config)
        assert type(caught.value) is case.error or case.error is ModelBehaviorError
        assert caught.value.run_data is not None  # type: ignore[attr-defined]
        assert caught.value.run_data.input == "Hi"  # type: ignore[attr-defined]
    assert ran == case.ran
    if case.told is not None:
        check_told(model.requests[1].input, case.told)


def check_told(sent: list[dict[str, Any]], told: list[str]) -> None:
    """The second request holds these outputs, and nothing that the API would refuse."""
    outputs = [item["output"] for item in sent if item.get("type") == "function_call_output"]
    assert len(outputs) == len(told)
    assert all(map(str.startswith, outputs, told))
    assert sent[-1].get("type") != "reasoning"


@every_driver
def test_what_was_done_before_the_misbehaviour_is_in_the_error(run: Any) -> None:
    ran: list[str] = []
    model = BluntModel([[ADD], [call("nope")]])
    with pytest.raises(ModelBehaviorError) as caught:
        run(cast(model, None, ran), "Hi")
    done = caught.value.run_data
    assert done is not None
    assert [item.type for item in done.new_items] == [
        "tool_call_item", "tool_call_output_item", "tool_call_item",
    ]  # fmt: skip
    assert (done.usage.requests, done.last_agent.name) == (2, "A")
