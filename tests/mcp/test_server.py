"""What servers have in common, whatever the way to them: tools, pages, caches, filters, prompts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from agents_lite import (
    Agent,
    MCPServerError,
    MCPServerStdio,
    MCPServerStreamableHttp,
    MCPUtil,
    RunContextWrapper,
    Runner,
    UserError,
    create_static_tool_filter,
    function_tool,
)
from agents_lite.testing import ScriptedModel, call
from tests.support.waiting import PATIENCE

Script = Callable[..., MCPServerStdio]
Heard = Callable[[], list[dict[str, Any]]]
both_eras = pytest.mark.parametrize("modern", [False, True], ids=["handshake", "modern"])


def names(server: Any) -> list[str]:
    return [tool.name for tool in server.list_tools()]


def count(heard: Heard, method: str) -> int:
    return sum(message.get("method") == method for message in heard())


def test_all_pages_are_listed(script: Script) -> None:
    with script({"tools": ["a", "b", "c", "d", "e"], "pages": 3}) as server:
        assert names(server) == ["a", "b", "c", "d", "e"]


def test_who_takes_a_server_as_the_last_one_lets_go_of_it_keeps_it(script: Script) -> None:
    taken: list[Any] = []

    class Lock:
        """Once it is let go of, another run takes the server."""

        def __enter__(self) -> None: ...

        def __exit__(self, *_error: object) -> None:
            if not taken:
                taken.append(None)
                server.hold("other")
                assert names(server)
                taken.append(server._session)

    with script() as server:
        server._lock = Lock()  # type: ignore[assignment]
    assert taken[1].transport.is_alive
    assert server._session is taken[1]
    server.release("other")
    assert not taken[1].transport.is_alive


def test_a_list_of_more_pages_than_are_wanted_is_an_error(script: Script) -> None:
    plan = {"tools": ["a", "b", "c"], "pages": 3}
    assert names(script(plan, max_list_pages=3)) == names(script(plan, max_list_pages=None))
    with pytest.raises(MCPServerError, match=r"after 2 pages \(max_list_pages\)"):
        script(plan, max_list_pages=2).list_tools()


def test_resources_are_listed_from_a_page_on(script: Script, heard: Heard, tmp_path: Path) -> None:
    answers = {"resources/list": {"resources": []}, "resources/templates/list": {}}
    answers["resources/templates/list"]["resourceTemplates"] = []
    server = script({"log": str(tmp_path / "log"), "answers": answers})
    for found in (server.list_resources("2"), server.list_resource_templates(cursor="2")):
        assert found.nextCursor is None
        assert heard()[-1]["params"] == {"cursor": "2"}


ENDLESS: Any = [({"same_cursor": True}, "circles"), ({"pages": 9999}, "does not end")]


@pytest.mark.parametrize("plan, words", ENDLESS)
def test_a_list_without_end_is_an_error(script: Script, plan: Any, words: str) -> None:
    with script(plan) as server, pytest.raises(MCPServerError, match=words):
        server.list_tools()


@both_eras
def test_cached_tools_are_listed_anew_once_they_have_changed(
    script: Script, heard: Heard, tmp_path: Path, modern: bool
) -> None:
    plan = {"modern": modern, "log": str(tmp_path / "log")}
    with script(plan, cache_tools_list=True) as server:
        before = names(server)
        assert names(server) == before
        assert count(heard, "tools/list") == 1
        server.call_tool("grow")
        assert len(names(server)) == len(before) + 1
        assert names(server)
        assert count(heard, "tools/list") == 2
        server.invalidate_tools_cache()
        assert names(server)
        assert count(heard, "tools/list") == 3


def test_tools_are_listed_each_time_without_a_cache(
    script: Script, heard: Heard, tmp_path: Path
) -> None:
    with script({"log": str(tmp_path / "log")}) as server:
        assert names(server) == names(server)
    assert count(heard, "tools/list") == 2


def test_a_cache_outlives_a_connection_where_tools_cannot_change(
    script: Script, heard: Heard, tmp_path: Path
) -> None:
    server = script({"log": str(tmp_path / "log"), "capabilities": {"tools": {}}})
    server.cache_tools_list = True
    for _ in range(2):
        with server:
            assert names(server)
    assert count(heard, "tools/list") == 1


REFUSED = {"error": {"code": -32601, "message": "Method not found"}}


@pytest.mark.parametrize("answer", [{"tools": None}, REFUSED])
def test_a_server_without_tools_has_an_empty_list_of_them(script: Script, answer: Any) -> None:
    """As servers in Go write an empty list, and as those of prompts and resources refuse it."""
    plan = {"answers": {"tools/list": answer}, "capabilities": {"prompts": {}}}
    with script(plan) as server:
        model = ScriptedModel(["done"])
        agent = Agent(name="A", model=model, mcp_servers=[server])
        assert Runner.run_sync(agent, "q").final_output == "done"
        assert names(server) == [] == model.requests[0].tools


@pytest.mark.parametrize(
    ("answer", "capabilities"), [(REFUSED, {"tools": {}}), ({"error": {"code": 1}}, {}), ({}, {})]
)
def test_a_server_that_does_not_list_the_tools_it_has_is_an_error(
    script: Script, answer: Any, capabilities: Any
) -> None:
    plan = {"answers": {"tools/list": answer}, "capabilities": capabilities}
    with script(plan) as server, pytest.raises(MCPServerError):
        server.list_tools()


@pytest.mark.parametrize(
    ("allowed", "blocked", "left"),
    [
        (["a", "b"], None, ["a", "b"]),
        (None, ["b"], ["a", "c"]),
        (["a", "b"], ["b"], ["a"]),
        ([], None, []),
        (None, None, ["a", "b", "c"]),
    ],
)
def test_a_filter_by_names(script: Script, allowed: Any, blocked: Any, left: list[str]) -> None:
    chosen = create_static_tool_filter(allowed, blocked)
    with script({"tools": ["a", "b", "c"]}, tool_filter=chosen) as server:
        assert names(server) == left


def test_a_filter_function_is_given_the_tool_and_the_server(script: Script) -> None:
    seen = []

    async def only_b(context: Any, tool: Any) -> bool:
        seen.append((context.server_name, context.agent))
        return bool(tool.name == "b")

    with script({"tools": ["a", "b"]}, tool_filter=only_b) as server:
        assert names(server) == ["b"]
    assert seen == [("script", None)] * 2


def test_prompts_are_listed_and_filled_in(script: Script) -> None:
    with script() as server:
        assert [prompt.name for prompt in server.list_prompts().prompts] == ["greet"]
        assert server.get_prompt("greet", {"name": "Bo"}).text == "Greet Bo."


def test_what_a_server_says_of_its_use_is_there(script: Script) -> None:
    server = script()
    assert server.server_instructions is None
    with server:
        assert server.server_instructions == "Be kind."


def test_async_with_connects_and_closes(script: Script) -> None:
    async def use() -> None:
        async with script() as server:
            assert names(server)
        assert server._session is None

    asyncio.run(use())


def test_a_server_whose_connecting_is_cancelled_is_closed_once_it_is_connected(
    script: Script,
) -> None:
    begun, cancelled, closed = Event(), Event(), Event()

    class Slow(MCPServerStdio):
        def __enter__(self) -> Any:
            begun.set()
            assert cancelled.wait(PATIENCE)
            return super().__enter__()

        def __exit__(self, *error: object) -> None:
            super().__exit__(*error)
            closed.set()

    async def use() -> None:
        task = asyncio.ensure_future(server.__aenter__())
        await asyncio.to_thread(begun.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    server = script()
    server.__class__ = Slow
    asyncio.run(use())
    cancelled.set()
    assert closed.wait(PATIENCE)
    assert server._session is None


@pytest.mark.parametrize(
    "options",
    [
        {"tool_filter": ["a"]},
        {"tool_filter": {"allowed": ["a"]}},
        {"tool_filter": {"allowed_tool_names": "read_file"}},
        {"tool_filter": lambda tool: True},
        {"require_approval": "sometimes"},
        {"require_approval": {"a": "sometimes"}},
        {"require_approval": lambda context: True},
        {"on_failure": "ignore"},
    ],
)
def test_an_option_of_the_wrong_kind_is_a_user_error(options: Any) -> None:
    with pytest.raises(UserError, match=next(iter(options))):
        MCPServerStdio({"command": "x"}, **options)


@pytest.mark.parametrize(
    ("kind", "params", "words"),
    [
        (MCPServerStdio, {}, "'command'"),
        (MCPServerStdio, {"command": "x", "arguments": []}, "'arguments'"),
        (MCPServerStreamableHttp, {"url": "ftp://x"}, "HTTP address"),
        (MCPServerStreamableHttp, {"url": "http://x", "header": {}}, "'header'"),
        (MCPServerStreamableHttp, {"url": "http://x", "headers": {"A": "b\n"}}, "'A'"),
    ],
)
def test_params_that_cannot_be_used_are_a_user_error(kind: Any, params: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        kind(params)


def test_names_of_servers_show_no_secret() -> None:
    url = "http://user:pa55word@127.0.0.1:9/mcp?token=tok-123456"
    server = MCPServerStreamableHttp({"url": url, "headers": {"Authorization": "Bearer abc12345"}})
    assert server.name == "streamable_http: http://127.0.0.1:9/mcp"
    with pytest.raises(MCPServerError) as caught:
        server.connect()
    for secret in ("pa55word", "tok-123456", "abc12345"):
        assert secret not in f"{server!r} {caught.value!r} {caught.value.__cause__!r}"


def test_what_a_server_gives_may_be_awaited(script: Script) -> None:
    async def use() -> None:
        server = script()
        assert await server.connect() is None  # type: ignore[func-returns-value]
        assert [tool.name for tool in await server.list_tools()] == names(server)
        result = await server.call_tool("echo", {"text": "hi"})
        assert result.content[0].text == "hi"
        assert await server.cleanup() is None  # type: ignore[func-returns-value]
        assert server._session is None

    asyncio.run(use())


@pytest.mark.parametrize("is_strict", [True, False])
def test_a_program_may_put_the_tools_together_itself(
    script: Script, scripted: Any, is_strict: bool
) -> None:
    async def use() -> Any:
        async with script() as one, script(name="other") as other:
            context, agent = RunContextWrapper(None), Agent("A")
            arguments: Any = (is_strict, context, agent)
            tools = await MCPUtil.get_all_function_tools([one, other], *arguments)
            alone = await MCPUtil.get_function_tools(one, *arguments)
            assert [tool.name for tool in alone] == names(one)
            assert {tool.name for tool in tools} >= {"script_echo", "other_echo"}
            assert {tool.strict_json_schema for tool in alone} >= {is_strict}
            agent = Agent("B", tools=alone, model=scripted([call("echo", text="hi"), "done"]))
            return await Runner.run(agent, "Echo")

    assert asyncio.run(use()).new_items[1].output == "hi"


def test_an_agent_tells_the_tools_of_its_servers_with_its_own(script: Script) -> None:
    @function_tool
    def own() -> None: ...

    async def use() -> None:
        async with script() as server:
            agent, context = Agent("A", tools=[own], mcp_servers=[server]), RunContextWrapper(None)
            theirs = await agent.get_mcp_tools(context)
            assert [tool.name for tool in theirs] == names(server)
            told = await agent.get_all_tools(context)
            assert [tool.name for tool in told] == [*names(server), "own"]
            assert await Agent("B").get_mcp_tools(context) == []

    asyncio.run(use())
