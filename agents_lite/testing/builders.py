"""Builders for the turns of a scripted model, in the JSON of the Responses API.

Ids that an item leaves out are filled in when it is sent, so one item may serve several turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pydantic_core import to_json

from ..checks import check_kind, check_number
from ..exceptions import UserError
from ..local_server.messages import HTTPReply, json_reply
from ..response_types import json_text
from ..shown import repr_of
from ..tool import fit_for_tool

OutputItem: TypeAlias = dict[str, Any]


@dataclass
class Turn:
    """One answer of a scripted model."""

    output: list[OutputItem]
    usage: dict[str, Any] | None
    """The response's `usage` object; None is sent as null."""
    delay: float | None = None
    """Seconds before the answer begins; None: the delay of the model or server."""
    pause: float = 0.0
    """Seconds between two events of a streamed answer."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Further fields of the response object, such as "id" or "status"."""


ScriptedTurn: TypeAlias = (
    Turn
    | HTTPReply
    | str
    | OutputItem
    | Sequence[str | OutputItem]
    | BaseException
    | type[BaseException]
    | Callable[[Any], "ScriptedTurn"]
)
"""What a script may hold.

A `Turn`; one output item or a list of them, where a string is a message; an error to raise (a
server sends it as an HTTP error); or a function that is given the request and returns any of these.
`HTTPReply` (see `status`) is for servers only.
"""


def text(content: str) -> OutputItem:
    """A message of the model."""
    check_kind(content, str, "text(): content", "a text")
    return _message({"type": "output_text", "text": content, "annotations": []})


def refusal(content: str) -> OutputItem:
    """A message in which the model declines to answer."""
    return _message({"type": "refusal", "refusal": content})


def final(value: Any) -> OutputItem:
    """A structured final output: a message with the JSON of `value` (pydantic models too)."""
    return text(to_json(value).decode())


def call(
    name: str,
    arguments: str | Mapping[str, Any] | None = None,
    /,
    *,
    call_id: str | None = None,
    **named: Any,
) -> OutputItem:
    """A function call: `call("add", a=1, b=2)`.

    Args:
        name: The tool.
        arguments: A mapping to which `named` is added, or raw text, which is sent as it is and
            may be malformed JSON.
        call_id: The call's id; None makes one up.
        named: Arguments by name.
    """
    check_kind(name, str, "call(): name", "a tool's name")
    if not isinstance(arguments, str | Mapping | None):
        shown = repr_of(arguments)
        raise UserError(f"The arguments of a call are a dict or raw text, not {shown}")
    if not isinstance(arguments, str):
        arguments = json_text({**(arguments or {}), **named})
    item = {"type": "function_call", "name": name, "arguments": arguments, "status": "completed"}
    return item if call_id is None else {**item, "call_id": call_id}


def handoff_to(agent_name: str, **arguments: Any) -> OutputItem:
    """A call of the tool that hands over to the agent of that name."""
    check_kind(agent_name, str, "handoff_to(): agent_name", "an agent's name")
    return call(f"transfer_to_{fit_for_tool(agent_name)}", arguments)


def reasoning(summary: str = "", *, encrypted_content: str | None = None) -> OutputItem:
    """A reasoning item, with a summary of one part, or of none if the text is empty."""
    parts = [{"type": "summary_text", "text": summary}] if summary else []
    item: OutputItem = {"type": "reasoning", "summary": parts}
    return item if encrypted_content is None else {**item, "encrypted_content": encrypted_content}


def token_usage(
    input_tokens: int = 10,
    output_tokens: int = 5,
    *,
    cached_tokens: int = 0,
    cache_write_tokens: int = 0,
    cache_write_1h_tokens: int = 0,
    reasoning_tokens: int = 0,
) -> dict[str, Any]:
    """A response's `usage` object. The default is that of every turn which names none."""
    sent = {"cached_tokens": cached_tokens}
    if cache_write_tokens:
        sent["cache_write_tokens"] = cache_write_tokens
    if cache_write_1h_tokens:
        sent["cache_write_1h_tokens"] = cache_write_1h_tokens
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": sent,
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
        "total_tokens": input_tokens + output_tokens,
    }


_DEFAULT_USAGE = token_usage()


def turn(
    *output: str | OutputItem,
    usage: dict[str, Any] | None = _DEFAULT_USAGE,
    delay: float | None = None,
    pause: float = 0.0,
    **fields: Any,
) -> Turn:
    """A turn with more to it than its output items.

    Args:
        output: Output items; a string is a message.
        usage: The response's `usage` object (see `token_usage`); None is sent as null.
        delay: Seconds before the answer begins; None: the delay of the model or server.
        pause: Seconds between two events of a streamed answer.
        fields: Further fields of the response object, such as `id="resp_1"` or
            `status="incomplete", incomplete_details={"reason": "max_output_tokens"}`.
    """
    for item in output:
        if not isinstance(item, str | dict):
            raise UserError(
                f"turn() takes output items one by one, turn(a, b), got {repr_of(item)}"
            )
        if isinstance(item, dict) and "role" in item and "type" not in item:
            raise UserError(
                f"An output item has a type; text(...) makes a message, got {repr_of(item)}"
            )
    for name, seconds in (("delay", delay), ("pause", pause)):
        if seconds is not None:
            check_number(seconds, f"turn(): {name}")
    items = [text(item) if isinstance(item, str) else item for item in output]
    return Turn(items, usage, delay, pause, fields)


def status(
    code: int, error: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
) -> HTTPReply:
    """An HTTP error for a server's script, with `{"error": ...}` as its body."""
    return json_reply({"error": error or {"message": f"Scripted status {code}"}}, code, headers)


def _message(part: dict[str, Any]) -> OutputItem:
    return {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
