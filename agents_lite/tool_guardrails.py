"""Checks before and after a function tool runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, overload

from .pickling import PickledByName
from .run_context import ToolContext

if TYPE_CHECKING:
    from .agent import Agent


@dataclass
class ToolGuardrailFunctionOutput:
    """A guardrail's verdict. Made by `allow`, `reject_content` or `raise_exception`."""

    output_info: Any = None
    """Whatever the guardrail found, for the caller and the traces."""
    behavior: Literal["allow", "reject_content", "raise_exception"] = "allow"
    """What happens to the call."""
    message: str | None = None
    """What the model is told in place of the tool's output, when the content is rejected."""

    @classmethod
    def allow(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Let the call, or its output, pass."""
        return cls(output_info)

    @classmethod
    def reject_content(cls, message: str, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Tell the model `message` in place of the output; the run goes on.

        On input the tool does not run at all.
        """
        return cls(output_info, "reject_content", message)

    @classmethod
    def raise_exception(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Stop the run: ToolInputGuardrailTripwireTriggered or the same of Output."""
        return cls(output_info, "raise_exception")


@dataclass
class ToolInputGuardrailData:
    """What a guardrail on a tool's input gets to see."""

    context: ToolContext[Any]
    """The call: `tool_name`, `tool_arguments` (JSON text), and the run's context."""
    agent: Agent[Any]
    """The agent that called."""


@dataclass
class ToolOutputGuardrailData(ToolInputGuardrailData):
    """What a guardrail on a tool's output gets to see."""

    output: Any
    """What the tool returned."""


TData = TypeVar("TData", bound=ToolInputGuardrailData)
_Verdict: TypeAlias = ToolGuardrailFunctionOutput | Awaitable[ToolGuardrailFunctionOutput]
_InputCheck: TypeAlias = Callable[[ToolInputGuardrailData], _Verdict]
_OutputCheck: TypeAlias = Callable[[ToolOutputGuardrailData], _Verdict]


@dataclass
class _ToolGuardrail(PickledByName, Generic[TData]):
    guardrail_function: Callable[[TData], _Verdict]
    """Takes what there is to check and gives the verdict; `def` or `async def`."""
    name: str | None = None
    """Its name in traces; None takes the function's."""

    def get_name(self) -> str:
        """The name for traces."""
        function = self.guardrail_function
        return self.name or str(getattr(function, "__name__", type(function).__name__))


class ToolInputGuardrail(_ToolGuardrail[ToolInputGuardrailData]):
    """A check of a tool call before it is made."""


class ToolOutputGuardrail(_ToolGuardrail[ToolOutputGuardrailData]):
    """A check of what a tool returned, before the model gets to see it."""


@dataclass
class ToolInputGuardrailResult:
    """A verdict and the guardrail it came from."""

    guardrail: ToolInputGuardrail
    output: ToolGuardrailFunctionOutput


@dataclass
class ToolOutputGuardrailResult:
    """A verdict and the guardrail it came from."""

    guardrail: ToolOutputGuardrail
    output: ToolGuardrailFunctionOutput


@overload
def tool_input_guardrail(func: _InputCheck) -> ToolInputGuardrail: ...


@overload
def tool_input_guardrail(
    func: None = None, *, name: str | None = None
) -> Callable[[_InputCheck], ToolInputGuardrail]: ...


def tool_input_guardrail(
    func: _InputCheck | None = None, *, name: str | None = None
) -> ToolInputGuardrail | Callable[[_InputCheck], ToolInputGuardrail]:
    """Decorator, bare or with a name: make a function a guardrail on a tool's input."""
    if func is None:
        return lambda function: ToolInputGuardrail(function, name)
    return ToolInputGuardrail(func, name)


@overload
def tool_output_guardrail(func: _OutputCheck) -> ToolOutputGuardrail: ...


@overload
def tool_output_guardrail(
    func: None = None, *, name: str | None = None
) -> Callable[[_OutputCheck], ToolOutputGuardrail]: ...


def tool_output_guardrail(
    func: _OutputCheck | None = None, *, name: str | None = None
) -> ToolOutputGuardrail | Callable[[_OutputCheck], ToolOutputGuardrail]:
    """Decorator, bare or with a name: make a function a guardrail on a tool's output."""
    if func is None:
        return lambda function: ToolOutputGuardrail(function, name)
    return ToolOutputGuardrail(func, name)
