"""Declaring tools."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import re
from typing import Any

import pytest
from pydantic import BaseModel

from agents_lite.agent import Agent
from agents_lite.exceptions import ModelBehaviorError, UserError
from agents_lite.run_context import RunContextWrapper
from agents_lite.tool import (
    CodeInterpreterTool,
    ComputerTool,
    FileSearchTool,
    FunctionTool,
    HostedMCPTool,
    HostedTool,
    ImageGenerationTool,
    Tool,
    WebSearchTool,
    check_tool,
    default_tool_error_function,
    function_tool,
)
from agents_lite.tool_context import ToolContext

CONTEXT: ToolContext[Any] = ToolContext("mine", tool_name="f")


class FunctionArgs(BaseModel):
    username: str
    age: int = 3


# --- function_tool -----------------------------------------------------------------------------


def test_bare_decorator_makes_a_tool_of_a_function() -> None:
    @function_tool
    def get_weather(city: str) -> str:
        """Tell the weather.

        Args:
            city: Where.
        """
        return f"sunny in {city}"

    assert isinstance(get_weather, FunctionTool)
    assert get_weather.name == "get_weather"
    assert get_weather.description == "Tell the weather."
    assert get_weather.params_json_schema["properties"]["city"]["description"] == "Where."
    assert get_weather.on_invoke_tool(CONTEXT, '{"city": "Oslo"}') == "sunny in Oslo"
    assert get_weather.function is not None
    assert get_weather.function("Rome") == "sunny in Rome"
    assert get_weather.failure_error_function is default_tool_error_function


def test_decorator_with_options_hands_them_to_the_tool() -> None:
    def explain(ctx: RunContextWrapper[Any], error: Exception) -> str:
        return "oops"

    @function_tool(
        name_override="fetch",
        description_override="Fetch it.",
        use_docstring_info=False,
        docstring_style="google",
        failure_error_function=explain,
        strict_mode=False,
        is_enabled=lambda ctx, agent: True,
        timeout=1.5,
        needs_approval=True,
        parallel=True,
        on_unknown_end="fail",
        tool_input_guardrails=[],
        tool_output_guardrails=[],
    )
    def f(meta: dict[str, int]) -> int:
        """Ignored."""
        return sum(meta.values())

    assert (f.name, f.description) == ("fetch", "Fetch it.")
    assert f.failure_error_function is explain
    assert not f.strict_json_schema
    assert callable(f.is_enabled)
    assert (f.timeout, f.needs_approval) == (1.5, True)
    assert (f.parallel, f.on_unknown_end) == (True, "fail")
    assert f.tool_input_guardrails == []
    assert f.tool_output_guardrails == []
    assert f.on_invoke_tool(CONTEXT, '{"meta": {"a": 1, "b": 2}}') == 3


def test_function_can_be_passed_along_with_options() -> None:
    tool = function_tool(len, name_override="count", failure_error_function=None)
    assert tool.name == "count"
    assert tool.failure_error_function is None
    assert tool.on_invoke_tool(CONTEXT, '{"obj": [1, 2]}') == 2


def test_coroutine_function_gives_its_coroutine() -> None:
    @function_tool
    async def f(a: int) -> int:
        return a + 1

    assert asyncio.run(f.on_invoke_tool(CONTEXT, '{"a": 1}')) == 2


def test_leading_context_parameter_receives_the_context() -> None:
    @function_tool
    def f(ctx: RunContextWrapper[str], a: int = 1) -> tuple[str, int]:
        return ctx.context, a

    @function_tool
    def g(ctx: ToolContext[str], /, *rest: int) -> tuple[Any, ...]:
        return ctx.tool_name, rest

    assert f.on_invoke_tool(CONTEXT, "") == ("mine", 1)
    assert g.on_invoke_tool(CONTEXT, '{"rest": [2]}') == ("f", (2,))


def test_exceptions_of_the_function_come_through_and_wrong_arguments_do_not_reach_it() -> None:
    @function_tool
    def f(a: int) -> None:
        raise LookupError(a)

    with pytest.raises(LookupError):
        f.on_invoke_tool(CONTEXT, '{"a": 1}')
    with pytest.raises(ModelBehaviorError, match="tool f: a: Field required"):
        f.on_invoke_tool(CONTEXT, "{}")


def test_an_unheard_of_answer_to_an_unknown_end_is_a_user_error() -> None:
    with pytest.raises(UserError, match="'rerun', 'ask', 'fail' or None"):
        function_tool(len, on_unknown_end="retry")  # type: ignore[call-overload]


def test_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="strict"):
        function_tool(len, strict=True)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["", "two words", "grüße", "a.b", "x" * 65, "line\n"])
def test_name_that_the_api_refuses_is_a_user_error(name: str) -> None:
    with pytest.raises(UserError, match="name_override"):
        function_tool(len, name_override=name)


def test_a_name_that_is_no_text_is_a_user_error_though_it_cannot_be_shown() -> None:
    class Hidden:
        def __repr__(self) -> str:
            raise RuntimeError("cannot be shown")

    name: Any = Hidden()
    with pytest.raises(UserError, match="name_override, tool_name.* not a Hidden"):
        function_tool(len, name_override=name)
    with pytest.raises(UserError, match="name_override, tool_name.* not a Hidden"):
        Agent("A").as_tool(name, "Ask.")


def test_lambda_needs_a_name() -> None:
    with pytest.raises(UserError, match="<lambda>"):
        function_tool(lambda x: x)
    assert function_tool(lambda x: x, name_override="same").name == "same"


# --- FunctionTool by hand ----------------------------------------------------------------------


def run_function(ctx: RunContextWrapper[Any], args: str) -> str:
    parsed = FunctionArgs.model_validate_json(args)
    return f"{parsed.username} is {parsed.age}"


def test_tool_made_by_hand_gets_a_strict_copy_of_its_schema() -> None:
    given_schema = FunctionArgs.model_json_schema()
    before = copy.deepcopy(given_schema)
    tool = FunctionTool(
        name="process_user",
        description="Processes users",
        params_json_schema=given_schema,
        on_invoke_tool=run_function,
    )
    assert given_schema == before
    assert tool.params_json_schema["required"] == ["username", "age"]
    assert tool.params_json_schema["additionalProperties"] is False
    assert tool.failure_error_function is None
    assert tool.on_invoke_tool(CONTEXT, '{"username": "Ann"}') == "Ann is 3"


def test_tool_made_by_hand_without_strictness_keeps_its_schema() -> None:
    schema = FunctionArgs.model_json_schema()
    tool = FunctionTool("f", "", schema, run_function, strict_json_schema=False)
    assert tool.params_json_schema is schema


def test_tool_made_by_hand_whose_schema_cannot_be_strict_is_a_user_error() -> None:
    schema = {"title": "f_args", "type": "object", "additionalProperties": True}
    with pytest.raises(UserError, match="f_args.*strict_json_schema=False"):
        FunctionTool("f", "", schema, run_function)


def test_a_tool_copied_under_another_name_tells_that_name() -> None:
    copied = dataclasses.replace(function_tool(len), name="count")
    context: ToolContext[None] = ToolContext(None, tool_name="count")
    with pytest.raises(ModelBehaviorError, match="tool count: obj: Field required"):
        copied.on_invoke_tool(context, "{}")


@pytest.mark.parametrize("field", ["tool_input_guardrails", "tool_output_guardrails"])
def test_what_is_no_guardrail_of_a_tool_is_refused(field: str) -> None:
    for wrong in (len, [len]):
        with pytest.raises(UserError, match=f"@{field[:-1]}"):
            function_tool(len, **{field: wrong})


def test_schema_given_as_a_function_is_made_once_when_first_read() -> None:
    made: list[dict[str, Any]] = []

    def make() -> dict[str, Any]:
        made.append({"type": "object"})
        return made[-1]

    tool = FunctionTool("f", "", make, run_function)
    assert made == []
    assert tool.params_json_schema is tool.params_json_schema is made[0]
    assert len(made) == 1


def test_changed_copy_of_a_tool_works() -> None:
    @function_tool
    def f(a: int) -> int:
        return a

    other = dataclasses.replace(f, name="g", is_enabled=False)
    assert (other.name, other.is_enabled) == ("g", False)
    assert other.params_json_schema == f.params_json_schema
    assert other.on_invoke_tool(CONTEXT, '{"a": 1}') == 1
    assert f.name == "f"


def test_schema_is_no_optional_argument() -> None:
    with pytest.raises(TypeError, match="params_json_schema"):
        FunctionTool(name="f", description="", on_invoke_tool=run_function)


@pytest.mark.parametrize(
    "wrong",
    [
        {"failure_error_function": "no function"},
        {"is_enabled": "yes"},
        {"needs_approval": "always"},
        {"on_invoke_tool": None},
        {"on_invoke_tool": lambda arguments: ""},
        {"failure_error_function": lambda error: ""},
        {"is_enabled": lambda: True},
        {"needs_approval": lambda context: True},
    ],
)
def test_what_has_to_be_a_function_is_checked_when_declared(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"on_invoke_tool": run_function, **wrong}
    with pytest.raises(UserError, match=f"Tool f: {next(iter(wrong))}.* must (be|take) "):
        FunctionTool("f", "", {}, **given)


@pytest.mark.parametrize("timeout", [0, -1.0, "5"])
def test_timeout_has_to_be_positive(timeout: Any) -> None:
    with pytest.raises(UserError, match="Tool len: the timeout"):
        function_tool(len, timeout=timeout)


# --- errors told to the model ------------------------------------------------------------------


def test_default_error_message() -> None:
    assert default_tool_error_function(CONTEXT, ValueError("no such row")) == (
        "An error occurred while running the tool. Please try again. Error: no such row"
    )


def test_the_model_is_told_what_the_exceptions_of_a_group_say() -> None:
    group = ExceptionGroup("unhandled errors in a TaskGroup", [ValueError("no row"), KeyError()])
    assert default_tool_error_function(CONTEXT, group) == (
        "An error occurred while running the tool. Please try again. Error: unhandled errors in a "
        "TaskGroup (2 sub-exceptions): ValueError: no row; KeyError: KeyError"
    )


def test_default_error_message_tells_bad_json_from_arguments_that_do_not_fit() -> None:
    @function_tool
    def f(a: int) -> None: ...

    def told(json_text: str) -> str:
        with pytest.raises(ModelBehaviorError) as caught:
            f.on_invoke_tool(CONTEXT, json_text)
        return default_tool_error_function(CONTEXT, caught.value)

    assert told("{a}").startswith(
        "An error occurred while parsing tool arguments. Please try again with valid JSON. Error: "
    )
    assert told('{"a": "x"}').startswith("An error occurred while running the tool.")
    assert "a: Input should be a valid integer" in told('{"a": "x"}')


# --- what is no tool ---------------------------------------------------------------------------


def test_undecorated_function_is_a_user_error_that_names_the_decorator() -> None:
    with pytest.raises(UserError, match="run_function.*@function_tool"):
        check_tool(run_function, "Agent A")


def test_agent_among_tools_is_a_user_error_that_names_as_tool() -> None:
    class Agentlike:
        def as_tool(self) -> None: ...

    with pytest.raises(UserError, match="as_tool"):
        check_tool(Agentlike(), "Agent A")
    with pytest.raises(UserError, match="'search' is no tool"):
        check_tool("search", "Agent A")


def test_the_json_of_a_tool_is_not_shown_as_it_may_hold_a_token() -> None:
    with pytest.raises(UserError, match=r"a dict is no tool\. .*HostedMCPTool") as refused:
        check_tool({"type": "mcp", "authorization": "s3cr3t"}, "Agent A")
    assert "s3cr3t" not in str(refused.value)


def test_a_hosted_tool_without_a_name_is_a_user_error() -> None:
    class Maps(HostedTool):
        def to_request(self) -> dict[str, Any]:
            return {"type": "maps"}

    with pytest.raises(UserError, match="Agent A: Maps has no `name`"):
        check_tool(Maps(), "Agent A")


def test_tools_of_every_kind_pass_the_check() -> None:
    for tool in (function_tool(len), WebSearchTool(), FileSearchTool(["vs_1"]), HostedMCPTool({})):
        check_tool(tool, "Agent A")


# --- in a request ------------------------------------------------------------------------------


def test_names_of_hosted_tools() -> None:
    tools: list[Tool] = [
        WebSearchTool(),
        FileSearchTool([]),
        CodeInterpreterTool({}),
        ImageGenerationTool({}),
    ]
    names = [tool.name for tool in tools]
    assert names == ["web_search", "file_search", "code_interpreter", "image_generation"]
    assert (HostedMCPTool.name, ComputerTool.name) == ("hosted_mcp", "computer_use_preview")


# Outside of a run


def fail(n: int) -> str:
    raise ValueError(f"no {n}")


async def fail_later(n: int) -> str:
    return fail(n)


def invoke(tool: FunctionTool[Any], text: str) -> Any:
    """What a program gets that awaits the tool."""

    async def awaited() -> Any:
        return await tool.on_invoke_tool(CONTEXT, text)

    return asyncio.run(awaited())


@pytest.mark.parametrize("function", [fail, fail_later])
def test_a_tool_may_be_awaited_on_an_event_loop(function: Any) -> None:
    double = function_tool(lambda n: n * 2, name_override="double", strict_mode=False)
    assert invoke(double, '{"n": 2}') == 4
    assert invoke(function_tool(function), '{"n": 2}').endswith("Error: no 2")
    assert "valid JSON" in invoke(function_tool(function), "{")
    with pytest.raises(ValueError, match="no 2"):
        invoke(function_tool(function, failure_error_function=None), '{"n": 2}')


@pytest.mark.parametrize("kind", [StopIteration, GeneratorExit, asyncio.CancelledError])
def test_a_tool_that_is_awaited_may_raise_what_means_an_end_elsewhere(
    kind: type[BaseException],
) -> None:
    @function_tool
    def first() -> str:
        raise kind("over")

    assert re.search("first (raised .*|was cancelled): over", invoke(first, "{}"))


def test_guardrails_of_tools_can_be_had_where_tools_are() -> None:
    from agents_lite import ToolInputGuardrail, tool

    assert tool.ToolInputGuardrail is ToolInputGuardrail
