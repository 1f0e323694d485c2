"""The tools of an agent's servers, as function tools of a run."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from types import NoneType
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from ..checks import check_kind
from ..concurrency.cancellation import current_cancellation
from ..exceptions import MCPServerError, UserError
from ..response_types import as_json
from ..run_context import RunContextWrapper
from ..schema.function_schema import InvalidToolArguments
from ..tool import FunctionTool, Invocation
from ..tool_context import ToolContext
from ..tracing import FunctionSpanData, get_current_span, mcp_tools_span
from .approval import approval_for
from .content import output_of
from .filters import ToolFilterContext, passes
from .objects import MCPCallResult, MCPTool
from .own_methods import as_tools, call_own, has_own
from .schemas import as_meant, has_optional_parts, plain_schema
from .server import MCPServer
from .session import Alone, Answers, Caller, InputNeeded

if TYPE_CHECKING:
    from ..agent import Agent

logger = logging.getLogger("agents_lite")

LONGEST_NAME = 64
_ARGUMENTS = TypeAdapter(dict[str, Any])


@dataclass(frozen=True)
class MCPToolMetaContext:
    """What a `tool_meta_resolver` is given."""

    run_context: RunContextWrapper[Any]
    """The context of the call."""
    server_name: str
    """The server that has the tool."""
    tool_name: str
    """The tool's own name."""
    arguments: dict[str, Any]
    """What the model gave."""


class ServerTool(FunctionTool[Any]):
    """A tool of a server."""

    place: tuple[str | int, ...] = ()
    """Where `tool_at` finds it."""


def tools_of_servers(
    agent: Agent[Any],
    taken_names: Collection[str],
    context: RunContextWrapper[Any],
    caller: Caller,
    closing: ExitStack,
) -> list[FunctionTool]:
    """The tools of an agent's servers; names that occur twice are given a server's prefix.

    Args:
        agent: The agent at work.
        taken_names: Names of its other tools and handoffs.
        context: The run's context.
        caller: On whose behalf they are listed.
        closing: Closed with the run; servers that nobody else uses are closed then.

    Raises:
        MCPServerError: A server cannot be used, and the run is not to go on without it.
    """
    found: list[tuple[int, MCPTool]] = []
    for index, server in enumerate(agent.mcp_servers):
        server.hold_until(closing)
        listed = _listed(server, ToolFilterContext(context, agent, server.name), caller)
        found += [(index, tool) for tool in listed]
    named = [(agent.mcp_servers[index].name, tool.name) for index, tool in found]
    tools: list[FunctionTool] = []
    for (index, tool), name in zip(found, unique_names(named, taken_names), strict=True):
        try:
            made = as_function_tool(tool, agent.mcp_servers[index], name)
        except UserError as error:
            server_name = agent.mcp_servers[index].name
            logger.warning("A tool of MCP server %s is left out: %s", server_name, error)
            continue
        made.place = ("mcp_servers", index, tool.name, name)
        tools.append(made)
    return tools


def tool_at(place: tuple[str | int, ...], agent: Agent[Any]) -> FunctionTool:
    """The tool that was offered, as it is known now; nothing is asked of its server.

    Args:
        place: "mcp_servers", the server's index, the tool's own name, the name it was offered by.
        agent: The agent that has the server.
    """
    _, index, tool_name, name = place
    server = agent.mcp_servers[int(index)]
    return as_function_tool(server.known_tool(str(tool_name)), server, str(name))


def _listed(server: MCPServer, context: ToolFilterContext, caller: Caller) -> list[MCPTool]:
    with mcp_tools_span(server.name) as span:
        try:
            tools = tools_for(server, context, caller)
        except MCPServerError as error:
            if server.on_failure != "skip":
                raise
            span.set_error(span.describe(error))
            logger.warning("The run goes on without tools: %s", error)
            tools = []
        span.span_data.result = [tool.name for tool in tools]
        return tools


def tools_for(server: MCPServer, context: ToolFilterContext, caller: Caller) -> list[MCPTool]:
    """The tools of one server that pass its filter."""
    if not has_own(server, "list_tools"):
        return server.tools_for(context, caller)
    listed = caller.call(server.list_tools, context.run_context, context.agent)
    tools = as_tools(server, listed)
    return [tool for tool in tools if passes(tool, server.tool_filter, context, caller.call)]


def as_function_tool(tool: MCPTool, server: MCPServer, name: str) -> ServerTool:
    """A server's tool under a name that is free.

    A schema with optional properties stays as it is: the strict form would make the model invent
    values for them. So does one of an object that names no properties, as it would take none, and
    one that has no strict form. See `plain_schema` for its root.

    Raises:
        UserError: No model can be offered it, since its schema is none.
    """
    given = as_json(tool).get("inputSchema")
    schema = plain_schema(given)
    make = partial(
        ServerTool,
        name=name,
        description=str(tool.get("description") or tool.get("title") or ""),
        params_json_schema=schema,
        on_invoke_tool=Invocation(
            partial(_invoke, tool.name, schema, server), server.failure_error_function
        ),
        failure_error_function=server.failure_error_function,
        needs_approval=approval_for(tool, server.require_approval),
        tool_input_guardrails=server.tool_input_guardrails,
        tool_output_guardrails=server.tool_output_guardrails,
        parallel=True,
        on_unknown_end=None if tool.is_repeatable else "ask",
    )
    if not given or not has_optional_parts(schema):
        try:
            return make(strict_json_schema=True)
        except UserError:
            pass
    return make(strict_json_schema=False)


def _invoke(
    tool_name: str, schema: dict[str, Any], server: MCPServer, context: ToolContext[Any], text: str
) -> Any:
    """Make a call that the model asked for."""
    try:
        arguments = as_meant(_ARGUMENTS.validate_json(text or "{}"), [schema], schema)
    except ValidationError as error:
        raise InvalidToolArguments(context.tool_name, error) from None
    span = get_current_span()
    if span is not None and isinstance(span.span_data, FunctionSpanData):
        span.span_data.mcp_data = {"server": server.name}
    run = context.run
    if run is None:
        with Alone() as caller:
            result = _called(server, tool_name, context, arguments, caller)
    else:
        server.hold_until(run.closing)
        cancellation = current_cancellation.get() or context.cancellation or run.cancellation
        answers = Answers(*run.answered_in_call(context.tool_call_id))
        caller = Caller(cancellation, partial(run.call_within, cancellation), answers)
        try:
            result = _called(server, tool_name, context, arguments, caller)
        except InputNeeded as needed:
            call_id = context.tool_call_id
            raise run.ask_in_call(call_id, needed.questions, needed.state) from None
    if result.is_error and span is not None:
        span.set_error({"message": "The tool says that it failed", "data": None})
    return output_of(result, server.use_structured_content)


def _called(
    server: MCPServer,
    tool_name: str,
    context: ToolContext[Any],
    arguments: dict[str, Any],
    caller: Caller,
) -> MCPCallResult:
    """What a server gives, told beside the arguments what its `tool_meta_resolver` says."""
    meta: Mapping[str, Any] | None = None
    if server.tool_meta_resolver is not None:
        told = MCPToolMetaContext(context, server.name, tool_name, {**arguments})
        meta = caller.call(server.tool_meta_resolver, told)
        check_kind(meta, (Mapping, NoneType), "What a tool_meta_resolver gives", "a dict or None")
    make = partial(call_own, server) if has_own(server, "call_tool") else server.call
    return make(tool_name, arguments, caller, meta)


def unique_names(
    found: list[tuple[str, str]], taken: Collection[str]
) -> Iterator[str]:
    """A name for each server's tool: its own, or behind the server's where that is not free."""
    plain = [_fit(tool) for _, tool in found]
    counts = Counter([*plain, *taken])
    used = set(taken)
    for name, (server_name, _) in zip(plain, found, strict=True):
        if counts[name] > 1:
            name = _fit(f"{server_name}_{name}")
        number = 2
        free = name
        while free in used:
            free = f"{name[: LONGEST_NAME - 4]}_{number}"
            number += 1
        used.add(free)
        yield free


def _fit(name: str) -> str:
    """A name as models take it: letters, digits, _ and -, at most 64 of them."""
    fitting = re.sub(r"[^a-zA-Z0-9_-]+", "_", name)
    if len(fitting) <= LONGEST_NAME:
        return fitting or "_"
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{fitting[: LONGEST_NAME - 9]}_{digest}"
