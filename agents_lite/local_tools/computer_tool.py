"""A computer that the model operates, by what a screenshot shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from typing_extensions import TypeVar

from ..checks import check_takes
from ..computer import AsyncComputer, Computer, perform_action
from ..exceptions import ModelBehaviorError, UserError
from ..response_types import ResponsesObject, as_json
from ..run_context import RunContextWrapper
from ..shown import repr_of
from ..taken_whole import TakenWhole
from ..tool import LocalTool, NeedsApproval

if TYPE_CHECKING:
    from ..agent import Agent
    from ..running.turn.tool_call import ToolCall

TComputer = TypeVar("TComputer", bound=Computer | AsyncComputer, default=Any)


@dataclass
class ComputerToolSafetyCheckData(TakenWhole):
    """The model's server wants a person to know of something before an action is performed."""

    ctx_wrapper: RunContextWrapper[Any]
    """The run's context."""
    agent: Agent[Any]
    """The agent that called."""
    tool_call: Any
    """The Responses API `computer_call`."""
    safety_check: Any
    """The check: `id`, `code`, `message`."""


@dataclass
class ComputerTool(LocalTool, Generic[TComputer]):
    """The model operates a computer."""

    call_type: ClassVar[str] = "computer_call"
    outputs_hold_words: ClassVar[bool] = False
    name: ClassVar[str] = "computer_use_preview"  # type: ignore[misc]  # one name for all
    computer: TComputer
    """Performs the actions."""
    on_safety_check: Callable[[ComputerToolSafetyCheckData], bool | Awaitable[bool]] | None = None
    """Whether to go on in spite of a safety check; None refuses."""
    needs_approval: NeedsApproval = False
    """Whether a call waits for consent, or a function of context, actions and call id."""

    def __post_init__(self) -> None:
        """Raise UserError for what is no computer, and a function that cannot be called."""
        if isinstance(self.computer, type) or not hasattr(self.computer, "screenshot"):
            raise UserError(
                "ComputerTool: computer must be a Computer or an AsyncComputer, made before the "
                f"run, not {repr_of(self.computer)}"
            )
        self.check_approvals()
        if self.on_safety_check is not None:
            owner = "ComputerTool: on_safety_check"
            check_takes(self.on_safety_check, owner, "a ComputerToolSafetyCheckData")

    def to_request(self) -> dict[str, Any]:
        """The tool as an element of `tools` in a request to the Responses API.

        One whose computer does not tell of its screen is what newer models have.
        """
        environment, dimensions = self.computer.environment, self.computer.dimensions
        if environment is None or dimensions is None:
            return {"type": "computer"}
        width, height = dimensions
        return {
            "type": "computer_use_preview",
            "environment": environment,
            "display_width": width,
            "display_height": height,
        }

    def asked_of(self, raw: Any) -> Any:
        """The actions."""
        return _actions(as_json(raw))

    def carry_out(self, call: ToolCall) -> tuple[dict[str, Any], Any]:
        """Do what the model wants done, and show it the screen.

        Raises:
            UserError: A safety check was not acknowledged.
            ModelBehaviorError: There is no such action, or what is to be acknowledged is no check.
        """
        acknowledged = self._acknowledge(call)
        for action in _actions(call.raw):
            call.ask(perform_action, self.computer, action)
        return self._screen(call, acknowledged)

    def stand_in(self, call: ToolCall, shown: Any, is_refusal: bool) -> tuple[dict[str, Any], Any]:
        """The screen as it is."""
        return self._screen(call, [])

    def _screen(self, call: ToolCall, acknowledged: list[Any]) -> tuple[dict[str, Any], Any]:
        image_url = f"data:image/png;base64,{call.ask(self.computer.screenshot)}"
        return {
            "output": {"type": "computer_screenshot", "image_url": image_url},
            "acknowledged_safety_checks": acknowledged,
        }, image_url

    def _acknowledge(self, call: ToolCall) -> list[dict[str, Any]]:
        """Safety checks that the user's function has agreed to."""
        acknowledged = []
        checks = call.raw.get("pending_safety_checks") or []
        if not isinstance(checks, list) or not all(isinstance(c, ResponsesObject) for c in checks):
            raise ModelBehaviorError(f"The safety checks of a computer call are none: {checks!r}")
        for check in checks:
            data = ComputerToolSafetyCheckData(call.context, call.run.agent, call.raw, check)
            if self.on_safety_check is None or not call.ask(self.on_safety_check, data):
                raise UserError(
                    f"The safety check {check.get('code')!r} of a computer call was not "
                    "acknowledged; ComputerTool(on_safety_check=...) decides about it"
                )
            acknowledged.append(check.model_dump())
        return acknowledged


def _actions(call: Any) -> list[Any]:
    """What a computer call asks for: several actions, or none, or one as older models have it."""
    actions, action = call.get("actions"), call.get("action")
    if actions is None or action is not None:
        return [action]
    return actions if isinstance(actions, list) else [actions]
