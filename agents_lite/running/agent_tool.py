"""An agent as a tool of another agent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

from ..agent import Agent, AgentToolStreamEvent
from ..result import RunResult
from ..run_config import RunConfig
from ..run_context import ToolContext
from ..tool import FunctionTool, fit_for_tool, function_tool
from .start import start_run

_counting = threading.Lock()  # nested runs that end at the same time count on the same objects


def agent_tool(
    agent: Agent[Any],
    run_options: dict[str, Any],
    extract_output: Callable[[RunResult], Any] | None,
    on_stream: Callable[[AgentToolStreamEvent], Any] | None,
    name: str | None,
    **tool_options: Any,
) -> FunctionTool:
    """A tool whose calls are runs of `agent`; see `Agent.as_tool`."""
    name = fit_for_tool(agent.name) if name is None else name

    def run_agent(context: ToolContext[Any], input: str) -> Any:
        options = {"run_config": _inherited(context.run_config), **run_options}
        state, events = start_run(
            agent,
            input,
            streamed=on_stream is not None,
            context=context.context,
            parent=context.cancellation,
            callbacks=context.callbacks,
            **options,
        )
        try:
            with closing(events):
                for event in events:
                    if on_stream is not None:
                        state.call(on_stream, AgentToolStreamEvent(event, state.agent, name))
        finally:
            with _counting:
                for agent_name, usage in state.context_wrapper.usage_by_agent.items():
                    context.add_usage(agent_name, usage)
        result = RunResult(state)
        return result.final_output if extract_output is None else extract_output(result)

    return function_tool(run_agent, name_override=name, use_docstring_info=False, **tool_options)


def _inherited(outer: RunConfig | None) -> RunConfig:
    """What a nested run takes over from the run around it: the models, and what traces may hold."""
    if outer is None:
        return RunConfig()
    return RunConfig(
        model=outer.model,
        model_provider=outer.model_provider,
        model_settings=outer.model_settings,
        tracing_disabled=outer.tracing_disabled,
        trace_include_sensitive_data=outer.trace_include_sensitive_data,
    )
