"""An agent as a tool of another agent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import Any

from ..agent import Agent
from ..checks import check_takes
from ..concurrency.cancellation import current_cancellation
from ..exceptions import NestingTooDeep
from ..result import RunResult
from ..run_config import as_run_config
from ..tool import FunctionTool, fit_for_tool, function_tool
from ..tool_context import ToolContext
from ..tool_use import AgentToolStreamEvent
from .live_run import RunPaused
from .start import check_options, new_run

MOST_AROUND = 32
"""Runs around one another; each holds some twenty frames of a stack that Python limits to 1,000."""


@dataclass(eq=False, repr=False)
class _InnerRuns:
    """The runs that the calls of a tool are."""

    agent: Agent[Any]
    options: dict[str, Any]
    extract_output: Callable[[RunResult], Any] | None
    on_stream: Callable[[AgentToolStreamEvent], Any] | None
    tool_name: str

    def run(self, context: ToolContext[Any], input: Any, tool_input: Any = None) -> Any:
        """What comes of a call: the agent's final output, or what is made of its result.

        Raises:
            NestingTooDeep: There are as many runs around it as there may be.
            RunPaused: The inner run is paused.
        """
        agent, outer, tell = self.agent, context.run, self.on_stream
        if outer is not None and outer.depth >= MOST_AROUND:
            raise NestingTooDeep(
                f"Agent {agent.name} is called as a tool with {MOST_AROUND} runs around it: agents "
                "that call each other like that do not come to an end"
            )
        options = {"context": context.context, **self.options}
        if context.run_config is not None:
            options.setdefault("run_config", context.run_config)
        run = new_run(
            agent,
            input,
            options,  # type: ignore[arg-type]
            streamed=tell is not None,
            parent=current_cancellation.get() or context.cancellation,
            around=outer,
            record=None if outer is None else outer.record.inner(context.tool_call_id, agent),
        )
        run.context.tool_input = tool_input
        with closing(run.events), nullcontext() if outer is None else outer.having_inside(run):
            for event in run.events:
                if tell is not None:
                    told = AgentToolStreamEvent(event, run.agent, self.tool_name, context.tool_call)
                    run.call(tell, told)
        if run.pause_reason is not None:
            raise RunPaused(run.pause_reason)
        result = RunResult(run)
        return result.final_output if self.extract_output is None else self.extract_output(result)


def agent_tool(
    agent: Agent[Any],
    run_options: dict[str, Any],
    extract_output: Callable[[RunResult], Any] | None,
    on_stream: Callable[[AgentToolStreamEvent], Any] | None,
    name: str | None,
    description: str,
    parameters: Any,
    input_builder: Callable[[dict[str, Any]], Any] | None,
    include_input_schema: bool,
    **tool_options: Any,
) -> FunctionTool:
    """A tool whose calls are runs of `agent`; see `Agent.as_tool`."""
    name = fit_for_tool(agent.name) if name is None else name
    if isinstance(run_options.get("run_config"), dict):
        run_options = {**run_options, "run_config": as_run_config(run_options["run_config"])}
    check_options(agent, run_options)  # type: ignore[arg-type]
    for option, function, wanted in (
        ("custom_output_extractor", extract_output, "a result"),
        ("on_stream", on_stream, "an event"),
        ("input_builder", input_builder, "a dict"),
    ):
        if function is not None:
            check_takes(function, f"Tool {name}: {option}", wanted)

    run_on = _InnerRuns(agent, run_options, extract_output, on_stream, name).run

    def run_agent(context: ToolContext[Any], input: str) -> Any:
        return run_on(context, input)

    if parameters is None and input_builder is None and not include_input_schema:
        tool = function_tool(
            run_agent,
            name_override=name,
            description_override=description,
            use_docstring_info=False,
            **tool_options,
        )
    else:
        from .typed_input import typed_agent_tool

        tool = typed_agent_tool(
            run_on,
            parameters,
            input_builder,
            include_input_schema,
            name=name,
            description=description,
            **tool_options,
        )
    tool.agent = agent
    return tool
