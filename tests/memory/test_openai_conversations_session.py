"""A session that the model's server keeps."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents_lite import (
    Agent,
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    NotFoundError,
    OpenAIConversationsSession,
    OpenAIResponsesCompactionSession,
    OpenAIResponsesModel,
    ResponsesClient,
    Runner,
    RunTimeout,
    SQLiteSession,
    UserError,
)
from agents_lite.models.replayed_reasoning import REPLAYED
from agents_lite.testing import ResponsesServer, ScriptedModel, call
from tests.support.loopback import LoopbackServer, Peer, http_answer


@pytest.fixture
def server() -> Iterator[ResponsesServer]:
    with ResponsesServer() as server:
        yield server


@pytest.fixture
def client(server: ResponsesServer) -> ResponsesClient:
    return ResponsesClient(base_url=server.base_url, api_key="sk-mine")


def said(count: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": str(number)} for number in range(count)]


def contents(items: list[dict[str, Any]]) -> list[Any]:
    return [item["content"] for item in items]


def test_runs_share_a_conversation(client: ResponsesClient) -> None:
    session = OpenAIConversationsSession(openai_client=client)
    agent = Agent(name="A", model=OpenAIResponsesModel("m", client))
    Runner.run_sync(agent, "one", session=session)
    Runner.run_sync(agent, "two", session=session)
    assert [item["role"] for item in session.get_items()] == ["user", "assistant"] * 2
    again = OpenAIConversationsSession(
        conversation_id=session.session_id, openai_client=client
    )
    assert again.get_items() == session.get_items()


class ForeignClient:
    """What a client of the `openai` package tells of itself."""

    api_key, organization, project, max_retries = "sk-foreign", None, None, 0

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url


def test_a_client_of_the_openai_package_keeps_its_connection() -> None:
    kept: dict[str, Any] = {"data": [], "has_more": False, "output": said(1)}
    with LoopbackServer(always=http_answer(content=kept)) as server:
        client: Any = ForeignClient(server.base_url)
        session = OpenAIConversationsSession(conversation_id="conv_1", openai_client=client)
        below = SQLiteSession("below")
        compacting = OpenAIResponsesCompactionSession("mine", below, client=client)
        for _ in range(3):
            session.get_items()
            below.add_items(said(1))
            compacting.run_compaction({"force": True})
        assert (len(server.requests), server.connections) == (6, 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda client: OpenAIConversationsSession(openai_client=client),
        lambda client: OpenAIResponsesCompactionSession("s", SQLiteSession("s"), client=client),
    ],
)
def test_what_is_no_client_is_refused_at_once(make: Any) -> None:
    with pytest.raises(UserError, match="not str"):
        make("client")


def test_items_are_read_page_by_page_and_added_in_small_parts(
    client: ResponsesClient, server: ResponsesServer
) -> None:
    session = OpenAIConversationsSession(openai_client=client)
    session.add_items(said(130))
    assert contents(session.get_items()) == [str(number) for number in range(130)]
    assert contents(session.get_items(limit=2)) == ["128", "129"]
    assert session.get_items(limit=0) == []
    assert max(len(request.body["items"]) for request in server.requests if request.body) == 20


def test_what_other_servers_gave_goes_to_the_server_of_a_session_as_it_goes_to_a_model(
    client: ResponsesClient, server: ResponsesServer
) -> None:
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_1", "summary": [], REPLAYED: {"host": "h"}},
        {**call("f", call_id="x" * 65), "id": "call_1"},
        {"type": "function_call_output", "call_id": "x" * 65, "output": "3"},
    ]
    OpenAIConversationsSession(openai_client=client).add_items(items)
    below = SQLiteSession("below")
    below.add_items(items)
    compacting = OpenAIResponsesCompactionSession("mine", below, client=client)
    with pytest.raises(APIStatusError):  # this server does not know how
        compacting.run_compaction({"force": True})
    bodies = [request.body for request in server.requests if request.body]
    for sent in (bodies[0]["items"], bodies[1]["input"]):
        assert [item["type"] for item in sent] == ["function_call", "function_call_output"]
        assert sent[0]["call_id"] == sent[1]["call_id"] != "x" * 65 and "id" not in sent[0]
    assert below.get_items() == items


def test_reasoning_without_a_name_is_not_kept(
    client: ResponsesClient, server: ResponsesServer
) -> None:
    """The API calls it an invalid item: https://github.com/openai/openai-agents-python/issues/3268"""
    bare: dict[str, Any] = {"type": "reasoning", "summary": []}
    items = [bare, {**bare, "id": "thought-7"}, {**bare, "id": "rs_1"}]
    session = OpenAIConversationsSession(openai_client=client)
    session.add_items([*items, {**bare, "id": None, "encrypted_content": "x"}, *said(1)])
    kept = server.requests[-1].body["items"]
    assert [item.get("id") or item.get("encrypted_content") for item in kept] == ["rs_1", "x", None]
    session.add_items(items[:2])
    assert len(session.get_items()) == 3


def test_the_newest_item_is_taken_back(client: ResponsesClient) -> None:
    session = OpenAIConversationsSession(openai_client=client)
    assert session.pop_item() is None
    session.add_items(said(2))
    assert (session.pop_item() or {})["content"] == "1"
    assert contents(session.get_items()) == ["0"]


def test_items_are_added_before_those_they_replace_are_removed(
    client: ResponsesClient, server: ResponsesServer
) -> None:
    session = OpenAIConversationsSession(openai_client=client)
    session.add_items(said(3))
    session.replace_items([{"role": "user", "content": "all"}], 2)
    assert contents(session.get_items()) == ["2", "all"]
    assert [request.method for request in server.requests[-4:]] == ["POST", *["DELETE"] * 2, "GET"]


def test_an_item_may_take_its_own_place(client: ResponsesClient) -> None:
    session = OpenAIConversationsSession(openai_client=client)
    session.add_items([{**item, "id": f"msg_{item['content']}"} for item in said(3)])
    session.replace_items(session.get_items()[:2], 2)
    assert contents(session.get_items()) == ["2", "0", "1"]
    with pytest.raises(UserError, match="add"):
        session.replace_items(["3"], 1)  # type: ignore[list-item]
    with pytest.raises(UserError, match="whole number from 0"):
        session.replace_items([], -1)


def test_a_forgotten_conversation_is_begun_anew(client: ResponsesClient) -> None:
    session = OpenAIConversationsSession(openai_client=client)
    session.clear_session()
    with pytest.raises(UserError, match="first used"):
        session.session_id  # noqa: B018
    session.add_items(said(1))
    first = session.session_id
    session.clear_session()
    assert session.get_items() == []
    assert session.session_id != first
    gone = OpenAIConversationsSession(conversation_id=first, openai_client=client)
    gone.clear_session()
    gone.session_id = first
    with pytest.raises(NotFoundError):
        gone.get_items()


def test_items_of_which_the_server_refuses_some_are_not_added_at_all() -> None:
    added = [{"id": f"item_{number}"} for number in range(20)]
    refused = http_answer(400, b'{"error": {"message": "No."}}')
    answers = [http_answer(content=json.dumps({"data": added})), refused]
    with LoopbackServer(*answers, *[http_answer(content="{}")] * 20) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        session = OpenAIConversationsSession(conversation_id="conv_1", openai_client=client)
        with pytest.raises(APIStatusError, match="No."):
            session.add_items(said(21))
        asked = [(each.method, each.path.rpartition("/items/")[2]) for each in server.requests[2:]]
        assert asked == [("DELETE", each["id"]) for each in reversed(added)]


def test_a_conversation_that_the_server_does_not_forget_stays_the_session_s() -> None:
    with LoopbackServer(http_answer(400, b"{}")) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        session = OpenAIConversationsSession(conversation_id="conv_1", openai_client=client)
        with pytest.raises(APIStatusError):
            session.clear_session()
        assert session.session_id == "conv_1"


def test_items_may_be_awaited(client: ResponsesClient) -> None:
    async def read() -> Any:
        return await OpenAIConversationsSession(openai_client=client).get_items()

    assert asyncio.run(read()) == []


def test_a_server_that_is_not_there_is_told_without_the_key() -> None:
    client = ResponsesClient(base_url="http://127.0.0.1:9/v1", api_key="sk-secret", max_retries=0)
    with pytest.raises(APIConnectionError) as caught:
        OpenAIConversationsSession(openai_client=client).get_items()
    assert "sk-secret" not in repr(caught.value) and caught.value.__cause__ is None


def test_runs_end_in_time_though_the_server_of_their_session_is_silent() -> None:
    with LoopbackServer(always=Peer.hang) as silent:
        client = ResponsesClient(base_url=silent.origin, api_key="sk-mine")
        long = SQLiteSession("s")
        long.add_items([{"role": "assistant", "content": "So."}] * 10)
        agent = Agent("A", model=ScriptedModel(lambda request: "done"))
        shared = OpenAIConversationsSession(openai_client=client)  # the one begins, others wait
        compacted = OpenAIResponsesCompactionSession("s", long, client=client)
        for session in (shared, compacted):
            runs = Runner.run_many(agent, ["Hi"] * 2, session=session, timeout=0.3)
            assert [type(run.error) for run in runs] == [RunTimeout] * 2


def test_an_answer_that_fills_the_memory_is_not_read_to_its_end() -> None:
    bomb = gzip.compress(b'{"data": "' + b"x" * (8 << 20))
    answer = http_answer(200, bomb, "application/json", {"Content-Encoding": "gzip"})
    with LoopbackServer(answer) as server:
        client = ResponsesClient(base_url=server.origin, api_key="k", max_answer_bytes=1 << 20)
        session = OpenAIConversationsSession(conversation_id="conv_1", openai_client=client)
        with pytest.raises(APIResponseError, match="max_answer_bytes"):
            session.get_items()


@pytest.mark.parametrize(
    "told",
    [{}, [], None, {"id": 5, "data": None, "output": "x"}, {"data": [5], "output": [[]]}],
    ids=repr,
)
def test_an_answer_in_another_form_is_an_error_that_shows_it(told: Any) -> None:
    with LoopbackServer(always=http_answer(content=json.dumps(told))) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        known = OpenAIConversationsSession(conversation_id="conv_1", openai_client=client)
        kept = SQLiteSession("s")
        kept.add_items(said(1))
        compacting = OpenAIResponsesCompactionSession("s", kept, client=client)
        works: list[Callable[[], Any]] = [
            known.get_items,
            known.pop_item,
            lambda: OpenAIConversationsSession(openai_client=client).add_items(said(1)),
            lambda: compacting.run_compaction({"force": True}),
        ]
        for work in works:
            with pytest.raises(APIResponseError, match="something else than its API says: "):
                work()
    assert kept.get_items() == said(1)


@pytest.mark.parametrize("item", [{"role": "user"}, {"id": ""}, {"id": 5}, {"id": "m", "type": []}])
def test_what_is_no_item_of_a_conversation_is_told(item: Any) -> None:
    page = {"data": [item], "has_more": True}
    with LoopbackServer(always=http_answer(content=page)) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        session = OpenAIConversationsSession(conversation_id="conv_1", openai_client=client)
        for work in (session.get_items, session.pop_item, lambda: session.replace_items([], 1)):
            with pytest.raises(APIResponseError, match="without an id|no item"):
                work()
    assert {request.method for request in server.requests} == {"GET"}


def test_pages_in_a_circle_are_not_read_without_end() -> None:
    pages = [{"data": [{"id": id, "role": "user"}], "has_more": True} for id in "aba"]
    with LoopbackServer(*(http_answer(content=page) for page in pages)) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        session = OpenAIConversationsSession(conversation_id="conv_1", openai_client=client)
        with pytest.raises(APIResponseError, match="round in circles: a came twice"):
            session.get_items()


@pytest.mark.parametrize("data", [5, True, {}, [5, {"id": "m1"}]])
def test_items_are_added_whatever_the_server_says_of_them(data: Any) -> None:
    with LoopbackServer(always=http_answer(content={"data": data})) as server:
        client = ResponsesClient(base_url=server.base_url, api_key="k")
        session = OpenAIConversationsSession(conversation_id="conv_1", openai_client=client)
        session.add_items(said(1))
