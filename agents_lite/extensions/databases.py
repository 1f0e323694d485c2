"""Databases that SQLAlchemy speaks to, for what is kept in them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

from ..checks import check_kind
from ..concurrency.forks import before_fork, new_lock
from ..concurrency.sqlite_calls import TRY_SECONDS, call_sqlite
from ..concurrency.workers import call_or_leave
from ..exceptions import UserError
from ..http.frames import hide_frames

try:
    import sqlalchemy as sa
    from sqlalchemy.dialects import mysql
    from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
except ImportError as error:
    raise UserError("This needs SQLAlchemy: pip install 'agents_lite[sqlalchemy]'") from error

__all__ = [
    "MYSQL",
    "Database",
    "ExactText",
    "IntegrityError",
    "SQLAlchemyError",
    "codes_of",
    "commit",
    "commits_each_statement",
    "create_missing",
    "explained",
    "in_words",
    "is_conflict",
    "long_text",
    "remedy",
    "require_sync",
    "sa",
]

T = TypeVar("T")

MYSQL = ("mysql", "mariadb")
_DRIVERS = frozenset({"sqlalchemy", "psycopg", "psycopg2", "pymysql", "MySQLdb"})
"""Packages whose functions pass passwords on in their variables."""
_OTHER_NAMES = {
    "sqlite+aiosqlite": "sqlite",  # as programs that await sessions have it
    "postgres": "postgresql",  # as hosts of databases have it
}
_MOST_CONFLICTS = 100
"""So often other writers may have been in the way of one transaction."""
_CONFLICTS = (1213, "40001", "40P01")  # a deadlock of MySQL's; serialization and deadlock, SQLSTATE
_TOO_LARGE = ("54000", "string or blob too big")
_DROPPED = (1153, 2006, 2013)  # MySQL's: a packet that is too large, and lost connections
_LARGE = 2**18  # bytes of a statement; MySQL takes 1 MiB at least, as it is usually set up
_FULL = (1021, 1114, "53100", "database or disk is full")
_ABORTED = "25P02"  # SQLSTATE; once PostgreSQL has refused something, until the rollback
_SQLITE_SECONDS = 30.0  # to wait for an SQLite file that another program has locked

_sqlite_engines: WeakSet[sa.Engine] = WeakSet()  # those made here, for files

Failure = Callable[[str, SQLAlchemyError], Exception]
"""Makes an exception of an error: of the words "PLACE failed: ...", and of itself."""


class TooLarge(SQLAlchemyError):
    """A statement was refused for its size."""


class Database:
    """A database with some tables, which are created when they are missing.

    Threads and processes may share it. Nothing is opened before the first use.
    """

    def __init__(
        self,
        user: str,
        place: Sequence[Any],
        tables: Sequence[sa.Table],
        failure: Failure,
        create_tables: bool = True,
    ) -> None:
        """Name the database.

        Args:
            user: The class that uses it, for messages.
            place: A synchronous engine or None, and a URL or None: one of them.
            tables: The tables.
            failure: Makes an exception of an error.
            create_tables: Whether they are created when they are missing.

        Raises:
            UserError: Not exactly one of engine and URL, or one that cannot be used here.
        """
        engine, url = place
        self._owns_engine = engine is None
        if engine is not None and url is None:
            if not hasattr(engine, "dialect"):  # not shown, since a URL may hold a password
                kind = type(engine).__name__
                raise UserError(f"The engine of {user} is a {kind}; an address is its url.")
            require_sync(engine.dialect, user)
            self.engine = engine
        elif url is not None and engine is None:
            self.engine = _new_engine(url, user)
        else:
            raise UserError(f"{user} needs either an engine or a url.")
        self._tables = tables
        self._failure = failure
        self._creates_tables = self._needs_tables = create_tables
        self._lock = new_lock()
        self._pid = os.getpid()

    def close(self) -> None:
        """Close the connections of an engine made here; one that was given stays as it is."""
        if self._owns_engine:
            self.engine.dispose()

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns, which changes nothing.

        Raises:
            Exception: What `failure` makes of the database's.
        """
        return self._call(work, changes=False)

    def change(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns, done in one transaction.

        Raises:
            Exception: What `failure` makes of the database's.
        """
        return self._call(work, changes=True)

    def _call(self, work: Callable[[sa.Connection], T], changes: bool) -> T:
        whole = partial(self._work, work, changes)
        conflicts = 0
        while True:
            try:
                if self.engine.dialect.name == "sqlite":
                    return call_sqlite(self._lock, whole, _SQLITE_SECONDS)
                return call_or_leave(repr(self.engine.url), whole)
            except SQLAlchemyError as error:
                conflicts += 1
                if is_conflict(error) and conflicts <= _MOST_CONFLICTS:
                    continue
                hide_frames(error, _DRIVERS)
                words = f"{self.engine.url!r} failed: {in_words(error)}. {remedy(error)}"
                raise self._failure(words, error) from error

    def _work(self, work: Callable[[sa.Connection], T], changes: bool) -> T:
        try:
            self._prepare()
            with self.engine.connect() as connection:
                if not changes:
                    return work(connection)
                connection.begin()
                if commits_each_statement(connection):
                    return _in_transaction(connection, work)
                result = work(connection)
                commit(connection)
                return result
        except DBAPIError as error:
            raise explained(error, self.engine) from error.__cause__

    def _prepare(self) -> None:
        if self._owns_engine and self._pid != os.getpid():
            self.engine.dispose(close=False)  # its connections are the parent process's
            self._pid = os.getpid()
            self._needs_tables = self._creates_tables  # a database in memory is another one here
        if self._needs_tables:
            create_missing(self._tables, self.engine)
            self._needs_tables = False


def commit(connection: sa.Connection) -> None:
    """Commit; where that fails, nothing is left to be committed with what comes next.

    SQLAlchemy takes such a transaction for over. SQLite does not, when somebody reads the file.
    """
    try:
        connection.commit()
    except BaseException:
        with suppress(Exception):  # the connection may be lost
            connection.connection.rollback()
        raise


def create_missing(tables: Sequence[sa.Table], bind: sa.Engine | sa.Connection) -> None:
    """Create those of the tables that are not there."""
    for table in tables:
        try:
            table.create(bind, checkfirst=True)
        except DBAPIError as error:  # another writer may have created it at the same moment
            if error.connection_invalidated and isinstance(bind, sa.Connection):
                raise
            table.create(bind, checkfirst=True)


def is_conflict(error: BaseException | None) -> bool:
    """Whether other writers were in the way, who may go on: all is done anew."""
    return any(code in _CONFLICTS for code in codes_of(error))


def codes_of(error: BaseException | None) -> list[Any]:
    """What a driver tells of an error beside its words: an SQLSTATE, or a number of MySQL's."""
    told: Any = getattr(error, "orig", None)
    states = (getattr(told, "sqlstate", None), getattr(told, "pgcode", None))
    return [*states, *getattr(told, "args", ())[:1]]


def explained(error: SQLAlchemyError, engine: sa.Engine) -> SQLAlchemyError:
    """The error; or that a statement was too large, for which MySQL drops the connection."""
    codes = codes_of(error)
    if any(code in codes for code in _TOO_LARGE):
        return TooLarge(in_words(error))
    if any(code in codes for code in _DROPPED):
        sent: Any = error
        while sent is not None and getattr(sent, "params", None) is None:
            sent = sent.__context__  # the rollback has failed, too
        params = getattr(sent, "params", None)
        size = len(json.dumps(params, ensure_ascii=False, default=str).encode())
        if size < _LARGE:
            return error
        with suppress(SQLAlchemyError), engine.connect() as connection:
            most = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()
            if size > most:
                return TooLarge(
                    f"a statement of some {size} bytes is more than its max_allowed_packet of "
                    f"{most}: raise that"
                )
    return error


def remedy(error: SQLAlchemyError) -> str:
    """What to do about an error."""
    if isinstance(error, TooLarge):
        return "Keep what is large elsewhere, such as in a file."
    if any(code in codes_of(error) for code in _FULL):
        return "Make room on its disk."
    if isinstance(error, sa.exc.TimeoutError):
        return "Others hold all connections of its pool: give them back, or make the pool larger."
    if _ABORTED in codes_of(error):
        return (
            "A statement before it was refused, and its error was caught: a tool that goes on then "
            "makes such a statement inside connection.begin_nested()."
        )
    return "Check that the database is there and that its user may write to it."


def in_words(error: SQLAlchemyError) -> str:
    """The driver's own words: SQLAlchemy would add the values to them."""
    return str(error.orig if isinstance(error, DBAPIError) else error)


def _new_engine(url: str | sa.URL, user: str) -> sa.Engine:
    check_kind(url, (str, sa.URL), f"The url of {user}", "a text or a sqlalchemy.URL")
    options: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
    try:
        address = sa.make_url(url)
        address = address.set(drivername=_OTHER_NAMES.get(address.drivername, address.drivername))
        dialect = address.get_dialect()
        require_sync(dialect, user)
        if dialect.name == "sqlite":
            options["connect_args"] = {"timeout": TRY_SECONDS, "check_same_thread": False}
            if address.database in (None, "", ":memory:"):
                # A connection is the whole database, so there is one, and threads take turns.
                options |= {"poolclass": sa.QueuePool, "pool_size": 1, "max_overflow": 0}
        elif dialect.driver == "psycopg":
            # PgBouncer gives each transaction another connection, which lacks what was prepared.
            options["connect_args"] = {"prepare_threshold": None}
        engine = sa.create_engine(address, **options)
        sa.event.listen(engine, "handle_error", _give_up)
        if dialect.name == "sqlite":
            sa.event.listen(engine, "before_cursor_execute", _note_cursor)
            sa.event.listen(engine, "invalidate", _let_go)
        if dialect.name == "sqlite" and "poolclass" not in options:
            _sqlite_engines.add(engine)
        return engine
    except (ArgumentError, ImportError) as error:
        raise UserError(f"{user} cannot use its url: {error}") from error
    except ValueError:  # its text may show a part of the password
        raise UserError(
            f"{user} cannot use its url: the port or an option is not a number"
        ) from None


def _give_up(context: Any) -> None:
    """Take a connection for lost that cannot even be looked at, whatever its driver says.

    psycopg's says something else where the server has said that it ends, but is not gone yet.
    """
    if context.is_pre_ping:
        context.is_disconnect = True


def _note_cursor(connection: sa.Connection, cursor: Any, *_: Any) -> None:
    connection.info["cursor"] = cursor


def _let_go(connection: Any, record: Any, *_: Any) -> None:
    """Undo what an interrupt has cut short: whoever keeps its frames would keep SQLite's locks."""
    with suppress(Exception):
        record.info["cursor"].close()
        connection.rollback()


@before_fork
def _close_sqlite_files() -> None:
    """Close files: SQLite's locks go wrong when a child inherits a connection to one."""
    for engine in list(_sqlite_engines):
        engine.dispose()


def commits_each_statement(connection: sa.Connection) -> bool:
    """Whether the driver does, however it was told to: the engine's level, or an argument.

    A transaction is begun: a program's own listener may have told the driver so then.
    """
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        return not driver.in_transaction and (
            driver.isolation_level is None or getattr(driver, "autocommit", None) is True
        )
    ask = getattr(driver, "get_autocommit", None)
    return bool(getattr(driver, "autocommit", False) if ask is None else ask())


def _in_transaction(connection: sa.Connection, work: Callable[[sa.Connection], T]) -> T:
    """What `work` returns, in a transaction that neither SQLAlchemy nor the driver knows of."""
    connection.exec_driver_sql("BEGIN")
    end = "ROLLBACK"
    try:
        result = work(connection)
        if connection.in_transaction():  # `work` has not rolled back
            connection.exec_driver_sql("COMMIT")
            end = ""
    finally:
        if end:
            with suppress(SQLAlchemyError):  # the driver may have ended it
                connection.exec_driver_sql(end)
    return result


def require_sync(dialect: sa.Dialect | type[sa.Dialect], user: str) -> None:
    """Raise UserError for a dialect whose driver is asynchronous."""
    if dialect.is_async:
        raise UserError(
            f"{user} is synchronous and cannot use {dialect.driver}: name a synchronous "
            "driver, such as postgresql+psycopg or plain sqlite."
        )


class ExactText(sa.types.TypeDecorator[str]):
    """A key of text: on MySQL as bytes, since its texts need a length and ignore case."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The type of the column."""
        if dialect.name in MYSQL:
            return dialect.type_descriptor(mysql.VARBINARY(1024))
        return dialect.type_descriptor(sa.Text())

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> Any:
        """The value as the driver is given it."""
        return value.encode() if value is not None and dialect.name in MYSQL else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        """The value as the driver gave it, as text."""
        return value.decode() if isinstance(value, bytes) else value


def long_text() -> sa.types.TypeEngine[str]:
    """A text of any length: MySQL's TEXT holds 64 KiB, and of latin-1 not every character."""
    return sa.Text().with_variant(mysql.LONGTEXT(charset="utf8mb4"), *MYSQL)
