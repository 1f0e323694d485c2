"""Shows a notebook as a page: `<!-- notebook: FILE -->` becomes its cells and what they printed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
_MARK = re.compile(r"<!-- notebook: (\S+) -->")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in a page; mkdocs calls this."""
    return _MARK.sub(lambda mark: _shown(FOLDER / mark[1]), markdown)


def _shown(path: Path) -> str:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "\n\n".join(part for cell in cells for part in _parts(cell))


def _parts(cell: dict[str, Any]) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return [source]
    return [f"```python\n{source}\n```", *map(_output, cell.get("outputs", ()))]


def _output(output: dict[str, Any]) -> str:
    told = output.get("data", {})
    if picture := "".join(told.get("image/svg+xml", ())):
        drawing = picture[picture.index("<svg") :].strip().replace("\n\n", "\n")
        return f"<div>{drawing}</div>"  # in which Markdown changes nothing
    text = "".join(output.get("text") or told.get("text/plain") or ())
    return f"```text\n{text.rstrip()}\n```"
