"""Puts a response together from the events of its stream."""

from __future__ import annotations

from typing import Any

TERMINAL_EVENTS = frozenset(
    {"response.completed", "response.failed", "response.incomplete", "response.cancelled"}
)


class ResponseSoFar:
    """What the events of a stream have told of its response."""

    def __init__(self) -> None:
        self.response: dict[str, Any] = {}
        """The response as the last event that held one showed it."""
        self.last_event: dict[str, Any] | None = None
        """The last event handed out, or None before the first; set by the reader."""
        self.error: dict[str, Any] | None = None
        """The last `error` event, or None."""
        self.is_finished = False
        """Whether the terminal event has come."""
        self._done_items: list[tuple[int, dict[str, Any]]] = []

    def take(self, event: dict[str, Any]) -> dict[str, Any]:
        """Note what an event tells; gives it back, a terminal one with its output completed.

        An event that only adds a `delta` tells nothing and need not come here.
        """
        kind, item, response = event.get("type"), event.get("item"), event.get("response")
        if kind == "response.output_item.done" and isinstance(item, dict):
            position = event.get("output_index")
            known_position = position if isinstance(position, int) else len(self._done_items)
            self._announce(known_position, item)
        elif kind == "error" or (kind is None and event.get("error")):
            self.error = event
        elif isinstance(response, dict):
            if isinstance(kind, str) and kind in TERMINAL_EVENTS:
                self.is_finished = True
                response = complete_output(response, self._announced())
                event = {**event, "response": response}
            self.response = response
        return event

    @property
    def is_settled(self) -> bool:
        """Whether the response ended, well or not, so that there is nothing to take up again."""
        return self.is_finished or self.error is not None

    def known(self) -> dict[str, Any]:
        """The response as far as it is known, with the items that are complete; maybe `{}`."""
        return complete_output(self.response, self._announced())

    def _announce(self, position: int, item: dict[str, Any]) -> None:
        for place, (known, earlier) in enumerate(self._done_items):
            if known == position and item.get("id") and earlier.get("id") == item["id"]:
                self._done_items[place] = (position, item)  # the server said it twice
                return
        self._done_items.append((position, item))

    def _announced(self) -> list[dict[str, Any]]:
        return [item for _, item in sorted(self._done_items, key=lambda entry: entry[0])]


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
                if candidate.get(name) == item[name]:
                    twins[index] = unpaired.pop(place)
                    break
    return twins
