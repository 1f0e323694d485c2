"""What ends a run: a message, or the output of a tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ...exceptions import InvalidFinalOutputError, ModelRefusalError, UserError, words_of
from ...items import ItemHelpers, ToolCallItem, ToolCallOutputItem
from ...shown import repr_of
from ...tool import FunctionTool

if TYPE_CHECKING:
    from ...tool_use import FunctionToolResult
    from ..live_run import LiveRun
    from ..record import Record
    from .plan import Plan


class FinalOutput(NamedTuple):
    """The output that ends a run."""

    output: Any
    is_typed: bool = False
    """Whether it was parsed by the agent's output type."""


def final_output_of_tools(plan: Plan, run: LiveRun) -> FinalOutput | None:
    """What the agent's `tool_use_behavior` makes of a turn's tool calls; None: go on.

    Raises:
        UserError: Its function returned something else than ToolsToFinalOutputResult.
    """
    behavior: Any = run.agent.tool_use_behavior
    if behavior == "run_llm_again":
        return None
    from ...tool_use import ToolsToFinalOutputResult  # only those who want others pay for it

    results = _results(plan, run)
    if not results:
        return None
    if behavior == "stop_on_first_tool":
        return _as_final(results[0].output, run)
    if isinstance(behavior, dict):
        for result in results:
            if result.tool.name in behavior["stop_at_tool_names"]:
                return _as_final(result.output, run)
        return None
    decision = run.call(behavior, run.context, results)
    if not isinstance(decision, ToolsToFinalOutputResult):
        raise UserError(
            f"The tool_use_behavior of agent {run.agent.name} must return "
            f"ToolsToFinalOutputResult, got {repr_of(decision)}"
        )
    return _as_final(decision.final_output, run) if decision.is_final_output else None


def final_output_of_message(plan: Plan, run: LiveRun) -> FinalOutput | None:
    """The final output in an answer that asks for nothing; None: the model is to try again.

    Raises:
        ModelRefusalError: The model declined to answer.
        ModelBehaviorError: Structured output that does not fit its type; or there is none, and an
            error handler is there for that.
    """
    refusal = ItemHelpers.extract_refusal(plan.message)
    if refusal is not None:
        raise ModelRefusalError(refusal, run.agent.name)
    text = plan.text
    schema = run.output_schema
    if schema is None:
        return None if _is_on_its_way(plan, run) else FinalOutput(text or "")
    if text:
        return FinalOutput(schema.validate_json(text), is_typed=True)
    if "invalid_final_output" in run.error_handlers:
        raise InvalidFinalOutputError(f"The model gave no {schema.name()} as final output")
    return None


def _is_on_its_way(plan: Plan, run: LiveRun) -> bool:
    """Whether tools of the server were used, nothing was said of it yet, and the model can be asked
    to: where the server keeps the history, now or from the next turn on, there is nothing to send.
    A picture is an answer.
    """
    conversation = run.record.conversation
    is_kept = conversation.server_keeps_history or conversation.previous_response_id == ""
    if plan.message is not None or is_kept:
        return False
    calls = (item.raw_item.type for item in plan.items if isinstance(item, ToolCallItem))
    return any(kind != "image_generation_call" for kind in calls)


def _results(plan: Plan, run: LiveRun) -> list[FunctionToolResult]:
    """What came of a turn's functions; of a call that was rejected nothing did."""
    from ...tool_use import FunctionToolResult

    return [
        FunctionToolResult(tool, item.output, item)
        for raw, tool in plan.calls
        if isinstance(tool, FunctionTool)
        and isinstance(item := run.record.call(raw.call_id).output, ToolCallOutputItem)
        and not _was_rejected(raw.call_id, run.record)
    ]


def _was_rejected(call_id: str, record: Record) -> bool:
    from .approval import decision_of

    known = record.call(call_id)
    decided = known.decision if known.is_begun else decision_of(record, call_id)
    return decided is not None and decided.verdict == "reject"


def _as_final(output: Any, run: LiveRun) -> FinalOutput:
    """A tool's output as the final one: as text where the agent's output is plain text."""
    if run.output_schema is not None:
        return FinalOutput(output)
    try:
        return FinalOutput(str(output))
    except Exception as error:
        why = f"{type(error).__name__}: {words_of(error)}"
        raise UserError(f"The output of a tool, the final one, has no text: {why}") from error
