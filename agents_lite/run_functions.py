"""What the functions of a run's config are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias

from .run_context import RunContextWrapper, TContext
from .taken_whole import TakenWhole

if TYPE_CHECKING:
    from .agent import Agent
    from .items import TResponseInputItem

__all__ = ["CallModelData", "ModelInputData", "ToolErrorFormatter", "ToolErrorFormatterArgs"]


@dataclass
class ModelInputData(TakenWhole):
    """What the model is about to be sent."""

    input: list[TResponseInputItem]
    """Input items."""
    instructions: str | None
    """The system prompt, or None."""


@dataclass
class CallModelData(TakenWhole, Generic[TContext]):
    """What a `call_model_input_filter` is given."""

    model_data: ModelInputData
    """Input and instructions, a copy that may be changed."""
    agent: Agent[TContext]
    """The agent at work."""
    context: TContext = field(repr=False)
    """The user's context object."""


@dataclass
class ToolErrorFormatterArgs(TakenWhole, Generic[TContext]):
    """What a `tool_error_formatter` is given."""

    kind: Literal["approval_rejected", "tool_not_found", "tool_exception"]
    """What the model is to be told of: a person rejected the call; there is no such tool and the
    run says `tool_not_found="tell_model"`; or a tool without a `failure_error_function` of its own
    has failed."""
    tool_type: Literal["function", "computer", "shell", "local_shell", "apply_patch", "custom"]
    """The kind of tool."""
    tool_name: str
    """The tool that the call names."""
    call_id: str
    """The call."""
    default_message: str
    """What the model would be told."""
    run_context: RunContextWrapper[TContext]
    """The run's context."""
    error: Exception | None = field(default=None, repr=False)
    """What the tool raised, or None."""


ToolErrorFormatter: TypeAlias = Callable[[ToolErrorFormatterArgs[TContext]], Any]
"""Says what the model is told, or None for the default message; `def` or `async def`."""
