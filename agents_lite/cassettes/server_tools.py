"""The tools of MCP servers, known without the servers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..mcp.agent_tools import ServerTool, as_function_tool
from ..mcp.objects import MCPTool
from ..response_types import as_json
from ..tool import FunctionTool
from .entries import JSON
from .questions import plain

if TYPE_CHECKING:
    from ..agent import Agent


def written_tools(tools: Iterable[FunctionTool], agent: Agent[Any]) -> list[JSON]:
    """The tools that an agent was offered, as they are written down."""
    written = []
    for tool in tools:
        if isinstance(tool, ServerTool):
            _, index, own_name, name = tool.place
            known = agent.mcp_servers[int(index)].known_tool(str(own_name))
            written.append({"server": index, "name": name, "tool": plain(as_json(known))})
    return written


def recorded_tools(written: Iterable[JSON], agent: Agent[Any]) -> list[FunctionTool]:
    """Those tools again; nothing is asked of their servers."""
    tools: list[FunctionTool] = []
    for each in written:
        server, known = agent.mcp_servers[each["server"]], MCPTool(plain(each["tool"]))
        server.know([known])
        tool = as_function_tool(known, server, each["name"])
        tool.place = ("mcp_servers", each["server"], known.name, each["name"])
        tools.append(tool)
    return tools
