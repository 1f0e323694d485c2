"""Handing a conversation over to another agent."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, overload

from pydantic_core import ValidationError, to_json
from typing_extensions import TypeVar

from . import _names_of
from .checks import check_kind, check_takes
from .concurrency import calling
from .concurrency.calling import settled
from .exceptions import ModelBehaviorError, UserError
from .run_context import RunContextWrapper, TContext
from .schema.strict_schema import schema_for_api
from .shown import repr_of
from .taken_whole import TakenWhole
from .tool import check_is_enabled, check_tool_name, fit_for_tool

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from .agent import Agent
    from .handoff_data import *  # noqa: F403
    from .handoff_data import HandoffInputFilter

__all__ = ["Handoff", "handoff"]

if not TYPE_CHECKING:  # or a misspelt name passes
    __getattr__ = _names_of(__name__, "handoff_data")

THandoffInput = TypeVar("THandoffInput", default=Any)
TAgent = TypeVar("TAgent", default="Agent[Any]")


OnHandoff = Callable[[RunContextWrapper[Any]], Any]
OnHandoffWithInput = Callable[[RunContextWrapper[Any], THandoffInput], Any]


@dataclass(repr=False)
class Handoff(TakenWhole, Generic[TContext, TAgent]):
    """A handoff as the model sees it: a tool that takes the conversation to another agent."""

    tool_name: str
    """The tool's name."""
    tool_description: str
    """What the model reads about it."""
    input_json_schema: dict[str, Any]
    """Schema of the tool's arguments; {} for none."""
    on_invoke_handoff: Callable[[RunContextWrapper[Any], str], TAgent | Awaitable[TAgent]]
    """Called with context and arguments (JSON text); returns the agent that takes over."""
    agent_name: str
    """Name of that agent."""
    input_filter: HandoffInputFilter | None = None
    """Shapes what that agent is sent; None sends everything."""
    strict_json_schema: bool = True
    """Whether the model is held to the schema, which then is put into the API's strict form."""
    is_enabled: bool | Callable[[RunContextWrapper[Any], Agent[Any]], Any] = True
    """Whether the model is offered the handoff; a function is asked on every turn."""
    agent: TAgent | None = field(default=None, repr=False)
    """The agent, where it is known before the call."""
    nest_handoff_history: bool | None = None
    """Whether the history is folded into one message; None: as the run's config says."""

    def __post_init__(self) -> None:
        """Check what was given, and put the schema into a form that the API takes.

        Raises:
            UserError: The name, the schema or a function cannot be used.
        """
        check_tool_name(self.tool_name, "handoff", "tool_name_override of handoff")
        what = f"The handoff {self.tool_name}"
        told = self.tool_description
        check_kind(told, (str, NoneType), f"{what}: tool_description", "text for the model")
        check_takes(self.on_invoke_handoff, f"{what}: on_invoke_handoff", "context", "arguments")
        if self.input_filter is not None:
            check_takes(self.input_filter, f"{what}: input_filter", "the conversation")
        check_is_enabled(self.is_enabled, what)
        owner = f"the handoff {self.tool_name}"
        schema = schema_for_api(self.input_json_schema, self.strict_json_schema, owner)
        self.input_json_schema = schema

    def __repr__(self) -> str:
        return f"Handoff({self.tool_name!r})"

    def get_transfer_message(self, agent: Agent[Any]) -> str:
        """What the model is shown as the tool's output."""
        return to_json({"assistant": agent.name}).decode()

    @classmethod
    def default_tool_name(cls, agent: Agent[Any]) -> str:
        """`transfer_to_` and the agent's name, in lower case, other characters as `_`."""
        return f"transfer_to_{fit_for_tool(agent.name)}"

    @classmethod
    def default_tool_description(cls, agent: Agent[Any]) -> str:
        """A sentence that names the agent, with its `handoff_description`."""
        description = "" if agent.handoff_description is None else agent.handoff_description
        return f"Handoff to the {agent.name} agent to handle the request. {description}"


@overload
def handoff(
    agent: Agent[TContext],
    *,
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: OnHandoff | None = None,
    input_filter: HandoffInputFilter | None = None,
    is_enabled: bool | Callable[[RunContextWrapper[Any], Agent[Any]], Any] = True,
    nest_handoff_history: bool | None = None,
) -> Handoff[TContext, Agent[TContext]]: ...
@overload
def handoff(
    agent: Agent[TContext],
    *,
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: OnHandoffWithInput[THandoffInput],
    input_type: type[THandoffInput],
    input_filter: HandoffInputFilter | None = None,
    is_enabled: bool | Callable[[RunContextWrapper[Any], Agent[Any]], Any] = True,
    nest_handoff_history: bool | None = None,
) -> Handoff[TContext, Agent[TContext]]: ...
def handoff(
    agent: Agent[Any],
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: Callable[..., Any] | None = None,
    input_type: Any = None,
    input_filter: HandoffInputFilter | None = None,
    is_enabled: bool | Callable[[RunContextWrapper[Any], Agent[Any]], Any] = True,
    nest_handoff_history: bool | None = None,
) -> Handoff[Any, Agent[Any]]:
    """Describe a handoff to `agent`.

    Args:
        agent: Who takes over.
        tool_name_override: The tool's name; None: `Handoff.default_tool_name(agent)`.
        tool_description_override: What the model reads; None: the default sentence.
        on_handoff: Called when the handoff happens, with the context and, given an `input_type`,
            with the model's input; `def` or `async def`.
        input_type: Type of the input the model is to provide, or None for no input.
        input_filter: Shapes what the next agent is sent.
        is_enabled: Whether it is offered: a bool, or a function of context and agent.
        nest_handoff_history: Whether the history is folded into one message; None: as the run's
            config says.

    Raises:
        UserError: `input_type` without `on_handoff`, or no object type, or an `on_handoff` that
            takes the wrong number of arguments.
    """
    if not hasattr(agent, "handoff_description"):
        raise UserError(f"handoff() takes an Agent, got {repr_of(agent)}")
    if input_type is not None and on_handoff is None:
        raise UserError("handoff(): input_type needs an on_handoff function that receives it")
    if on_handoff is not None:
        wanted = ["the context", *(["the input"] if input_type is not None else [])]
        check_takes(on_handoff, "on_handoff", *wanted)
    adapter: TypeAdapter[Any] | None = None
    schema: dict[str, Any] = {}
    if input_type is not None:
        from .schema.adapter import json_schema_of, make_adapter  # loads all of pydantic

        adapter = make_adapter(input_type, f"handoff(): input_type {repr_of(input_type)}")
        schema = json_schema_of(adapter, f"handoff(): input_type {repr_of(input_type)}")
        if schema.get("type") != "object" and "$ref" not in schema:
            raise UserError(
                f"handoff(): the model can fill in an object only, not {repr_of(input_type)}; make "
                "input_type a BaseModel, a dataclass or a TypedDict"
            )

    def enter(context: RunContextWrapper[Any], arguments: str) -> Any:
        if on_handoff is None:
            outcome = None
        elif adapter is None:
            outcome = on_handoff(context)
        else:
            outcome = on_handoff(context, _parse_input(adapter, arguments, agent.name))
        is_awaited = inspect.isawaitable(outcome) or calling.loop_here() is not None
        return _agent_after(outcome) if is_awaited else agent

    async def _agent_after(outcome: Any) -> Agent[Any]:
        await settled(outcome)
        return agent

    return Handoff(
        tool_name=_given(tool_name_override, Handoff.default_tool_name(agent)),
        tool_description=_given(tool_description_override, Handoff.default_tool_description(agent)),
        input_json_schema=schema,
        on_invoke_handoff=enter,
        agent_name=agent.name,
        input_filter=input_filter,
        is_enabled=is_enabled,
        agent=agent,
        nest_handoff_history=nest_handoff_history,
    )


def agent_behind(offer: Agent[Any] | Handoff[Any, Any]) -> Agent[Any] | None:
    """The agent that an element of `Agent.handoffs` leads to; None: it shows when it is called."""
    return offer.agent if isinstance(offer, Handoff) else offer


def _given(value: str | None, default: str) -> str:
    return default if value is None else value


def _parse_input(adapter: TypeAdapter[Any], arguments: str, agent_name: str) -> Any:
    from .schema.plain_meaning import read_json

    try:
        return read_json(adapter.validator, (arguments or "").strip() or "{}")  # as of a tool
    except ValidationError as error:
        raise ModelBehaviorError(
            f"Invalid input for the handoff to {agent_name}: {arguments!r}: {error}"
        ) from error
