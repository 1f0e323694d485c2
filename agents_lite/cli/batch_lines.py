"""The lines of a batch's input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..exceptions import UserError

WRITTEN = ("index", "output", "usage", "error")
"""Fields that the batch itself writes."""


@dataclass(frozen=True)
class Line:
    """One line, that is one run."""

    index: int
    """Its place, from 0; empty lines count."""
    fields: dict[str, Any]
    """What it says: "input", maybe "id", and anything else."""

    @property
    def entry(self) -> dict[str, Any]:
        """What is written about it, whatever becomes of it."""
        return {"index": self.index, **self.fields}


class _Text(str):
    run_id: str
    name: str


class _Items(list[Any]):
    run_id: str
    name: str


def named_input(line: Line, batch: str) -> str | list[Any]:
    """The input of a line, which knows the names that its run has in a journal and in traces."""
    given = line.fields["input"]
    named = _Text(given) if isinstance(given, str) else _Items(given)
    named.run_id = f"{batch} {line_key(line.entry)}"
    name = line.fields.get("id")
    named.name = f"line {line.index + 1}" if name is None else str(name)
    return named


def line_name_of(named: Any) -> str:
    """The name of a line in traces, by an input that `named_input` gave."""
    return str(named.name)


def run_id_of(named: Any) -> str:
    """The name of the run of an input that `named_input` gave."""
    return str(named.run_id)


def check_fields(fields: dict[str, Any]) -> None:
    """See to it that a line can be run.

    Raises:
        UserError: It has no fitting "input", or fields that are written by the batch.
    """
    given = fields.get("input")
    is_items = isinstance(given, list) and all(isinstance(item, dict) for item in given)
    if not (isinstance(given, str) or is_items):
        raise UserError('The "input" of a line must be a string or a list of input items')
    if taken := [name for name in WRITTEN if name in fields]:
        raise UserError(f'Rename the field "{taken[0]}" of the line: one is added by that name')


def line_key(entry: dict[str, Any]) -> str:
    """Tells the line of an entry from all others: its id, or its place when it has none."""
    name = "index" if entry.get("id") is None else "id"
    return json.dumps([name, entry.get(name)])


def read_fields(text: bytes) -> dict[str, Any]:
    """What a line of JSON says.

    Raises:
        UserError: It is neither a string nor an object.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"The line is not JSON: {error}") from error
    if isinstance(value, str):
        return {"input": value}
    if isinstance(value, dict):
        return value
    raise UserError('A line must be a JSON string, or an object with an "input"')
