"""JSON out of the words that a model puts around it."""

from __future__ import annotations

from json import JSONDecodeError, JSONDecoder

from ...response_types import ResponseCompletedEvent, ResponseStreamEvent


def json_inside(text: str) -> str:
    """The JSON object in a text, without a code fence or prose around it; else the text itself.

    What a model thought aloud, up to `</think>`, holds no answer; an answer may hold that word.
    """
    thought_end = text.rfind("</think>")
    start = text.find("{")
    while start >= 0:
        try:
            _, end = JSONDecoder().raw_decode(text, start)
        except (JSONDecodeError, RecursionError):
            end = start + 1
        else:
            if end > thought_end:
                return text[start:end]
        start = text.find("{", end)
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
