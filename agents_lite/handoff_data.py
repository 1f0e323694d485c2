"""What an input filter of a handoff is given, and returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .exceptions import UserError
from .items import RunItemBase
from .run_context import RunContextWrapper
from .shown import repr_of
from .taken_whole import TakenWhole

if TYPE_CHECKING:
    from .items import RunItem, TResponseInputItem

__all__ = ["HandoffInputData", "HandoffInputFilter"]


@dataclass(frozen=True)
class HandoffInputData(TakenWhole):
    """The conversation at a handoff, to be reshaped by an input filter."""

    input_history: str | tuple[TResponseInputItem, ...]
    """The run's input before any agent answered; a string stays a string."""
    pre_handoff_items: tuple[RunItem, ...]
    """Items of the turns before the one that asked for the handoff."""
    new_items: tuple[RunItem, ...]
    """Items of that turn, the handoff's own call and output included."""
    run_context: RunContextWrapper[Any] | None = None
    """The run's context."""
    input_items: tuple[RunItem, ...] | None = None
    """What a filter has the next agent sent in place of `new_items`; None: these."""

    def __post_init__(self) -> None:
        """Raise UserError for parts of the wrong kind, as an input filter may make them."""
        history = self.input_history
        if not (isinstance(history, str) or _all_are(dict, history)):
            raise UserError(
                "HandoffInputData: input_history must be text or input items, got "
                f"{repr_of(history)}"
            )
        for name in ("pre_handoff_items", "new_items", "input_items"):
            items = getattr(self, name)
            if not (_all_are(RunItemBase, items) or (items is None and name == "input_items")):
                raise UserError(f"HandoffInputData: {name} must be run items, got {repr_of(items)}")

    @property
    def sent_items(self) -> tuple[RunItem, ...]:
        """What the next agent is sent of the turn."""
        return self.new_items if self.input_items is None else self.input_items

    def clone(self, **changes: Any) -> HandoffInputData:
        """A copy with some fields changed."""
        return replace(self, **changes)


HandoffInputFilter = Callable[[HandoffInputData], HandoffInputData | Awaitable[HandoffInputData]]
"""Decides what the next agent is sent; `def` or `async def`."""


def _all_are(kind: type, parts: Any) -> bool:
    return isinstance(parts, tuple | list) and all(isinstance(part, kind) for part in parts)
