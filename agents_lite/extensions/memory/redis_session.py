"""A session in Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...checks import check_count, forgetful
from ...concurrency.calling import Done, Ready
from ...concurrency.workers import call_or_leave
from ...exceptions import SessionError, UserError
from ...memory.session_settings import SessionSettings
from ...memory.stored_session import StoredSession
from ..redis_calls import check_client, check_size, client_of, in_words, watching

try:
    import redis
    from redis.client import Pipeline
except ImportError as error:
    raise UserError("RedisSession needs redis-py: pip install 'agents_lite[redis]'") from error


class Truth(int, Ready):
    """True or False, as 1 or 0; it may be awaited."""


class RedisSession(StoredSession):
    """A conversation in a Redis list.

    Threads, processes and forks may share it: each change is one MULTI transaction. A change is
    never sent twice, whatever retries the client is set to: when the connection is lost before
    the server's answer is there, the `SessionError` leaves open whether the server made it.
    """

    def __init__(
        self,
        session_id: str,
        *,
        redis_client: redis.Redis,
        key_prefix: str = "agents:session",
        ttl: int | None = None,
        session_settings: SessionSettings | Mapping[str, Any] | None = None,
    ) -> None:
        """Name the conversation and its server; nothing is sent yet.

        Args:
            session_id: Which conversation.
            redis_client: A synchronous client, which many sessions may share.
            key_prefix: The list's key is this, the id and "messages", joined by colons.
            ttl: Seconds after the last change until the server forgets the conversation; None
                keeps it.
            session_settings: How much of it runs read; None: all of it.

        Raises:
            UserError: The client is asynchronous, or one of a cluster; the `ttl` is none.
        """
        super().__init__(session_id, session_settings)
        if ttl is not None:
            check_count(ttl, "The ttl", 1)
        check_client(redis_client, "RedisSession")
        self._client = redis_client
        self._owns_client = False
        self._key = f"{key_prefix}:{session_id}:messages"
        self._ttl = ttl

    @classmethod
    @forgetful
    def from_url(cls, session_id: str, *, url: str, **options: Any) -> RedisSession:
        """A session with a client of its own.

        Args:
            session_id: Which conversation.
            url: The server, such as "redis://localhost:6379/0".
            options: Other arguments of the class.

        Raises:
            UserError: The URL is none of Redis.
        """
        session = cls(session_id, redis_client=client_of(url, "RedisSession"), **options)
        session._owns_client = True
        return session

    def clear_session(self) -> Done:
        """Forget the conversation.

        Raises:
            SessionError: The server failed.
        """
        self._call(lambda: self._client.delete(self._key))
        return Done()

    def ping(self) -> Truth:
        """Whether the server answers."""
        try:
            self._call(self._client.ping)
        except SessionError:
            return Truth(False)
        return Truth(True)

    def close(self) -> Done:
        """Close the session's own client (`from_url`); one that was given stays as it is."""
        if self._owns_client:
            self._client.close()
        return Done()

    def _read_texts(self, newest: int | None) -> list[str | bytes]:
        start = 0 if newest is None else -newest
        texts: list[str | bytes] = self._call(lambda: self._client.lrange(self._key, start, -1))
        return texts

    def _append_texts(self, texts: list[str]) -> None:
        self._change(lambda pipeline: pipeline.rpush(self._key, *texts), texts)

    def _replace_texts(self, texts: list[str], count: int) -> None:
        def replace(pipeline: Pipeline) -> None:
            pipeline.ltrim(self._key, count, -1)
            if texts:
                pipeline.lpush(self._key, *reversed(texts))

        self._change(replace, texts)

    def _pop_text(self) -> str | bytes | None:
        text: str | bytes | None = self._change(lambda pipeline: pipeline.rpop(self._key))
        return text

    def _change(self, command: Callable[[Pipeline], object], texts: Iterable[str] = ()) -> Any:
        """Run the command, which sends these texts, once, the TTL with it; return its answer."""

        def change() -> Any:
            with watching(self._client, f"{self._key}:unwritten") as pipeline:  # by anybody
                check_size(pipeline, texts)
                pipeline.multi()
                command(pipeline)
                if self._ttl is not None:
                    pipeline.expire(self._key, self._ttl)
                return pipeline.execute()[0]

        return self._call(change)

    def _call(self, work: Callable[[], Any]) -> Any:
        place = f"Session {self.session_id!r} in Redis (key {self._key!r})"
        try:
            return call_or_leave(place, work)
        except redis.RedisError as error:
            raise SessionError(
                f"{place} failed: {in_words(error)}. Check that the server is there and the key is "
                "a list."
            ) from error
