"""Output items that grow piece by piece, and the events that tell of it to whoever asks.

Source of the events: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import os
from itertools import count
from typing import Any

from ...concurrency.forks import in_child

Json = dict[str, Any]

_FIELDS = {"output_text": "text", "refusal": "refusal", "reasoning_text": "text"}
"""Parts that hold a text, and the field it is in."""


class GrowingText:
    """A part of a message or of reasoning, with the text so far."""

    def __init__(self, kind: str, where: Json) -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.annotations: list[Json] = []
        self.logprobs: list[Json] = []
        self._where = where

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)

    def part(self, text: str) -> Json:
        """The part as it is with that text."""
        part: Json = {"type": self.kind, _FIELDS[self.kind]: text}
        if self.kind == "output_text":
            part["annotations"] = self.annotations
        if self.logprobs:
            part["logprobs"] = self.logprobs
        return part

    def begun(self) -> Json:
        """The event for its beginning."""
        return {"type": "response.content_part.added", **self._where, "part": self.part("")}

    def more(self, piece: str) -> Json:
        """The event for a further piece."""
        return {"type": f"response.{self.kind}.delta", **self._where, "delta": piece}

    def ended(self, part: Json) -> list[Json]:
        """The events for its end."""
        name = _FIELDS[self.kind]
        return [
            {"type": f"response.{self.kind}.done", **self._where, name: part[name]},
            {"type": "response.content_part.done", **self._where, "part": part},
        ]


class GrowingContent:
    """A message or reasoning. Reasoning bears no id, since no server of the other API knows it."""

    def __init__(self, kind: str) -> None:
        self.place: int | None = None
        """Where it stands in the output, once it has begun."""
        self.texts: list[GrowingText] = []
        self.extra: Json = {}
        """Further fields of the whole item."""
        self._id = _new_id("msg" if kind == "message" else "rs")
        self._fields: Json = {"type": "reasoning", "summary": []}
        if kind == "message":
            self._fields = {"type": "message", "id": self._id, "role": "assistant"}

    def new_text(self, kind: str) -> GrowingText:
        """A further part."""
        where = {
            "item_id": self._id,
            "output_index": self.place,
            "content_index": len(self.texts),
        }
        self.texts.append(GrowingText(kind, where))
        return self.texts[-1]

    def item(self, status: str) -> Json:
        """The whole item."""
        content = [text.part(text.text) for text in self.texts]
        return {**self._fields, "status": status, "content": content, **self.extra}

    def begun(self) -> list[Json]:
        """The events for its beginning."""
        return [_added(self.place, {**self._fields, "status": "in_progress", "content": []})]

    def ended(self, item: Json) -> list[Json]:
        """The events for the end of the item."""
        ends = [text.ended(part) for text, part in zip(self.texts, item["content"], strict=True)]
        return [*sum(ends, []), _done(self.place, item)]


class GrowingCall:
    """A function call; it begins once its function is known."""

    def __init__(self, index: Any, given_id: str | None, name: str) -> None:
        self.index = index
        """The server's number of the call, or None."""
        self.given_id = given_id
        """The server's id of the call, or None."""
        self.call_id = given_id or new_call_id()
        """The id that it goes by here."""
        self.name = name
        """The function; "" until the server has named it."""
        self.extra: Json = {}
        """Fields that only the server understands, such as a signature of its thoughts."""
        self.pieces: list[str] = []
        self.place: int | None = None
        """Where it stands in the output, once it has begun."""
        self._id = _new_id("fc")

    @property
    def arguments(self) -> str:
        """The arguments so far: JSON text, once they are whole."""
        return "".join(self.pieces)

    def item(self, status: str) -> Json:
        """The whole item."""
        return {
            "type": "function_call",
            "id": self._id,
            "call_id": self.call_id,
            "name": self.name,
            "status": status,
            "arguments": "".join(self.pieces),
        }

    def begun(self) -> list[Json]:
        """The events for its beginning, and for the arguments so far."""
        added = _added(self.place, {**self.item("in_progress"), "arguments": ""})
        return [added, self.more(self.arguments)] if self.pieces else [added]

    def more(self, piece: str) -> Json:
        """The event for some more of its arguments."""
        return {**self._event("delta"), "delta": piece}

    def ended(self, item: Json) -> list[Json]:
        """The events for the end of the item."""
        done = {**self._event("done"), "name": self.name, "arguments": item["arguments"]}
        return [done, _done(self.place, item)]

    def _event(self, what: str) -> Json:
        return {
            "type": f"response.function_call_arguments.{what}",
            "item_id": self._id,
            "output_index": self.place,
        }


class Picture:
    """An image that the model made; it comes whole."""

    def __init__(self, url: str) -> None:
        self.place: int | None = None
        """Where it stands in the output, once it has begun."""
        self._id = _new_id("ig")
        self._result = url.partition(";base64,")[2] or url

    def item(self, status: str) -> Json:
        """The whole item."""
        return {
            "type": "image_generation_call",
            "id": self._id,
            "status": status,
            "result": self._result,
        }

    def begun(self) -> list[Json]:
        """The events for its beginning."""
        return [_added(self.place, {**self.item("in_progress"), "result": None})]

    def ended(self, item: Json) -> list[Json]:
        """The events for its end."""
        return [_done(self.place, item)]


def new_call_id() -> str:
    """An id for a call to which the server gave none of its own."""
    return _new_id("call")


_process = os.urandom(12).hex()
_numbers = count(10**8)


def _new_id(prefix: str) -> str:
    return f"{prefix}_{_process}{next(_numbers)}"  # quicker than to draw each


@in_child
def _rename_process() -> None:
    global _process
    _process = os.urandom(12).hex()


def _added(place: int | None, item: Json) -> Json:
    return {"type": "response.output_item.added", "output_index": place, "item": item}


def _done(place: int | None, item: Json) -> Json:
    return {"type": "response.output_item.done", "output_index": place, "item": item}
