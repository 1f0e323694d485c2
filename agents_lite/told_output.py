"""What a tool returned, in the form the model gets to see."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from .response_types import as_python


def output_for_model(value: Any) -> str | list[dict[str, Any]]:
    """A tool's output as the API takes it.

    A string stays what it is, text, image and file outputs (also as dicts of the same fields or in
    the API's own form, also several in a list or tuple, with strings among them) become content
    parts, all else becomes JSON, and `str(value)` what JSON cannot express.

    Returns:
        Text, or a list of parts, {"type": "input_text", "text": ...} and the like.
    """
    if isinstance(value, str):
        return str.__str__(value)  # of a class of its own, too
    if isinstance(value, int | float | None):
        return _make_json(value)
    from .tool_output import content_parts  # only those who return more than that pay for it

    parts = content_parts(value)
    return _make_json(value) if parts is None else parts


def _make_json(value: Any) -> str:
    def fall_back(part: Any) -> Any:
        try:
            return as_python(part)
        except TypeError:
            if part is value:
                raise
        return str(part)

    try:
        return to_json(value, fallback=fall_back).decode()
    except (ValueError, TypeError):
        return str(value)
