"""The places where runs are written down, and where their tools write, for tests of them all."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

from agents_lite import Journal, SQLiteJournal

Around = Callable[[], AbstractContextManager[None]]
_CHARGES = "CREATE TABLE IF NOT EXISTS charges (run_id TEXT, token TEXT, amount INTEGER)"
_ADD = "INSERT INTO charges (run_id, token, amount) VALUES (:run, :token, :amount)"


@dataclass
class JournalStore:
    """A place for runs, and a table of charges that tools add to."""

    kind: str
    """"sqlite", "sqlalchemy", "redis" or "django"."""
    location: str
    """A path, or a URL."""

    def open(self, around: Around = nullcontext, shared: Any = None, **options: Any) -> Journal:
        """A journal in this place; each of its writes is made in a block of `around`."""
        if self.kind == "django":
            from chat.journal import DjangoJournal  # type: ignore[import-not-found]

            return watched(DjangoJournal, around)(**options)  # type: ignore[no-any-return]
        if self.kind == "redis":
            from agents_lite.extensions.journal import RedisJournal

            return watched(RedisJournal, around).from_url(self.location, **options)  # type: ignore[no-any-return]
        if self.kind == "sqlalchemy":
            from agents_lite.extensions.journal import SQLAlchemyJournal

            place = {"url": self.location} if shared is None else {"connection": shared}
            return watched(SQLAlchemyJournal, around)(**place, **options)  # type: ignore[no-any-return]
        if shared is not None:
            return watched(SQLiteJournal, around)(connection=shared, **options)  # type: ignore[no-any-return]
        return watched(SQLiteJournal, around)(self.location, **options)  # type: ignore[no-any-return]

    @property
    def plain(self) -> JournalStore:
        """The same tables, whatever the settings of Django are in this process."""
        if self.kind != "django":
            return self
        is_file = self.location.startswith("/")
        return JournalStore("sqlite" if is_file else "sqlalchemy", self.location)

    def open_charges(self, folder: str) -> Any:
        """A connection to the database of the charges, which is that of the journal."""
        if self.kind == "django":
            from django.db import connection as of_this_thread

            self.plain.open_charges(folder).close()
            return of_this_thread
        if self.kind == "sqlalchemy":
            return _sqlalchemy_charges(self.location).connect()
        path = self.location if self.kind == "sqlite" else os.path.join(folder, "charges.db")
        connection = sqlite3.connect(path, timeout=30)
        connection.execute(_CHARGES)
        return connection

    def add_charge(self, folder: str, row: dict[str, Any], shared: Any) -> None:
        """Charge: through the connection that is shared with the journal, or another one."""
        connection = self.open_charges(folder) if shared is None else shared
        self._execute(connection, _ADD, row)
        if shared is None:
            connection.commit()
            connection.close()

    def charges(self, folder: str, run_id: str) -> list[tuple[str, int]]:
        """Key and amount of what was charged for a run."""
        connection = self.plain.open_charges(folder)
        chosen = "SELECT token, amount FROM charges WHERE run_id = :run"
        found = self.plain._execute(connection, chosen, {"run": run_id})
        rows = [(key, amount) for key, amount in found]
        connection.close()
        return rows

    def drop_row(self, run_id: str) -> None:
        """Lose the row of a run, but not its entries."""
        if self.kind == "redis":
            import redis

            redis.Redis.from_url(self.location).delete(f"agents:runs:run:{run_id}")
            return
        connection = self.open_charges(os.path.dirname(self.location))
        self._execute(connection, "DELETE FROM agent_runs WHERE run_id = :run", {"run": run_id})
        connection.commit()
        connection.close()

    def _execute(self, connection: Any, statement: str, values: dict[str, Any]) -> Any:
        if self.kind == "sqlalchemy":
            import sqlalchemy as sa

            return connection.execute(sa.text(statement), values)
        if self.kind == "django":
            return connection.cursor().execute(re.sub(":([a-z]+)", r"%(\1)s", statement), values)
        return connection.execute(statement, values)


@cache
def _sqlalchemy_charges(url: str) -> Any:
    import sqlalchemy as sa

    engine = sa.create_engine(url, pool_pre_ping=True)  # a test may have cut what is in the pool
    columns = "run_id VARCHAR(99), token VARCHAR(999), amount INTEGER"
    with engine.connect() as connection:
        try:
            connection.execute(sa.text(f"CREATE TABLE IF NOT EXISTS charges ({columns})"))
            connection.commit()
        except sa.exc.IntegrityError:  # of PostgreSQL, when two create it at the same moment
            connection.rollback()
    return engine


def watched(kind: Any, around: Around) -> Any:
    """The class, with each write in a block of `around`."""

    class Watched(kind):  # type: ignore[misc]
        def change(self, run_id: str, change: Any) -> None:
            with around():
                super().change(run_id, change)

        if "append" in vars(kind):  # the store has a quicker way for the next entry

            def append(self, *entry: Any) -> None:
                with around():
                    super().append(*entry)

    return Watched


def in_folder(folder: str) -> JournalStore:
    """A store in a file."""
    return JournalStore("sqlite", os.path.join(folder, "runs.db"))
