"""A journal in a database that SQLAlchemy speaks to: PostgreSQL, MariaDB, SQLite and others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from ...checks import forgetful
from ...exceptions import JournalError, UserError
from ...journal.entries import Mask
from ...journal.holder import Holder
from ...journal.journal import Change, Journal
from ...journal.shared_transaction import SharedTransaction
from ...journal.stored_run import RunRow, Status, counted
from ..databases import (
    MYSQL,
    Database,
    ExactText,
    IntegrityError,
    SQLAlchemyError,
    codes_of,
    commit,
    commits_each_statement,
    create_missing,
    explained,
    in_words,
    is_conflict,
    long_text,
    remedy,
    require_sync,
    sa,
)

T = TypeVar("T")

_MOST_REFUSALS = 10
"""So often another writer may have come in between; what is refused then is refused for good."""
_CLOCKS = {
    "postgresql": "extract(epoch from clock_timestamp())",
    **dict.fromkeys(MYSQL, "unix_timestamp(now(6))"),
}
"""Epoch seconds by the server's clock, which all machines go by."""
_PASSING = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
_READ_ONLY = "25006"  # SQLSTATE; where another server is about to take its place
_AT_A_TIME = 500  # runs that one statement deletes


class SQLAlchemyJournal(Journal):
    """Keeps runs in a database, where two tables hold them all.

    Threads and processes may share a database. Nothing is opened before the first use.
    """

    @forgetful
    def __init__(
        self,
        *,
        engine: sa.Engine | None = None,
        url: str | sa.URL | None = None,
        connection: sa.Connection | None = None,
        lease: float = 30.0,
        create_tables: bool = True,
        runs_table: str = "agent_runs",
        entries_table: str = "agent_run_entries",
        mask: Mask | None = None,
    ) -> None:
        """Name the database.

        Args:
            engine: A synchronous engine, which others may share.
            url: Instead of an engine: where one of the journal's own connects to.
            connection: Instead of both: the connection that tools write with. Each call is made
                inside a transaction, which is committed together with the call's output: what the
                tool has written is there exactly once. The tool must not commit; what it wrote is
                undone when it raises. Calls are made one after the other, on the run's thread.
            lease: Seconds after which the run of a process on another machine that gave no sign
                may be taken over.
            create_tables: Create the tables when they are missing.
            runs_table: The table of runs.
            entries_table: The table of what they have done.
            mask: Given each fact as JSON, returns what is written of it.

        Raises:
            UserError: Not exactly one of the three, or one that cannot be used here.
        """
        super().__init__(lease=lease, mask=mask)
        self._runs = _define_runs(runs_table)
        self._entries = _define_entries(entries_table)
        tables = (self._runs, self._entries)
        entries = self._entries.c
        self._last = sa.select(sa.func.max(entries.number)).where(
            entries.run_id == sa.bindparam("run", type_=entries.run_id.type)
        )
        self._add_if_held = _define_add(self._runs, self._entries)
        self._database: Database | SharedTransaction
        if connection is None:
            place = (engine, url)
            self._database = Database("SQLAlchemyJournal", place, tables, _failure, create_tables)
        elif engine is None and url is None:
            require_sync(connection.dialect, "SQLAlchemyJournal")
            self.shared = _SharedConnection(connection, tables if create_tables else ())
            self._database = self.shared
        else:
            raise UserError("SQLAlchemyJournal needs one of engine, url and connection.")

    def change(self, run_id: str, change: Change) -> None:
        """Change a run's row, and add an entry, in one transaction; see `Journal.change`."""

        def work(connection: sa.Connection) -> None:
            row, now = self._locked_row(connection, run_id)
            last = connection.execute(self._last, {"run": run_id}).scalar_one()
            before = counted(run_id, row, last)
            after, entry = change(before, now)
            if entry is not None:
                values = {"run_id": run_id, "number": before.entries if before else 0}
                connection.execute(sa.insert(self._entries).values(**values, entry=entry))
            elif before is not None and after.entries < before.entries:
                entries = self._entries.c
                gone = (entries.run_id == run_id) & (entries.number >= after.entries)
                connection.execute(sa.delete(self._entries).where(gone))
            if row is None:
                connection.execute(sa.insert(self._runs).values(**asdict(after)))
            elif after != row:
                was = asdict(row)
                changed = {k: v for k, v in asdict(after).items() if was[k] != v}
                connection.execute(
                    sa.update(self._runs).where(self._runs.c.run_id == run_id).values(**changed)
                )

        self._change(work)

    def append(self, run_id: str, holder: Holder, number: int, entry: str) -> None:
        """Add an entry to a run that is held; see `Journal.append`."""
        values = {"run": run_id, "holder": holder.text, "number": number, "entry": entry}

        def work(connection: sa.Connection) -> bool:
            return connection.execute(self._add_if_held, values).rowcount == 1

        try:
            is_added = self.shared is None and self._database.change(work)
        except JournalError as error:
            is_added = False
            if not _is_refused(error):  # else it is there, the store's answer was lost
                raise
        if not is_added:
            super().append(run_id, holder, number, entry)

    def entries(self, run_id: str) -> tuple[RunRow, list[str]] | None:
        """A run's row and the texts of its entries in order; see `Journal.entries`."""
        entries = self._entries.c
        numbered = (
            sa.select(entries.number, entries.entry)
            .where(entries.run_id == run_id)
            .order_by(entries.number)
        )

        def read(connection: sa.Connection) -> tuple[RunRow, list[str]] | None:
            found = _row(connection.execute(self._select(run_id)).one_or_none())
            all_of_it = connection.execute(numbered).all()
            row = counted(run_id, found, all_of_it[-1].number if all_of_it else None)
            return None if row is None else (row, [each.entry for each in all_of_it])

        return self._database.read(read)

    def rows(self, statuses: list[Status], limit: int, offset: int) -> list[RunRow]:
        """Rows of these statuses, those that changed latest first."""
        newest = [  # so that nothing is sorted but them
            sa.select(*self._runs.c)
            .where(self._runs.c.status == status)
            .order_by(self._runs.c.changed_at.desc())
            .limit(limit + offset)
            .subquery()
            for status in statuses
        ]
        query = sa.union_all(*map(sa.select, newest))
        query = query.order_by(sa.desc("changed_at")).limit(limit).offset(offset)
        found = self._database.read(lambda connection: connection.execute(query).all())
        return [_row(each) for each in found]

    def delete(self, run_id: str | None, statuses: list[Status], before: float) -> int:
        """Delete runs with their entries; see `Journal.delete`."""
        runs = self._runs.c
        chosen: sa.ColumnElement[bool] = runs.status.in_(statuses)
        if before != float("inf"):
            chosen &= runs.changed_at < before
        if run_id is not None:
            chosen &= runs.run_id == run_id

        def work(connection: sa.Connection) -> int:
            # Locked: none goes on between the two statements, without what it has done.
            locked = sa.select(runs.run_id).where(chosen).with_for_update()
            names = connection.execute(locked).scalars().all()
            count = 0
            for start in range(0, len(names), _AT_A_TIME):
                some = chosen & runs.run_id.in_(names[start : start + _AT_A_TIME])
                which = sa.select(runs.run_id).where(some)
                entries = sa.delete(self._entries).where(self._entries.c.run_id.in_(which))
                connection.execute(entries)
                count += connection.execute(sa.delete(self._runs).where(some)).rowcount
            return count

        return self._change(work)

    def close(self) -> None:
        """Close the connections of the journal's own engine; what was given stays as it is."""
        self._database.close()

    def _change(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns; it is done anew when another writer has come in between."""
        refusals = 0
        is_call = self.shared is not None and self.shared.is_open  # what it wrote would be lost
        while True:
            try:
                return self._database.change(work)
            except JournalError as error:
                refusals += 1
                may_pass = is_conflict(error.__cause__) or _is_refused(error)
                if is_call or refusals > _MOST_REFUSALS or not may_pass:
                    raise

    def _locked_row(self, connection: sa.Connection, run_id: str) -> tuple[RunRow | None, float]:
        """A run's row, which others cannot change until the end of the transaction; and now."""
        query = self._select(run_id).with_for_update()
        if connection.dialect.name == "sqlite":  # which locks a database by writing only
            connection.execute(
                sa.update(self._runs)
                .where(self._runs.c.run_id == run_id)
                .values(run_id=self._runs.c.run_id)
            )
        clock = _CLOCKS.get(connection.dialect.name)
        if clock is None:
            found = connection.execute(query).one_or_none()
            return _row(found), time.time()
        timed = connection.execute(query.add_columns(sa.text(clock))).one_or_none()
        if timed is None:
            return None, float(connection.execute(sa.text(f"SELECT {clock}")).scalar_one())
        return _row(timed[:-1]), float(timed[-1])

    def _select(self, run_id: str) -> sa.Select[Any]:
        return sa.select(*self._runs.c).where(self._runs.c.run_id == run_id)


class _SharedConnection(SharedTransaction):
    """A connection that was given."""

    def __init__(self, connection: sa.Connection, tables: tuple[sa.Table, ...]) -> None:
        self._connection = connection
        self._missing = tables
        self._begun: sa.RootTransaction | None = None

    def explained(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` returns of the connection; see `SharedTransaction.explained`."""
        try:
            if self._missing:
                self._create_tables()
            return work(self._connection)
        except SQLAlchemyError as error:
            told = explained(error, self._connection.engine)
            words = f"{in_words(told)}. {remedy(told)}"
            raise JournalError(f"The journal's connection failed: {words}") from error

    def check_idle(self, connection: sa.Connection) -> None:
        """See that no transaction is open."""
        if connection.in_transaction():
            raise UserError(
                "The journal's connection is in a transaction: commit it before the run, after "
                "reading too"
            )

    def begin_transaction(self, connection: sa.Connection) -> None:
        """Begin a transaction."""
        self._begun = connection.begin()
        if commits_each_statement(connection):
            raise UserError(
                "The journal's connection commits each statement by itself, so that no call is one "
                "with its fact: open it without AUTOCOMMIT"
            )

    def has_ended(self) -> bool:
        """Whether the transaction begun last is over."""
        has_ended = self._connection.get_transaction() is not self._begun
        if has_ended:
            try:
                commit(self._connection)  # what the tool wrote in another one
            except SQLAlchemyError:
                self.roll_back(self._connection)
        return has_ended

    def commit(self, connection: sa.Connection) -> None:
        """Commit the transaction."""
        commit(connection)

    def roll_back(self, connection: sa.Connection) -> None:
        """Undo the transaction, if it is not over."""
        connection.rollback()

    def _create_tables(self) -> None:
        self.check_idle(self._connection)
        try:
            create_missing(self._missing, self._connection)
            self.commit(self._connection)
        except BaseException:
            self.roll_back(self._connection)
            raise
        self._missing = ()


def _is_refused(error: JournalError) -> bool:
    """Whether it may be that another writer was quicker: what was to be inserted is there."""
    return isinstance(error.__cause__, IntegrityError)


def _row(found: Any) -> Any:
    return None if found is None else RunRow(*found)


def _failure(words: str, error: SQLAlchemyError) -> JournalError:
    may_pass = isinstance(error, _PASSING) or _READ_ONLY in codes_of(error)
    return JournalError(f"The journal in {words}", may_pass=may_pass)


def _define_runs(name: str) -> sa.Table:
    """The columns of `RunRow`, in their order."""
    columns = [
        sa.Column("run_id", ExactText, primary_key=True),
        sa.Column("about", long_text(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("note", long_text(), nullable=False),
        sa.Column("holder", long_text()),
        *(
            sa.Column(each, sa.Double, nullable=False)
            for each in ("lease_until", "started_at", "changed_at")
        ),
        sa.Column("entries", sa.Integer, nullable=False),
    ]
    return sa.Table(name, sa.MetaData(), *columns, sa.Index(f"idx_{name}", "status", "changed_at"))


def _define_entries(name: str) -> sa.Table:
    return sa.Table(
        name,
        sa.MetaData(),
        sa.Column("run_id", ExactText, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("entry", long_text(), nullable=False),
    )


def _define_add(runs: sa.Table, entries: sa.Table) -> sa.Insert:
    """Adds the entry `number` to a run that `holder` has.

    The run's row is locked, so that who claims the run waits for this, or this for the claim: what
    a claim has not seen is not added behind it.
    """
    held = (
        sa.select(
            sa.bindparam("run", type_=entries.c.run_id.type),
            sa.bindparam("number", type_=sa.Integer()),
            sa.bindparam("entry", type_=entries.c.entry.type),
        )
        .where(runs.c.run_id == sa.bindparam("run"), runs.c.holder == sa.bindparam("holder"))
        .with_for_update(read=True)
    )
    add = sa.insert(entries).from_select(["run_id", "number", "entry"], held)
    return add.execution_options(preserve_rowcount=True)
