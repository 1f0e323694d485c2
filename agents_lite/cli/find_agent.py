"""Finding the agent that MODULE:AGENT or FILE.py:AGENT names."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ..agent import Agent
from ..exceptions import UserError


def find_agent(name: str) -> Agent[Any]:
    """The agent object of a module, or of a Python file.

    Args:
        name: `package.module:agent`, looked for in the current directory first, or
            `path/to/file.py:agent`.

    Raises:
        UserError: There is no such module, file or agent.
        Exception: Whatever importing it raises.
    """
    place, colon, attribute = name.rpartition(":")
    if not (place and colon and attribute):
        raise UserError(f"{name!r} names no agent: write module:agent or file.py:agent")
    module = _load_file(Path(place)) if place.endswith(".py") else _import_module(place)
    found = getattr(module, attribute, None)
    if isinstance(found, Agent):
        return found
    problem = "does not exist" if found is None else "is not an Agent"
    agents = [key for key, value in vars(module).items() if isinstance(value, Agent)]
    remedy = f"its agents are: {', '.join(agents)}" if agents else "there are no agents in it"
    raise UserError(f"{attribute!r} {problem} in {place}; {remedy}")


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"There is no file {str(path)!r}")
    _search_first(str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{str(path)!r} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # annotations of its classes are looked up there
    spec.loader.exec_module(module)
    return module


def _import_module(name: str) -> ModuleType:
    _search_first(os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # it exists, and imports another one that does not
        raise UserError(
            f"There is no module {name!r}, neither in this directory nor among installed packages"
        ) from None


def _search_first(directory: str) -> None:
    """Import from there, as Python does from the directory of a script."""
    if directory not in sys.path:
        sys.path.insert(0, directory)
