"""Tool calls out of the pieces in which servers send them, however they number and name them."""

from __future__ import annotations

import os
from typing import Any

from pydantic_core import from_json, to_json

Json = dict[str, Any]

_KNOWN_FIELDS = {"index", "id", "type", "function", "name", "arguments"}


class Call:
    """A call that grows."""

    def __init__(self, index: Any, given_id: str | None, name: str) -> None:
        self.index = index
        """The server's number of the call, or None."""
        self.given_id = given_id
        """The server's id of the call, or None."""
        self.call_id = given_id or f"call_{os.urandom(12).hex()}"
        """The id that it goes by here."""
        self.name = name
        """The function; "" until the server has named it."""
        self.extra: Json = {}
        """Fields that only the server understands, such as a signature of its thoughts."""
        self.pieces: list[str] = []

    @property
    def arguments(self) -> str:
        """The arguments so far: JSON text, once they are whole."""
        return "".join(self.pieces)


class Calls:
    """The calls of one answer.

    A piece belongs to the call of its index and id. Servers leave out either or both, give all
    calls the index 0 or the same id, and repeat a call's name with each piece or send it late.
    """

    def __init__(self) -> None:
        self.all: list[Call] = []
        """In the order in which they began."""

    def take(self, piece: Json) -> tuple[Call, str]:
        """The call that a piece belongs to, a new one if need be, and its part of the arguments."""
        function = piece.get("function")
        if not isinstance(function, dict):
            function = piece  # it may be there without a wrapper
        name = str(function.get("name") or "")
        given_id = None if piece.get("id") in (None, "") else str(piece["id"])
        text = _arguments(function.get("arguments"))
        if text[:1] == "{" and (call := self._that_said(text, piece.get("index"), given_id, name)):
            return call, ""
        call = self._find(piece.get("index"), given_id, name) if self.all else None
        if call is None:
            call = Call(piece.get("index"), given_id, name)
            if any(other.call_id == call.call_id for other in self.all):
                call.call_id = f"call_{os.urandom(12).hex()}"  # two calls have the same id
            self.all.append(call)
        call.name = call.name or name
        call.given_id = call.given_id or given_id
        for key in piece.keys() - _KNOWN_FIELDS:
            call.extra[key] = piece[key]
        if text:
            if call.pieces == ["{}"]:  # Anthropic's empty input, passed on before the real one
                call.pieces.clear()
            call.pieces.append(text)
        return call, text

    def _that_said(self, text: str, index: Any, given_id: Any, name: str) -> Call | None:
        """The call whose arguments a piece says once more, all of them, as some do at the end."""
        for call in self.all if index is not None else ():
            is_same = call.given_id == given_id if given_id else not name
            if is_same and call.index == index and call.arguments == text and _is_json(text):
                return call
        return None

    def _find(self, index: Any, given_id: Any, name: str) -> Call | None:
        """The call that a piece goes on with, or None for a new one."""
        likely = [call for call in reversed(self.all) if index in (None, call.index)]
        same_id = [call for call in likely if given_id and call.given_id == given_id]
        if index is None and given_id:
            likely = []  # an id that is not known yet
        call = next(iter(same_id or likely), None)
        return None if call is None or _is_another(call, given_id, name) else call


def _is_another(call: Call, given_id: Any, name: str) -> bool:
    """Whether a piece that seems to belong to a call begins a further one.

    It has a name then; but servers repeat names, and make up a new id for every piece.
    """
    if not name or not call.name:
        return False
    if not call.pieces:
        return name != call.name or bool(given_id and call.given_id and given_id != call.given_id)
    return name != call.name or _is_json(call.arguments)


def _arguments(given: Any) -> str:
    """Arguments as text; some servers send them as an object."""
    if given is None or isinstance(given, str):
        return given or ""
    return to_json(given).decode()


def _is_json(text: str) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True
