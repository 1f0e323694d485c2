"""What an error tracker records of the variables of each function holds no key."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests

from agents_lite import (
    Agent,
    AgentsException,
    AnthropicModel,
    HostedMCPTool,
    MCPServerStdio,
    MCPServerStreamableHttp,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIProvider,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    RunState,
    SQLiteSession,
    set_default_openai_key,
)
from agents_lite.concurrency.cancellation import Cancellation
from agents_lite.exceptions import APIError, UserError
from agents_lite.extensions import journal, memory
from agents_lite.http.client import ResponsesClient
from agents_lite.testing import ScriptedModel
from tests.support.loopback import LoopbackServer, Peer, http_answer
from tests.support.waiting import wait_until_asleep

KEY = "sk-very-secret-key"


def recorded(error: BaseException) -> str:
    """What trackers see: the variables of all frames but the test's own, taken apart."""
    texts = []
    chain: list[BaseException | None] = [error]
    while chain:
        one = chain.pop()
        if one is None:
            continue
        chain += [one.__cause__, one.__context__]
        traceback = one.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_globals["__name__"] != __name__:
                texts += [_shown(value) for value in traceback.tb_frame.f_locals.values()]
            traceback = traceback.tb_next
    return " ".join(texts)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return repr(dict(value))
    return repr(value)


def ask(client: ResponsesClient, **options: Any) -> None:
    list(client.stream({}, cancellation=Cancellation(), **options))


@pytest.mark.parametrize("key", [KEY + "\n", KEY + "é"])
@pytest.mark.parametrize("how", ["key", "function", "header", "session"])
def test_a_bad_key_is_not_recorded(key: str, how: str) -> None:
    options: dict[str, Any] = {
        "key": {"api_key": key},
        "function": {"api_key": lambda: key},
        "header": {"api_key": KEY, "default_headers": {"X-Key": key}},
        "session": {"api_key": key, "session": requests.Session()},
    }[how]
    with pytest.raises(UserError) as caught:
        ask(ResponsesClient(base_url="http://127.0.0.1:1/v1", **options))

    assert KEY not in recorded(caught.value)


@pytest.mark.parametrize("url", [f"ftp://user:{KEY}@host", f"http://user:{KEY}@[::1", "http://x:y"])
def test_nothing_is_recorded_with_a_bad_url(url: str) -> None:
    client = ResponsesClient(base_url=url, api_key=KEY, default_headers={"X-Key": KEY})
    with pytest.raises(UserError) as caught:
        ask(client, headers={"X-Mine": KEY})

    assert KEY not in recorded(caught.value)


def test_a_key_that_is_no_text_is_not_recorded() -> None:
    with pytest.raises(UserError) as caught:
        ResponsesClient(api_key=KEY.encode())  # type: ignore[arg-type]
    assert KEY not in recorded(caught.value)

    with pytest.raises(UserError, match="must be text") as caught:
        set_default_openai_key(KEY.encode())  # type: ignore[arg-type]
    assert KEY not in recorded(caught.value)


@pytest.mark.parametrize("own", [False, True], ids=["ours", "theirs"])
def test_an_interrupt_while_waiting_for_an_answer_records_no_key(own: bool) -> None:
    def interrupt(peer: Peer) -> None:
        wait_until_asleep(threading.main_thread().native_id)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)  # type: ignore[arg-type]
        peer.hang()

    def handle(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, handle)
    session = requests.Session() if own else None
    try:
        with LoopbackServer(interrupt) as server:
            client = ResponsesClient(base_url=server.base_url, api_key=KEY, session=session)
            with pytest.raises(KeyboardInterrupt) as caught:
                ask(client, headers={"X-Mine": KEY})
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert KEY not in recorded(caught.value)


@pytest.mark.parametrize("kind", [OpenAIResponsesModel, OpenAIChatCompletionsModel, AnthropicModel])
@pytest.mark.parametrize("answer", [http_answer(400), Peer.close, http_answer(200, "x")])
def test_no_error_of_a_run_records_a_key(answer: Any, kind: Any) -> None:
    with LoopbackServer(always=answer) as server:
        client = ResponsesClient(base_url=server.base_url, api_key=KEY, max_retries=0)
        settings = ModelSettings(extra_headers={"X-Mine": KEY}, extra_args={"key": KEY})
        model = kind("m", client)
        with pytest.raises(APIError) as caught:
            Runner.run_sync(Agent(name="A", model=model, model_settings=settings), "Hi")

    assert KEY not in recorded(caught.value)


def nobody_there(kind: str) -> Callable[[], Any]:
    """A use of a server that is not there, and that a secret is meant for."""
    if kind == "redis":
        pytest.importorskip("redis")
        return memory.RedisSession.from_url("s", url=f"redis://:{KEY}@127.0.0.1:1/0").get_items
    if kind == "mcp over http":
        url: Any = {"url": "http://127.0.0.1:1/mcp", "headers": {"Authorization": KEY}}
        return MCPServerStreamableHttp(url).list_tools
    if kind == "mcp process":
        program: Any = {"command": "/no/such", "args": ["x"], "env": {"TOKEN": KEY}}
        return MCPServerStdio(program).list_tools
    pytest.importorskip(kind.partition("+")[2])
    return memory.SQLAlchemySession("s", url=f"{kind}://u:{KEY}@127.0.0.1:1/x").get_items


@pytest.mark.parametrize(
    "kind", ["mcp over http", "mcp process", "postgresql+psycopg", "mysql+pymysql", "redis"]
)
def test_no_server_that_is_not_there_has_its_secret_recorded(kind: str) -> None:
    use = nobody_there(kind)
    with pytest.raises(AgentsException) as caught:
        use()
    assert KEY not in recorded(caught.value)


def test_the_frames_of_a_users_function_stay() -> None:
    session = requests.Session()

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request.no_such_thing  # type: ignore[attr-defined, no-any-return]

    session.auth = sign  # type: ignore[assignment]
    client = ResponsesClient(base_url="http://127.0.0.1:1", api_key=KEY, session=session)
    with pytest.raises(AttributeError) as caught:
        ask(client)

    names = [entry.name for entry in caught.traceback]
    assert names[-1] == "sign"
    assert KEY not in recorded(caught.value)


MADE = Agent("A", model=ScriptedModel(["Hello."]))
STATE = Runner.run_sync(MADE, "Hi").to_state()
REFUSED: dict[str, Callable[[], object]] = {
    "client, a number": lambda: ResponsesClient(
        api_key=KEY, base_url=f"https://a:{KEY}@h", default_headers={"A": KEY}, timeout=-1
    ),
    "client, headers": lambda: ResponsesClient(default_headers=[KEY]),  # type: ignore[arg-type]
    "client, URL": lambda: ResponsesClient(base_url=KEY.encode()),  # type: ignore[arg-type]
    "client, unknown": lambda: ResponsesClient(api_key=KEY, key=KEY),  # type: ignore[call-arg]
    "default key": lambda: set_default_openai_key([KEY]),  # type: ignore[arg-type]
    "provider": lambda: OpenAIProvider(api_key=[KEY]),  # type: ignore[arg-type]
    "settings": lambda: ModelSettings(extra_headers=[KEY]),  # type: ignore[arg-type]
    "run": lambda: RunConfig(model_settings={"extra_headers": {"A": KEY}, "no": 1}),
    "agent": lambda: Agent("A", model_settings={"extra_headers": {"A": KEY}, "no": 1}),
    "agent's copy": lambda: Agent("A").clone(model_settings={"extra_body": {"A": KEY}, "no": 1}),
    "state": lambda: STATE.to_string(key=KEY),  # type: ignore[arg-type]
    "state, of no key": lambda: RunState.from_string(MADE, "", key=KEY),  # type: ignore[arg-type]
    "state, of another key": lambda: RunState.from_string(
        MADE, STATE.to_string(key=b"another"), key=KEY.encode()
    ),
    "hosted MCP": lambda: HostedMCPTool([KEY]),  # type: ignore[arg-type]
    "MCP": lambda: MCPServerStreamableHttp({"url": "http://h", "headers": {"A": f"{KEY}\n"}}),
    "MCP process": lambda: MCPServerStdio({"command": 5, "env": {"A": KEY}}),
}
REFUSED_BY_STORES: dict[str, tuple[str, Callable[[], object]]] = {
    "encrypted": (
        "cryptography",
        lambda: memory.EncryptedSession("a", SQLiteSession("a"), [KEY]),  # type: ignore[arg-type]
    ),
    "database": (
        "psycopg",
        lambda: memory.SQLAlchemySession("a", url=f"postgresql+psycopg://u:{KEY}@h:x/d"),
    ),
    "no database": (
        "sqlalchemy",
        lambda: journal.SQLAlchemyJournal(url=[KEY]),  # type: ignore[arg-type]
    ),
    "Redis": ("redis", lambda: memory.RedisSession.from_url("a", url=f"foo://:{KEY}@h")),
    "journal": ("redis", lambda: journal.RedisJournal.from_url(f"redis://u:{KEY}@h:x/0")),
}


def test_what_is_refused_keeps_the_frames_of_others() -> None:
    def fail() -> None:
        raise ValueError("theirs")

    class Mine(ModelSettings):
        def __post_init__(self) -> None:
            broken(self)

    def broken(settings: Any) -> None:
        len(settings)

    try:
        fail()
    except ValueError as first:
        with pytest.raises(UserError):
            ModelSettings(timeout="x")  # type: ignore[arg-type]
        assert [frame.name for frame in traceback.extract_tb(first.__traceback__)][-1] == "fail"

    with pytest.raises(TypeError) as caught:
        Mine()
    assert caught.traceback[-1].name == "broken"


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_when_it_is_declared_is_not_recorded(make: Callable[[], object]) -> None:
    with pytest.raises((UserError, TypeError)) as refused:
        make()
    assert KEY not in recorded(refused.value) + str(refused.value)


@pytest.mark.parametrize(
    ("package", "make"), REFUSED_BY_STORES.values(), ids=REFUSED_BY_STORES
)
def test_what_a_store_refuses_is_not_recorded(package: str, make: Callable[[], object]) -> None:
    pytest.importorskip(package)
    test_what_is_refused_when_it_is_declared_is_not_recorded(make)
