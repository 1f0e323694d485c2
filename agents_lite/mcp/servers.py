"""The servers that users name: programs on this machine, and addresses on the web."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, NotRequired
from urllib.parse import unquote, urlsplit

import requests
from typing_extensions import TypedDict
from urllib3.util import Timeout

from ..checks import check_kind, check_seconds, check_takes, forgetful
from ..exceptions import MCPServerError, UserError
from .child import Child
from .server import MCPServer
from .stdio import StdioTransport
from .streamable_http import HTTPTransport, new_session

CONNECT_TIMEOUT = 10.0


class MCPServerStdioParams(TypedDict):
    """A program that is a server."""

    command: str | Path
    """The program."""
    args: NotRequired[list[str]]
    """What it is given."""
    env: NotRequired[dict[str, str]]
    """Its environment, beside the few variables that it inherits: PATH, HOME and the like."""
    cwd: NotRequired[str | Path]
    """Where it runs; missing: where this process does."""


class MCPServerStreamableHttpParams(TypedDict):
    """The address of a server."""

    url: str
    """Where it is."""
    headers: NotRequired[Mapping[str, str]]
    """Sent with each request; what they hold is never shown."""
    timeout: NotRequired[float | None]
    """Seconds that the server may be silent; None or missing: as long as the request may take."""
    sse_read_timeout: NotRequired[float | None]
    """The same, as the OpenAI Agents SDK calls it; where both are given, this one holds."""
    auth: NotRequired[Any]
    """Authentication as requests takes it: a pair of name and password, or an `AuthBase`."""


class MCPServerStdio(MCPServer):
    """A server that runs as a child process, spoken to over its standard input and output.

    Args:
        params: The program: `command`, `args`, `env`, `cwd`.
        name: None: the command.
        options: Those of MCPServer.

    Raises:
        UserError: Something is missing, unknown or of the wrong kind.
    """

    @forgetful
    def __init__(
        self, params: MCPServerStdioParams, *, name: str | None = None, **options: Any
    ) -> None:
        _check_params(params, MCPServerStdioParams, "command")
        arguments, environment = params.get("args"), params.get("env")
        check_kind(params["command"], (str, os.PathLike), "params['command']", "a program's name")
        check_kind(arguments, (list, tuple, NoneType), "params['args']", "a list of texts")
        check_kind(environment, (Mapping, NoneType), "params['env']", "a dict of texts")
        check_kind(params.get("cwd"), (str, os.PathLike, NoneType), "params['cwd']", "a path")
        for text in (*(arguments or ()), *(environment or {}).values()):
            check_kind(text, (str, os.PathLike), "What params['args'] and ['env'] hold", "text")
        super().__init__(name or f"stdio: {os.path.basename(params['command'])}", **options)
        self._params = params
        self._keep_secret(*(params.get("env") or {}).values())

    def _open(self) -> StdioTransport:
        return StdioTransport(self._start, self.name, self._mask, self._longest)

    def _start(self, child: Child) -> None:
        fault = self._fault_of_start(child)  # whose frames are gone: they know the environment
        if fault is not None:
            command = self._params["command"]
            hint = "; what it is given belongs into `args`" if " " in str(command) else ""
            what = self._mask(f"{command!r} cannot be started: {fault}{hint}")
            raise MCPServerError(what, self.name)

    def _fault_of_start(self, child: Child) -> str | None:
        params = self._params
        arguments, environment = params.get("args") or [], params.get("env") or {}
        try:
            child.begin(os.fspath(params["command"]), arguments, environment, params.get("cwd"))
        except (OSError, ValueError) as error:
            return str(error)
        return None


class MCPServerStreamableHttp(MCPServer):
    """A server that is spoken to over HTTP.

    Args:
        params: The address: `url`, `headers`, `timeout`, `auth`.
        name: None: the address.
        connect_timeout: Seconds for a connection to be made.
        session: Called for the `requests.Session` that a connection uses, with its certificates,
            proxies and authentication; None makes one.
        options: Those of MCPServer.

    Raises:
        UserError: Something is missing, unknown or of the wrong kind.
    """

    _has_headers = True

    @forgetful
    def __init__(
        self,
        params: MCPServerStreamableHttpParams,
        *,
        name: str | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        session: Callable[[], requests.Session] | None = None,
        **options: Any,
    ) -> None:
        _check_params(params, MCPServerStreamableHttpParams, "url")
        check_kind(params["url"], str, "params['url']", "a text")
        check_kind(params.get("headers"), (Mapping, NoneType), "params['headers']", "a dict")
        for option in ("timeout", "sse_read_timeout"):
            if (seconds := params.get(option)) is not None:
                check_seconds(seconds, f"params[{option!r}]")
        auth = params.get("auth")
        if isinstance(auth, tuple) and len(auth) != 2 or not (
            isinstance(auth, tuple | None) or callable(auth)
        ):
            raise UserError("params['auth'] must be a pair of name and password, or an AuthBase")
        if callable(auth):
            check_takes(auth, "params['auth']", "a request")
        check_seconds(connect_timeout, "connect_timeout")
        if session is not None:
            check_takes(session, "session")
        url = params["url"]
        try:
            address = urlsplit(url)
            if address.scheme not in ("http", "https") or not address.hostname:
                raise ValueError
        except ValueError:
            raise UserError("params['url'] of an MCP server must be an HTTP address") from None
        shown = f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
        super().__init__(name or f"streamable_http: {shown}", **options)
        self._params = params
        self._connect_timeout = connect_timeout
        self._make_session = session
        headers = dict(params.get("headers") or {})
        passwords = [str(part) for part in auth] if isinstance(auth, tuple) else []
        passwords += [address.password or "", unquote(address.password or ""), address.query]
        values = [value for value in headers.values() if isinstance(value, str)]
        self._keep_secret(
            *values, *(re.sub(r"^\w+ ", "", value) for value in values), *passwords
        )
        new_session(headers, auth)  # a header that cannot be sent is told of at once

    def _open(self) -> HTTPTransport:
        headers = dict(self._params.get("headers") or {})
        auth = self._params.get("auth")
        if self._make_session is None:
            session = new_session(headers, auth)
        else:
            session = self._make_session()
            session.headers.update(headers)
            session.auth = auth or session.auth
        silence = self._params.get("sse_read_timeout", self._params.get("timeout"))
        timeout = Timeout(connect=self._connect_timeout, read=silence)
        url = self._params["url"]
        return HTTPTransport(url, session, timeout, self.name, self._mask, self._longest)


def _check_params(params: Any, kind: Any, required: str) -> None:
    known = kind.__annotations__
    if not isinstance(params, Mapping) or required not in params:
        raise UserError(f"The params of an MCP server must be a dict with {required!r}")
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise UserError(
            f"The params of an MCP server hold {', '.join(map(repr, unknown))}; "
            f"known are {', '.join(map(repr, known))}"
        )
