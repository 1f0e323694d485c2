"""What a run produced: messages, tool calls and their outputs, handoffs, reasoning."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic_core import to_json

from .exceptions import UserError
from .response_types import ResponsesObject, ResponseStreamEvent, as_json, json_text
from .shown import html_table, in_few_words, repr_of
from .taken_whole import TakenWhole
from .told_output import output_for_model
from .usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .agent import Agent
    from .mcp.objects import MCPElicitation

__all__ = [
    "CompactionItem",
    "HandoffCallItem",
    "HandoffOutputItem",
    "InputItem",
    "ItemHelpers",
    "MCPApprovalRequestItem",
    "MCPApprovalResponseItem",
    "MCPListToolsItem",
    "MessageOutputItem",
    "ModelResponse",
    "ReasoningItem",
    "RunItem",
    "RunItemBase",
    "TResponseInputItem",
    "ToolApprovalItem",
    "ToolCallItem",
    "ToolCallOutputItem",
    "UnknownItem",
]

TResponseInputItem = dict[str, Any]
"""An input item as the Responses API takes it, {"role": ..., "content": ...} or with a "type"."""

TResponseOutputItem: TypeAlias = Any
"""An item of an answer: a Responses API object."""
TResponseStreamEvent: TypeAlias = ResponseStreamEvent
"""An event of an answer's stream."""


_OF_IMAGE = ("id", "type", "status", "result")
"""Fields of an `image_generation_call` that the API takes back."""


def as_input(raw_item: Any) -> TResponseInputItem:
    """An item of an answer as the API takes it back."""
    item: TResponseInputItem = as_json(raw_item)
    if item.get("type") == "image_generation_call":  # which says how the image was made, besides
        return {name: value for name, value in item.items() if name in _OF_IMAGE}
    if is_taken_back(item):
        return item
    is_reasoning = item.get("type") == "reasoning"
    refused = {"created_by", "status"} if is_reasoning else {"created_by"}
    not_null = {"id", "status", "content"} if is_reasoning else {"id", "status"}
    taken = {
        name: value
        for name, value in item.items()
        if name not in refused and not (value is None and name in not_null)
    }
    if _names_makers(item):
        taken["output"] = [
            {name: value for name, value in part.items() if name != "created_by"}
            for part in item["output"]
        ]
    return taken


def is_taken_back(item: TResponseInputItem) -> bool:
    """Whether an item holds nothing that only answers have, which the API refuses in a request."""
    if "created_by" in item or item.get("id", "") is None or item.get("status", "") is None:
        return False
    kind = item.get("type")
    if kind == "reasoning":
        return "status" not in item and item.get("content", "") is not None
    return kind != "shell_call_output" or not _names_makers(item)


def _names_makers(item: TResponseInputItem) -> bool:
    """Whether the output of commands says of each who ran it."""
    parts = item.get("output") if item.get("type") == "shell_call_output" else None
    return isinstance(parts, list) and any("created_by" in part for part in parts)


@dataclass(repr=False)
class ModelResponse:
    """One answer of the model."""

    output: list[Any]
    """Output items: Responses API objects."""
    usage: Usage
    """One request and its tokens."""
    response_id: str | None = None
    """The server's id of the response, or None when it gave none."""
    request_id: str | None = None
    """The server's id of the HTTP request (`x-request-id`), or None when it named none."""
    referenceable_id: InitVar[str | None] = None
    """The response's id under an older name."""

    def __post_init__(self, referenceable_id: str | None) -> None:
        if referenceable_id is not None:
            self.response_id = referenceable_id

    def to_input_items(self) -> list[TResponseInputItem]:
        """The output as input items of a later request."""
        return [as_input(item) for item in self.output]

    def __repr__(self) -> str:
        kinds = ", ".join(str(_field(item, "type")) for item in self.output)
        return f"<ModelResponse {self.response_id}: {kinds}; {self.usage.in_words()}>"


@dataclass(repr=False)
class RunItemBase(TakenWhole):
    """One thing that happened in a run."""

    agent: Agent[Any]
    """The agent whose turn it was."""
    raw_item: Any
    """The Responses API object."""
    type: ClassVar[str]
    """What kind of item it is; type checkers tell the classes apart by it."""

    def to_input_item(self) -> TResponseInputItem:
        """The item as input of a later request: the JSON as it was received or sent.

        Fields that only answers have are left out.
        """
        return as_input(self.raw_item)

    def in_words(self) -> str:
        """What it is about, whole; a repr has the beginning of it."""
        return str(_field(self.raw_item, "type"))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.agent.name}: {in_few_words(self.in_words())}>"

    def _repr_html_(self) -> str:
        return html_table(f"{type(self).__name__} of {self.agent.name}", [("", self.in_words())])


class MessageOutputItem(RunItemBase):
    """A message from the model."""

    type: ClassVar[Literal["message_output_item"]] = "message_output_item"

    def in_words(self) -> str:
        """The text, or the refusal."""
        text = ItemHelpers.extract_text(self.raw_item)
        return text or ItemHelpers.extract_refusal(self.raw_item) or ""


class ReasoningItem(RunItemBase):
    """The model's reasoning."""

    type: ClassVar[Literal["reasoning_item"]] = "reasoning_item"

    def in_words(self) -> str:
        """Its summary, as far as there is one."""
        parts = _field(self.raw_item, "summary")
        parts = parts if isinstance(parts, list) else []
        return " ".join(str(_field(part, "text")) for part in parts)


class ToolCallItem(RunItemBase):
    """The model called a tool: a function, a computer, or a tool that its server runs."""

    type: ClassVar[Literal["tool_call_item"]] = "tool_call_item"

    @property
    def tool_name(self) -> str:
        """The tool that is called."""
        return tool_name_of(self.raw_item)

    @property
    def call_id(self) -> str | None:
        """The call's id."""
        return _call_id(self.raw_item)

    def in_words(self) -> str:
        """Tool and arguments."""
        return f"{self.tool_name}({arguments_of(self.raw_item)})"


@dataclass(repr=False)
class ToolCallOutputItem(RunItemBase):
    """A tool was called; the raw item is what the model gets to see."""

    output: Any
    """What the tool returned, as the object it was."""
    type: ClassVar[Literal["tool_call_output_item"]] = "tool_call_output_item"

    @property
    def call_id(self) -> str | None:
        """The id of the call that it answers."""
        return _call_id(self.raw_item)

    def in_words(self) -> str:
        """The output, as the model gets to see it."""
        shown = _field(self.raw_item, "output")
        return shown if isinstance(shown, str) else to_json(shown, fallback=repr).decode()


class HandoffCallItem(RunItemBase):
    """The model asked to hand over to another agent."""

    type: ClassVar[Literal["handoff_call_item"]] = "handoff_call_item"

    def in_words(self) -> str:
        """The handoff's name and its arguments."""
        return f"{_field(self.raw_item, 'name')}({arguments_of(self.raw_item)})"


@dataclass(repr=False)
class HandoffOutputItem(RunItemBase):
    """A handoff took place."""

    source_agent: Agent[Any]
    """The agent that handed over."""
    target_agent: Agent[Any]
    """The agent that took over."""
    type: ClassVar[Literal["handoff_output_item"]] = "handoff_output_item"

    def in_words(self) -> str:
        """From whom to whom."""
        return f"{self.source_agent.name} -> {self.target_agent.name}"


class MCPListToolsItem(RunItemBase):
    """The model's server listed the tools of an MCP server."""

    type: ClassVar[Literal["mcp_list_tools_item"]] = "mcp_list_tools_item"


class MCPApprovalRequestItem(RunItemBase):
    """The model's server asks whether it may call an MCP tool."""

    type: ClassVar[Literal["mcp_approval_request_item"]] = "mcp_approval_request_item"


class MCPApprovalResponseItem(RunItemBase):
    """The answer to such a request."""

    type: ClassVar[Literal["mcp_approval_response_item"]] = "mcp_approval_response_item"


class CompactionItem(RunItemBase):
    """The model's server folded earlier items into an opaque one."""

    type: ClassVar[Literal["compaction_item"]] = "compaction_item"


class InputItem(RunItemBase):
    """A message that the caller added to a run which goes on."""

    type: ClassVar[Literal["input_item"]] = "input_item"


@dataclass(repr=False)
class ToolApprovalItem(RunItemBase):
    """A call that waits for a person; the raw item is the call."""

    call_id: str = ""
    """The call's id; of an MCP server's question, the id of that."""
    reason: Literal["approval", "unknown_end", "input"] = "approval"
    """The call needs an approval; it was begun, and nobody knows how it ended; or an MCP server
    asks something before it goes on, see `question`."""
    question: MCPElicitation | None = None
    """What the server asks, or None."""
    question_name: str = ""
    """Which of the questions of the call it is."""
    inside: tuple[tuple[int, str], ...] = ()
    """Turn and call id of the agent tools that lead to it, outermost first; empty for a call of
    the outermost run."""
    type: ClassVar[Literal["tool_approval_item"]] = "tool_approval_item"

    @property
    def tool_name(self) -> str:
        """The tool that is to be called."""
        return tool_name_of(self.raw_item)

    name = tool_name

    @property
    def arguments(self) -> str:
        """The call's arguments: JSON text; for a computer, its actions, and so on."""
        return arguments_of(self.raw_item)

    def in_words(self) -> str:
        """Tool and arguments; or what an MCP server asks."""
        return f"{self.tool_name}({self.arguments}) waits: {self.reason}"


class UnknownItem(RunItemBase):
    """An output item of a kind this package does not know; it is passed on as it came."""

    type: ClassVar[Literal["unknown_item"]] = "unknown_item"


RunItem: TypeAlias = (
    MessageOutputItem
    | ReasoningItem
    | ToolCallItem
    | ToolCallOutputItem
    | HandoffCallItem
    | HandoffOutputItem
    | MCPListToolsItem
    | MCPApprovalRequestItem
    | MCPApprovalResponseItem
    | CompactionItem
    | InputItem
    | ToolApprovalItem
    | UnknownItem
)
"""Anything that happened in a run; `isinstance(item, RunItem)` is true of each."""


class ItemHelpers:
    """Reading text out of items, and making input items."""

    @staticmethod
    def input_to_new_input_list(
        input: str | list[TResponseInputItem],
    ) -> list[TResponseInputItem]:
        """Input as a list of items; a string becomes one user message."""
        if isinstance(input, str):
            return [{"role": "user", "content": input}]
        return list(as_input_items(input, "The input"))

    @staticmethod
    def extract_last_content(message: Any) -> str:
        """Text or refusal of a message's last part; "" for anything else."""
        parts = _parts(message)
        if not parts:
            return ""
        return str(parts[-1].get("text") or parts[-1].get("refusal") or "")

    @staticmethod
    def extract_last_text(message: Any) -> str | None:
        """Text of a message's last part, or None when that is no text."""
        parts = _parts(message)
        return parts[-1].get("text") if parts else None

    @staticmethod
    def extract_text(message: Any) -> str | None:
        """All text parts of a message joined, or None when it has none."""
        texts = [part["text"] for part in _parts(message) if part.get("text") is not None]
        return "".join(texts) if texts else None

    @staticmethod
    def extract_refusal(message: Any) -> str | None:
        """The words in which a message declines to answer, or None."""
        for part in _parts(message):
            if part.get("type") == "refusal":
                return str(part.get("refusal") or "")
        return None

    @staticmethod
    def text_message_output(item: RunItem) -> str:
        """All text of a message item."""
        return ItemHelpers.extract_text(item.raw_item) or ""

    @staticmethod
    def text_message_outputs(items: Iterable[RunItem]) -> str:
        """All text of all message items."""
        return "".join(
            ItemHelpers.text_message_output(item)
            for item in items
            if isinstance(item, MessageOutputItem)
        )

    @staticmethod
    def tool_call_output_item(tool_call: Any, output: Any) -> TResponseInputItem:
        """The input item that answers a function call.

        Args:
            tool_call: The Responses API `function_call`.
            output: What the tool returned: text, text, image and file outputs, or anything else,
                which becomes JSON.
        """
        return _output_fields(tool_call, output_for_model(output))


def as_input_items(items: Any, owner: str) -> list[TResponseInputItem]:
    """A user's list of input items, checked; also a tuple of them.

    Iterators in them become lists: pydantic makes them of `Iterable` fields, such as `content`.

    Raises:
        UserError: It is none; the message names whose it is.
    """
    if not isinstance(items, list | tuple):
        raise UserError(f"{owner} must be a list of input items, got {repr_of(items)}")
    for item in items:
        if not (isinstance(item, dict) and isinstance(item.get("type"), str | None)):
            known = ("to_input_item", "model_dump")
            way = next((f"; its {name}() is one" for name in known if hasattr(item, name)), "")
            wanted = "a dict such as {'role': ...}"
            raise UserError(f"{owner}: each input item must be {wanted}, got {repr_of(item)}{way}")
    if any(hasattr(value, "__next__") for item in items for value in item.values()):
        return list(map(_read, items))
    return items if isinstance(items, list) else list(items)


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _read(each) for key, each in value.items()}
    if isinstance(value, list | tuple) or hasattr(value, "__next__"):
        return list(map(_read, value))
    return value


def output_item(
    agent: Agent[Any], call: Any, shown: str | list[dict[str, Any]], output: Any
) -> ToolCallOutputItem:
    """The item for the output of a function's call, or of a custom tool's.

    Args:
        agent: The agent that called.
        call: The Responses API `function_call` or `custom_tool_call`.
        shown: What the model gets to see.
        output: What the tool returned.
    """
    return ToolCallOutputItem(agent, ResponsesObject(_output_fields(call, shown)), output)


def _output_fields(call: Any, shown: str | list[dict[str, Any]]) -> TResponseInputItem:
    fields = {"type": f"{call.type}_output", "call_id": call.call_id, "output": shown}
    return fields | caller_of(call)


def caller_of(call: Any) -> dict[str, Any]:
    """Who made a call, {"caller": ...}, which its output has to name, too; {} where none is told.

    Source: https://platform.openai.com/docs/guides/tools-programmatic-tool-calling
    """
    caller = getattr(call, "caller", None)
    return {} if caller is None else {"caller": as_json(caller)}


def arguments_of(call: Any) -> str:
    """What a call asks for: its arguments, JSON text; of other calls free text, or JSON of it."""
    fields = as_json(call)
    for name in ("arguments", "input"):
        if (given := fields.get(name)) is not None:
            return given if isinstance(given, str) else json_text(given)
    for name in ("operation", "actions"):
        if fields.get(name):
            return json_text(fields[name])
    action = fields.get("action")
    return json_text([action] if fields.get("type") == "computer_call" else action)


def _field(raw_item: Any, name: str) -> Any:
    """A field of what may be any object; None: there is none."""
    fields = as_json(raw_item)
    return fields.get(name) if isinstance(fields, dict) else None


def tool_name_of(raw_item: Any) -> str:
    """The name in a call; where there is none, the tool that calls of its type are for."""
    fields = as_json(raw_item)
    return str(fields.get("name") or fields["type"].removesuffix("_call"))


def _call_id(raw_item: Any) -> str | None:
    fields = as_json(raw_item)
    found = fields.get("call_id") or fields.get("id")
    return None if found is None else str(found)


def _parts(message: Any) -> list[dict[str, Any]]:
    """Content parts of a message that has any."""
    fields = as_json(message)
    if not isinstance(fields, dict):
        return []
    content = fields.get("content")
    if isinstance(content, str):
        return [{"type": "output_text", "text": content}]
    parts = content if isinstance(content, list) else []
    return [part for part in parts if isinstance(part, dict)]
