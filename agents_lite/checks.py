"""What users give, checked when they give it: later nobody would know where it came from."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from numbers import Real
from typing import Any, ParamSpec, TypeVar

from .exceptions import UserError
from .shown import repr_of

P = ParamSpec("P")
T = TypeVar("T")


def forgetful(function: Callable[P, T]) -> Callable[P, T]:
    """The function, whose errors keep nothing of what it was given, which may be secret: error
    trackers record the variables of a traceback."""

    @wraps(function)
    def call(*args: P.args, **named: P.kwargs) -> T:
        outer = sys.exception()  # the caller's, which keeps its traceback
        try:
            return function(*args, **named)
        except (UserError, TypeError) as error:
            del args, named
            cause: BaseException | None = error if isinstance(error, UserError) else None
            while cause is not None and cause is not outer and cause.__traceback__ is not None:
                cause.__traceback__, cause = None, cause.__cause__ or cause.__context__
            raise

    return call


def forgetful_class(kind: type[T]) -> type[T]:
    """A class with such an `__init__`, a dataclass for example."""
    kind.__init__ = forgetful(kind.__init__)  # type: ignore[method-assign]
    return kind


def is_switched_on(variable: str, default: str = "") -> bool:
    """Whether a variable of the environment says yes: `1`, `true`, `yes` or `on`."""
    return os.environ.get(variable, default).lower() in ("1", "true", "yes", "on")


def check_takes(function: Any, owner: str, *wanted: str) -> None:
    """Raise UserError for a function that cannot be called with so many arguments, or is none.

    One that stands for another (`functools.wraps`) may take what that one takes, or what it takes
    itself, since it may give the other one more.

    Args:
        function: What is to be called by position.
        owner: Whose function it is, for the error.
        wanted: What it is given, in words.
    """
    if not callable(function):
        raise UserError(f"{owner} must be a function, got {repr_of(function)}")
    if not (takes(function, wanted) or takes(function, wanted, follow_wrapped=False)):
        what = " and ".join(wanted) or "no arguments"
        raise UserError(f"{owner} must take {what}, {len(wanted)} positional argument(s)")


def takes(function: Any, arguments: tuple[str, ...], follow_wrapped: bool = True) -> bool:
    """Whether a function can be called with these by position.

    Args:
        function: What is to be called.
        arguments: What it is given, in words.
        follow_wrapped: Whether one that stands for another takes what that one takes.
    """
    try:
        inspect.signature(function, follow_wrapped=follow_wrapped).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # no signature to be had: the call decides, but for `int` and its like
        return not isinstance(function, type) or len(arguments) == 1
    return True


def check_kind(value: object, kinds: type | tuple[type, ...], owner: str, wanted: str) -> None:
    """Raise UserError for a value of another kind; it is not shown, since it may be secret."""
    if not isinstance(value, kinds):
        raise UserError(f"{owner} must be {wanted}, not a {type(value).__name__}")


def check_choice(value: object, owner: str, *choices: object) -> None:
    """Raise UserError for what is none of the choices."""
    if value not in choices:
        *others, last = map(repr, choices)
        wanted = f"{', '.join(others)} or {last}"
        raise UserError(f"{owner} must be {wanted}, got {repr_of(value)}")


def check_text(value: Any, owner: str) -> None:
    """Raise UserError for what is no text, or has no UTF-8 form."""
    if not isinstance(value, str):
        raise UserError(f"{owner} must be a text, got {repr_of(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        where = f"character {error.start} is one"
        raise UserError(f"{owner} must have no lone surrogates; {where}") from None


def absolute_path(path: Any, owner: str) -> str:
    """The path, whatever directory the program changes to.

    Raises:
        UserError: There can be no such path.
    """
    try:
        found = os.path.abspath(os.fsdecode(path))
        if "\0" not in found and os.fsencode(found):
            return found
    except (TypeError, ValueError):  # no path, or characters that the system has no bytes for
        pass
    raise UserError(f"{owner} must be the path of a file, got {repr_of(path)}")


def is_number(value: Any) -> bool:
    """Whether it is a number, also one of NumPy's; True is none, nor what no float can hold."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def check_number(value: Any, owner: str, least: float = 0) -> None:
    """Raise UserError for what is no number, or one below the least."""
    if not is_number(value) or not value >= least:
        raise UserError(f"{owner} must be {least} or more, got {repr_of(value)}")


def check_count(value: Any, owner: str, least: int = 0) -> None:
    """Raise UserError for what is no whole number, or one below the least."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise UserError(f"{owner} must be a whole number from {least} on, got {repr_of(value)}")


def check_seconds(value: Any, owner: str) -> None:
    """Raise UserError for what is no number of seconds above 0."""
    if not is_number(value) or not value > 0:
        raise UserError(f"{owner} must be a number of seconds above 0, got {repr_of(value)}")


def from_fields(kind: type[T], given: Any) -> T:
    """An object of a class, out of a dict of its arguments.

    Raises:
        UserError: It is no dict, or has no such argument.
    """
    check_kind(given, Mapping, kind.__name__, "one, or a dict of its fields")
    unknown = given.keys() - inspect.signature(kind).parameters.keys()
    if unknown:
        names = ", ".join(sorted(map(repr, unknown)))
        raise UserError(f"{kind.__name__} has no {names}")
    return kind(**given)


def check_guardrails(guardrails: Any, decorator: str) -> list[Any]:
    """Guardrails as a list; None is an empty one.

    Raises:
        UserError: It is no list, or one of them is none that the decorator of that name makes.
    """
    if not isinstance(guardrails, list | tuple | None):
        shown = repr_of(guardrails)
        raise UserError(f"{decorator}s must be a list of @{decorator} functions: {shown}")
    for guardrail in guardrails or ():
        if getattr(type(guardrail), "decorator", None) != decorator:
            shown = repr_of(guardrail)
            raise UserError(f"{decorator}s: {shown} is none; decorate it with @{decorator}")
        guardrail.check_bound(f"{decorator}s")
    return list(guardrails or ())


def check_session(value: Any, owner: str) -> None:
    """Raise UserError for what is no session."""
    if isinstance(value, type) or not (hasattr(value, "get_items") and hasattr(value, "add_items")):
        raise UserError(
            f"{owner} must be a Session such as SQLiteSession, with get_items and add_items at "
            f"least, got {repr_of(value)}"
        )
