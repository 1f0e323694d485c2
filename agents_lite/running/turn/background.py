"""Background answers: their ids are facts, so that another process can collect them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...exceptions import RunBusy, RunTimeout
from ..facts import Awaited
from ..live_run import RunPaused

if TYPE_CHECKING:
    from ...model_settings import ModelSettings
    from ..live_run import LiveRun

_TO_GO_ON_FROM = (RunTimeout, RunBusy, GeneratorExit, KeyboardInterrupt, SystemExit)
"""After these a run with a journal is expected to be started again."""


class AwaitedAnswer:
    """The answer of the turn at hand, where the server goes on with it by itself."""

    def __init__(self, run: LiveRun) -> None:
        """Belong to a run that is about to ask its model."""
        self._run = run

    @property
    def response_id(self) -> str | None:
        """The response that an earlier part of the run has asked for, or None."""
        return self._run.record.awaited

    def note(self, response_id: str | None) -> None:
        """Write down which response is waited for, or that none is to be collected."""
        if response_id != self.response_id:
            self._run.record.add(Awaited(response_id))

    def is_left(self, error: BaseException) -> bool:
        """Whether the run is to collect it later, and not ask anew."""
        if isinstance(error, RunPaused):
            return True
        return self._run.record.writer is not None and isinstance(error, _TO_GO_ON_FROM)


def awaited_answer(run: LiveRun, settings: ModelSettings) -> AwaitedAnswer | None:
    """What remembers the answer's id, if the settings ask for a background one, or one is known."""
    is_wanted = settings.background
    if settings.extra_args or settings.extra_body:
        asked = {**(settings.extra_args or {}), **(settings.extra_body or {})}
        is_wanted = is_wanted or asked.get("background")
    return AwaitedAnswer(run) if is_wanted or run.record.awaited is not None else None
