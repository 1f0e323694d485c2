"""What follows a turn: the final output, another agent, or the model again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...agent import FunctionToolResult, ToolsToFinalOutputResult
from ...exceptions import ModelRefusalError, UserError
from ...items import ItemHelpers

if TYPE_CHECKING:
    from ...output_schema import AgentOutputSchemaBase
    from ..run_state import RunState
    from .plan import Plan


@dataclass
class FinalOutput:
    """The run is over, with this output."""

    output: Any


def final_output_of_tools(
    results: list[FunctionToolResult], state: RunState
) -> FinalOutput | None:
    """What the agent's `tool_use_behavior` makes of a turn's tool calls; None: go on.

    Raises:
        UserError: Its function returned something else than ToolsToFinalOutputResult.
    """
    behavior: Any = state.agent.tool_use_behavior
    if not results or behavior == "run_llm_again":
        return None
    if behavior == "stop_on_first_tool":
        return _as_final(results[0].output, state)
    if isinstance(behavior, dict):
        for result in results:
            if result.tool.name in behavior["stop_at_tool_names"]:
                return _as_final(result.output, state)
        return None
    decision = state.call(behavior, state.context_wrapper, results)
    if not isinstance(decision, ToolsToFinalOutputResult):
        raise UserError(
            f"The tool_use_behavior of agent {state.agent.name} must return "
            f"ToolsToFinalOutputResult, got {decision!r}"
        )
    return _as_final(decision.final_output, state) if decision.is_final_output else None


def final_output_of_message(
    plan: Plan, schema: AgentOutputSchemaBase | None, state: RunState
) -> FinalOutput | None:
    """The final output in a response that asks for nothing; None: the model is to try again.

    Raises:
        ModelRefusalError: The model declined to answer.
        ModelBehaviorError: Structured output that does not fit its type.
    """
    refusal = ItemHelpers.extract_refusal(plan.last_message)
    if refusal is not None:
        raise ModelRefusalError(refusal, state.agent.name)
    text = plan.text
    if schema is None:
        return FinalOutput(text or "")
    return FinalOutput(schema.validate_json(text)) if text else None


def _as_final(output: Any, state: RunState) -> FinalOutput:
    """A tool's output as the final one: as text where the agent's output is plain text."""
    return FinalOutput(str(output) if state.agent.output_schema() is None else output)
