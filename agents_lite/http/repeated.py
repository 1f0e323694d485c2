"""Lists of which the next request repeats the most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Write = Callable[[Any], bytes]


class Written:
    """The JSON of the elements of a list that only ever grows."""

    def __init__(self) -> None:
        self._elements: list[bytes] = []

    def beginning(self, elements: list[Any], write: Write) -> list[bytes]:
        """That of so many elements; `write` writes what is missing."""
        written = self._elements
        if len(written) < len(elements):
            written = [*written, *map(write, elements[len(written) :])]
            self._elements = written  # no list that another thread may be adding the same to
        return written[: len(elements)]


class RepeatedList(list[Any]):
    """A list in the body of a request. What the next one repeats is put into JSON once.

    A copy of it, deep or not, is a plain list, and anybody's to change.

    Args:
        first: What it begins with.
        repeated: What follows, and begins that part of the next one, too. It stays as it is.
        last: What follows on that.
        written: The JSON of what is repeated, as far as it is there.
    """

    def __init__(
        self, first: list[Any], repeated: list[Any], last: list[Any], written: Written
    ) -> None:
        super().__init__([*first, *repeated, *last])
        self._parts = first, repeated, last
        self._written = written

    def to_json(self, write: Write) -> bytes:
        """Its JSON, of which `write` writes what is missing."""
        first, repeated, last = self._parts
        if self != [*first, *repeated, *last]:  # somebody has added something, maybe
            return write(self)
        beginning = self._written.beginning(repeated, write)
        return b"[%b]" % b",".join([*map(write, first), *beginning, *map(write, last)])

    def __reduce__(self) -> tuple[type, tuple[list[Any]]]:
        return list, ([*self],)
