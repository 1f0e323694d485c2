"""Input items of the Responses API as messages of the Chat Completions API.

Source: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from operator import is_
from typing import Any, Literal
from weakref import WeakKeyDictionary

from pydantic_core import from_json, to_json

from ...concurrency.cancellation import Cancellation
from ...http.repeated import RepeatedList, Written
from ...shown import escaped
from ..replayed_reasoning import REPLAYED
from .limits import CannotSay

Json = dict[str, Any]

_SIDE_BY_SIDE = "Images and files that the tool gave:"

_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_OWN_PARTS = ("image_url", "file", "input_audio")
"""Parts that are those of this API already."""
_ELSEWHERE = ("compaction", "compaction_summary", "item_reference")
"""Items that stand for what was said, in a way that only the server that gave them can read."""

_logger = logging.getLogger("agents_lite")


def messages_of(
    items: Sequence[Json],
    instructions: str | None,
    host: str,
    replay_reasoning: Literal["auto"] | bool,
    run: Cancellation | None = None,
) -> list[Json]:
    """The messages for some input items, as servers of every kind accept them.

    Instructions and developer messages become `system` messages, since few servers know another
    role for them, and content that is all text becomes a string, since some know no lists.

    Args:
        items: Calls with their outputs, and reasoning before what it led to, as `mend_history`
            leaves them. What a server did by itself, such as a web search, is left out.
        instructions: The agent's instructions, or None.
        host: The server.
        replay_reasoning: Whether reasoning is sent back. "auto": to the server it came from.
        run: What stops the run of this request; what its requests before it held, item for item,
            is not converted again. None: it is for itself.

    Raises:
        CannotSay: An image or file is named in a way that the API does not know, an item lacks
            what it is made of, or stands for what was said elsewhere.
    """
    conversation = None if run is None else _begun.pop(run, None)
    if conversation is None or not conversation.goes_on(items, host, replay_reasoning):
        conversation = _Conversation(host, replay_reasoning)
    conversation.take(items)
    if run is not None:
        _begun[run] = conversation
    system = [{"role": "system", "content": instructions}] if instructions else []
    return conversation.finish(system)


class _Conversation:
    """Messages so far. Each message with calls is followed by all of their outputs at once."""

    def __init__(self, host: str, replay_reasoning: Literal["auto"] | bool) -> None:
        self._host = host
        self._replay_reasoning = replay_reasoning
        self._items: list[Json] = []
        self._messages: list[Json] = []
        self._turn: Json | None = None
        """The model's message that further items of the same answer are added to."""
        self._unanswered: list[str] = []
        """Ids of the calls in `_turn` whose outputs have not come yet."""
        self._held: list[Json] = []
        """Messages that have to wait until all outputs are there."""
        self._reasoning: Json = {}
        """Fields to send back with the next message of the model."""
        self._signed: dict[str, Json] = {}
        """Fields to send back with its calls, by their ids."""
        self._left_out: set[str] = set()
        self._whole = 0
        """How many messages nothing is added to any more."""
        self._written = Written()
        """Their JSON, as far as it was sent."""

    def goes_on(
        self, items: Sequence[Json], host: str, replay_reasoning: Literal["auto"] | bool
    ) -> bool:
        """Whether items begin with those taken so far."""
        known = self._items
        is_same = self._host == host and self._replay_reasoning == replay_reasoning
        return is_same and len(known) <= len(items) and all(map(is_, known, items))

    def take(self, items: Sequence[Json]) -> None:
        """Take in what is new of items that begin with those taken so far."""
        for item in items[len(self._items) :]:
            try:
                self._add(item)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                raise CannotSay(f"such an item: {item!r}"[:300]) from error
        self._items = list(items)

    def finish(self, system: list[Json]) -> list[Json]:
        """The messages behind those of the system, for a request with these items."""
        if self._left_out:
            _logger.info(
                "Not sent, as Chat Completions cannot say it: %s",
                escaped(", ".join(sorted(self._left_out))),
            )
        messages = self._messages
        if self._turn is None:
            self._whole = len(messages)
        rest = [*messages[self._whole :], *self._held]
        return RepeatedList(system, messages[: self._whole], rest, self._written)

    def _add(self, item: Json) -> None:
        kind = item.get("type") or "message"
        if kind == "function_call":
            self._add_call(item, item["call_id"])
        elif kind == "function_call_output":
            self._add_output(item["call_id"], item["output"])
        elif kind == "message":
            self._add_message(item, item["role"])
        elif kind == "reasoning":
            self._add_reasoning(item)
        elif kind in _ELSEWHERE:
            raise CannotSay(f"an item of the type {kind}: what it stands for is at another server")
        else:
            self._left_out.add(kind)

    def _add_message(self, item: Json, role: str) -> None:
        if role not in _ROLES or item.get("tool_calls"):
            raise CannotSay(
                f"a message such as {item!r}: calls and their outputs are items of their own, of "
                "the types function_call and function_call_output"[:400]
            )
        if role == "assistant":
            self._add_text(item["content"])
        else:
            self._say({"role": _ROLES[role], "content": _content(item["content"])})

    def _say(self, message: Json) -> None:
        if self._unanswered:
            self._held.append(message)
            return
        self._release()
        self._reasoning = {}
        self._messages.append(message)

    def _release(self) -> None:
        """End the model's turn, and say what waited for the outputs."""
        self._turn = None
        self._messages += self._held
        self._held = []

    def _model_message(self) -> Json:
        """The message of the model that what comes next belongs to."""
        if self._turn is None:
            if self._held:
                self._release()
            self._turn = {"role": "assistant", "content": None}
            self._messages.append(self._turn)
        if self._reasoning:
            self._turn |= self._reasoning
            self._reasoning = {}
        return self._turn

    def _add_text(self, content: Any) -> None:
        if not self._unanswered and self._turn is not None and self._turn["content"] is not None:
            self._release()
        parts = [{"text": content}] if isinstance(content, str) else content
        text = "".join([part.get("text") or part.get("refusal") or "" for part in parts])
        if text:  # several servers refuse a message that says nothing
            message = self._model_message()
            message["content"] = (message["content"] or "") + text

    def _add_call(self, item: Json, call_id: str) -> None:
        call: Json = {
            "id": call_id,
            "type": "function",
            "function": {"name": item["name"], "arguments": _arguments(item["arguments"])},
        }
        if call_id in self._signed:
            signed = self._signed[call_id]
            call |= {**signed, "function": {**call["function"], **signed.get("function", {})}}
        message = self._turn
        if message is None or self._reasoning:
            message = self._model_message()
        if "tool_calls" in message:
            message["tool_calls"].append(call)
        else:
            message["tool_calls"] = [call]
        self._unanswered.append(call_id)

    def _add_output(self, call_id: str, output: Any) -> None:
        content = output if type(output) is str else self._text_of(output)
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": content})
        if call_id in self._unanswered:
            self._unanswered.remove(call_id)
        if not self._unanswered:
            self._turn = None

    def _text_of(self, output: Any) -> str:
        """The text of a tool's output; few servers take more, so the rest is held back."""
        content = _content(output)
        if isinstance(content, str):
            return content
        texts = [part["text"] for part in content if part["type"] == "text"]
        others = [part for part in content if part["type"] != "text"]
        self._held.append(
            {"role": "user", "content": [{"type": "text", "text": _SIDE_BY_SIDE}, *others]}
        )
        return "\n".join(texts) or "(see the following message)"

    def _add_reasoning(self, item: Json) -> None:
        replayed = item.get(REPLAYED)
        if not self._unanswered and not (replayed and replayed.get("is_late")):
            self._release()
        if not replayed or not self._replays(replayed["host"]):
            replayed = {"message": {}, "calls": {}}
        self._reasoning, self._signed = replayed["message"], replayed["calls"]

    def _replays(self, origin: str) -> bool:
        """Whether the reasoning that came from a host is sent back."""
        return origin == self._host if self._replay_reasoning == "auto" else self._replay_reasoning


_begun: WeakKeyDictionary[Cancellation, _Conversation] = WeakKeyDictionary()
"""What was said in each run, by what stops it."""


def _content(content: Any) -> str | list[Json]:
    """Content of the Responses API as that of a message; a string where it is all text."""
    if isinstance(content, str):
        return content
    parts = [_part(part) | _mark_of(part) for part in content]
    if all(part.keys() == {"type", "text"} for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _part(part: Json) -> Json:
    kind = part["type"]
    if kind in ("input_text", "output_text", "text", "refusal"):
        return {"type": "text", "text": part.get("text") or part.get("refusal") or ""}
    if kind == "input_image":
        if not part.get("image_url"):
            raise CannotSay("an image by file_id; give its image_url, which may be a data: URL")
        detail = part.get("detail")
        image = {
            "url": part["image_url"],
            "detail": "high" if detail == "original" else detail,  # the most there is here
        }
        return {"type": "image_url", "image_url": _without_none(image)}
    if kind == "input_file":
        if part.get("file_url"):
            raise CannotSay("a file by file_url; give its content as file_data")
        names = ("file_id", "file_data", "filename")
        return {"type": "file", "file": _without_none({name: part.get(name) for name in names})}
    if kind in _OWN_PARTS:
        own = part[kind]
        is_address = kind == "image_url" and isinstance(own, str)
        return {"type": kind, kind: {"url": own} if is_address else own}
    raise CannotSay(f"content of the type {kind!r}")


def _mark_of(part: Json) -> Json:
    """The mark for the prompt cache that a part bears."""
    name = "prompt_cache_breakpoint"
    return {name: part[name]} if part.get(name) else {}


def _arguments(text: str) -> str:
    """A call's arguments as text that is JSON of an object: servers parse it.

    What the model got wrong is kept as the value of a field, since it is answered by an error.
    """
    try:
        if type(from_json(text or "{}")) is dict:
            return text or "{}"
    except ValueError:
        pass
    except TypeError:  # halves of characters
        return _arguments(text.encode("utf-8", "replace").decode())
    return to_json({"invalid": text}).decode()


def _without_none(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
