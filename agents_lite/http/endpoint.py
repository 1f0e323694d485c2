"""Sending requests to one server, through a session of requests."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import Any
from urllib.parse import quote

import requests
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from urllib3.util import Timeout

from ..exceptions import UserError
from .address import Address, redirect_target, without_login
from .connections import Exchange, WatchedAdapter, watch_connections
from .headers import RequestHeaders, keep_headers
from .surroundings import session_settings

BASE_HEADERS = {
    "User-Agent": "agents_lite",
    "Accept": "text/event-stream, application/json",
    "Content-Type": "application/json",
}
MOST_REDIRECTS = 5
"""Times that one try of a request is sent, each but the first to where a redirect leads."""
SEE_OTHER = 303
"""The status of an answer that is to be had elsewhere by GET.

Source: https://modal.com/docs/guide/webhook-timeouts, for one that takes longer than 150 seconds.
"""
_HEADER_NAME = re.compile(r"[!-9;-~]+")


@dataclass(repr=False, eq=False, slots=True)
class Outgoing:
    """A request before it is prepared, which each try does anew."""

    method: str
    path: str
    """Behind the address of the server."""
    headers: Mapping[str, str]
    """Beside those of the server."""
    query: Mapping[str, Any]
    """Beside that of the server."""
    content: bytes | None = None
    """The body, or None."""
    secrets: list[str] = field(default_factory=list)
    """What was sent of keys and passwords, noted when the request is prepared."""


class Endpoint:
    """A server's address, and the session that requests go through.

    A session of our own is asked once for proxies, netrc and certificates, since nobody can change
    them in it; one of the user's prepares each request.

    Args:
        address: The server.
        headers: Sent with every request.
        key: Gives the API key of a request, or None for none; it may be another each time.
        timeout: Seconds to connect, and seconds the server may be silent.
        session: The user's session, or None.

    Raises:
        UserError: The address or a header cannot be sent, or a proxy or certificates not be used.
    """

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        key: Callable[[], str | None],
        timeout: Timeout,
        session: requests.Session | None,
    ) -> None:
        self.process_id = os.getpid()
        self.address = address
        self.timeout = timeout
        self._headers = CaseInsensitiveDict(headers)
        check_headers(self._headers)
        self.secrets = (*address.secrets, *map(str, self._headers.values()))
        """What no error may show of the server's own settings."""
        self._has_login = "Authorization" in self._headers
        self._key = key
        self._is_ours = session is None
        self._session = _OwnSession() if session is None else session
        try:
            url = f"{address.url}/"
            requests.Request("POST", url).prepare()
            self._session.get_adapter(url)
            if session is None:
                empty = Outgoing("POST", "/", {}, {})
                own = self._prepared_by_session(empty, url, {}, {}).headers
                self._own_headers = RequestHeaders(own)
                self._settings = self._session_settings(url)
        except (requests.RequestException, ValueError):
            shown = repr(without_login(address.url))
            raise UserError(f"base_url {shown} is not an HTTP address") from None

    def send(self, outgoing: Outgoing, exchange: Exchange) -> requests.Response:
        """Send a request, follow redirects within the server, and wait for the answer's headers.

        Raises:
            OSError, urllib3.exceptions.HTTPError, http.client.HTTPException, ValueError: No answer.
            UserError: A header cannot be sent.
        """
        url = self.address.url + outgoing.path
        is_redirected = False
        for _ in range(MOST_REDIRECTS):
            request = self._prepared(outgoing, url, is_redirected)
            outgoing.secrets += _bare(request.headers.get("Authorization"))
            with exchange:
                response = self._sent(request)
                exchange.follow(response.raw)
            target = redirect_of(response)
            if target is None:
                break
            response.close()
            url, is_redirected = target, True
            if response.status_code == SEE_OTHER:
                outgoing = replace(outgoing, method="GET", content=None)
        return response

    def close(self) -> None:
        """Close idle connections of our own."""
        if self._is_ours:
            self._session.close()

    def _prepared(
        self, outgoing: Outgoing, url: str, is_redirected: bool
    ) -> requests.PreparedRequest:
        headers = dict(outgoing.headers)
        if not self._has_login and "authorization" not in map(str.lower, headers):
            key = self._key()
            if key:
                headers["Authorization"] = f"Bearer {key}"
        check_headers(headers)
        query = {} if is_redirected else {**self.address.query, **outgoing.query}
        if not self._is_ours:
            return self._prepared_by_session(outgoing, url, headers, query)
        request = requests.PreparedRequest()
        request.headers = self._own_headers.joined(headers)
        request.method, request.body = outgoing.method, outgoing.content
        if outgoing.content is None:
            del request.headers["Content-Type"], request.headers["Content-Length"]
        else:
            request.headers["Content-Length"] = str(len(outgoing.content))
        request.url = url
        if query:
            request.prepare_url(url, query)
        return request

    def _prepared_by_session(
        self,
        outgoing: Outgoing,
        url: str,
        headers: Mapping[str, str],
        query: Mapping[str, Any],
    ) -> requests.PreparedRequest:
        merged = CaseInsensitiveDict({**BASE_HEADERS, **self._headers})
        merged.update(headers)
        if outgoing.method == "GET":
            del merged["Content-Type"]
        is_known = "Authorization" in merged and self._session.auth is None
        return self._session.prepare_request(
            requests.Request(
                outgoing.method,
                url,
                headers=merged,
                params=query,
                data=outgoing.content,
                auth=keep_headers if is_known else None,
            )
        )

    def _sent(self, request: requests.PreparedRequest) -> requests.Response:
        url = str(request.url)
        if self._is_ours:
            return self._session.send(request, **self._settings)
        settings = self._session_settings(url)
        watch_connections(self._session.get_adapter(url), url, settings["proxies"])
        last_hook = _LastHook()
        request.hooks.setdefault("response", []).append(last_hook)
        try:
            response = self._session.send(request, **settings)
        except requests.HTTPError as error:
            if error.response is None:
                raise
            response = error.response  # a hook of the user raises for bad statuses, as we do
        if last_hook.location is not None:
            response.headers["Location"] = last_hook.location
        return response

    def _session_settings(self, url: str) -> dict[str, Any]:
        settings = session_settings(self._session, url)
        return {**settings, "stream": True, "timeout": self.timeout, "allow_redirects": False}


class _LastHook:
    """Takes from an answer what a session would act on: cookies to keep, a place to go to."""

    location: str | None = None

    def __call__(self, response: requests.Response, **_: Any) -> None:
        for answer in (response, *response.history):
            message = getattr(getattr(answer.raw, "_original_response", None), "msg", None)
            if isinstance(message, Message):
                del message["Set-Cookie"]
        self.location = response.headers.pop("Location", None)


class _OwnSession(requests.Session):
    """Keeps no cookies, and looks for no redirects."""

    def __init__(self) -> None:
        super().__init__()
        self.cookies = _NoCookies()
        for scheme in ("https://", "http://"):
            self.mount(scheme, WatchedAdapter())

    def resolve_redirects(self, *_args: Any, **_options: Any) -> Iterator[Any]:
        """None: `Endpoint` follows them."""
        return iter(())


class _NoCookies(RequestsCookieJar):
    """Takes none."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Leave them where they are."""


def _bare(authorization: str | None) -> list[str]:
    """The secret in the value of an Authorization header, with and without what it is called."""
    return [authorization, authorization.partition(" ")[2]] if authorization else []


def redirect_of(response: requests.Response) -> str | None:
    """Where an answer sends its request to within the server, or None."""
    status, location = response.status_code, response.headers.get("location")
    return redirect_target(307 if status == SEE_OTHER else status, response.url, location)


def response_path(response_id: str) -> str:
    """The path of a response that was asked for before."""
    return f"/responses/{quote(response_id, safe='')}"


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise UserError for a header that cannot be sent; its value, maybe a key, is not shown."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
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
