"""Tools and guardrails declared of methods."""

from __future__ import annotations

from typing import Any

import pytest

from agents_lite import (
    Agent,
    GuardrailFunctionOutput,
    RunContextWrapper,
    Runner,
    ToolGuardrailFunctionOutput,
    function_tool,
    input_guardrail,
    output_guardrail,
    tool_input_guardrail,
)
from agents_lite.exceptions import InputGuardrailTripwireTriggered, UserError
from agents_lite.testing import ScriptedModel, call, text, turn


class Shop:
    def __init__(self, stock: dict[str, int]) -> None:
        self.stock = stock

    @function_tool
    def buy(self, item: str, count: int = 1) -> int:
        """Buy something.

        Args:
            item: What.
        """
        self.stock[item] -= count
        return self.stock[item]

    @function_tool(name_override="count_stock", timeout=5)
    async def count(self, ctx: RunContextWrapper[str], item: str) -> str:
        return f"{self.stock[item]} for {ctx.context}"

    @function_tool
    @staticmethod
    def hours(day: str) -> str:
        return f"open on {day}"

    @input_guardrail(name="is_open", run_in_parallel=False)
    def check_open(self, ctx: Any, agent: Agent[Any], input: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(dict(self.stock), not self.stock)

    @output_guardrail
    async def check_output(self, ctx: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(dict(self.stock), False)

    @tool_input_guardrail
    def check_call(self, data: Any) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.allow(dict(self.stock))


@function_tool
def free(item: str) -> str:
    return item


class Holder:
    """A tool of no method, kept in a class."""

    tool = free


def test_a_tool_of_a_method_belongs_to_the_instance() -> None:
    first, second = Shop({"tea": 5}), Shop({"tea": 9})
    model = ScriptedModel(
        [turn(call("buy", item="tea", count=2), call("count_stock", item="tea")), text("done")]
    )
    agent = Agent("A", model=model, tools=[first.buy, first.count, Shop.hours])
    Runner.run_sync(agent, "Hi", context="Ada")
    assert (first.stock, second.stock) == ({"tea": 3}, {"tea": 9})
    outputs = [item["output"] for item in model.requests[1].input if "output" in item]
    assert outputs[0] == "3"
    assert outputs[1].endswith("for Ada")


def test_the_instance_is_no_parameter() -> None:
    for tool in (Shop.buy, Shop({}).buy):
        assert list(tool.params_json_schema["properties"]) == ["item", "count"]
        assert tool.params_json_schema["properties"]["item"]["description"] == "What."
        assert (tool.name, tool.description) == ("buy", "Buy something.")
    assert Shop({}).count.timeout == 5


def test_a_tool_of_no_method_stays_what_it_is() -> None:
    assert Holder().tool is free
    assert Shop({}).hours is Shop.hours


def test_guardrails_of_methods_belong_to_the_instance() -> None:
    shop = Shop({"tea": 1})
    tool = function_tool(len, tool_input_guardrails=[shop.check_call])
    agent = Agent(
        "A",
        model=ScriptedModel([turn(call("len", obj=[1])), text("done")]),
        tools=[tool],
        input_guardrails=[shop.check_open],
        output_guardrails=[shop.check_output],
    )
    result = Runner.run_sync(agent, "Hi")
    for outcome in (
        result.input_guardrail_results[0].output,
        result.output_guardrail_results[0].output,
        result.tool_input_guardrail_results[0].output,
    ):
        assert outcome.output_info == {"tea": 1}
    assert result.input_guardrail_results[0].guardrail.get_name() == "is_open"
    closed = Agent("A", model=ScriptedModel([]), input_guardrails=[Shop({}).check_open])
    with pytest.raises(InputGuardrailTripwireTriggered):
        Runner.run_sync(closed, "Hi")


@pytest.mark.parametrize(
    "options",
    [
        {"tools": [Shop.buy]},
        {"input_guardrails": [Shop.check_open]},
        {"output_guardrails": [Shop.check_output]},
    ],
)
def test_what_lacks_its_instance_is_refused_with_the_remedy(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"is a method of Shop.*Shop\(\.\.\.\)\."):
        Agent("A", **options)
    with pytest.raises(UserError, match=r"Shop\(\.\.\.\)\.check_call"):
        function_tool(len, tool_input_guardrails=[Shop.check_call])


@pytest.mark.parametrize("decorate", [function_tool, input_guardrail, tool_input_guardrail])
def test_class_methods_are_refused_when_they_are_declared(decorate: Any) -> None:
    with pytest.raises(UserError, match="no class method such as .*Inner.first: make it a method"):

        class Inner:
            @decorate
            @classmethod
            def first(cls, data: Any) -> None: ...

    with pytest.raises(UserError, match="no class method such as .*Outer.second: make it a"):

        class Outer:
            @classmethod
            @decorate
            def second(cls, data: Any) -> None: ...
