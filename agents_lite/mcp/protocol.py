"""The words of the Model Context Protocol: versions, messages, headers.

Sources: https://modelcontextprotocol.io/specification (revisions 2024-11-05 to 2026-07-28) and
https://www.jsonrpc.org/specification
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from .. import __version__

MODERN_VERSION = "2026-07-28"
"""The revision without sessions: each request says all there is to know about the client."""
HANDSHAKE_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Revisions that begin with `initialize`, the one that is offered first."""
CLIENT_INFO = {"name": "agents_lite", "version": __version__}

METHOD_NOT_FOUND = -32601
INVALID_REQUEST = -32600
UNSUPPORTED_VERSION = -32022
PAGE_WANTED = -32042
"""A page has to be visited before the request can be done; the error's data names it."""

Message: TypeAlias = dict[str, Any]
"""A JSON-RPC request, notification or answer."""

_META = "io.modelcontextprotocol/"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Which parameter the `Mcp-Name` header repeats."""
_PLAIN_HEADER = re.compile(r"[!-~]([ -~]*[!-~])?|")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def request(id: int, method: str, params: Mapping[str, Any]) -> Message:
    """A request, whose answer bears the same id."""
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": dict(params)}


def notification(method: str, params: Mapping[str, Any] | None = None) -> Message:
    """A message that is not answered."""
    message: Message = {"jsonrpc": "2.0", "method": method}
    return message if params is None else {**message, "params": dict(params)}


def result(id: Any, value: Mapping[str, Any]) -> Message:
    """The answer to a request of the server."""
    return {"jsonrpc": "2.0", "id": id, "result": dict(value)}


def refusal(id: Any, code: int, why: str) -> Message:
    """The answer to a request of the server that is not done."""
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": why}}


def each_message(content: Any) -> Iterator[Message]:
    """The messages in a parsed text: one, or several in a list; what else there is, is left out."""
    for message in content if isinstance(content, list) else [content]:
        if isinstance(message, dict) and message.get("jsonrpc") == "2.0":
            yield message


def is_answer(message: Message) -> bool:
    """Whether it answers a request, as against being one, or a notification."""
    return "method" not in message and "id" in message


def is_request(message: Message) -> bool:
    """Whether the server waits for an answer to it."""
    return "method" in message and "id" in message


def can_be_taken_back(message: Message) -> bool:
    """Whether a request may be cancelled; the first one of a connection may not."""
    return message["method"] not in ("initialize", "server/discover")


def modern_meta(version: str, capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """What each request of the revision without sessions says in `_meta`."""
    return {
        f"{_META}protocolVersion": version,
        f"{_META}clientInfo": CLIENT_INFO,
        f"{_META}clientCapabilities": dict(capabilities),
    }


def modern_headers(version: str, message: Message) -> dict[str, str]:
    """The HTTP headers of a request of the revision without sessions."""
    method, params = message["method"], message.get("params") or {}
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": method}
    name = params.get(_NAMED_BY.get(method))
    if isinstance(name, str):
        headers["Mcp-Name"] = header_text(name)
    return headers


def header_text(value: str) -> str:
    """A text as the value of a header; in base64 where it could not be sent as it is."""
    if _PLAIN_HEADER.fullmatch(value) and not value.startswith("=?base64?"):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def parameter_headers(schema: Any, arguments: Any) -> dict[str, str]:
    """The headers that repeat arguments, for the properties that a tool's schema marks so.

    Args:
        schema: The tool's input schema; `x-mcp-header` on a property names its header.
        arguments: The arguments of a call.
    """
    headers = {}
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not isinstance(arguments, Mapping):
        return {}
    for name, part in properties.items():
        value = arguments.get(name)
        mark = part.get("x-mcp-header") if isinstance(part, dict) else None
        if isinstance(mark, str) and _TOKEN.fullmatch(mark) and isinstance(value, str | int):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            headers[f"Mcp-Param-{mark}"] = header_text(text)
        headers.update(parameter_headers(part, value))
    return headers
