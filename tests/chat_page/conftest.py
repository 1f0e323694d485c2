"""A chat with an agent whose model says what the test wants."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Agent, MCPServerStdio, function_tool
from agents_lite.chat_page.conversations import Conversations
from agents_lite.chat_page.server import AgentChat, ChatServer, serve_chat
from agents_lite.testing import ScriptedModel
from agents_lite.tracing import (
    SQLiteTraceProcessor,
    TraceProvider,
    TraceStore,
    get_trace_provider,
    set_trace_provider,
)


@function_tool
def opening_hours(day: str) -> str:
    """The shop's opening hours on a day of the week."""
    return f"On {day} the shop is closed."


SCRIPT = Path(__file__).parents[1] / "support" / "mcp_script.py"


def inn() -> MCPServerStdio:
    """A server that asks two questions before it books a room."""
    arguments = [str(SCRIPT), '{"tools": ["book"], "modern": true}']
    return MCPServerStdio({"command": sys.executable, "args": arguments}, name="inn")


@dataclass
class Served:
    """A chat that is being served."""

    url: str
    turns: deque[Any]
    """What the model is going to answer."""
    refunds: list[str] = field(default_factory=list)
    """What the tool that needs an approval has done."""
    model: ScriptedModel | None = None
    server: ChatServer | None = None


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Serves an agent with its conversations in one file; arguments as for `serve_chat`."""
    earlier, provider = get_trace_provider(), TraceProvider()
    path = tmp_path / "chat.db"
    with ExitStack() as ending:
        ending.callback(set_trace_provider, earlier)
        ending.callback(provider.shutdown)
        provider.set_processors([SQLiteTraceProcessor(path)])
        set_trace_provider(provider)

        def begin(**options: Any) -> Served:
            served = Served("", deque())

            @function_tool(needs_approval=True)
            def refund(repair: str) -> str:
                """Refund a repair."""
                served.refunds.append(repair)
                return f"{repair} is refunded."

            served.model = ScriptedModel(lambda _request: served.turns.popleft())
            workshop = Agent("Workshop", model=served.model)
            desk = Agent(
                "Front desk",
                model=served.model,
                tools=[opening_hours, refund, *options.pop("tools", [])],
                handoffs=[workshop],
                mcp_servers=options.pop("mcp_servers", []),
            )
            chat = AgentChat(desk, Conversations(path), TraceStore(path, make=True))
            served.server = serve_chat(chat, **options)
            ending.callback(served.server.close)
            served.url = served.server.url
            return served

        yield begin


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """A chat on this machine."""
    return serve()
