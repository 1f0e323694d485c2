"""The notebooks run from top to bottom and print what they were published with."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))


def printed(notebook: Any) -> list[str]:
    """What each cell of code printed."""
    return [
        "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_in_a_kernel(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The kernel's event loop is running, and run_sync is called inside it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    published = nbformat.read(path, as_version=4)
    notebook = nbformat.from_dict(published)
    for cell in notebook.cells:
        cell.pop("outputs", None)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    assert printed(notebook) == printed(published)
    assert sum("Runner.run_sync" in cell.source for cell in notebook.cells) > 1


def test_the_page_shows_the_cells_of_the_notebook_and_what_they_printed() -> None:
    fill_in = runpy.run_path(str(ROOT / "docs" / "show_notebooks.py"))["on_page_markdown"]
    page = fill_in((ROOT / "docs" / "notebook.md").read_text())
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    for told in [*(cell.source for cell in notebook.cells), *printed(notebook)]:
        assert told.strip() in page
    assert "<div><svg" in page  # Markdown would make bold text of __start__
