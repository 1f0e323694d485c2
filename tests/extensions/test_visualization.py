"""The picture of a graph of agents."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Agent, Handoff, MCPServerStdio, WebSearchTool, function_tool, handoff
from agents_lite.extensions.visualization import draw_graph


@function_tool
def get_weather(city: str) -> str:
    return city


def lines(agent: Agent[Any]) -> list[str]:
    return draw_graph(agent).source.splitlines()


def nodes(agent: Agent[Any]) -> dict[str, str]:
    """The attributes of each node."""
    found = (re.fullmatch(r'("(?:[^"\\]|\\.)*") \[(label=.*)\];', line) for line in lines(agent))
    return {match[1]: match[2] for match in found if match}


def arrows(agent: Agent[Any]) -> list[str]:
    return [line.rstrip(";") for line in lines(agent) if " -> " in line]


def test_an_agent_with_a_tool_is_drawn_from_start_to_end() -> None:
    agent = Agent(name="Weather agent", tools=[get_weather])
    assert sorted(arrows(agent)) == [
        '"Weather agent" -> "__end__" [style=solid]',
        '"Weather agent" -> "get_weather" [style=dotted]',
        '"__start__" -> "Weather agent" [style=solid]',
        '"get_weather" -> "Weather agent" [style=dotted]',
    ]


def test_shapes_and_colours_tell_agents_tools_and_ends_apart() -> None:
    inn = MCPServerStdio({"command": "inn"}, name="Inn")
    guest = Agent(name="B", mcp_servers=[inn])
    agent = Agent(name="A", tools=[get_weather], handoffs=[guest], mcp_servers=[inn])
    looks = {
        name: re.findall(r'(?:shape|fillcolor|style)=([a-z]+|".*?")', attributes)
        for name, attributes in nodes(agent).items()
    }
    assert looks == {
        '"__start__"': ["ellipse", "filled", "lightblue"],
        '"__end__"': ["ellipse", "filled", "lightblue"],
        '"A"': ["box", "filled", "lightyellow"],
        '"B"': ["box", '"filled,rounded"', "lightyellow"],
        '"get_weather"': ["ellipse", "filled", "lightgreen"],
        '"Inn"': ["box", "filled", "lightgrey"],
    }
    used = {'"A" -> "Inn"', '"Inn" -> "A"', '"B" -> "Inn"', '"Inn" -> "B"'}
    assert {f"{arrow} [style=dotted]" for arrow in used} <= set(arrows(agent))


def test_handoffs_are_followed_to_their_end_also_in_a_circle() -> None:
    a, b, c = Agent(name="A"), Agent(name="B"), Agent(name="C")
    a.handoffs, b.handoffs = [b], [handoff(c), a]
    assert [arrow for arrow in arrows(a) if "solid" in arrow] == [
        '"C" -> "__end__" [style=solid]',
        '"B" -> "C" [style=solid]',
        '"B" -> "A" [style=solid]',
        '"A" -> "B" [style=solid]',
        '"__start__" -> "A" [style=solid]',
    ]


def test_a_handoff_whose_agent_is_found_only_later_is_drawn_by_its_name() -> None:
    later = Handoff("transfer_to_later", "", {}, lambda context, text: Agent(name="L"), "Later")
    assert '"A" -> "Later" [style=solid]' in arrows(Agent(name="A", handoffs=[later]))


def test_things_are_one_node_and_names_used_twice_are_two() -> None:
    second = Agent(name="A", tools=[get_weather, WebSearchTool()])
    first = Agent(name="A", tools=[get_weather, WebSearchTool()], handoffs=[second])
    names = set(nodes(first)) - {'"__start__"', '"__end__"'}
    assert names == {'"A"', '"A (2)"', '"get_weather"', '"web_search"', '"web_search (2)"'}
    assert nodes(first)['"A (2)"'].startswith('label="A",')


def test_hosted_tools_and_agents_as_tools_are_tools() -> None:
    agent = Agent(name="A", tools=[WebSearchTool(), Agent(name="B").as_tool("ask_b", "Asks B")])
    assert all("lightgreen" in nodes(agent)[name] for name in ('"web_search"', '"ask_b"'))


HARD_NAMES = ['say "hi"', "back\\slash", "ends with \\", "a:b", "<b>bold</b>", "two\nlines", "\\N"]


@pytest.mark.parametrize("name", [*HARD_NAMES, "__start__", "größer → 😀"])
def test_any_name_is_drawn_as_it_is(name: str, tmp_path: Path) -> None:
    if shutil.which("dot") is None:
        pytest.skip("the program dot of Graphviz is not installed")
    drawn = draw_graph(Agent(name=name, handoffs=[Agent(name="B")])).pipe("svg").decode()
    texts = re.findall(r"<text [^>]*>(.*?)</text>", drawn)
    unescaped = "\n".join(texts)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#45;", "-")):
        unescaped = unescaped.replace(entity, character)
    assert name in unescaped.replace("&#160;", " ").replace("&amp;", "&")
    assert drawn.count('class="node"') == 4


def test_the_picture_is_written_to_a_file(tmp_path: Path) -> None:
    if shutil.which("dot") is None:
        pytest.skip("the program dot of Graphviz is not installed")
    draw_graph(Agent(name="A"), filename=tmp_path / "graph")
    assert [path.name for path in tmp_path.iterdir()] == ["graph.png"]
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


def test_without_graphviz_the_error_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "graphviz.py").write_text("raise ImportError('no graphviz')")
    program = "import agents_lite.extensions.visualization"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
    )
    assert "UserError: draw_graph needs graphviz: pip install 'agents_lite[viz]'" in ran.stderr
