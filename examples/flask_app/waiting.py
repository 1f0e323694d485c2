"""Runs that wait for their visitors, as text: a table in the app's database file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

DATABASE = os.environ.get("CHAT_DATABASE") or Path(__file__).parent / "conversations.db"


def keep(visitor: str, state: str) -> None:
    """Put a visitor's run aside."""
    with _table() as table:
        table.execute("INSERT OR REPLACE INTO waiting VALUES (?, ?)", (visitor, state))


def find(visitor: str) -> str | None:
    """The visitor's run that was put aside, or None."""
    with _table() as table:
        row = table.execute("SELECT state FROM waiting WHERE visitor = ?", (visitor,)).fetchone()
    return row[0] if row else None


def take(visitor: str, state: str) -> bool:
    """Take the run that `find` gave, to go on with it; False: somebody else has it by now."""
    with _table() as table:
        taken = table.execute(
            "DELETE FROM waiting WHERE (visitor, state) = (?, ?)", (visitor, state)
        )
    return taken.rowcount == 1


def forget(visitor: str) -> None:
    """The visitor begins anew."""
    with _table() as table:
        table.execute("DELETE FROM waiting WHERE visitor = ?", (visitor,))


@contextmanager
def _table() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(DATABASE, timeout=20)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS waiting (visitor TEXT PRIMARY KEY, state TEXT NOT NULL)"
        )
        yield connection
