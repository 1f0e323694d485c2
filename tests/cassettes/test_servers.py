"""Cassettes and the tools of MCP servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents_lite import Agent, CassetteMiss, MCPServerStdio, Runner, cassette
from agents_lite.testing import call
from tests.mcp.conftest import heard as heard
from tests.mcp.conftest import script as script

Script = Callable[..., MCPServerStdio]
TURNS = [call("echo", text="hi"), "done"]
GONE: Any = {"command": "no-such-program"}


@pytest.mark.parametrize("tools", ["live", "recorded"])
def test_recorded_servers_are_not_begun(
    scripted: Any, script: Script, tmp_path: Path, tools: Any
) -> None:
    with cassette(tmp_path / "a.json", tools=tools):
        agent = Agent("A", mcp_servers=[script()], model=scripted(TURNS))
        first = Runner.run_sync(agent, "Echo")
    gone = Agent("A", mcp_servers=[MCPServerStdio(GONE, name="script")], model=scripted([]))
    with cassette(tmp_path / "a.json", tools="recorded", record="none"):
        again = Runner.run_sync(gone, "Echo")
    assert again.to_input_list() == first.to_input_list()


def test_live_servers_are_asked_while_the_model_is_played(
    scripted: Any, script: Script, tmp_path: Path, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    for turns in (TURNS, []):
        with cassette(tmp_path / "a.json"):
            server = script({"log": str(tmp_path / "log")})
            Runner.run_sync(Agent("A", mcp_servers=[server], model=scripted(turns)), "Echo")
    assert [each["method"] for each in heard()].count("tools/call") == 2


def test_servers_that_were_not_recorded_are_a_miss(scripted: Any, tmp_path: Path) -> None:
    with cassette(tmp_path / "a.json"):
        Runner.run_sync(Agent("A", model=scripted(["done"])), "Echo")
    gone = Agent("A", mcp_servers=[MCPServerStdio(GONE, name="script")], model=scripted([]))
    with (
        pytest.raises(CassetteMiss, match="MCP servers"),
        cassette(tmp_path / "a.json", tools="recorded"),
    ):
        Runner.run_sync(gone, "Echo")
