"""The tables that say of each item of a session its branch, its turn and its tool."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...exceptions import SessionError
from ...items import TResponseInputItem

if TYPE_CHECKING:
    import sqlite3

MAIN = "main"
"""The branch on which a conversation begins."""
TABLES = ["message_structure", "turn_usage"]
COUNTS = ["requests", "input_tokens", "output_tokens", "total_tokens"]
DETAILS = ["input_tokens_details", "output_tokens_details"]
"""What is kept of a turn's usage: numbers, and objects as JSON."""
SCHEMA = """
    CREATE TABLE IF NOT EXISTS message_structure (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL,
        message_id INTEGER NOT NULL,
        branch_id TEXT NOT NULL DEFAULT 'main',
        message_type TEXT NOT NULL,
        sequence_number INTEGER NOT NULL,
        user_turn_number INTEGER,
        branch_turn_number INTEGER,
        tool_name TEXT,
        created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
    );
    CREATE INDEX IF NOT EXISTS idx_message_structure_order
        ON message_structure (session_id, branch_id, sequence_number);
    CREATE INDEX IF NOT EXISTS idx_message_structure_message ON message_structure (message_id);
    CREATE TABLE IF NOT EXISTS turn_usage (
        session_id TEXT NOT NULL,
        branch_id TEXT NOT NULL DEFAULT 'main',
        user_turn_number INTEGER NOT NULL,
        requests INTEGER DEFAULT 0,
        input_tokens INTEGER DEFAULT 0,
        output_tokens INTEGER DEFAULT 0,
        total_tokens INTEGER DEFAULT 0,
        input_tokens_details JSON,
        output_tokens_details JSON,
        UNIQUE (session_id, branch_id, user_turn_number)
    );
"""
_HERE = "FROM message_structure WHERE session_id = ? AND branch_id = ?"

_NEWEST = f"{_HERE} ORDER BY sequence_number DESC LIMIT 1"


class Branch:
    """One branch of a conversation; its methods work within a transaction of the caller's."""

    def __init__(self, session_id: str, branch_id: str, messages_table: str) -> None:
        """Name the branch, and the table of its items."""
        self.name = branch_id
        self.place = (session_id, branch_id)
        self._messages = messages_table
        self.rows = (
            f"FROM message_structure AS s JOIN {messages_table} AS m ON m.id = s.message_id "
            "WHERE s.session_id = ? AND branch_id = ?"
        )
        """What to select of the branch, given its `place`."""

    def is_there(self, connection: sqlite3.Connection) -> bool:
        """Whether anything was said on it."""
        return connection.execute(f"SELECT 1 {_HERE} LIMIT 1", self.place).fetchone() is not None

    def newest_turn(self, connection: sqlite3.Connection) -> int:
        """The number of its newest turn; 0 before the first one."""
        return self._newest(connection)[1]

    def add_newest(
        self, connection: sqlite3.Connection, items: Sequence[TResponseInputItem]
    ) -> None:
        """Put the items on it that the session was given last."""
        session_id, _branch = self.place
        ids = connection.execute(
            f"SELECT id FROM {self._messages} WHERE session_id = ? ORDER BY id DESC LIMIT ?",
            (session_id, len(items)),
        ).fetchall()
        number, turn = self._newest(connection)
        for (message,), item in zip(reversed(ids), items, strict=True):
            turn += item.get("role") == "user"
            number += 1
            connection.execute(
                "INSERT INTO message_structure (session_id, branch_id, message_id, message_type, "
                "sequence_number, user_turn_number, branch_turn_number, tool_name) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*self.place, message, _kind(item), number, turn, turn, _tool_name(item)),
            )

    def number_up_to(self, connection: sqlite3.Connection, turn: int) -> None:
        """Let its newest turn have that number, unless its number is higher.

        Where fewer turns have taken the place of older ones, those behind keep theirs, by which it
        is known what they have used.
        """
        more = turn - self.newest_turn(connection)
        if more > 0:
            connection.execute(
                "UPDATE message_structure SET user_turn_number = user_turn_number + ?, "
                "branch_turn_number = branch_turn_number + ? "
                "WHERE session_id = ? AND branch_id = ?",
                (more, more, *self.place),
            )

    def copy_to(self, connection: sqlite3.Connection, branch_id: str, turn: int) -> bool:
        """Have another branch begin with what came before a turn; False: there is no such turn."""
        of_user = f"SELECT 1 {_HERE} AND branch_turn_number = ? AND message_type = 'user'"
        if connection.execute(of_user, (*self.place, turn)).fetchone() is None:
            return False
        kept = (
            "session_id, message_id, message_type, sequence_number, user_turn_number, "
            "branch_turn_number, tool_name"
        )
        connection.execute(
            f"INSERT INTO message_structure (branch_id, {kept}) SELECT ?, {kept} {_HERE} "
            "AND branch_turn_number < ? ORDER BY sequence_number",
            (branch_id, *self.place, turn),
        )
        return True

    def forget(self, connection: sqlite3.Connection, row: int | None = None) -> None:
        """Forget one row of it, or (None) all, and what the turns that are gone have used."""
        self.take_off(connection, row)
        connection.execute(
            "DELETE FROM turn_usage WHERE session_id = ? AND branch_id = ? AND "
            f"user_turn_number > COALESCE((SELECT user_turn_number {_NEWEST}), -1)",
            self.place * 2,
        )

    def take_off(self, connection: sqlite3.Connection, row: int | None = None) -> None:
        """Take one row off it, or (None) all, and what is of no use to any branch then."""
        which, values = ("", ()) if row is None else (" AND id = ?", (row,))
        messages = connection.execute(
            f"DELETE {_HERE}{which} RETURNING message_id", (*self.place, *values)
        ).fetchall()
        connection.executemany(
            f"DELETE FROM {self._messages} WHERE id = ? AND NOT EXISTS "
            f"(SELECT 1 FROM message_structure WHERE message_id = {self._messages}.id)",
            messages,
        )

    def _newest(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """The place of its newest item, and the turn of that; (0, 0) before the first one.

        Raises:
            SessionError: They are no numbers, as SQLite takes others, too.
        """
        query = f"SELECT sequence_number, COALESCE(user_turn_number, 0) {_NEWEST}"
        place, turn = connection.execute(query, self.place).fetchone() or (0, 0)
        if not all(isinstance(n, int) and n < sys.maxsize for n in (place, turn)):
            session_id, branch = self.place
            raise SessionError(
                f"Session {session_id!r}: the place of the newest item on branch {branch!r} is "
                "damaged; mend that row of message_structure, or restore a backup"
            )
        return place, turn


def _kind(item: TResponseInputItem) -> str:
    role = item.get("role")
    return str(role if role in ("user", "assistant") else item.get("type") or "other")


def _tool_name(item: TResponseInputItem) -> str | None:
    """What a call calls, after its server or namespace; where it has no name, its type."""
    kind = item.get("type") or ""
    if not kind.endswith("_call"):
        return None
    # A tool that was looked for has its own name for a namespace.
    names = dict.fromkeys((item.get("server_label") or item.get("namespace"), item.get("name")))
    return ".".join(name for name in names if isinstance(name, str)) or kind
