"""Tools and guardrails declared in a class body: those of an instance know their instance."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy
from typing import Any, ClassVar, Self

from .exceptions import UserError


class BoundLikeMethods:
    """What is declared of a method: `instance.name` has the instance, as methods do."""

    _function_field: ClassVar[str]
    """The name of the field that holds the function."""

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        """The same thing of the instance's method; of no method, and of the class, itself."""
        function = getattr(self, self._function_field)
        if instance is None or not is_method(function):
            return self
        return self._with_function(function.__get__(instance))

    def _with_function(self, function: Callable[..., Any]) -> Self:
        bound = copy(self)
        setattr(bound, self._function_field, function)
        return bound

    def check_bound(self, owner: str) -> None:
        """Raise UserError where the function still lacks its instance."""
        function = getattr(self, self._function_field)
        if is_method(function):
            of, _, name = function.__qualname__.rpartition(".")
            raise UserError(
                f"{owner}: {name} is a method of {of}, and nothing says of which instance. Use the"
                f" one of an instance: {of.rpartition('.')[2]}(...).{name}"
            )


def is_method(function: Any) -> bool:
    """Whether it is a function of a class body that takes the instance, and has none yet."""
    return _first_in_class(function) == "self"


def refuse_class_method(function: Any, decorator: str) -> None:
    """Raise UserError for a function that wants its class: nothing would give it one."""
    if isinstance(function, classmethod) or _first_in_class(function) == "cls":
        name = function.__qualname__
        raise UserError(
            f"@{decorator} takes no class method such as {name}: make it a method of instances, "
            "or a @staticmethod"
        )


def _first_in_class(function: Any) -> str | None:
    """The first parameter of a function that stands in a class body."""
    if not inspect.isfunction(function):
        return None
    place = function.__qualname__.rpartition(".")[0]
    if not place or place.endswith("<locals>"):
        return None
    return next(iter(inspect.signature(function).parameters), None)
