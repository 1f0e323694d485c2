"""What the user's own functions get to see of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from .taken_whole import TakenWhole
from .usage import Usage

if TYPE_CHECKING:
    from .items import TResponseInputItem

__all__ = ["AgentHookContext", "RunContextWrapper", "TContext"]

TContext = TypeVar("TContext", default=Any)


@dataclass(eq=False)
class RunContextWrapper(TakenWhole, Generic[TContext]):
    """Handed to every tool, hook, guardrail, instruction function and filter of a run.

    Nothing in it is sent to the model.
    """

    context: TContext = field(repr=False)
    """The object passed to the run as `context=`, or None."""
    usage: Usage = field(default_factory=Usage)
    """Requests and tokens of the run so far."""
    usage_by_agent: dict[str, Usage] = field(default_factory=dict)
    """The same, split by the agent's name."""
    turn_input: list[TResponseInputItem] = field(default_factory=list)
    """What the agent at work was given when it took over: input items."""
    tool_input: Any = field(default=None, repr=False, kw_only=True)
    """Within the run of an agent tool with `parameters`, what those were given: JSON; or None."""


AgentHookContext = RunContextWrapper
"""The context as hooks of agents are given it."""
