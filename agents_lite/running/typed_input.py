"""The input of an agent that runs as a tool, made of typed arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import to_json
from typing_extensions import TypedDict

from ..schema.adapter import json_schema_of, make_adapter
from ..schema.function_schema import InvalidToolArguments
from ..schema.plain_meaning import read_json
from ..tool import FunctionTool, Invocation

if TYPE_CHECKING:
    from ..tool_context import ToolContext


class OneText(TypedDict):
    """The fields where no type says others."""

    input: str


def typed_agent_tool(
    run_agent: Callable[[ToolContext[Any], Any, Any], Any],
    parameters: Any,
    input_builder: Callable[[dict[str, Any]], Any] | None,
    include_input_schema: bool,
    *,
    name: str,
    description: str,
    **tool_options: Any,
) -> FunctionTool:
    """A tool that takes the fields of a type; see `Agent.as_tool`.

    Raises:
        UserError: The type has no JSON schema.
    """
    subject = f"The parameters of tool {name}"
    adapter = make_adapter(OneText if parameters is None else parameters, subject)
    schema = json_schema_of(adapter, subject)

    def invoke(context: ToolContext[Any], json_text: str) -> Any:
        try:
            arguments = read_json(adapter.validator, json_text.strip() or "{}")
        except ValidationError as error:
            raise InvalidToolArguments(name, error) from error
        facts: dict[str, Any] = {"params": adapter.dump_python(arguments, mode="json")}
        if include_input_schema:
            facts["json_schema"] = schema
        build = _as_text if input_builder is None else input_builder
        call = context.run.call if context.run is not None else _call
        return run_agent(context, call(build, facts), facts["params"])

    return FunctionTool(
        name=name,
        description=description,
        params_json_schema=schema,
        on_invoke_tool=Invocation(invoke, tool_options["failure_error_function"]),
        **tool_options,
    )


def _as_text(facts: dict[str, Any]) -> str:
    text = f"Your input, as JSON:\n{to_json(facts['params'], indent=2).decode()}"
    if "json_schema" in facts:
        text += f"\n\nIts JSON schema:\n{to_json(facts['json_schema'], indent=2).decode()}"
    return text


def _call(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)
