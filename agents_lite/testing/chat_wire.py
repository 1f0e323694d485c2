"""The stand-in's Chat Completions API: its requests as those of the Responses API, and back.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..response_types import json_bytes

Json = dict[str, Any]

_AS_THEY_ARE = ("model", "parallel_tool_calls", "temperature", "top_p")


def as_responses_request(body: Json) -> Json:
    """The same request to the Responses API, as far as the stand-in looks at it."""
    messages = body["messages"]
    system = [m["content"] for m in messages if m["role"] in ("system", "developer")]
    wanted = body.get("response_format") or {"type": "text"}
    text_format = {"type": wanted["type"], **(wanted.get("json_schema") or {})}
    return {
        **{name: body[name] for name in _AS_THEY_ARE if name in body},
        "input": [item for message in messages for item in _items(message)],
        "instructions": str(system[0]) if system else None,
        "tools": [{"type": tool["type"], **tool["function"]} for tool in body.get("tools") or ()],
        "tool_choice": _tool_choice(body.get("tool_choice")),
        "text": {"format": text_format},
    }


def build_completion(response: Json, usage: Json | None) -> Json:
    """A response as a whole chat completion."""
    choice = {
        "index": 0,
        "message": _message(response["output"]),
        "logprobs": None,
        "finish_reason": _finish_reason(response),
    }
    return {**_facts(response), "object": "chat.completion", "choices": [choice], "usage": usage}


def completion_chunks(completion: Json, include_usage: bool) -> Iterator[bytes]:
    """A chat completion as the events of its stream, `[DONE]` at the end."""
    facts = {**completion, "object": "chat.completion.chunk"}
    usage = facts.pop("usage")
    choice = completion["choices"][0]
    deltas = list(_deltas(choice["message"]))
    for number, delta in enumerate([*deltas, {}]):
        reason = choice["finish_reason"] if number == len(deltas) else None
        told = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        yield _sse({**facts, "choices": [told], **({"usage": None} if include_usage else {})})
    if include_usage:
        yield _sse({**facts, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def chat_usage(usage: Json | None) -> Json | None:
    """The usage of a response under the names it has in a chat completion."""
    if usage is None:
        return None
    return {
        "prompt_tokens": usage["input_tokens"],
        "prompt_tokens_details": usage.get("input_tokens_details"),
        "completion_tokens": usage["output_tokens"],
        "completion_tokens_details": usage.get("output_tokens_details"),
        "total_tokens": usage["total_tokens"],
    }


def _items(message: Json) -> Iterator[Json]:
    role = message["role"]
    content: Any = message.get("content")
    if role == "tool":
        output = content if isinstance(content, str) else _parts(content, "input_text")
        yield {
            "type": "function_call_output",
            "call_id": message["tool_call_id"],
            "output": output,
        }
        return
    if content:
        kind = "output_text" if role == "assistant" else "input_text"
        content = content if isinstance(content, str) else _parts(content, kind)
        yield {"role": role, "content": content}
    for call in message.get("tool_calls") or ():
        yield {"type": "function_call", "call_id": call["id"], **call["function"]}


def _parts(content: list[Json], text_kind: str) -> list[Json]:
    return [
        {"type": text_kind, "text": part["text"]}
        if part["type"] == "text"
        else {**part, "type": f"input_{part['type'].removesuffix('_url')}"}
        for part in content
    ]


def _tool_choice(choice: Any) -> Any:
    return {"type": "function", **choice["function"]} if isinstance(choice, dict) else choice


def _facts(response: Json) -> Json:
    return {
        "id": response["id"],
        "created": response["created_at"],
        "model": response["model"],
    }


def _message(output: list[Json]) -> Json:
    parts = [part for item in output if item["type"] == "message" for part in item["content"]]
    thoughts = [
        part["text"]
        for item in output
        if item["type"] == "reasoning"
        for part in [*item["summary"], *(item.get("content") or ())]
    ]
    calls = [
        {
            "id": item["call_id"],
            "type": "function",
            "function": {"name": item["name"], "arguments": item["arguments"]},
        }
        for item in output
        if item["type"] == "function_call"
    ]
    texts = [part["text"] for part in parts if "text" in part]
    refusals = [part["refusal"] for part in parts if "refusal" in part]
    message: Json = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
    }
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    return message


def _finish_reason(response: Json) -> str:
    details = response.get("incomplete_details")
    if details:
        return "length" if details["reason"] == "max_output_tokens" else str(details["reason"])
    calls = any(item["type"] == "function_call" for item in response["output"])
    return "tool_calls" if calls else "stop"


def _deltas(message: Json) -> Iterator[Json]:
    yield {"role": "assistant", "content": ""}
    for name in ("reasoning_content", "content", "refusal"):
        for piece in _pieces(message.get(name) or ""):
            yield {name: piece}
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = {**call["function"], "arguments": ""}
        yield {"tool_calls": [{"index": index, **call, "function": function}]}
        for piece in _pieces(call["function"]["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _pieces(text: str) -> list[str]:
    return re.findall(r"\w+\W*|\W+", text)


def _sse(chunk: Json) -> bytes:
    return b"data: %s\n\n" % json_bytes(chunk)
