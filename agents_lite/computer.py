"""Computers that a model may operate, and running its actions on them.

Source of the actions: https://platform.openai.com/docs/guides/tools-computer-use
"""

from __future__ import annotations

import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Any, Literal, TypeAlias

from .exceptions import ModelBehaviorError

__all__ = ["AsyncComputer", "Button", "Computer", "Environment"]

Environment: TypeAlias = Literal["mac", "windows", "linux", "ubuntu", "browser"]
Button: TypeAlias = Literal["left", "right", "wheel", "back", "forward"]

_ACTION_FIELDS = {
    "click": ("x", "y", "button"),
    "double_click": ("x", "y"),
    "drag": ("path",),
    "keypress": ("keys",),
    "move": ("x", "y"),
    "screenshot": (),
    "scroll": ("x", "y", "scroll_x", "scroll_y"),
    "type": ("text",),
    "wait": (),
}
"""The arguments of each action; it has the name of the computer's method."""

_logger = logging.getLogger("agents_lite")


class _AnyComputer(ABC):
    @property
    def environment(self) -> Environment | None:
        """What kind of computer it is; `computer-use-preview` has to be told, others need not."""
        return None

    @property
    def dimensions(self) -> tuple[int, int] | None:
        """Width and height of the screen, in pixels; to be told as the environment is."""
        return None

    @abstractmethod
    def screenshot(self) -> str | Awaitable[str]:
        """A picture of the screen: PNG, base64."""

    @abstractmethod
    def click(self, x: int, y: int, button: Button) -> None | Awaitable[None]:
        """Click at a point, in pixels from the top left."""

    @abstractmethod
    def double_click(self, x: int, y: int) -> None | Awaitable[None]:
        """Click twice with the left button."""

    @abstractmethod
    def scroll(self, x: int, y: int, scroll_x: int, scroll_y: int) -> None | Awaitable[None]:
        """Scroll by so many pixels with the pointer at a point."""

    @abstractmethod
    def type(self, text: str) -> None | Awaitable[None]:
        """Type a text."""

    @abstractmethod
    def wait(self) -> None | Awaitable[None]:
        """Wait a moment for the screen to change."""

    @abstractmethod
    def move(self, x: int, y: int) -> None | Awaitable[None]:
        """Move the pointer to a point."""

    @abstractmethod
    def keypress(self, keys: list[str]) -> None | Awaitable[None]:
        """Press keys together, such as ["CTRL", "C"]."""

    @abstractmethod
    def drag(self, path: list[tuple[int, int]]) -> None | Awaitable[None]:
        """Drag with the left button along a path of points."""


class Computer(_AnyComputer):
    """A computer operated by plain methods. Subclass it and write each abstract one.

    `click`, `double_click`, `drag`, `move` and `scroll` may take `keys=None`, too: the keys that
    are held down meanwhile, such as ["CTRL"].
    """


class AsyncComputer(_AnyComputer):
    """A computer operated by `async def` methods, else as a `Computer`."""


def perform_action(computer: Computer | AsyncComputer, action: Any) -> Any:
    """Do what the model asks for.

    Args:
        computer: Where to do it.
        action: A Responses API action, {"type": "click", "x": ..., "y": ..., "button": ...}, as an
            attribute object.

    Returns:
        What the computer's method returns: an awaitable for an AsyncComputer.

    Raises:
        ModelBehaviorError: There is no such action, or it lacks an argument.
    """
    try:
        arguments = [getattr(action, name) for name in _ACTION_FIELDS[action.type]]
        if action.type == "drag":
            arguments = [[(point.x, point.y) for point in action.path]]
        held = None if action.type == "keypress" else action.get("keys")
    except (KeyError, AttributeError, TypeError) as error:
        raise ModelBehaviorError(f"The model asked for an impossible action: {action!r}") from error
    method = getattr(computer, action.type)
    if held and "keys" in inspect.signature(method).parameters:
        return method(*arguments, keys=held)
    if held:
        _logger.warning(
            "The model holds %r down in a %s of %s, which does not take `keys`: done without",
            held,
            action.type,
            type(computer).__name__,
        )
    return method(*arguments)
