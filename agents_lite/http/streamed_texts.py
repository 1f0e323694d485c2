"""Texts and arguments as they were streamed, for items that were sent without them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from ..response_types import json_text

Item = dict[str, Any]

_FIELDS = {
    "response.output_text": ("message", "text"),
    "response.refusal": ("message", "refusal"),
    "response.function_call_arguments": ("function_call", "arguments"),
    "response.custom_tool_call_input": ("custom_tool_call", "input"),
    "response.mcp_call_arguments": ("mcp_call", "arguments"),
}
"""The events `....delta` and `....done` of a text: the type of its item, and the field."""
_NAMES = {item_type: name for name, (item_type, _) in _FIELDS.items() if item_type != "message"}
"""The events of a text, by the type of its item where that has only one."""
_PART_TYPES = {"text": "output_text", "refusal": "refusal"}
"""Parts of a message, by the field of their text; `response.content_part.done` repeats it."""

_WRAPPERS = ("text", "content", "value")
"""Names under which some servers put a text where the API has the text itself."""


@dataclass(slots=True, eq=False, repr=False)
class StreamedText:
    """A text, and where it belongs as far as its events said."""

    name: str = ""
    """The name of its events, up to the last dot."""
    item_id: str | None = None
    position: Any = None
    """The index of its item in the output, or None."""
    part: Any = None
    """The index of its part in the item's content, or None."""
    pieces: list[Any] = field(default_factory=list)
    """Its deltas."""
    begun: str = ""
    """What the event said that announced it."""
    whole: str = ""
    """What the event said that ended it."""

    @property
    def joined(self) -> str:
        """Its deltas, put together."""
        field = _FIELDS[self.name][1]
        return "".join(each if type(each) is str else _read(each, field) for each in self.pieces)

    @property
    def text(self) -> str:
        """The text as its end told it, else as its deltas did."""
        return self.whole or self.joined or self.begun


@dataclass(slots=True, eq=False, repr=False)
class Slot:
    """An item of the output, and what its events called it."""

    item: Any
    position: int
    """The index that its events named, else the one that it has."""
    ids: set[Any] = field(default_factory=set)
    texts: list[StreamedText] = field(default_factory=list)
    """The texts that belong to it."""
    versions: list[Any] = field(default_factory=list)
    """The item as other events showed it."""


class StreamedTexts:
    """All texts of a response so far."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, ...], StreamedText] = {}

    def __bool__(self) -> bool:
        return bool(self._texts)

    def take(self, kind: str, event: dict[str, Any]) -> StreamedText | None:
        """Note an event of that type; gives the text that it belongs to, None if to none."""
        name, _, step = kind.rpartition(".")
        told: Any = event
        if name == "response.content_part" and isinstance(event.get("part"), dict):
            told = event["part"]
            name = f"response.{told.get('type')}"
        if name not in _FIELDS or step not in ("added", "delta", "done"):
            return None
        field = _FIELDS[name][1]
        where = (as_id(event.get("item_id")), event.get("output_index"), event.get("content_index"))
        key = (name, *map(repr, where))
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = StreamedText(name, *where)
        if step == "delta":
            delta = event.get("delta")
            text.pieces.append(event.get(field) if delta is None else delta)
        elif step == "done":
            text.whole = max(text.whole, _read(told.get(field), field), key=len)
        else:
            text.begun = _read(told.get(field), field)
        return text

    def stand_in(self, items: list[Item], begun: list[Item]) -> bool:
        """Whether items that are complete show all that was streamed.

        False also where that is not plain to see, so that the slots have to tell.

        Args:
            items: The items.
            begun: The same as they were announced at first; they may show texts, too.
        """
        by_id = {as_id(item.get("id")): item for item in items}
        if None in by_id or len(by_id) < len(items):
            return False
        texts = [(text.item_id, text) for text in self._texts.values()]
        for item in begun:
            item_id = as_id(item.get("id"))
            if item_id not in by_id:
                return False
            texts += [(item_id, text) for text in _texts_of(item) if text.whole]
        return all(_stands_in(by_id.get(item_id), text) for item_id, text in texts)

    def fill(self, slots: list[Slot]) -> list[Item]:
        """The items of the slots, each with what was streamed of it where it lacks that.

        Where there is no item at all of the type that texts belong to, they make one of their own.
        """
        slots = list(slots)
        by_type: dict[str, list[list[StreamedText]]] = {}
        for group in self._groups():
            by_type.setdefault(_FIELDS[group[0].name][0], []).append(group)
        for item_type, groups in by_type.items():
            fitting = [slot for slot in slots if _is_of_type(slot.item, item_type)]
            for group in groups:
                if fitting:
                    _give(group, fitting)
                elif any(text.text for text in group):
                    slot = _made_up(item_type, group)
                    slots.insert(slot.position, slot)
        return [_filled(slot) for slot in slots]

    def _groups(self) -> list[list[StreamedText]]:
        """The texts, those of one item together."""
        groups: dict[tuple[str, str, str], list[StreamedText]] = {}
        for text in self._texts.values():
            key = (_FIELDS[text.name][0], repr(text.item_id), repr(text.position))
            groups.setdefault(key, []).append(text)
        return list(groups.values())


def _stands_in(item: Item | None, text: StreamedText) -> bool:
    """Whether an item has a text where one belongs, so that none is taken from its events."""
    item_type, name = _FIELDS[text.name]
    if item is None or item.get("type") != item_type:
        return False
    if item_type != "message":
        given = item.get(name)
        return isinstance(given, str) and _says_something(given, is_json=name == "arguments")
    parts = item.get("content")
    if not isinstance(parts, list) or text.part not in range(len(parts)):
        return False
    part = parts[text.part]
    return isinstance(part, dict) and bool(part.get(name))


def _is_of_type(item: Any, item_type: str) -> bool:
    return isinstance(item, dict) and item.get("type") == item_type


def _give(group: list[StreamedText], slots: list[Slot]) -> None:
    """Find the slot of a group: by its id, by its position, or as the next that has no text."""
    item_id, position = group[0].item_id, group[0].position
    rules = (
        lambda slot: item_id is not None and item_id in slot.ids,
        lambda slot: position is not None and slot.position == position,
        lambda slot: not slot.texts,
    )
    for rule in rules:
        for slot in filter(rule, slots):
            slot.texts.extend(group)
            return


def _made_up(item_type: str, group: list[StreamedText]) -> Slot:
    item: Item = {"type": item_type}
    if group[0].item_id is not None:
        item["id"] = group[0].item_id
    if item_type == "message":
        item |= {"role": "assistant", "status": "completed", "content": []}
    position = group[0].position
    return Slot(item, position if isinstance(position, int) else 1 << 30, texts=group)


def _filled(slot: Slot) -> Any:
    item = _with_texts(slot.item, slot.texts)
    for version in slot.versions:
        if version.get("type") == item.get("type"):
            item = _with_texts(item, _texts_of(version))
    return item


def _texts_of(item: Item) -> list[StreamedText]:
    """What an item shows, as if it had been streamed."""
    item_type = item.get("type")
    if item_type != "message":
        name = _NAMES.get(item_type) if isinstance(item_type, str) else None
        return [StreamedText(name, whole=_as_text(item.get(_FIELDS[name][1])))] if name else []
    return [
        StreamedText(f"response.{part['type']}", part=index, whole=_as_text(part.get(key)))
        for index, part in enumerate(_parts(item))
        for key, part_type in _PART_TYPES.items()
        if isinstance(part, dict) and part.get("type") == part_type
    ]


def _with_texts(item: Item, texts: list[StreamedText]) -> Item:
    """The item with the texts that it lacks; the very same if there are none."""
    if not texts:
        return item
    if item.get("type") == "message":
        return _with_parts(item, texts)
    name = _FIELDS[texts[0].name][1]
    given = _as_text(item.get(name))
    streamed = "".join(text.text for text in texts)
    if name == "arguments":
        best = _best_arguments(given, streamed, "".join(text.joined for text in texts))
    else:
        best = given or streamed
    return item if best == given else {**item, name: best}


def _with_parts(message: Item, texts: list[StreamedText]) -> Item:
    parts, is_richer = _parts(message), False
    streamed: dict[int, list[StreamedText]] = {}
    for text in texts:
        if text.text:  # a part of reasoning may be announced as one of a message
            streamed.setdefault(text.part if isinstance(text.part, int) else 0, []).append(text)
    for index, pieces in sorted(streamed.items()):
        name = _FIELDS[pieces[0].name][1]
        whole = "".join(text.text for text in pieces)
        part = parts[index] if index < len(parts) else _empty_part(name)
        if not isinstance(part, dict):
            continue
        is_counted_on = 0 not in streamed and any(_says(each, name, whole) for each in parts)
        if not part.get(name) and not is_counted_on:
            parts[index : index + 1] = [{**part, name: whole}]
            is_richer = True
    return {**message, "content": parts} if is_richer else message


def _says(part: Any, name: str, text: str) -> bool:
    """Whether it is a part with that text, which vLLM numbers behind the parts of reasoning."""
    return isinstance(part, dict) and part.get(name) == text


def _parts(message: Item) -> list[Any]:
    content = message.get("content")
    if isinstance(content, str):
        return [{**_empty_part("text"), "text": content}]
    return list(content) if isinstance(content, list) else []


def _empty_part(name: str) -> Item:
    part = {"type": _PART_TYPES[name], name: ""}
    return {**part, "annotations": []} if name == "text" else part


def _best_arguments(*readings: str) -> str:
    """The first that says something in whole JSON, else the first that says anything."""
    telling = [text for text in readings if text.strip() not in ("", "null")]
    for text in telling:
        if _says_something(text, is_json=True):
            return text
    return telling[0] if telling else readings[0]


def _says_something(text: str, is_json: bool) -> bool:
    if not is_json:
        return text != ""
    try:
        return bool(from_json(text))
    except (ValueError, TypeError):  # TypeError: halves of characters
        return False


def text_of(piece: Any) -> str:
    """The text of a message, in whatever a server has wrapped it; "" where there is none."""
    if isinstance(piece, list):
        return "".join(map(text_of, piece))
    if isinstance(piece, dict):
        return next((text for name in _WRAPPERS if (text := text_of(piece.get(name)))), "")
    return piece if isinstance(piece, str) else ""


def _read(value: Any, field: str) -> str:
    """What an event tells of a text that is kept in that field of an item."""
    if field != "arguments":
        return text_of(value)
    is_wrapped = isinstance(value, dict) and value.keys() == {field}
    return _as_text(value[field] if is_wrapped else value)


def as_id(value: Any) -> str | None:
    """The id that an item or event names, or None where it names none."""
    return value if isinstance(value, str) else None


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)
