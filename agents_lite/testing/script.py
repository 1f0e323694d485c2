"""A queue of scripted turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..checks import check_takes
from ..concurrency.calling import Callbacks
from ..concurrency.cancellation import Cancellation
from ..concurrency.forks import new_lock
from ..exceptions import UserError
from ..local_server.messages import HTTPReply
from ..shown import repr_of
from .builders import ScriptedTurn, Turn, turn


class ScriptError(AssertionError):
    """A script and what was asked of it do not fit: it ran out, or turns are left."""


class Script:
    """Turns handed out one by one, from any thread.

    Args:
        turns: The turns in the order of the requests, or one function that answers every request.
            Functions may be `def` or `async def`.
    """

    def __init__(self, turns: Sequence[ScriptedTurn] | Callable[[Any], ScriptedTurn]) -> None:
        if isinstance(turns, str | bytes) or not (callable(turns) or isinstance(turns, Iterable)):
            raise UserError(f"A script is a list of turns, [turn, ...], not {repr_of(turns)}")
        self.requests: list[Any] = []
        """The requests so far; the n-th got the n-th turn."""
        steps: list[Any] = [turns] if callable(turns) else list(turns)
        self._turns = turns if callable(turns) else steps
        for each in steps:
            if callable(each) and not isinstance(each, type):
                check_takes(each, "A function of a script", "the request")
        self._lock = new_lock()

    def take(self, request: Any) -> Turn | HTTPReply | BaseException:
        """The turn for the next request; a `ScriptError` is raised when there is none left."""
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        if callable(self._turns):
            return _as_turn(self._turns, request)
        if number > len(self._turns):
            raise ScriptError(
                f"Request {number} came, but the script has {len(self._turns)} turns; "
                "add a turn, or find out why the model was asked again."
            )
        return _as_turn(self._turns[number - 1], request)

    def assert_finished(self) -> None:
        """Raise a `ScriptError` unless there were as many requests as turns."""
        if not callable(self._turns) and len(self.requests) != len(self._turns):
            raise ScriptError(
                f"The script has {len(self._turns)} turns, "
                f"but there were {len(self.requests)} requests."
            )


def _as_turn(step: ScriptedTurn, request: Any) -> Turn | HTTPReply | BaseException:
    if isinstance(step, (Turn, HTTPReply, BaseException)):
        return step
    if isinstance(step, type):
        error: BaseException = step()
        return error
    if callable(step):
        cancellation = getattr(request, "cancellation", None) or Cancellation()
        return _as_turn(Callbacks().call(cancellation, step, request), request)
    if isinstance(step, (str, dict)):
        return turn(step)
    if not isinstance(step, Sequence) or isinstance(step, bytes):
        raise UserError(f"A turn is a text, an output item or a list of them, not {repr_of(step)}")
    return turn(*step)
