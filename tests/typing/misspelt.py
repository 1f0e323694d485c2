"""Names that places have, and names that they do not have, for mypy."""

from agents_lite import exceptions, extensions, tool, tracing
from agents_lite.extensions import journal, memory
from agents_lite.mcp import server

THERE = [
    exceptions.RunErrorDetails,
    extensions.RedisJournal,
    journal.RedisJournal,
    memory.EncryptedSession,
    server.MCPServerStdio,
    tool.Agent,
    tool.FunctionToolResult,
    tool.ShellTool,
    tool.ToolOutputText,
    tracing.TraceStore,
]
NOT_THERE = [
    exceptions.UserEror,  # wrong: attr-defined
    extensions.RedisJornal,  # wrong: attr-defined
    journal.RedisJornal,  # wrong: attr-defined
    memory.EncryptedSesion,  # wrong: attr-defined
    server.MCPServerStdo,  # wrong: attr-defined
    tool.function_tol,  # wrong: attr-defined
    tracing.TraceStor,  # wrong: attr-defined
]
