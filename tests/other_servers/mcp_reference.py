"""A server on the packages of others: `python mcp_reference.py PACKAGE [PORT]`.

PACKAGE is mcp2, mcp1 or fastmcp; without a port it speaks over standard input and output.
"""

import sys
import time
from typing import Annotated, Any

from pydantic import BaseModel

PACKAGE, *PORT = sys.argv[1:]

if PACKAGE == "mcp2":
    from mcp.server.mcpserver import Context, Elicit, Image, MCPServer, Resolve
    from mcp_types import ToolAnnotations
elif PACKAGE == "mcp1":
    from mcp.server.fastmcp import Context, Image
    from mcp.server.fastmcp import FastMCP as MCPServer
    from mcp.types import ToolAnnotations
else:
    from fastmcp import Context
    from fastmcp import FastMCP as MCPServer
    from fastmcp.utilities.types import Image
    from mcp_types import ToolAnnotations

options: dict[str, Any] = {}
if PACKAGE == "mcp1" and PORT:
    options = {"port": int(PORT[0])}
server = MCPServer("reference", instructions="Add numbers.", **options)
counted: list[str] = []


class Weather(BaseModel):
    city: str
    degrees: float


class Person(BaseModel):
    age: int


def annotated(**hints: bool) -> Any:
    names = {"read_only": "readOnlyHint", "destructive": "destructiveHint"}
    return ToolAnnotations(**{names[name]: value for name, value in hints.items()})


@server.tool(annotations=annotated(read_only=True))
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool(annotations=annotated(read_only=False, destructive=True))
def erase(path: str, force: bool = False) -> str:
    """Erase a file."""
    return f"erased {path}"


@server.tool()
def weather(city: str) -> Weather:
    """Tell the weather."""
    return Weather(city=city, degrees=21.5)


@server.tool()
def picture() -> Any:
    """Show a picture."""
    return Image(data=b"\x89PNG", format="png")


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("the moon is full")


@server.tool()
def nap(seconds: float) -> str:
    """Sleep."""
    counted.append("begun")
    time.sleep(seconds)
    return "rested"


@server.tool()
async def wait(seconds: float) -> str:
    """Wait, and notice when nobody waits any more."""
    import asyncio

    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        counted.append("cancelled")
        raise
    return "waited"


@server.tool()
def count() -> list[str]:
    """What was counted."""
    return counted


@server.tool()
def long(size: int) -> str:
    """A long text."""
    return "x" * size


if PACKAGE == "mcp2":

    async def ask_for_age() -> Elicit[Person]:
        return Elicit("How old are you?", Person)

    @server.tool()
    def drink(person: Annotated[Person, Resolve(ask_for_age)]) -> str:
        """Serve a drink."""
        return f"served at {person.age}"
else:

    @server.tool()
    async def drink(ctx: Context) -> str:
        """Serve a drink."""
        answer: Any = await ctx.elicit("How old are you?", Person)
        if answer.action != "accept":
            raise ValueError(answer.action)
        return f"served at {answer.data.age}"


@server.tool()
async def learn(name: str, ctx: Context) -> str:
    """Learn another tool."""

    def learned() -> str:
        return "learned"

    if PACKAGE == "fastmcp":
        server.tool(learned, name=name)
        return "yes"
    server.add_tool(learned, name=name)
    if PACKAGE == "mcp2":
        await ctx.notify_tools_changed()
    else:
        await ctx.session.send_tool_list_changed()
    return "yes"


@server.prompt()
def review(language: str) -> str:
    """Review code."""
    return f"You review {language}."


@server.resource("memo://today")
def today() -> str:
    """What to do today."""
    return "Buy a bell."


if not PORT:
    server.run()
elif PACKAGE == "mcp1":
    server.run("streamable-http")
else:
    transport = "http" if PACKAGE == "fastmcp" else "streamable-http"
    server.run(transport=transport, host="127.0.0.1", port=int(PORT[0]))
