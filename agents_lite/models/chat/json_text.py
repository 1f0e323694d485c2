"""JSON out of the words that a model puts around it."""

from __future__ import annotations

from json import JSONDecodeError, JSONDecoder
from typing import Any

Json = dict[str, Any]


def json_inside(text: str) -> str:
    """The JSON object in a text, without a code fence or prose around it; else the text itself.

    What a model thought aloud, up to `</think>`, holds no answer; an answer may hold that word.
    """
    thought_end = text.rfind("</think>")
    start = text.find("{")
    while start >= 0:
        try:
            _, end = JSONDecoder(strict=False).raw_decode(text, start)
        except (JSONDecodeError, RecursionError):
            end = start + 1
        else:
            if end > thought_end:
                return text[start:end]
        start = text.find("{", end)
    return text


def with_bare_json(output: list[Json]) -> list[Json]:
    """Output items with nothing but the JSON in the texts of their messages."""
    return [
        {**item, "content": [_bare(part) for part in item["content"]]}
        if item["type"] == "message"
        else item
        for item in output
    ]


def _bare(part: Json) -> Json:
    return {**part, "text": json_inside(part["text"])} if "text" in part else part
