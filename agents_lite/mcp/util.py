"""The tools of MCP servers for programs that put an agent's tools together themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..concurrency.workers import run_in_thread
from ..response_types import as_json
from ..run_context import RunContextWrapper
from ..tool import FunctionTool
from .agent_tools import MCPToolMetaContext, as_function_tool, tools_for, unique_names
from .filters import ToolFilter, ToolFilterContext, ToolFilterStatic, create_static_tool_filter
from .objects import MCPTool
from .own_methods import as_tool
from .schemas import plain_schema
from .server import MCPServer

if TYPE_CHECKING:
    from ..agent import Agent

__all__ = [
    "MCPToolMetaContext",
    "MCPUtil",
    "ToolFilter",
    "ToolFilterContext",
    "ToolFilterStatic",
    "create_static_tool_filter",
]


class MCPUtil:
    """Function tools of servers, outside of a run; what they need is connected until `close`."""

    @classmethod
    async def get_all_function_tools(
        cls,
        servers: Sequence[MCPServer],
        convert_schemas_to_strict: bool,
        run_context: RunContextWrapper[Any],
        agent: Agent[Any],
    ) -> list[FunctionTool]:
        """The tools that pass the servers' filters; names that occur twice get a server's prefix.

        Args:
            servers: The servers, in order.
            convert_schemas_to_strict: Whether schemas that lose nothing by it are made strict.
            run_context: For filter functions.
            agent: For filter functions.

        Raises:
            MCPServerError: A server failed.
            UserError: A tool cannot be offered to a model.
        """
        from asyncio import get_running_loop, wrap_future

        loop = get_running_loop()

        def listed() -> list[FunctionTool]:
            found: list[tuple[MCPServer, MCPTool]] = []
            for server in servers:
                context = ToolFilterContext(run_context, agent, server.name)
                with server.direct_use(loop) as caller:
                    found += [(server, tool) for tool in tools_for(server, context, caller)]
            names = unique_names([(server.name, tool.name) for server, tool in found], ())
            return [
                cls.to_function_tool(tool, server, convert_schemas_to_strict, name)
                for (server, tool), name in zip(found, names, strict=True)
            ]

        return await wrap_future(run_in_thread(listed))

    @classmethod
    async def get_function_tools(
        cls,
        server: MCPServer,
        convert_schemas_to_strict: bool,
        run_context: RunContextWrapper[Any],
        agent: Agent[Any],
    ) -> list[FunctionTool]:
        """The tools of one server; see `get_all_function_tools`."""
        return await cls.get_all_function_tools(
            [server], convert_schemas_to_strict, run_context, agent
        )

    @classmethod
    def to_function_tool(
        cls,
        tool: MCPTool,
        server: MCPServer,
        convert_schemas_to_strict: bool,
        name: str | None = None,
    ) -> FunctionTool:
        """A server's tool under its own name, or another one.

        Raises:
            UserError: It cannot be offered to a model.
        """
        tool = as_tool(tool)
        made = as_function_tool(tool, server, tool.name if name is None else name)
        if made.strict_json_schema and not convert_schemas_to_strict:
            schema = plain_schema(as_json(tool).get("inputSchema"))
            made = replace(made, params_json_schema=schema, strict_json_schema=False)
        return made
