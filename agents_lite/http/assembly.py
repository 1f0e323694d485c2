"""Puts a response together from all that its events tell, and settles how it ended."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from operator import countOf, itemgetter
from typing import TYPE_CHECKING, Any, final

from ..response_types import ResponseStreamEvent, as_stream_event
from .streamed_texts import Slot, StreamedText, StreamedTexts, as_id

if TYPE_CHECKING:
    from .connections import Exchange

Item = dict[str, Any]

ENDINGS = frozenset({"completed", "failed", "incomplete", "cancelled"})
"""How a response may end: the API's words for its status."""
BEGINNINGS = ("response.created", "response.queued", "response.in_progress")
"""Types of events that tell no more than that there is a response."""
_OTHER_WORDS = {"canceled": "cancelled", "error": "failed"}
MOST_DETAILS = 500
"""Characters of what a gateway quotes that an error's message shows."""
_UNDER_WAY = frozenset({"queued", "in_progress"})
_ERROR_EVENTS = frozenset({"error", "response.error"})
_OF_RESPONSES = frozenset(f"response.{status}" for status in ("created", *_UNDER_WAY, *ENDINGS))
_OF_ITEMS = ("response.output_item.added", "response.output_item.done")

MANY = 8
"""Events that are worth to be looked at together."""

_PLACE = itemgetter("type", "item_id", "output_index")
_PLACE_OF_PART = itemgetter("type", "item_id", "output_index", "content_index")


_NO_TEXT = StreamedText()


@final
class Deltas(Iterable[ResponseStreamEvent]):
    """Deltas that came together, all to one place: events that end where their request is cut."""

    def __init__(self, events: list[dict[str, Any]], texts: list[Any], exchange: Exchange) -> None:
        self._events = events
        self._texts = texts
        self._exchange = exchange

    def __iter__(self) -> Iterator[ResponseStreamEvent]:
        new, exchange = object.__new__, self._exchange
        kind = type(as_stream_event(self._events[0]))
        # Thousands come: what that does, without a call.
        for fields, text in zip(self._events, self._texts, strict=True):
            if exchange.is_cut:
                return
            event = new(kind)
            event._fields = fields
            event.delta = text
            yield event


class SettledEvents(Iterator[ResponseStreamEvent]):
    """The events of a response that has been put together, so that nobody else need do it.

    Attributes:
        parts: The same events, some of which stand together.
    """

    def __init__(self, parts: Generator[ResponseStreamEvent | Deltas, None, None]) -> None:
        self.parts = parts
        self._events: Generator[ResponseStreamEvent, None, None] | None = None  # a run takes parts

    def __iter__(self) -> Iterator[ResponseStreamEvent]:
        if self._events is None:
            self._events = self._one_by_one()
        return self._events

    def __next__(self) -> ResponseStreamEvent:
        return next(iter(self))

    def close(self) -> None:
        """Close the connection, if the answer has not been read to its end."""
        if self._events is not None:
            self._events.close()
        self.parts.close()

    def _one_by_one(self) -> Generator[ResponseStreamEvent, None, None]:
        parts = self.parts
        try:
            for part in parts:
                if type(part) is Deltas:
                    yield from part
                else:
                    yield part
        finally:
            parts.close()


class ResponseSoFar:
    """What the events of a stream, or a whole answer, have told of a response."""

    def __init__(self) -> None:
        self.response: dict[str, Any] = {}
        """The response as the last event that held one showed it."""
        self.last_event: dict[str, Any] | None = None
        """The last event handed out, or None before the first; set by the reader."""
        self.error: dict[str, Any] | None = None
        """The last `error` event, or None."""
        self.is_finished = False
        """Whether the terminal event has come."""
        self._added: list[tuple[int, Item]] = []
        self._done: list[tuple[int, Item]] = []
        self._texts = StreamedTexts()
        self.place_of: itemgetter[Any] = _PLACE
        """Reads off an event where such a delta belongs; a KeyError for one that does not say."""
        self.place: tuple[Any, ...] | None = None
        """Where the last event belongs if it was a delta, else None."""
        self.text = _NO_TEXT
        """The text that it belongs to."""

    def take(self, event: dict[str, Any]) -> dict[str, Any]:
        """Note what an event tells; gives it back, a terminal one settled.

        A terminal event names how the response ended, and its output is whole. A response or an
        error that comes without an event around it is given as the event that it stands for.
        """
        if self.place is not None:  # thousands of deltas follow each other to the same place
            try:
                if self.place_of(event) == self.place:
                    self.text.pieces.append(event.get("delta"))
                    return event
            except KeyError:
                pass
        return self.take_other(event)

    def take_deltas(self, events: list[dict[str, Any]], exchange: Exchange) -> Deltas | None:
        """Note events together, if they are many and all are deltas to the place of the last one.

        Returns:
            They, until the exchange is cut; None: they are to be taken one by one.
        """
        if self.place is None or len(events) < MANY:
            return None
        try:
            if countOf(map(self.place_of, events), self.place) != len(events):
                return None
            texts = [event["delta"] for event in events]
        except (KeyError, TypeError):  # one has no place, no text, or is no object
            return None
        self.text.pieces += texts
        self.last_event = events[-1]
        return Deltas(events, texts, exchange)

    def note(self, event: dict[str, Any]) -> None:
        """Note an event of a response, or an error, where nothing need be put together."""
        if "response" in event:
            self.response = event["response"]
            self.is_finished = self.response["status"] in ENDINGS
        elif "error" in event:
            self.error = event

    @property
    def is_blank(self) -> bool:
        """Whether nothing was handed out, or no more than that there is a response."""
        if self.last_event is None:
            return True
        is_beginning = self.last_event.get("type") in BEGINNINGS
        return is_beginning and not (self._added or self._done or self._texts)

    @property
    def is_settled(self) -> bool:
        """Whether the response ended, well or not, so that there is nothing to take up again."""
        return self.is_finished or self.error is not None

    @property
    def is_under_way(self) -> bool:
        """Whether the server said that it is still at work, and how to ask for the response."""
        is_at_work = _plain(self.response.get("status")) in _UNDER_WAY
        return is_at_work and bool(as_id(self.response.get("id"))) and not self.is_settled

    def known(self) -> dict[str, Any]:
        """The response as far as it is known, with the items that are complete; maybe `{}`."""
        return complete_output(self.response, _in_order(self._done))

    def take_other(self, event: dict[str, Any]) -> dict[str, Any]:
        """The same for an event that is none more like the last one."""
        self.place = None
        kind, response = event.get("type"), event.get("response")
        if not isinstance(kind, str):
            kind = ""
        if isinstance(response, dict) and kind in _OF_RESPONSES:
            return self._take_response(kind, event, response)
        if kind in _OF_ITEMS:
            self._take_item(event, self._added if kind.endswith(".added") else self._done)
            return event
        text = self._texts.take(kind, event)
        if text is not None:
            is_plain = kind.endswith(".delta") and type(event.get("delta")) is str
            if is_plain and "item_id" in event and "output_index" in event:
                self.place_of = _PLACE_OF_PART if "content_index" in event else _PLACE
                self.place, self.text = self.place_of(event), text
        elif not kind and _is_response(event):
            has_status = event.get("status") is not None
            named = "" if has_status else "response.completed"
            return self._take_response(named, {"response": event}, event)
        elif _is_error(kind, event):
            event = event if kind else {**event, "type": "error"}
            self.error = event
        elif isinstance(response, dict):
            return self._take_response(kind, event, response)
        elif _ending_named(kind):
            return self._take_bare_end(kind, event)
        return event

    def _take_bare_end(self, kind: str, event: dict[str, Any]) -> dict[str, Any]:
        """A terminal event that holds no response: there is one all the same, if it was told of."""
        ending = _ending_named(kind)
        if isinstance(event.get("output"), list):
            return self._take_response(kind, {"type": kind, "response": event}, event)
        if ending == "completed" and not self._done and not self._texts:
            return event
        error = event if isinstance(event.get("message"), str) else event.get("error")
        told = {} if error is None else {"error": error}
        return self._take_response(kind, event, {**self.response, **told, "status": ending})

    def _take_item(self, event: dict[str, Any], items: list[tuple[int, Item]]) -> None:
        item, position = event.get("item"), event.get("output_index")
        if not isinstance(item, dict):
            return
        for place, (known, earlier) in enumerate(items):
            is_same_place = known == position or not isinstance(position, int)
            if is_same_place and _is_same(item, earlier):
                items[place] = (known, item)  # the server said it twice
                return
        items.append((position if isinstance(position, int) else len(items), item))

    def _take_response(
        self, kind: str, event: dict[str, Any], response: dict[str, Any]
    ) -> dict[str, Any]:
        ending = ending_of(kind, response)
        if ending is not None:
            self.is_finished = True
            whole, settled = self._whole(response), f"response.{ending}"
            if whole is not event.get("response") or settled != event.get("type"):
                event = {**event, "type": settled, "response": whole}
            response = whole
        elif not kind and isinstance(response.get("status"), str):
            event = {**event, "type": f"response.{response['status']}"}
        self.response = response
        return event

    def _whole(self, response: dict[str, Any]) -> dict[str, Any]:
        """A response that ended, with all that was told of it before."""
        response = _with_its_text(response)
        if not self._added and not self._done and not self._texts:
            return response
        listed = response.get("output")
        listed = listed if isinstance(listed, list) else []
        done, begun = _in_order(self._done), [item for _, item in self._added]
        if listed == done and self._texts.stand_in(listed, begun):
            return response  # as a rule it is whole, and nothing need be put together
        response = complete_output(response, done)
        output = self._texts.fill(self._slots(response.get("output") or [], listed))
        is_whole = output == (response.get("output") or [])
        return response if is_whole else {**response, "output": output}

    def _slots(self, output: list[Any], listed: list[Any]) -> list[Slot]:
        """A slot for each item of the output, and for those of whose end no event told."""
        slots = [Slot(item, at, {_id(item)}) for at, item in enumerate(output)]
        by_item = {id(slot.item): slot for slot in slots}
        for item, twin in zip(listed, _pair(listed, output), strict=True):
            if twin is not None:
                by_item[id(twin)].versions.append(item)
        done = [item for _, item in self._done]
        for (position, _), twin in zip(self._done, _pair(done, output), strict=True):
            if twin is not None:
                by_item[id(twin)].position = position
        begun = [item for _, item in self._added]
        for (position, item), twin in zip(self._added, _pair(begun, output), strict=True):
            if twin is None:  # but the response has ended, and so has the item
                item = {**item, "status": "completed"} if "status" in item else item
                slots.insert(position, Slot(item, position, {_id(item)}))
            else:
                slot = by_item[id(twin)]
                slot.position = position
                slot.ids.add(_id(item))
                slot.versions.append(item)
        return slots


def _with_its_text(response: dict[str, Any]) -> dict[str, Any]:
    """A response that tells its text in `output_text` alone, with a message of it."""
    text = response.get("output_text")
    if not text or response.get("output") or not isinstance(text, str):
        return response
    part = {"type": "output_text", "text": text, "annotations": []}
    return {**response, "output": [{"type": "message", "role": "assistant", "content": [part]}]}


def ending_of(kind: str, response: dict[str, Any]) -> str | None:
    """How a response ended, one of `ENDINGS`, or None while it has not.

    Its status decides, unless the event brings worse news. A status that nobody has heard of says
    nothing: then it is the event that counts, or that there is an output.

    Args:
        kind: The type of the event that holds the response; "" when it came without one.
        response: The response.
    """
    told = response.get("status")
    if kind == f"response.{told}" and (told in ENDINGS or told in _UNDER_WAY):
        return told if told in ENDINGS else None  # as a rule; what follows is for the others
    named, status = _ending_named(kind), _plain(told)
    if named not in (None, "completed"):
        return status if status in ENDINGS - {"completed"} else named
    if status in ENDINGS and (named or not kind):
        return status
    if status in _UNDER_WAY and named is None:
        return None
    if named or not kind:
        if response.get("error"):
            return "failed"
        if response.get("incomplete_details"):
            return "incomplete"
    output = response.get("output")
    return named or ("completed" if not kind and output and isinstance(output, list) else None)


def reason_of(response: dict[str, Any]) -> tuple[str | None, str | None]:
    """The code and the words in which a response says why it is not complete."""
    details = response.get("incomplete_details")
    if not response.get("error") and isinstance(details, dict) and details.get("reason"):
        return str(details["reason"]), str(details["reason"])
    return error_details(response)


def error_details(body: Any) -> tuple[str | None, str | None]:
    """The code and the message of a server's error, nested (`{"error": {...}}`) or flat."""
    if isinstance(body, list) and body:
        body = body[0]  # Gemini's errors come in a list
    nested = body.get("error") if isinstance(body, dict) else None
    error = nested if isinstance(nested, dict) else body
    if not isinstance(error, dict):
        return None, None
    code, message = error.get("code"), words_of_error(error)
    details = error.get("metadata")
    if message and isinstance(details, dict) and isinstance(details.get("raw"), str):
        message += f": {details['raw'][:MOST_DETAILS]}"  # what OpenRouter was told itself
    return None if code is None else str(code), message


def words_of_error(error: Any) -> str | None:
    """What somebody may read of an error, in any of the forms in which servers put it; or None."""
    if isinstance(error, list):
        return next(filter(None, map(words_of_error, error)), None)
    if isinstance(error, dict):
        named = map(error.get, ("message", "error", "detail", "msg", "errors"))
        words = next(filter(None, map(words_of_error, named)), None)
        place = error.get("loc")  # as FastAPI tells it
        if words is not None and isinstance(place, list):
            return f"{'.'.join(map(str, place))}: {words}"
        return words
    return error if isinstance(error, str) and error else None


def _ending_named(kind: str) -> str | None:
    """How the response ended of which a terminal event of this type tells, else None."""
    if kind == "response.done":
        return "completed"
    ending = _plain(kind.removeprefix("response.")) if kind.startswith("response.") else None
    return ending if ending in ENDINGS else None


def _plain(status: Any) -> str | None:
    """A status in the API's words."""
    word = status.strip().lower() if isinstance(status, str) else None
    return _OTHER_WORDS.get(word or "", word)


def _is_response(event: dict[str, Any]) -> bool:
    """Whether this is a response that came without an event around it."""
    if event.get("object") == "error":
        return False
    is_marked = event.get("object") == "response" or "output" in event
    return is_marked or isinstance(event.get("status"), str)


def _is_error(kind: str, event: dict[str, Any]) -> bool:
    """Whether this is an error, in an event or bare."""
    if kind in _ERROR_EVENTS:
        return True
    if kind.startswith("response."):
        return False
    if event.get("error") or event.get("errors") or event.get("object") == "error":
        return True
    return (not kind or "error" in kind) and words_of_error(event) is not None


def _is_same(item: Item, other: Item) -> bool:
    """Whether two announcements are of one item: by the id of its call, else by its own."""
    for name in ("call_id", "id"):
        if item.get(name) and other.get(name):
            return bool(item[name] == other[name])
    return False


def _in_order(items: list[tuple[int, Item]]) -> list[Item]:
    return [item for _, item in sorted(items, key=itemgetter(0))]


def _id(item: Any) -> str | None:
    return as_id(item.get("id")) if isinstance(item, dict) else None


def complete_output(response: dict[str, Any], announced: list[dict[str, Any]]) -> dict[str, Any]:
    """The response with the items that `response.output_item.done` events announced.

    Servers leave items out of the final response, encrypt their reasoning anew in it, or rename
    and reorder them, so the announced ones count. An item that only the final response lists
    keeps its place: after the item that it follows there.

    Args:
        response: The final response; it is not changed.
        announced: The announced items in the order of their positions.
    """
    listed = response.get("output")
    if not announced or listed == announced:
        return response
    listed = listed if isinstance(listed, list) else []
    twins = _pair(listed, announced)
    output = list(announced)
    place = 0
    for item, twin in zip(listed, twins, strict=True):
        if twin is None:
            output.insert(place, item)
            place += 1
        else:
            place = 1 + next(index for index, other in enumerate(output) if other is twin)
    return {**response, "output": output}


def _pair(listed: list[Any], announced: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """For each listed item the same one as announced: of the same id, else the next of its type."""
    twins: list[dict[str, Any] | None] = [None] * len(listed)
    unpaired = list(announced)
    for name in ("id", "call_id", "type"):
        for index, item in enumerate(listed):
            if twins[index] is not None or not isinstance(item, dict) or not item.get(name):
                continue
            for place, candidate in enumerate(unpaired):
                if isinstance(candidate, dict) and candidate.get(name) == item[name]:
                    twins[index] = unpaired.pop(place)
                    break
    return twins
