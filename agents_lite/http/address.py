"""The address of a server, taken apart once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urljoin, urlsplit, urlunsplit

from ..exceptions import UserError

_SECRET_NAME = "(?i:key|token|secret|password|signature|sig$|code)"
"""Names in a query whose values messages do not show."""


class Address(NamedTuple):
    """Where a server is."""

    url: str
    """Scheme, login, host and path, without a slash at the end."""
    query: Mapping[str, Any]
    """What is sent with every request behind the `?`: lists of values by their names."""
    host: str
    """Host and port, as messages name them."""
    hostname: str
    """The host alone, in lower case."""
    password: str
    """As it stands in the URL; "" where there is none."""

    @property
    def secrets(self) -> list[str]:
        """What no message may show."""
        in_query = [
            value for name, values in self.query.items() if re.search(_SECRET_NAME, name)
            for value in values
        ]  # fmt: skip
        return [self.password, unquote(self.password), *in_query]


@lru_cache(maxsize=64)
def parse_address(text: str) -> Address:
    """Take a base URL apart; white space around it is left out.

    Raises:
        UserError: It is no URL of a server. The message shows no login.
    """
    try:
        parts = urlsplit(text.strip())
        is_address = bool(parts.scheme and parts.hostname) and not re.search(r"\s", parts.netloc)
        parts.port  # noqa: B018  # a ValueError if it is none
    except ValueError:
        is_address = False
    if not is_address:
        shown = repr(without_login(text.strip()))
        text = ""  # or an error tracker records it, and its parts
        parts = urlsplit(text)
        raise UserError(f"base_url {shown} is not an HTTP address such as 'https://host/v1'")
    return Address(
        url=urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")),
        query=parse_qs(parts.query, keep_blank_values=True),
        host=parts.netloc.rpartition("@")[2],
        hostname=parts.hostname or "",
        password=parts.password or "",
    )


def without_login(url: str) -> str:
    """The URL with a user's name and password in it masked, whatever they hold."""
    return re.sub(r"//.*@", "//***@", url, flags=re.DOTALL)


def without_query(url: str) -> str:
    """The URL of a request as messages show it."""
    return without_login(url).partition("?")[0]


def redirect_target(status: int, url: str, location: str | None) -> str | None:
    """Where the same request is to be sent again, or None: never to another origin."""
    if status not in (307, 308) or not location:
        return None
    try:
        target = urljoin(url, location)
        return target if _origin(urlsplit(target)) == _origin(urlsplit(url)) else None
    except ValueError:  # the location is no URL
        return None


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port
