"""Draws the package's rooms into a page, from its own imports and docstrings.

`<!-- rooms: picture -->` becomes a drawing of the rooms and of what they import from each other,
`<!-- rooms: list -->` a section for each, with the first sentence of each module.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1] / "agents_lite"
_WIDTH, _HEIGHT, _GAP, _ROW = 104, 30, 16, 74
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
    levels = range(max(height.values()) + 1)
    rows = [[room for room in graph if height[room] == level] for level in levels]
    width = max(map(len, rows)) * (_WIDTH + _GAP)
    place = {
        room: (
            (width - len(row) * (_WIDTH + _GAP)) / 2 + number * (_WIDTH + _GAP) + _GAP / 2,
            (len(rows) - 1 - level) * _ROW + 4,
        )
        for level, row in enumerate(rows)
        for number, room in enumerate(row)
    }
    lines = [
        f'<line x1="{place[upper][0] + _WIDTH / 2:g}" y1="{place[upper][1] + _HEIGHT:g}" '
        f'x2="{place[lower][0] + _WIDTH / 2:g}" y2="{place[lower][1]:g}"/>'
        for upper, lower in sorted(arrows(graph))
    ]
    boxes = [
        f'<a href="#{room}"><rect x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="4"/>'
        f'<text x="{x + _WIDTH / 2:g}" y="{y + 20:g}">{escape(room)}</text></a>'
        for room, (x, y) in place.items()
    ]
    size = f'viewBox="0 0 {width} {len(rows) * _ROW - (_ROW - _HEIGHT) + 8}"'
    title = "<title>The rooms, each above those that it imports</title>"
    return f'<svg class="rooms" {size} role="img">{title}{"".join(lines + boxes)}</svg>'


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
