"""Hooks: the user's functions called at each step of a run."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic
from weakref import WeakSet

from .checks import check_takes
from .exceptions import UserError
from .run_context import RunContextWrapper, TContext

if TYPE_CHECKING:
    from .agent import Agent
    from .items import ModelResponse, TResponseInputItem
    from .tool import Tool

__all__ = ["AgentHooks", "RunHooks"]


_fitting: WeakSet[type] = WeakSet()
"""Classes of hooks whose methods take what they are given."""


def check_hooks(hooks: Any) -> None:
    """Raise UserError for hooks with a method that does not take what it is given."""
    kind = type(hooks)
    if hooks is None or kind in _fitting:
        return
    base = RunHooks if isinstance(hooks, RunHooks) else AgentHooks
    for name in filter(lambda each: each.startswith("on_"), dir(base)):
        declared, method = getattr(base, name), getattr(hooks, name)
        if getattr(kind, name, None) is declared:
            continue
        _, *wanted = inspect.signature(declared).parameters
        owner = f"{kind.__name__}.{name}"
        if name == "on_agent_start":  # with the input, or without
            wanted = ["context", "agent", "input_data"]
            with suppress(UserError):
                check_takes(method, owner, *wanted)
                continue
            wanted.pop()
        check_takes(method, owner, *wanted)
    _fitting.add(kind)


class StepHooks(Generic[TContext]):
    """What run hooks and agent hooks have in common."""

    def on_tool_start(
        self, context: RunContextWrapper[TContext], agent: Agent[TContext], tool: Tool
    ) -> Any:
        """A local tool is about to run; the context is a `ToolContext`."""

    def on_tool_end(
        self,
        context: RunContextWrapper[TContext],
        agent: Agent[TContext],
        tool: Tool,
        result: Any,
    ) -> Any:
        """A local tool has run."""

    def on_llm_start(
        self,
        context: RunContextWrapper[TContext],
        agent: Agent[TContext],
        system_prompt: str | None,
        input_items: list[TResponseInputItem],
    ) -> Any:
        """The model is about to be called, with these instructions and this input."""

    def on_llm_end(
        self,
        context: RunContextWrapper[TContext],
        agent: Agent[TContext],
        response: ModelResponse,
    ) -> Any:
        """The model has answered; nothing of the answer has been acted on yet."""


class RunHooks(StepHooks[TContext]):
    """Hooks for a whole run, whichever agent is at work. Override what you need.

    Each method may be `def` or `async def`; an exception in one fails the run. Hooks written for
    the OpenAI Agents SDK, where `on_agent_start` takes no `input_data`, are called as well.
    """

    def on_agent_start(
        self,
        context: RunContextWrapper[TContext],
        agent: Agent[TContext],
        *input_data: Any,
        **_named: Any,
    ) -> Any:
        """An agent takes over: at the start, and after each handoff. Not called on every turn.

        Write it with a third parameter for the input the agent gets, or without.
        """

    def on_agent_end(
        self, context: RunContextWrapper[TContext], agent: Agent[TContext], output: Any
    ) -> Any:
        """The last agent has produced the final output."""

    def on_handoff(
        self,
        context: RunContextWrapper[TContext],
        from_agent: Agent[TContext],
        to_agent: Agent[TContext],
    ) -> Any:
        """An agent handed over to another."""

    def on_tool_call_start(
        self,
        context: RunContextWrapper[TContext],
        agent: Agent[TContext],
        tool_name: str,
        tool_arguments: dict[str, Any],
    ) -> Any:
        """A local tool is about to run. Arguments that are no JSON object are shown as {}."""

    def on_tool_call_end(
        self,
        context: RunContextWrapper[TContext],
        agent: Agent[TContext],
        tool_name: str,
        tool_output: Any,
    ) -> Any:
        """A local tool has run."""


class AgentHooks(StepHooks[TContext]):
    """Hooks for one agent, set as `Agent(hooks=...)`. Override what you need.

    Each method may be `def` or `async def`; an exception in one fails the run.
    """

    def on_start(self, context: RunContextWrapper[TContext], agent: Agent[TContext]) -> Any:
        """This agent takes over."""

    def on_end(
        self, context: RunContextWrapper[TContext], agent: Agent[TContext], output: Any
    ) -> Any:
        """This agent has produced the run's final output."""

    def on_handoff(
        self,
        context: RunContextWrapper[TContext],
        agent: Agent[TContext],
        source: Agent[TContext],
    ) -> Any:
        """`source` handed over to this agent."""
