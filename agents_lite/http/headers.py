"""Headers without the many steps that others take for each: they would be a sixth of a turn."""

from __future__ import annotations

import http.client
import io
import re
from collections.abc import ItemsView, Iterator, Mapping
from types import FunctionType
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

_PLAIN_LINE = re.compile(r"^([!-9;-~]+):[ \t]*([\t -~]*)\r?\n", re.MULTILINE)


class RequestHeaders(CaseInsensitiveDict[str]):
    """Headers of a request, made, copied and read in one step each: `requests` takes one for each.

    Args:
        headers: By their names; of names that differ only in case, the last counts.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._store: Any = {name.lower(): (name, value) for name, value in headers.items()}

    def copy(self) -> RequestHeaders:
        """Headers that can be changed without these."""
        return self.joined({})

    def joined(self, others: Mapping[str, str]) -> RequestHeaders:
        """These headers and others, of which the others count where both have a name."""
        joined = RequestHeaders(others)
        joined._store = {**self._store, **joined._store}
        return joined

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._store.values()))

    def items(self) -> ItemsView[str, str]:
        """The names as they are written, with their values."""
        return dict(self._store.values()).items()


class PlainHeaders(http.client.HTTPMessage):
    """Headers of an answer in which no line has to be looked at once more."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        super().__init__()
        self._headers = headers

    def items(self) -> list[tuple[str, str]]:
        """Names and values, as they came."""
        return [*self._headers]


def parse_headers(file: Any, **limits: Any) -> http.client.HTTPMessage:
    """The headers at whose beginning a file is, as `http.client.parse_headers` reads them by the
    standard library's parser of e-mails.

    That is asked itself where one is not plain: folded, not ASCII, without a name or its end.

    Raises:
        HTTPException: The file ends before they do.
    """
    read: Any = http.client._read_headers  # type: ignore[attr-defined]
    read_lines = read(file, *limits.values())
    if not read_lines[-1]:  # an end where there should have been an empty line
        raise http.client.HTTPException("the connection was closed within the head of the answer")
    text = b"".join(read_lines).decode("iso-8859-1")
    lines = _PLAIN_LINE.findall(text)
    if len(lines) + 1 != text.count("\n") or not text.endswith("\n"):  # the last one is empty
        whole = io.BytesIO(text.encode("iso-8859-1"))
        return http.client.parse_headers(whole, **limits)  # type: ignore[no-any-return]
    return PlainHeaders(lines)


begin: Any = FunctionType(
    http.client.HTTPResponse.begin.__code__, {**vars(http.client), "parse_headers": parse_headers}
)
"""`HTTPResponse.begin`, which reads status and headers, with that function for its headers."""


def keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An `auth` that adds nothing; to a header alone requests prefers a netrc file's password."""
    return request
