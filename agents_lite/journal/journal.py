"""What all journals have in common: claiming runs, taking them up, and looking at them."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..agent import Agent
from ..checks import check_count, check_number, check_seconds, check_takes, check_text
from ..concurrency.cancellation import current_cancellation
from ..exceptions import (
    JournalError,
    JournalMismatch,
    RunBusy,
    UserError,
)
from ..response_types import json_text, read_json
from ..running.facts import Failed
from ..running.record import Record
from ..shown import repr_of
from .entries import (
    Mask,
    decode_entries,
    facts_behind,
    input_difference,
    json_value,
    open_questions,
    read_record,
    waiting_calls,
)
from .graph import describe_graph, first_difference
from .holder import Holder
from .stored_run import RowLost, RunRow, Status, StoredRun, WaitingCall
from .writer import JournalWriter

if TYPE_CHECKING:
    from ..running.live_run import LiveRun
    from ..running.run_state import RunState
    from .shared_transaction import SharedTransaction

T = TypeVar("T")

FORMAT = 2
"""Version of what is written. In the first, a run's row told of all its entries."""

Change = Callable[[RunRow | None, float], tuple[RunRow, str | None]]
"""Is given a run's row (None: there is none) and the time of the store, epoch seconds; gives the
row that it becomes, and an entry to be added or None. What it raises leaves the store as it was."""

_ALL = 2**31

logger = logging.getLogger("agents_lite")


class Journal(ABC):
    """Keeps runs in a store. A run names it in its `RunConfig`.

    A store implements `change`, `entries`, `rows` and `delete`; they raise `JournalError`.
    """

    shared: SharedTransaction | None = None
    """The transactions that calls are made in together with their facts, or None. Calls are then
    made one after the other, on the thread that drives the run."""

    def __init__(self, *, lease: float = 30.0, mask: Mask | None = None) -> None:
        """Set up; nothing is opened yet.

        Args:
            lease: Seconds after which the run of a process on another machine that gave no sign
                may be taken over. A process that died on this machine is noticed at once.
            mask: Given each fact as JSON (a dict with a "type"), returns what is written of it.
        """
        check_seconds(lease, "lease")
        if mask is not None:
            check_takes(mask, "mask", "a fact")
        self.lease = lease
        self.mask = mask

    # --- what a store implements -----------------------------------------------------------------

    @abstractmethod
    def change(self, run_id: str, change: Change) -> None:
        """Change a run's row, and add an entry, in one transaction that locks the row.

        The entry gets the number that `RunRow.entries` had before. Where that falls, the entries
        from there on are deleted. Entries without a row are an error (`stored_run.counted`).
        """

    @abstractmethod
    def entries(self, run_id: str) -> tuple[RunRow, list[str]] | None:
        """A run's row and the texts of its entries in order, of one moment; None: no such run."""

    @abstractmethod
    def rows(self, statuses: list[Status], limit: int, offset: int) -> list[RunRow]:
        """Rows of these statuses, those that changed latest first."""

    @abstractmethod
    def delete(self, run_id: str | None, statuses: list[Status], before: float) -> int:
        """Delete runs of these statuses that changed before (epoch seconds), with their entries.

        Args:
            run_id: Only this one; None: all.
            statuses: The statuses.
            before: The time.

        Returns:
            How many.
        """

    def close(self) -> None:  # noqa: B027
        """Close what the journal has opened; using it again opens it again."""

    # --- for users -------------------------------------------------------------------------------

    def runs(
        self,
        status: Status | Literal["unfinished"] | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[StoredRun]:
        """The runs, those that started or stopped latest first.

        Args:
            status: Only these; "unfinished": all but the finished; None: all.
            limit: How many at most.
            offset: How many to pass over.

        Raises:
            JournalError: The store failed.
            UserError: There is no such status, or a number is below 0.
        """
        check_count(limit, "limit")
        check_count(offset, "offset")
        rows = self.rows(_statuses(status), min(limit, _ALL), min(offset, _ALL))
        shown = map(_shown, rows)
        return [run for run in shown if status in (None, "unfinished", run.status)]

    def run(self, run_id: str) -> StoredRun:
        """One run.

        Raises:
            JournalError: The store failed.
            UserError: There is no such run.
        """
        return _shown(self._read(run_id)[0])

    def state(self, run_id: str, agent: Agent[Any], *, context: Any = None) -> RunState:
        """A run as a value: to be looked at, decided about, and gone on with.

        Args:
            run_id: The run.
            agent: The agent that began it.
            context: The user's context object.

        Raises:
            JournalMismatch: It was begun with other agents.
            JournalError: The store failed.
            UserError: There is no such run, or nothing of it is written yet.
        """
        from ..running.run_state import RunState

        row, facts = self._read(run_id)
        _check_agents(row, agent)
        record = read_record(agent, facts)
        if not record.is_started:
            raise UserError(f"Nothing of run {run_id!r} is written yet")
        return RunState(record, context, {"context": context})

    def facts(self, run_id: str) -> list[dict[str, Any]]:
        """What a run has done, as JSON: each fact has a "type".

        Raises:
            JournalError: The store failed.
            UserError: There is no such run.
        """
        return self._read(run_id)[1]

    def approve(self, run_id: str, call_id: str) -> None:
        """Let a call that waits be made, once the run goes on.

        Raises:
            RunBusy: The run is at work.
            UserError: No such call waits, or several do in runs inside it.
        """
        self._decide(run_id, call_id, lambda facts, call: [_verdict(call, verdict="approve")])

    def reject(self, run_id: str, call_id: str, message: str | None = None) -> None:
        """Have the model told that a call was not approved, in these words or the usual ones.

        What an MCP server asks is declined.

        Raises:
            RunBusy: The run is at work.
            UserError: No such call waits, or several do in runs inside it.
        """

        def rejected(facts: list[Any], call: WaitingCall) -> list[Any]:
            if call.reason != "input":
                return [_verdict(call, verdict="reject", message=message)]
            declined = {"verdict": "input", "output": {"action": "decline"}}
            return [
                _verdict(call, question=name, **declined) for name in open_questions(facts, call)
            ]

        self._decide(run_id, call_id, rejected)

    def provide_input(
        self,
        run_id: str,
        call_id: str,
        content: Mapping[str, Any] | None = None,
        question: str | None = None,
    ) -> None:
        """Answer what an MCP server asks in the middle of a call; `reject` declines to.

        Args:
            run_id: The run.
            call_id: The call.
            content: The fields of the form; None where a page was visited.
            question: The name of the question; None: there is one only.

        Raises:
            RunBusy: The run is at work.
            UserError: No such question waits, or the answer does not fit it.
        """

        def answered(facts: list[Any], call: WaitingCall) -> list[Any]:
            from ..mcp.forms import accepted
            from ..mcp.objects import MCPElicitation

            asked = open_questions(facts, call)
            name = next(iter(asked), "") if question is None and len(asked) == 1 else question
            if name not in asked:
                names = ", ".join(map(repr, asked)) or "nothing"
                raise UserError(f"The call {call_id!r} asks {names}, not {repr_of(question)}")
            answer = accepted(MCPElicitation(**asked[name]), content)
            return [_verdict(call, verdict="input", question=name, output=answer)]

        self._decide(run_id, call_id, answered)

    def forget(
        self,
        run_id: str | None = None,
        *,
        older_than: timedelta | float = 0,
        unfinished: bool = False,
    ) -> int:
        """Forget runs that are finished. Those at work stay.

        Args:
            run_id: Only this one; None: all.
            older_than: Only those that ended so long ago (seconds).
            unfinished: The others too: what they have done, and what they wait for, is lost.

        Returns:
            How many were forgotten.

        Raises:
            JournalError: The store failed.
            UserError: `older_than` is below 0, or `run_id` no text.
        """
        self._check_outside()
        if run_id is not None:
            check_text(run_id, "A run_id")
        seconds = older_than.total_seconds() if isinstance(older_than, timedelta) else older_than
        check_number(seconds, "older_than")
        statuses: list[Status] = ["finished"]
        if unfinished:
            self._stop_dead()
            statuses += ["paused", "failed", "stopped"]
        before = time.time() - seconds if seconds > 0 else float("inf")
        return self.delete(run_id, statuses, before)

    # --- for runs --------------------------------------------------------------------------------

    def take_up(self, run: LiveRun) -> JournalWriter | None:
        """Have a run, which goes on from where it was left; None: it is finished.

        What is returned has to be told of the end, by `close` and `leave`.

        Raises:
            RunBusy: It is at work elsewhere.
            JournalMismatch: It was begun with another input or other agents.
            JournalError: The store failed.
        """
        self._check_outside()
        holder = Holder.here()
        try:
            around = current_cancellation.set(run.cancellation)
            try:
                return self._claimed(run, holder)
            finally:
                current_cancellation.reset(around)
        except BaseException:
            holder.leave()
            raise

    def append(self, run_id: str, holder: Holder, number: int, entry: str) -> None:
        """Add an entry to a run, and have it held on; once, however often it is sent.

        A store may add it in a quicker way, which leaves the row alone, unless calls share its
        transactions: then nobody else renews the lease. Whoever claims the run has to wait for it,
        or to be waited for.

        Raises:
            RunBusy: Another holder has it.
            JournalError: The store failed.
        """

        def add(row: RunRow | None, now: float) -> tuple[RunRow, str | None]:
            held = self._held(run_id, row, holder)
            if held.entries > number:
                return held, None  # it is there: the store's answer was lost
            return replace(held, lease_until=now + self.lease, entries=number + 1), entry

        self.change(run_id, add)

    def renew(self, run_id: str, holder: Holder) -> None:
        """Have a run held on.

        Raises:
            RunBusy: Another holder has it.
            JournalError: The store failed.
        """

        def hold_on(row: RunRow | None, now: float) -> tuple[RunRow, str | None]:
            held = self._held(run_id, row, holder)
            return replace(held, lease_until=now + self.lease), None

        self.change(run_id, hold_on)

    def let_go(self, run: LiveRun, holder: Holder, entry: str | None) -> None:
        """Note how a run stands, with a last entry, and hold it no longer.

        Raises:
            RunBusy: Another holder has it.
            JournalError: The store failed.
        """
        status, note = _standing(run)

        def leave(row: RunRow | None, now: float) -> tuple[RunRow, str | None]:
            if row is not None and row.holder is None and row.status == status:
                return row, None  # it was let go of, and the store's answer was lost
            held = self._held(run.run_id, row, holder)
            return replace(
                held,
                status=status,
                note=json_text(note),
                holder=None,
                lease_until=0.0,
                changed_at=now,
                entries=held.entries + (entry is not None),
            ), entry

        self.change(run.run_id, leave)

    def _claimed(self, run: LiveRun, holder: Holder) -> JournalWriter | None:
        """Claim a run and give it its record; None: it is finished, and has its record, too."""
        about = {"format": FORMAT, "agent": run.agent.name}
        about["graph"] = describe_graph(run.record.starting_agent)
        row = self._claim(run, json_text(about), holder)
        writer = None
        try:
            texts = [] if row.entries == 0 else self._texts(run.run_id)[1]
            written, is_torn = decode_entries(run.run_id, texts)
            if is_torn:
                row = self._drop_last(row, holder)
            _check_agents(row, run.record.starting_agent)
            behind: list[dict[str, Any]] | None = []
            if run.record.is_started:
                behind = facts_behind(run.run_id, written, run.record, self.mask)
                if behind is None:
                    run.take_up(read_record(run.record.starting_agent, written))
                elif behind and row.status == "finished":
                    raise JournalMismatch(run.run_id, "it is finished")
            else:
                self._give_record(run, written)
        except BaseException:
            if row.status != "finished":
                self._put_back(row, holder)
            raise
        if row.status == "finished":
            holder.leave()
        else:
            writer = JournalWriter(self, run, holder, row.entries)
            writer.note_told(behind or [])
            run.record.write_to(writer)
        return writer

    def _give_record(self, run: LiveRun, written: list[dict[str, Any]]) -> None:
        if not written:
            return
        given = written[0].get("given")
        now: Any = {"type": "started", "given": run.given}
        now = json_value(now) if self.mask is None else self.mask(json_value(now))
        if given != now["given"] and not isinstance(given, str | list):
            raise JournalError(f"The first entry of run {run.run_id!r} is damaged: it has no input")
        difference = input_difference(given, now["given"])
        if difference is not None:
            raise JournalMismatch(run.run_id, difference)
        run.take_up(read_record(run.record.starting_agent, written))

    def _claim(self, run: LiveRun, about: str, holder: Holder) -> RunRow:
        """Have a run, a new one too; of a finished one only its row."""
        claimed: list[RunRow] = []

        def claim(row: RunRow | None, now: float) -> tuple[RunRow, str | None]:
            if row is not None and row.holder == holder.text:
                return row, None  # it was claimed, and the store's answer was lost
            claimed.clear()
            if row is None:
                row = RunRow(run.run_id, about, "stopped", "{}", None, 0.0, now, now, 0)
            claimed.append(row)
            if row.status == "finished":
                return row, None
            _check_free(row, now)
            note = {"trace_id": _decoded(row.note).get("trace_id")}  # it waits and fails no more
            return replace(
                row,
                status="working",
                note=json_text(note),
                holder=holder.text,
                lease_until=now + self.lease,
                changed_at=now,
            ), None

        _at_one_moment(lambda: self.change(run.run_id, claim))
        return claimed[0]

    def _put_back(self, row: RunRow, holder: Holder) -> None:
        """Leave a run as it was before it was claimed."""
        status: Status = "stopped" if row.status == "working" else row.status

        before = replace(row, status=status, holder=None, lease_until=0.0)

        def restore(now_there: RunRow | None, now: float) -> tuple[RunRow, str | None]:
            if now_there != before:  # else it was put back, and the store's answer was lost
                self._held(row.run_id, now_there, holder)
            return before, None

        self.change(row.run_id, restore)

    def _drop_last(self, row: RunRow, holder: Holder) -> RunRow:
        """Have the next entry take the place of the last one, which is torn."""

        def drop(now_there: RunRow | None, now: float) -> tuple[RunRow, str | None]:
            held = self._held(row.run_id, now_there, holder)
            return replace(held, entries=row.entries - 1), None

        if row.status != "finished":
            self.change(row.run_id, drop)
        return replace(row, entries=row.entries - 1)

    def _check_outside(self) -> None:
        """See that no call is being made whose transaction a change would commit.

        Raises:
            UserError: One is.
        """
        if self.shared is not None and self.shared.is_open:
            raise UserError(
                "A tool that writes in its journal's transaction must not change the journal, nor "
                "run an agent with it: use another one, of a connection of its own"
            )

    def _held(self, run_id: str, row: RunRow | None, holder: Holder) -> RunRow:
        """The row of a run that is to be this holder's.

        Raises:
            RunBusy: Another holder has it.
            JournalError: It is not there any more.
        """
        if row is None:
            raise JournalError(
                f"The journal has lost run {run_id!r} while it was at work: what it has done is in "
                "this error's run_data, whose to_state() goes on"
            )
        if row.holder != holder.text:
            raise RunBusy(run_id, str(_holder_of(row) or "and was taken over from this process"))
        return row

    def _decide(
        self,
        run_id: str,
        call_id: str,
        decide: Callable[[list[dict[str, Any]], WaitingCall], list[dict[str, Any]]],
    ) -> None:
        """Add the facts that `decide` makes of all before them and of the call that waits."""
        self._check_outside()
        row, facts = self._read(run_id)
        try:
            waiting = [call for call in waiting_calls(facts) if call.call_id == call_id]
        except (LookupError, TypeError, AttributeError) as error:
            raise JournalError(f"An entry of run {run_id!r} is damaged: {error!r}") from error
        if len(waiting) != 1:
            raise UserError(
                f"In run {run_id!r} "
                + ("several calls wait" if waiting else "no call waits")
                + f" by the id {call_id!r}; journal.state(...) shows those that do"
            )
        decided = decide(facts, waiting[0])
        entry = json_text(decided)

        def add(now_there: RunRow | None, now: float) -> tuple[RunRow, str | None]:
            if now_there is None or now_there.entries != row.entries:
                raise RunBusy(run_id, "and has gone on meanwhile")
            _check_free(now_there, now)
            left = [asdict(call) for call in waiting_calls([*facts, *decided])]
            note = {**_decoded(now_there.note), "waiting": left}
            return replace(now_there, note=json_text(note), entries=row.entries + 1), entry

        try:
            self.change(run_id, add)
        except (RunBusy, JournalError) as error:
            added = self._texts(run_id)[1][row.entries :]
            if added[:1] == [entry]:
                return  # the store's answer was lost
            if isinstance(error, JournalError) or not added:
                raise
            self._decide(run_id, call_id, decide)  # a decision about another call was quicker

    def _read(self, run_id: str) -> tuple[RunRow, list[dict[str, Any]]]:
        row, texts = self._texts(run_id)
        return row, decode_entries(run_id, texts)[0]

    def _texts(self, run_id: str) -> tuple[RunRow, list[str]]:
        """A run's row and all its entries."""
        check_text(run_id, "A run_id")
        for _ in range(2):  # between two statements of a store another process may change the run
            found = _at_one_moment(lambda: self.entries(run_id))
            if found is None:
                raise UserError(f"The journal has no run {run_id!r}")
            row, texts = found
            if len(texts) == row.entries:
                return found
        raise JournalError(
            f"Of {row.entries} entries of run {run_id!r} the journal has lost "
            f"{row.entries - len(texts)}: restore a backup, or forget the run and begin it anew"
        )

    def _stop_dead(self) -> None:
        """Have those that were at work in processes that ended noted as stopped."""

        def stop(row: RunRow | None, now: float) -> tuple[RunRow, str | None]:
            if row is None or row.status != "working":
                raise RunBusy("", "")
            _check_free(row, now)
            return replace(row, status="stopped", holder=None, lease_until=0.0), None

        for row in self.rows(["working"], _ALL, 0):
            with suppress(RunBusy):
                self.change(row.run_id, stop)


def _at_one_moment(work: Callable[[], T]) -> T:
    """What `work` returns, done anew if a run was begun between two statements of a store."""
    try:
        return work()
    except RowLost:
        return work()


def _verdict(call: WaitingCall, **verdict: Any) -> dict[str, Any]:
    """The fact that a call was decided about.

    Raises:
        UserError: It asks for input, and gets none.
    """
    if call.reason == "input" and verdict["verdict"] != "input":
        raise UserError(
            f"The call {call.call_id!r} asks for input: provide_input answers, reject declines"
        )
    inside = {"in": call.inside} if call.inside else {}
    return {"type": "decided", "call_id": call.call_id, "always": False, **verdict, **inside}


def _check_free(row: RunRow, now: float) -> None:
    """See that nobody has a run.

    Raises:
        RunBusy: Somebody has.
    """
    holder = _holder_of(row)
    if holder is not None and now < row.lease_until and not holder.is_dead():
        raise RunBusy(row.run_id, str(holder))


def _holder_of(row: RunRow) -> Holder | None:
    return None if row.holder is None else Holder.from_text(row.holder)


def _check_agents(row: RunRow, agent: Agent[Any]) -> None:
    about = _decoded(row.about)
    if about.get("format") != FORMAT:
        raise JournalError(
            f"Run {row.run_id!r} is written in the format {about.get('format')!r}; this version "
            f"reads {FORMAT}: have the version that began it finish it, or forget it"
        )
    difference = first_difference(about.get("graph", {}), describe_graph(agent))
    if difference is not None:
        raise JournalMismatch(row.run_id, difference)


def _standing(run: LiveRun) -> tuple[Status, dict[str, Any]]:
    """How a run stands that is let go of."""
    record: Record = run.record
    last = record.facts[-1] if record.facts else None
    error = f"{last.error}: {last.message}" if isinstance(last, Failed) else None
    is_saved = run.session is None or not record.conversation.unsaved
    if record.is_over and is_saved:
        status: Status = "finished"
    elif run.pause_reason is not None:
        status = "paused"
    else:
        status = "stopped" if error is None else "failed"
    calls = dict.fromkeys(  # a call with several questions waits once
        WaitingCall(item.call_id, item.tool_name, item.arguments, item.reason, item.inside)
        for item in run.interruptions()
    )
    waiting = list(map(asdict, calls))
    return status, {"waiting": waiting, "error": error, "trace_id": record.trace_id}


def _shown(row: RunRow) -> StoredRun:
    note = _decoded(row.note)
    status, holder = row.status, None
    if status == "working":
        known = _holder_of(row)
        if known is None or known.is_dead():
            status = "stopped"
        else:
            holder = str(known)
    return StoredRun(
        run_id=row.run_id,
        agent_name=str(_decoded(row.about).get("agent")),
        status=status,
        started_at=row.started_at,
        changed_at=row.changed_at,
        waiting=_waiting(note),
        error=note.get("error"),
        trace_id=note.get("trace_id"),
        holder=holder,
    )


def _waiting(note: dict[str, Any]) -> tuple[WaitingCall, ...]:
    try:
        return tuple(
            WaitingCall(**{**call, "inside": tuple(map(tuple, call["inside"]))})
            for call in note.get("waiting") or ()
        )
    except (LookupError, TypeError):  # damaged; the entries tell what waits, too
        return ()


def _statuses(status: str | None) -> list[Status]:
    every: list[Status] = ["working", "paused", "failed", "stopped", "finished"]
    if status is None:
        return every
    if status == "unfinished":
        return every[:-1]
    for each in every:
        if each == status:  # who was killed is noted as at work
            return ["working", "stopped"] if status == "stopped" else [each]
    raise UserError(f"There are no runs of status {status!r}, but {', '.join(every)}, unfinished")


def _decoded(text: str) -> dict[str, Any]:
    try:
        told = read_json(text)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {}
