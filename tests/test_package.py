"""What the package offers by name."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import agents_lite

STUB = Path(agents_lite.__file__).with_suffix(".pyi")


@pytest.mark.parametrize("home", agents_lite._HOMES)
def test_a_module_says_which_public_names_it_is_home_to(home: str) -> None:
    names = import_module(f"agents_lite.{home}").__all__
    assert sorted(names) == sorted(agents_lite._HOMES[home].split())


def test_type_checkers_are_shown_the_names_of_every_home() -> None:
    body = ast.parse(STUB.read_text("utf-8")).body
    imports = [node for node in body if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in imports} == set(agents_lite._HOMES)
    assert {alias.name for node in imports for alias in node.names} == {"*"}


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
