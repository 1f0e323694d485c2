"""An SQLite session that tells its turns apart, counts what they used, and branches."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ...checks import check_text
from ...concurrency.calling import Done, Ready
from ...exceptions import UserError
from ...memory.session_settings import SessionSettings
from ...memory.sqlite_session import SQLiteSession
from ...memory.stored_session import StoredItems
from ...response_types import read_json
from .message_structure import COUNTS, DETAILS, MAIN, SCHEMA, TABLES, Branch

if TYPE_CHECKING:
    import sqlite3

    from ...result import RunResultBase

T = TypeVar("T")
K = TypeVar("K")

_PREVIEW = 100
"""Characters of a message that a list of turns shows."""


class Rows(Ready, list[T]):
    """What a session tells, one by one; it may be awaited."""


class Facts(Ready, dict[K, T]):
    """What a session tells, by name; it may be awaited."""


Told: TypeAlias = dict[str, Any]
"""What is told of a turn, a branch or a usage, by name."""


class BranchId(str, Ready):
    """What a branch is called; it may be awaited."""


class AdvancedSQLiteSession(SQLiteSession):
    """A conversation that can go on from an earlier turn as well, on a branch.

    A turn begins with a message of the user, and is counted from 1. A new object is on the branch
    "main"; which one it is on, it knows alone. Each change is one transaction, and all methods may
    be awaited; they raise a SessionError when the database fails. What a `SQLiteSession` has kept
    under the same id is on no branch.
    """

    def __init__(
        self,
        session_id: str,
        db_path: str | os.PathLike[str] = ":memory:",
        *,
        create_tables: bool = True,
        sessions_table: str = "agent_sessions",
        messages_table: str = "agent_messages",
        session_settings: SessionSettings | Mapping[str, Any] | None = None,
        timeout: float = 30.0,
    ) -> None:
        """Name the conversation and its place, as for `SQLiteSession`.

        Args:
            session_id: Which conversation; a file holds many, whatever their tables.
            db_path: The file, created when it is missing, or ":memory:".
            create_tables: Create the tables of turns and their usage when they are missing.
            sessions_table: The table of conversations, created when it is missing.
            messages_table: The table of their items, created when it is missing.
            session_settings: How much of it runs read; None: all of it.
            timeout: Seconds to wait for a database that another process has locked.
        """
        self._creates_tables = create_tables
        tables = sessions_table, messages_table
        super().__init__(session_id, db_path, *tables, session_settings, timeout=timeout)
        self._branch = self._branch_named(MAIN)

    def get_items(self, limit: int | None = None, branch_id: str | None = None) -> StoredItems:
        """The newest `limit` items (None: all) of a branch (None: the one it is on)."""
        there = copy(self)
        there._branch = self._branch_of(branch_id)
        return super(AdvancedSQLiteSession, there).get_items(limit)

    def clear_session(self) -> Done:
        """Forget the conversation and its branches, and be on "main"."""
        done = super().clear_session()
        self._branch = self._branch_named(MAIN)
        return done

    def create_branch_from_turn(self, turn_number: int, branch_name: str | None = None) -> BranchId:
        """Begin a branch with what came before a turn of this one, and be on it.

        Args:
            turn_number: The turn that is to be another one there.
            branch_name: What the branch is called; None makes a name.

        Raises:
            UserError: There is no such turn, or there is a branch of that name.
        """
        name = branch_name or f"branch_from_turn_{turn_number}_{os.urandom(4).hex()}"
        here, there = self._branch, self._branch_named(name)

        def begin(connection: sqlite3.Connection) -> None:
            if self._has(there, connection):
                raise UserError(f"Session {self.session_id!r} has a branch {name!r}: name another")
            if not here.copy_to(connection, name, turn_number):
                raise UserError(
                    f"Session {self.session_id!r} has no turn {turn_number} on its branch "
                    f"{here.name!r}: see get_conversation_turns()"
                )

        self._database.change(begin)
        self._branch = there
        return BranchId(name)

    def create_branch_from_content(
        self, search_term: str, branch_name: str | None = None
    ) -> BranchId:
        """Begin a branch before the first turn whose message holds a text, and be on it.

        Raises:
            UserError: There is no such turn, or there is a branch of that name.
        """
        found = self.find_turns_by_content(search_term)
        if not found:
            raise UserError(f"No turn of branch {self._branch.name!r} holds {search_term!r}")
        return self.create_branch_from_turn(found[0]["turn"], branch_name)

    def switch_to_branch(self, branch_id: str) -> Done:
        """Be on another branch.

        Raises:
            UserError: There is none of that name on which something was said.
        """
        there = self._branch_named(branch_id)
        self._database.read(lambda connection: self._check(there, connection))
        self._branch = there
        return Done()

    def delete_branch(self, branch_id: str, force: bool = False) -> Done:
        """Forget a branch, and the messages that no other one has.

        Args:
            branch_id: What it is called.
            force: Whether it may be the one that the session is on, which is then on "main".

        Raises:
            UserError: There is no such branch, or it has to stay, as "main" has.
        """
        there = self._branch_named(branch_id)
        if branch_id == MAIN:
            raise UserError("The branch 'main' stays; clear_session() forgets everything")
        if branch_id == self._branch.name and not force:
            raise UserError(f"The session is on branch {branch_id!r}: switch, or use force=True")

        def delete(connection: sqlite3.Connection) -> None:
            self._check(there, connection)
            there.forget(connection)

        self._database.change(delete)
        if branch_id == self._branch.name:
            self._branch = self._branch_named(MAIN)
        return Done()

    def list_branches(self) -> Rows[Told]:
        """Branches on which something was said, the oldest first.

        Each is a dict of `branch_id`, `message_count` (items), `user_turns`, `created_at` and
        `is_current`.
        """
        rows = self._select(
            "branch_id, COUNT(*) AS message_count, SUM(message_type = 'user') AS user_turns, "
            "MIN(created_at) AS created_at FROM message_structure WHERE session_id = ? "
            "GROUP BY branch_id ORDER BY MIN(id)",
            (self.session_id,),
        )
        return Rows({**row, "is_current": row["branch_id"] == self._branch.name} for row in rows)

    def get_conversation_turns(self, branch_id: str | None = None) -> Rows[Told]:
        """The turns of a branch (None: the one it is on).

        Each is a dict of `turn` (its number), `content` (how the message begins), `full_content`,
        `timestamp` and `can_branch`, which is True.
        """
        turns = self.find_turns_by_content("", branch_id)
        for turn in turns:
            if len(turn["content"]) > _PREVIEW:
                turn["content"] = turn["content"][:_PREVIEW] + "..."
        return turns

    def find_turns_by_content(self, search_term: str, branch_id: str | None = None) -> Rows[Told]:
        """The turns whose message holds a text, in capitals or not: as above, but in full."""
        turns: Rows[Told] = Rows()
        for row in self._on(
            branch_id, "branch_turn_number, message_data, s.created_at", "message_type = 'user'"
        ):
            given = (self._decode(row["message_data"]) or {}).get("content", "")
            text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
            said = text
            if isinstance(given, list):
                parts = (part for part in given if isinstance(part, dict))
                said = "\n".join(str(part.get("text", "")) for part in parts)
            if search_term.casefold() in said.casefold():
                shown = {"turn": row["branch_turn_number"], "content": text, "full_content": given}
                turns.append({**shown, "timestamp": row["created_at"], "can_branch": True})
        return turns

    def get_conversation_by_turns(
        self, branch_id: str | None = None
    ) -> Facts[int, list[dict[str, str | None]]]:
        """By the number of a turn: a dict of `type` and `tool_name` (or None) for each item."""
        turns: Facts[int, list[dict[str, str | None]]] = Facts()
        for row in self._on(branch_id, "user_turn_number, message_type AS type, tool_name"):
            turns.setdefault(row.pop("user_turn_number"), []).append(row)
        return turns

    def get_tool_usage(self, branch_id: str | None = None) -> Rows[tuple[str, int, int]]:
        """Tuples of a tool's name, how often it was called in a turn, and the turn's number."""
        rows = self._on(
            branch_id, "tool_name, user_turn_number", "message_type LIKE '%@_call' ESCAPE '@'"
        )
        counts = Counter((row["tool_name"], row["user_turn_number"]) for row in rows)
        return Rows((name, count, turn) for (name, turn), count in counts.items())

    def store_run_usage(self, result: RunResultBase) -> Done:
        """Keep what a run has used, as the usage of the newest turn of this branch."""
        usage, here = result.context_wrapper.usage, self._branch
        counts = [getattr(usage, name) for name in COUNTS]
        details = [json.dumps(vars(getattr(usage, name))) for name in DETAILS]

        def store(connection: sqlite3.Connection) -> None:
            turn = here.newest_turn(connection)
            connection.execute(
                "INSERT OR REPLACE INTO turn_usage (session_id, branch_id, user_turn_number, "
                f"{', '.join(COUNTS + DETAILS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*here.place, turn, *counts, *details),
            )

        self._database.change(store)
        return Done()

    def get_session_usage(self, branch_id: str | None = None) -> Facts[str, int]:
        """What all turns of a branch, or (None) of all, have used; empty: nothing was stored.

        `requests`, `input_tokens`, `output_tokens`, `total_tokens` and `total_turns`. Turns count
        for the branch on which they were stored, not for those that begin with them.
        """
        sums = ", ".join(f"SUM({name}) AS {name}" for name in COUNTS)
        (row,) = self._select(
            f"{sums}, COUNT(*) AS total_turns FROM turn_usage "
            "WHERE session_id = ? AND branch_id = COALESCE(?, branch_id)",
            (self.session_id, branch_id),
        )
        return Facts(row if row["total_turns"] else {})

    def get_turn_usage(
        self, user_turn_number: int | None = None, branch_id: str | None = None
    ) -> Rows[Told] | Facts[str, Any]:
        """What a turn of a branch has used (empty: nothing was stored), or (None) each of them.

        As above, with `user_turn_number`, `input_tokens_details` and `output_tokens_details`.
        """
        rows = self._select(
            f"user_turn_number, {', '.join(COUNTS + DETAILS)} FROM turn_usage "
            "WHERE session_id = ? AND branch_id = ? "
            "AND user_turn_number = COALESCE(?, user_turn_number) ORDER BY user_turn_number",
            (*self._branch_of(branch_id).place, user_turn_number),
        )
        for row in rows:
            row.update((name, _told(row[name])) for name in DETAILS)
        return rows if user_turn_number is None else Facts(rows[0] if rows else {})

    def _branch_of(self, branch_id: str | None) -> Branch:
        return self._branch if branch_id is None else self._branch_named(branch_id)

    def _branch_named(self, branch_id: str) -> Branch:
        check_text(branch_id, "The name of a branch")
        return Branch(self.session_id, branch_id, self._messages_table)

    def _has(self, branch: Branch, connection: sqlite3.Connection) -> bool:
        return branch.name in (MAIN, self._branch.name) or branch.is_there(connection)

    def _check(self, branch: Branch, connection: sqlite3.Connection) -> None:
        if not self._has(branch, connection):
            raise UserError(
                f"Session {self.session_id!r} has no branch {branch.name!r}: see list_branches()"
            )

    def _on(self, branch_id: str | None, columns: str, which: str = "1") -> Rows[Told]:
        branch = self._branch_of(branch_id)
        return self._select(
            f"{columns} {branch.rows} AND {which} ORDER BY sequence_number", branch.place
        )

    def _select(self, query: str, values: tuple[object, ...]) -> Rows[Told]:
        def read(connection: sqlite3.Connection) -> Rows[Told]:
            cursor = connection.execute(f"SELECT {query}", values)
            names = [column[0] for column in cursor.description]
            return Rows(dict(zip(names, row, strict=True)) for row in cursor)

        return self._database.read(read)

    def _read_texts(self, newest: int | None) -> list[str]:
        rows = self._select(
            f"message_data {self._branch.rows} ORDER BY sequence_number DESC LIMIT ?",
            (*self._branch.place, -1 if newest is None else newest),
        )
        return [row["message_data"] for row in reversed(rows)]

    def _replace(self, texts: list[str], count: int, connection: sqlite3.Connection) -> None:
        newest = self._branch.newest_turn(connection)
        super()._replace(texts, count, connection)
        self._branch.number_up_to(connection, newest)

    def _clear_shown(self, connection: sqlite3.Connection) -> None:
        self._branch.take_off(connection)  # what the turns have used stays

    def _append(self, texts: list[str], connection: sqlite3.Connection) -> None:
        super()._append(texts, connection)
        self._branch.add_newest(connection, [self._decode(text) or {} for text in texts])

    def _pop_text(self) -> str | None:
        here = self._branch

        def pop(connection: sqlite3.Connection) -> str | None:
            newest = connection.execute(
                f"SELECT s.id, message_data {here.rows} ORDER BY sequence_number DESC", here.place
            ).fetchone()
            if newest is None:
                return None
            here.forget(connection, newest[0])
            return str(newest[1])

        return self._database.change(pop)

    def _tables(self) -> list[str]:
        return [*super()._tables(), *TABLES]

    def _schema(self) -> str:
        return super()._schema() + (SCHEMA if self._creates_tables else "")


def _told(text: Any) -> Any:
    """The value of a stored JSON text; None where there is none, or it is damaged."""
    try:
        return read_json(text) if isinstance(text, str) else None
    except ValueError:
        return None
