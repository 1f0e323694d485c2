"""What the servers of pages share: headers that browsers obey, and who is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ..exceptions import UserError
from .messages import HTTPReply, HTTPRequest
from .server import LocalServer

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'self'",  # the page itself holds the rest
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_OUR_NAMES = ("127.0.0.1", "localhost", "[::1]")


def serve_pages(
    answer: Callable[[HTTPRequest], HTTPReply],
    refuse: Callable[[HTTPRequest], HTTPReply | None],
    *,
    host: str = "127.0.0.1",
    port: int,
    largest_body: int = 0,
) -> LocalServer:
    """A `LocalServer`, to which nothing is posted unless `largest_body` allows it.

    Raises:
        UserError: The address or the port cannot be used.
    """
    try:
        return LocalServer(answer, host=host, port=port, refuse=refuse, largest_body=largest_body)
    except (OSError, OverflowError) as error:
        words = getattr(error, "strerror", None) or str(error)
        reason = words.partition(" (while ")[0]  # behind that stands the address, once more
        where = "" if host == "127.0.0.1" else f" at {host}"
        what = f"Port {port}{where}" if port else f"The address {host}"
        raise UserError(f"{what} cannot be used ({reason}); choose another") from error


def refuse_strangers(request: HTTPRequest) -> HTTPReply | None:
    """A refusal for who calls this machine by another name than its own, else None.

    No page of another site can then ask under a name of its own that leads here.
    """
    if re.sub(r":\d*$", "", request.headers.get("host", "")) in _OUR_NAMES:
        return None
    return refusal(403, "This server is for this machine only")


def refusal(status: int, message: str) -> HTTPReply:
    """An error as JSON, {"error": message}."""
    return script_reply({"error": message}, status)


def script_reply(body: Any, status: int = 200) -> HTTPReply:
    """A JSON value for a page's script, also one with half a surrogate pair."""
    return page_reply(json.dumps(body), "application/json", status)


def page_reply(
    body: str, content_type: str = "text/html; charset=utf-8", status: int = 200
) -> HTTPReply:
    """A page, or something for its script."""
    return HTTPReply(status, body.encode(), page_headers(content_type))


def page_headers(content_type: str) -> dict[str, str]:
    """Headers of an answer to a browser."""
    return {**_HEADERS, "Content-Type": content_type}
