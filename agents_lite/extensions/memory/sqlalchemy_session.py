"""A session in a database that SQLAlchemy speaks to: PostgreSQL, SQLite and others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...exceptions import SessionError, UserError
from ...memory.stored_session import StoredSession

try:
    import sqlalchemy as sa
    from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
except ImportError as error:
    raise UserError(
        "SQLAlchemySession needs SQLAlchemy: pip install 'agents_lite[sqlalchemy]'"
    ) from error


class SQLAlchemySession(StoredSession):
    """A conversation in a database, where two tables hold all conversations.

    Threads and processes may share a database: each turn is one transaction, and the writers of a
    conversation wait for each other, so turns never mix. Nothing is opened before the first use.
    """

    def __init__(
        self,
        session_id: str,
        *,
        engine: sa.Engine | None = None,
        url: str | sa.URL | None = None,
        create_tables: bool = True,
        sessions_table: str = "agent_sessions",
        messages_table: str = "agent_messages",
    ) -> None:
        """Name the conversation and its database.

        Args:
            session_id: Which conversation.
            engine: A synchronous engine, which many sessions may share.
            url: Instead of an engine: where one of the session's own connects to, such as
                "postgresql+psycopg://user:password@host/database".
            create_tables: Create the tables when they are missing.
            sessions_table: The table of conversations.
            messages_table: The table of their items.

        Raises:
            UserError: Not exactly one of `engine` and `url`, or one that cannot be used here.
        """
        super().__init__(session_id)
        self._owns_engine = engine is None
        if engine is not None and url is None:
            _require_sync(engine.dialect)
            self.engine = engine
        elif url is not None and engine is None:
            self.engine = _new_engine(url)
        else:
            raise UserError("SQLAlchemySession needs either an engine or a url.")
        self._sessions = _define_sessions(sessions_table)
        self._messages = _define_messages(messages_table)
        self._needs_tables = create_tables
        self._pid = os.getpid()

    @classmethod
    def from_url(cls, session_id: str, *, url: str | sa.URL, **options: Any) -> SQLAlchemySession:
        """The same as giving `url` to the class; `options` are its other arguments."""
        return cls(session_id, url=url, **options)

    def clear_session(self) -> None:
        """Forget the conversation.

        Raises:
            SessionError: The database failed.
        """
        with self._turn() as connection:
            for table in (self._messages, self._sessions):
                connection.execute(sa.delete(table).where(self._is_ours(table)))

    def close(self) -> None:
        """Close the connections of the session's own engine; one that was given stays as it is."""
        if self._owns_engine:
            self.engine.dispose()

    def _read_texts(self, newest: int | None) -> list[str]:
        messages = self._messages.c
        query = (
            sa.select(messages.message_data)
            .where(self._is_ours(self._messages))
            .order_by(messages.id.desc())
            .limit(newest)
        )
        with self._transaction() as connection:
            return list(connection.execute(query).scalars())[::-1]

    def _append_texts(self, texts: list[str]) -> None:
        rows = [{"session_id": self.session_id, "message_data": text} for text in texts]
        with self._turn() as connection:
            connection.execute(sa.insert(self._messages), rows)

    def _pop_text(self) -> str | None:
        messages = self._messages.c
        newest = sa.select(sa.func.max(messages.id)).where(self._is_ours(self._messages))
        with self._turn() as connection:
            return connection.execute(
                sa.delete(self._messages)
                .where(messages.id == newest.scalar_subquery())
                .returning(messages.message_data)
            ).scalar()

    def _is_ours(self, table: sa.Table) -> sa.ColumnElement[bool]:
        return table.c.session_id == self.session_id

    @contextmanager
    def _turn(self) -> Iterator[sa.Connection]:
        """A transaction that holds the conversation's row, so that other writers wait for it."""
        hold = (
            sa.update(self._sessions)
            .where(self._is_ours(self._sessions))
            .values(updated_at=sa.func.now())
        )
        with self._transaction() as connection:
            if connection.execute(hold).rowcount == 0:
                try:
                    with connection.begin_nested():
                        connection.execute(
                            sa.insert(self._sessions).values(session_id=self.session_id)
                        )
                except IntegrityError:  # another writer was quicker
                    connection.execute(hold)
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            self._prepare()
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            # The driver's own words: SQLAlchemy would add the items to them.
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise SessionError(
                f"Session {self.session_id!r} in {self.engine.url!r} failed: {reason}. "
                "Check that the database is there and that its user may write to it."
            ) from error

    def _prepare(self) -> None:
        if self._owns_engine and self._pid != os.getpid():
            self.engine.dispose(close=False)  # its connections are the parent process's
            self._pid = os.getpid()
        if self._needs_tables:
            for table in (self._sessions, self._messages):
                try:
                    table.create(self.engine, checkfirst=True)
                except DBAPIError:  # another writer may have created it at the same moment
                    table.create(self.engine, checkfirst=True)
            self._needs_tables = False


def _new_engine(url: str | sa.URL) -> sa.Engine:
    options: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
    try:
        address = sa.make_url(url)
        dialect = address.get_dialect()
        _require_sync(dialect)
        if dialect.name == "sqlite":
            options["connect_args"] = {"timeout": 30.0, "check_same_thread": False}
            if address.database in (None, "", ":memory:"):
                # A connection is the whole database, so there is one, and threads take turns.
                options |= {"poolclass": sa.QueuePool, "pool_size": 1, "max_overflow": 0}
        return sa.create_engine(address, **options)
    except (ArgumentError, ImportError) as error:
        raise UserError(f"SQLAlchemySession cannot use its url: {error}") from error
    except ValueError:  # its text may show a part of the password
        raise UserError(
            "SQLAlchemySession cannot use its url: the port or an option is not a number"
        ) from None


def _require_sync(dialect: sa.Dialect | type[sa.Dialect]) -> None:
    if dialect.is_async:
        raise UserError(
            f"SQLAlchemySession is synchronous and cannot use {dialect.driver}: name a synchronous "
            "driver, such as postgresql+psycopg or plain sqlite."
        )


def _define_sessions(name: str) -> sa.Table:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("session_id", sa.Text, primary_key=True),
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
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("message_data", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, server_default=sa.func.now(), nullable=False),
        sa.Index(f"idx_{name}_session_id", "session_id", "id"),
    )
