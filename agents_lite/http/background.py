"""Responses that the server goes on with while nobody waits for them."""

from __future__ import annotations

from typing import Protocol


class Background(Protocol):
    """Remembers the id of a background response, so that it can be collected another time.

    Source: https://platform.openai.com/docs/guides/background
    """

    @property
    def response_id(self) -> str | None:
        """The response that was asked for at an earlier time, or None: a new one is asked for."""

    def note(self, response_id: str | None) -> None:
        """The server is at work on this one, told before it is waited for; None: on none."""

    def is_left(self, error: BaseException) -> bool:
        """Whether it is left at work when the wait for it ends so; else the server stops it."""
