"""The declared agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from . import _names_of
from .checks import (
    check_guardrails,
    check_number,
    check_takes,
    forgetful,
    forgetful_class,
    from_fields,
)
from .concurrency.calling import settled
from .exceptions import UserError
from .handoffs import Handoff
from .lifecycle import AgentHooks, check_hooks
from .model_settings import ModelSettings
from .models.interface import Model
from .pickling import PickledByName
from .run_config import DEFAULT_MAX_TURNS
from .run_context import RunContextWrapper, TContext
from .shown import html_table, in_few_words, repr_of
from .tool import (
    FunctionTool,
    Tool,
    ToolErrorFunction,
    check_tool,
    default_tool_error_function,
)

if TYPE_CHECKING:
    from .guardrail import InputGuardrail, OutputGuardrail
    from .lifecycle import RunHooks
    from .mcp import MCPServer
    from .memory import Session
    from .output_schema import AgentOutputSchemaBase
    from .prompts import Prompt
    from .result import RunResult
    from .run_config import RunConfig
    from .tool_use import *  # noqa: F403
    from .tool_use import AgentToolStreamEvent, StopAtTools, ToolsToFinalOutputFunction

__all__ = ["Agent", "AgentBase"]

if not TYPE_CHECKING:  # or a misspelt name passes
    __getattr__ = _names_of(__name__, "tool_use")

T = TypeVar("T")


@forgetful_class
@dataclass(repr=False)
class Agent(PickledByName, Generic[TContext]):
    """A language model with instructions, tools and rules. Generic on the type of the context."""

    name: str
    """Names the agent in traces, handoffs and errors."""
    instructions: str | Callable[[RunContextWrapper[TContext], Agent[TContext]], Any] | None = None
    """The system prompt, or a function (`def` or `async def`) of context and agent giving it."""
    prompt: Any = None
    """A prompt stored at the server, {"id": ..., "version": ..., "variables": {...}}, or a
    function (`def` or `async def`) of a `GenerateDynamicPromptData` giving one. Without a `model`
    the prompt's own is used."""
    handoff_description: str | None = None
    """Tells other agents when to hand over to this one."""
    handoffs: list[Agent[Any] | Handoff[TContext, Any]] = field(default_factory=list)
    """Agents that this one may hand over to."""
    model: str | Model | None = None
    """The model or its name; None: the provider's default."""
    model_settings: ModelSettings = field(default_factory=ModelSettings)
    """Temperature and the like."""
    tools: list[Tool[TContext]] = field(default_factory=list)
    """What the agent can use."""
    input_guardrails: list[InputGuardrail[TContext]] = field(default_factory=list)
    """Checks of the input, when the run starts with this agent."""
    output_guardrails: list[OutputGuardrail[TContext]] = field(default_factory=list)
    """Checks of the final output, when the run ends with this agent."""
    output_type: Any = None
    """Type of the final output: anything a pydantic `TypeAdapter` takes, or an
    `AgentOutputSchemaBase`. None: plain text."""
    hooks: AgentHooks[TContext] | None = None
    """Called at each step of this agent."""
    tool_use_behavior: (
        Literal["run_llm_again", "stop_on_first_tool"]
        | StopAtTools
        | ToolsToFinalOutputFunction[TContext]
    ) = "run_llm_again"
    """What follows tool calls: the model again; the first call's output as final output; the
    output of one of the named tools, {"stop_at_tool_names": [...]}; or what a function decides."""
    reset_tool_choice: bool = True
    """Whether `tool_choice` is dropped once the agent has used a tool or a handoff, so that it can
    end."""
    output_retries: int = 0
    """How often the model is told what was wrong with its final output, and asked again: an output
    that does not fit `output_type`, or one that a guardrail with `on_trip="retry"` stopped."""
    mcp_servers: list[MCPServer] = field(default_factory=list)
    """MCP servers whose tools it can use, too."""

    if TYPE_CHECKING:  # what dataclasses make, but that any sequence may be given as a list

        def __init__(
            self,
            name: str,
            instructions: str
            | Callable[[RunContextWrapper[TContext], Agent[TContext]], Any]
            | None = None,
            prompt: Any = None,
            handoff_description: str | None = None,
            handoffs: Sequence[Agent[Any] | Handoff[TContext, Any]] = ...,
            model: str | Model | None = None,
            model_settings: ModelSettings = ...,
            tools: Sequence[Tool[TContext]] = ...,
            input_guardrails: Sequence[InputGuardrail[TContext]] = ...,
            output_guardrails: Sequence[OutputGuardrail[TContext]] = ...,
            output_type: Any = None,
            hooks: AgentHooks[TContext] | None = None,
            tool_use_behavior: Literal["run_llm_again", "stop_on_first_tool"]
            | StopAtTools
            | ToolsToFinalOutputFunction[TContext] = ...,
            reset_tool_choice: bool = True,
            output_retries: int = 0,
            mcp_servers: Sequence[MCPServer] = ...,
        ) -> None: ...

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse what no run would call.

        Raises:
            UserError: The class overrides `get_all_tools` or `get_mcp_tools`.
        """
        super().__init_subclass__(**options)
        for name in ("get_all_tools", "get_mcp_tools"):
            if getattr(cls, name) is not getattr(Agent, name):
                raise UserError(
                    f"{cls.__name__} overrides {name}, which runs do not call: give the agent "
                    "all its tools, with is_enabled functions that decide when each is offered"
                )

    def __post_init__(self) -> None:
        """Check what was given.

        Raises:
            UserError: A field is of the wrong kind.
        """
        if isinstance(self.name, EllipsisType):  # Agent(...), as documentation writes one
            self.name = "..."
        self._require("name", str, "a string")
        self._require("handoffs", (list, tuple), "a list of agents and handoffs")
        self._require("tools", (list, tuple), "a list of tools")
        self.handoffs = _as_list(self.handoffs)
        self.tools = _as_list(self.tools)
        self.input_guardrails = check_guardrails(self.input_guardrails, "input_guardrail")
        self.output_guardrails = check_guardrails(self.output_guardrails, "output_guardrail")
        if isinstance(self.model_settings, dict):
            self.model_settings = from_fields(ModelSettings, self.model_settings)
        if not isinstance(self.model_settings, ModelSettings):  # its headers may hold secrets
            raise UserError(
                f"Agent {self.name!r}: model_settings must be a ModelSettings, "
                f"not a {type(self.model_settings).__name__}"
            )
        self._require("model", (str, Model, type(None)), "a model's name or a Model")
        self._require("hooks", (AgentHooks, type(None)), "an AgentHooks")
        check_hooks(self.hooks)
        if not (isinstance(self.instructions, str | None) or callable(self.instructions)):
            raise self._wrong("instructions", "a string or a function")
        if callable(self.prompt):
            check_takes(self.prompt, f"Agent {self.name!r}: prompt", "a GenerateDynamicPromptData")
        else:
            self._require("prompt", (Mapping, type(None)), "a dict {'id': ...} or a function")
        for tool in self.tools:
            check_tool(tool, f"Agent {self.name!r}")
        check_number(self.output_retries, f"Agent {self.name!r}: output_retries")
        if self.mcp_servers:
            self._check_servers()
        for handoff in self.handoffs:
            if not isinstance(handoff, Agent | Handoff):
                raise self._wrong("handoffs", "a list of agents and handoffs")
        self._check_tool_use_behavior()
        self._check_output_type()

    @forgetful
    def clone(self, **changes: Any) -> Agent[TContext]:
        """A copy with some fields changed; lists that are not changed are shared."""
        return replace(self, **changes)

    def as_tool(
        self,
        tool_name: str | None = None,
        tool_description: str | None = None,
        custom_output_extractor: Callable[[RunResult], Any] | None = None,
        is_enabled: bool | Callable[[RunContextWrapper[Any], Agent[Any]], Any] = True,
        on_stream: Callable[[AgentToolStreamEvent], Any] | None = None,
        run_config: RunConfig | None = None,
        max_turns: int | None = DEFAULT_MAX_TURNS,
        hooks: RunHooks[TContext] | None = None,
        previous_response_id: str | None = None,
        conversation_id: str | None = None,
        session: Session | None = None,
        failure_error_function: ToolErrorFunction | None = default_tool_error_function,
        needs_approval: Any = False,
        parameters: Any = None,
        input_builder: Callable[[dict[str, Any]], Any] | None = None,
        include_input_schema: bool = False,
        parallel: bool = False,
    ) -> FunctionTool:
        """This agent as a tool of another: it gets an input of its own, and its answer comes back.

        Args:
            tool_name: None: the agent's name, made fit for a tool.
            tool_description: Tells the model when to use it.
            custom_output_extractor: Makes the tool's output of the nested run's result; `def` or
                `async def`. None: the final output.
            is_enabled: Whether the model is offered the tool.
            on_stream: Called with each event of the nested run, which then streams.
            run_config: Options of the nested run.
            max_turns: Its limit of turns; None: no limit.
            hooks: Its hooks.
            previous_response_id: What it goes on from, at the server.
            conversation_id: The same, by the server's conversation.
            session: Its session.
            failure_error_function: As for `function_tool`.
            needs_approval: As for `function_tool`.
            parameters: A type whose fields the model is to give, such as a pydantic model or a
                dataclass. None: one text, `input`.
            input_builder: Makes the nested run's input of {"params": the fields as JSON,
                "json_schema": their schema, if it is included}; `def` or `async def`. None: a text
                that shows them.
            include_input_schema: Whether the input tells the schema of the parameters, too.
            parallel: Whether calls of one turn run side by side; the `def` tools of the nested runs
                are then called on other threads.
        """
        from .running.agent_tool import agent_tool

        run_options: dict[str, Any] = {
            "max_turns": max_turns,
            "hooks": hooks,
            "previous_response_id": previous_response_id,
            "conversation_id": conversation_id,
            "session": session,
        }
        if run_config is not None:
            run_options["run_config"] = run_config
        return agent_tool(
            self,
            run_options,
            custom_output_extractor,
            on_stream,
            name=tool_name,
            description=tool_description or "",
            parameters=parameters,
            input_builder=input_builder,
            include_input_schema=include_input_schema,
            is_enabled=is_enabled,
            failure_error_function=failure_error_function,
            needs_approval=needs_approval,
            parallel=parallel,
        )

    async def get_system_prompt(self, run_context: RunContextWrapper[TContext]) -> str | None:
        """The instructions, as they are in this context."""
        if not callable(self.instructions):
            return self.instructions
        text: str | None = await settled(self.instructions(run_context, self))
        return text

    async def get_prompt(self, run_context: RunContextWrapper[TContext]) -> Prompt | None:
        """The stored prompt, as it is in this context."""
        prompt = self.prompt
        if callable(prompt):
            from .prompts import GenerateDynamicPromptData  # only those who have one pay for it

            prompt = await settled(prompt(GenerateDynamicPromptData(run_context, self)))
        given: Prompt | None = prompt
        return given

    async def get_mcp_tools(self, run_context: RunContextWrapper[TContext]) -> list[Tool[Any]]:
        """The tools of its MCP servers, which outside of `with` stay connected until `close`."""
        if not self.mcp_servers:
            return []
        from .mcp import MCPUtil

        made = await MCPUtil.get_all_function_tools(self.mcp_servers, True, run_context, self)
        return [*made]

    async def get_all_tools(self, run_context: RunContextWrapper[TContext]) -> list[Tool[Any]]:
        """The tools that it has in this context: those of MCP servers, and those enabled."""
        tools = await self.get_mcp_tools(run_context)
        for tool in self.tools:
            enabled = getattr(tool, "is_enabled", True)
            if callable(enabled):
                enabled = await settled(enabled(run_context, self))
            if enabled:
                tools.append(tool)
        return tools

    def output_schema(self) -> AgentOutputSchemaBase | None:
        """How the final output is described and parsed, or None for plain text.

        Raises:
            UserError: `output_type` has no JSON schema, or none that can be strict.
        """
        if self.output_type is None or self.output_type is str:
            return None
        from .output_schema import AgentOutputSchema, AgentOutputSchemaBase

        if isinstance(self.output_type, AgentOutputSchemaBase):
            return None if self.output_type.is_plain_text() else self.output_type
        return AgentOutputSchema(self.output_type)

    def __repr__(self) -> str:
        return f"Agent({self.name!r})"

    def _repr_html_(self) -> str:
        given = {
            "instructions": self.instructions,
            "model": self.model,
            "tools": [each.name for each in self.tools],
            "handoffs": [each.name for each in self.handoffs if isinstance(each, Agent)]
            + [each.tool_name for each in self.handoffs if isinstance(each, Handoff)],
            "MCP servers": self.mcp_servers,
            "guardrails": [
                each.get_name() for each in [*self.input_guardrails, *self.output_guardrails]
            ],
            "output": self.output_type,
        }
        rows = [(name, _shown(value)) for name, value in given.items() if value]
        return html_table(repr(self), rows)

    def _require(self, name: str, kinds: type | tuple[type, ...], wanted: str) -> None:
        if not isinstance(getattr(self, name), kinds):
            raise self._wrong(name, wanted)

    def _wrong(self, name: str, wanted: str) -> UserError:
        value = getattr(self, name)
        return UserError(f"Agent {self.name!r}: {name} must be {wanted}, got {repr_of(value)}")

    def _check_output_type(self) -> None:
        """Refuse an output type that cannot be sent; one that is still to be defined may pass."""
        if self.output_type is not None and self.output_type is not str:
            from .output_schema import check_output_type

            check_output_type(self.output_type, f"Agent {self.name!r}")

    def _check_servers(self) -> None:
        from .mcp import MCPServer

        self._require("mcp_servers", (list, tuple), "a list of MCP servers")
        if not all(isinstance(server, MCPServer) for server in self.mcp_servers):
            raise self._wrong("mcp_servers", "a list of MCP servers")
        self.mcp_servers = _as_list(self.mcp_servers)

    def _check_tool_use_behavior(self) -> None:
        behavior: Any = self.tool_use_behavior
        if callable(behavior):
            owner = f"Agent {self.name!r}: tool_use_behavior"
            check_takes(behavior, owner, "context", "tool results")
            return
        if behavior in ("run_llm_again", "stop_on_first_tool"):
            return
        if isinstance(behavior, dict) and isinstance(behavior.get("stop_at_tool_names"), list):
            return
        raise self._wrong(
            "tool_use_behavior",
            "'run_llm_again', 'stop_on_first_tool', {'stop_at_tool_names': [...]} or a function",
        )


def _shown(value: Any) -> str:
    """A field in words."""
    if isinstance(value, list):
        return ", ".join(in_few_words(each) for each in value)
    return in_few_words(getattr(value, "__name__", value), 500)


def _as_list(given: Sequence[T]) -> list[T]:
    """A list of the user's stays that very list, to which more may be added later."""
    return given if isinstance(given, list) else list(given)


AgentBase = Agent
"""The agent in annotations of functions that ask no more of it than a name and tools."""
