"""A trace by its id, or by how that begins."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..exceptions import UserError

if TYPE_CHECKING:
    from .sqlite_store import StoredTrace, TraceStore

_MOST_NAMED = 3


def find_trace(store: TraceStore, wanted: str) -> StoredTrace:
    """The trace of that id, or the only one whose id begins like that, "trace_" left out or not.

    Args:
        store: Where it is.
        wanted: The id, or its beginning; "" is how all of them begin.

    Raises:
        UserError: There is none, or there are several.
    """
    found = store.load_trace(wanted)
    if found is not None:
        return found
    ids = [trace.trace_id for trace in store.list_traces(sys.maxsize)]
    fitting = [each for each in ids if each.startswith((wanted, f"trace_{wanted}"))]
    if len(fitting) == 1:
        found = store.load_trace(fitting[0])
    if found is None:
        raise UserError(_not_one(wanted, fitting, ids))
    return found


def _not_one(wanted: str, fitting: list[str], ids: list[str]) -> str:
    from difflib import get_close_matches

    if fitting:
        named = ", ".join(fitting[:_MOST_NAMED])
        return f"Which trace? {len(fitting)} traces begin with {wanted!r}: {named} ..."
    near = get_close_matches(wanted, ids) or get_close_matches(f"trace_{wanted}", ids)
    hint = f"near it: {', '.join(near)}" if near else "`agents-lite traces list` shows those there"
    return f"There is no trace {wanted!r}; {hint}"
