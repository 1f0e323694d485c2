"""What only the Redis session does: keys, expiry, and connections that are lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest

redis = pytest.importorskip("redis")

from agents_lite.exceptions import SessionError, UserError  # noqa: E402
from agents_lite.extensions.journal import RedisJournal  # noqa: E402
from agents_lite.extensions.memory import RedisSession  # noqa: E402
from tests.support.servers import (  # noqa: E402
    ServerMissing,
    proxy_that_loses_the_answer,
    redis_server,
)
from tests.support.session_stores import make_turn  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

TURN = make_turn("w", 0)


@pytest.fixture
def session_id() -> str:
    return uuid.uuid4().hex


@pytest.fixture(params=[False, True], ids=["bytes", "decoded"])
def client(request: pytest.FixtureRequest, redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=request.param)


def test_sessions_share_a_client(client: redis.Redis, session_id: str) -> None:
    with RedisSession(session_id, redis_client=client) as session:
        session.add_items(TURN)
    assert session.get_items() == TURN
    assert session.pop_item() == TURN[-1]
    assert client.llen(f"agents:session:{session_id}:messages") == len(TURN) - 1
    assert RedisSession("other", redis_client=client, key_prefix=session_id).get_items() == []


def test_a_program_may_await_an_answer_and_the_end(redis_url: str, session_id: str) -> None:
    async def talk() -> bool:
        session = RedisSession.from_url(session_id, url=redis_url)
        is_there = await session.ping()
        await session.close()
        return bool(is_there)

    assert asyncio.run(talk())


def test_a_ttl_is_renewed_by_every_change(client: redis.Redis, session_id: str) -> None:
    session = RedisSession(session_id, redis_client=client, ttl=1000)
    key = f"agents:session:{session_id}:messages"
    for change in (lambda: session.add_items(TURN), session.pop_item):
        change()
        assert 990 <= client.ttl(key) <= 1000
        client.expire(key, 10)
    session.get_items()
    assert client.ttl(key) <= 10


@pytest.mark.parametrize("ttl", [1.5, "60", 0, -1])
def test_a_ttl_that_the_server_would_refuse_after_a_change_is_refused_before(ttl: Any) -> None:
    with pytest.raises(UserError, match="ttl"):
        RedisSession("s", redis_client=redis.Redis(), ttl=ttl)


def test_without_a_ttl_a_session_is_kept(client: redis.Redis, session_id: str) -> None:
    RedisSession(session_id, redis_client=client).add_items(TURN)
    assert client.ttl(f"agents:session:{session_id}:messages") == -1


def test_a_key_of_another_kind_is_an_error_and_left_alone(
    client: redis.Redis, session_id: str
) -> None:
    key = f"agents:session:{session_id}:messages"
    client.set(key, "not a list")
    session = RedisSession(session_id, redis_client=client)
    for use in (session.get_items, lambda: session.add_items(TURN), session.pop_item):
        with pytest.raises(SessionError, match="the key is a list"):
            use()
    assert client.get(key) in ("not a list", b"not a list")


def test_a_server_that_goes_away_is_a_session_error() -> None:
    try:
        with redis_server() as (url, server):
            no_retries = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
            client = redis.Redis.from_url(url, retry=no_retries)
            session = RedisSession("s", redis_client=client)
            session.add_items(TURN)
            assert {session.ping(): "there"} == {1: "there"}  # a key as other numbers are
            server.stop()
            assert not session.ping()
            for use in (
                session.get_items,
                lambda: session.add_items(TURN),
                session.pop_item,
                session.clear_session,
            ):
                with pytest.raises(SessionError, match="Check that the server is there"):
                    use()
    except ServerMissing as missing:
        pytest.skip(str(missing))


def test_a_turn_whose_answer_is_lost_is_not_sent_twice(redis_url: str, session_id: str) -> None:
    port = urlsplit(redis_url).port
    assert port
    with proxy_that_loses_the_answer(port, b"EXEC") as proxy_port:
        client = redis.Redis(port=proxy_port)  # retries by default, other than from_url
        session = RedisSession(session_id, redis_client=client)
        with pytest.raises(SessionError, match="Check that the server is there"):
            session.add_items(TURN)
        assert session.get_items() == TURN
        with pytest.raises(SessionError):
            session.pop_item()
        assert session.get_items() == TURN[:-1]


def test_what_cannot_be_used_is_refused_at_once() -> None:
    with pytest.raises(UserError, match="cannot use its url"):
        RedisSession.from_url("s", url="http://127.0.0.1")
    asynchronous = pytest.importorskip("redis.asyncio").Redis()
    with pytest.raises(UserError, match="synchronous"):
        RedisSession("s", redis_client=asynchronous)
    with pytest.raises(UserError, match="synchronous"):
        RedisJournal(redis_client=asynchronous)


def test_a_client_of_a_cluster_is_refused_before_anything_is_sent() -> None:
    try:
        with redis_server("--cluster-enabled", "yes") as (url, _server):
            one_node = redis.Redis.from_url(url)
            one_node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: b"cluster_state:ok" in one_node.execute_command("CLUSTER", "INFO"))
            with redis.RedisCluster.from_url(url) as client:
                with pytest.raises(UserError, match="a redis.Redis client of one server"):
                    RedisSession("s", redis_client=client)  # type: ignore[arg-type]
                with pytest.raises(UserError, match="a redis.Redis client of one server"):
                    RedisJournal(redis_client=client)  # type: ignore[arg-type]
                assert client.dbsize() == 0
            session = RedisSession("s", redis_client=one_node, ttl=1000)
            session.add_items(TURN)
            assert session.pop_item() == TURN[-1]
    except ServerMissing as missing:
        pytest.skip(str(missing))


def test_a_missing_package_names_the_extra() -> None:
    program = (
        "import sys\n"
        "sys.modules['redis'] = None\n"
        "from agents_lite.exceptions import UserError\n"
        "from agents_lite.extensions.memory import trim_items\n"
        "try:\n"
        "    from agents_lite.extensions.memory import RedisSession\n"
        "except UserError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'agents_lite[redis]'" in run.stdout, run.stderr
