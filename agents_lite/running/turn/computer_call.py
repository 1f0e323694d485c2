"""One call for actions on a computer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...computer import perform_action
from ...exceptions import UserError
from ...items import ToolCallOutputItem
from ...response_types import ResponsesObject
from ...tool import ComputerTool, ComputerToolSafetyCheckData

if TYPE_CHECKING:
    from .tool_call import ToolCall


def use_computer(call: ToolCall, tool: ComputerTool) -> ToolCallOutputItem:
    """Do what the model wants done, and show it the screen.

    Raises:
        UserError: A safety check was not acknowledged.
        ModelBehaviorError: There is no such action.
    """
    acknowledged = _acknowledge(call, tool)
    for action in call.raw.get("actions") or [call.raw.get("action")]:
        call.ask(perform_action, tool.computer, action)
    return show_screen(call, tool, acknowledged)


def show_screen(
    call: ToolCall, tool: ComputerTool, acknowledged: list[dict[str, Any]]
) -> ToolCallOutputItem:
    """The output of a call for actions on a computer: what is on its screen now."""
    image_url = f"data:image/png;base64,{call.ask(tool.computer.screenshot)}"
    raw_item = ResponsesObject(
        type="computer_call_output",
        call_id=call.raw.call_id,
        output={"type": "computer_screenshot", "image_url": image_url},
        acknowledged_safety_checks=acknowledged,
    )
    return ToolCallOutputItem(call.run.agent, raw_item, image_url)


def _acknowledge(call: ToolCall, tool: ComputerTool) -> list[dict[str, Any]]:
    """Safety checks that the user's function has agreed to.

    Raises:
        UserError: It did not agree, or there is none.
    """
    acknowledged = []
    for check in call.raw.get("pending_safety_checks") or ():
        data = ComputerToolSafetyCheckData(call.context, call.run.agent, call.raw, check)
        if tool.on_safety_check is None or not call.ask(tool.on_safety_check, data):
            raise UserError(
                f"The safety check {check.get('code')!r} of a computer call was not acknowledged; "
                "ComputerTool(on_safety_check=...) decides about it"
            )
        acknowledged.append(check.model_dump())
    return acknowledged
