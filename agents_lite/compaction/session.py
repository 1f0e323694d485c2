"""A session of which the model sees less than it keeps."""

from __future__ import annotations

from types import NoneType
from typing import Any

from ..checks import check_kind, check_session
from ..exceptions import UserError
from ..history import latest_items, mend_history
from ..memory.session import Session, SessionABC, then
from ..memory.sqlite_session import SQLiteSession
from ..memory.stored_session import StoredItems
from .settings import Compaction
from .view import Items, compacted, is_from_user, is_result

_NOTES = "/compaction"


class CompactionSession(SessionABC):
    """Shows runs a compacted conversation, and keeps all that was said in another session.

    The runs compact it, when it is time: see `Compaction`. What they have made of it is noted, so
    that the next run goes on from there, in another process too.
    """

    def __init__(
        self,
        session: Session,
        compaction: Compaction | None = None,
        *,
        notes: Session | None = None,
    ) -> None:
        """Name the session below.

        Args:
            session: Keeps all that was said.
            compaction: None takes the defaults.
            notes: Keeps the summaries, apart from what was said; None: an `SQLiteSession` in the
                same place, if `session` is one.

        Raises:
            UserError: Something is of the wrong kind, or there is no place for the notes.
        """
        check_session(session, "CompactionSession: session")
        owner = "CompactionSession: compaction"
        check_kind(compaction, (Compaction, NoneType), owner, "a Compaction")
        if notes is not None:
            check_session(notes, "CompactionSession: notes")
        self.underlying_session = session
        self.compaction = Compaction() if compaction is None else compaction
        self.session_id = session.session_id
        self.session_settings = getattr(session, "session_settings", None)
        self._notes = _beside(session) if notes is None else notes

    def get_items(self, limit: int | None = None) -> Any:
        """The newest `limit` items (None: all) of the compacted conversation."""
        return self._read(lambda kept, note: StoredItems(_limited(_shown(kept, note), limit)))

    def add_items(self, items: Items) -> Any:
        """Append the items of a turn to the session below."""
        return self.underlying_session.add_items(items)

    def pop_item(self) -> Any:
        """Remove the newest item of the session below and return it, or None.

        Where the summary covers it, all that is left is shown whole from then on.
        """

        def popped(kept: Items, note: dict[str, Any]) -> Any:
            is_covered = note["summary"] is not None and _place_of_user(
                kept, note["users"]
            ) == len(kept)
            results = sum(map(is_result, kept[:-1]))
            new = _NO_NOTE if is_covered else {**note, "results": min(note["results"], results)}
            noted = self._add_note(new) if new != note else None
            return then(noted, lambda _: self.underlying_session.pop_item())

        return self._read(popped)

    def clear_session(self) -> Any:
        """Forget the conversation, and what was noted of it."""
        return then(self._notes.clear_session(), lambda _: self.underlying_session.clear_session())

    def note(self, shown: Items, cleared: int, covered: int, summary: str | None) -> Any:
        """Show the conversation like this from now on.

        It is not noted where the summary ends within a turn, or `shown` is something else than
        this session shows, for example since a callback has changed it.

        Args:
            shown: What a run has sent its model: what this session shows now, and what is new.
            cleared: As for `compacted`.
            covered: As for `compacted`.
            summary: As for `compacted`.
        """

        def noted(kept: Items, note: dict[str, Any]) -> Any:
            known = _shown(kept, note)
            is_whole = not covered or (covered <= len(known) and _starts_turn(shown, covered))
            if shown[: len(known)] != known or not is_whole:
                return None
            start = _place_of_user(kept, note["users"])
            results = sum(map(is_result, kept[:start]))
            results += sum(map(is_result, shown[: min(cleared, len(known))]))
            users = note["users"] + sum(map(is_from_user, shown[:covered]))
            text = note["summary"] if summary is None else summary
            new = {"users": users, "results": max(results, note["results"]), "summary": text}
            return self._add_note(new)

        return self._read(noted)

    def _add_note(self, note: dict[str, Any]) -> Any:
        return self._notes.add_items([{**note, "type": "compaction_note"}])

    def _read(self, use: Any) -> Any:
        return then(
            self.underlying_session.get_items(),
            lambda kept: then(
                self._notes.get_items(1),
                lambda notes: use(list(kept), notes[-1] if notes else _NO_NOTE),
            ),
        )


_NO_NOTE = {"users": 0, "results": 0, "summary": None}
"""Messages of the user's that the summary covers, tool results cleared, the summary."""


def _shown(kept: Items, note: dict[str, Any]) -> Items:
    """What a note makes of all that was said."""
    results = [place for place, item in enumerate(kept) if is_result(item)][: note["results"]]
    cleared = results[-1] + 1 if results else 0
    covered = _place_of_user(kept, note["users"]) if note["summary"] is not None else 0
    return mend_history(compacted(kept, cleared, covered, note["summary"]))


def _place_of_user(items: Items, number: int) -> int:
    """Where the user's message of that number stands, from 0; with none, the end."""
    places = [place for place, item in enumerate(items) if is_from_user(item)]
    if number == 0:
        return 0
    return places[number] if number < len(places) else len(items)


def _starts_turn(items: Items, place: int) -> bool:
    return place < len(items) and is_from_user(items[place]) and not is_from_user(items[place - 1])


def _limited(items: Items, limit: int | None) -> Items:
    return items if limit is None else latest_items(items, max(limit, 0))


def _beside(session: Any) -> SQLiteSession:
    if type(session) is not SQLiteSession:
        raise UserError(
            f"A CompactionSession over a {type(session).__name__} needs notes=, another session of "
            "the same kind with an id of its own, to keep its summaries in"
        )
    return session.beside(_NOTES)
