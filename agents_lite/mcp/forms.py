"""Answers of a person to what a server asks, checked against its form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..exceptions import UserError
from ..shown import repr_of
from .objects import MCPElicitation
from .schemas import properties_in, required_in

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
}
_NULL = {"type": "null"}


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
    fields = form_fields(question)
    if fields:
        missing = [name for name in required_in(question.requested_schema) if name not in content]
        if missing:
            raise UserError(f"The form's fields {', '.join(missing)} are missing")
        for name, value in content.items():
            if name not in fields:
                raise UserError(f"The form has no field {name!r}; it has {', '.join(fields)}")
            _check(name, value, fields[name])
    return {"action": "accept", "content": dict(content)}


def form_fields(question: MCPElicitation) -> dict[str, dict[str, Any]]:
    """The schemas of a form's fields by name; of one that may be null, what else it may be."""
    fields = properties_in(question.requested_schema)
    return {name: _not_null(field) for name, field in fields.items()}


def _not_null(field: Any) -> dict[str, Any]:
    if not isinstance(field, dict):
        return {}
    options = field.get("anyOf")
    match [each for each in options if each != _NULL] if isinstance(options, list) else ():
        case [{**only}]:
            rest = {keyword: value for keyword, value in field.items() if keyword != "anyOf"}
            return {**only, **rest}
    return field


def choices(field: Mapping[str, Any]) -> list[Any] | None:
    """The values that a field of a form may have, those of a list one by one; None: it is free."""
    if field.get("type") == "array" and isinstance(field.get("items"), dict):
        field = field["items"]
    if isinstance(field.get("enum"), list):
        return list(field["enum"])
    for several in ("oneOf", "anyOf"):
        options = field.get(several)
        if isinstance(options, list) and all(_is_constant(each) for each in options):
            return [each["const"] for each in options]
    return None


def _is_constant(option: Any) -> bool:
    return isinstance(option, dict) and "const" in option


def _check(name: str, value: Any, field: Mapping[str, Any]) -> None:
    kinds = _TYPES.get(str(field.get("type")), (object,))
    is_kind = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if not is_kind and kinds != (object,):
        shown = repr_of(value)
        raise UserError(f"The form's field {name!r} is of type {field['type']}, not {shown}")
    allowed = choices(field)
    if not fits_choices(value, allowed):
        raise UserError(f"The form's field {name!r} is one of {allowed}, not {repr_of(value)}")


def fits_choices(value: Any, allowed: list[Any] | None) -> bool:
    """Whether a value is one of those allowed, or is made of them, as a list; None allows all."""
    values = value if isinstance(value, list) else [value]
    return allowed is None or all(each in allowed for each in values)
