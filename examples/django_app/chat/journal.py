"""A journal on Django's ORM: what a tool writes is committed together with the fact of its call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Max

from agents_lite import Journal, JournalError, RunRow, UserError
from agents_lite.journal.journal import Change
from agents_lite.journal.shared_transaction import SharedTransaction
from agents_lite.journal.stored_run import Status, counted

from .models import JournalEntry, JournalRun

T = TypeVar("T")


class DjangoJournal(Journal):
    """Keeps runs in the tables of this app.

    It uses the connection of the thread that drives the run. Each call is made in a transaction of
    its own, so a run cannot be a part of the caller's.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.shared = _CallTransaction()

    def change(self, run_id: str, change: Change) -> None:
        for is_last in (self.shared.is_open, True):  # what a call wrote is gone after an error
            try:
                return self.shared.change(lambda _: _change(run_id, change))
            except JournalError as error:  # another process began it at the same moment
                if is_last or not isinstance(error.__cause__, IntegrityError):
                    raise

    def entries(self, run_id: str) -> tuple[RunRow, list[str]] | None:
        def read(_: Any) -> tuple[RunRow, list[str]] | None:
            found = _row(JournalRun.objects.filter(run_id=run_id))
            numbered = JournalEntry.objects.filter(run_id=run_id).order_by("number")
            all_of_it = list(numbered.values_list("number", "entry"))
            row = counted(run_id, found, all_of_it[-1][0] if all_of_it else None)
            return None if row is None else (row, [entry for _, entry in all_of_it])

        return self.shared.read(read)

    def rows(self, statuses: list[Status], limit: int, offset: int) -> list[RunRow]:
        found = JournalRun.objects.filter(status__in=statuses).order_by("-changed_at")
        chosen = found[offset : offset + limit].values()
        return self.shared.read(lambda _: [RunRow(**row) for row in chosen])

    def delete(self, run_id: str | None, statuses: list[Status], before: float) -> int:
        chosen = JournalRun.objects.filter(status__in=statuses)
        if before != float("inf"):
            chosen = chosen.filter(changed_at__lt=before)
        if run_id is not None:
            chosen = chosen.filter(run_id=run_id)

        def work(_: Any) -> int:
            # Locked: none goes on between the two statements, without what it has done.
            names = list(chosen.select_for_update().values_list("run_id", flat=True))
            JournalEntry.objects.filter(run_id__in=names).delete()
            return chosen.filter(run_id__in=names).delete()[0]

        return self.shared.change(work)


class _CallTransaction(threading.local, SharedTransaction):
    """The transaction of the call that this thread makes."""

    block: Any = None

    def read(self, work: Callable[[Any], T]) -> T:
        return self.explained(work)  # inside a transaction of the caller's, too

    def explained(self, work: Callable[[Any], T]) -> T:
        try:
            return work(connection)
        except DatabaseError as error:
            raise JournalError(
                f"The journal failed: {error}. Check that the database is there, that its "
                "migrations were run, and that its user may write to it."
            ) from error

    def begin_transaction(self, _: Any) -> None:
        block = transaction.atomic(durable=True)
        try:
            block.__enter__()
        except RuntimeError as error:
            raise UserError(
                "A run with a DjangoJournal commits step by step: run it outside of "
                "transaction.atomic() and ATOMIC_REQUESTS"
            ) from error
        self.block = block

    def has_ended(self) -> bool:
        return not connection.in_atomic_block  # Django lets no tool do that

    def commit(self, _: Any) -> None:
        block, self.block = self.block, None
        block.__exit__(None, None, None)

    def roll_back(self, _: Any) -> None:
        block, self.block = self.block, None
        if block is not None:
            block.__exit__(DatabaseError, DatabaseError(), None)


def _change(run_id: str, change: Change) -> None:
    found = JournalRun.objects.filter(run_id=run_id)
    row = _row(found.select_for_update())
    before = _counted(run_id, row)
    after, entry = change(before, time.time())
    number = 0 if before is None else before.entries
    if entry is not None:
        JournalEntry.objects.create(run_id=run_id, number=number, entry=entry)
    elif after.entries < number:
        JournalEntry.objects.filter(run_id=run_id, number__gte=after.entries).delete()
    if row is None:
        JournalRun.objects.create(**asdict(after))
    elif after != row:
        found.update(**asdict(after))


def _counted(run_id: str, row: RunRow | None) -> RunRow | None:
    """A row, with what other journals on these tables have added since it was changed."""
    found = JournalEntry.objects.filter(run_id=run_id)
    return counted(run_id, row, found.aggregate(last=Max("number"))["last"])


def _row(found: Any) -> RunRow | None:
    values = found.values().first()
    return None if values is None else RunRow(**values)
