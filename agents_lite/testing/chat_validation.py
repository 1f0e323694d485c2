"""The checks with which the Chat Completions API refuses a request, in its own words where known.

Tools, schemas and ranges are checked as those of the Responses API, once the shape is known.
"""

from __future__ import annotations

from typing import Any

from .validation import Json, RequestRejected, require

_PARAMETERS = set(
    "audio frequency_penalty logit_bias logprobs max_completion_tokens max_tokens messages "
    "metadata modalities model moderation n parallel_tool_calls prediction presence_penalty "
    "prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort "
    "response_format safety_identifier seed service_tier stop store stream stream_options "
    "temperature tool_choice tools top_logprobs top_p user verbosity web_search_options".split()
)
_MESSAGE_FIELDS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    # As DeepSeek has it, `reasoning_content` comes back.
    "assistant": {"role", "content", "name", "refusal", "tool_calls", "reasoning_content"},
    "tool": {"role", "content", "tool_call_id", "name"},
}
_PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
}
_FORMATS = ("text", "json_object", "json_schema")


def check_chat_request(body: Any) -> None:
    """Refuse a body whose messages, tools or output format do not have the API's form."""
    if not isinstance(body, dict):
        raise RequestRejected("We could not parse the JSON body of your request.")
    for name in body:
        if name not in _PARAMETERS:
            raise RequestRejected(f"Unrecognized request argument supplied: {name}", name)
    require(body, "messages")
    if body.get("stream_options") and not body.get("stream"):
        raise RequestRejected(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        )
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not body.get("tools"):
            what = f"'{name}' is only allowed when 'tools' are specified."
            raise RequestRejected(f"Invalid value for '{name}': {what}", name)
    for index, message in enumerate(body["messages"]):
        _check_message(message, f"messages[{index}]")
    _check_outputs(body["messages"])
    for index, tool in enumerate(body.get("tools") or ()):
        require(tool, "type", f"tools[{index}].")
        require(tool, "function", f"tools[{index}].")
    _check_response_format(body)


def _check_message(message: Any, place: str) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in _MESSAGE_FIELDS:
        raise RequestRejected(f"Invalid value: '{role}' at '{place}.role'.", f"{place}.role")
    for name in message:
        if name not in _MESSAGE_FIELDS[role]:
            raise RequestRejected(f"Unknown parameter: '{place}.{name}'.", f"{place}.{name}")
    content, calls = message.get("content"), message.get("tool_calls")
    if calls is not None:
        _check_calls(calls, f"{place}.tool_calls")
    if content is None and not calls:
        raise RequestRejected(
            f"Invalid value for '{place}.content': expected a string, got null.",
            f"{place}.content",
        )
    for index, part in enumerate(content if isinstance(content, list) else ()):
        if part.get("type") not in _PARTS[role]:
            raise RequestRejected(
                f"Invalid value: '{part.get('type')}' at '{place}.content[{index}].type'.",
                f"{place}.content[{index}].type",
            )


def _check_calls(calls: Any, place: str) -> None:
    if not calls:
        raise RequestRejected(f"Invalid '{place}': empty array.", place, "empty_array")
    for index, call in enumerate(calls):
        for name in ("id", "type", "function"):
            require(call, name, f"{place}[{index}].")
        for name in ("name", "arguments"):
            require(call["function"], name, f"{place}[{index}].function.")


def _check_outputs(messages: list[Json]) -> None:
    """The messages right behind calls answer each of them."""
    unanswered: list[str] = []
    for message in [*messages, {"role": "the end"}]:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in unanswered:
                raise RequestRejected(
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'.",
                    "messages",
                )
            unanswered.remove(message["tool_call_id"])
        elif unanswered:
            raise RequestRejected(
                "An assistant message with 'tool_calls' must be followed by tool messages "
                "responding to each 'tool_call_id'. The following tool_call_ids did not have "
                f"response messages: {', '.join(unanswered)}",
                "messages",
            )
        unanswered += [call["id"] for call in message.get("tool_calls") or ()]


def _check_response_format(body: Json) -> None:
    wanted = body.get("response_format")
    if wanted is None:
        return
    kind = wanted.get("type")
    if kind not in _FORMATS:
        raise RequestRejected(
            f"Invalid value: '{kind}'. Supported values are: {', '.join(map(repr, _FORMATS))}.",
            "response_format.type",
        )
    if kind == "json_schema":
        require(wanted, "json_schema", "response_format.")
    if kind == "json_object" and "json" not in str(body["messages"]).lower():
        raise RequestRejected(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
            "type 'json_object'.",
            "messages",
        )
