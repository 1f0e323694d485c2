"""Servers whose class has a `list_tools` or a `call_tool` of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, Field

from agents_lite import Agent, RunContextWrapper, Runner, UserError, create_static_tool_filter
from agents_lite.mcp import MCPServer, MCPServerStdio, MCPTool, MCPUtil
from agents_lite.testing import call


class Listed(BaseModel):
    """A tool as the `mcp` package has it: with names for Python beside those of the protocol."""

    name: str
    title: str | None = None
    input_schema: dict[str, Any] = Field(alias="inputSchema")


class Given(BaseModel):
    """The same of what a call gives, with a kind that is not set."""

    content: list[dict[str, Any]]
    is_error: bool = Field(alias="isError", default=False)


class Shelf(MCPServer):
    """Plain functions."""

    def list_tools(self, run_context: Any = None, agent: Any = None) -> Any:
        shelves = [{"name": "look", "inputSchema": {}}, MCPTool({"name": "burn"})]
        return [shelf for shelf in shelves if agent is None or agent.name != "Blind"]

    def call_tool(self, tool_name: str, arguments: Any = None) -> Any:  # type: ignore[override]
        return {"content": [{"type": "text", "text": f"{tool_name} {arguments}"}]}


class Remote(MCPServer):
    """As programs for the OpenAI Agents SDK write it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.loops: set[object] = set()
        self.told: list[Any] = []

    @property
    def name(self) -> str:  # type: ignore[override]
        return "far"

    async def list_tools(  # type: ignore[override]
        self, run_context: Any = None, agent: Any = None
    ) -> list[Listed]:
        self.loops.add(asyncio.get_running_loop())
        return [Listed(name="ask", inputSchema={"properties": {"what": {"type": "string"}}})]

    async def call_tool(  # type: ignore[override]
        self, tool_name: str, arguments: Any, meta: Any = None
    ) -> Given:
        self.loops.add(asyncio.get_running_loop())
        self.told.append((tool_name, arguments, meta))
        if arguments["what"] == "fail":
            raise ValueError("out of order")
        return Given(content=[{"type": "text", "text": "yes"}], isError=arguments["what"] == "no")


def outputs(result: Any) -> list[Any]:
    return [item.output for item in result.new_items if item.type == "tool_call_output_item"]


def test_tools_are_listed_and_called_by_plain_methods(scripted: Any) -> None:
    model = scripted([[call("look", far=True)], "done"])
    agent = Agent("A", mcp_servers=[Shelf()], model=model)
    assert outputs(Runner.run_sync(agent, "Go")) == ["look {'far': True}"]
    assert [tool.name for tool in model.requests[0].tools] == ["look", "burn"]


def test_tools_are_listed_for_the_agent_at_work(scripted: Any) -> None:
    model = scripted(["done"])
    Runner.run_sync(Agent("Blind", mcp_servers=[Shelf()], model=model), "Go")
    assert not model.requests[0].tools


def test_tools_are_listed_and_called_by_async_methods(scripted: Any) -> None:
    server = Remote()
    turns = [call("ask", what="this"), call("ask", what="no"), call("ask", what="fail"), "done"]
    agent = Agent("A", mcp_servers=[server], model=scripted(turns))

    async def run() -> Any:
        result = await Runner.run(agent, "Go")
        assert server.loops == {asyncio.get_running_loop()}
        return result

    first, second, third = outputs(asyncio.run(run()))
    assert (first, second) == ("yes", "yes")
    assert "out of order" in third


def test_a_call_is_told_of_meta_where_there_is_any(scripted: Any) -> None:
    server = Remote(tool_meta_resolver=lambda told: {"user": told.run_context.context})
    turns = [call("ask", what="this"), "done"]
    agent = Agent("A", mcp_servers=[server], model=scripted(turns))
    Runner.run_sync(agent, "Go", context="Ann")
    assert server.told == [("ask", {"what": "this"}, {"user": "Ann"})]


def test_options_hold_for_them(scripted: Any) -> None:
    blocked = create_static_tool_filter(blocked_tool_names=["burn"])
    server = Shelf(tool_filter=blocked, require_approval="always")
    model = scripted([call("look")])
    result = Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "Go")
    assert [item.tool_name for item in result.interruptions] == ["look"]
    assert [tool.name for tool in model.requests[0].tools] == ["look"]
    assert server.name == "Shelf"


def test_mcp_util_takes_them_on_the_callers_loop() -> None:
    async def listed() -> list[str]:
        context: Any = RunContextWrapper(None)
        server = Remote()
        agent: Any = Agent("A")
        tools = await MCPUtil.get_function_tools(server, True, context, agent)
        assert server.loops == {asyncio.get_running_loop()}
        tool: Any = (await server.list_tools())[0]
        return [*(tool.name for tool in tools), MCPUtil.to_function_tool(tool, server, True).name]

    assert asyncio.run(listed()) == ["ask", "ask"]


def test_methods_put_before_those_of_a_real_server_are_called(
    scripted: Any, script: Callable[..., MCPServerStdio]
) -> None:
    class Careful(MCPServerStdio):
        def list_tools(self, run_context: Any = None, agent: Any = None) -> Any:
            return [tool for tool in super().list_tools(run_context, agent) if tool.name == "echo"]

        async def call_tool(  # type: ignore[override]
            self, tool_name: str, arguments: Any = None, meta: Any = None
        ) -> Any:
            return await super().call_tool(tool_name, {"text": arguments["text"].upper()}, meta)

    server = Careful(script()._params)
    model = scripted([call("echo", text="hi"), "done"])
    result = Runner.run_sync(Agent("A", mcp_servers=[server], model=model), "Go")
    assert outputs(result) == ["HI"]
    assert [tool.name for tool in model.requests[0].tools] == ["echo"]
    assert server._session is None


def test_what_is_not_of_the_protocol_is_refused(scripted: Any) -> None:
    class Wrong(Shelf):
        def call_tool(self, tool_name: str, arguments: Any = None) -> Any:  # type: ignore[override]
            return "text"

    class Wordy(Shelf):
        def list_tools(self, run_context: Any = None, agent: Any = None) -> Any:
            return "look"

    model = scripted([call("look"), "done"])
    [told] = outputs(Runner.run_sync(Agent("A", mcp_servers=[Wrong()], model=model), "Go"))
    assert "What call_tool returns must be as the protocol has it, got 'text'" in told
    with pytest.raises(UserError, match="list_tools of Wordy.* must return a list, got 'look'"):
        Runner.run_sync(Agent("A", mcp_servers=[Wordy()], model=scripted([])), "Go")


def test_what_a_class_has_no_method_for_is_refused() -> None:
    with pytest.raises(UserError, match="Shelf has no server to connect to"):
        Shelf().list_prompts()
