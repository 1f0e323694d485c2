"""The page on the rooms shows them as they are."""

from __future__ import annotations

import ast
import re
import runpy

import pytest

from tests.behaviour.test_docs import ROOT
from tests.test_shape import ORDER, PACKAGE, imports_at_run_time, place_of, targets_of

DOCS = runpy.run_path(str(ROOT / "docs" / "show_rooms.py"))
FOLDERS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


@pytest.fixture(scope="module")
def page() -> str:
    return str(DOCS["on_page_markdown"]((ROOT / "docs" / "rooms.md").read_text()))


def test_every_room_is_drawn_and_described(page: str) -> None:
    assert set(re.findall(r'<a href="#(\w+)"><rect', page)) == FOLDERS
    assert set(re.findall(r"^## (\w+)$", page, re.MULTILINE)) == FOLDERS
    assert "<!-- rooms" not in page


def test_imports_between_rooms_are_those_of_the_code() -> None:
    found: dict[str, set[str]] = {name: set() for name in FOLDERS}
    for path in PACKAGE.rglob("*.py"):
        for statement, in_function in imports_at_run_time(ast.parse(path.read_text("utf-8"))):
            if place_of(path) in FOLDERS and not in_function:
                found[place_of(path)].update(targets_of(statement, path))
    assert DOCS["rooms"]() == {name: (used & FOLDERS) - {name} for name, used in found.items()}


def test_a_line_goes_down_and_none_is_said_twice() -> None:
    graph = {"top": {"middle", "bottom"}, "middle": {"bottom"}, "bottom": set()}
    assert DOCS["arrows"](graph) == {("top", "middle"), ("middle", "bottom")}
    for upper, lower in DOCS["arrows"](DOCS["rooms"]()):
        assert ORDER.index(upper) > ORDER.index(lower)


def test_a_line_passes_by_the_boxes_between_its_ends(page: str) -> None:
    lines = re.findall(r'<polyline points="(.+?)"/>', page)
    rectangles = re.findall(r'<rect x="(.+?)" y="(.+?)" width="(.+?)"', page)
    boxes = [tuple(map(float, found)) for found in rectangles]
    assert len(lines) == len(DOCS["arrows"](DOCS["rooms"]()))
    for line in lines:
        points = [tuple(map(float, point.split(","))) for point in line.split()]
        for x, y in points[1:-1]:
            for left, top, wide in boxes:
                assert not (top <= y <= top + 30 and left < x < left + wide)


def test_each_module_has_its_sentence(page: str) -> None:
    assert "| `loop` | The loop of an agent's run. |" in page
    assert "A run: its loop, its record, and what starts and ends it." in page
    assert not re.search(r"^\| `\w+/?` \|  \|$", page, re.MULTILINE)
