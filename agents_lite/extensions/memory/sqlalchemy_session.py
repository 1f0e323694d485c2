"""A session in a database that SQLAlchemy speaks to: PostgreSQL, MariaDB, SQLite and others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from ...checks import forgetful
from ...concurrency.calling import Done
from ...exceptions import SessionError
from ...memory.session_settings import SessionSettings
from ...memory.stored_session import StoredSession
from ..databases import Database, ExactText, IntegrityError, SQLAlchemyError, long_text, sa

T = TypeVar("T")


class SQLAlchemySession(StoredSession):
    """A conversation in a database, where two tables hold all conversations.

    Threads and processes may share a database: each turn is one transaction, and the writers of a
    conversation wait for each other, so turns never mix. Nothing is opened before the first use.
    """

    @forgetful
    def __init__(
        self,
        session_id: str,
        *,
        engine: sa.Engine | None = None,
        url: str | sa.URL | None = None,
        create_tables: bool = True,
        sessions_table: str = "agent_sessions",
        messages_table: str = "agent_messages",
        session_settings: SessionSettings | Mapping[str, Any] | None = None,
    ) -> None:
        """Name the conversation and its database.

        Args:
            session_id: Which conversation.
            engine: A synchronous engine, which many sessions may share. Through PgBouncer it needs
                `connect_args={"prepare_threshold": None}`, as one made from `url` has.
            url: Instead of an engine: where one of the session's own connects to, such as
                "postgresql+psycopg://user:password@host/database".
            create_tables: Create the tables when they are missing.
            sessions_table: The table of conversations.
            messages_table: The table of their items.
            session_settings: How much of it runs read; None: all of it.

        Raises:
            UserError: Not exactly one of `engine` and `url`, or one that cannot be used here.
        """
        super().__init__(session_id, session_settings)
        self._sessions = _define_sessions(sessions_table)
        self._messages = _define_messages(messages_table)
        self._database = Database(
            "SQLAlchemySession",
            (engine, url),
            (self._sessions, self._messages),
            partial(_failure, session_id),
            create_tables,
        )
        self.engine = self._database.engine

    @classmethod
    @forgetful
    def from_url(cls, session_id: str, *, url: str | sa.URL, **options: Any) -> SQLAlchemySession:
        """The same as giving `url` to the class; `options` are its other arguments."""
        return cls(session_id, url=url, **options)

    def clear_session(self) -> Done:
        """Forget the conversation.

        Raises:
            SessionError: The database failed.
        """

        def clear(connection: sa.Connection) -> None:
            for table in (self._messages, self._sessions):
                connection.execute(sa.delete(table).where(self._is_ours(table)))

        self._change(clear)
        return Done()

    def close(self) -> None:
        """Close the connections of the session's own engine; one that was given stays as it is."""
        self._database.close()

    def _read_texts(self, newest: int | None) -> list[str]:
        messages = self._messages.c
        query = (
            sa.select(messages.message_data)
            .where(self._is_ours(self._messages))
            .order_by(messages.id.desc())
            .limit(newest)
        )

        def read(connection: sa.Connection) -> list[str]:
            return list(connection.execute(query).scalars())[::-1]

        return self._database.read(read)

    def _append_texts(self, texts: list[str]) -> None:
        self._change(partial(self._append, texts))

    def _append(self, texts: list[str], connection: sa.Connection) -> None:
        rows = [{"session_id": self.session_id, "message_data": text} for text in texts]
        if rows:
            connection.execute(sa.insert(self._messages), rows)

    def _replace_texts(self, texts: list[str], count: int) -> None:
        messages = self._messages.c
        shown = sa.select(messages.message_data).where(self._is_ours(self._messages))

        def replace(connection: sa.Connection) -> None:
            newer = connection.execute(shown.order_by(messages.id).offset(count)).scalars().all()
            connection.execute(sa.delete(self._messages).where(self._is_ours(self._messages)))
            self._append([*texts, *newer], connection)

        self._change(replace)

    def _pop_text(self) -> str | None:
        messages = self._messages.c
        newest = (
            sa.select(messages.id, messages.message_data)
            .where(self._is_ours(self._messages))
            .order_by(messages.id.desc())
            .limit(1)
        )

        def pop(connection: sa.Connection) -> str | None:
            row = connection.execute(newest).one_or_none()
            if row is None:
                return None
            connection.execute(sa.delete(self._messages).where(messages.id == row.id))
            text: str = row.message_data
            return text

        return self._change(pop)

    def _is_ours(self, table: sa.Table) -> sa.ColumnElement[bool]:
        return table.c.session_id == self.session_id

    def _change(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns, while it holds the conversation's row: other writers wait for it."""
        hold = (
            sa.update(self._sessions)
            .where(self._is_ours(self._sessions))
            .values(updated_at=sa.func.now())
        )

        def change(connection: sa.Connection) -> tuple[T] | None:
            return (work(connection),) if connection.execute(hold).rowcount else None

        # The row is made in a transaction of its own: MySQL calls it a deadlock when two writers
        # first look for it and then both insert it.
        refusal: SessionError | None = None
        while (done := self._database.change(change)) is None:
            if refusal is not None:
                raise refusal
            try:
                self._database.change(self._insert_session)
            except SessionError as error:
                if not isinstance(error.__cause__, IntegrityError):
                    raise
                refusal = error  # unless another writer was quicker, whose row is there
        return done[0]

    def _insert_session(self, connection: sa.Connection) -> None:
        connection.execute(sa.insert(self._sessions).values(session_id=self.session_id))


def _failure(session_id: str, words: str, error: SQLAlchemyError) -> SessionError:
    return SessionError(f"Session {session_id!r} in {words}")


def _define_sessions(name: str) -> sa.Table:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("session_id", ExactText, primary_key=True),
        sa.Column("created_at", sa.DateTime, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime, server_default=sa.func.now(), nullable=False),
    )


def _define_messages(name: str) -> sa.Table:
    # SQLite numbers rows by itself only in a column of exactly this type.
    row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", row_number, primary_key=True),
        sa.Column("session_id", ExactText, nullable=False),
        sa.Column("message_data", long_text(), nullable=False),
        sa.Column("created_at", sa.DateTime, server_default=sa.func.now(), nullable=False),
        sa.Index(f"idx_{name}_session_id", "session_id", "id"),
    )
