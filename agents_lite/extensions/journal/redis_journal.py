"""A journal in Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from ...checks import forgetful
from ...concurrency.workers import call_or_leave
from ...exceptions import JournalError, UserError
from ...journal.entries import Mask
from ...journal.journal import Change, Journal
from ...journal.stored_run import RunRow, Status, counted
from ..redis_calls import check_client, check_size, client_of, in_words, watching

try:
    import redis
except ImportError as error:
    raise UserError("RedisJournal needs redis-py: pip install 'agents_lite[redis]'") from error

T = TypeVar("T")

_rows = TypeAdapter(RunRow)
_PASSING = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.ReadOnlyError,  # another server is about to take its place
    redis.exceptions.OutOfMemoryError,
)
_PASSING_WORDS = ("NOREPLICAS", "MISCONF")  # too few replicas listen; the disk is full


class RedisJournal(Journal):
    """Keeps runs in Redis; threads, processes and machines may share a server.

    A server loses what it has not put on disk: `appendonly yes` with `appendfsync always` writes
    each change before it answers.
    """

    def __init__(
        self,
        *,
        redis_client: redis.Redis,
        key_prefix: str = "agents:runs",
        lease: float = 30.0,
        mask: Mask | None = None,
    ) -> None:
        """Name the server; nothing is sent yet.

        Args:
            redis_client: A synchronous client, which others may share.
            key_prefix: All keys begin with this.
            lease: Seconds after which the run of a process on another machine that gave no sign
                may be taken over.
            mask: Given each fact as JSON, returns what is written of it.

        Raises:
            UserError: The client is asynchronous, or one of a cluster.
        """
        super().__init__(lease=lease, mask=mask)
        check_client(redis_client, "RedisJournal")
        self._client = redis_client
        self._owns_client = False
        self._prefix = key_prefix

    @classmethod
    @forgetful
    def from_url(cls, url: str, **options: Any) -> RedisJournal:
        """A journal with a client of its own.

        Args:
            url: The server, such as "redis://localhost:6379/0".
            options: Other arguments of the class.

        Raises:
            UserError: The URL is none of Redis.
        """
        journal = cls(redis_client=client_of(url, "RedisJournal"), **options)
        journal._owns_client = True
        return journal

    def change(self, run_id: str, change: Change) -> None:
        """Change a run's row, and add an entry, in one transaction; see `Journal.change`."""

        def work() -> None:
            was_lost = False
            while True:
                try:
                    return self._change(run_id, change)
                except redis.WatchError as error:  # another writer was quicker
                    lost = error.__context__  # or the client's retries say so of a connection
                    if isinstance(lost, redis.ConnectionError | redis.TimeoutError):
                        if was_lost:
                            raise lost from None
                        was_lost = True

        self._call(work)

    def entries(self, run_id: str) -> tuple[RunRow, list[str]] | None:
        """A run's row and the texts of its entries in order; see `Journal.entries`."""

        def read() -> tuple[RunRow, list[str]] | None:
            with self._client.pipeline() as pipeline:
                pipeline.get(self._row_key(run_id))
                pipeline.lrange(self._entries_key(run_id), 0, -1)
                text, texts = pipeline.execute()
            row = counted(run_id, _row(run_id, text), len(texts) - 1 if texts else None)
            return None if row is None else (row, [_text(each) for each in texts])

        return self._call(read)

    def rows(self, statuses: list[Status], limit: int, offset: int) -> list[RunRow]:
        """Rows of these statuses, those that changed latest first."""

        def read() -> list[RunRow]:
            found: list[RunRow] = []
            for status in statuses:
                newest = self._client.zrevrange(self._index_key(status), 0, limit + offset - 1)
                names = [_text(name) for name in newest]
                for start in range(0, len(names), 500):
                    some = names[start : start + 500]
                    texts = self._client.mget(map(self._row_key, some))
                    rows = (_row(*each, status) for each in zip(some, texts, strict=True))
                    found += [row for row in rows if row and row.status == status]
            found.sort(key=lambda row: row.changed_at, reverse=True)
            return found[offset : offset + limit]

        return self._call(read)

    def delete(self, run_id: str | None, statuses: list[Status], before: float) -> int:
        """Delete runs with their entries; see `Journal.delete`."""

        def names_of(status: Status) -> list[str]:
            key = self._index_key(status)
            return [_text(n) for n in self._client.zrangebyscore(key, "-inf", f"({before}")]

        def work() -> int:
            count = 0
            for status in statuses:
                names = names_of(status) if run_id is None else [run_id]
                count += sum(self._delete(name, status, before) for name in names)
            return count

        return self._call(work)

    def close(self) -> None:
        """Close the journal's own client (`from_url`); one that was given stays as it is."""
        if self._owns_client:
            self._client.close()

    def _change(self, run_id: str, change: Change) -> None:
        key = self._row_key(run_id)
        with watching(self._client, key) as pipeline:
            before = _row(run_id, pipeline.get(key))
            if before is None:  # or a server that drops keys has dropped this one only
                counted(run_id, None, pipeline.llen(self._entries_key(run_id)) or None)
            seconds, micros = pipeline.time()
            after, entry = change(before, seconds + micros / 1e6)
            if after == before and entry is None:
                return
            check_size(pipeline, [entry or ""])
            pipeline.multi()
            if entry is not None:
                pipeline.rpush(self._entries_key(run_id), entry)
            elif before is not None and after.entries < before.entries:
                for _ in range(before.entries - after.entries):
                    pipeline.rpop(self._entries_key(run_id))
            pipeline.set(key, to_json(asdict(after)))
            if before is None or (before.status, before.changed_at) != (
                after.status,
                after.changed_at,
            ):
                if before is not None:
                    pipeline.zrem(self._index_key(before.status), run_id)
                pipeline.zadd(self._index_key(after.status), {run_id: after.changed_at})
            pipeline.execute()

    def _delete(self, run_id: str, status: Status, before: float) -> bool:
        key = self._row_key(run_id)
        with watching(self._client, key) as pipeline:
            row = _row(run_id, pipeline.get(key), status)
            if row is None or row.status != status or row.changed_at >= before:
                return False
            pipeline.multi()
            pipeline.delete(key, self._entries_key(run_id))
            pipeline.zrem(self._index_key(status), run_id)
            try:
                pipeline.execute()
            except redis.WatchError:  # it goes on
                return False
        return True

    def _call(self, work: Callable[[], T]) -> T:
        try:
            return call_or_leave("The journal in Redis", work)
        except redis.RedisError as error:
            raise JournalError(
                f"The journal in Redis (keys {self._prefix}:...) failed: {in_words(error)}. Check "
                "that the server is there and takes writes.",
                may_pass=isinstance(error, _PASSING) or in_words(error).startswith(_PASSING_WORDS),
            ) from error

    def _row_key(self, run_id: str) -> str:
        return f"{self._prefix}:run:{run_id}"

    def _entries_key(self, run_id: str) -> str:
        return f"{self._prefix}:entries:{run_id}"

    def _index_key(self, status: str) -> str:
        return f"{self._prefix}:by:{status}"


def _row(run_id: str, text: str | bytes | None, status: Status | None = None) -> RunRow | None:
    """The row of a run; None: it has none.

    Args:
        run_id: The run.
        text: The row as JSON.
        status: Where it is listed: a damaged row is listed there all the same, and can be deleted.

    Raises:
        JournalError: The row is damaged.
    """
    if text is None:
        return None
    try:
        return _rows.validate_json(text)
    except ValidationError as error:
        if status is not None:
            return RunRow(run_id, "", status, "{}", None, 0.0, 0.0, 0.0, 0)
        what = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise JournalError(f"The row of run {run_id!r} in Redis is damaged: {what}") from None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
