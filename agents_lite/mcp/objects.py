"""What MCP servers send, as objects: fields are attributes, named as the protocol names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any, ClassVar, Self

from ..concurrency.calling import Ready
from ..response_types import ResponsesObject


class MCPObject(Ready, ResponsesObject):
    """A JSON object of the protocol, as it was received.

    Source of all shapes: https://modelcontextprotocol.io/specification
    """

    __slots__ = ()
    _left_out: ClassVar[dict[str, Callable[[], Any]]] = {}
    """What the protocol takes fields for that are not there."""

    def __getattr__(self, name: str) -> Any:
        if name in self._left_out and name not in self._fields:
            return self._left_out[name]()
        return super().__getattr__(name)


class MCPTool(MCPObject):
    """A tool as the server describes it."""

    __slots__ = ()
    _left_out = dict.fromkeys(("title", "description", "annotations", "outputSchema"), NoneType)
    name: str
    title: str | None
    description: str | None
    inputSchema: Any
    annotations: Any

    @property
    def is_read_only(self) -> bool:
        """Whether the server says that a call changes nothing."""
        return self._hint("readOnlyHint", False)

    @property
    def is_destructive(self) -> bool:
        """Whether a call may destroy something: yes, unless the server says otherwise."""
        return not self.is_read_only and self._hint("destructiveHint", True)

    @property
    def is_repeatable(self) -> bool:
        """Whether the server says that a second equal call does no more than the first."""
        return self.is_read_only or self._hint("idempotentHint", False)

    def _hint(self, name: str, default: bool) -> bool:
        hints = self._fields.get("annotations")
        hint = hints.get(name) if isinstance(hints, dict) else None
        return hint if isinstance(hint, bool) else default


class MCPTools(Ready, list[MCPTool]):
    """Tools, which a program that awaits them may await."""


class MCPCallResult(MCPObject):
    """What came of a tool call: `content`, maybe `structuredContent`."""

    __slots__ = ()
    _left_out = {"content": list, "structuredContent": NoneType, "isError": bool}
    content: list[Any]
    structuredContent: Any
    isError: bool

    @property
    def is_error(self) -> bool:
        """Whether the tool says that it failed; its content says why."""
        return bool(self._fields.get("isError"))


class MCPPromptResult(MCPObject):
    """A prompt, filled in: `messages`, maybe a `description`."""

    __slots__ = ()
    messages: list[Any]

    @property
    def text(self) -> str:
        """The text of all its messages, of embedded resources too; as instructions for example."""
        messages = self._fields.get("messages")
        texts = []
        for message in messages if isinstance(messages, list) else ():
            content = message.get("content") if isinstance(message, dict) else None
            for part in content if isinstance(content, list) else [content]:
                held = part.get("resource", part) if isinstance(part, dict) else None
                text = held.get("text") if isinstance(held, dict) else None
                texts += [text] if isinstance(text, str) and text else []
        return "\n\n".join(texts)


@dataclass
class MCPElicitation:
    """A server asks the user for something, in the middle of a tool call."""

    server_name: str
    """The server that asks."""
    message: str
    """What it wants to know, in words."""
    requested_schema: dict[str, Any] | None = None
    """The JSON schema of the form that is to be filled in; None where a page is to be visited."""
    url: str | None = None
    """The page that the user should visit; None where a form is to be filled in."""

    @classmethod
    def of(cls, params: Any, server_name: str) -> Self:
        """What a server asks by `elicitation/create`."""
        params = params if isinstance(params, dict) else {}
        message = str(params.get("message") or "")
        return cls(server_name, message, params.get("requestedSchema"), params.get("url"))
