"""A model that replies from a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..checks import check_number
from ..exceptions import UserError
from ..models.interface import Model, ModelRequest
from ..response_types import ResponseStreamEvent, as_stream_event
from .builders import ScriptedTurn, Turn
from .script import Script
from .wire import build_response, stream_events, terminal_event


class ScriptedModel(Model):
    """A model that gives prepared answers and records what it was asked.

    As a context manager it raises a `ScriptError` at the end of the block when turns are left.
    It may be used from several threads; turns are handed out in the order of the requests.

    Args:
        turns: What to answer, turn by turn (see `ScriptedTurn`), or one function that answers
            every request. When the turns are used up, a further request raises a `ScriptError`.
        delay: Seconds to wait before each answer whose turn names no delay of its own.
        model: The name that it goes by, in answers and for prices.
    """

    def __init__(
        self,
        turns: Sequence[ScriptedTurn] | Callable[[ModelRequest], ScriptedTurn],
        *,
        delay: float = 0.0,
        model: str = "scripted",
    ) -> None:
        self.model = model
        self._script = Script(turns)
        check_number(delay, "ScriptedModel: delay")
        self._delay = delay

    @property
    def requests(self) -> list[ModelRequest]:
        """The requests so far, in order."""
        return self._script.requests

    def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
        """The events of the next turn; only the last one unless `request.stream` is true."""
        turn = self._next_turn(request)
        request.cancellation.wait(self._delay if turn.delay is None else turn.delay)
        response = build_response(turn, {"model": self.model})
        if not request.stream:
            yield as_stream_event(terminal_event(response))
            return
        for event in stream_events(response):
            yield as_stream_event(event)
            if turn.pause:
                request.cancellation.wait(turn.pause)

    def assert_finished(self) -> None:
        """Raise a `ScriptError` unless there were as many requests as turns."""
        self._script.assert_finished()

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: Any) -> None:
        if error_type is None:
            self.assert_finished()

    def _next_turn(self, request: ModelRequest) -> Turn:
        # The loop may go on filling the list it sent; the record keeps what it holds now.
        turn = self._script.take(replace(request, input=list(request.input)))
        if isinstance(turn, BaseException):
            raise turn
        if not isinstance(turn, Turn):
            raise UserError("An HTTP status is for a ResponsesServer's script, not a model's.")
        return turn
