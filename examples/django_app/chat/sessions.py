"""A session store on Django's ORM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, transaction

from agents_lite import SessionError
from agents_lite.memory import StoredSession

from .models import Conversation, Item


class DjangoSession(StoredSession):
    """A conversation in the tables of this app.

    It uses the connection of the thread that drives the run. A turn is one transaction, or, inside
    a transaction of the caller's, a part of that one: rolled back, it has never been.
    """

    def clear_session(self) -> None:
        """Forget the conversation."""
        with self._conversation() as conversation:
            conversation.delete()

    def _read_texts(self, newest: int | None) -> list[str]:
        with self._explained():
            items = Item.objects.filter(conversation__session_id=self.session_id)
            return list(items.values_list("text", flat=True)[:newest])[::-1]

    def _append_texts(self, texts: list[str]) -> None:
        with self._conversation() as conversation:
            Item.objects.bulk_create(Item(conversation=conversation, text=text) for text in texts)

    def _replace_texts(self, texts: list[str], count: int) -> None:
        with self._conversation() as conversation:
            kept = conversation.items.order_by("id").values_list("text", flat=True)
            newer = list(kept[count:])
            conversation.items.all().delete()
            made = [Item(conversation=conversation, text=text) for text in [*texts, *newer]]
            Item.objects.bulk_create(made)

    def _pop_text(self) -> str | None:
        with self._conversation() as conversation:
            newest = conversation.items.first()
            if newest is None:
                return None
            newest.delete()
            return newest.text

    @contextmanager
    def _conversation(self) -> Iterator[Conversation]:
        """The conversation in a transaction of its own; other writers to it wait."""
        with self._explained(), transaction.atomic():
            locked = Conversation.objects.select_for_update()
            yield locked.get_or_create(session_id=self.session_id)[0]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise SessionError(
                f"Session {self.session_id!r} failed: {error}. Check that the database is there, "
                "that its migrations were run, and that its user may write to it."
            ) from error
