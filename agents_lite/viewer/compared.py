"""Two traces beside each other, run by run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..replay.comparison import Comparison, compare
from ..replay.traces import runs_of_trace
from ..tracing.sqlite_store import StoredTrace

Json = dict[str, Any]


def compare_traces(one: StoredTrace, other: StoredTrace) -> list[Comparison]:
    """How each run of a trace differs from that of the other; runs that only one has are left out.

    Raises:
        UserError: A trace holds no run, or nothing of what was said.
    """
    pairs = zip(runs_of_trace(one), runs_of_trace(other), strict=False)
    return [compare(before, now) for before, now in pairs]


def compared_json(one: StoredTrace, other: StoredTrace) -> list[Json]:
    """The comparisons as the page's script is given them: the fields of `Comparison`.

    Raises:
        UserError: As above.
    """
    return [asdict(each) for each in compare_traces(one, other)]
