"""Runs with MCP servers that others wrote: `MCP_SERVERS=FOLDER pytest` this file.

In the folder are environments of Python, `mcp2` (PyPI mcp 2.3), `mcp1` (mcp 1.28), `fastmcp` and
`mcp_servers` (mcp-server-time, mcp-server-git), and `mcp_npm`, where npm has installed
`@modelcontextprotocol/server-everything`, `-filesystem` and `-memory`.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from operator import le
from pathlib import Path
from typing import Any

import pytest

from agents_lite import (
    Agent,
    MCPServerError,
    MCPServerStdio,
    MCPServerStreamableHttp,
    MCPTimeoutError,
    Runner,
    RunState,
    ToolOutputImage,
    UserError,
)
from agents_lite.testing import call
from tests.support.servers import free_port
from tests.support.waiting import SOON, wait_until

FOLDER = Path(os.environ["MCP_SERVERS"])
REFERENCE = Path(__file__).with_name("mcp_reference.py")
ERAS = {"mcp2": "2026-07-28", "mcp1": "2025-11-25", "fastmcp": "2026-07-28"}


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


@contextmanager
def serving(package: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A reference server's process, which listens."""
    program = str(FOLDER / package / "bin" / "python")
    process = subprocess.Popen(
        [program, str(REFERENCE), package, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_listening(port) or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.wait()


Opened = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(params=list(ERAS), scope="module")
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def over_stdio(package: str) -> Opened:
    """Starts a reference server for each connection."""
    program = str(FOLDER / package / "bin" / "python")
    params: Any = {"command": program, "args": [str(REFERENCE), package]}
    return partial(MCPServerStdio, params)


@pytest.fixture(scope="module")
def over_http(package: str) -> Iterator[Opened]:
    """Connects to one reference server, which all tests share."""
    port = free_port()
    params: Any = {"url": f"http://127.0.0.1:{port}/mcp"}
    with serving(package, port):
        yield partial(MCPServerStreamableHttp, params)


@pytest.fixture(params=["stdio", "http"])
def opened(request: pytest.FixtureRequest, package: str) -> Opened:
    """Connects a reference server, over each way."""
    opened: Opened = request.getfixturevalue(f"over_{request.param}")
    return opened


def text(result: Any) -> str:
    return str(result.content[0].text)


def test_the_newest_revision_that_both_sides_speak_is_spoken(opened: Opened, package: str) -> None:
    with opened() as server:
        assert server._session.version == ERAS[package]
        assert server.server_instructions == "Add numbers."


def test_results_of_every_kind(opened: Opened) -> None:
    with opened() as server:
        assert text(server.call_tool("add", {"a": 1, "b": 2})) == "3"
        weather = server.call_tool("weather", {"city": "Rome"})
        assert weather.structuredContent.model_dump() == {"city": "Rome", "degrees": 21.5}
        failed = server.call_tool("fail")
        assert failed.is_error
        assert "the moon is full" in text(failed) or "fail" in text(failed)
        assert len(text(server.call_tool("long", {"size": 1_000_000}))) == 1_000_000
        assert server.get_prompt("review", {"language": "C"}).text == "You review C."
        [resource] = server.list_resources().resources
        assert server.read_resource(resource.uri).contents[0].text == "Buy a bell."


def test_an_agent_uses_the_tools(opened: Opened, scripted: Any) -> None:
    calls = [call("add", a=2, b=3), call("picture"), call("weather", city="Rome")]
    with opened(use_structured_content=True) as server:
        agent = Agent("A", mcp_servers=[server], model=scripted([calls, "done"]))
        result = Runner.run_sync(agent, "Go")
    outputs = [item.output for item in result.new_items if item.type == "tool_call_output_item"]
    assert outputs[1:] == [
        [ToolOutputImage("data:image/png;base64,iVBORw==")],
        {"city": "Rome", "degrees": 21.5},
    ]
    assert outputs[0] in ("5", {"result": 5})


def test_the_same_from_async_code(opened: Opened, scripted: Any) -> None:
    async def main(server: Any) -> Any:
        agent = Agent("A", mcp_servers=[server], model=scripted([call("add", a=2, b=3), "done"]))
        return await Runner.run(agent, "Go")

    with opened() as server:
        assert asyncio.run(main(server)).final_output == "done"


def test_a_call_that_takes_too_long_is_taken_back(opened: Opened) -> None:
    with opened() as server:
        server._seconds = 0.5
        with pytest.raises(MCPTimeoutError):
            server.call_tool("wait", {"seconds": 60})
        server._seconds = 20
        wait_until(lambda: "cancelled" in str(server.call_tool("count").content))


def test_a_question_is_answered(opened: Opened, package: str) -> None:
    with opened(on_elicitation=lambda question: {"age": 44}) as server:
        served = server.call_tool("drink")
        if package == "fastmcp":  # it does not ask in the newest revision, and says so
            assert served.is_error
        else:
            assert text(served) == "served at 44"


def test_a_question_pauses_the_run_until_it_is_answered(
    opened: Opened, package: str, scripted: Any
) -> None:
    with opened(name="bar") as server:
        agent = Agent("A", mcp_servers=[server], model=scripted([call("drink"), "done"]))
        paused = Runner.run_sync(agent, "Go")
        if package == "fastmcp":  # it does not ask in the newest revision, and says so
            assert not paused.is_paused
            return
        state = RunState.from_string(agent, paused.to_state().to_string())
        [item] = state.get_interruptions()
        assert item.question is not None
        assert (item.question.server_name, item.question.message) == ("bar", "How old are you?")
        with pytest.raises(UserError, match="age"):
            state.provide_input(item, {"age": "old"})
        state.provide_input(item, {"age": 44})
        result = Runner.run_sync(agent, state)
        [output] = [i.output for i in result.new_items if i.type == "tool_call_output_item"]
        assert "served at 44" in str(output)


def test_a_list_is_kept_until_the_tools_change(opened: Opened, package: str) -> None:
    with opened(cache_tools_list=True) as server:
        before = len(server.list_tools())
        server.call_tool("learn", {"name": "something"})
        if package == "mcp2":  # the others say beforehand that they will not tell
            wait_until(lambda: len(server.list_tools()) == before + 1)
        server.invalidate_tools_cache()
        assert len(server.list_tools()) == before + 1


def test_twenty_threads_share_a_server(opened: Opened) -> None:
    with opened() as server, ThreadPoolExecutor(20) as pool:
        sums = pool.map(lambda n: text(server.call_tool("add", {"a": n, "b": 1})), range(100))
        assert list(sums) == [str(number + 1) for number in range(100)]


def test_two_hundred_calls_leave_nothing_behind(opened: Opened) -> None:
    def facts() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with opened() as server:
        for number in range(20):
            server.call_tool("add", {"a": number, "b": 1})
        before = facts()
        for number in range(200):
            server.call_tool("add", {"a": number, "b": 1})
        wait_until(lambda: all(map(le, facts(), before)))


def npm(name: str, *arguments: str, **options: Any) -> MCPServerStdio:
    program = str(FOLDER / "mcp_npm" / "node_modules" / ".bin" / f"mcp-server-{name}")
    env = options.pop("env", {})
    params: Any = {"command": program, "args": list(arguments), "env": env}
    return MCPServerStdio(params, name=name, **options)


EVERYTHING: dict[str, Any] = {
    "echo": {"message": "hi"},
    "get-annotated-message": {"messageType": "error", "includeImage": True},
    "get-resource-links": {"count": 2},
    "get-resource-reference": {"resourceType": "Blob", "resourceId": 1},
    "get-structured-content": {"location": "Chicago"},
    "get-sum": {"a": 1, "b": 2},
    "gzip-file-as-resource": {
        "name": "a.gz",
        "data": "data:text/plain;base64,aGVsbG8=",
        "outputType": "resource",
    },
    "trigger-long-running-operation": {"duration": 0.2, "steps": 2},
    "simulate-research-query": {"topic": "bells"},
}
"""Arguments of the tools of server-everything; those of the others are empty."""


def test_every_tool_of_server_everything_is_called(scripted: Any) -> None:
    form = {"name": "Bo", "email": "bo@example.com", "interpretation": "technical"}
    with npm("everything", on_elicitation=lambda question: form) as server:
        names = [tool.name for tool in server.list_tools()]
        assert {"echo", "trigger-elicitation-request", *EVERYTHING} <= set(names)
        calls = [call(name, **EVERYTHING.get(name, {})) for name in names]
        agent = Agent("A", mcp_servers=[server], model=scripted([calls, "done"]))
        result = Runner.run_sync(agent, "Go", timeout=60)
        outputs = {
            name: item.output
            for name, item in zip(
                names,
                (i for i in result.new_items if i.type == "tool_call_output_item"),
                strict=True,
            )
        }
    assert outputs["echo"] == "Echo: hi"
    assert outputs["get-sum"] == "The sum of 1 and 2 is 3."
    assert isinstance(outputs["get-tiny-image"][1], ToolOutputImage)
    assert "accept" in str(outputs["trigger-elicitation-request"])
    assert "completed" in outputs["trigger-long-running-operation"]
    failed = {name for name, output in outputs.items() if "An error occurred" in str(output)}
    assert failed <= {"simulate-research-query"}  # it may be called as a task only


def test_server_everything_asks_a_person(scripted: Any) -> None:
    name = "trigger-elicitation-request"
    with npm("everything") as server:
        agent = Agent("A", mcp_servers=[server], model=scripted([call(name), "done"]))
        state = Runner.run_sync(agent, "Go").to_state()
        [item] = state.get_interruptions()
        assert item.question is not None and item.question.requested_schema is not None
        assert "name" in item.question.requested_schema["properties"]
        state.provide_input(item, {"name": "Bo"})
        result = Runner.run_sync(agent, state)
        [output] = [i.output for i in result.new_items if i.type == "tool_call_output_item"]
        assert "Bo" in str(output)


def test_server_everything_has_prompts_and_resources() -> None:
    with npm("everything") as server:
        assert "simple-prompt" in [prompt.name for prompt in server.list_prompts().prompts]
        filled = server.get_prompt("args-prompt", {"city": "Rome"})
        assert "Rome" in filled.text
        resource = server.list_resources().resources[0]
        assert server.read_resource(resource.uri).contents[0].text
        assert server.list_resource_templates().resourceTemplates


def test_server_filesystem(tmp_path: Path, scripted: Any) -> None:
    (tmp_path / "a.txt").write_text("hello")
    server = npm("filesystem", str(tmp_path), require_approval="auto")
    listing = [call("list_directory", path=str(tmp_path)), "done"]
    agent = Agent("A", mcp_servers=[server], model=scripted(listing))
    result = Runner.run_sync(agent, "What is in this folder?")
    assert result.new_items[1].output == "[FILE] a.txt"
    writing = [call("write_file", path=str(tmp_path / "b.txt"), content="x")]
    agent = Agent("A", mcp_servers=[server], model=scripted(writing))
    assert [item.tool_name for item in Runner.run_sync(agent, "Write").interruptions] == [
        "write_file"
    ]
    assert not (tmp_path / "b.txt").exists()


def test_server_memory(tmp_path: Path) -> None:
    env = {"MEMORY_FILE_PATH": str(tmp_path / "memory.jsonl")}
    entity = {"name": "Bo", "entityType": "person", "observations": ["likes bells"]}
    with npm("memory", env=env) as server:
        server.call_tool("create_entities", {"entities": [entity]})
    with npm("memory", env=env) as server:  # another process
        found = server.call_tool("search_nodes", {"query": "bells"})
        assert found.structuredContent.entities[0].name == "Bo"


def test_server_time() -> None:
    program = str(FOLDER / "mcp_servers" / "bin" / "mcp-server-time")
    with MCPServerStdio({"command": program}) as server:
        told = json.loads(text(server.call_tool("get_current_time", {"timezone": "Asia/Tokyo"})))
        assert told["timezone"] == "Asia/Tokyo"
        result = server.call_tool("get_current_time", {"timezone": "Mars/Olympus"})
        assert result.is_error


def test_server_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "a.txt").write_text("hello")
    program = str(FOLDER / "mcp_servers" / "bin" / "mcp-server-git")
    with MCPServerStdio({"command": program, "args": ["-r", str(tmp_path)]}) as server:
        assert "a.txt" in text(server.call_tool("git_status", {"repo_path": str(tmp_path)}))


@pytest.mark.parametrize("package", ["mcp2", "mcp1"])
def test_a_server_over_http_that_was_started_anew_is_connected_to_again(package: str) -> None:
    port = free_port()
    server = MCPServerStreamableHttp({"url": f"http://127.0.0.1:{port}/mcp"})
    try:
        for _ in range(2):
            with serving(package, port):
                deadline = time.monotonic() + SOON
                server.list_tools()
                assert text(server.call_tool("add", {"a": 1, "b": 2})) == "3"
                assert time.monotonic() < deadline
        with pytest.raises(MCPServerError, match="connection failed"):
            server.call_tool("add", {"a": 1, "b": 2})
    finally:
        server.close()
