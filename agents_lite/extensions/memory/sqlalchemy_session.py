"""A session in a database that SQLAlchemy speaks to: PostgreSQL, MariaDB, SQLite and others."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

from ...concurrency.forks import before_fork, new_lock
from ...concurrency.sqlite_calls import TRY_SECONDS, call_sqlite
from ...concurrency.workers import call_or_leave
from ...exceptions import SessionError, UserError
from ...memory.stored_session import StoredSession

try:
    import sqlalchemy as sa
    from sqlalchemy.dialects import mysql
    from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
except ImportError as error:
    raise UserError(
        "SQLAlchemySession needs SQLAlchemy: pip install 'agents_lite[sqlalchemy]'"
    ) from error

T = TypeVar("T")

_SQLITE_SECONDS = 30.0  # to wait for an SQLite file that another program has locked
_MYSQL = ("mysql", "mariadb")

_sqlite_engines: WeakSet[sa.Engine] = WeakSet()  # those made here, for files


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
            engine: A synchronous engine, which many sessions may share. Through PgBouncer it needs
                `connect_args={"prepare_threshold": None}`, as one made from `url` has.
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
            self.engine = _with_transactions(engine)
        elif url is not None and engine is None:
            self.engine = _new_engine(url)
        else:
            raise UserError("SQLAlchemySession needs either an engine or a url.")
        self._sessions = _define_sessions(sessions_table)
        self._messages = _define_messages(messages_table)
        self._creates_tables = self._needs_tables = create_tables
        self._lock = new_lock()
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

        def clear(connection: sa.Connection) -> None:
            for table in (self._messages, self._sessions):
                connection.execute(sa.delete(table).where(self._is_ours(table)))

        self._change(clear)

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
        return self._call(lambda connection: list(connection.execute(query).scalars())[::-1])

    def _append_texts(self, texts: list[str]) -> None:
        rows = [{"session_id": self.session_id, "message_data": text} for text in texts]
        self._change(lambda connection: connection.execute(sa.insert(self._messages), rows))

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
        while (done := self._call(change)) is None:
            self._call(self._insert_session)
        return done[0]

    def _insert_session(self, connection: sa.Connection) -> None:
        try:
            connection.execute(sa.insert(self._sessions).values(session_id=self.session_id))
        except IntegrityError:  # another writer was quicker
            connection.rollback()

    def _call(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns, done in one transaction.

        Raises:
            SessionError: The database failed.
        """
        place = f"Session {self.session_id!r} in {self.engine.url!r}"
        try:
            if self.engine.dialect.name == "sqlite":
                return call_sqlite(self._lock, partial(self._work, work), _SQLITE_SECONDS)
            return call_or_leave(place, partial(self._work, work))
        except SQLAlchemyError as error:
            # The driver's own words: SQLAlchemy would add the items to them.
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise SessionError(
                f"{place} failed: {reason}. "
                "Check that the database is there and that its user may write to it."
            ) from error

    def _work(self, work: Callable[[sa.Connection], T]) -> T:
        self._prepare()
        with self.engine.connect() as connection:
            result = work(connection)
            connection.commit()
            return result

    def _prepare(self) -> None:
        if self._owns_engine and self._pid != os.getpid():
            self.engine.dispose(close=False)  # its connections are the parent process's
            self._pid = os.getpid()
            self._needs_tables = self._creates_tables  # a database in memory is another one here
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
            options["connect_args"] = {"timeout": TRY_SECONDS, "check_same_thread": False}
            if address.database in (None, "", ":memory:"):
                # A connection is the whole database, so there is one, and threads take turns.
                options |= {"poolclass": sa.QueuePool, "pool_size": 1, "max_overflow": 0}
        elif dialect.driver == "psycopg":
            # PgBouncer gives each transaction another connection, which lacks what was prepared.
            options["connect_args"] = {"prepare_threshold": None}
        engine = sa.create_engine(address, **options)
        if dialect.name == "sqlite" and "poolclass" not in options:
            _sqlite_engines.add(engine)
        return engine
    except (ArgumentError, ImportError) as error:
        raise UserError(f"SQLAlchemySession cannot use its url: {error}") from error
    except ValueError:  # its text may show a part of the password
        raise UserError(
            "SQLAlchemySession cannot use its url: the port or an option is not a number"
        ) from None


@before_fork
def _close_sqlite_files() -> None:
    """Close files: SQLite's locks go wrong when a child inherits a connection to one."""
    for engine in list(_sqlite_engines):
        engine.dispose()


def _with_transactions(engine: sa.Engine) -> sa.Engine:
    """The engine, or, where it commits each statement by itself, the same with transactions."""
    level = engine.get_execution_options().get("isolation_level")
    level = level or getattr(engine.dialect, "_on_connect_isolation_level", None)
    if level != "AUTOCOMMIT":
        return engine
    is_sqlite = engine.dialect.name == "sqlite"
    return engine.execution_options(
        isolation_level="SERIALIZABLE" if is_sqlite else "READ COMMITTED"
    )


def _require_sync(dialect: sa.Dialect | type[sa.Dialect]) -> None:
    if dialect.is_async:
        raise UserError(
            f"SQLAlchemySession is synchronous and cannot use {dialect.driver}: name a synchronous "
            "driver, such as postgresql+psycopg or plain sqlite."
        )


class _ExactText(sa.types.TypeDecorator[str]):
    """A key of text: on MySQL as bytes, since its texts need a length and ignore case."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name in _MYSQL:
            return dialect.type_descriptor(mysql.VARBINARY(1024))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> Any:
        return value.encode() if value is not None and dialect.name in _MYSQL else value


def _define_sessions(name: str) -> sa.Table:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("session_id", _ExactText, primary_key=True),
        sa.Column("created_at", sa.DateTime, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime, server_default=sa.func.now(), nullable=False),
    )


def _define_messages(name: str) -> sa.Table:
    # SQLite numbers rows by itself only in a column of exactly this type.
    row_number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    # MySQL's TEXT holds 64 KiB, and of a database in latin-1 not every character.
    long_text = sa.Text().with_variant(mysql.LONGTEXT(charset="utf8mb4"), *_MYSQL)
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", row_number, primary_key=True),
        sa.Column("session_id", _ExactText, nullable=False),
        sa.Column("message_data", long_text, nullable=False),
        sa.Column("created_at", sa.DateTime, server_default=sa.func.now(), nullable=False),
        sa.Index(f"idx_{name}_session_id", "session_id", "id"),
    )
