"""The tools an agent may be given."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import NoneType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    Literal,
    NotRequired,
    Protocol,
    Self,
    TypeAlias,
    get_args,
    overload,
)

from typing_extensions import TypedDict

from . import _names_of
from .checks import check_choice, check_guardrails, check_kind, check_takes, is_number
from .concurrency import calling
from .concurrency.calling import name_of, settled
from .exceptions import ToolTimeoutError, UserError, words_of
from .methods import BoundLikeMethods, is_method, refuse_class_method
from .pickling import PickledByName
from .run_context import RunContextWrapper, TContext
from .schema.function_schema import (
    DocstringStyle,
    FuncSchema,
    InvalidToolArguments,
    function_schema,
)
from .schema.strict_schema import schema_for_api
from .shown import repr_of
from .taken_whole import TakenWhole
from .tool_context import ToolContext

if TYPE_CHECKING:
    from typing import Unpack

    from .agent import *  # noqa: F403
    from .agent import Agent
    from .hosted_tools import *  # noqa: F403
    from .items import ToolApprovalItem
    from .local_tools import *  # noqa: F403
    from .running.turn.tool_call import ToolCall
    from .tool_guardrails import ToolInputGuardrail, ToolOutputGuardrail
    from .tool_output import *  # noqa: F403
    from .tool_use import *  # noqa: F403

__all__ = [
    "FunctionTool",
    "HostedTool",
    "LocalTool",
    "MCPToolApprovalFunctionResult",
    "Tool",
    "default_tool_error_function",
    "function_tool",
]


_BESIDE = ("agent", "hosted_tools", "local_tools", "tool_guardrails", "tool_output", "tool_use")
"""Modules whose names can be had from here, too; most of them need this one."""

if not TYPE_CHECKING:  # or a misspelt name passes
    __getattr__ = _names_of(__name__, *_BESIDE)


_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

NeedsApproval: TypeAlias = bool | Callable[..., bool | Awaitable[bool]]
OnApproval: TypeAlias = Callable[[RunContextWrapper[Any], "ToolApprovalItem"], Any]
"""Decides about a call: {"approve": True or False, "reason": why not}; `def` or `async def`."""
ToolInvocation: TypeAlias = Callable[[ToolContext[Any], str], Any]
ToolEnabled: TypeAlias = Callable[[RunContextWrapper[Any], "Agent[Any]"], bool | Awaitable[bool]]
UnknownEnd: TypeAlias = Literal["rerun", "ask", "fail"]
ToolErrorFunction: TypeAlias = Callable[[RunContextWrapper[Any], Exception], str | Awaitable[str]]


def check_tool_name(name: str, kind: str, remedy: str) -> None:
    """Raise UserError for a name that the API does not take; the message names the remedy."""
    if not (isinstance(name, str) and _TOOL_NAME.fullmatch(name)):
        raise UserError(
            f"A {kind} cannot be named {repr_of(name)}: use 1 to 64 letters, digits, _ and - "
            f"({remedy})."
        )


def check_is_enabled(value: Any, owner: str) -> None:
    """Raise UserError for what is neither a bool nor a function of context and agent."""
    if not isinstance(value, bool):
        check_takes(value, f"{owner}: is_enabled, if no bool,", "context", "agent")


def check_needs_approval(value: Any, owner: str) -> None:
    """Raise UserError for what is neither a bool nor a function of what is asked for."""
    if not isinstance(value, bool):
        wanted = ("context", "arguments", "call id")
        check_takes(value, f"{owner}: needs_approval, if no bool,", *wanted)


def fit_for_tool(agent_name: str) -> str:
    """An agent's name in lower case, with _ for what the names of tools do not have."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", agent_name).lower()


def default_tool_error_function(ctx: RunContextWrapper[Any], error: Exception) -> str:
    """What the model is told when a tool fails, unless the tool has a function of its own."""
    if isinstance(error, ToolTimeoutError) and error.tool_name == getattr(ctx, "tool_name", None):
        return str(error)
    if isinstance(error, InvalidToolArguments) and error.malformed:
        return (
            "An error occurred while parsing tool arguments. Please try again with valid JSON."
            f" Error: {error}"
        )
    said = words_of(error)
    return f"An error occurred while running the tool. Please try again. Error: {said}"


class _LazySchema:
    """A field that holds a JSON schema, or a function that makes it when it is first read."""

    def __get__(self, tool: FunctionTool[Any] | None, owner: type) -> dict[str, Any]:
        if tool is None:  # so dataclasses ask for a default: there is none
            raise AttributeError
        schema = vars(tool)["params_json_schema"]
        if callable(schema):
            schema = vars(tool)["params_json_schema"] = schema()
        result: dict[str, Any] = schema
        return result

    def __set__(
        self, tool: FunctionTool[Any], schema: dict[str, Any] | Callable[[], dict[str, Any]]
    ) -> None:
        vars(tool)["params_json_schema"] = schema


@dataclass(eq=False, repr=False)
class FunctionTool(BoundLikeMethods, PickledByName, Generic[TContext]):
    """A function the model may call. `function_tool` makes one from a Python function.

    One that is declared of a method in a class body belongs to the instances: `shop.buy`, not
    `Shop.buy`, is what an agent is given.
    """

    _function_field: ClassVar[str] = "function"

    name: str
    """Letters, digits, _ and -, at most 64 of them."""
    description: str
    """Tells the model what the tool does and when to use it."""
    params_json_schema: _LazySchema = _LazySchema()
    """The JSON schema of the arguments; or, when given, a function that makes it when it is first
    read, in the form that is sent."""
    on_invoke_tool: ToolInvocation  # type: ignore[misc]  # mypy takes the descriptor for a default
    """Called with the call's context and the arguments as JSON text; `def` or `async def`. What it
    returns is the output: text, or anything else that `output_for_model` takes."""
    strict_json_schema: bool = True
    """Whether the model is held to the schema, which then is put into the API's strict form."""
    is_enabled: bool | ToolEnabled = True
    """Whether the model gets to see the tool, or a function of context and agent that decides."""
    timeout: float | None = None
    """How many seconds a call may take; None for as long as it wants. A `def` function with a
    timeout runs on a thread of its own, which is left behind when its time is over."""
    failure_error_function: ToolErrorFunction | None = None
    """Turns an exception of the tool into what the model is told; None lets it leave the run."""
    timeout_behavior: Literal["error_as_result", "raise_exception"] | None = None
    """What becomes of a call whose time is over: the model is told, or the run ends. None: as for
    other failures."""
    timeout_error_function: ToolErrorFunction | None = None
    """Says what the model is told then; None: `failure_error_function`."""
    needs_approval: NeedsApproval = False
    """Whether a call waits for consent, or a function of context, arguments and call id."""
    parallel: bool = False
    """Whether a `def` function may run on another thread, beside the turn's other calls. Without,
    it runs on the thread that drives the run, after those. `async def` ones always run side by
    side."""
    on_unknown_end: UnknownEnd | None = None
    """What becomes of a call that a journal saw begin and never end: it is made again ("rerun"), a
    person is asked ("ask"), or the run fails ("fail"). None asks where a call needs an approval,
    and makes all others again."""
    tool_input_guardrails: list[ToolInputGuardrail] | None = None
    """Checks of each call, in order."""
    tool_output_guardrails: list[ToolOutputGuardrail] | None = None
    """Checks of each output, in order."""
    function: Any = None  # a callable: with `| None`, no test could call it unasked
    """The Python function, or None for a tool made by hand."""
    agent: Agent[Any] | None = field(default=None, repr=False)
    """The agent that a call runs, or None for any other tool."""

    def __post_init__(self) -> None:
        """Check what was given, and make a schema given by hand strict.

        Raises:
            UserError: The name, the timeout or the schema cannot be used.
        """
        check_tool_name(self.name, "tool", "name_override of function_tool, tool_name of as_tool")
        if self.timeout is not None and not (is_number(self.timeout) and self.timeout > 0):
            raise UserError(
                f"Tool {self.name}: the timeout has to be more than 0 seconds, or None for as long"
                f" as the call wants, not {repr_of(self.timeout)}."
            )
        wanted = "text that tells the model of it"
        check_kind(self.description, (str, NoneType), f"Tool {self.name}: description", wanted)
        self._check_functions()
        ends = (*get_args(UnknownEnd), None)
        check_choice(self.on_unknown_end, f"Tool {self.name}: on_unknown_end", *ends)
        if self.tool_input_guardrails is not None:
            self.tool_input_guardrails = check_guardrails(
                self.tool_input_guardrails, "tool_input_guardrail"
            )
        if self.tool_output_guardrails is not None:
            self.tool_output_guardrails = check_guardrails(
                self.tool_output_guardrails, "tool_output_guardrail"
            )
        given = vars(self)["params_json_schema"]
        if not callable(given):
            self.params_json_schema = schema_for_api(
                given, self.strict_json_schema, f"tool {self.name}"
            )

    def __repr__(self) -> str:
        return f"FunctionTool({self.name!r})"

    def _check_functions(self) -> None:
        what = f"Tool {self.name}"
        if not isinstance(self.on_invoke_tool, Invocation):
            check_takes(self.on_invoke_tool, f"{what}: on_invoke_tool", "context", "arguments")
        for name in ("failure_error_function", "timeout_error_function"):
            if (explain := getattr(self, name)) not in (None, default_tool_error_function):
                check_takes(explain, f"{what}: {name}", "context", "error")
        behaviors = ("error_as_result", "raise_exception", None)
        check_choice(self.timeout_behavior, f"{what}: timeout_behavior", *behaviors)
        check_is_enabled(self.is_enabled, what)
        check_needs_approval(self.needs_approval, what)

    def _with_function(self, function: Callable[..., Any]) -> Self:
        bound = super()._with_function(function)
        invoke = self.on_invoke_tool
        if isinstance(invoke, Invocation) and isinstance(invoke.make, _FunctionCall):
            bound.on_invoke_tool = replace(invoke, make=replace(invoke.make, function=function))
        return bound


@dataclass(eq=False, repr=False)
class Invocation:
    """Makes the calls of a tool, for a run, and for whoever reads `on_invoke_tool`."""

    make: Callable[[Any, str], Any]
    """Gives the output of a call, or what is to be awaited for it."""
    failure_error_function: ToolErrorFunction | None
    """As of the tool."""

    def __call__(self, context: RunContextWrapper[Any], json_text: str) -> Any:
        """What `make` gives; on an event loop, to be awaited, with failures told as to a model."""
        if calling.loop_here() is not None:
            return self._make_later(context, json_text)
        # Quicker than a call of the object.
        return self.make.__call__(context, json_text)  # type: ignore[operator]

    async def _make_later(self, context: RunContextWrapper[Any], json_text: str) -> Any:
        from .concurrency.aio import call_aside

        try:
            return await settled(await call_aside(self.make, context, json_text))
        except Exception as error:
            if self.failure_error_function is None:
                raise
            return await settled(self.failure_error_function(context, error))


@dataclass(eq=False, repr=False)
class _FunctionCall:
    """Calls a function with arguments that come as JSON."""

    function: Callable[..., Any]
    schema: FuncSchema

    def __call__(self, context: RunContextWrapper[Any], json_text: str) -> Any:
        schema = self.schema
        args, kwargs = schema.bind(json_text, context)
        if schema.takes_context:
            return self.function(context, *args, **kwargs)
        return self.function(*args, **kwargs)

    @property
    def __name__(self) -> str:
        """The function's name, for errors."""
        return name_of(self.function)


class FunctionToolOptions(TypedDict, total=False):
    """What `function_tool` takes beside the function; the rest is as in FunctionTool."""

    name_override: str | None
    """The tool's name; None takes the function's."""
    description_override: str | None
    """The tool's description; None takes the docstring's text before its sections."""
    docstring_style: DocstringStyle | None
    """How the docstring is written; None finds out."""
    use_docstring_info: bool
    """Whether to read the docstring at all."""
    failure_error_function: ToolErrorFunction | None
    strict_mode: bool
    """Whether the schema has to be in the API's strict form."""
    is_enabled: bool | ToolEnabled
    timeout: float | None
    timeout_behavior: Literal["error_as_result", "raise_exception"] | None
    timeout_error_function: ToolErrorFunction | None
    needs_approval: NeedsApproval
    parallel: bool
    on_unknown_end: UnknownEnd | None
    tool_input_guardrails: list[ToolInputGuardrail] | None
    tool_output_guardrails: list[ToolOutputGuardrail] | None


class _Decorator(Protocol):
    """What `function_tool` with options gives: the tool's context type is the function's."""

    @overload
    def __call__(
        self, func: Callable[Concatenate[ToolContext[TContext], ...], Any], /
    ) -> FunctionTool[TContext]: ...
    @overload
    def __call__(
        self, func: Callable[Concatenate[RunContextWrapper[TContext], ...], Any], /
    ) -> FunctionTool[TContext]: ...
    @overload
    def __call__(self, func: Callable[..., Any], /) -> FunctionTool[Any]: ...


@overload
def function_tool(
    func: Callable[Concatenate[ToolContext[TContext], ...], Any],
    **options: Unpack[FunctionToolOptions],
) -> FunctionTool[TContext]: ...
@overload
def function_tool(
    func: Callable[Concatenate[RunContextWrapper[TContext], ...], Any],
    **options: Unpack[FunctionToolOptions],
) -> FunctionTool[TContext]: ...
@overload
def function_tool(
    func: Callable[..., Any], **options: Unpack[FunctionToolOptions]
) -> FunctionTool[Any]: ...
@overload
def function_tool(func: None = None, **options: Unpack[FunctionToolOptions]) -> _Decorator: ...


def function_tool(
    func: Callable[..., Any] | None = None,
    *,
    name_override: str | None = None,
    description_override: str | None = None,
    docstring_style: DocstringStyle | None = None,
    use_docstring_info: bool = True,
    failure_error_function: ToolErrorFunction | None = default_tool_error_function,
    strict_mode: bool = True,
    **options: Any,
) -> Any:
    """Make a Python function a tool: `@function_tool`, bare or with FunctionToolOptions.

    Name, description and the schema of the arguments come from the function's name, docstring and
    annotations. A first parameter annotated as RunContextWrapper or ToolContext is given the
    context and stays unknown to the model.

    Raises:
        UserError: The signature cannot be a tool's; the message names the parameter.
    """

    def decorate(function: Callable[..., Any]) -> FunctionTool[Any]:
        refuse_class_method(function, "function_tool")
        schema = function_schema(
            partial(function, None) if is_method(function) else function,
            name_override=name_override,
            description_override=description_override,
            docstring_style=docstring_style,
            use_docstring_info=use_docstring_info,
            strict_json_schema=strict_mode,
        )
        return FunctionTool(
            name=schema.name,
            description=schema.description,
            params_json_schema=lambda: schema.params_json_schema,
            on_invoke_tool=Invocation(_FunctionCall(function, schema), failure_error_function),
            strict_json_schema=strict_mode,
            failure_error_function=failure_error_function,
            function=function,
            **options,
        )

    return decorate if func is None else decorate(func)


class MCPToolApprovalFunctionResult(TypedDict):
    """The answer to an MCPToolApprovalRequest, and to an `on_approval` of other tools."""

    approve: bool
    reason: NotRequired[str]
    """Why not."""


ShellOnApprovalFunctionResult = MCPToolApprovalFunctionResult
ApplyPatchOnApprovalFunctionResult = MCPToolApprovalFunctionResult
CustomToolOnApprovalFunctionResult = MCPToolApprovalFunctionResult


class HostedTool(ABC):
    """A tool that the model's server calls by itself."""

    name: ClassVar[str]
    """What traces and errors call it."""
    on_approval_request: Any = None
    """Answers the questions of its MCP server, see HostedMCPTool; None: the run pauses."""

    @abstractmethod
    def to_request(self) -> dict[str, Any]:
        """The tool as an element of `tools` in a request to the Responses API.

        Source: https://platform.openai.com/docs/api-reference/responses/create
        """

    @property
    def server_label(self) -> str | None:
        """The MCP server whose tools these are, as requests name it; None for another tool."""
        return None


class LocalTool(ABC, TakenWhole):
    """A tool that the model calls by items of their own type, and whose calls are made here."""

    call_type: ClassVar[str]
    """The type of such an item: "computer_call"."""
    outputs_hold_words: ClassVar[bool] = True
    """Whether an output can tell why a call was not made; else the model is told behind it."""
    agent: ClassVar[None] = None
    """A call runs no agent."""
    name: str
    """What the model's server calls the tool."""
    needs_approval: NeedsApproval
    """Whether a call waits for consent, or a function of context, what is asked for and call id."""
    on_approval: OnApproval | None = None
    """Decides about a call that needs an approval; None asks a person: the run pauses."""

    def check_approvals(self) -> None:
        """Raise UserError for fields that decide about calls, and cannot."""
        check_needs_approval(self.needs_approval, f"Tool {self.name}")
        if self.on_approval is not None:
            wanted = ("context", "a ToolApprovalItem")
            check_takes(self.on_approval, f"Tool {self.name}: on_approval", *wanted)

    @abstractmethod
    def to_request(self) -> dict[str, Any]:
        """The tool as an element of `tools` in a request to the Responses API."""

    def is_meant(self, raw: Any) -> bool:
        """Whether a call of the tool's type is one of this tool."""
        return True

    @abstractmethod
    def asked_of(self, raw: Any) -> Any:
        """What a call asks for, as JSON."""

    def request_of(self, call: ToolCall) -> Any:
        """The same as a `needs_approval` function is given it; None where it cannot be read."""
        return self.asked_of(call.raw)

    @abstractmethod
    def carry_out(self, call: ToolCall) -> tuple[dict[str, Any], Any]:
        """Make a call.

        Returns:
            The fields of the output item, and the output for those who read results.
        """

    @abstractmethod
    def stand_in(self, call: ToolCall, shown: Any, is_refusal: bool) -> tuple[dict[str, Any], Any]:
        """The same for a call that was not made: what the model is told instead.

        Args:
            call: The call.
            shown: Text or content parts: a refusal's words, or the output as it was given.
            is_refusal: Whether a person has refused the call.
        """

    def explain(self, call: ToolCall, error: Exception) -> tuple[dict[str, Any], Any]:
        """The same for a call that failed; raises what is to leave the run."""
        raise error


Tool: TypeAlias = FunctionTool[TContext] | HostedTool | LocalTool


def check_tool(candidate: object, owner: str) -> None:
    """Raise UserError for what is no tool; the message names its owner."""
    if isinstance(candidate, FunctionTool):
        candidate.check_bound(owner)
    if isinstance(candidate, HostedTool) and not hasattr(candidate, "name"):
        raise UserError(f"{owner}: {type(candidate).__name__} has no `name`; give its class one")
    if isinstance(candidate, (FunctionTool, HostedTool, LocalTool)):
        return
    shown, remedy = repr_of(candidate), ""
    if isinstance(candidate, Mapping):  # it may hold a token
        shown = "a dict"
        remedy = " A tool of the model's server is an object, such as HostedMCPTool({...})."
    elif callable(candidate):
        remedy = " Decorate the function with @function_tool."
    elif hasattr(candidate, "as_tool"):
        remedy = " Use the agent's as_tool(...)."
    raise UserError(f"{owner}: {shown} is no tool.{remedy}")
