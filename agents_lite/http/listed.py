"""What a server lists, page after page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..exceptions import APIResponseError


def listed(ask: Callable[..., Any], query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects that a server lists, page after page.

    Args:
        ask: Asks for a page, given what is added to the URL and what an answer has.
        query: What is added for the first page.

    Raises:
        APIResponseError: A page is none, or the next one begins where an earlier one did.
    """
    seen: set[str] = set()
    while True:
        page = ask(query=query, has=("data", list))
        yield from page["data"]
        if not page.get("has_more") or not page["data"]:
            return
        last = id_of(page["data"][-1])
        if last in seen:
            raise APIResponseError(f"The server's list goes round in circles: {last} came twice")
        seen.add(last)
        query = {**query, "after": last}


def id_of(thing: Mapping[str, Any]) -> str:
    """The id of what a server has listed.

    Raises:
        APIResponseError: It has none.
    """
    id = thing.get("id")
    if not id or not isinstance(id, str):
        raise APIResponseError(f"The server lists something without an id: {thing!r:.200}")
    return id
