"""What the user's own functions get to see of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from .usage import Usage

if TYPE_CHECKING:
    from .agent import Agent
    from .concurrency.calling import Callbacks
    from .concurrency.cancellation import Cancellation
    from .run_config import RunConfig

TContext = TypeVar("TContext", default=Any)


@dataclass(eq=False)
class RunContextWrapper(Generic[TContext]):
    """Handed to every tool, hook, guardrail, instruction function and filter of a run.

    Nothing in it is sent to the model.
    """

    context: TContext
    """The object passed to the run as `context=`, or None."""
    usage: Usage = field(default_factory=Usage)
    """Requests and tokens of the run so far."""
    usage_by_agent: dict[str, Usage] = field(default_factory=dict)
    """The same, split by the agent's name."""

    def add_usage(self, agent_name: str, usage: Usage) -> None:
        """Count what an agent has used."""
        self.usage.add(usage)
        self.usage_by_agent.setdefault(agent_name, Usage()).add(usage)


@dataclass(eq=False)
class ToolContext(RunContextWrapper[TContext]):
    """The context of one tool call."""

    tool_name: str = ""
    """The tool that was called."""
    tool_call_id: str = ""
    """The call's id, as the model gave it."""
    tool_arguments: str = ""
    """The call's arguments: JSON text."""
    agent: Agent[TContext] | None = field(default=None, repr=False)
    """The agent that called, or None outside a run."""
    run_config: RunConfig | None = field(default=None, repr=False)
    """Options of the run, or None outside a run."""
    callbacks: Callbacks | None = field(default=None, repr=False)
    """How the run calls functions, for a run inside this call; None outside a run."""
    cancellation: Cancellation | None = field(default=None, repr=False)
    """Stops the call; None outside a run."""
