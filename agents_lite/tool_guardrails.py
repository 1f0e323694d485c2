"""Checks before and after a function tool runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, overload

from typing_extensions import TypedDict

from .concurrency.calling import settled
from .exceptions import UserError
from .guardrail import AnyGuardrail, declare
from .run_context import TContext
from .shown import repr_of
from .taken_whole import TakenWhole
from .tool_context import ToolContext

if TYPE_CHECKING:
    from .agent import Agent

__all__ = [
    "ToolGuardrailFunctionOutput",
    "ToolInputGuardrail",
    "ToolInputGuardrailData",
    "ToolInputGuardrailResult",
    "ToolOutputGuardrail",
    "ToolOutputGuardrailData",
    "ToolOutputGuardrailResult",
    "tool_input_guardrail",
    "tool_output_guardrail",
]


class AllowBehavior(TypedDict):
    """The call, or its output, passes."""

    type: Literal["allow"]


class RejectContentBehavior(TypedDict):
    """The model is told something in place of the output; the run goes on."""

    type: Literal["reject_content"]
    message: str


class RaiseExceptionBehavior(TypedDict):
    """The run is stopped."""

    type: Literal["raise_exception"]


@dataclass
class ToolGuardrailFunctionOutput:
    """A guardrail's verdict. Made by `allow`, `reject_content` or `raise_exception`."""

    output_info: Any = None
    """Whatever the guardrail found, for the caller and the traces."""
    behavior: AllowBehavior | RejectContentBehavior | RaiseExceptionBehavior = field(
        default_factory=lambda: AllowBehavior(type="allow")
    )
    """What happens to the call."""

    def __post_init__(self) -> None:
        given: Any = self.behavior
        kind = given.get("type") if isinstance(given, dict) else None
        is_told = kind != "reject_content" or isinstance(given.get("message"), str)
        if kind not in ("allow", "reject_content", "raise_exception") or not is_told:
            raise UserError(
                "The behavior of a tool guardrail's verdict is made by its allow(), "
                f"reject_content(message) or raise_exception(), got {repr_of(given)}"
            )

    @classmethod
    def allow(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Let the call, or its output, pass."""
        return cls(output_info)

    @classmethod
    def reject_content(cls, message: str, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Tell the model `message` in place of the output; the run goes on.

        On input the tool does not run at all.
        """
        return cls(output_info, {"type": "reject_content", "message": message})

    @classmethod
    def raise_exception(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Stop the run: ToolInputGuardrailTripwireTriggered or the same of Output."""
        return cls(output_info, {"type": "raise_exception"})


@dataclass
class ToolInputGuardrailData(TakenWhole):
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


_Verdict: TypeAlias = ToolGuardrailFunctionOutput | Awaitable[ToolGuardrailFunctionOutput]
_InputCheck: TypeAlias = Callable[[ToolInputGuardrailData], _Verdict]
_OutputCheck: TypeAlias = Callable[[ToolOutputGuardrailData], _Verdict]


class ToolInputGuardrail(AnyGuardrail[_InputCheck], Generic[TContext]):
    """A check of a tool call before it is made."""

    decorator = "tool_input_guardrail"
    arguments = ("the call",)

    async def run(self, data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        """The verdict on a call, outside a run."""
        verdict: ToolGuardrailFunctionOutput = await settled(self.guardrail_function(data))
        return verdict


class ToolOutputGuardrail(AnyGuardrail[_OutputCheck], Generic[TContext]):
    """A check of what a tool returned, before the model gets to see it."""

    decorator = "tool_output_guardrail"
    arguments = ("the call",)

    async def run(self, data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
        """The verdict on an output, outside a run."""
        verdict: ToolGuardrailFunctionOutput = await settled(self.guardrail_function(data))
        return verdict


@dataclass
class ToolInputGuardrailResult:
    """A verdict and the guardrail it came from."""

    guardrail: ToolInputGuardrail
    """Whose verdict it is."""
    output: ToolGuardrailFunctionOutput
    """The verdict."""


@dataclass
class ToolOutputGuardrailResult:
    """A verdict and the guardrail it came from."""

    guardrail: ToolOutputGuardrail
    """Whose verdict it is."""
    output: ToolGuardrailFunctionOutput
    """The verdict."""


@overload
def tool_input_guardrail(func: _InputCheck) -> ToolInputGuardrail: ...


@overload
def tool_input_guardrail(
    func: None = None, *, name: str | None = None
) -> Callable[[_InputCheck], ToolInputGuardrail]: ...


def tool_input_guardrail(func: _InputCheck | None = None, *, name: str | None = None) -> Any:
    """Decorator, bare or with a name: make a function a guardrail on a tool's input.

    Raises:
        UserError: The decorated object cannot be called.
    """
    return declare(ToolInputGuardrail, func, name=name)


@overload
def tool_output_guardrail(func: _OutputCheck) -> ToolOutputGuardrail: ...


@overload
def tool_output_guardrail(
    func: None = None, *, name: str | None = None
) -> Callable[[_OutputCheck], ToolOutputGuardrail]: ...


def tool_output_guardrail(func: _OutputCheck | None = None, *, name: str | None = None) -> Any:
    """Decorator, bare or with a name: make a function a guardrail on a tool's output.

    Raises:
        UserError: The decorated object cannot be called.
    """
    return declare(ToolOutputGuardrail, func, name=name)
