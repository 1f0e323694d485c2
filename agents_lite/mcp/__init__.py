"""MCP servers, spoken to synchronously: their tools, prompts and resources."""

from .agent_tools import MCPToolMetaContext
from .filters import (
    ToolFilter,
    ToolFilterContext,
    ToolFilterStatic,
    create_static_tool_filter,
)
from .objects import (
    MCPCallResult,
    MCPElicitation,
    MCPObject,
    MCPPromptResult,
    MCPTool,
)
from .server import MCPServer
from .servers import (
    MCPServerStdio,
    MCPServerStdioParams,
    MCPServerStreamableHttp,
    MCPServerStreamableHttpParams,
)
from .util import MCPUtil

__all__ = [
    "MCPCallResult",
    "MCPElicitation",
    "MCPObject",
    "MCPPromptResult",
    "MCPServer",
    "MCPServerStdio",
    "MCPServerStdioParams",
    "MCPServerStreamableHttp",
    "MCPServerStreamableHttpParams",
    "MCPTool",
    "MCPToolMetaContext",
    "MCPUtil",
    "ToolFilter",
    "ToolFilterContext",
    "ToolFilterStatic",
    "create_static_tool_filter",
]
