"""Pickling declared objects as references to where they stand, not as copies."""

from __future__ import annotations

import sys
from copy import deepcopy
from importlib import import_module
from typing import Any, Self

from .exceptions import UserError
from .taken_whole import TakenWhole

_homes: dict[int, tuple[str, str]] = {}


class PickledByName(TakenWhole):
    """Goes to another process as the name that a module has for it, as functions do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return load_by_name, _home_of(self)

    def __copy__(self) -> Self:
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy with lists and dicts of its own; what is in the lists stays the same."""
        copied = self.__copy__()
        for name, value in vars(self).items():
            if isinstance(value, list):
                vars(copied)[name] = list(value)
            elif isinstance(value, dict):
                vars(copied)[name] = deepcopy(value, memo)
        return copied


def load_by_name(module: str, name: str) -> Any:
    """The object of that name, from its module."""
    return getattr(import_module(module), name)


def _home_of(declared: object) -> tuple[str, str]:
    """Module and name of a declared object.

    Raises:
        UserError: No module has a name for it.
    """
    home = _homes.get(id(declared))
    if home is None or getattr(sys.modules.get(home[0]), home[1], None) is not declared:
        home = _homes[id(declared)] = _search(declared)
    return home


def _search(declared: object) -> tuple[str, str]:
    for module, contents in list(sys.modules.items()):
        for name, value in list(getattr(contents, "__dict__", {}).items()):
            if value is declared:
                return module, name
    raise UserError(
        f"{declared!r} cannot go to another process: it is found there by its name, so define it "
        "at the top level of a module"
    )
