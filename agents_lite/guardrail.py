"""Checks on what goes into a run and on what comes out of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from .exceptions import UserError
from .pickling import PickledByName
from .run_context import RunContextWrapper, TContext

if TYPE_CHECKING:
    from .agent import Agent
    from .items import TResponseInputItem


T = TypeVar("T")


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
class InputGuardrail(PickledByName, Generic[TContext]):
    """A check of the first agent's input, alongside or before its first model call."""

    guardrail_function: InputGuardrailFunction[TContext]
    """Called with context, agent and input; `def` or `async def`."""
    name: str | None = None
    """Shown in traces; None: the function's name."""
    run_in_parallel: bool = True
    """False checks before the model is called, on the thread that drives the run."""

    def get_name(self) -> str:
        """The guardrail's name."""
        return self.name or _function_name(self.guardrail_function)


@dataclass
class OutputGuardrail(PickledByName, Generic[TContext]):
    """A check of the last agent's final output."""

    guardrail_function: OutputGuardrailFunction[TContext]
    """Called with context, agent and output; `def` or `async def`."""
    name: str | None = None
    """Shown in traces; None: the function's name."""

    def get_name(self) -> str:
        """The guardrail's name."""
        return self.name or _function_name(self.guardrail_function)


@dataclass
class InputGuardrailResult:
    """The verdict of an input guardrail."""

    guardrail: InputGuardrail[Any]
    output: GuardrailFunctionOutput


@dataclass
class OutputGuardrailResult:
    """The verdict of an output guardrail."""

    guardrail: OutputGuardrail[Any]
    agent_output: Any
    agent: Agent[Any]
    output: GuardrailFunctionOutput


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

    def decorate(function: InputGuardrailFunction[Any]) -> InputGuardrail[Any]:
        return InputGuardrail(_callable(function, "input_guardrail"), name, run_in_parallel)

    return decorate if func is None else decorate(func)


@overload
def output_guardrail(func: OutputGuardrailFunction[TContext]) -> OutputGuardrail[TContext]: ...
@overload
def output_guardrail(
    *, name: str | None = None
) -> Callable[[OutputGuardrailFunction[TContext]], OutputGuardrail[TContext]]: ...
def output_guardrail(
    func: OutputGuardrailFunction[Any] | None = None, *, name: str | None = None
) -> Any:
    """Make a function an output guardrail; a decorator, bare or with a name.

    Raises:
        UserError: The decorated object cannot be called.
    """

    def decorate(function: OutputGuardrailFunction[Any]) -> OutputGuardrail[Any]:
        return OutputGuardrail(_callable(function, "output_guardrail"), name)

    return decorate if func is None else decorate(func)


def check_guardrails(guardrails: Any, kind: type[T]) -> list[T]:
    """Guardrails as a list; None is an empty one.

    Raises:
        UserError: It is no list, or one of them is no guardrail of that kind.
    """
    decorator = "input_guardrail" if kind is InputGuardrail else "output_guardrail"
    if not isinstance(guardrails, list | tuple | None):
        raise UserError(f"{decorator}s must be a list of @{decorator} functions: {guardrails!r}")
    for guardrail in guardrails or ():
        if not isinstance(guardrail, kind):
            raise UserError(f"{guardrail!r} is no {kind.__name__}; decorate it with @{decorator}")
    return list(guardrails or ())


def _callable(function: Any, decorator: str) -> Any:
    if not callable(function):
        raise UserError(f"@{decorator} takes a function, got {function!r}")
    return function


def _function_name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__
