"""Finding the agent that MODULE:AGENT or FILE.py:AGENT names."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ..agent import Agent
from ..concurrency.calling import Callbacks
from ..concurrency.cancellation import Cancellation
from ..exceptions import UserError
from ..tool import Tool, check_tool, function_tool

_NOTHING = object()


class WrongUsage(UserError):
    """The words on the command line do not go together."""


def find_agent(name: str) -> Agent[Any]:
    """The agent object of a module, or of a Python file; or what a function there gives.

    Args:
        name: `package.module:agent`, looked for in the current directory first, or
            `path/to/file.py:agent`.

    Raises:
        UserError: There is no such module, file or agent.
        Exception: Whatever importing it raises.
    """
    module, attribute = _find(name, "agent")
    found = _given(module, attribute)
    if isinstance(found, Agent):
        return found
    problem = "does not exist" if found is _NOTHING else "is not an Agent"
    agents = [key for key, value in vars(module).items() if isinstance(value, Agent)]
    remedy = f"its agents are: {', '.join(agents)}" if agents else "there are no agents in it"
    raise UserError(f"{attribute!r} {problem} in {name.rpartition(':')[0]}; {remedy}")


def find_tool(name: str) -> Tool:
    """The tool of a module or file, or a function there as a tool; named like an agent.

    Raises:
        UserError: There is no such module, file or function, or it cannot be a tool.
        Exception: Whatever importing it raises.
    """
    module, attribute = _find(name, "tool")
    found = _found(_at(module, attribute), name)
    if isfunction(found):
        return function_tool(found)
    check_tool(found, f"--tool {name}")
    return cast(Tool, found)


def names_agent(words: str) -> bool:
    """Whether the words are such a name, of a module or file that there is."""
    place, colon, attribute = words.rpartition(":")
    is_name = all(name.isidentifier() for name in attribute.split("."))
    if not (colon and is_name and place and not place.split()[1:]):
        return False
    if place.endswith(".py"):
        return Path(place).is_file()
    _search_first(os.getcwd())
    try:
        return importlib.util.find_spec(place) is not None
    except (ImportError, ValueError):  # a package in front of it that is not there; no name at all
        return False


def find_context(name: str) -> Any:
    """The object that a run is given as its context, named like an agent.

    Raises:
        UserError: There is no such module, file or object.
        Exception: Whatever importing it raises.
    """
    module, attribute = _find(name, "context")
    return _found(_given(module, attribute), name)


def _found(value: Any, name: str) -> Any:
    if value is _NOTHING:
        place, _, attribute = name.rpartition(":")
        raise UserError(f"{attribute!r} does not exist in {place}")
    return value


def _find(name: str, what: str) -> tuple[ModuleType, str]:
    """The module, and the name in it."""
    place, colon, attribute = name.rpartition(":")
    if not (place and colon and attribute):
        raise UserError(f"{name!r} names no {what}: write module:{what} or file.py:{what}")
    if place.endswith(".py"):
        return _load_file(Path(place)), attribute
    if not all(place.split(".")):
        raise UserError(f"{place!r} names no module")
    return _import_module(place), attribute


def _given(module: ModuleType, attribute: str) -> Any:
    """What stands there, or what the function that stands there gives, a coroutine function too."""
    found = _at(module, attribute)
    return Callbacks().call(Cancellation(), found) if isfunction(found) else found


def _at(module: ModuleType, attribute: str) -> Any:
    """What has that name in a module, or behind dots in what is in it; `_NOTHING` if nothing."""
    found: Any = module
    for name in attribute.split("."):
        found = getattr(found, name, _NOTHING)
    return found


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
