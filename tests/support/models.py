"""Models and answers of model servers that behave in ways of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from agents_lite import ModelRequest
from agents_lite.testing import HTTPReply, ScriptedModel, turn
from agents_lite.testing.wire import build_response, encode_sse, stream_events


class BluntModel(ScriptedModel):
    """Never streams deltas, so it may say things that have none."""

    def stream(self, request: ModelRequest) -> Iterator[Any]:
        return super().stream(replace(request, stream=False))


def held_stream(text: str, go_on: threading.Event) -> HTTPReply:
    """A stream whose second word comes when the test lets it go on."""

    def chunks() -> Iterator[bytes | float]:
        words = 0
        for event in stream_events(build_response(turn(text), {})):
            words += event["type"].endswith(".delta")
            while words == 2 and not go_on.is_set():
                yield 0.01
            yield encode_sse(event)
            yield 0.0  # sent by itself

    return HTTPReply(200, chunks(), {"Content-Type": "text/event-stream"})
