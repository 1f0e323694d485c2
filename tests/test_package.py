"""What the package offers by name."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import agents_lite

STUB = Path(agents_lite.__file__).with_suffix(".pyi")


def names_for_type_checkers() -> dict[str, str]:
    """Each name that the type checker is shown, with its module."""
    return {
        alias.name: str(node.module)
        for node in ast.parse(STUB.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_names_at_run_time_are_those_for_type_checkers() -> None:
    assert agents_lite._MODULE_OF == names_for_type_checkers()


@pytest.mark.parametrize("name", agents_lite.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(agents_lite, name) is not None


def test_every_name_of_the_tracing_package_is_public() -> None:
    assert set(agents_lite.tracing.__all__) <= set(agents_lite.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        agents_lite.nonsense  # noqa: B018
    with pytest.raises(ImportError):
        exec("from agents_lite import nonsense")


def test_submodules_are_attributes() -> None:
    program = "import agents_lite; print(agents_lite.tracing.traces.trace.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "trace\n", done.stderr


def test_a_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from agents_lite import *", names)
    assert set(agents_lite.__all__) <= set(names)
