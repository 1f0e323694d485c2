"""Draws the package's rooms into a page, from its own imports and docstrings.

`<!-- rooms: picture -->` becomes a drawing of the rooms and of what they import from each other,
`<!-- rooms: list -->` a section for each, with the first sentence of each module.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

PACKAGE = Path(__file__).parents[1] / "agents_lite"
_BOX, _HEIGHT, _GAP, _ROW = 104, 30, 16, 74
"""A box, the space beside it, and from one row to the next, in pixels."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in a page; mkdocs calls this."""
    for name, fill_in in {"picture": picture, "list": sections}.items():
        mark = f"<!-- rooms: {name} -->"
        if mark in markdown:
            markdown = markdown.replace(mark, fill_in())
    return markdown


def rooms() -> dict[str, set[str]]:
    """Each room, and those that its modules import when they are loaded."""
    names = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    return {
        name: {
            imported
            for path in (PACKAGE / name).rglob("*.py")
            for imported in _imports(path)
            if imported in names and imported != name
        }
        for name in names
    }


def _imports(path: Path) -> Iterator[str]:
    folder = path.relative_to(PACKAGE).parent.parts
    for node in _at_load_time(ast.parse(path.read_text("utf-8"))):
        start = folder[: len(folder) - node.level + 1]
        if whole := [*start, *(node.module or "").split(".")]:
            yield whole[0]


def _at_load_time(node: ast.AST) -> Iterator[ast.ImportFrom]:
    """Relative imports that neither stand in a function nor are for type checkers only."""
    for child in ast.iter_child_nodes(node):
        is_later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_later or isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.ImportFrom) and child.level:
            yield child
        yield from _at_load_time(child)


def arrows(graph: dict[str, set[str]]) -> set[tuple[str, str]]:
    """The imports, those left out that go another way round as well."""
    return {
        (room, imported)
        for room, imports in graph.items()
        for imported in imports
        if not any(imported in _below(other, graph) for other in imports - {imported})
    }


def _below(room: str, graph: dict[str, set[str]]) -> set[str]:
    return graph[room].union(*(_below(each, graph) for each in graph[room]))


def picture() -> str:
    """An SVG: a room stands above all that it imports."""
    graph = rooms()
    height = {room: _height(room, graph) for room in graph}
    paths = [_path(upper, lower, height) for upper, lower in sorted(arrows(graph))]
    rows = _rows(height, paths)
    width = max(map(_width, rows))
    place = {}
    for level, row in enumerate(rows):
        x = (width - _width(row)) / 2
        for spot in row:
            place[spot] = (x + _width([spot]) / 2, (len(rows) - 1 - level) * _ROW + 4)
            x += _width([spot])
    lines = [f'<polyline points="{_points(path, place)}"/>' for path in paths]
    boxes = [
        f'<a href="#{room}"><rect x="{place[room, level][0] - _BOX / 2:g}" '
        f'y="{place[room, level][1]:g}" width="{_BOX}" height="{_HEIGHT}" rx="4"/>'
        f'<text x="{place[room, level][0]:g}" y="{place[room, level][1] + 20:g}">{room}</text></a>'
        for room, level in height.items()
    ]
    size = f'viewBox="0 0 {width} {len(rows) * _ROW - (_ROW - _HEIGHT) + 8}"'
    title = "<title>The rooms, each above those that it imports</title>"
    return f'<svg class="rooms" {size} role="img">{title}{"".join(lines + boxes)}</svg>'


Spot = tuple[str, int]
"""A room, or a gap that a line passes through, and its level; 0 is the lowest."""


def _path(upper: str, lower: str, height: dict[str, int]) -> list[Spot]:
    """From room to room, by a gap on each level between them."""
    between = range(height[upper] - 1, height[lower], -1)
    gaps = [(f"{upper} {lower}", level) for level in between]
    return [(upper, height[upper]), *gaps, (lower, height[lower])]


def _rows(height: dict[str, int], paths: list[list[Spot]]) -> list[list[Spot]]:
    """What stands on each level, neighbours near to what they are joined with."""
    joined: dict[Spot, list[Spot]] = {spot: [] for spot in height.items()}
    for path in paths:
        for one, other in pairwise(path):
            joined.setdefault(one, []).append(other)
            joined.setdefault(other, []).append(one)
    levels = range(max(height.values()) + 1)
    rows = [sorted(spot for spot in joined if spot[1] == level) for level in levels]
    for _ in range(10):
        for row in [*rows, *reversed(rows)]:
            at = {spot: (n + 0.5) / len(each) for each in rows for n, spot in enumerate(each)}
            near = {spot: fmean(at[each] for each in joined[spot] or [spot]) for spot in row}
            row.sort(key=near.__getitem__)
    return rows


def _width(row: list[Spot]) -> int:
    return sum(_GAP if " " in name else _BOX + _GAP for name, _ in row)


def _points(path: list[Spot], place: dict[Spot, tuple[float, float]]) -> str:
    (first_x, first_y), *gaps, (last_x, last_y) = [place[spot] for spot in path]
    points = [(first_x, first_y + _HEIGHT)]
    for x, y in gaps:
        points += [(x, y), (x, y + _HEIGHT)]
    return " ".join(f"{x:g},{y:g}" for x, y in [*points, (last_x, last_y)])


def _height(room: str, graph: dict[str, set[str]]) -> int:
    return 1 + max((_height(each, graph) for each in graph[room]), default=-1)


def sections() -> str:
    """The modules at the top, then each room with its modules."""
    graph = rooms()
    parts = ["## At the top", _table(PACKAGE)]
    for room, imports in graph.items():
        users = [each for each in graph if room in graph[each]]
        parts += [
            f"## {room}",
            _sentence(PACKAGE / room / "__init__.py"),
            f"Imports {_links(imports)}; imported by {_links(users)}.",
            _table(PACKAGE / room),
        ]
    return "\n\n".join(parts)


def _links(names: Any) -> str:
    return ", ".join(f"[{name}](#{name})" for name in sorted(names)) or "no other room"


def _table(folder: Path) -> str:
    modules = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("__")]
    inner = sorted(folder.glob("*/__init__.py")) if folder != PACKAGE else []
    rows = [f"| `{path.stem}` | {_sentence(path)} |" for path in modules]
    rows += [f"| `{path.parent.name}/` | {_sentence(path)} |" for path in inner]
    return "\n".join(["| | |", "|---|---|", *rows])


def _sentence(path: Path) -> str:
    """The first sentence of a module's docstring, on one line."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return re.sub(r"\s+", " ", text.partition("\n\n")[0]).replace("|", "\\|")
