"""The checks with which the Responses API refuses a request, in its own words where known.

Only what a client library can get wrong is checked; limits that differ between models are not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from itertools import zip_longest
from typing import Any

from ..local_server.messages import HTTPReply, json_reply
from ..schema.acceptance import find_complaints
from ..shown import repr_of

Json = dict[str, Any]

_PARAMETERS = set(
    "background context_management conversation include input instructions max_output_tokens "
    "max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt "
    "prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier "
    "service_tier store stream stream_options temperature text tool_choice tools top_logprobs "
    "top_p truncation user".split()
)
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(
        ("background", "parallel_tool_calls", "store", "stream"), ((bool,), "a boolean")
    ),
    **dict.fromkeys(
        ("model", "instructions", "previous_response_id", "truncation", "service_tier"),
        ((str,), "a string"),
    ),
    **dict.fromkeys(
        ("metadata", "prompt", "reasoning", "stream_options", "text"), ((dict,), "an object")
    ),
    **dict.fromkeys(("max_output_tokens", "top_logprobs"), ((int,), "an integer")),
    **dict.fromkeys(
        ("conversation", "tool_choice"), ((str, dict), "one of a string or an object")
    ),
    "include": ((list,), "an array of strings"),
    "tools": ((list,), "an array of objects"),
}
"""Parameters that are read here or are easily mistaken, with what they may be beside null."""
_RANGES = {"temperature": (0, 2), "top_p": (0, 1)}
_ROLES = ("user", "assistant", "system", "developer")
_ITEM_FIELDS = {
    "function_call": set(
        "type id call_id name arguments status namespace async caller".split()
    ),
    "function_call_output": set(
        "type id call_id name output status namespace caller".split()
    ),
}
_LONGEST_CALL_ID = 64
_REQUIRED_ITEM_FIELDS = {
    "function_call": ("call_id", "name", "arguments"),
    "function_call_output": ("call_id", "output"),
    "mcp_approval_request": ("id",),
    "mcp_approval_response": ("approval_request_id", "approve"),
}
_CALLS = ("function_call", "custom_tool_call", "computer_call")
_TOOL_CHOICES = ("auto", "required", "none")


class RequestRejected(Exception):
    """The request is refused.

    Attributes:
        reply: The error as the API answers it.
    """

    def __init__(
        self, message: str, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        error = {
            "message": message,
            "type": "invalid_request_error",
            "param": param,
            "code": code,
        }
        self.reply: HTTPReply = json_reply({"error": error}, status)


def check_parameters(body: Any, models: Collection[str] | None) -> None:
    """Refuse a body whose parameters, tools, tool choice or output format are not acceptable.

    Args:
        body: The parsed request body.
        models: The models there are; None takes any name.
    """
    if not isinstance(body, dict):
        raise RequestRejected("We could not parse the JSON body of your request.")
    for name in body:
        if name not in _PARAMETERS:
            raise RequestRejected(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for name, (kinds, wanted) in _KINDS.items():
        if body.get(name) is not None:
            _check_kind(body[name], kinds, wanted, name)
    if body.get("model") is not None or body.get("prompt") is None:  # a prompt has a model
        _check_model(body.get("model"), models)
    if not any(body.get(name) for name in ("previous_response_id", "prompt", "conversation")):
        require(body, "input")
    for name, (least, most) in _RANGES.items():
        _check_range(name, body.get(name), least, most)
    tools = body.get("tools") or []
    for index, tool in enumerate(tools):
        _check_tool(tool, f"tools[{index}]")
    _check_unique_names(tools)
    _check_tool_choice(body.get("tool_choice"), tools)
    text_format = (body.get("text") or {}).get("format") or {}
    if text_format.get("type") == "json_schema":
        _check_output_format(text_format)


def check_items(new_items: Any, history: list[Json]) -> None:
    """Refuse input items that are malformed, or that lack their counterpart.

    Args:
        new_items: The request's `input`, if it is not a string.
        history: The items that the server keeps from earlier responses.
    """
    _check_kind(new_items, (list,), "one of an array or string", "input")
    for index, item in enumerate(new_items):
        _check_item(item, f"input[{index}]")
    items = history + new_items
    _check_ids(items)
    _check_outputs(items)
    _check_reasoning(items)


def _check_model(model: Any, models: Collection[str] | None) -> None:
    if not model:
        raise RequestRejected(
            "Missing required parameter: 'model'.", "model", "missing_required_parameter"
        )
    if models is not None and model not in models:
        raise RequestRejected(
            f"The requested model '{model}' does not exist.", "model", "model_not_found"
        )


def require(holder: Json, name: str, place: str = "") -> None:
    """Refuse an object that lacks a field; `place` is the path to it, such as "tools[0]."."""
    if holder.get(name) is None:
        raise RequestRejected(
            f"Missing required parameter: '{place}{name}'.",
            f"{place}{name}",
            "missing_required_parameter",
        )


def _check_kind(value: Any, kinds: tuple[type, ...], wanted: str, param: str) -> None:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise RequestRejected(
            f"Invalid type for '{param}': expected {wanted}, but got {_type_name(value)} instead.",
            param,
            "invalid_type",
        )


def _check_range(name: str, value: Any, least: float, most: float) -> None:
    if value is None or (is_number := isinstance(value, int | float)) and least <= value <= most:
        return
    if not is_number:
        raise RequestRejected(
            f"Invalid type for '{name}': expected a decimal, but got {repr_of(value)} instead.",
            name,
            "invalid_type",
        )
    side, sign, bound = ("below_min", ">=", least) if value < least else ("above_max", "<=", most)
    raise RequestRejected(
        f"Invalid '{name}': decimal {side.replace('_', ' ')}imum value. "
        f"Expected a value {sign} {bound}, but got {value} instead.",
        name,
        f"decimal_{side}_value",
    )


def _check_tool(tool: Json, place: str) -> None:
    _check_kind(tool, (dict,), "an object", place)
    require(tool, "type", f"{place}.")
    if tool["type"] != "function":
        return
    require(tool, "name", f"{place}.")
    _check_kind(tool["name"], (str,), "a string", f"{place}.name")
    name = tool["name"]
    if len(name) > 64:
        raise RequestRejected(
            f"Invalid '{place}.name': string too long. Expected a string with maximum length 64, "
            f"but got a string with length {len(name)} instead.",
            f"{place}.name",
            "string_above_max_length",
        )
    if not re.fullmatch(r"[a-zA-Z0-9_-]+", name):
        raise RequestRejected(
            f"Invalid '{place}.name': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
            f"{place}.name",
            "invalid_value",
        )
    if tool.get("strict"):
        _check_strict(
            tool.get("parameters"),
            f"Invalid schema for function '{name}'",
            f"{place}.parameters",
            "invalid_function_parameters",
        )


def _check_unique_names(tools: list[Json]) -> None:
    counts = Counter(tool["name"] for tool in tools if tool["type"] == "function")
    for name, count in counts.items():
        if count > 1:
            raise RequestRejected(f"Duplicate function name in tools: '{name}'.", "tools")


def _check_tool_choice(choice: Any, tools: list[Json]) -> None:
    if choice is None or choice in ("auto", "none"):
        return
    if not tools:
        raise RequestRejected(
            "Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice"
        )
    if isinstance(choice, str):
        if choice not in _TOOL_CHOICES:
            raise RequestRejected(
                f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
                "tool_choice",
                "invalid_value",
            )
    elif choice.get("type") == "function":
        if choice.get("name") not in [tool.get("name") for tool in tools]:
            raise RequestRejected(
                "Tool choice 'function' not found in 'tools' parameter.", "tool_choice"
            )


def _check_output_format(text_format: Json) -> None:
    for name in ("name", "schema"):
        require(text_format, name, "text.format.")
    if text_format.get("strict"):
        _check_strict(
            text_format["schema"],
            f"Invalid schema for response_format '{text_format['name']}'",
            "text.format.schema",
            "invalid_json_schema",
        )


def _check_strict(schema: Any, what: str, param: str, code: str) -> None:
    for path, words in find_complaints(schema):
        where = "" if path is None else f"In context={path}, "
        raise RequestRejected(f"{what}: {where}{words}", param, code)


def _check_item(item: Any, place: str) -> None:
    _check_kind(item, (dict,), "an object", place)
    _check_kind(item.get("type") or "", (str,), "a string", f"{place}.type")
    kind = item.get("type") or ("message" if "role" in item else None)
    if kind is None:
        raise RequestRejected(f"Invalid value: '' at '{place}.type'.", place, "invalid_value")
    if kind == "message":
        _check_message(item, place)
    for name in _REQUIRED_ITEM_FIELDS.get(kind, ()):
        require(item, name, f"{place}.")
    for name in ("id", "call_id", "name", "arguments") if kind in _ITEM_FIELDS else ():
        if item.get(name) is not None:
            _check_kind(item[name], (str,), "a string", f"{place}.{name}")
    call_id = item.get("call_id")
    if isinstance(call_id, str) and len(call_id) > _LONGEST_CALL_ID:
        raise RequestRejected(
            f"Invalid '{place}.call_id': string too long. Expected a string with maximum length "
            f"{_LONGEST_CALL_ID}, but got a string with length {len(call_id)} instead.",
            f"{place}.call_id",
            "string_above_max_length",
        )
    for name in item if kind in _ITEM_FIELDS else ():
        if name not in _ITEM_FIELDS[kind]:
            raise RequestRejected(
                f"Unknown parameter: '{place}.{name}'.", f"{place}.{name}", "unknown_parameter"
            )
    if kind == "function_call_output" and not isinstance(item["output"], (str, list)):
        raise RequestRejected(
            f"Invalid type for '{place}.output': expected one of an array of objects or string, "
            f"but got {_type_name(item['output'])} instead.",
            f"{place}.output",
            "invalid_type",
        )


_PARTS_OF_CHAT = ("text", "image_url", "file")
"""Parts that only the other API knows, by these names."""


def _check_message(message: Json, place: str) -> None:
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise RequestRejected(
            f"Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', "
            "and 'user'.",
            f"{place}.role",
            "invalid_value",
        )
    wanted = "one of an array of objects or string"
    _check_kind(content, (str, list), wanted, f"{place}.content")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        _check_kind(part, (dict,), "an object", f"{place}.content[{index}]")
        kind = part.get("type", "")
        is_of_model = kind in ("output_text", "refusal")
        if (role == "assistant") != is_of_model or kind in _PARTS_OF_CHAT:
            wanted = "'output_text' and 'refusal'" if role == "assistant" else "'input_text', ..."
            raise RequestRejected(
                f"Invalid value: '{kind}'. Supported values are: {wanted}.",
                f"{place}.content[{index}]",
                "invalid_value",
            )


def _check_ids(items: list[Json]) -> None:
    """No item stands there twice, whether as it is or by its id."""
    ids = Counter(item["id"] for item in items if item.get("id"))
    for name, count in ids.items():
        if count > 1:
            raise RequestRejected(
                f"Duplicate item found with id {name}. Remove duplicate items from your input and "
                "try again.",
                "input",
            )


def _check_outputs(items: list[Json]) -> None:
    """Each call is answered, each answer has its call before it, and each question its decision."""
    asked = [item["id"] for item in items if item.get("type") == "mcp_approval_request"]
    answers = [item for item in items if item.get("type") == "mcp_approval_response"]
    if undecided := set(asked) - {answer["approval_request_id"] for answer in answers}:
        named = ", ".join(sorted(undecided))
        raise RequestRejected(
            f"The following MCP approval requests do not have an approval: {named}", "input"
        )
    unanswered: dict[str, str] = {}
    called = set()
    for item in items:
        kind, call_id = item.get("type") or "message", item.get("call_id", "")
        if kind in _CALLS:
            unanswered[call_id] = kind
            called.add(call_id)
        elif kind.endswith("_output") and kind.removesuffix("_output") in _CALLS:
            if call_id not in called:
                what = kind.replace("_", " ")
                raise RequestRejected(
                    f"No tool call found for {what} with call_id {call_id}.", "input"
                )
            unanswered.pop(call_id, None)
    for call_id, kind in unanswered.items():
        raise RequestRejected(
            f"No tool output found for {kind.replace('_', ' ')} {call_id}.", "input"
        )


def _check_reasoning(items: list[Json]) -> None:
    """What the model did after reasoning follows each reasoning item."""
    for item, follower in zip_longest(items, items[1:]):
        if item.get("type") != "reasoning":
            continue
        if follower is None or not _is_model_made(follower):
            raise RequestRejected(
                f"Item '{item.get('id')}' of type 'reasoning' was provided without its required "
                "following item.",
                "input",
            )


def _is_model_made(item: Json) -> bool:
    return item.get("role", "assistant") == "assistant" and not str(item.get("type")).endswith(
        "_output"
    )


def _type_name(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", int: "an integer"}
    return names.get(type(value), "null" if value is None else "another type")
