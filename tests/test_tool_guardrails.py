"""Declaring checks of function tools."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents_lite.exceptions import UserError
from agents_lite.tool_context import ToolContext
from agents_lite.tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
    tool_input_guardrail,
    tool_output_guardrail,
)

CONTEXT: ToolContext[Any] = ToolContext(None, tool_name="f", tool_arguments="{}")
AGENT: Any = object()


def test_bare_decorators_take_the_function_s_name() -> None:
    @tool_input_guardrail
    def no_secrets(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.reject_content(f"not {data.context.tool_name}")

    @tool_output_guardrail
    async def no_leaks(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.allow(data.output)

    assert isinstance(no_secrets, ToolInputGuardrail)
    assert isinstance(no_leaks, ToolOutputGuardrail)
    assert (no_secrets.get_name(), no_leaks.get_name()) == ("no_secrets", "no_leaks")
    verdict = no_secrets.guardrail_function(ToolInputGuardrailData(CONTEXT, AGENT))
    assert verdict == ToolGuardrailFunctionOutput.reject_content("not f")


def test_decorators_take_a_name() -> None:
    @tool_input_guardrail(name="first")
    def check_input(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput()

    @tool_output_guardrail(name="second")
    def check_output(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.allow(data.output)

    assert (check_input.get_name(), check_output.get_name()) == ("first", "second")
    verdict = check_output.guardrail_function(ToolOutputGuardrailData(CONTEXT, AGENT, "out"))
    assert verdict == ToolGuardrailFunctionOutput("out", {"type": "allow"})


def test_verdicts() -> None:
    made = ToolGuardrailFunctionOutput
    assert made.allow() == made() == made(None, {"type": "allow"})
    rejected = made.reject_content("no", output_info=1)
    assert rejected == made(1, {"type": "reject_content", "message": "no"})
    assert made.raise_exception({"why": "x"}).behavior == {"type": "raise_exception"}


@pytest.mark.parametrize("behavior", ["allow", {"type": "stop"}, {"type": "reject_content"}])
def test_a_verdict_has_one_of_three_behaviors(behavior: Any) -> None:
    with pytest.raises(UserError, match=r"reject_content\(message\)"):
        ToolGuardrailFunctionOutput(behavior=behavior)


@pytest.mark.parametrize("decorator", [tool_input_guardrail, tool_output_guardrail])
def test_what_cannot_be_called_is_no_guardrail(decorator: Any) -> None:
    for declare in (decorator, decorator(name="mine")):
        with pytest.raises(UserError, match=f"@{decorator.__name__} decorates must be a"):
            declare("no")


def test_they_can_be_asked_outside_a_run() -> None:
    @tool_input_guardrail
    def plain(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput(data.context.tool_name)

    @tool_output_guardrail
    async def later(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput(data.output)

    verdict = asyncio.run(plain.run(ToolInputGuardrailData(CONTEXT, AGENT)))
    assert verdict.output_info == "f"
    verdict = asyncio.run(later.run(ToolOutputGuardrailData(CONTEXT, AGENT, "seen")))
    assert verdict.output_info == "seen"
