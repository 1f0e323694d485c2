"""A session whose conversation the model's server compacts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents_lite import (
    Agent,
    APIResponseError,
    APIStatusError,
    OpenAIResponsesCompactionSession,
    ResponsesClient,
    Runner,
    SQLiteSession,
    UserError,
    function_tool,
)
from agents_lite.extensions.memory import AsyncSQLiteSession
from agents_lite.local_server.messages import HTTPReply, HTTPRequest, json_reply
from agents_lite.testing import ResponsesServer, ScriptedModel, call
from tests.support.drivers import whole_and_streamed

COMPACTED = [
    {"type": "compaction", "encrypted_content": "all of it"},
    {"type": "message", "role": "assistant", "id": "msg_1", "content": []},
]


class CompactingServer(ResponsesServer):
    """Answers requests for compaction with `status`."""

    status = 200
    output = COMPACTED

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []
        self.meanwhile: Callable[[], Any] = list
        """What happens while it is at work."""

    def _route(self, request: HTTPRequest) -> HTTPReply:
        self.asked.append(request.body)
        self.meanwhile()
        assert request.path == "/v1/responses/compact"
        usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
        return json_reply({"output": self.output, "model": "m", "usage": usage}, self.status)


@pytest.fixture
def server() -> Iterator[CompactingServer]:
    with CompactingServer() as server:
        yield server


Make = Callable[..., Any]


@pytest.fixture
def make(server: CompactingServer) -> Make:
    client = ResponsesClient(base_url=server.base_url, api_key="any", max_retries=0)

    def make(below: Any = None, **options: Any) -> Any:
        below = SQLiteSession("below") if below is None else below
        return OpenAIResponsesCompactionSession("mine", below, client=client, **options)

    return make


def test_a_long_conversation_is_compacted_when_a_run_has_ended(
    make: Make, server: CompactingServer
) -> None:
    session = make(should_trigger_compaction=lambda facts: len(facts["session_items"]) > 3)
    tool = function_tool(lambda: "done", name_override="do")
    agent = Agent("A", tools=[tool], model=ScriptedModel(["one", [call("do"), call("do")], "two"]))
    Runner.run_sync(agent, "Hi", session=session)
    assert server.asked == []
    Runner.run_sync(agent, "Go", session=session)
    (asked,) = server.asked
    assert asked["model"] == "gpt-4.1" and len(asked["input"]) == 8
    assert session.get_items() == COMPACTED


@whole_and_streamed
def test_compacting_is_counted_with_the_run_that_it_is_done_for(run: Any, make: Make) -> None:
    session = make(should_trigger_compaction=lambda facts: True)
    agent = Agent("A", model=ScriptedModel(["one", "two"]))
    for _ in range(2):
        usage = run(agent, "Hi", session=session).usage
        asked, compacted = usage.request_usage_entries
        assert (compacted.model, compacted.total_tokens) == ("m", 120)
        assert (usage.requests, usage.total_tokens) == (2, asked.total_tokens + 120)
    session.run_compaction({"force": True})
    assert usage.requests == 2


def sealed(name: str) -> Any:
    pytest.importorskip("cryptography")
    from agents_lite.extensions.memory import EncryptedSession

    return EncryptedSession(name, AsyncSQLiteSession(name), "secret")


@pytest.mark.parametrize("kind", [SQLiteSession, AsyncSQLiteSession, sealed])
def test_it_may_be_compacted_at_any_time(make: Make, server: CompactingServer, kind: Any) -> None:
    async def use() -> Any:
        session = make(kind("below"))
        await session.add_items([{"role": "user", "content": "Hi"}])
        await session.run_compaction()
        assert server.asked == []
        await session.run_compaction({"force": True})
        assert await session.get_items(1) == COMPACTED[1:]
        await session.pop_item()
        await session.clear_session()
        await session.run_compaction({"force": True})
        return await session.get_items()

    assert asyncio.run(use()) == []
    assert len(server.asked) == 1


class Plain(SQLiteSession):
    replace_items: Any = None  # as in a session of a user's


@pytest.mark.parametrize("kind", [SQLiteSession, Plain])
def test_what_happens_to_a_session_while_it_is_compacted_counts(
    make: Make, server: CompactingServer, kind: Any
) -> None:
    # https://github.com/openai/openai-agents-python/issues/4679
    session = make(kind("below"))
    said = [{"role": "user", "content": text} for text in ("Hi", "My name is Ann", "Go on")]
    for change, left in [
        (lambda: session.add_items(said[2:]), [*COMPACTED, said[2]]),
        (lambda: session.pop_item(), said[:1]),
        (lambda: session.clear_session(), []),
    ]:
        session.clear_session()
        session.add_items(said[:2])
        server.meanwhile = change
        session.run_compaction({"force": True})
        assert session.get_items() == left
    assert len(server.asked) == 3


def test_ids_whose_reasoning_is_gone_are_not_kept(make: Make) -> None:
    session = make()
    session.add_items([{"type": "reasoning", "id": "rs_1", "summary": []}, COMPACTED[1]])
    session.run_compaction({"force": True})
    assert "id" not in session.get_items()[1]


def test_what_was_said_stays_when_the_server_fails(make: Make, server: CompactingServer) -> None:
    server.status = 500
    session = make(should_trigger_compaction=lambda facts: True)
    said = {"role": "assistant", "content": "Hi"}
    with pytest.raises(APIStatusError):
        session.add_items([said])
    assert session.get_items() == [said]


def test_what_was_said_stays_when_the_server_makes_nothing_of_it(
    make: Make, server: CompactingServer
) -> None:
    server.output = []
    session = make(should_trigger_compaction=lambda facts: True)
    said = {"role": "assistant", "content": "Hi"}
    with pytest.raises(APIResponseError, match="stays as it was"):
        session.add_items([said])
    assert session.get_items() == [said]


class Choosy(Plain):
    error: BaseException

    def add_items(self, items: Any) -> Any:
        if items[0].get("type") == "compaction":
            raise self.error
        return super().add_items(items)


class AsyncChoosy(AsyncSQLiteSession):
    replace_items: Any = None
    error: BaseException

    async def add_items(self, items: Any) -> None:
        if items[0].get("type") == "compaction":
            raise self.error
        await super().add_items(items)


@pytest.mark.parametrize("is_stopped", [False, True])
@pytest.mark.parametrize("kind", [Choosy, AsyncChoosy])
def test_what_was_said_stays_when_the_session_below_fails(
    make: Make, kind: Any, is_stopped: bool
) -> None:
    error = asyncio.CancelledError("stopped") if is_stopped else ValueError("none of these")

    async def use() -> Any:
        below = kind("below")
        below.error = error
        session = make(below)
        await session.add_items([{"role": "user", "content": "Hi"}])
        with pytest.raises(type(error)):
            await session.run_compaction({"force": True})
        return await session.get_items()

    assert asyncio.run(use()) == [{"role": "user", "content": "Hi"}]


def test_a_mode_that_there_is_not_is_refused(make: Make) -> None:
    with pytest.raises(UserError, match="must be 'auto' or 'input'"):
        make(compaction_mode="previous_response_id")
