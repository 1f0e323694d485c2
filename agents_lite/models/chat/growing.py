"""Output items that grow piece by piece, and the events that tell of it.

Source of the events: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import os
from typing import Any

from .calls import Call

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
        self._delta = {"type": f"response.{kind}.delta", **where, "delta": "", "sequence_number": 0}

    def add(self, piece: str) -> Json:
        """The event for a further piece."""
        self.pieces.append(piece)
        event = self._delta.copy()
        event["delta"] = piece
        return event

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

    def begin(self) -> Json:
        """The event for its beginning."""
        return {"type": "response.content_part.added", **self._where, "part": self.part("")}

    def end(self) -> tuple[Json, list[Json]]:
        """The whole part, and the events for its end."""
        text = self.text
        part = self.part(text)
        return part, [
            {"type": f"response.{self.kind}.done", **self._where, _FIELDS[self.kind]: text},
            {"type": "response.content_part.done", **self._where, "part": part},
        ]


class GrowingContent:
    """A message or reasoning. Reasoning bears no id, since no server of the other API knows it."""

    def __init__(self, kind: str, place: int) -> None:
        self.texts: list[GrowingText] = []
        self.extra: Json = {}
        """Further fields of the whole item."""
        self._id = f"{'msg' if kind == 'message' else 'rs'}_{os.urandom(16).hex()}"
        self._place = place
        self._fields: Json = {"type": "reasoning", "summary": []}
        if kind == "message":
            self._fields = {"type": "message", "id": self._id, "role": "assistant"}

    def begin(self) -> Json:
        """The event for its beginning."""
        item = {**self._fields, "status": "in_progress", "content": []}
        return {"type": "response.output_item.added", "output_index": self._place, "item": item}

    def new_text(self, kind: str) -> GrowingText:
        """A further part."""
        where = {
            "item_id": self._id,
            "output_index": self._place,
            "content_index": len(self.texts),
        }
        self.texts.append(GrowingText(kind, where))
        return self.texts[-1]

    def end(self, status: str) -> tuple[Json, list[Json]]:
        """The whole item, and the events for its end."""
        events: list[Json] = []
        content = []
        for growing in self.texts:
            part, ends = growing.end()
            content.append(part)
            events += ends
        item = {**self._fields, "status": status, "content": content, **self.extra}
        return item, [*events, _done(self._place, item)]


class GrowingCall:
    """A function call; it begins once its function is known."""

    def __init__(self, call: Call, place: int) -> None:
        self._call = call
        self._place = place
        self._fields = {
            "type": "function_call",
            "id": f"fc_{os.urandom(16).hex()}",
            "call_id": call.call_id,
            "name": call.name,
        }

    def begin(self) -> Json:
        """The event for its beginning."""
        item = {**self._fields, "status": "in_progress", "arguments": ""}
        return {"type": "response.output_item.added", "output_index": self._place, "item": item}

    def add(self, piece: str) -> Json:
        """The event for some more of its arguments."""
        return {**self._event("delta"), "delta": piece}

    def end(self, status: str) -> tuple[Json, list[Json]]:
        """The whole item, and the events for its end."""
        arguments = self._call.arguments
        item = {**self._fields, "status": status, "arguments": arguments}
        done = {**self._event("done"), "name": self._call.name, "arguments": arguments}
        return item, [done, _done(self._place, item)]

    def _event(self, what: str) -> Json:
        return {
            "type": f"response.function_call_arguments.{what}",
            "item_id": self._fields["id"],
            "output_index": self._place,
        }


def _done(place: int, item: Json) -> Json:
    return {"type": "response.output_item.done", "output_index": place, "item": item}
