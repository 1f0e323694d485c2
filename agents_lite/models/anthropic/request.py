"""A chat completion's request as one to the Messages API.

Source: https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

import re
from typing import Any

from pydantic_core import from_json

from ..chat.limits import CannotSay

Json = dict[str, Any]

MOST_TOKENS = 8192
"""Tokens that an answer may have where nothing else was said: the API wants to be told."""
_OF_CHAT = {
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "stream_options",
    "store",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
}
"""Fields that have another form here, or none, which makes no difference to the answer."""
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_CACHED = {"cache_control": {"type": "ephemeral"}}
_DATA_URL = re.compile(r"data:([^;,]+);base64,(.*)", re.DOTALL)


def messages_request(chat: Json, *, cache_prompt: bool) -> Json:
    """The request to the Messages API that a chat completion's request amounts to.

    Args:
        chat: The body for Chat Completions; fields that are not known pass through.
        cache_prompt: Whether to mark instructions and conversation as worth caching.

    Raises:
        CannotSay: The content has parts that the API does not take.
    """
    system = [
        {"type": "text", "text": message["content"]}
        for message in chat["messages"]
        if message["role"] == "system"
    ]
    messages = _messages(message for message in chat["messages"] if message["role"] != "system")
    if cache_prompt:
        for blocks in (system, messages[-1]["content"] if messages else []):
            if blocks:
                blocks[-1] = {**blocks[-1], **_CACHED}
    tools = [_tool(tool["function"]) for tool in chat.get("tools") or ()]
    return {
        "max_tokens": MOST_TOKENS,
        **{name: value for name, value in chat.items() if name not in _OF_CHAT},
        "messages": messages,
        **({"system": system} if system else {}),
        **({"tools": tools, "tool_choice": _tool_choice(chat)} if tools else {}),
        **_output_config(chat),
    }


def _messages(messages: Any) -> list[Json]:
    """Messages of two roles in turn, all content in blocks."""
    merged: list[Json] = []
    for message in messages:
        role = "assistant" if message["role"] == "assistant" else "user"
        blocks = list(_blocks(message))
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"] += blocks
        elif blocks:
            merged.append({"role": role, "content": blocks})
    return merged


def _blocks(message: Json) -> list[Json]:
    if message["role"] == "tool":
        return [
            {
                "type": "tool_result",
                "tool_use_id": message["tool_call_id"],
                "content": message["content"],
            }
        ]
    blocks = [
        {name: value for name, value in block.items() if name != "index"}
        for block in message.get("thinking_blocks") or ()
    ]
    content = message["content"]
    if isinstance(content, str):
        blocks += [{"type": "text", "text": content}] if content else []
    else:
        blocks += map(_part, content or ())
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = from_json(function["arguments"])
        blocks.append(
            {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}
        )
    return blocks


def _part(part: Json) -> Json:
    if part["type"] == "text":
        return part
    if part["type"] == "image_url":
        return {"type": "image", "source": _source(part["image_url"]["url"])}
    if part["type"] == "file" and part["file"].get("file_data"):
        return {"type": "document", "source": _source(part["file"]["file_data"])}
    raise CannotSay(f"content of the type {part['type']!r}")


def _source(url: str) -> Json:
    inside = _DATA_URL.fullmatch(url)
    if inside is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": inside[1], "data": inside[2]}


def _tool(function: Json) -> Json:
    tool: Json = {name: value for name, value in function.items() if name != "parameters"}
    return {**tool, "input_schema": function["parameters"]}


def _tool_choice(chat: Json) -> Json:
    choice = chat.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        named: Json = {"type": "tool", "name": choice["function"]["name"]}
    else:
        named = {"type": _CHOICES[choice]}
    if chat.get("parallel_tool_calls") is False and named["type"] != "none":
        named["disable_parallel_tool_use"] = True
    return named


def _output_config(chat: Json) -> Json:
    config: Json = {}
    wanted = chat.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        config["format"] = {"type": "json_schema", "schema": wanted["json_schema"]["schema"]}
    if "reasoning_effort" in chat:
        config["effort"] = chat["reasoning_effort"]
    return {"output_config": config} if config else {}
