"""Answers of a person to what a server asks, checked against its form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..exceptions import UserError
from ..shown import repr_of
from .objects import MCPElicitation

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
}


def accepted(question: MCPElicitation, content: Mapping[str, Any] | None) -> dict[str, Any]:
    """The answer of a person who agrees, as the protocol has it.

    Raises:
        UserError: A field is missing, unknown, or of another type than the form says.
    """
    if question.url is not None:
        if content:
            raise UserError(f"A page is to be visited, {question.url}; there are no fields")
        return {"action": "accept"}
    if not isinstance(content, Mapping):
        raise UserError(f"The answer must be a dict of the form's fields, got {repr_of(content)}")
    schema = question.requested_schema or {}
    fields = schema.get("properties")
    if isinstance(fields, dict):
        missing = [name for name in schema.get("required") or () if name not in content]
        if missing:
            raise UserError(f"The form's fields {', '.join(missing)} are missing")
        for name, value in content.items():
            if name not in fields:
                raise UserError(f"The form has no field {name!r}; it has {', '.join(fields)}")
            _check(name, value, fields[name])
    return {"action": "accept", "content": dict(content)}


def choices(field: Mapping[str, Any]) -> list[Any] | None:
    """The values that a field of a form may have, or None where it is free."""
    if isinstance(field.get("enum"), list):
        return list(field["enum"])
    for several in ("oneOf", "anyOf"):
        if isinstance(field.get(several), list):
            return [each.get("const") for each in field[several]]
    return None


def _check(name: str, value: Any, field: Mapping[str, Any]) -> None:
    kinds = _TYPES.get(str(field.get("type")), (object,))
    is_kind = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if not is_kind and kinds != (object,):
        shown = repr_of(value)
        raise UserError(f"The form's field {name!r} is of type {field['type']}, not {shown}")
    allowed = choices(field)
    if allowed is not None and value not in allowed:
        raise UserError(f"The form's field {name!r} is one of {allowed}, not {repr_of(value)}")
