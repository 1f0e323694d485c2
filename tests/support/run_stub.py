"""Makes agents_lite/run.pyi: the signatures and docstrings of `Runner`, with each option's name.

Run it after a change of either: `python -m tests.support.run_stub`.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from textwrap import indent

from agents_lite import run

SOURCE = Path(run.__file__)
STUB = SOURCE.with_suffix(".pyi")
OF_OPTIONS = """
from collections.abc import Mapping

from .lifecycle import RunHooks
from .memory import Session
from .run_error_handlers import RunErrorHandler
"""
"""Imports that the options' types need."""


def made() -> str:
    """The text of the stub."""
    parts = [
        "# Made by tests/support/run_stub.py, not by hand; what runs is run.py.",
        "# ruff: noqa",
        *map(ast.unparse, _imports(ast.parse(SOURCE.read_text() + OF_OPTIONS))),
        f"__all__ = {run.__all__!r}",
        f"class {run.Runner.__name__}:",
        _docstring(run.Runner),
    ]
    for name, method in vars(run.Runner).items():
        if isinstance(method, staticmethod):
            parts += ["    @staticmethod", indent(_method(name, method.__func__), "    ")]
    return "\n".join(parts) + "\n"


def _imports(module: ast.Module) -> list[ast.stmt]:
    found = [node for node in ast.walk(module) if isinstance(node, ast.Import | ast.ImportFrom)]
    at_top = [node for node in found if node.col_offset <= 4 and "Unpack" not in ast.unparse(node)]
    return sorted(at_top, key=lambda node: getattr(node, "module", None) != "__future__")


def _method(name: str, function: object) -> str:
    signature = inspect.signature(function)
    shown, has_star = [], False
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not has_star:
            shown.append("*")
            has_star = True
        is_needed = parameter.default is inspect.Parameter.empty
        default = "" if is_needed else f" = {parameter.default!r}"
        shown.append(f"{parameter.name}: {parameter.annotation}{default}")
    kind = "async def" if inspect.iscoroutinefunction(function) else "def"
    lines = "".join(f"    {each},\n" for each in shown)
    return f"{kind} {name}(\n{lines}) -> {signature.return_annotation}:\n{_docstring(function)}"


def _docstring(thing: object) -> str:
    return indent(f'"""{inspect.getdoc(thing)}\n"""', "    ", lambda line: line.strip() != "")


if __name__ == "__main__":
    STUB.write_text(made())
