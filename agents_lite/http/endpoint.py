"""What all requests to one server have in common, worked out once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from copy import copy
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.util import Timeout

from ..exceptions import UserError
from .connections import Exchange, WatchedAdapter

BASE_HEADERS = {
    "User-Agent": "agents_lite",
    "Accept": "text/event-stream, application/json",
    "Content-Type": "application/json",
}
_RESPONSES = "/responses"
MOST_REDIRECTS = 5
"""Times that one try of a request is sent, each but the first to where a redirect leads."""


class Endpoint:
    """A server's address, the adapter that reaches it, and a request to be filled in.

    Made once in each process, so that requests need not ask the environment for proxies, netrc and
    certificates again and again.

    Args:
        base_url: Without a slash at the end.
        headers: Sent with every request, the API key included.
        timeout: Seconds to connect, and seconds the server may be silent.
        session: Where proxies, certificates and the like come from; None takes the environment.

    Raises:
        UserError: The address or a header cannot be sent.
    """

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        timeout: Timeout,
        session: requests.Session | None,
    ) -> None:
        self.process_id = os.getpid()
        self.timeout = timeout
        headers = CaseInsensitiveDict(headers)
        check_headers(headers)
        self.secret_texts = [value.removeprefix("Bearer ") for value in headers.values()]
        session = session or requests.Session()
        request = requests.Request(
            "POST",
            f"{base_url}{_RESPONSES}",
            headers={**BASE_HEADERS, **headers},
            # requests prefers the password of a netrc file to a header, but not to an `auth`.
            auth=_keep_headers if "Authorization" in headers else None,
        )
        try:
            address = urlsplit(base_url)
            self.host = address.netloc.rpartition("@")[2]
            self._template = session.prepare_request(request)
            url = str(self._template.url)
            self._base_url = url.removesuffix(_RESPONSES)
            adapter = session.get_adapter(url)
        except (requests.RequestException, ValueError):
            raise UserError(
                f"base_url {without_login(base_url)!r} is not an HTTP address"
            ) from None
        password = address.password or ""
        login = self._template.headers.get("Authorization", "").removeprefix("Basic ")
        self.secret_texts += [password, unquote(password), login]
        # In place of the adapter of requests itself, one that can be interrupted.
        self._adapter = WatchedAdapter() if type(adapter) is HTTPAdapter else adapter
        settings = session.merge_environment_settings(url, {}, None, None, None)
        self._settings: dict[str, Any] = {**settings, "stream": True, "timeout": timeout}

    def post(
        self, content: bytes, headers: Mapping[str, str], query: Mapping[str, Any], path: str
    ) -> requests.PreparedRequest:
        """A request to the path behind the base URL, its body being `content`."""
        request = self._request(headers, query, path)
        request.body = content
        request.headers["Content-Length"] = str(len(content))
        request.headers.setdefault("Idempotency-Key", f"agents-lite-{os.urandom(16).hex()}")
        return request

    def get(
        self,
        response_id: str,
        starting_after: float,
        headers: Mapping[str, str],
        query: Mapping[str, Any],
    ) -> requests.PreparedRequest:
        """A request for the events of a background response after the one of that number."""
        request = self._request(headers, {}, _RESPONSES)
        request.method = "GET"
        request.prepare_url(
            f"{request.url}/{quote(response_id, safe='')}",
            {**query, "stream": "true", "starting_after": starting_after},
        )
        del request.headers["Content-Type"]
        return request

    def send(self, request: requests.PreparedRequest, exchange: Exchange) -> requests.Response:
        """Send a request, follow redirects within the server, and wait for the answer's headers.

        Raises:
            OSError, urllib3.exceptions.HTTPError, http.client.HTTPException, ValueError: No answer.
        """
        for _ in range(MOST_REDIRECTS):
            with exchange.sending():
                response = self._adapter.send(request, **self._settings)
                exchange.follow(response.raw)
            target = redirect_target(response)
            if target is None:
                break
            response.close()
            request = request.copy()
            request.url = target
        return response

    def close(self) -> None:
        """Close idle connections."""
        if isinstance(self._adapter, WatchedAdapter):
            self._adapter.close()

    def _request(
        self, headers: Mapping[str, str], query: Mapping[str, Any], path: str
    ) -> requests.PreparedRequest:
        request = copy(self._template)
        request.url = self._base_url + path
        request.headers = self._template.headers.copy()
        if headers:
            check_headers(headers)
            request.headers.update(headers)
        if query:
            request.prepare_url(request.url, query)
        return request


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def redirect_target(response: requests.Response) -> str | None:
    """Where the same request is to be sent again, or None: never to another origin."""
    location = response.headers.get("location")
    if response.status_code not in (307, 308) or not location:
        return None
    try:
        target = urljoin(response.url, location)
        return target if _origin(target) == _origin(response.url) else None
    except ValueError:  # the location is no URL
        return None


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def without_login(url: str) -> str:
    """The URL with a user's name and password in it masked, whatever they hold."""
    return re.sub(r"//.*@", "//***@", url, flags=re.DOTALL)


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise UserError for a header that cannot be sent; its value, maybe a key, is not shown."""
    for name, value in headers.items():
        if not re.fullmatch(r"[!-9;-~]+", name):
            raise UserError(f"{name!r} cannot be the name of a header")
        what = "API key" if name == "Authorization" else f"value of the header {name!r}"
        if not isinstance(value, str):
            raise UserError(f"The {what} must be a string, not {type(value).__name__}")
        text = value.removeprefix("Bearer ")
        if not text.isascii() or not text.isprintable() or text != text.strip():
            raise UserError(
                f"The {what} holds a line break, a space at an end or a character that is not "
                "ASCII, and cannot be sent; was it copied with something else around it?"
            )
