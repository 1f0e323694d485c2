"""JSON out of the words that a model puts around it."""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder

from ...response_types import ResponseCompletedEvent, ResponseStreamEvent

_FENCED = re.compile("```(.*?)```", re.DOTALL)


def json_inside(text: str) -> str:
    """The JSON object in a text, without a code fence or prose around it; else the text itself.

    What a model thought aloud, up to `</think>`, holds no answer.
    """
    said = text.rpartition("</think>")[2]
    fenced = _FENCED.search(said)
    for candidate in (said, fenced[1] if fenced else ""):
        start = candidate.find("{")
        while start >= 0:
            try:
                _, end = JSONDecoder().raw_decode(candidate, start)
            except (JSONDecodeError, RecursionError):
                start = candidate.find("{", start + 1)
                continue
            return candidate[start:end]
    return text


def with_bare_json(event: ResponseStreamEvent) -> ResponseStreamEvent:
    """The event; one that completes a response, with the bare JSON in its messages."""
    if not isinstance(event, ResponseCompletedEvent):
        return event
    fields = event.model_dump()
    for item in fields["response"]["output"]:
        for part in item["content"] if item["type"] == "message" else ():
            if "text" in part:
                part["text"] = json_inside(part["text"])
    bare = ResponseCompletedEvent(fields)
    bare.request_id = getattr(event, "request_id", None)
    return bare
