"""A model like those that one pays for: with a window, a cache, a bill, and little patience."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from agents_lite import BadRequestError, Model, ModelRequest
from agents_lite.models.openai_responses import request_body
from agents_lite.response_types import ResponseStreamEvent, as_stream_event
from agents_lite.testing import call, reasoning, text, token_usage, turn
from agents_lite.testing.validation import check_items, check_parameters
from agents_lite.testing.wire import build_response, terminal_event

BLOCK = 64  # tokens; only whole blocks of a prefix are cached


class StrictModel(Model):
    """Refuses what the API refuses, and what passes its window.

    It remembers what it is sent and nothing else: asked for a code it reads it out of the input,
    told to summarise it keeps the codes. "Look up N" has it call a tool.

    Attributes:
        model: Its name.
        bodies: The requests, as JSON.
        bill: Dollars for each of them.
    """

    def __init__(self, window: int, *, can_summarise: bool = True) -> None:
        self.model = "strict"
        self.bodies: list[dict[str, Any]] = []
        self.bill: list[float] = []
        self.summaries = 0
        self._window = window
        self._can_summarise = can_summarise
        self._cached = ""

    def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
        body = request_body(self.model, request)
        check_parameters(body, None)
        check_items(body["input"], [])
        told = [body.get("tools"), body.get("instructions"), body["input"]]
        prompt = to_json(told).decode()
        size = len(prompt) // 4
        if size > self._window:
            words = f"Your input of {size} tokens exceeds the context window of this model."
            raise BadRequestError(words, status_code=400, code="context_length_exceeded")
        self.bodies.append(body)
        output = self._answer(body)
        received = len(json.dumps(output)) // 4
        usage = token_usage(size, received, cached_tokens=self._cached_tokens(prompt))
        fresh = size - usage["input_tokens_details"]["cached_tokens"]
        self.bill.append((fresh * 2.5 + (size - fresh) * 0.25 + received * 10) / 1e6)
        response = build_response(turn(*output, usage=usage), {"model": self.model})
        yield as_stream_event(terminal_event(response))

    def _cached_tokens(self, prompt: str) -> int:
        same = 0
        while prompt[same : same + 4 * BLOCK] == self._cached[same : same + 4 * BLOCK]:
            same += 4 * BLOCK
            if same >= len(prompt) or same >= len(self._cached):
                break
        self._cached = prompt
        return min(same, len(prompt)) // 4 // BLOCK * BLOCK

    def _answer(self, body: dict[str, Any]) -> list[Any]:
        last = body["input"][-1]
        asked = str(last.get("content"))
        number = re.search(r"What is code (\d+)\?", asked)
        is_summary = body["instructions"].startswith("You keep the summary")
        said = json.dumps(body["input"]) if number or is_summary else ""
        if is_summary:
            self.summaries += 1
            if not self._can_summarise:
                return [text("")]
            return [text("Codes: " + " ".join(sorted(set(re.findall(r"code-\d+-is-\w+", said)))))]
        if last.get("type") == "function_call_output":
            return [text("I have looked it up.")]
        if number:
            found = re.search(rf"code-{number[1]}-is-(\w+)", said)
            return [text(found[1] if found else "I do not know.")]
        if number := re.search(r"Look up (\d+)", asked):
            return [reasoning("Let me see."), call("look_up", number=int(number[1]))]
        return [text("I see. " + "Go on, please. " * 10)]
