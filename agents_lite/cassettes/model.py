"""A model whose answers come from a cassette, or go into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..concurrency.cancellation import RunCancelled
from ..models.answer import ModelEvents
from ..models.interface import Model, ModelRequest
from ..models.openai_provider import choose_model
from ..response_types import ResponseStreamEvent, as_json, as_stream_event
from .entries import JSON, Entry
from .questions import model_name, plain, question_of

if TYPE_CHECKING:
    from ..running.live_run import LiveRun
    from .recording import Cassette

_KEPT = ("id", "model", "status", "error", "incomplete_details", "output", "usage")
"""Fields of a response that are kept: what it repeats of its request is left out."""
_ENDS = ("response.completed", "response.incomplete", "response.failed")


class CassetteModel(Model):
    """Stands for the model of one call.

    Attributes:
        model: The model's name.
    """

    tries_again = True

    def __init__(self, cassette: Cassette, run: LiveRun) -> None:
        self.model = model_name(run)
        self._cassette = cassette
        self._run = run

    def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
        """The recorded events; or those of the real model, which are recorded.

        Raises:
            CassetteMiss: They are not there, and are not to be recorded.
        """
        asked = self._cassette.masked(question_of(request, self.model))
        entry = self._cassette.known_answer(asked, request.agent_name or "")
        if entry is not None:
            yield from map(as_stream_event, recorded_events(entry.answer, request.stream))
            return
        before: list[JSON] = []
        real = choose_model(self._run.agent, self._run.config)

        def record(event: ResponseStreamEvent) -> None:
            fields = as_json(event)
            if fields.get("type") in _ENDS:
                answer = self._cassette.masked_answer(_kept(fields["response"]), before)
                self._cassette.models.add(Entry(asked, answer, request.agent_name or ""))
            elif request.stream:
                before.append(_shortened(fields))

        with ModelEvents(real, request, self._run.callbacks) as events:
            try:
                for event in events:
                    record(event)
                    yield event
            except GeneratorExit:  # who reads has left; what is recorded is the whole answer
                with suppress(Exception, RunCancelled):
                    for event in events:
                        record(event)
                raise


def recorded_events(answer: JSON, streamed: bool) -> Iterator[JSON]:
    """The events of an answer; where none were recorded, its text comes word by word."""
    response = answer["response"]
    if streamed and "events" not in answer:
        from ..testing.wire import stream_events

        yield from stream_events(plain(response))
        return
    if streamed:
        yield from plain(answer["events"])
    status = response.get("status", "completed")
    yield {"type": f"response.{status}", "response": plain(response)}


def _shortened(event: JSON) -> JSON:
    """An event without noise, and without what it repeats of the request."""
    short = {name: value for name, value in event.items() if name != "obfuscation"}
    response = short.get("response")
    if isinstance(response, dict):
        short["response"] = {**_kept(response), "output": []}
    copied: JSON = plain(short)
    return copied


def _kept(response: Any) -> JSON:
    fields = as_json(response)
    copied: JSON = plain({k: fields[k] for k in _KEPT if fields.get(k) is not None})
    return copied
