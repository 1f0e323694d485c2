"""A model's actions on a computer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents_lite.computer import AsyncComputer, Button, Computer, Environment, perform_action
from agents_lite.exceptions import ModelBehaviorError
from agents_lite.response_types import as_object


class Screen:
    """What both computers have in common."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    @property
    def environment(self) -> Environment:
        return "browser"

    @property
    def dimensions(self) -> tuple[int, int]:
        return (1024, 768)


class Desk(Screen, Computer):
    def screenshot(self) -> str:
        return "picture"

    def click(self, x: int, y: int, button: Button) -> None:
        self.done.append(("click", x, y, button))

    def double_click(self, x: int, y: int) -> None:
        self.done.append(("double_click", x, y))

    def scroll(self, x: int, y: int, scroll_x: int, scroll_y: int) -> None:
        self.done.append(("scroll", x, y, scroll_x, scroll_y))

    def type(self, text: str) -> None:
        self.done.append(("type", text))

    def wait(self) -> None:
        self.done.append(("wait",))

    def move(self, x: int, y: int) -> None:
        self.done.append(("move", x, y))

    def keypress(self, keys: list[str]) -> None:
        self.done.append(("keypress", keys))

    def drag(self, path: list[tuple[int, int]]) -> None:
        self.done.append(("drag", path))


class AsyncDesk(Screen, AsyncComputer):
    async def screenshot(self) -> str:
        return "picture"

    async def click(self, x: int, y: int, button: Button) -> None:
        self.done.append(("click", x, y, button))

    async def double_click(self, x: int, y: int) -> None:
        self.done.append(("double_click", x, y))

    async def scroll(self, x: int, y: int, scroll_x: int, scroll_y: int) -> None:
        self.done.append(("scroll", x, y, scroll_x, scroll_y))

    async def type(self, text: str) -> None:
        self.done.append(("type", text))

    async def wait(self) -> None:
        self.done.append(("wait",))

    async def move(self, x: int, y: int) -> None:
        self.done.append(("move", x, y))

    async def keypress(self, keys: list[str]) -> None:
        self.done.append(("keypress", keys))

    async def drag(self, path: list[tuple[int, int]]) -> None:
        self.done.append(("drag", path))


ACTIONS = [
    ({"type": "click", "x": 1, "y": 2, "button": "left"}, ("click", 1, 2, "left")),
    ({"type": "double_click", "x": 1, "y": 2}, ("double_click", 1, 2)),
    (
        {"type": "drag", "path": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]},
        ("drag", [(1, 2), (3, 4)]),
    ),
    ({"type": "keypress", "keys": ["CTRL", "C"]}, ("keypress", ["CTRL", "C"])),
    ({"type": "move", "x": 1, "y": 2}, ("move", 1, 2)),
    (
        {"type": "scroll", "x": 1, "y": 2, "scroll_x": 0, "scroll_y": -3},
        ("scroll", 1, 2, 0, -3),
    ),
    ({"type": "type", "text": "héllo"}, ("type", "héllo")),
    ({"type": "wait"}, ("wait",)),
]


@pytest.mark.parametrize(("action", "done"), ACTIONS)
def test_action_calls_the_method_of_its_name(action: dict[str, Any], done: tuple[Any, ...]) -> None:
    desk = Desk()
    assert perform_action(desk, as_object(action)) is None
    assert desk.done == [done]


@pytest.mark.parametrize(("action", "done"), ACTIONS)
def test_action_on_an_async_computer_is_awaited_by_the_caller(
    action: dict[str, Any], done: tuple[Any, ...]
) -> None:
    desk = AsyncDesk()

    async def perform() -> None:
        await perform_action(desk, as_object(action))

    asyncio.run(perform())
    assert desk.done == [done]


def test_fields_that_no_method_takes_are_passed_over() -> None:
    desk = Desk()
    action = {"type": "click", "x": 1, "y": 2, "button": "left", "keys": None}
    perform_action(desk, as_object(action))
    assert desk.done == [("click", 1, 2, "left")]


def test_keys_that_are_held_down_go_to_a_method_that_takes_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Keyboard(Desk):
        def click(self, x: int, y: int, button: Button, keys: list[str] | None = None) -> None:
            self.done.append(("click", keys))

        def scroll(self, left: int, top: int, *by: int, keys: Any = None) -> None:
            self.done.append(("scroll", *by, keys))

    desk = Keyboard()
    for action, _ in ACTIONS:
        perform_action(desk, as_object({"keys": ["CTRL"], **action}))
    assert desk.done[0] == ("click", ["CTRL"])
    assert desk.done[5] == ("scroll", 0, -3, ["CTRL"])
    assert desk.done[4] == ("move", 1, 2)
    assert "a move of Keyboard, which does not take `keys`" in caplog.text
    perform_action(desk, as_object(ACTIONS[0][0]))
    assert desk.done[-1] == ("click", None)


def test_screenshot_gives_the_picture() -> None:
    assert perform_action(Desk(), as_object({"type": "screenshot"})) == "picture"


@pytest.mark.parametrize(
    "action",
    [
        {"type": "explode"},
        {"type": "environment"},
        {"type": ["click"]},
        {"x": 1},
        {"type": "click", "x": 1, "y": 2},
        {"type": "drag", "path": [[1, 2]]},
        {"type": "drag", "path": None},
    ],
)
def test_impossible_action_is_the_model_s_fault(action: dict[str, Any]) -> None:
    desk = Desk()
    with pytest.raises(ModelBehaviorError, match="impossible action"):
        perform_action(desk, as_object(action))
    assert desk.done == []


def test_error_of_the_computer_itself_is_not_taken_for_the_model_s() -> None:
    class Broken(Desk):
        def wait(self) -> None:
            raise AttributeError("mine")

    with pytest.raises(AttributeError, match="mine"):
        perform_action(Broken(), as_object({"type": "wait"}))


def test_computer_with_a_method_missing_cannot_be_made() -> None:
    class Half(Computer):
        pass

    with pytest.raises(TypeError, match="screenshot"):
        Half()  # type: ignore[abstract]


def test_computer_need_not_tell_of_its_screen() -> None:
    class Terse(Desk):
        environment = Computer.environment
        dimensions = Computer.dimensions

    assert (Terse().environment, Terse().dimensions) == (None, None)
