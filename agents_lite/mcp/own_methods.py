"""A server whose class has a `list_tools` or a `call_tool` of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ..exceptions import UserError
from ..response_types import as_json
from ..shown import repr_of
from .objects import MCPCallResult, MCPObject, MCPTool
from .server import MCPServer
from .session import Caller


def has_own(server: MCPServer, method: str) -> bool:
    """Whether its class has a method of its own, in place of MCPServer's."""
    return getattr(type(server), method) is not getattr(MCPServer, method)


def as_tools(server: MCPServer, listed: Any) -> list[MCPTool]:
    """What `list_tools` gave, which the server knows from now on.

    Raises:
        UserError: It is no list of tools.
    """
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        raise UserError(f"list_tools of {server!r} must return a list, got {repr_of(listed)}")
    tools = [as_tool(each) for each in listed]
    server.know(tools)
    return tools


def as_tool(tool: Any) -> MCPTool:
    """A tool of ours, as a dict, or of the `mcp` package.

    Raises:
        UserError: It is none of these.
    """
    return MCPTool(_received(tool, "A tool"))


def call_own(
    server: MCPServer,
    tool_name: str,
    arguments: Mapping[str, Any],
    caller: Caller,
    meta: Mapping[str, Any] | None,
) -> MCPCallResult:
    """What its `call_tool` gives, which is told of `meta` where there is any."""
    make = server.call_tool if meta is None else partial(server.call_tool, meta=meta)
    made = caller.call(make, tool_name, arguments)
    return MCPCallResult(_received(made, "What call_tool returns"))


def _received(value: Any, what: str) -> dict[str, Any]:
    """The protocol's JSON of an object of ours, of a dict, or of one of the `mcp` package."""
    dump = None if isinstance(value, MCPObject) else getattr(value, "model_dump", None)
    found = as_json(value) if dump is None else dump(mode="json", by_alias=True, exclude_none=True)
    if not isinstance(found, Mapping):
        raise UserError(f"{what} must be as the protocol has it, got {repr_of(value)}")
    return {**found}
