"""Telling the hooks of a run and of its agents what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..checks import takes
from ..lifecycle import AgentHooks, RunHooks, StepHooks, check_hooks

if TYPE_CHECKING:
    from ..agent import Agent
    from ..concurrency.calling import Callbacks
    from ..concurrency.cancellation import Cancellation
    from ..items import ModelResponse
    from ..tool import Tool
    from ..tool_context import ToolContext


class Hooks:
    """Tells the run's hooks, then the agent's, what happens.

    Methods that nobody overrode are not called.
    """

    def __init__(
        self,
        run_hooks: RunHooks[Any] | None,
        callbacks: Callbacks,
        cancellation: Cancellation,
        context: Any,
    ) -> None:
        """Take the run's hooks, what calls them and stops the calls, and its context wrapper."""
        self._run_hooks = run_hooks
        self._callbacks = callbacks
        self._cancellation = cancellation
        self._context = context

    def agent_started(self, agent: Agent[Any], input_data: Any) -> None:
        """An agent takes over."""
        check_hooks(agent.hooks)  # which may have been set after the agent was made
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

    def is_heard(self, *facts: Any) -> bool:
        """Whether there are hooks of the run, or of an agent among what is told."""
        return self._run_hooks is not None or any(
            getattr(fact, "hooks", None) is not None for fact in facts
        )

    def _tell(self, hooks: Any, name: str, *facts: Any) -> None:
        if hooks is not None and _overrides(hooks, name):
            self._callbacks.call(self._cancellation, getattr(hooks, name), *facts)


def _overrides(hooks: Any, name: str) -> bool:
    function = getattr(getattr(hooks, name), "__func__", None)
    return function is None or function not in _UNTOUCHED


def _takes_input_data(hooks: Any) -> bool:
    if hooks is None:
        return False
    method, all_of_it = hooks.on_agent_start, ("context", "agent", "input")
    if not takes(method, all_of_it, follow_wrapped=False):
        return False
    # What stands for another hands on what it is given, unless it cannot do with less.
    return takes(method, all_of_it) or not takes(method, all_of_it[:2], follow_wrapped=False)


_UNTOUCHED = {
    function for hooks in (StepHooks, RunHooks, AgentHooks) for function in vars(hooks).values()
}
