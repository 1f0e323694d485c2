"""The places where runs are written down, and where their tools write, for tests of them all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from agents_lite import Journal, SQLiteJournal

Around = Callable[[], AbstractContextManager[None]]
_CHARGES = "CREATE TABLE IF NOT EXISTS charges (run_id TEXT, key TEXT, amount INTEGER)"
_ADD = "INSERT INTO charges (run_id, key, amount) VALUES (:run, :key, :amount)"


@dataclass
class JournalStore:
    """A place for runs, and a table of charges that tools add to."""

    kind: str
    """"sqlite"."""
    location: str
    """A path, or a URL."""

    def open(self, around: Around = nullcontext, shared: Any = None, **options: Any) -> Journal:
        """A journal in this place; each of its writes is made in a block of `around`."""
        if shared is not None:
            return watched(SQLiteJournal, around)(connection=shared, **options)
        return watched(SQLiteJournal, around)(self.location, **options)

    def open_charges(self, folder: str) -> Any:
        """A connection to the database of the charges, which is that of the journal."""
        connection = sqlite3.connect(self.location, timeout=30)
        connection.execute(_CHARGES)
        return connection

    def add_charge(self, folder: str, row: dict[str, Any], shared: Any) -> None:
        """Charge: through the connection that is shared with the journal, or another one."""
        if shared is not None:
            shared.execute(_ADD, row)
            return
        connection = self.open_charges(folder)
        with connection:
            connection.execute(_ADD, row)
        connection.close()


def watched(kind: Any, around: Around) -> Any:
    """The class, with each write in a block of `around`."""

    class Watched(kind):  # type: ignore[misc]
        def change(self, run_id: str, change: Any) -> None:
            with around():
                super().change(run_id, change)

    return Watched


def in_folder(folder: str) -> JournalStore:
    """A store in a file."""
    return JournalStore("sqlite", os.path.join(folder, "runs.db"))
