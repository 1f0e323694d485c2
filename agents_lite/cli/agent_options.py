"""Options of `run`, `chat` and `serve`: which agent, on which model, with which memory."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..exceptions import UserError
from ..run import RunConfig
from .find_agent import WrongUsage, find_agent, find_tool

if TYPE_CHECKING:
    from ..mcp import MCPServer


def add_agent_options(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument("--agent", metavar="MODULE:AGENT", help="the same, as an option")
    parser.add_argument("--model", help="the model, for every agent that comes to work")
    parser.add_argument("--instructions", metavar="TEXT", help="instructions of the first agent")
    parser.add_argument(
        "--mcp",
        metavar="SERVER",
        action="append",
        default=[],
        help="an MCP server, whose tools it can use: a command line or a URL; may be given again",
    )
    parser.add_argument(
        "--tool",
        metavar="MODULE:FUNCTION",
        action="append",
        default=[],
        help="a function that it can call; may be given again",
    )
    parser.add_argument("--trace", metavar="FILE", help="keep traces in this file")
    parser.add_argument("--session", metavar="FILE", help="keep the conversation in this file")
    parser.add_argument(
        "--session-id", metavar="ID", default="default", help="one of several conversations there"
    )
    parser.add_argument(
        "--offline", action="store_true", help="let a stand-in on this machine answer, by rules"
    )


def choose_agent(options: argparse.Namespace) -> Agent[Any]:
    """The agent that the command line names, or a plain assistant.

    Raises:
        WrongUsage: It names two.
        UserError: What it names cannot be used.
    """
    if options.agent and options.place:
        raise WrongUsage(f"both {options.place!r} and --agent {options.agent!r} name an agent")
    name = options.agent or options.place
    agent = find_agent(name) if name else Agent("Assistant", "You are a helpful assistant.")
    if options.instructions is not None:
        agent = agent.clone(instructions=options.instructions)
    if options.tool:
        agent = agent.clone(tools=[*agent.tools, *map(find_tool, options.tool)])
    if options.mcp:
        servers = [_connected_server(text) for text in options.mcp]
        agent = agent.clone(mcp_servers=[*agent.mcp_servers, *servers])
    return agent


def run_config(options: argparse.Namespace) -> RunConfig:
    """Options of the run; from now on traces are kept where the command line says."""
    if path := getattr(options, "trace", None):
        from ..tracing import add_trace_processor
        from ..tracing.default import store_at

        add_trace_processor(store_at(path))
    file = getattr(options, "session", None)
    return RunConfig(
        model=options.model,
        workflow_name=f"agents-lite {options.command}",
        group_id=conversation_group(options.session_id, file) if file else None,
    )


def conversation_group(name: str, file: str) -> str:
    """What links the traces of a conversation that a file keeps under that name."""
    return f"{name} in {os.path.abspath(file)}"


def chosen_server(options: argparse.Namespace) -> AbstractContextManager[Any]:
    """For a `with` block, have a stand-in answer if the command line asks for that."""
    if not options.offline:
        return nullcontext()
    from ..testing.offline import NOTICE, offline

    print(NOTICE, file=sys.stderr)
    return offline()


def _connected_server(text: str) -> MCPServer:
    """The MCP server at a URL, or behind a command line; it stays connected to the end.

    Raises:
        UserError: The text is neither.
        MCPServerError: It cannot be used.
    """
    from ..mcp import MCPServerStdio, MCPServerStreamableHttp

    server: MCPServer
    if text.startswith(("http://", "https://")):
        server = MCPServerStreamableHttp({"url": text})
    else:
        try:
            command, *arguments = shlex.split(text)
        except ValueError as error:  # nothing at all, or a quotation without an end
            raise UserError(f"--mcp {text!r} is neither a command line nor a URL") from error
        server = MCPServerStdio({"command": command, "args": arguments})
    server.connect()
    return server
