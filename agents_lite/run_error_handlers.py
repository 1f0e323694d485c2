"""What a run ends with in place of an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from .run_context import RunContextWrapper, TContext
from .taken_whole import TakenWhole

if TYPE_CHECKING:
    from .agent import Agent
    from .exceptions import AgentsException
    from .result import RunErrorDetails

__all__ = [
    "RunErrorHandler",
    "RunErrorHandlerInput",
    "RunErrorHandlerResult",
    "RunErrorHandlers",
]


@dataclass
class RunErrorHandlerInput(TakenWhole, Generic[TContext]):
    """What an error handler is given."""

    context: RunContextWrapper[TContext]
    """The run's context."""
    agent: Agent[Any]
    """The agent at work."""
    error: AgentsException
    """The error that the run would end with."""
    run_data: RunErrorDetails
    """What the run has done."""


@dataclass
class RunErrorHandlerResult:
    """A final output in place of an error."""

    final_output: Any
    """The run's final output."""
    include_in_history: bool = True
    """Whether it is added to the conversation, as a message of the agent."""


RunErrorHandler: TypeAlias = Callable[[RunErrorHandlerInput[TContext]], Any]
"""Returns a final output, a `RunErrorHandlerResult`, or None to let the error be; `def` or
`async def`."""
RunErrorHandlers: TypeAlias = Mapping[str, RunErrorHandler[TContext]]
"""Handlers by the kind of error."""
