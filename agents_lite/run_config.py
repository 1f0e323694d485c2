"""Options of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from . import _names_of
from .checks import (
    check_choice,
    check_count,
    check_guardrails,
    check_kind,
    check_number,
    check_takes,
    forgetful_class,
    from_fields,
)
from .exceptions import UserError
from .model_settings import ModelSettings
from .models.interface import Model, ModelProvider
from .models.openai_provider import default_provider
from .shown import repr_of, set_fields
from .taken_whole import TakenWhole

if TYPE_CHECKING:
    from .compaction import Compaction
    from .guardrail import InputGuardrail, OutputGuardrail
    from .handoff_data import HandoffInputFilter
    from .items import TResponseInputItem
    from .journal import Journal
    from .memory import SessionSettings
    from .run_error_handlers import RunErrorHandlers
    from .run_functions import *  # noqa: F403
    from .run_functions import CallModelData, ToolErrorFormatter

__all__ = [
    "ReasoningItemIdPolicy",
    "RunConfig",
    "ToolExecutionConfig",
    "ToolNameCollisionPolicy",
    "ToolNotFoundBehavior",
    "UsageLimits",
]

if not TYPE_CHECKING:  # or a misspelt name passes
    __getattr__ = _names_of(__name__, "run_functions")

ReasoningItemIdPolicy: TypeAlias = Literal["preserve", "omit"]
ToolNameCollisionPolicy: TypeAlias = Literal["error", "warn"]
ToolNotFoundBehavior: TypeAlias = Literal["raise_error", "return_error_to_model"]

DEFAULT_MAX_TURNS = 10

_FUNCTION_FIELDS = {
    "handoff_input_filter": ["the conversation"],
    "call_model_input_filter": ["what the model is sent"],
    "session_input_callback": ["history", "new input"],
    "tool_error_formatter": ["the call"],
    "handoff_history_mapper": ["the history"],
    "step": ["name", "function"],
}
"""Fields that hold functions, with what these are given."""
_NOT_FOUND: dict[str, Literal["raise", "tell_model"]] = {
    "raise_error": "raise",
    "return_error_to_model": "tell_model",
}

_CHOICES = {
    "durability": ("call", "turn"),
    "tool_not_found": ("raise", "tell_model"),
    "tool_name_collision_policy": ("error", "warn"),
    "reasoning_item_id_policy": ("preserve", "omit", None),
}


@dataclass
class UsageLimits:
    """What a run may use at most. None: no limit.

    A limit is checked before the call that would pass it; the tokens of a model call, and its
    cost, are known only afterwards, so it is the next call that such a limit stops.
    """

    requests: int | None = None
    """Model calls."""
    input_tokens: int | None = None
    """Tokens sent."""
    output_tokens: int | None = None
    """Tokens produced."""
    total_tokens: int | None = None
    """Both together."""
    tool_calls: int | None = None
    """Calls of local tools."""
    cost: float | None = None
    """US dollars, for all models together; each has to have a price, see `set_prices`."""

    def __post_init__(self) -> None:
        """Raise UserError for a limit that is no number, or one below 0."""
        for name, limit in vars(self).items():
            if limit is not None:
                check_number(limit, f"UsageLimits: {name}")


@dataclass
class ToolExecutionConfig:
    """How the tool calls of a turn are made, as the OpenAI Agents SDK says it."""

    max_function_tool_concurrency: int | None = None
    """The same as `RunConfig.max_tool_concurrency`."""


_ERROR_HANDLERS = ("max_turns", "invalid_final_output", "model_refusal")


def check_error_handlers(handlers: Any) -> None:
    """Raise UserError unless these are functions by the names of errors, or None."""
    if not isinstance(handlers, Mapping | None):
        raise UserError(f"error_handlers must be a dict of functions, got {repr_of(handlers)}")
    for name, handler in (handlers or {}).items():
        if name not in _ERROR_HANDLERS:
            raise UserError(
                f"error_handlers takes functions for {', '.join(_ERROR_HANDLERS)}, got "
                f"{repr_of(name)}: {repr_of(handler)}"
            )
        check_takes(handler, f"error_handlers[{name!r}]", "the error's data")


# Without slots it would have a dict of its own of 1.5 KB: more than 30 names share none.
@forgetful_class
@dataclass(repr=False, slots=True, weakref_slot=True)
class RunConfig(TakenWhole):
    """Settings for a whole run, whichever agent is at work."""

    model: str | Model | None = None
    """The model for all agents; None: each agent's own."""
    model_provider: ModelProvider | None = field(default_factory=default_provider)
    """Finds models by name; by default, and with None: those of `OPENAI_BASE_URL`."""
    model_settings: ModelSettings | None = None
    """Overlays each agent's settings, field by field."""
    handoff_input_filter: HandoffInputFilter | None = None
    """For handoffs that have no filter of their own."""
    input_guardrails: list[InputGuardrail[Any]] = field(default_factory=list)
    """Run beside those of the first agent."""
    output_guardrails: list[OutputGuardrail[Any]] = field(default_factory=list)
    """Run beside those of the last agent."""
    tracing_disabled: bool = False
    """True records nothing of this run, inside a trace too."""
    trace_include_sensitive_data: bool | None = None
    """Whether spans hold inputs and outputs; None: not inside a run that keeps them out, else as
    `OPENAI_AGENTS_TRACE_INCLUDE_SENSITIVE_DATA` says, yes by default."""
    workflow_name: str = "Agent workflow"
    """Names the trace."""
    trace_id: str | None = None
    """The trace's id, `trace_` and 32 hex digits; None makes one."""
    group_id: str | Callable[[Any], str] | None = None
    """Links traces, for example those of one conversation; or a function that gives it for an
    input, where one config is for many runs."""
    trace_metadata: dict[str, Any] | None = None
    """Anything to keep with the trace."""
    call_model_input_filter: Callable[[CallModelData[Any]], Any] | None = None
    """Last look at what the model is sent: returns a `ModelInputData`; `def` or `async def`."""
    session_input_callback: Callable[[list[Any], list[Any]], Any] | None = None
    """Merges a session's history with the new input, both lists of input items; `def` or
    `async def`. None puts the history before the input."""
    session_settings: SessionSettings | None = None
    """How much of a session's history is read; None: as the session's own settings say, else all
    of it."""
    max_tool_concurrency: int | None = None
    """How many tool calls of one turn run at a time; 1 keeps them on the driving thread, None:
    all that may."""
    parallel_tools: bool | None = None
    """Whether `def` tools of one turn run beside each other, on threads: True: all of them, False:
    none, None: those declared with `parallel=True`."""
    tool_error_formatter: ToolErrorFormatter[Any] | None = None
    """Gives what the model is told of a call that a person rejected without words, or whose tool
    is not there, or has failed and has no `failure_error_function` of its own; or None for the
    usual words; `def` or `async def`."""
    output_retries: int | None = None
    """As `Agent.output_retries`, for all agents; None: each agent's own."""
    error_handlers: RunErrorHandlers[Any] | None = None
    """Functions that give a final output where the run would end with an error: {"max_turns": ...,
    "invalid_final_output": ..., "model_refusal": ...}."""
    run_id: str | Callable[[Any], str] | None = None
    """Names the run, for its journal; or a function that gives the name for an input, where one
    config is for many runs. None makes a name."""
    journal: Journal | None = None
    """Where the run is written down step by step, so that it goes on after its process was killed:
    a `SQLiteJournal`, for example."""
    step: Callable[[str, Callable[[], Any]], Any] | None = None
    """Makes each model call and each call of a tool, for an engine that keeps what they give: gets
    a name and a function, and returns the JSON that the function returned, now or at an earlier
    attempt. Calls are then made one after the other, and answers come as a whole."""
    durability: Literal["call", "turn"] = "call"
    """What is on disk before the run goes on: each answer and each call; or each turn as a whole,
    so that a process that is killed repeats the turn at hand."""
    usage_limits: UsageLimits | None = None
    """What the run may use at most."""
    compaction: Compaction | None = None
    """Keeps what the model is sent within its window; None: as a `CompactionSession` says, else
    everything is sent."""
    tool_not_found: Literal["raise", "tell_model"] = "raise"
    """A call of a tool that does not exist ends the run, or is told to the model."""
    tool_not_found_behavior: InitVar[ToolNotFoundBehavior | None] = None
    """The same, as the OpenAI Agents SDK says it."""
    tool_execution: InitVar[ToolExecutionConfig | Mapping[str, Any] | None] = None
    """`max_tool_concurrency`, as the OpenAI Agents SDK says it."""
    tool_name_collision_policy: ToolNameCollisionPolicy = "error"
    """Tools or handoffs of the same name end the run before the model is asked; or the last of
    them is offered alone, handoffs before tools, and a warning is logged."""
    reasoning_item_id_policy: ReasoningItemIdPolicy | None = None
    """Whether the model is sent reasoning with its ids, as it is by default, or without."""
    nest_handoff_history: bool = False
    """Whether handoffs without a filter fold the history into one message, as
    `extensions.handoff_filters.nest_handoff_history` does."""
    handoff_history_mapper: Callable[[list[TResponseInputItem]], Any] | None = None
    """Makes other items of the history than that one message: gets a list of items, and returns
    one."""

    def __post_init__(
        self,
        tool_not_found_behavior: str | None,
        tool_execution: ToolExecutionConfig | Mapping[str, Any] | None,
    ) -> None:
        """Check what was given.

        Raises:
            UserError: A field is of the wrong kind.
        """
        self.input_guardrails = check_guardrails(self.input_guardrails, "input_guardrail")
        self.output_guardrails = check_guardrails(self.output_guardrails, "output_guardrail")
        is_plain = tool_not_found_behavior is None and tool_execution is None
        if is_plain and self == _as_usual:
            return  # as for most runs, each of which has one
        if tool_not_found_behavior is not None:
            check_choice(tool_not_found_behavior, "tool_not_found_behavior", *_NOT_FOUND)
            self.tool_not_found = _NOT_FOUND[tool_not_found_behavior]
        if isinstance(tool_execution, Mapping):
            tool_execution = from_fields(ToolExecutionConfig, tool_execution)
        if tool_execution is not None:
            check_kind(
                tool_execution, ToolExecutionConfig, "tool_execution", "a ToolExecutionConfig"
            )
            if tool_execution.max_function_tool_concurrency is not None:
                self.max_tool_concurrency = tool_execution.max_function_tool_concurrency
        if isinstance(self.session_settings, Mapping):
            from .memory.session_settings import as_settings  # only those who need it pay for it

            self.session_settings = as_settings(self.session_settings)
        if isinstance(self.model_settings, dict):
            self.model_settings = from_fields(ModelSettings, self.model_settings)
        check_error_handlers(self.error_handlers)
        self._check_kinds()
        if self.max_tool_concurrency is not None:
            check_count(self.max_tool_concurrency, "max_tool_concurrency", 1)
        for name, choices in _CHOICES.items():
            check_choice(getattr(self, name), name, *choices)
        if self.journal is not None and not hasattr(self.journal, "let_go"):
            raise UserError(
                f"journal must be one such as SQLiteJournal, got {repr_of(self.journal)}"
            )

    def __repr__(self) -> str:
        return set_fields(self)

    def _check_kinds(self) -> None:
        kinds: dict[str, Any] = {
            "model": (str, Model),
            "model_settings": ModelSettings,
            "trace_metadata": Mapping,
            "output_retries": int,
            "usage_limits": UsageLimits,
        }
        wrong = {
            name: value
            for name, kind in kinds.items()
            if (value := getattr(self, name)) is not None and not isinstance(value, kind)
        }
        parts = {"model_provider": "get_model", "session_settings": "limit", "compaction": "window"}
        for name, part in parts.items():
            if not ((value := getattr(self, name)) is None or hasattr(value, part)):
                wrong[name] = value
        for name, value in wrong.items():  # which may hold secrets
            annotation = self.__dataclass_fields__[name].type
            raise UserError(f"{name} must be {annotation}, not a {type(value).__name__}")
        for name, arguments in _FUNCTION_FIELDS.items():
            if (function := getattr(self, name)) is not None:
                check_takes(function, name, *arguments)
        for name in ("group_id", "run_id"):
            if not isinstance(value := getattr(self, name), str | None):
                check_takes(value, f"{name}, if no text,", "the input")


_as_usual: RunConfig | None = None  # first of all, as making a RunConfig looks at it
"""One in which nothing is chosen."""
_as_usual = RunConfig()


def as_run_config(given: Any) -> Any:
    """The settings that a dict stands for; anything else as it is, RunConfig() for None."""
    if given is None:
        return RunConfig()
    return from_fields(RunConfig, given) if isinstance(given, dict) else given
