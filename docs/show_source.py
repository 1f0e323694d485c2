"""Puts the package's own code into the pages, so that what they show is the code itself.

A Python block that holds nothing but `# source: FILE`, or `# source: FILE NAME NAME ...`, becomes
that file, or those functions, classes and methods of it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```python\n# source: (?P<file>\S+)(?P<names>.*)\n```$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in a page; mkdocs calls this."""
    return _BLOCK.sub(_fill_in, markdown)


def _fill_in(block: re.Match[str]) -> str:
    text = (ROOT / block["file"]).read_text()
    names = block["names"].split()
    code = "\n\n\n".join(_definition(text, name) for name in names) if names else text.rstrip()
    return f'```python title="{block["file"]}"\n{code}\n```'


def _definition(text: str, name: str) -> str:
    """The code of a function, class or method (`Class.method`), with its decorators.

    Raises:
        StopIteration: There is none of that name.
    """
    node: Any = ast.parse(text)
    for part in name.split("."):
        node = next(inner for inner in node.body if getattr(inner, "name", None) == part)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return dedent("\n".join(text.splitlines()[first - 1 : node.end_lineno]))
