"""Files of lines: JSON, a table, or plain text, with a template for what is asked about each."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from sys import stdin
from typing import Any, BinaryIO

from ..exceptions import UserError
from ..viewer.text import plain
from .batch_lines import WRITTEN, Line, check_fields, read_fields

FORMATS = ("jsonl", "csv", "text")
_BY_ENDING = {".csv": "csv", ".tsv": "csv", ".txt": "text"}
_LONGEST_CELL = 1 << 24
_PLACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


@dataclass(frozen=True)
class Unread:
    """A line as it stands in the file."""

    index: int
    """Its place, from 0; empty lines count, but not the header of a table."""
    words: str
    """Its text."""
    fields: Callable[[], dict[str, Any]]
    """Gives what it says; raises UserError where it says nothing."""


class BatchInput:
    """The lines of a file, or of standard input (`-`)."""

    def __init__(
        self,
        path: str,
        format: str | None = None,
        template: str | None = None,
        limit: int | None = None,
    ) -> None:
        """Say how it is to be read.

        Args:
            path: The file.
            format: One of `FORMATS`; None: as its ending says, else JSON lines.
            template: The input for each line, {name} standing for a field; None: the field "input".
            limit: How many of the first lines count; None: all.
        """
        self._path = path
        self._format = format or _BY_ENDING.get(Path(path).suffix.lower(), "jsonl")
        self._template = template
        self._limit = limit

    def open(self) -> AbstractContextManager[BinaryIO]:
        """For a `with` block, the file.

        Raises:
            UserError: It cannot be read.
        """
        if self._path == "-":
            return nullcontext(stdin.buffer)
        try:
            return open(self._path, "rb")
        except FileNotFoundError:
            raise UserError(f"There is no file {self._path!r} to read lines from") from None
        except OSError as error:
            raise UserError(f"{self._path!r} cannot be read: {error.strerror}") from error

    def count(self) -> int | None:
        """How many lines there are; None for what can be read only once."""
        if not Path(self._path).is_file():
            return None
        with self.open() as source:
            return sum(1 for _ in self.lines(source))

    def lines(self, source: BinaryIO) -> Iterator[Unread]:
        """The lines that are not empty.

        Raises:
            UserError: It is no such file.
        """
        found = self._rows(source) if self._format == "csv" else self._lines(source)
        return islice(found, self._limit)

    def read(self, unread: Unread) -> Line:
        """What a line asks.

        Raises:
            UserError: It asks nothing, or has fields that it cannot have.
        """
        fields = unread.fields()
        if self._template is not None:
            fields["input"] = fill_in(self._template, fields)
        check_fields(fields)
        return Line(unread.index, fields)

    def _lines(self, source: Iterable[bytes]) -> Iterator[Unread]:
        read = read_fields if self._format == "jsonl" else _plain_line
        for index, text in enumerate(source):
            if text.strip():
                words = text.decode(errors="replace").strip()
                yield Unread(index, words, partial(read, text))

    def _rows(self, source: BinaryIO) -> Iterator[Unread]:
        csv.field_size_limit(_LONGEST_CELL)
        text = TextIOWrapper(source, "utf-8-sig", newline="")
        try:
            first = text.readline()
            mark = max(",;\t", key=first.count)
            header = next(csv.reader(_with_first(first, text), delimiter=mark), [])
            self._check_header(header)
            rows = (row for row in csv.reader(text, delimiter=mark) if row)
            for index, row in enumerate(rows):
                words = mark.join(row)
                yield Unread(index, words, partial(_row, header, row))
        except UnicodeDecodeError as error:
            raise UserError(f"{self._path!r} is not in UTF-8: save it so") from error
        except csv.Error as error:
            raise UserError(f"{self._path!r} is no table: {error}") from error
        finally:
            text.detach()  # the file is closed by who opened it

    def _check_header(self, header: list[str]) -> None:
        names = ", ".join(map(repr, header))
        if len(set(header)) < len(header):
            raise UserError(f"Columns need names of their own, in the first row: {names}")
        if taken := [name for name in WRITTEN if name in header]:
            raise UserError(f"Rename the column {taken[0]!r}: one is added by that name")
        if self._template is not None:
            fill_in(self._template, dict.fromkeys(header, ""))
        elif "input" not in header:
            raise UserError(
                "There is no column 'input': say what to ask with --template, as in "
                f"'Translate {{text}}'; the columns are {names}"
            )


def fill_in(template: str, fields: dict[str, Any]) -> str:
    """The template with a field for each {name}, and with braces for doubled ones.

    Raises:
        UserError: There is no such field.
    """

    def part(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return found[0][0]
        if name not in fields:
            names = ", ".join(map(repr, fields)) or "none"
            raise UserError(
                f"The template has {{{name}}}, and the fields are {plain(names)} (a brace that "
                "names none is written twice)"
            )
        value = fields[name]
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return _PLACES.sub(part, template)


def _with_first(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


def _plain_line(text: bytes) -> dict[str, Any]:
    try:
        return {"input": text.decode("utf-8-sig").strip("\r\n")}
    except UnicodeDecodeError as error:
        raise UserError("The line is not in UTF-8") from error


def _row(header: list[str], row: list[str]) -> dict[str, Any]:
    if len(row) != len(header):
        raise UserError(f"The row has {len(row)} cells, and the header {len(header)}")
    return dict(zip(header, row, strict=True))
