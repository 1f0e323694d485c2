"""JSON out of the words that a model puts around it."""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import Any

Json = dict[str, Any]

_LIST = re.compile(r"\s*(?:```\w*\s*)?(\[.*\])\s*(?:```\s*)?", re.DOTALL)
_OBJECT = re.compile(r'\{\s*["}]')
"""How one begins."""
_THOUGHT_END = "</think>"
_decoder = JSONDecoder(strict=False)


def json_inside(text: str) -> str:
    """The JSON object in a text, without a code fence or prose around it, or the list that all of
    it is; else the text itself.

    What a model thought aloud, up to `</think>`, holds no answer; an answer may hold that word.
    """
    thought_end = text.rfind(_THOUGHT_END)
    whole = _LIST.fullmatch(text, 0 if thought_end < 0 else thought_end + len(_THOUGHT_END))
    if whole and is_json(whole[1]):
        return whole[1]
    begun = _OBJECT.search(text)
    while begun is not None:
        start = begun.start()
        try:
            # What is wrong is told with its line, for which all that stands before it is read.
            _, length = _decoder.raw_decode(text[start:])
        except ValueError:
            length = 1
        except RecursionError:
            break
        end = start + length
        if length > 1 and end > thought_end:
            return text[start:end]
        begun = _OBJECT.search(text, end)
    return text


def is_json(text: str) -> bool:
    """Whether all of a text is JSON; line breaks may stand in its strings."""
    try:
        _decoder.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


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
