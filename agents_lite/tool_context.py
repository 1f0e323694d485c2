"""What a tool's function gets to see of its call."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
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

    @classmethod
    def from_agent_context(
        cls,
        context: RunContextWrapper[TContext],
        tool_call_id: str,
        tool_call: Any = None,
        agent: Agent[TContext] | None = None,
        *,
        tool_name: str | None = None,
        tool_arguments: str | None = None,
        run_config: RunConfig | None = None,
    ) -> ToolContext[TContext]:
        """The context of a call that is made by hand, out of the one around it.

        Args:
            context: Of a run, of another call, or one made by hand.
            tool_call_id: The call's id.
            tool_call: The call as the model made it, or None.
            agent: The agent that called; None: the one of the call around it.
            tool_name: None: as the call says.
            tool_arguments: JSON text; None: as the call says.
            run_config: Options of the run; None: those of the call around it.

        Raises:
            UserError: There is neither a call nor a name with arguments.
        """
        name = getattr(tool_call, "name", None) if tool_name is None else tool_name
        text = getattr(tool_call, "arguments", None) if tool_arguments is None else tool_arguments
        if name is None or text is None:
            raise UserError("Give tool_call, or tool_name and tool_arguments")
        inherited = {each.name: getattr(context, each.name) for each in fields(RunContextWrapper)}
        return cls(
            **inherited,
            tool_name=name,
            tool_call_id=tool_call_id,
            tool_arguments=text,
            tool_call=tool_call,
            agent=agent or getattr(context, "agent", None),
            run_config=run_config or getattr(context, "run_config", None),
            cancellation=getattr(context, "cancellation", None),
        )

    @property
    def idempotency_key(self) -> str:
        """Names this call, the same at each attempt to make it: for services that take such a key.

        Raises:
            UserError: The tool was called outside a run.
        """
        if self.run is None:
            raise UserError("Only calls that a run makes have an idempotency key")
        return self.run.record.call_key(self.tool_call_id)
