"""Writing a run's facts down while it goes on, and keeping others away from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..concurrency.cancellation import Cancellation, current_cancellation
from ..concurrency.forks import new_lock
from ..concurrency.timers import Watch, call_at
from ..concurrency.workers import GRACE_SECONDS, run_in_thread_or_here
from ..exceptions import AgentsException, JournalError, RunBusy, RunTimeout
from ..response_types import json_text
from ..running.facts import (
    Answered,
    Awaited,
    Begun,
    Called,
    Compacted,
    Fact,
    HandedOver,
    Started,
    TurnEnded,
)
from ..running.record import Record
from ..running.turn.plan import found_at
from .entries import tell

if TYPE_CHECKING:
    from ..running.live_run import LiveRun
    from .holder import Holder
    from .journal import Journal

_WRITTEN_AT_ONCE: dict[str, tuple[type, ...]] = {
    "call": (Awaited, Answered, Compacted, Begun, Called, HandedOver),
    "turn": (Awaited, TurnEnded),
}
"""Facts that the run does not go on from before they are on disk; others go with the next one.

What is lost with those is found out again at no cost: verdicts, the end of a turn. The session is
asked what it holds before it is given a turn anew.
"""
_RETRY_SECONDS = 0.1

logger = logging.getLogger("agents_lite")


class JournalWriter:
    """Writes for one run, which it holds: no other process may go on with it meanwhile."""

    def __init__(self, journal: Journal, run: LiveRun, holder: Holder, entries: int) -> None:
        """Take over a run that was claimed for `holder`, and has so many entries."""
        self._journal = journal
        self._run = run
        self._run_id = run.run_id
        self._holder = holder
        self._entries = entries
        self._pending: list[Any] = []
        self._sent: tuple[int, str] | None = None  # an entry that may have been written or not
        self._lock = new_lock()  # for the store: one entry after the other
        self._is_over = False
        self._watch: Watch | None = None
        self._shared = journal.shared
        self._call: tuple[Record, list[Fact]] | None = None  # made in its transaction
        durability = run.config.durability if self._shared is None else "call"
        self._at_once = _WRITTEN_AT_ONCE[durability]
        self.one_call_at_a_time = self._shared is not None
        if self._shared is None:
            self._watch_over()

    def note(self, fact: Fact, record: Record) -> None:
        """Take a new fact of a record; that it failed before it was begun, only its row tells."""
        is_begun = self._entries > 0 or self._pending or isinstance(fact, Started)
        if is_begun and not self._is_over:
            self._pending.append(tell(fact, record, self._journal.mask))

    def note_told(self, told: list[Any]) -> None:
        """Take facts that are told already."""
        self._pending += told

    def take_back(self) -> None:
        """Undo what the call that is being made has written in the journal's transaction."""
        if self._shared is not None:
            self._shared.take_back()

    def settle(self, fact: Fact, record: Record) -> None:
        """Write all, if the run may not go on from this fact before.

        Raises:
            JournalError: It cannot be written.
            RunBusy: Another process has taken the run over.
        """
        if self._is_over:
            return
        if self._shared and isinstance(fact, Begun) and not _runs_agent(fact, record):
            self._call = record, [fact]
            self._shared.begin()
        elif isinstance(fact, self._at_once):
            if self._call is not None and self._shared is not None and self._shared.is_open:
                self._call[1].append(fact)
            else:
                self._call = None  # what it wrote was undone before, and it ends as one that failed
            self.write()
            self._call = None

    def write(self) -> None:
        """Write what is pending, in one commit; what other threads have noted goes along."""
        self._write(self._run.cancellation)

    def _write(self, scope: Cancellation) -> None:
        with self._lock:
            if self._sent is None:
                count = len(self._pending)
                if count == 0:
                    return
                self._sent = count, json_text(self._pending[:count])
            count, entry = self._sent
            append = partial(self._journal.append, self._run_id, self._holder)
            is_call = self._shared is not None and self._shared.is_open
            try:
                self._insist(partial(append, self._entries, entry), scope)
            except BaseException:
                if is_call:  # it is in the journal, or undone together with what the tool wrote
                    del self._pending[:count]
                    self._sent = None
                raise
            self._entries += 1
            del self._pending[:count]
            self._sent = None

    def close(self, is_stopped: bool = False) -> None:
        """Write the rest, and let go of the run.

        Args:
            is_stopped: The run was told to stop, so that this may take a moment only.

        Raises:
            JournalError: It cannot be written.
            RunBusy: Another process has taken the run over.
            RunTimeout: Nor within the time that the run has.
        """
        seconds = GRACE_SECONDS if is_stopped else self._run.seconds_left(GRACE_SECONDS)
        words = f"The end of run {self._run_id!r} was not written within its time"
        with Cancellation(seconds=seconds, late=lambda: RunTimeout(words)) as scope, self._lock:
            self._let_go(scope)

    def close_after(self, error: BaseException) -> None:
        """The same, where the run has failed; what is raised by now is warned of."""
        try:
            self.close(is_stopped=isinstance(error, RunTimeout) or not isinstance(error, Exception))
        except AgentsException as failure:
            if failure is not error:
                logger.warning("Run %r was not let go of: %s", self._run_id, failure)

    def leave(self) -> None:
        """Hold the run no longer, whether or not the store could be told."""
        self._holder.leave()
        self._is_over = True
        if self._watch is not None:
            self._watch.cancel()

    def _let_go(self, scope: Cancellation) -> None:
        self._is_over = True
        self.take_back()
        self._forget_call()
        if self._sent is not None:
            self._write(scope)
        entry = json_text(self._pending) if self._pending else None
        let_go = partial(self._journal.let_go, self._run, self._holder, entry)
        self._insist(let_go, scope)

    def _forget_call(self) -> None:
        """Take a call that has not ended as one that was not begun: what it wrote is undone."""
        if self._call is not None:
            record, facts = self._call
            gone = [tell(fact, record, self._journal.mask) for fact in facts]
            self._pending = [told for told in self._pending if told not in gone]
            record.forget(facts)

    def _insist(self, write: Callable[[], None], scope: Cancellation) -> None:
        """Write; where a connection was lost, try again for as long as the lease lasts.

        An entry that is left half written when the scope ends is the same when it is sent again.
        """
        deadline = time.monotonic() + self._journal.lease
        around = current_cancellation.set(scope)
        try:
            while True:
                try:
                    return write()
                except JournalError as error:
                    if not error.may_pass or time.monotonic() >= deadline:
                        raise
                scope.wait(_RETRY_SECONDS)
        finally:
            current_cancellation.reset(around)

    def _watch_over(self) -> None:
        soon = time.monotonic() + self._journal.lease / 3
        self._watch = call_at(soon, partial(_renew_soon, ref(self)))

    def _renew(self) -> None:
        """Say that the run is still held."""
        if self._is_over:
            return
        try:
            self._journal.renew(self._run_id, self._holder)
        except RunBusy as lost:
            self._run.cancellation.cancel(lost)
            return
        except JournalError as error:
            logger.warning("The lease of run %r was not renewed: %s", self._run_id, error)
        if not self._is_over:
            self._watch_over()


def _renew_soon(held: ref[JournalWriter]) -> None:
    """Renew a lease; a run is not held by it, as its stream may be left and its end be due."""
    writer = held()
    if writer is not None:
        run_in_thread_or_here(writer._renew)


def _runs_agent(begun: Begun, record: Record) -> bool:
    """Whether a call runs an agent: what that does is written step by step."""
    place = record.target_of(begun.call_id)
    tool = None if place is None else found_at(place, record.agent)
    return getattr(tool, "agent", None) is not None
