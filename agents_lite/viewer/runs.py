"""The runs of a journal, as the viewer's page is given them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..journal import Journal


def list_runs(journal: Journal, limit: int) -> list[dict[str, Any]]:
    """The fields of `StoredRun`, of the runs that started or stopped latest, as JSON.

    Times are in milliseconds since 1970.

    Raises:
        JournalError: The store failed.
    """
    return [
        {**asdict(run), "started_at": run.started_at * 1e3, "changed_at": run.changed_at * 1e3}
        for run in journal.runs(limit=limit)
    ]
