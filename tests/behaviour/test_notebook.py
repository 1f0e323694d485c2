"""The notebook runs from top to bottom and prints what it was published with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


def printed(notebook: Any) -> list[str]:
    """What each cell of code printed."""
    return [
        "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_the_notebook_runs_in_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's event loop is running, and run_sync is called inside it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    published = nbformat.read(NOTEBOOK, as_version=4)
    notebook = nbformat.from_dict(published)
    for cell in notebook.cells:
        cell.pop("outputs", None)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    assert printed(notebook) == printed(published)
    assert sum("Runner.run_sync" in cell.source for cell in notebook.cells) > 1
