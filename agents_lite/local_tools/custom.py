"""A tool that is called with free text in place of JSON.

Source: https://platform.openai.com/docs/guides/function-calling#custom-tools
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..checks import check_takes
from ..told_output import output_for_model
from ..tool import (
    LocalTool,
    NeedsApproval,
    OnApproval,
    ToolErrorFunction,
    check_tool_name,
    default_tool_error_function,
)

if TYPE_CHECKING:
    from ..running.turn.tool_call import ToolCall


@dataclass
class CustomTool(LocalTool):
    """The model calls a function with one text, in a grammar if need be."""

    call_type: ClassVar[str] = "custom_tool_call"
    name: str
    """Letters, digits, _ and -, at most 64 of them."""
    description: str
    """Tells the model what the tool does and when to use it."""
    on_invoke_tool: Callable[..., Any]
    """Called with the call's context and the text; `def` or `async def`. What it returns is the
    output: text, or anything else that `output_for_model` takes."""
    format: dict[str, Any] | None = None
    """What the text has to be like, {"type": "grammar", "syntax": "lark", "definition": ...}; None:
    any text."""
    needs_approval: NeedsApproval = False
    """Whether a call waits for consent, or a function of context, text and call id."""
    on_approval: OnApproval | None = None
    """Decides about a call that needs an approval; None asks a person: the run pauses."""
    failure_error_function: ToolErrorFunction | None = default_tool_error_function
    """Turns an exception of the tool into what the model is told; None lets it leave the run."""

    def __post_init__(self) -> None:
        """Check what was given.

        Raises:
            UserError: The name or the function cannot be used.
        """
        check_tool_name(self.name, "tool", "the name of CustomTool")
        check_takes(self.on_invoke_tool, f"Tool {self.name}: on_invoke_tool", "context", "text")
        explain = self.failure_error_function
        if explain is not None:
            owner = f"Tool {self.name}: failure_error_function"
            check_takes(explain, owner, "context", "error")
        self.check_approvals()

    def to_request(self) -> dict[str, Any]:
        """The tool as an element of `tools` in a request to the Responses API."""
        request = {"type": "custom", "name": self.name, "description": self.description}
        return request if self.format is None else {**request, "format": self.format}

    def is_meant(self, raw: Any) -> bool:
        """Whether a call bears the tool's name."""
        return bool(raw.get("name") == self.name)

    def asked_of(self, raw: Any) -> Any:
        """The text."""
        return str(raw.get("input") or "")

    def carry_out(self, call: ToolCall) -> tuple[dict[str, Any], Any]:
        """Call the function."""
        output = call.ask(self.on_invoke_tool, call.context, call.asked_for)
        return {"output": output_for_model(output)}, output

    def stand_in(self, call: ToolCall, shown: Any, is_refusal: bool) -> tuple[dict[str, Any], Any]:
        """The words."""
        return {"output": shown}, shown

    def explain(self, call: ToolCall, error: Exception) -> tuple[dict[str, Any], Any]:
        """What `failure_error_function` makes of it; without one the failure leaves the run."""
        if self.failure_error_function is None:
            raise error
        words = call.ask(self.failure_error_function, call.context, error)
        return {"output": output_for_model(words)}, words
