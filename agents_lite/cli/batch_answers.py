"""Models that answer by the Batch API: now, or at another start."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Self

from ..concurrency.forks import new_lock
from ..exceptions import UserError
from ..models.interface import Model, ModelRequest
from ..models.openai_provider import choose_model
from ..models.openai_responses import OpenAIResponsesModel
from ..response_types import ResponseStreamEvent, as_stream_event
from ..running import stand_ins
from ..running.live_run import LiveRun, RunPaused
from .batch_api import Batches, answer_in

Json = dict[str, Any]


class BatchAnswers(stand_ins.StandIn):
    """For a `with` block, stands for the models of all runs that have a journal.

    A run whose answer is not there is paused; its journal knows how to go on.

    Attributes:
        wanted: The requests that are to be submitted, by their names.
    """

    def __init__(self, batches: Batches) -> None:
        self.wanted: dict[str, Json] = {}
        self._batches = batches
        self._lock = new_lock()

    def __enter__(self) -> Self:
        stand_ins.in_use.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        stand_ins.in_use.remove(self)

    def model_for(self, run: LiveRun) -> Model:
        """The model of the next call; of a run of its own, inside a tool, the real one.

        Raises:
            UserError: The model is not asked by the Responses API.
        """
        model = choose_model(run.agent, run.config)
        if run.config.journal is None:
            return model
        if not isinstance(model, OpenAIResponsesModel):
            raise UserError(
                f"The Batch API is for models behind the Responses API, and agent {run.agent.name} "
                f"has {model!r}"
            )
        record = run.record
        place = [run.run_id, *map(str, record.address), str(len(record.raw_responses))]
        name = hashlib.sha256("/".join(place).encode()).hexdigest()[:40]
        return _BatchedModel(model, name, self, run)

    def answer(self, name: str, body: Json) -> Json | None:
        """The response to a request; None: there is none yet, so it is to be submitted.

        Raises:
            APIStatusError: The request was refused.
        """
        with self._lock:
            line = self._batches.answers.pop(name, None)
            if line is None and name not in self._batches.waiting:
                self.wanted[name] = body
        return None if line is None else answer_in(line)


class _BatchedModel(Model):
    def __init__(
        self, real: OpenAIResponsesModel, name: str, answers: BatchAnswers, run: LiveRun
    ) -> None:
        self.model = real.model
        self._real = real
        self._name = name
        self._answers = answers
        self._run = run

    @property
    def hostname(self) -> str:
        return self._real.hostname

    def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
        body = self._real.request_body(request)
        body = {key: value for key, value in body.items() if key not in ("stream", "background")}
        response = self._answers.answer(self._name, body)
        if response is None:
            self._leave()
            request.cancellation.check()
            raise RunPaused("answer")
        kind = f"response.{response.get('status', 'completed')}"
        yield as_stream_event({"type": kind, "response": response})

    def _leave(self) -> None:
        """Pause the run, and all those around it."""
        run = self._run
        while run.around is not None:
            run = run.around
        run.pause("answer")
