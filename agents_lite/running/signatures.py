"""What `help`, `inspect` and editors show of functions that take the options of a run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

from .start import RunOptions

F = TypeVar("F", bound=Callable[..., Any])

_ARGUMENTS = """

Args:
    starting_agent: The agent that begins.
    input: Text, a list of input items, or a `RunState`: a run that goes on.
    options:"""
_ENTRY = re.compile(r"^    options:.*(?:\n {5,}.*)*", re.MULTILINE)


def shows_options(function: F) -> F:
    """Name the options of a run in the signature and the docstring of what takes them.

    The function itself stays as it is: nothing stands between it and its caller.
    """
    signature = inspect.signature(function)
    *parameters, _ = signature.parameters.values()
    signature = signature.replace(parameters=[*parameters, *_PARAMETERS])
    function.__signature__ = signature  # type: ignore[attr-defined]
    if function.__doc__ and _TEXTS:
        doc = inspect.cleandoc(function.__doc__)
        doc = doc if "\nArgs:" in doc else doc + _ARGUMENTS
        function.__doc__ = _ENTRY.sub(lambda _: _TEXTS, doc)
    return function


class _LeftOut:
    """What is left out is another thing than what is None: a run that goes on keeps its own."""

    def __repr__(self) -> str:
        return "..."


_PARAMETERS = [
    inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=_LeftOut(),
        annotation=kind.__forward_arg__,
    )
    for name, kind in RunOptions.__annotations__.items()
]
_TEXTS = inspect.cleandoc(RunOptions.__doc__ or "").partition("Attributes:\n")[2]
