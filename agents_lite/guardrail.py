"""Checks on what goes into a run and on what comes out of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, overload

from .checks import check_choice, check_takes
from .concurrency.calling import settled
from .methods import BoundLikeMethods, is_method, refuse_class_method
from .pickling import PickledByName
from .run_context import RunContextWrapper, TContext
from .taken_whole import TakenWhole

if TYPE_CHECKING:
    from .agent import Agent
    from .items import TResponseInputItem

__all__ = [
    "GuardrailFunctionOutput",
    "InputGuardrail",
    "InputGuardrailResult",
    "OutputGuardrail",
    "OutputGuardrailResult",
    "input_guardrail",
    "output_guardrail",
]

TFunction = TypeVar("TFunction")


@dataclass
class GuardrailFunctionOutput:
    """What a guardrail function returns."""

    output_info: Any
    """Anything worth knowing about the check: it is kept in the result and in the exception."""
    tripwire_triggered: bool
    """True stops the run."""


InputGuardrailFunction = Callable[
    [RunContextWrapper[TContext], "Agent[Any]", "str | list[TResponseInputItem]"],
    GuardrailFunctionOutput | Awaitable[GuardrailFunctionOutput],
]
OutputGuardrailFunction = Callable[
    [RunContextWrapper[TContext], "Agent[Any]", Any],
    GuardrailFunctionOutput | Awaitable[GuardrailFunctionOutput],
]


@dataclass
class AnyGuardrail(BoundLikeMethods, PickledByName, Generic[TFunction]):
    """What guardrails have in common, be they of runs or of tools.

    One that is declared of a method in a class body belongs to the instances, as methods do.
    """

    _function_field: ClassVar[str] = "guardrail_function"
    decorator: ClassVar[str]
    """What makes one of a function."""
    arguments: ClassVar[tuple[str, ...]]
    """What the function is given, in words."""
    guardrail_function: TFunction
    """Gives the verdict; `def` or `async def`."""
    name: str | None = None
    """Shown in traces; None: the function's name."""

    def __post_init__(self) -> None:
        """Raise UserError for a function that is none, or none of an instance."""
        function: Any = self.guardrail_function
        refuse_class_method(function, self.decorator)
        wanted = ("the instance", *self.arguments) if is_method(function) else self.arguments
        check_takes(function, f"What @{self.decorator} decorates", *wanted)

    def get_name(self) -> str:
        """The guardrail's name."""
        if self.name is not None:
            return self.name
        function = self.guardrail_function
        return str(getattr(function, "__name__", type(function).__name__))


@dataclass
class InputGuardrail(AnyGuardrail[InputGuardrailFunction[TContext]], Generic[TContext]):
    """A check of the first agent's input, alongside or before its first model call.

    The function is called with context, agent and input.
    """

    decorator: ClassVar[str] = "input_guardrail"
    arguments: ClassVar[tuple[str, ...]] = ("context", "agent", "input")
    run_in_parallel: bool = True
    """False checks before the model is called, on the thread that drives the run."""

    async def run(
        self,
        agent: Agent[Any],
        input: str | list[TResponseInputItem],
        context: RunContextWrapper[TContext],
    ) -> InputGuardrailResult:
        """The verdict on an input, outside a run."""
        output = await settled(self.guardrail_function(context, agent, input))
        return InputGuardrailResult(self, output)


@dataclass
class OutputGuardrail(AnyGuardrail[OutputGuardrailFunction[TContext]], Generic[TContext]):
    """A check of the last agent's final output.

    The function is called with context, agent and output.
    """

    decorator: ClassVar[str] = "output_guardrail"
    arguments: ClassVar[tuple[str, ...]] = ("context", "agent", "output")
    on_trip: Literal["raise", "retry"] = "raise"
    """What follows a tripwire: the run ends; or the model is told and asked for another output, as
    often as `output_retries` allows."""

    def __post_init__(self) -> None:
        """Raise UserError for what no guardrail can be made of."""
        super().__post_init__()
        check_choice(self.on_trip, f"@{self.decorator}: on_trip", "raise", "retry")

    async def run(
        self, context: RunContextWrapper[TContext], agent: Agent[Any], agent_output: Any
    ) -> OutputGuardrailResult:
        """The verdict on an output, outside a run."""
        output = await settled(self.guardrail_function(context, agent, agent_output))
        return OutputGuardrailResult(self, agent_output, agent, output)


@dataclass
class InputGuardrailResult:
    """The verdict of an input guardrail."""

    guardrail: InputGuardrail[Any]
    """Whose verdict it is."""
    output: GuardrailFunctionOutput
    """The verdict."""


@dataclass
class OutputGuardrailResult(TakenWhole):
    """The verdict of an output guardrail."""

    guardrail: OutputGuardrail[Any]
    """Whose verdict it is."""
    agent_output: Any
    """The final output that it is about."""
    agent: Agent[Any]
    """The agent that gave this output."""
    output: GuardrailFunctionOutput
    """The verdict."""


@overload
def input_guardrail(func: InputGuardrailFunction[TContext]) -> InputGuardrail[TContext]: ...
@overload
def input_guardrail(
    *, name: str | None = None, run_in_parallel: bool = True
) -> Callable[[InputGuardrailFunction[TContext]], InputGuardrail[TContext]]: ...
def input_guardrail(
    func: InputGuardrailFunction[Any] | None = None,
    *,
    name: str | None = None,
    run_in_parallel: bool = True,
) -> Any:
    """Make a function an input guardrail; a decorator, bare or with arguments.

    Raises:
        UserError: The decorated object cannot be called.
    """
    return declare(InputGuardrail, func, name=name, run_in_parallel=run_in_parallel)


@overload
def output_guardrail(func: OutputGuardrailFunction[TContext]) -> OutputGuardrail[TContext]: ...
@overload
def output_guardrail(
    *, name: str | None = None, on_trip: Literal["raise", "retry"] = "raise"
) -> Callable[[OutputGuardrailFunction[TContext]], OutputGuardrail[TContext]]: ...
def output_guardrail(
    func: OutputGuardrailFunction[Any] | None = None,
    *,
    name: str | None = None,
    on_trip: Literal["raise", "retry"] = "raise",
) -> Any:
    """Make a function an output guardrail; a decorator, bare or with arguments.

    Raises:
        UserError: The decorated object cannot be called.
    """
    return declare(OutputGuardrail, func, name=name, on_trip=on_trip)


def declare(kind: Callable[..., Any], function: Any, **options: Any) -> Any:
    """A guardrail of a function; of None, the decorator that makes one."""
    return partial(kind, **options) if function is None else kind(function, **options)
