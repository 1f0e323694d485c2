"""Two traces beside each other, run by run."""

from __future__ import annotations

from dataclasses import asdict
from itertools import zip_longest
from typing import Any

from ..replay.comparison import Comparison, compare
from ..replay.recorded import RecordedRun
from ..replay.traces import runs_of_trace
from ..tracing.sqlite_store import StoredTrace

Json = dict[str, Any]


def compare_traces(one: StoredTrace, other: StoredTrace) -> list[Comparison]:
    """How each run of a trace differs from that of the other.

    A run that only one of them has is compared with one that never had a turn.

    Raises:
        UserError: A trace holds no run, or nothing of what was said.
    """
    pairs = zip_longest(runs_of_trace(one), runs_of_trace(other))
    return [compare(a or _without_turns(b), b or _without_turns(a)) for a, b in pairs]


def _without_turns(run: RecordedRun) -> RecordedRun:
    return RecordedRun(run.agent, run.started)


def compared_json(one: StoredTrace, other: StoredTrace) -> list[Json]:
    """The comparisons as the page's script is given them: the fields of `Comparison`.

    Raises:
        UserError: As above.
    """
    return [asdict(each) for each in compare_traces(one, other)]
