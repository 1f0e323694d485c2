"""A picture of agents, their tools and their handoffs."""

from __future__ import annotations

import os
from typing import Any

from ..agent import Agent
from ..exceptions import UserError
from ..handoffs import Handoff

try:
    from graphviz import Source  # type: ignore[import-untyped]
except ImportError as error:
    raise UserError("draw_graph needs graphviz: pip install 'agents_lite[viz]'") from error

_START, _END = "__start__", "__end__"
_STYLES = {
    "terminal": "shape=ellipse, style=filled, fillcolor=lightblue, width=0.5, height=0.3",
    "agent": "shape=box, style=filled, fillcolor=lightyellow, width=1.5, height=0.8",
    "handoff": 'shape=box, style="filled,rounded", fillcolor=lightyellow, width=1.5, height=0.8',
    "tool": "shape=ellipse, style=filled, fillcolor=lightgreen, width=0.5, height=0.3",
    "server": "shape=box, style=filled, fillcolor=lightgrey, width=1.0, height=0.5",
}


def draw_graph(agent: Agent[Any], filename: str | os.PathLike[str] | None = None) -> Source:
    """Draw an agent with all it can use and all it can hand over to, directly or not.

    Agents are yellow boxes (rounded when they are handed over to), tools green ellipses, and MCP
    servers grey boxes, since they are not asked which tools they have. A solid arrow is a handoff,
    a pair of dotted ones a tool's call and output. Agents without handoffs lead to the end.

    Args:
        agent: Where a run starts.
        filename: Writes the picture to this file, with `.png` added; this takes the program `dot`
            of Graphviz. None writes nothing.

    Returns:
        The graph; a notebook shows it as a picture, `.source` is its text in the DOT language.
    """
    graph = Source("\n".join(["digraph G {", *_Drawing(agent).lines, "}\n"]))
    if filename is not None:
        graph.render(os.fspath(filename), format="png", cleanup=True)
    return graph


class _Drawing:
    """The lines of a graph in the DOT language.

    Source: https://graphviz.org/doc/info/lang.html
    """

    def __init__(self, agent: Agent[Any]) -> None:
        self._ids: dict[int, str] = {}
        self.lines = ["graph [splines=true];", 'node [fontname="Arial"];', "edge [penwidth=1.5];"]
        for name in (_START, _END):
            self.lines.append(f"{_quote(name)} [label={_quote(name)}, {_STYLES['terminal']}];")
        self._draw_arrow(_quote(_START), self._draw_agent(agent, "agent"))

    def _draw_agent(self, agent: Agent[Any], style: str) -> str:
        """Draw an agent with what follows from it, unless that is done; returns its id."""
        if id(agent) in self._ids:
            return self._ids[id(agent)]
        drawn = self._draw_node(agent, agent.name, style)
        tools = [(tool, tool.name, "tool") for tool in agent.tools]
        servers = [(server, server.name, "server") for server in agent.mcp_servers]
        for use in (*tools, *servers):
            used = self._draw_node(*use)
            self._draw_arrow(drawn, used, "style=dotted")
            self._draw_arrow(used, drawn, "style=dotted")
        for offer in agent.handoffs:
            self._draw_arrow(drawn, self._draw_target(offer))
        if not agent.handoffs:
            self._draw_arrow(drawn, _quote(_END))
        return drawn

    def _draw_target(self, offer: Agent[Any] | Handoff[Any, Any]) -> str:
        if isinstance(offer, Agent):
            return self._draw_agent(offer, "handoff")
        if offer.agent is not None:
            return self._draw_agent(offer.agent, "handoff")
        return self._draw_node(offer, offer.agent_name, "handoff")  # known only when it is called

    def _draw_node(self, thing: object, name: str, style: str) -> str:
        """Draw a thing, unless that is done; returns its id, the name where that is still free."""
        if id(thing) in self._ids:
            return self._ids[id(thing)]
        taken = {_quote(_START), _quote(_END), *self._ids.values()}
        node, number = _quote(name), 1
        while node in taken:
            number += 1
            node = _quote(f"{name} ({number})")
        self._ids[id(thing)] = node
        self.lines.append(f"{node} [label={_quote(name)}, {_STYLES[style]}];")
        return node

    def _draw_arrow(self, tail: str, head: str, look: str = "style=solid") -> None:
        self.lines.append(f"{tail} -> {head} [{look}];")


def _quote(text: str) -> str:
    """Text as a quoted id or label; nothing in it is markup."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
