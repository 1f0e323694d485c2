"""Answers by rules instead of a model: enough to try out tools, handoffs and typed outputs."""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import from_json

from ..response_types import json_bytes
from .builders import Turn, call, final, text, token_usage, turn
from .reading import SchemaReader, argument_sets
from .words import stems

Json = dict[str, Any]

_LITERAL = re.compile(
    r"(?i)\b(?:respond|reply|answer)\b(?:\s+(?:only|just|exactly|always))*(?:\s+with)?"
    r"(?:\s*:?\s*(?P<mark>['\"])(?P<quoted>.+?)(?P=mark)(?!\w)|\s*:\s*(?P<plain>.+))"
)

_CHANGES = stems("create delete edit move overwrite remove rename update write")
"""First words of tools that change something: a question alone is no reason to call them."""
_WHAT_IS_THERE = re.compile(r"(?i)\s*what(?:'s|’s| is| are)(?: there)? in(?:side)?\b")


def answer_by_rules(body: Json, items: list[Json]) -> Turn:
    """Answer a request: call what its latest user message asks for, else say what came of it.

    No call is made twice for one message, so every run comes to an end.

    Args:
        body: The request.
        items: The whole conversation, the request's own input included.
    """
    message, work = _split_at_latest_message(items)
    calls = _calls_to_make(body, message, work)
    output = calls or [_final_message(body, message, work)]
    seen = [body.get("instructions"), items, body.get("tools")]
    return turn(*output, usage=token_usage(_count_tokens(seen), _count_tokens(output)))


def _split_at_latest_message(items: list[Json]) -> tuple[str, list[Json]]:
    """The text of the latest user message, and all items after it."""
    for index in range(len(items) - 1, -1, -1):
        if items[index].get("role") == "user":
            return _plain_text(items[index]["content"]), items[index + 1 :]
    return "", items


def _calls_to_make(body: Json, message: str, work: list[Json]) -> list[Json]:
    made = [(item["name"], item["arguments"]) for item in work if _is_call(item)]
    calls = [
        call(tool["name"], arguments)
        for tool in _choose_tools(body, message)
        for arguments in argument_sets(tool.get("parameters") or {}, message)
    ]
    calls = [each for each in calls if (each["name"], each["arguments"]) not in made]
    return calls[:1] if body.get("parallel_tool_calls") is False else calls


def _choose_tools(body: Json, message: str) -> list[Json]:
    """The functions to call, or the one handoff to make, for that message."""
    tools = [tool for tool in body.get("tools") or () if tool["type"] == "function"]
    choice = body.get("tool_choice") or "auto"
    if choice == "none" or not tools:
        return []
    if isinstance(choice, dict):
        return [tool for tool in tools if tool["name"] == choice.get("name")]
    wanted = stems(message)
    if choice == "auto" and message.rstrip().endswith("?"):
        tools = [tool for tool in tools if not _first_stem(tool) & (_CHANGES - wanted)]
    if _WHAT_IS_THERE.match(message):
        wanted |= stems("list")
    ranked = sorted(tools, key=lambda tool: -_score(tool, wanted))
    best = _score(ranked[0], wanted) if ranked else 0
    if best == 0:
        return ranked[:1] if choice == "required" else []
    if _is_handoff(ranked[0]) or _WHAT_IS_THERE.match(message):
        return ranked[:1]
    return [tool for tool in tools if _score(tool, wanted) * 2 >= best and not _is_handoff(tool)]


def _first_stem(tool: Json) -> set[str]:
    return stems(re.split(r"[_\W]|(?<=[a-z])(?=[A-Z])", tool["name"])[0])


def _score(tool: Json, wanted: set[str]) -> int:
    """How well a tool fits the words wanted; its name counts double."""
    in_name = wanted & stems(tool["name"])
    in_description = wanted & stems(tool.get("description") or "")
    return 2 * len(in_name) + len(in_description)


def _is_handoff(tool: Json) -> bool:
    return (tool.get("description") or "").startswith("Handoff to") or tool["name"].startswith(
        "transfer_to_"
    )


def _is_call(item: Json) -> bool:
    return item.get("type") == "function_call"


def _final_message(body: Json, message: str, work: list[Json]) -> Json:
    calls = {item["call_id"]: item for item in work if _is_call(item)}
    results = [
        (calls[item["call_id"]], _plain_text(item["output"]))
        for item in work
        if item.get("type") == "function_call_output" and item["call_id"] in calls
    ]
    results = [(made, output) for made, output in results if not output.startswith('{"assistant"')]
    text_format = (body.get("text") or {}).get("format") or {}
    if text_format.get("type") == "json_schema":
        facts, texts = _sort_evidence([output for _, output in results])
        return final(
            SchemaReader(text_format["schema"], "\n".join([*texts, message]), facts).read()
        )
    if results:
        return text(" ".join(_sentence(made, output) for made, output in results))
    if literal := _LITERAL.search(body.get("instructions") or "") or _LITERAL.search(message):
        return text(literal["quoted"] or literal["plain"])
    return text(
        "I am an offline stand-in, not a language model, and none of this agent's tools fits. "
        f"You said: {message[:200]}"
    )


def _sort_evidence(outputs: list[str]) -> tuple[Json, list[str]]:
    """What tools' outputs tell by name, where they are JSON objects, and all other outputs."""
    facts: Json = {}
    texts = []
    for output in outputs:
        try:
            facts.update(from_json(output))
        except (ValueError, TypeError):  # no JSON, or not an object
            texts.append(output)
    return facts, texts


def _sentence(made: Json, output: str) -> str:
    """A tool's output as it is, if it reads like a sentence, else with the call it came from."""
    ended = output if output.endswith((".", "!", "?")) else output + "."
    if len(output.split()) > 3 and not output.startswith(("{", "[")):
        return ended
    arguments = ", ".join(str(value) for value in from_json(made["arguments"] or "{}").values())
    return f"{made['name']}({arguments}) gives {ended}"


def _plain_text(content: str | list[Json]) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part["text"] for part in content if "text" in part)


def _count_tokens(value: Any) -> int:
    """About as many tokens as a model would count: 1.3 for each word."""
    return round(1.3 * len(re.findall(rb"\w+", json_bytes(value))))
