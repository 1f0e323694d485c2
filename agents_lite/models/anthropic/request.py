"""A chat completion's request as one to the Messages API.

Source: https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

import mimetypes
import re
from base64 import b64decode
from typing import Any

from pydantic_core import from_json

from ..chat.limits import CannotSay

Json = dict[str, Any]

MOST_TOKENS = 8192
"""Tokens that an answer may have where nothing else was said: the API wants to be told."""
_OF_CHAT = {
    "messages",
    "max_completion_tokens",
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
_EFFORTS = {"none": None, "minimal": "low"}
"""Efforts that are not known here, and what comes nearest."""
_CACHED = {"cache_control": {"type": "ephemeral"}}
_DATA_URL = re.compile(r"data:([^;,]+)(?:;[^;,]*)*;base64,(.*)", re.DOTALL | re.IGNORECASE)
_MEDIA_TYPES = {"image/jpg": "image/jpeg"}
"""Wrong names of media types, and the right ones."""
_PDF = "application/pdf"


def messages_request(chat: Json, *, cache_prompt: bool) -> Json:
    """The request to the Messages API that a chat completion's request amounts to.

    Args:
        chat: The body for Chat Completions; fields that are not known pass through.
        cache_prompt: Whether to mark instructions and conversation as worth caching.

    Raises:
        CannotSay: The content has parts that the API does not take.
    """
    told = [_blocks(message) for message in chat["messages"] if message["role"] == "system"]
    system = sum(told, [])
    messages = _messages(message for message in chat["messages"] if message["role"] != "system")
    if cache_prompt:
        for blocks in (system, messages[-1]["content"] if messages else []):
            if blocks and "thinking" not in blocks[-1]["type"]:  # which cannot be marked
                blocks[-1] = {**blocks[-1], **_CACHED}
    tools = [_tool(tool) for tool in chat.get("tools") or ()]
    return {
        "max_tokens": chat.get("max_completion_tokens", MOST_TOKENS + _thinking_budget(chat)),
        **{name: value for name, value in chat.items() if name not in _OF_CHAT},
        "messages": messages,
        **({"system": system} if system else {}),
        **({"tools": tools, "tool_choice": _tool_choice(chat)} if tools else {}),
        **_output_config(chat),
    }


def gone_on_with(body: Json, said: list[Json], container: Any) -> Json:
    """A request with what the model has said to it so far, in its container, if it has one.

    It has used a tool by then, and is not held to use one again.
    """
    body = {**body, "messages": [*body["messages"], {"role": "assistant", "content": said}]}
    choice = body.get("tool_choice") or {}
    if choice.get("type") in ("any", "tool"):
        kept = {name: value for name, value in choice.items() if name != "name"}
        body["tool_choice"] = {**kept, "type": "auto"}
    if isinstance(container, dict) and container.get("id"):
        asked, name = body.get("container"), container["id"]
        body["container"] = {**asked, "id": name} if isinstance(asked, dict) else name
    return body


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
    if merged and merged[-1]["role"] == "assistant":
        merged[-1]["content"][-1] = _without_end(merged[-1]["content"][-1])
    return merged


def _is_blank(text: Any) -> bool:
    """Whether it is a text that the API refuses: one of nothing but blanks."""
    return isinstance(text, str) and not text.strip()


def _without_end(block: Json) -> Json:
    """The block that the model is to go on from, which the API takes without blanks at its end."""
    return {**block, "text": block["text"].rstrip()} if block["type"] == "text" else block


def _thinking_budget(chat: Json) -> int:
    """Tokens of thinking that were asked for; those of an answer come on top of them."""
    thinking = chat.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    return budget if isinstance(budget, int) else 0


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
        content = [{"type": "text", "text": content}]
    for part in content or ():
        try:
            mark = _CACHED if part.get("prompt_cache_breakpoint") else {}
            blocks += [] if _is_blank(part.get("text")) else [_part(part) | mark]
        except (KeyError, TypeError) as error:
            raise CannotSay(f"such content: {part!r}"[:300]) from error
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = from_json(function["arguments"])
        blocks.append(
            {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}
        )
    return blocks


def _part(part: Json) -> Json:
    if part["type"] == "text":
        return {"type": "text", "text": part["text"]}
    if part["type"] == "image_url":
        return {"type": "image", "source": _source(part["image_url"]["url"])}
    if part["type"] == "file" and part["file"].get("file_data"):
        return {"type": "document", "source": _document(part["file"])}
    raise CannotSay(f"content of the type {part['type']!r}")


def _source(url: str) -> Json:
    inside = _DATA_URL.fullmatch(url)
    if inside is None:
        return {"type": "url", "url": url}
    kind = inside[1].lower()
    return {"type": "base64", "media_type": _MEDIA_TYPES.get(kind, kind), "data": inside[2]}


def _document(file: Json) -> Json:
    """A file's source: only PDF goes in base64, what is text as text."""
    data = file["file_data"]
    if ":" not in data:  # not the data: URL that it should be, but what stands in one
        kind = mimetypes.guess_type(file.get("filename") or "")[0] or _PDF
        data = f"data:{kind};base64,{data}"
    source = _source(data)
    if source.get("media_type", _PDF) == _PDF:
        return source
    try:
        text = b64decode(source["data"]).decode()
    except ValueError:
        return source
    return {"type": "text", "media_type": "text/plain", "data": text}


def _tool(tool: Json) -> Json:
    function = tool.get("function")
    if function is None:  # one of the server's own, in an extra_body
        return tool
    named: Json = {name: value for name, value in function.items() if name != "parameters"}
    return {**named, "input_schema": function.get("parameters", {"type": "object"})}


def _tool_choice(chat: Json) -> Json:
    choice = chat.get("tool_choice") or "auto"
    if not isinstance(choice, dict):
        named: Json = {"type": _CHOICES.get(choice, choice)}
    elif "function" in choice:
        named = {"type": "tool", "name": choice["function"]["name"]}
    else:
        named = dict(choice)
    if chat.get("parallel_tool_calls") is False and named["type"] != "none":
        named["disable_parallel_tool_use"] = True
    return named


def _output_config(chat: Json) -> Json:
    config: Json = {}
    wanted = chat.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        config["format"] = {"type": "json_schema", "schema": wanted["json_schema"]["schema"]}
    wanted_effort = chat.get("reasoning_effort", "none")
    effort = _EFFORTS.get(wanted_effort, wanted_effort)
    if effort is not None:
        config["effort"] = effort
    return {"output_config": config} if config else {}
