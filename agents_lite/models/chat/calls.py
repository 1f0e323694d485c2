"""Tool calls out of the pieces in which servers send them, however they number and name them."""

from __future__ import annotations

from json import loads
from typing import Any

from pydantic_core import to_json

from .growing import GrowingCall, new_call_id
from .json_text import is_json

Json = dict[str, Any]

_KNOWN_FIELDS = frozenset(("index", "id", "type", "function", "name", "arguments", "custom"))
_OBJECTS = ("{", '"{')
"""How the JSON of an object begins, and JSON of that JSON."""


class Calls:
    """The calls of one answer.

    A piece belongs to the call of its index and id. Servers leave out either or both, give all
    calls the index 0 or the same id, and repeat a call's name with each piece, send it late or in
    pieces.
    """

    def __init__(self) -> None:
        self.all: list[GrowingCall] = []
        """In the order in which they began."""

    def take(self, piece: Json, place: int | None = None) -> tuple[GrowingCall, str] | None:
        """The call that a piece belongs to, a new one if need be, and its part of the arguments.

        None for a piece that begins a call and says nothing of it, as some stand beside a text.

        Args:
            piece: The piece.
            place: Where it stands in a whole answer, which numbers no calls; None: in a chunk.
        """
        function, index = piece.get("function"), piece.get("index", place)
        if not isinstance(function, dict):
            function = piece  # it may be there without a wrapper
        name = str(function.get("name") or "")
        given_id = piece.get("id")
        given_id = None if given_id in (None, "") else str(given_id)
        text = function.get("arguments")
        if type(text) is not str:
            text = _as_text(text)
        call = None
        if self.all:
            if given_id and place is None:
                index = self._first_index(index, given_id, name, text)
            if text.startswith(_OBJECTS) and (call := self._that_said(text, index, given_id, name)):
                return call, ""
            call = self._find(index, given_id, name, text)
        if call is None and not (given_id or name):
            if not text:
                return None
            last = self.all[-1] if self.all else None  # which vLLM and SGLang may have cut in two
            call = None if last is None or is_json(last.arguments) else last
        if call is None:
            call = GrowingCall(index, given_id, name)
            if self.all and any(other.call_id == call.call_id for other in self.all):
                call.call_id = new_call_id()  # two calls have the same id
            self.all.append(call)
        if name != call.name:  # it may come in pieces, too
            call.name += name
        call.given_id = call.given_id or given_id
        if not _KNOWN_FIELDS.issuperset(piece):
            call.extra |= _unknown(piece)
        if not _KNOWN_FIELDS.issuperset(function) and function is not piece:
            call.extra["function"] = call.extra.get("function", {}) | _unknown(function)
        if text:
            if call.pieces == ["{}"]:  # Anthropic's empty input, passed on before the real one
                call.pieces.clear()
            if call.pieces == ["{"]:  # which vLLM's parser of xLAM says once more
                text = text.removeprefix("{")
            call.pieces.append(text)
        return call, text

    def _first_index(self, index: Any, given_id: str, name: str, text: str) -> Any:
        """The index of the call that a piece is of, as LocalAI gives each piece a further one."""
        if any(call.index == index for call in self.all):
            return index
        for call in self.all:
            is_named = not name or (name == call.name and call.arguments in ("", text))
            if call.given_id == given_id and is_named:
                return call.index
        return index

    def _that_said(self, text: str, index: Any, given_id: Any, name: str) -> GrowingCall | None:
        """The call whose arguments a piece says once more, all of them, as some do at the end,
        LiteLLM as JSON in JSON.
        """
        if text[:2] == '"{' and text[-2:] == '}"' and is_json(text):
            text = loads(text, strict=False)
        for call in self.all if given_id or index is not None else ():
            is_same = call.given_id == given_id if given_id else not name
            if is_same and call.index == index and is_json(text) and call.arguments == text:
                return call
        return None

    def _find(self, index: Any, given_id: Any, name: str, text: str) -> GrowingCall | None:
        """The call that a piece goes on with, or None for a new one."""
        likely = [call for call in reversed(self.all) if index in (None, call.index)]
        same_id = [call for call in likely if given_id and call.given_id == given_id]
        if index is None and given_id:
            likely = []  # an id that is not known yet
        call = next(iter(same_id or likely), None)
        if call is None or index is not None and _names_more(call, given_id, text):
            return call
        return None if _is_another(call, given_id, name) else call


def _names_more(call: GrowingCall, given_id: Any, text: str) -> bool:
    """Whether a piece may go on with the name of a call, as Gemini's do."""
    if call.pieces:
        return False
    return given_id == call.given_id if given_id else not is_json(text)


def _is_another(call: GrowingCall, given_id: Any, name: str) -> bool:
    """Whether a piece that seems to belong to a call begins a further one.

    It has a name then; but servers repeat names, and make up a new id for every piece.
    """
    if not name or not call.name:
        return False
    if not call.pieces:
        return name != call.name or bool(given_id and call.given_id and given_id != call.given_id)
    return name != call.name or is_json(call.arguments)


def _unknown(piece: Json) -> Json:
    return {key: piece[key] for key in piece if key not in _KNOWN_FIELDS}


def _as_text(arguments: Any) -> str:
    """Arguments as text; some servers send them as an object."""
    return "" if arguments is None else to_json(arguments).decode()
