"""What single servers demand of a request beyond the API, learned from their refusals."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ...http.errors import words_of_refusal
from ..refused_streams import REFUSAL as REFUSED_STREAM
from .plain_schemas import plain_schema

if TYPE_CHECKING:
    from ...exceptions import APIStatusError
    from ...http.client import ResponsesClient

Json = dict[str, Any]

UNSIGNED = "skip_thought_signature_validator"
"""Stands for the signature of a call that another model made.

Source: https://ai.google.dev/gemini-api/docs/thought-signatures
"""
_BRIDGE = "I have read it."
"""What the model is taken to have said between a tool's output and the next question."""
_EARLIER = "(What was said before is left out.)"
"""Stands for the beginning of a history that was cut."""
_UNSEEN = "(An image that this model cannot see.)"
"""Stands for an earlier image."""
_NOTHING = "(nothing)"
"""Stands for an output, or what else was said, without a word."""

_logger = logging.getLogger("agents_lite")


@dataclass(frozen=True)
class Demand:
    """One demand."""

    what: str
    """What the log says of it."""
    refusal: tuple[re.Pattern[str], ...]
    """What are all found in the refusal of a request that does not meet it."""
    meet: Callable[[Json], None]
    """Changes a body so that it does; the messages in it may be changed, too."""


def _short_ids(body: Json) -> None:
    """Ids of nine letters and digits, the same for the same id, in place of all others."""
    for message in body["messages"]:
        if "tool_call_id" in message:
            message["tool_call_id"] = _short_id(message["tool_call_id"])
        for call in message.get("tool_calls") or ():
            call["id"] = _short_id(call["id"])


def _short_id(call_id: str) -> str:
    if re.fullmatch("[a-zA-Z0-9]{9}", call_id):
        return call_id
    return sha256(call_id.encode("utf-8", "replace")).hexdigest()[:9]


def _some_reasoning(body: Json) -> None:
    """Reasoning with every message of the model; a space where it came from somewhere else."""
    for message in body["messages"]:
        if message["role"] == "assistant" and not message.get("reasoning_content"):
            message["reasoning_content"] = message.get("reasoning") or " "


def _some_signature(body: Json) -> None:
    """A signature with the first call of every message of the model."""
    for message in body["messages"]:
        for call in (message.get("tool_calls") or ())[:1]:
            call.setdefault("extra_content", {"google": {"thought_signature": UNSIGNED}})


def _answers_to_tools(body: Json) -> None:
    """A word of the model between outputs and what somebody else says."""
    messages: list[Json] = []
    for message in body["messages"]:
        if messages and messages[-1]["role"] == "tool" and message["role"] in ("user", "system"):
            messages.append({"role": "assistant", "content": _BRIDGE})
        messages.append(message)
    body["messages"] = messages


def _roles_in_turn(body: Json) -> None:
    """No two messages of one role in a row, but for outputs; a system message only at first, and
    then the user, also where the history was cut.
    """
    messages: list[Json] = []
    for place, message in enumerate(body["messages"]):
        if message["role"] == "system" and place:
            message["role"] = "user"
        before = messages[-1]["role"] if messages else "system"
        if before == message["role"] != "tool" and messages:
            _join(messages[-1], message)
            continue
        if (before, message["role"]) == ("system", "assistant"):
            messages.append({"role": "user", "content": _EARLIER})
        messages.append(message)
    body["messages"] = messages


def _no_system(body: Json) -> None:
    """What systems say, as said by the user."""
    for message in body["messages"]:
        if message["role"] == "system":
            message["role"] = "user"
    _roles_in_turn(body)


def _join(message: Json, more: Json) -> None:
    for name, value in more.items():
        if name == "content" and isinstance(value, str) and isinstance(message[name], str):
            message[name] += f"\n\n{value}"
        elif name == "content":
            message[name] = [*_parts(message[name]), *_parts(value)] or None
        elif name == "tool_calls":
            message[name] = [*message.get(name, ()), *value]
        else:
            message.setdefault(name, value)


def _parts(content: Any) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content or []


def _text_beside_calls(body: Json) -> None:
    for message in body["messages"]:
        if message["content"] is None:
            message["content"] = ""


def _no_text_beside_calls(body: Json) -> None:
    for message in body["messages"]:
        if message.get("tool_calls"):
            message["content"] = None


def _nothing_blank(body: Json) -> None:
    """No text without a word: a message of the model goes, for any other there is one."""
    messages: list[Json] = []
    for message in body["messages"]:
        parts = [part for part in _parts(message["content"]) if not _is_blank(part)]
        if not parts and message["role"] == "assistant":
            if not message.get("tool_calls"):
                continue
            message["content"] = None
        elif not parts:
            message["content"] = _NOTHING
        elif isinstance(message["content"], list):
            message["content"] = parts
        messages.append(message)
    body["messages"] = messages


def _is_blank(part: Json) -> bool:
    return part.get("type") == "text" and not part["text"].strip()


def _named_outputs(body: Json) -> None:
    """The function's name with each output."""
    names = {
        call["id"]: call["function"]["name"]
        for message in body["messages"]
        for call in message.get("tool_calls") or ()
    }
    for message in body["messages"]:
        if message["role"] == "tool" and message["tool_call_id"] in names:
            message["name"] = names[message["tool_call_id"]]


def _choice_in_a_word(body: Json) -> None:
    """A tool that has to be called as the only one."""
    choice = body.get("tool_choice")
    if isinstance(choice, dict) and "function" in choice:
        name = choice["function"]["name"]
        body["tools"] = [
            {"type": "function", "function": function}
            for function in _functions(body)
            if function["name"] == name
        ]
        body["tool_choice"] = "required"


def _no_reasoning(body: Json) -> None:
    for message in body["messages"]:
        for name in ("reasoning", "reasoning_content", "reasoning_details"):
            message.pop(name, None)


def _no_earlier_images(body: Json) -> None:
    """No images before what was said last: that one is without is for its user to know."""
    said = [place for place, each in enumerate(body["messages"]) if each["role"] == "user"]
    for message in body["messages"][: said[-1] if said else 0]:
        parts = _parts(message["content"])
        if any(part["type"] == "image_url" for part in parts):
            message["content"] = [
                {"type": "text", "text": _UNSEEN} if part["type"] == "image_url" else part
                for part in parts
            ]


def _called_tools(body: Json) -> None:
    """The functions that were called, where none is offered now, as after a handoff."""
    messages = body["messages"]
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    if calls and not body.get("tools"):
        names = dict.fromkeys(call["function"]["name"] for call in calls)
        body["tools"] = [
            {"type": "function", "function": {"name": name, "description": "", "parameters": _ANY}}
            for name in names
        ]
        body["tool_choice"] = "none"


def _plain_schemas(body: Json) -> None:
    """Schemas without all that a server may not know; a tool without parameters has none."""
    _no_strictness(body)
    for function in _functions(body):
        schema = plain_schema(function.pop("parameters", {}))
        if schema.get("properties"):
            function["parameters"] = schema


def _no_open_objects(body: Json) -> None:
    """Objects of any fields as texts: arguments that come as such are taken for what they mean."""
    for function in _functions(body):
        if "parameters" in function:
            function["parameters"] = _closed(function["parameters"], is_root=True)


def _closed(schema: Any, *, is_root: bool = False) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "object" and not schema.get("properties") and not is_root:
        told = " ".join(filter(None, [schema.get("description"), "JSON of an object, as text."]))
        return {"type": "string", "description": told}
    return {name: _closed(each) for name, each in schema.items()}


def _functions(body: Json) -> list[Json]:
    """The functions that are offered; an `extra_body` may name tools of the server."""
    return [tool["function"] for tool in body.get("tools") or () if "function" in tool]


def _newer_limit(body: Json) -> None:
    if "max_tokens" in body:
        body["max_completion_tokens"] = body.pop("max_tokens")


def _older_limit(body: Json) -> None:
    if "max_completion_tokens" in body:
        body["max_tokens"] = body.pop("max_completion_tokens")


def _a_stream(body: Json) -> None:
    """A stream, though nobody reads it before its end."""
    if not body.get("stream"):
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}


def _no_stream(body: Json) -> None:
    body["stream"] = False
    _no_stream_options(body)


def _no_stream_options(body: Json) -> None:
    body.pop("stream_options", None)


def _no_strictness(body: Json) -> None:
    for function in _functions(body):
        function.pop("strict", None)


def _thinking_throughout(body: Json) -> None:
    """No thinking while calls are answered that were made without, as before a handoff."""
    of_model = [message for message in body["messages"] if message["role"] == "assistant"]
    last: Json = of_model[-1] if of_model else {}
    if "tool_calls" in last and not last.get("thinking_blocks"):
        body.pop("thinking", None)


def _no_thought_unasked(body: Json) -> None:
    """Nothing of what was thought for a request that does not ask for thinking."""
    if (body.get("thinking") or {}).get("type") in (None, "disabled"):
        for message in body["messages"]:
            message.pop("thinking_blocks", None)


def _no_thinking_about_a_choice(body: Json) -> None:
    """No thinking while a tool has to be called; it is again thought about the next request."""
    if body.get("tool_choice") not in (None, "auto", "none"):
        body["thinking"] = {"type": "disabled"}


def _no_qwen_thinking_about_a_choice(body: Json) -> None:
    """The same in Qwen's words."""
    if body.get("tool_choice") not in (None, "auto", "none"):
        body["enable_thinking"] = False


_ANY: Json = {"type": "object", "properties": {}}
_BEYOND_STRICTNESS = (
    r"tools\.\d+\.custom.{0,99}not supported|too complex for compilation|grammar is too large"
    r"|too many (?:strict|optional)|number of strict tools"
)
_UNKNOWN = r"extra|unknown|unrecogni|unsupported|not support|not permitted|not allowed"
_GRAMMAR = r"pattern must start with|schema conversion|pars\w+ grammar|unsupported json schema"
"""Refusals by llama.cpp and Cerebras, which do not say whose schema is meant, or name another."""
_KEYWORDS = (
    rf"\A(?=.*(?:{_UNKNOWN})).*additionalProperties|unknown name \S+ at .?tools\["
    r"|tools\[.{0,200}(?:only .{0,60}STRING|missing field|non-empty for OBJ)|alongside any_of"
    rf"|{_GRAMMAR}"
)
"""Refusals of keywords of schemas, by Gemini, too."""


def _demand(what: str, refusal: str | tuple[str, ...], meet: Callable[[Json], None]) -> Demand:
    found = (refusal,) if isinstance(refusal, str) else refusal
    return Demand(what, tuple(re.compile(each, re.IGNORECASE | re.DOTALL) for each in found), meet)


DEMANDS = (
    _demand(
        "ids of calls that have nine letters and digits",
        (r"(?:call|use)s?.{0,12}\bid", r"length of 9|too long|max.{0,5}length|pattern"),
        _short_ids,
    ),
    _demand(
        "reasoning_content with all that the model said",
        r"reasoning_content.*(?:missing|must|required|passed back)|missing.*reasoning_content",
        _some_reasoning,
    ),
    _demand("signatures of calls", r"missing.*thought_?signature", _some_signature),
    _demand(
        "an answer to each output",
        r"unexpected role.*after role.*tool|tool result blocks cannot be.{0,20}same turn",
        _answers_to_tools,
    ),
    _demand(
        "roles in turn",
        r"(?:must|should) (?:be )?alternat|system message must be (?:at the beginning|the first)"
        r"|start with a user|first message must use the .user|call turn comes immediately after"
        r"|unexpected role .?system.? after role",
        _roles_in_turn,
    ),
    _demand(
        "no system messages",
        r"system role (?:is )?not supported|invalid message role: system"
        r"|developer instruction is not enabled",
        _no_system,
    ),
    _demand(
        "the tools of earlier calls",
        r"toolConfig.{0,40}must be defined|must define tools|.tools=.? param",
        _called_tools,
    ),
    _demand(
        "calls without a text",
        r"content or tool_calls,? but not both|tool use blocks cannot be.{0,20}same turn",
        _no_text_beside_calls,
    ),
    _demand(
        "no reasoning", (_UNKNOWN, r"\breasoning(?:_content|_details)?\b"), _no_reasoning
    ),
    _demand(
        "a text beside calls",
        r"(?<!reasoning_)content.{0,80}(?:null|none|nil|required|missing|valid string|a string)"
        r"|at least one content element|missing field .content|untagged enum MessageContent",
        _text_beside_calls,
    ),
    _demand(
        "the limit as max_completion_tokens",
        (r"\A(?!.*is too large).*\bmax_tokens\b", "max_completion_tokens"),
        _newer_limit,
    ),
    _demand(
        "the limit as max_tokens",
        (_UNKNOWN, r"\A(?!.*\bmax_tokens\b).*max_completion_tokens"),
        _older_limit,
    ),
    _demand(
        "no blank texts",
        r"\bis blank\b|must not be empty|non-whitespace|non-?empty|content field.{0,60}is empty"
        r"|.content. field that is not empty",
        _nothing_blank,
    ),
    _demand("names with outputs", r"function_?response\.name", _named_outputs),
    _demand(
        "no thinking where a tool has to be called, in Qwen's words",
        r"tool_choice.{0,80}in thinking mode",
        _no_qwen_thinking_about_a_choice,
    ),
    _demand(
        "no thinking where a tool has to be called",
        r"thinking (?:mode|may).{0,60}tool_choice|tool_choice.{0,60}incompatible with thinking",
        _no_thinking_about_a_choice,
    ),
    _demand("tool_choice in a word", r"tool_choice type: .?object", _choice_in_a_word),
    _demand(
        "streams",
        r"non-streaming calls|非流式|only supports? stream|thinking.{0,40}stream=false",
        _a_stream,
    ),
    _demand("no streams", REFUSED_STREAM, _no_stream),
    _demand("no stream_options", (_UNKNOWN, "stream_options"), _no_stream_options),
    _demand(
        "thinking with calls whose outputs are read, or none",
        r"expected .?thinking.{0,30}but found",
        _thinking_throughout,
    ),
    _demand(
        "nothing of what was thought where thinking is not asked for",
        r"thinking is disabled.{0,80}cannot contain",
        _no_thought_unasked,
    ),
    _demand("no `strict`", (_UNKNOWN, r"\bstrict\b"), _no_strictness),
    _demand("no `strict` with such tools, or so many", _BEYOND_STRICTNESS, _no_strictness),
    _demand(
        "no earlier images",
        r"unknown variant .?image_url|untagged enum \w+RequestContent"
        r"|support vision|not a multimodal"
        r"|support image(?!s? ?(?:url|format|type|generation|output)|/)"
        r"|support the image (?:field|content)"
        r"|image inputs? (?:is|are) not (?:supported|enabled)|image_url is only supported",
        _no_earlier_images,
    ),
    _demand("no objects of any fields", r"non-empty for OBJ", _no_open_objects),
    _demand("schemas of types, names and choices of texts alone", _KEYWORDS, _plain_schemas),
)
"""In the order in which a refusal is compared with them."""

_learned: WeakKeyDictionary[ResponsesClient, dict[str, list[Demand]]] = WeakKeyDictionary()
"""What servers, by their clients, demand for a model."""


def known_demands(client: ResponsesClient, model: str) -> tuple[Demand, ...]:
    """What the server is known to demand for a model."""
    return tuple(_learned.get(client, {}).get(model, ()))


def meet_demands(body: Json, demands: tuple[Demand, ...]) -> None:
    """Change a body in place, so that it meets what is demanded."""
    if demands:
        body["messages"] = deepcopy(body["messages"])  # those of the next request are made of them
    for demand in demands:
        demand.meet(body)


def learn_demand(
    client: ResponsesClient,
    model: str,
    body: Json,
    met: tuple[Demand, ...],
    refusal: APIStatusError,
) -> bool:
    """Learn from the refusal of a body what the server demands beyond what the body meets.

    Returns:
        Whether there is such a demand.
    """
    text = words_of_refusal(refusal)
    for demand in DEMANDS:
        if demand in met or not all(each.search(text) for each in demand.refusal):
            continue
        changed = deepcopy(body)
        demand.meet(changed)
        if changed != body:
            learned = _learned.setdefault(client, {}).setdefault(model, [])
            if demand not in learned:  # by what was sent at the same time
                learned.append(demand)
                _logger.warning("%s demands for %s: %s", client.base_url, model, demand.what)
            return True
    return False


def may_mean_tools(refusal: APIStatusError) -> bool:
    """Whether a refusal of a schema may mean that of a tool, though it does not say so."""
    return re.search(_GRAMMAR, words_of_refusal(refusal), re.IGNORECASE) is not None
