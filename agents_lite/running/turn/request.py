"""From agent and history to the request that the model gets."""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ...agent import Agent
from ...exceptions import UserError
from ...handoffs import Handoff
from ...history import mend_history, without_lost_reasoning, without_reasoning_ids
from ...items import as_input_items
from ...model_settings import ModelSettings
from ...models.interface import ModelRequest
from ...shown import repr_of
from ...tool import FunctionTool
from .background import awaited_answer
from .plan import as_handoff

if TYPE_CHECKING:
    from ...concurrency.cancellation import Cancellation
    from ...items import TResponseInputItem
    from ...tool import Tool
    from ..live_run import LiveRun

logger = logging.getLogger("agents_lite")


def build_request(run: LiveRun, cancellation: Cancellation) -> ModelRequest:
    """Ask the agent for its instructions, tools and handoffs, and put the model call together.

    Raises:
        UserError: Tools or handoffs share a name, or a function gave what it must not.
    """
    agent, conversation = run.agent, run.record.conversation
    tools = [tool for tool in agent.tools if _is_enabled(tool, run)]
    instructions, prompt = _instructions(agent, run), _prompt(agent, run)
    handoffs = [offer for offer in map(as_handoff, agent.handoffs) if _is_enabled(offer, run)]
    if agent.mcp_servers:
        tools += _server_tools(run, _names(tools, handoffs), cancellation)
    if len(set(names := _names(tools, handoffs))) < len(names):
        tools, handoffs = _of_different_names(run, tools, handoffs)
    if run.compaction is not None or run.stand_in is not None:
        from .compacting import compact_if_full  # only those who need it pay for it

        compact_if_full(run, cancellation, instructions, [*tools, *handoffs])
    sent = list(conversation.next_input)
    if run.record.omits_ids:
        sent = without_reasoning_ids(sent)
    sent, instructions = _filtered(sent, instructions, run)
    settings = _settings(agent, run)
    return ModelRequest(
        input=sent,
        system_instructions=instructions,
        model_settings=settings,
        tools=tools,
        handoffs=handoffs,
        output_schema=run.output_schema,
        previous_response_id=conversation.previous_response_id or None,
        conversation_id=conversation.conversation_id,
        prompt=prompt,
        stream=run.streamed,
        background=awaited_answer(run, settings),
        agent_name=agent.name,
        cancellation=cancellation,
    )


def _is_enabled(offer: Any, run: LiveRun) -> bool:
    """Whether a tool or handoff is offered on this turn; hosted tools always are."""
    enabled = getattr(offer, "is_enabled", True)
    if callable(enabled):
        enabled = run.call(enabled, run.context, run.agent)
    return bool(enabled)


def _server_tools(
    run: LiveRun, taken_names: list[str], cancellation: Cancellation
) -> list[FunctionTool]:
    """The tools of the agent's MCP servers."""
    from ...mcp.agent_tools import tools_of_servers
    from ...mcp.session import Caller

    caller = Caller(cancellation, partial(run.call_within, cancellation))
    listed = partial(
        tools_of_servers, run.agent, taken_names, run.context, caller, run.closing
    )
    stand_in = run.stand_in
    return listed() if stand_in is None else stand_in.server_tools(run.agent, listed)


def _names(tools: list[Tool], handoffs: list[Handoff[Any, Any]]) -> list[str]:
    """The names that a model calls them by."""
    names = [tool.name for tool in tools if isinstance(tool, FunctionTool)]
    return names + [offer.tool_name for offer in handoffs]


def _of_different_names(
    run: LiveRun, tools: list[Tool], handoffs: list[Handoff[Any, Any]]
) -> tuple[list[Tool], list[Handoff[Any, Any]]]:
    """The last tool or handoff of each name, if the run may go on with these.

    Raises:
        UserError: It may not.
    """
    counts = Counter(_names(tools, handoffs))
    doubled = ", ".join(sorted(name for name, count in counts.items() if count > 1))
    message = (
        f"Agent {run.agent.name} has more than one tool or handoff named {doubled}; give each its "
        "own name (name_override, tool_name_override)"
    )
    if run.config.tool_name_collision_policy == "error":
        raise UserError(message)
    logger.warning(message)
    last: dict[str, object] = {tool.name: tool for tool in tools if isinstance(tool, FunctionTool)}
    last |= {offer.tool_name: offer for offer in handoffs}
    return (
        [each for each in tools if not isinstance(each, FunctionTool) or last[each.name] is each],
        [offer for offer in handoffs if last[offer.tool_name] is offer],
    )


def _instructions(agent: Agent[Any], run: LiveRun) -> str | None:
    instructions = agent.instructions
    if type(agent).get_system_prompt is not Agent.get_system_prompt:
        text = run.call(agent.get_system_prompt, run.context)
    elif instructions is None or isinstance(instructions, str):
        return instructions
    else:
        try:
            inspect.signature(instructions).bind(None, None)
        except (TypeError, ValueError):
            raise UserError(
                f"The instructions function of agent {agent.name} must take context and agent"
            ) from None
        text = run.call(instructions, run.context, agent)
    if text is not None and not isinstance(text, str):
        raise UserError(f"The instructions of agent {agent.name} must be text, got {repr_of(text)}")
    return text


def _prompt(agent: Agent[Any], run: LiveRun) -> dict[str, Any] | None:
    prompt = agent.prompt
    if type(agent).get_prompt is not Agent.get_prompt:
        prompt = run.call(agent.get_prompt, run.context)
    elif callable(prompt):
        from ...prompts import GenerateDynamicPromptData  # only those who have one pay for it

        prompt = run.call(prompt, GenerateDynamicPromptData(run.context, agent))
    if prompt is None:
        return None
    if not isinstance(prompt, Mapping):
        raise UserError(
            f"The prompt of agent {agent.name} must be a dict such as {{'id': ...}}, got "
            f"{repr_of(prompt)}"
        )
    return dict(prompt)


def _settings(agent: Agent[Any], run: LiveRun) -> ModelSettings:
    settings = agent.model_settings.resolve(run.config.model_settings)
    if (
        settings.tool_choice is not None
        and agent.reset_tool_choice
        and run.record.has_used_tool(agent)
    ):
        return replace(settings, tool_choice=_without_demand(settings.tool_choice))
    return settings


def _without_demand(choice: Any) -> Any:
    """A tool choice that leaves it to the model whether to call: None, or which tools it may."""
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        return {**choice, "mode": "auto"}
    return None


def _filtered(
    sent: list[TResponseInputItem], instructions: str | None, run: LiveRun
) -> tuple[list[TResponseInputItem], str | None]:
    """Input and instructions, as the run's `call_model_input_filter` wants them sent."""
    change = run.config.call_model_input_filter
    if change is None:
        return sent, instructions
    from ...run_functions import CallModelData, ModelInputData  # only those who have one pay for it

    given = ModelInputData(deepcopy(sent), instructions)
    changed = run.call(change, CallModelData(given, run.agent, run.context.context))
    if not isinstance(changed, ModelInputData):
        raise UserError(
            f"call_model_input_filter must return ModelInputData, got {repr_of(changed)}"
        )
    items = as_input_items(changed.input, "The input that call_model_input_filter returns")
    if not isinstance(changed.instructions, str | None):
        raise UserError(
            "The instructions that call_model_input_filter returns must be text, got "
            f"{repr_of(changed.instructions)}"
        )
    if not run.record.conversation.server_keeps_history:
        items = list(mend_history(without_lost_reasoning(sent, items)))
    return items, changed.instructions
