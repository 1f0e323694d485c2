"""Answers of the Chat Completions API as events of the Responses API.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, TypeAlias

from ...exceptions import APIConnectionError, APIResponseError
from ...http.assembly import words_of_error
from ...http.streamed_texts import text_of
from ..replayed_reasoning import REPLAYED
from .calls import Calls
from .growing import GrowingCall, GrowingContent, GrowingText, Picture
from .json_text import with_bare_json

Json = dict[str, Any]

_TOO_LONG = "length model_length max_tokens max_output_tokens model_context_window_exceeded"
_FILTERED = (
    "content_filter content_filtered guardrail_intervened sensitive safety recitation blocklist "
    "prohibited_content spii image_safety"
)
_FAILED = (
    "error abort insufficient_system_resource network_error function_call_filter "
    "malformed_function_call unexpected_tool_call pause_turn"
)
_ENDS = {
    **dict.fromkeys(_TOO_LONG.split(), ("incomplete", "max_output_tokens")),
    **dict.fromkeys(_FILTERED.split(), ("incomplete", "content_filter")),
    **dict.fromkeys(_FAILED.split(), ("failed", None)),
}
"""What a `finish_reason` makes of a response, and the reason for it; any other completes it.

Besides OpenAI's: `model_length` of Mistral, `error` of OpenRouter, `abort` of vLLM, `sensitive` and
`network_error` of GLM, `pause_turn` of Anthropic's own tools, what Bedrock's gateways pass on, and
Gemini's, which may be in capitals or stand behind "content_filter: " and "function_call_filter: ".
"""
_GOOD_ENDS = ("stop", "tool_calls", None)
_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text")
_REASONING_LISTS = ("reasoning_details", "thinking_blocks")
"""Reasoning in pieces with signatures: OpenRouter and LiteLLM want them back as they came."""
_SIGNATURES = ("reasoning_opaque", "extra_content")
"""What stands for thoughts in a message: Copilot and Gemini want it back as it came."""
_REASONING = frozenset((*_REASONING_FIELDS, *_REASONING_LISTS, *_SIGNATURES))
_OF_CHOICE = ("finish_reason", "logprobs", "usage", "error")
"""What a choice may tell besides its delta."""
_REST = frozenset(("refusal", "annotations", "images", "audio", "tool_calls", "function_call"))
_USAGE_FIELDS = frozenset(
    (
        "prompt_tokens",
        "prompt_tokens_details",
        "completion_tokens",
        "completion_tokens_details",
        "total_tokens",
    )
)
"""What the Responses API calls by other names, or counts in the same way."""
_CHUNK_FIELDS = frozenset(
    ("id", "object", "created", "model", "choices", "usage", "x_groq", "obfuscation")
)
"""What stands elsewhere in a response; other fields of a chunk, such as citations, are kept."""
_GROWING_FIELDS = ("text", "summary", "thinking", "data", "signature")


_Item: TypeAlias = GrowingContent | GrowingCall | Picture


def chat_events(
    answer: Iterator[Json],
    host: str,
    *,
    several: bool = False,
    streamed: bool = True,
    is_json: bool = False,
) -> Iterator[Json]:
    """An answer as events of the Responses API, the terminal one last.

    Args:
        answer: The chunks of a stream, up to `[DONE]`; or a whole answer.
        host: The server, with which reasoning is marked.
        several: Whether several choices were asked for (`n`): then the first one is followed.
            Otherwise there is one, and its index says nothing, as some servers count upwards.
        streamed: Whether all events are wanted, or the terminal one alone.
        is_json: Whether JSON was asked for: then what stands around it is left out in the end.

    Raises:
        APIConnectionError: The stream broke off, and not behind the answer.
        APIResponseError: It is no chat completion.
    """
    translation = ChatAnswer(host, several=several, streamed=streamed, is_json=is_json)
    try:
        for chunk in answer:
            if streamed and (event := translation.more_text(chunk)) is not None:
                yield event
                continue
            if chunk.get("choices") is None or chunk.get("error"):
                error = _error_in(chunk)
                if error is not None:
                    yield {"type": "error", "error": error}
                    return
            yield from translation.translate(chunk)
    except APIConnectionError:
        if not translation.has_ended:  # `[DONE]` is all that may be missing
            raise
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        raise APIResponseError(f"{host} sent something else than a chat completion") from error
    yield from translation.finish()


class ChatAnswer:
    """One answer: its chunks in, events out, the whole response in the last one.

    All items stay open until the end, since servers go back and forth between them.

    Args:
        host: The server, with which reasoning is marked.
        several: Whether several choices were asked for.
        streamed: Whether events are made before the last one.
        is_json: Whether JSON was asked for.
    """

    def __init__(self, host: str, *, several: bool, streamed: bool, is_json: bool) -> None:
        self._host = host
        self._several = several
        self._streamed = streamed
        self._is_json = is_json
        self._response: Json = {}
        self._index: Any = None
        self._items: list[_Item] = []
        self._contents: dict[str, GrowingContent] = {}
        self._texts: dict[str, GrowingText] = {}
        self._calls = Calls()
        self._reasoning_field: str | None = None
        self._reasoning_lists: dict[str, list[Json]] = {}
        self._signatures: Json = {}
        self._has_thought = False
        self._usage: Json | None = None
        self._finish_reason: str | None = None
        self._facts: Json = {}
        self._error: Any = None
        self._events: list[Json] = []
        self._count = 0
        self._said: GrowingText | None = None
        """What the last chunk said some more of."""
        self._like_last: tuple[list[Json], Json, str, list[str], Json] | None = None
        """Its choices, if they say nothing else; the delta in there, the field, the pieces of that
        text, and the event."""

    def more_text(self, chunk: Json) -> Json | None:
        """The event for a chunk that is like the last one but for its text, as thousands are."""
        if self._like_last is None:
            return None
        last_choices, last_delta, name, pieces, event = self._like_last
        try:
            choices = chunk["choices"]
            text = last_delta[name] = choices[0]["delta"][name]
        except (LookupError, TypeError):
            return None
        if choices != last_choices or type(text) is not str or not text:
            return None
        if chunk.get("usage") or chunk.get("error"):
            return None
        pieces.append(text)
        event = event.copy()  # quicker than to build it
        event["delta"], event["sequence_number"] = text, self._count
        self._count += 1
        return event

    def translate(self, chunk: Json) -> list[Json]:
        """The events that a chunk of a stream amounts to, or a whole answer."""
        choices = chunk.get("choices")
        if choices is None:
            self._usage = chunk.get("usage") or self._usage
            return []
        choices = _listed(choices)
        if not self._response and choices:
            self._begin_response(chunk)
        choice = self._followed(choices) if self._several else choices[0] if choices else None
        for told in (chunk, chunk["x_groq"] or {}) if "x_groq" in chunk else (chunk,):
            self._usage = told.get("usage") or self._usage
            self._error = told.get("error") or self._error
        if not _CHUNK_FIELDS.issuperset(chunk):
            if not choices or (choice and choice.get("finish_reason")):
                self._note_facts(chunk)
        if choice:
            self._said = self._like_last = None
            self._take_choice(choice)
            if self._said is not None:
                self._note_text(choices, choice, self._said)
        return self._told() if self._events else []

    @property
    def has_ended(self) -> bool:
        """Whether the server has said how the answer ended; only its usage may still come."""
        return self._finish_reason is not None

    def finish(self) -> list[Json]:
        """The events of the end, the last one terminal; none if there was no answer at all."""
        if not self._response:
            return []
        status, reason = "completed", None
        if self._finish_reason not in _GOOD_ENDS:
            word = str(self._finish_reason).partition(":")[0].lower()
            status, reason = _ENDS.get(word, (status, reason))
        if self._error or (self._finish_reason == "tool_calls" and not self._says_anything()):
            status = "failed"  # where a parser of vLLM's lost the calls, for one
        output = self._end_items("completed" if status == "completed" else "incomplete")
        if self._is_json and status == "completed":
            output = with_bare_json(output)
        response = self._facts | self._response
        response["status"], response["output"] = status, output
        if isinstance(self._usage, dict):
            response["usage"] = _usage(self._usage)
        if status == "incomplete":
            response["incomplete_details"] = {"reason": reason}
        elif status == "failed":
            response["error"] = self._error or self._reason_as_error()
        self._events.append({"type": f"response.{status}", "response": response})
        return self._told()

    def _reason_as_error(self) -> Json:
        code = str(self._finish_reason).rpartition(":")[2].strip().lower()
        return {
            "code": "server_error" if code == "error" else code,
            "message": f"it ended with {self._finish_reason!r}",
        }

    def _says_anything(self) -> bool:
        """Whether there is something in it besides reasoning."""
        return any(item is not self._contents.get("reasoning") for item in self._items)

    def _told(self) -> list[Json]:
        """The events since the last time, numbered."""
        events, self._events = self._events, []
        for event in events:
            event["sequence_number"] = self._count
            self._count += 1
        return events

    def _followed(self, choices: list[Json]) -> Json | None:
        """Of several choices the one that came first, if a chunk holds some of it."""
        for choice in choices:
            if self._index is None:
                self._index = choice.get("index")
            if choice.get("index") in (None, self._index):
                return choice
        return None

    def _begin_response(self, chunk: Json) -> None:
        self._response = {
            "id": chunk.get("id") or None,
            "object": "response",
            "created_at": chunk.get("created") or int(time.time()),
            "status": "in_progress",
            "model": chunk.get("model"),
            "error": None,
            "incomplete_details": None,
            "output": [],
            "usage": None,
        }
        if self._streamed:
            kinds = ("response.created", "response.in_progress")
            self._events += [{"type": kind, "response": self._response} for kind in kinds]

    def _note_facts(self, chunk: Json) -> None:
        """Keep what a server says besides, such as citations or its name for the provider."""
        for name, value in chunk.items():
            if value is not None and name not in _CHUNK_FIELDS:
                self._facts[name] = value

    def _note_text(self, choices: list[Json], choice: Json, text: GrowingText) -> None:
        """Note the choices of a chunk, if all that they say is some more of a text."""
        delta = choice.get("delta") or {}
        said = [name for name, value in delta.items() if value and name != "role"]
        is_plain = len(said) == 1 and isinstance(delta[said[0]], str)  # parts may be of any kind
        if choices == [choice] and is_plain and not any(map(choice.get, _OF_CHOICE)):
            event = self._events[-1].copy()
            self._like_last = choices, delta, said[0], text.pieces, event

    def _take_choice(self, choice: Json) -> None:
        delta = choice.get("delta")
        if "message" in choice and not _says_anything(delta):
            delta = None  # Perplexity puts a blank one beside a whole message
        if not delta and choice.get("text"):  # of the API before there was a chat
            delta = {"content": choice["text"]}
        is_whole = not delta and not self._items
        if not delta:  # a message at the end of a stream says again what came before
            delta = choice.get("message") or {} if is_whole else {}
        content = delta.get("content")
        if not _REASONING.isdisjoint(delta):
            self._take_reasoning(delta)
        if isinstance(content, str) and (
            (self._has_thought and content.startswith("</thought>"))
            or _is_thought(delta.get("extra_content"), content)
        ):
            content = self._take_thought(content)
        if isinstance(content, list):
            self._take_parts(content)
        elif content:
            self._say("output_text", content)
        if not _REST.isdisjoint(delta):
            self._take_the_rest(delta, is_whole)
        if isinstance(logprobs := choice.get("logprobs"), dict):
            self._text("output_text").logprobs += logprobs.get("content") or []
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        self._error = choice.get("error") or self._error
        self._usage = choice.get("usage") or self._usage  # where Moonshot puts it

    def _take_reasoning(self, delta: Json) -> None:
        for name in _REASONING_FIELDS:
            piece = delta.get(name)
            if piece and isinstance(piece, str):
                self._reasoning_field = self._reasoning_field or name
                self._say("reasoning_text", piece)
                break  # OpenRouter says it twice
        for name in _REASONING_LISTS:
            for piece in _listed(delta.get(name)):
                self._content("reasoning")
                _grow(self._reasoning_lists.setdefault(name, []), piece)
        for name in _SIGNATURES:
            if delta.get(name) and not _is_thought(delta[name]):
                self._content("reasoning")
                self._signatures[name] = delta[name]

    def _take_thought(self, content: str) -> str:
        """Content that Gemini calls a thought, which ends with a tag in a later one; gives what
        stands behind it.
        """
        self._has_thought = True
        thought, _, answer = content.removeprefix("<thought>").partition("</thought>")
        self._say("reasoning_text", thought)
        return answer

    def _take_parts(self, parts: list[Json]) -> None:
        """Content in parts: text, and thinking, with Mistral and Databricks lists of texts."""
        for part in parts:
            if isinstance(part, dict) and part.get("type") in ("thinking", "reasoning"):
                self._say("reasoning_text", part.get("thinking") or part.get("summary") or part)
            else:
                self._say("output_text", part)

    def _take_the_rest(self, delta: Json, is_whole: bool) -> None:
        if delta.get("refusal"):
            self._say("refusal", delta["refusal"])
        if isinstance(delta.get("audio"), dict) and not delta.get("content"):
            self._say("output_text", delta["audio"].get("transcript"))
        if delta.get("annotations"):
            self._take_annotations(delta["annotations"])
        for image in _listed(delta.get("images")) if "images" in delta else ():
            if url := _url_of(image):
                self._begin(Picture(url))
        calls = _listed(delta.get("tool_calls"))
        if delta.get("function_call") and not calls:  # of the time before there were tools
            calls = [{"index": 0, "function": delta["function_call"]}]
        for place, piece in enumerate(calls):
            taken = self._calls.take(piece, place if is_whole else None)
            if taken is None:
                continue
            call, arguments = taken
            if call.extra:
                self._content("reasoning")  # which carries it
            if call.place is None:
                if call.name:
                    self._begin(call)
            elif arguments and self._streamed:
                self._events.append(call.more(arguments))

    def _take_annotations(self, annotations: Any) -> None:
        for annotation in _listed(annotations):
            if not isinstance(annotation, dict):
                continue
            kind: Any = annotation.get("type")
            flat = {"type": kind, **(annotation.get(kind) or {})}
            self._text("output_text").annotations.append(flat)

    def _say(self, kind: str, piece: Any) -> None:
        piece = piece if type(piece) is str else text_of(piece)
        if piece:
            text = self._texts.get(kind) or self._text(kind)
            text.pieces.append(piece)
            if self._streamed:
                self._said = text
                self._events.append(text.more(piece))

    def _text(self, kind: str) -> GrowingText:
        """The part of that kind, begun if need be."""
        text = self._texts.get(kind)
        if text is None:
            content = self._content("reasoning" if kind == "reasoning_text" else "message")
            text = self._texts[kind] = content.new_text(kind)
            if self._streamed:
                self._events.append(text.begun())
        return text

    def _content(self, kind: str) -> GrowingContent:
        """The message or the reasoning of the answer, begun if need be."""
        content = self._contents.get(kind)
        if content is None:
            content = self._contents[kind] = GrowingContent(kind)
            self._begin(content)
        return content

    def _begin(self, item: _Item) -> None:
        item.place = len(self._items)
        self._items.append(item)
        if self._streamed:
            self._events += item.begun()

    def _end_items(self, state: str) -> list[Json]:
        for call in self._calls.all:
            if call.place is None:  # its function was never named
                self._begin(call)
        reasoning = self._contents.get("reasoning")
        if reasoning is not None:
            reasoning.extra[REPLAYED] = replayed = self._to_replay()
            # Signatures may come late, when others have their output_index already, and still stand
            # before what they belong to: so the next request needs them, as sessions keep them.
            is_signed = self._reasoning_lists or self._signatures or replayed["calls"]
            if not reasoning.texts or (is_signed and reasoning is self._items[-1]):
                self._items.sort(key=lambda item: item is not reasoning)
            elif reasoning is not self._items[0]:
                replayed["is_late"] = True
        output = []
        for growing in self._items:
            item = growing.item(state)
            output.append(item)
            if self._streamed:
                self._events += growing.ended(item)
        return output

    def _to_replay(self) -> Json:
        """What the server may want to see again with the next request."""
        message: Json = {**self._reasoning_lists, **self._signatures}
        if self._reasoning_field is not None:
            message[self._reasoning_field] = self._texts["reasoning_text"].text
        calls = {call.call_id: call.extra for call in self._calls.all if call.extra}
        return {"host": self._host, "message": message, "calls": calls}


def _says_anything(delta: Json | None) -> bool:
    return any(value for name, value in (delta or {}).items() if name != "role")


def _url_of(image: Any) -> str | None:
    """Where an image is, or the image itself; None for what cannot be told."""
    for name in ("image_url", "url"):
        image = image.get(name, image) if isinstance(image, dict) else image
    return image if isinstance(image, str) else None


def _listed(told: Any) -> list[Json]:
    """What a list holds besides nulls; a single object may stand where there should be one."""
    if type(told) is list and None not in told:
        return told
    if isinstance(told, dict):
        return [told]
    return [each for each in told or () if each is not None]


def _is_thought(extra: Any, content: str = "") -> bool:
    """Whether Gemini says of content that it is a thought; older ones say so of what is signed."""
    google = extra.get("google") if isinstance(extra, dict) else None
    if not isinstance(google, dict) or google.get("thought") is not True:
        return False
    return not google.get("thought_signature") or content.startswith("<thought>")


def _grow(pieces: list[Json], piece: Json) -> None:
    """Add a piece of reasoning, to the last one where both are of one kind and index."""
    last = pieces[-1] if pieces else {}
    if not last or any(last.get(name) != piece.get(name) for name in ("type", "index")):
        pieces.append(dict(piece))
        return
    if piece.get("id") and last.get("id") not in (None, piece["id"]):
        pieces.append(dict(piece))
        return
    for name, value in piece.items():
        if name in _GROWING_FIELDS and isinstance(value, str) and isinstance(last.get(name), str):
            last[name] += value
        elif value is not None:
            last[name] = value


def _error_in(answer: Json) -> Any:
    """The error in the place of an answer, or None. Older vLLM sends it without a wrapper."""
    told = answer.get("base_resp")  # of MiniMax, which says it with a status of 200
    if isinstance(told, dict) and told.get("status_code"):
        return {"code": told["status_code"], "message": told.get("status_msg")}
    kinds = [str(answer[name]) for name in ("object", "type") if answer.get(name)]
    # What names itself something else, and has words, is a sign of life.
    is_named = not kinds or "code" in answer or any("error" in kind for kind in kinds)
    is_error = is_named and ("error" in kinds or words_of_error(answer) is not None)
    error = answer.get("error") or (answer if is_error else None)
    return {"message": error} if isinstance(error, str) else error


def _numbers(told: Any) -> Json:
    """Details of a count; none where there are none."""
    return told if isinstance(told, dict) else {}


def _number(told: Any) -> Any:
    """A count of tokens; 0 for what is none."""
    return told if isinstance(told, (int, float)) else 0


def _usage(counted: Json) -> Json:
    """Usage as the Responses API counts it; what it does not know, such as a cost, stays."""
    input_tokens = _number(counted.get("prompt_tokens"))
    written = _number(counted.get("completion_tokens"))
    total = _number(counted.get("total_tokens")) or input_tokens + written
    of_input = _numbers(counted.get("prompt_tokens_details"))
    heard = _number(of_input.get("audio_tokens"))
    if heard and input_tokens + heard + written == total:  # Mistral counts it apart
        input_tokens += heard
    # xAI and Gemini count what was thought in the total alone; it is output, and paid for as such.
    output_tokens = max(written, total - input_tokens)
    if of_input.get("cached_tokens") is None:  # DeepSeek's name for it, and Moonshot's
        cached = counted.get("prompt_cache_hit_tokens") or counted.get("cached_tokens") or 0
        of_input = {**of_input, "cached_tokens": cached}
    of_output = _numbers(counted.get("completion_tokens_details"))
    if of_output.get("reasoning_tokens") is None:
        of_output = {**of_output, "reasoning_tokens": output_tokens - written}
    usage = {
        "input_tokens": input_tokens,
        "input_tokens_details": of_input,
        "output_tokens": output_tokens,
        "output_tokens_details": of_output,
        "total_tokens": total,
    }
    if _USAGE_FIELDS.issuperset(counted):
        return usage
    return {name: counted[name] for name in counted if name not in _USAGE_FIELDS} | usage
