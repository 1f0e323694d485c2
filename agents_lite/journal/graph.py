"""The agents of a run, as far as its facts point at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..agent import Agent
from ..handoffs import Handoff, agent_behind


def describe_graph(agent: Agent[Any]) -> dict[str, str]:
    """What stands where among an agent's tools and handoffs, and those of the agents behind them.

    Instructions and settings are left out: they may change while a run waits.

    Returns:
        By place, such as "agent.handoffs[0].agent.tools[1]", what stands there.
    """
    return dict(_walk(agent, "agent", set()))


def first_difference(before: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """The first place at which two descriptions differ, in words, or None."""
    for place in (*before, *now):
        was, stands = before.get(place), now.get(place)
        if was != stands:
            return f"at {place} it had {was or 'nothing'}, and now there is {stands or 'nothing'}"
    return None


def _walk(agent: Agent[Any], place: str, seen: set[int]) -> Iterator[tuple[str, str]]:
    yield place, f"agent {agent.name!r}"
    if id(agent) in seen:
        return
    seen.add(id(agent))
    for index, tool in enumerate(agent.tools):
        at = f"{place}.tools[{index}]"
        yield at, f"tool {tool.name!r}"
        inner = getattr(tool, "agent", None)
        if inner is not None:
            yield from _walk(inner, f"{at}.agent", seen)
    for index, offer in enumerate(agent.handoffs):
        at = f"{place}.handoffs[{index}]"
        if isinstance(offer, Handoff):
            yield at, f"handoff {offer.tool_name!r}"
        target = agent_behind(offer)
        if target is not None:
            yield from _walk(target, f"{at}.agent", seen)
