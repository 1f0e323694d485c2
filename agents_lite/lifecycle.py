"""Hooks: the user's functions called at each step of a run."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Generic

from .run_context import RunContextWrapper, TContext, ToolContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from .agent import Agent
    from .items import ModelResponse, TResponseInputItem
    from .tool import Tool


class _StepHooks(Generic[TContext]):
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


class RunHooks(_StepHooks[TContext]):
    """Hooks for a whole run, whichever agent is at work. Override what you need.

    Each method may be `def` or `async def`; an exception in one fails the run. Hooks written for
    the OpenAI Agents SDK, where `on_agent_start` takes no `input_data`, are called as well.
    """

    def on_agent_start(
        self, context: RunContextWrapper[TContext], agent: Agent[TContext], input_data: Any
    ) -> Any:
        """An agent takes over: at the start, and after each handoff. Not called on every turn."""

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


class AgentHooks(_StepHooks[TContext]):
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


class Lifecycle:
    """Tells the run's hooks, then the agent's, what happens.

    Methods that nobody overrode are not called.
    """

    def __init__(
        self, run_hooks: RunHooks[Any] | None, call: Callable[..., Any], context: Any
    ) -> None:
        """Take the run's hooks, its way to call functions, and its context wrapper."""
        self._run_hooks = run_hooks
        self._call = call
        self._context = context

    def agent_started(self, agent: Agent[Any], input_data: Any) -> None:
        """An agent takes over."""
        hooks = self._run_hooks
        facts = (agent, input_data) if _takes_input_data(hooks) else (agent,)
        self._tell(hooks, "on_agent_start", self._context, *facts)
        self._tell(agent.hooks, "on_start", self._context, agent)

    def agent_ended(self, agent: Agent[Any], output: Any) -> None:
        """The final output is there."""
        self._tell(self._run_hooks, "on_agent_end", self._context, agent, output)
        self._tell(agent.hooks, "on_end", self._context, agent, output)

    def handed_off(self, source: Agent[Any], target: Agent[Any]) -> None:
        """One agent handed over to another."""
        self._tell(self._run_hooks, "on_handoff", self._context, source, target)
        self._tell(target.hooks, "on_handoff", self._context, target, source)

    def model_started(self, agent: Agent[Any], prompt: str | None, items: list[Any]) -> None:
        """The model is about to be called."""
        for hooks in (self._run_hooks, agent.hooks):
            self._tell(hooks, "on_llm_start", self._context, agent, prompt, items)

    def model_ended(self, agent: Agent[Any], response: ModelResponse) -> None:
        """The model has answered."""
        for hooks in (self._run_hooks, agent.hooks):
            self._tell(hooks, "on_llm_end", self._context, agent, response)

    def tool_started(
        self, context: ToolContext[Any], agent: Agent[Any], tool: Tool, arguments: dict[str, Any]
    ) -> None:
        """A tool is about to run."""
        self._tell(self._run_hooks, "on_tool_call_start", context, agent, tool.name, arguments)
        for hooks in (self._run_hooks, agent.hooks):
            self._tell(hooks, "on_tool_start", context, agent, tool)

    def tool_ended(
        self, context: ToolContext[Any], agent: Agent[Any], tool: Tool, result: Any
    ) -> None:
        """A tool has run."""
        self._tell(self._run_hooks, "on_tool_call_end", context, agent, tool.name, result)
        for hooks in (self._run_hooks, agent.hooks):
            self._tell(hooks, "on_tool_end", context, agent, tool, result)

    def hears_of_tools(self, agent: Agent[Any]) -> bool:
        """Whether anybody wants to know of this agent's tool calls."""
        return self._run_hooks is not None or agent.hooks is not None

    def _tell(self, hooks: Any, name: str, *facts: Any) -> None:
        if hooks is not None and _overrides(hooks, name):
            self._call(getattr(hooks, name), *facts)


def _overrides(hooks: Any, name: str) -> bool:
    function = getattr(getattr(hooks, name), "__func__", None)
    return function is None or function not in _UNTOUCHED


def _takes_input_data(hooks: Any) -> bool:
    if hooks is None:
        return False
    try:
        inspect.signature(hooks.on_agent_start).bind(None, None, None)
    except TypeError:
        return False
    return True


_UNTOUCHED = {
    function for hooks in (_StepHooks, RunHooks, AgentHooks) for function in vars(hooks).values()
}
