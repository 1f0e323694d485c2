"""The JSON that declares tools and handoffs to the model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..tool import FunctionTool, HostedTool, LocalTool, Tool

if TYPE_CHECKING:
    from ..handoffs import Handoff


def tool_to_request(tool: Tool) -> dict[str, Any]:
    """A tool as an element of `tools` in a request to the Responses API.

    Source: https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools
    """
    match tool:
        case FunctionTool():
            return _function(
                tool.name, tool.description, tool.params_json_schema, tool.strict_json_schema
            )
        case HostedTool() | LocalTool():
            return tool.to_request()


def handoff_to_request(offer: Handoff[Any, Any]) -> dict[str, Any]:
    """A handoff as an element of `tools`: to the model it is a function like any other."""
    return _function(
        offer.tool_name,
        offer.tool_description,
        offer.input_json_schema,
        offer.strict_json_schema,
    )


def tools_to_include(tools: Iterable[Tool]) -> list[str]:
    """What a request has to `include` so that the output holds what the tools were asked for."""
    wanted: list[str] = []
    for tool in tools:
        if getattr(tool, "include_search_results", False):
            wanted.append("file_search_call.results")
        if "image" in (getattr(tool, "search_content_types", None) or ()):
            wanted.append("web_search_call.results")
    return list(dict.fromkeys(wanted))


def _function(name: str, description: str, schema: dict[str, Any], strict: bool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": schema,
        "strict": strict,
    }
