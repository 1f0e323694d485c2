"""From agent and history to the request that the model gets."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...exceptions import UserError
from ...handoffs import Handoff, handoff
from ...history import mend_history
from ...model_settings import ModelSettings
from ...models.interface import ModelRequest
from ...run_config import CallModelData, ModelInputData
from ...tool import FunctionTool

if TYPE_CHECKING:
    from ...agent import Agent
    from ...concurrency.cancellation import Cancellation
    from ...run_context import RunContextWrapper
    from ...tool import Tool
    from ..run_state import RunState


@dataclass
class GenerateDynamicPromptData:
    """What a dynamic prompt function is given."""

    context: RunContextWrapper[Any]
    """The run's context."""
    agent: Agent[Any]
    """The agent at work."""


def build_request(state: RunState, cancellation: Cancellation) -> ModelRequest:
    """Ask the agent for its instructions, tools and handoffs, and put the model call together.

    Raises:
        UserError: Tools or handoffs share a name, or a function gave what it must not.
    """
    agent = state.agent
    tools = [tool for tool in agent.tools if _is_enabled(tool, state)]
    handoffs = [offer for offer in map(_as_handoff, agent.handoffs) if _is_enabled(offer, state)]
    _check_names(agent, tools, handoffs)
    model_data = _filtered(
        ModelInputData(list(state.model_input), _instructions(agent, state)), state
    )
    return ModelRequest(
        input=model_data.input,
        system_instructions=model_data.instructions,
        model_settings=_settings(state),
        tools=tools,
        handoffs=handoffs,
        output_schema=agent.output_schema(),
        previous_response_id=state.previous_response_id,
        conversation_id=state.conversation_id,
        prompt=_prompt(agent, state),
        stream=state.streamed,
        agent_name=agent.name,
        cancellation=cancellation,
    )


def _is_enabled(offer: Any, state: RunState) -> bool:
    """Whether a tool or handoff is offered on this turn; hosted tools always are."""
    enabled = getattr(offer, "is_enabled", True)
    if callable(enabled):
        enabled = state.call(enabled, state.context_wrapper, state.agent)
    return bool(enabled)


def _as_handoff(target: Agent[Any] | Handoff[Any, Any]) -> Handoff[Any, Any]:
    return target if isinstance(target, Handoff) else handoff(target)


def _check_names(
    agent: Agent[Any], tools: list[Tool], handoffs: list[Handoff[Any, Any]]
) -> None:
    names = [tool.name for tool in tools if isinstance(tool, FunctionTool)]
    names += [offer.tool_name for offer in handoffs]
    if len(set(names)) < len(names):
        doubled = sorted(name for name, count in Counter(names).items() if count > 1)
        raise UserError(
            f"Agent {agent.name} has more than one tool or handoff named {', '.join(doubled)}; "
            "give each its own name (name_override, tool_name_override)"
        )


def _instructions(agent: Agent[Any], state: RunState) -> str | None:
    instructions = agent.instructions
    if instructions is None or isinstance(instructions, str):
        return instructions
    try:
        inspect.signature(instructions).bind(None, None)
    except (TypeError, ValueError):
        raise UserError(
            f"The instructions function of agent {agent.name} must take context and agent"
        ) from None
    text = state.call(instructions, state.context_wrapper, agent)
    if text is not None and not isinstance(text, str):
        raise UserError(f"The instructions of agent {agent.name} must be text, got {text!r}")
    return text


def _prompt(agent: Agent[Any], state: RunState) -> dict[str, Any] | None:
    prompt = agent.prompt
    if callable(prompt):
        prompt = state.call(prompt, GenerateDynamicPromptData(state.context_wrapper, agent))
    if not isinstance(prompt, Mapping | None):
        raise UserError(
            f"The prompt of agent {agent.name} must be a dict such as {{'id': ...}}, got {prompt!r}"
        )
    return None if prompt is None else dict(prompt)


def _settings(state: RunState) -> ModelSettings:
    settings = state.agent.model_settings.resolve(state.config.model_settings)
    if (
        settings.tool_choice is not None
        and state.agent.reset_tool_choice
        and state.agent.name in state.tool_users
    ):
        return replace(settings, tool_choice=None)
    return settings


def _filtered(model_data: ModelInputData, state: RunState) -> ModelInputData:
    change = state.config.call_model_input_filter
    if change is None:
        return model_data
    model_data = replace(model_data, input=deepcopy(model_data.input))
    data = CallModelData(model_data, state.agent, state.context_wrapper.context)
    changed = state.call(change, data)
    if not isinstance(changed, ModelInputData):
        raise UserError(f"call_model_input_filter must return ModelInputData, got {changed!r}")
    if state.server_keeps_history:
        return changed
    return replace(changed, input=list(mend_history(changed.input)))
