"""What a journal keeps of a run beside its facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ..exceptions import JournalError

Status = Literal["working", "paused", "failed", "stopped", "finished"]
"""At work; waits, mostly for a person; ended with an error; was left or killed; has its result."""


@dataclass
class RunRow:
    """A run as a store keeps it: one row, changed as a whole; its entries stand elsewhere."""

    run_id: str
    about: str
    """JSON: the format, and the agents that the run was begun with."""
    status: Status
    note: str
    """JSON: what it waits for, how it failed, its trace."""
    holder: str | None
    """JSON: who drives it, or None."""
    lease_until: float
    """Epoch seconds until which the holder has it, unless it goes on to say so."""
    started_at: float
    """Epoch seconds."""
    changed_at: float
    """Epoch seconds of the latest start or stop."""
    entries: int
    """How many entries there are. As it is stored: how many there were when the row was changed
    last, so that fewer are a sign of damage; others may have come since."""


class RowLost(JournalError):
    """There are entries of a run that has no row, or had none a moment before."""


def counted(run_id: str, row: RunRow | None, last: int | None) -> RunRow | None:
    """A row as it is stored, with the entries that have come since; None: there is no such run.

    Args:
        run_id: The run.
        row: The row, or None.
        last: The number of the run's last entry; None: it has none.

    Raises:
        RowLost: There are entries, but no row.
        JournalError: What counts them is no number.
    """
    if row is None and last is not None:
        raise RowLost(
            f"The journal holds entries of run {run_id!r} but has lost the run: restore a backup, "
            "or take another run id"
        )
    if row is None or last is None:
        return row
    try:
        return replace(row, entries=max(row.entries, last + 1))
    except TypeError:  # SQLite takes texts for numbers
        raise JournalError(
            f"The number of entries of run {run_id!r} is damaged in the journal: restore a backup, "
            "or take another run id"
        ) from None


@dataclass(frozen=True)
class WaitingCall:
    """A call that waits for a person."""

    call_id: str
    tool_name: str
    arguments: str
    """JSON text."""
    reason: Literal["approval", "unknown_end", "input"]
    """It needs an approval; it was begun, and nobody knows how it ended; or an MCP server asks."""
    inside: tuple[tuple[int, str], ...] = ()
    """Turn and call id of the agent tools that lead to it, outermost first."""


@dataclass(frozen=True)
class StoredRun:
    """A run in a journal."""

    run_id: str
    agent_name: str
    """The agent that began."""
    status: Status
    """What it does: at work, paused, failed, stopped (left, or killed), finished."""
    started_at: float
    """Epoch seconds."""
    changed_at: float
    """Epoch seconds of its latest start or stop."""
    waiting: tuple[WaitingCall, ...]
    """The calls that wait for a person."""
    error: str | None
    """How it failed, or None."""
    trace_id: str | None
    """Its trace, or None."""
    holder: str | None
    """Host and process that it is at work in, or None."""

    @property
    def is_finished(self) -> bool:
        """Whether it has its result."""
        return self.status == "finished"
