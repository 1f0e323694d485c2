"""What a tool's function gets to see of its call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .exceptions import UserError
from .run_context import RunContextWrapper, TContext

if TYPE_CHECKING:
    from .agent import Agent
    from .concurrency.cancellation import Cancellation
    from .run_config import RunConfig
    from .running.live_run import LiveRun

__all__ = ["ToolContext"]


@dataclass(eq=False)
class ToolContext(RunContextWrapper[TContext]):
    """The context of one tool call."""

    tool_name: str = ""
    """The tool that was called."""
    tool_call_id: str = ""
    """The call's id, as the model gave it."""
    tool_arguments: str = ""
    """The call's arguments: JSON text."""
    tool_call: Any = field(default=None, repr=False)
    """The call as the model made it, or None outside a run."""
    agent: Agent[TContext] | None = field(default=None, repr=False)
    """The agent that called, or None outside a run."""
    run_config: RunConfig | None = field(default=None, repr=False)
    """Options of the run, or None outside a run."""
    run: LiveRun | None = field(default=None, repr=False)
    """The run that the call is made in, or None outside a run."""
    cancellation: Cancellation | None = field(default=None, repr=False)
    """Stops the call; None outside a run."""

    @property
    def idempotency_key(self) -> str:
        """Names this call, the same at each attempt to make it: for services that take such a key.

        Raises:
            UserError: The tool was called outside a run.
        """
        if self.run is None:
            raise UserError("Only calls that a run makes have an idempotency key")
        return self.run.record.call_key(self.tool_call_id)
