"""Objects of the Responses API: light attribute views of the JSON that was received.

Nothing is validated and nothing is dropped: fields and types that this package has never heard of
are there all the same. The classes below name the common types, for `isinstance` and for editors;
their annotations say which fields to expect.

Source of all shapes: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args

from pydantic_core import from_json, to_json

__all__ = ["ResponseStreamEvent", "ResponsesObject"]


class ResponsesObject:
    """A JSON object whose fields are attributes, at every depth.

    `obj.name` and `obj["name"]` both read a field. A missing field raises AttributeError (or
    KeyError); `obj.get("name")` gives None for it.
    """

    __slots__ = ("_fields",)

    _fields: dict[str, Any]

    def __init__(self, _fields: dict[str, Any] | None = None, /, **fields: Any) -> None:
        """Take a JSON object as it is (it is not copied), or fields by name."""
        self._fields = fields if _fields is None else _fields

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """For `isinstance`: the class of the same name in the `openai` package, once it is there.

        Asked for only where the object is of no class of this module.
        """
        types = sys.modules.get("openai.types.responses")
        return type(self) if types is None else _class_in_openai(self, types)

    @property
    def __pydantic_validator__(self) -> None:
        """Older versions of pydantic ask for it before they ask for the class."""
        if "openai.types.responses" not in sys.modules:
            raise AttributeError

    def __getattr__(self, name: str) -> Any:
        try:
            value = self._fields[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}") from None
        kind = type(value)
        return as_object(value) if kind is dict or kind is list else value

    def __getitem__(self, name: str) -> Any:
        return as_object(self._fields[name])

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """The fields with their names, as of a pydantic model; so `dict(...)` has them all."""
        return ((name, as_object(value)) for name, value in self._fields.items())

    def get(self, name: str, default: Any = None) -> Any:
        """The field, or `default` where there is none."""
        value = self._fields.get(name, default)
        kind = type(value)
        return as_object(value) if kind is dict or kind is list else value

    def model_dump(self, *, exclude_none: bool = False, **_options: Any) -> dict[str, Any]:
        """The JSON object as it was received, as a copy of its own.

        Args:
            exclude_none: Leave out top-level fields that are null.
            _options: Other options of pydantic's `model_dump` are accepted; there is nothing
                unset or defaulted here for them to act on.
        """
        fields = copy.deepcopy(self._fields)
        return {k: v for k, v in fields.items() if v is not None} if exclude_none else fields

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """The JSON text of the object."""
        return to_json(self._fields, indent=indent).decode()

    to_dict = model_dump
    to_json = model_dump_json

    def __eq__(self, other: object) -> bool:
        return bool(self._fields == as_json(other))

    __hash__ = None  # type: ignore[assignment]  # equal by value and mutable, like a dict

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._fields.items())
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._fields,)


def as_object(value: Any) -> Any:
    """JSON as attribute objects, each of the class of its `type`; lists element by element."""
    kind = type(value)
    if kind is dict:
        type_name = value.get("type")
        try:
            return _CLASSES.get(type_name, ResponsesObject)(value)
        except TypeError:  # a JSON Schema may hold a list as its "type"
            return ResponsesObject(value)
    if kind is list:
        return [as_object(element) for element in value]
    return value


def as_json(value: Any) -> Any:
    """The JSON value behind an attribute object, not copied; anything else as it is.

    Of an object of the `openai` package: what was set.
    """
    if isinstance(value, ResponsesObject):
        return value._fields
    dump = getattr(value, "model_dump", None)
    return value if dump is None else dump(mode="json", exclude_unset=True, warnings=False)


def as_python(value: Any) -> Any:
    """A number or an array of NumPy or its like as Python's own, lists for arrays; a model of
    `pydantic.v1` as a dict.

    Raises:
        TypeError: It is something else.
    """
    plain = getattr(value, "dict" if hasattr(value, "__fields__") else "tolist", None)
    if isinstance(value, type) or plain is None:
        raise TypeError(f"Unable to serialize unknown type: {type(value)}")
    return plain()


def json_bytes(value: Any) -> bytes:
    """The JSON of a JSON value; half a character stays an escape in it."""
    try:
        return to_json(value)
    except ValueError:
        return json.dumps(value).encode()


def json_text(value: Any) -> str:
    """The same as text."""
    return json_bytes(value).decode()


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text, half characters included.

    Raises:
        ValueError: It is none, or is nested too deep.
    """
    try:
        return from_json(text)
    except (ValueError, TypeError):  # the latter of half a character that is no escape
        pass
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _quick(name: str) -> Any:
    """A field as a property: read many thousand times a second, ten times as quick."""

    def read(event: ResponsesObject) -> Any:
        try:
            return event._fields[name]
        except KeyError:
            raise AttributeError(f"{type(event).__name__} has no field {name!r}") from None

    return property(read)


class ResponseStreamEvent(ResponsesObject):
    """An event of a response's stream; `type` says which."""

    __slots__ = ("delta",)
    delta: Any
    """Filled in where thousands come; else, as any field, read from the JSON, if it is there."""
    type: str = _quick("type")


class Response(ResponsesObject):
    """A whole response."""

    __slots__ = ()
    id: str
    status: str
    output: list[Any]
    usage: Any


class ResponseOutputMessage(ResponsesObject):
    """A message of the model."""

    __slots__ = ()
    type: Literal["message"]
    id: str
    role: Literal["assistant"]
    content: list[Any]
    status: str


class ResponseOutputText(ResponsesObject):
    """A text part of a message."""

    __slots__ = ()
    type: Literal["output_text"]
    text: str
    annotations: list[Any]


class ResponseOutputRefusal(ResponsesObject):
    """A part of a message in which the model declines to answer."""

    __slots__ = ()
    type: Literal["refusal"]
    refusal: str


class ResponseFunctionToolCall(ResponsesObject):
    """The model asks for a function; `arguments` is JSON text."""

    __slots__ = ()
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str


class ResponseReasoningItem(ResponsesObject):
    """The model's reasoning: a summary for people, `encrypted_content` for the next request."""

    __slots__ = ()
    type: Literal["reasoning"]
    id: str
    summary: list[Any]


class ResponseComputerToolCall(ResponsesObject):
    """The model asks for an action on a computer."""

    __slots__ = ()
    type: Literal["computer_call"]
    call_id: str
    action: Any
    pending_safety_checks: list[Any]


class ResponseFunctionWebSearch(ResponsesObject):
    """The server searched the web."""

    __slots__ = ()
    type: Literal["web_search_call"]
    id: str
    status: str


class ResponseFileSearchToolCall(ResponsesObject):
    """The server searched vector stores."""

    __slots__ = ()
    type: Literal["file_search_call"]
    id: str
    queries: list[str]
    results: Any


class ResponseCodeInterpreterToolCall(ResponsesObject):
    """The server ran code."""

    __slots__ = ()
    type: Literal["code_interpreter_call"]
    id: str
    code: str | None


class ImageGenerationCall(ResponsesObject):
    """The server made an image; `result` is base64."""

    __slots__ = ()
    type: Literal["image_generation_call"]
    id: str
    result: str | None


class McpCall(ResponsesObject):
    """The server called a tool of an MCP server."""

    __slots__ = ()
    type: Literal["mcp_call"]
    id: str
    name: str
    arguments: str
    server_label: str


class McpListTools(ResponsesObject):
    """The server listed an MCP server's tools."""

    __slots__ = ()
    type: Literal["mcp_list_tools"]
    id: str
    server_label: str
    tools: list[Any]


class McpApprovalRequest(ResponsesObject):
    """The server asks whether it may call a tool of an MCP server."""

    __slots__ = ()
    type: Literal["mcp_approval_request"]
    id: str
    name: str
    arguments: str
    server_label: str


class ResponseTextDeltaEvent(ResponseStreamEvent):
    """Some more text of a message."""

    __slots__ = ()
    type: Literal["response.output_text.delta"] = "response.output_text.delta"
    delta: str
    item_id: str
    output_index: int
    content_index: int


class ResponseFunctionCallArgumentsDeltaEvent(ResponseStreamEvent):
    """Some more of a function call's arguments."""

    __slots__ = ()
    type: Literal["response.function_call_arguments.delta"] = (
        "response.function_call_arguments.delta"
    )
    delta: str
    item_id: str
    output_index: int


class ResponseReasoningSummaryTextDeltaEvent(ResponseStreamEvent):
    """Some more of a reasoning summary."""

    __slots__ = ()
    type: Literal["response.reasoning_summary_text.delta"] = (
        "response.reasoning_summary_text.delta"
    )
    delta: str
    item_id: str
    output_index: int


class ResponseOutputItemDoneEvent(ResponseStreamEvent):
    """An output item is complete."""

    __slots__ = ()
    item: Any
    output_index: int


class ResponseCompletedEvent(ResponseStreamEvent):
    """The response is complete."""

    __slots__ = ("request_id",)
    response: Response
    request_id: str | None
    """The server's id of the HTTP request; there when the event came over HTTP."""


_CLASSES: dict[Any, type[ResponsesObject]] = {
    "message": ResponseOutputMessage,
    "output_text": ResponseOutputText,
    "refusal": ResponseOutputRefusal,
    "function_call": ResponseFunctionToolCall,
    "reasoning": ResponseReasoningItem,
    "computer_call": ResponseComputerToolCall,
    "web_search_call": ResponseFunctionWebSearch,
    "file_search_call": ResponseFileSearchToolCall,
    "code_interpreter_call": ResponseCodeInterpreterToolCall,
    "image_generation_call": ImageGenerationCall,
    "mcp_call": McpCall,
    "mcp_list_tools": McpListTools,
    "mcp_approval_request": McpApprovalRequest,
}

_EVENT_CLASSES: dict[Any, type[ResponseStreamEvent]] = {
    "response.output_text.delta": ResponseTextDeltaEvent,
    "response.function_call_arguments.delta": ResponseFunctionCallArgumentsDeltaEvent,
    "response.reasoning_summary_text.delta": ResponseReasoningSummaryTextDeltaEvent,
    "response.output_item.done": ResponseOutputItemDoneEvent,
    "response.completed": ResponseCompletedEvent,
}


def as_stream_event(fields: dict[str, Any]) -> ResponseStreamEvent:
    """A stream event's JSON as an object of the class of its `type`."""
    try:
        kind = _EVENT_CLASSES.get(fields.get("type"), ResponseStreamEvent)
    except TypeError:  # a type that is no text
        kind = ResponseStreamEvent
    event = kind.__new__(kind)  # streams have thousands of events: this is quicker than a call
    event._fields = fields
    return event


_classes_in_openai: dict[Any, type] = {}


def _class_in_openai(value: ResponsesObject, types: Any) -> type:
    """The class that the `openai` package has for an object, or else its own."""
    if not _classes_in_openai:
        try:
            _classes_in_openai.update(_find_classes(types))
        except AttributeError:  # that module is being imported, or is another one some day
            return type(value)
    fields = value._fields
    kind = fields.get("type") or fields.get("object")
    return _classes_in_openai.get(kind, type(value)) if isinstance(kind, str) else type(value)


def _find_classes(types: Any) -> Iterator[tuple[Any, type]]:
    """The classes of `openai.types.responses` by the `type` of their objects."""
    for union in (types.ResponseStreamEvent, types.ResponseOutputItem):
        for kind in get_args(get_args(union)[0]):
            yield get_args(kind.model_fields["type"].annotation)[0], kind
    yield "output_text", types.ResponseOutputText
    yield "refusal", types.ResponseOutputRefusal
    yield "response", types.Response
