"""What a span tells about its piece of work: one class for each kind of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import TypedDict

from ..shown import set_fields


class SpanError(TypedDict):
    """What went wrong in a span."""

    message: str
    data: dict[str, Any] | None
    """Facts about it, or None."""


@dataclass(eq=False, repr=False)
class SpanData:
    """Facts about one piece of work; subclasses are dataclasses whose fields may be set later."""

    __slots__ = ()
    type: ClassVar[str]

    def export(self) -> dict[str, Any]:
        """The `span_data` object of the span's JSON; values are referenced, not copied."""
        return {
            "type": self.type,
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
        }

    def __repr__(self) -> str:
        return set_fields(self)


@dataclass(slots=True, eq=False, repr=False)
class AgentSpanData(SpanData):
    """An agent at work, from its first turn to its last."""

    type: ClassVar[str] = "agent"
    name: str
    handoffs: list[str] | None = None
    """Names of the agents it may hand over to."""
    tools: list[str] | None = None
    """Names of its tools."""
    output_type: str | None = None
    """Name of the type of its final output."""


@dataclass(slots=True, eq=False, repr=False)
class GenerationSpanData(SpanData):
    """One call of a model."""

    type: ClassVar[str] = "generation"
    input: Any = None
    """The input items, a list of {"role": ..., "content": ...} and the like."""
    output: Any = None
    """The output items, a list of objects."""
    model: str | None = None
    """Its name; None: not known."""
    model_config: dict[str, Any] | None = None
    """The settings of the call."""
    usage: dict[str, Any] | None = None
    """Tokens: {"input_tokens": ..., "output_tokens": ...} and what else is known."""
    hostname: str | None = None
    """The server that is asked; None: not known. It is not exported."""

    def export(self) -> dict[str, Any]:
        """The `span_data` object of the span's JSON, of fields that OpenAI's exporter knows."""
        exported = SpanData.export(self)
        del exported["hostname"]
        return exported


@dataclass(slots=True, eq=False, repr=False)
class ResponseSpanData(SpanData):
    """One call of a model, told by the response that the server keeps."""

    type: ClassVar[str] = "response"
    response: Any = None
    """A Responses API object, or None; its id is what is exported."""
    input: Any = None
    """The input of the call; it is not exported, since the server has it."""

    def export(self) -> dict[str, Any]:
        """The `span_data` object of the span's JSON: the type and the response's id."""
        return {"type": self.type, "response_id": getattr(self.response, "id", None)}


@dataclass(slots=True, eq=False, repr=False)
class FunctionSpanData(SpanData):
    """One call of a tool."""

    type: ClassVar[str] = "function"
    name: str
    input: Any = None
    """The arguments as the model wrote them, a JSON text."""
    output: Any = None
    """What the model is told."""
    mcp_data: dict[str, Any] | None = None
    """{"server": ...}, where the tool is an MCP server's."""

    def export(self) -> dict[str, Any]:
        """The `span_data` object of the span's JSON, without `mcp_data` where there is none."""
        exported = SpanData.export(self)
        return {name: exported[name] for name in exported if name != "mcp_data" or exported[name]}


@dataclass(slots=True, eq=False, repr=False)
class MCPListToolsSpanData(SpanData):
    """The tools of an MCP server are listed."""

    type: ClassVar[str] = "mcp_tools"
    server: str
    """The server's name."""
    result: list[str] | None = None
    """The tools' names."""


@dataclass(slots=True, eq=False, repr=False)
class GuardrailSpanData(SpanData):
    """One check by a guardrail."""

    type: ClassVar[str] = "guardrail"
    name: str
    triggered: bool = False
    """Whether it tripped."""


@dataclass(slots=True, eq=False, repr=False)
class HandoffSpanData(SpanData):
    """One agent hands over to another."""

    type: ClassVar[str] = "handoff"
    from_agent: str | None = None
    """Name of the agent that handed over; None: not known."""
    to_agent: str | None = None
    """Name of the agent that took over; None: not known, or not yet."""


@dataclass(slots=True, eq=False, repr=False)
class CustomSpanData(SpanData):
    """Anything else that is worth a span."""

    type: ClassVar[str] = "custom"
    name: str
    data: dict[str, Any] | None = None
    """Facts about it, or None."""
