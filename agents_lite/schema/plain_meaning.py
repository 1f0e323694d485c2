"""JSON of a model that does not fit its type, though its meaning is plain."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import ValidationError, from_json, to_json

_WANTS_STRUCTURE = {
    "dataclass_type",
    "dict_type",
    "frozen_set_type",
    "iterable_type",
    "list_type",
    "mapping_type",
    "model_attributes_type",
    "model_type",
    "set_type",
    "tuple_type",
}
"""Errors of pydantic's where a list or an object was wanted."""


def read_json(validator: Any, text: str | bytes) -> Any:
    """The value of a JSON text that fits, or whose meaning is plain.

    Raises:
        ValidationError: It is none.
    """
    try:
        return validator.validate_json(text)
    except ValidationError as error:
        escaped = with_escapes(text)
        if escaped != text:
            return read_json(validator, escaped)
        return validate_as_meant(validator, text, error)


def with_escapes(text: str | bytes) -> str | bytes:
    """The JSON text that one amounts to in whose strings line breaks and tabs stand as they are,
    as models write them; else the text itself.
    """
    try:
        from_json(text)
    except ValueError:
        try:
            return to_json(json.loads(text, strict=False)).decode()
        except (ValueError, RecursionError):
            pass
    except TypeError:  # halves of characters
        pass
    return text


def validate_as_meant(validator: Any, text: str | bytes, error: ValidationError) -> Any:
    """The value of a JSON text that did not fit: a list or an object may have come as a text of its
    own, `"[1, 2]"`, and null for what may be left out.

    Args:
        validator: What checks values of the type.
        text: The JSON text.
        error: What was wrong with it.

    Raises:
        ValidationError: It does not fit like that either.
    """
    value = None
    nulls: list[tuple[dict[str, Any], str]] = []
    for detail in error.errors(include_url=False, include_context=False):
        given, place = detail["input"], detail["loc"]
        is_text = isinstance(given, str) and detail["type"] in _WANTS_STRUCTURE
        if not (place and (is_text or given is None)):
            raise error
        if value is None:
            value = from_json(text)
        parent, key = _find(value, place)
        if is_text and parent is not None and isinstance(parent[key], str):
            parent[key] = structure_in(parent[key])
        elif isinstance(parent, dict) and parent[key] is None:
            del parent[key]  # each type of a union tells of it
            nulls.append((parent, key))
    if nulls and not _are_fields(nulls, validator, value):
        raise error
    try:
        return validator.validate_json(to_json(value))
    except ValidationError:
        if nulls:  # for what has no default
            raise error from None
        raise


def _are_fields(nulls: list[tuple[dict[str, Any], str]], validator: Any, value: Any) -> bool:
    """Whether nulls that were taken out stood for fields, not for values of a dict of any names:
    under another name they are refused there, too.
    """
    renamed = [(parent, f"{key} ") for parent, key in nulls]
    for parent, key in renamed:
        parent[key] = None
    try:
        validator.validate_json(to_json(value))
    except ValidationError as error:
        return all(each["type"] == "extra_forbidden" for each in error.errors())
    finally:
        for parent, key in renamed:
            del parent[key]
    return True


def _find(value: Any, place: tuple[int | str, ...]) -> tuple[Any, Any]:
    """What holds the value at a place, and its key there. Names of types are no part of the way."""
    parent = key = None
    for step in place:
        try:
            inner = value[step]
        except (LookupError, TypeError):
            continue
        parent, key, value = value, step, inner
    return parent, key


def structure_in(text: str) -> Any:
    """The list or the object that a text is as JSON; else the text itself."""
    try:
        inside = from_json(text)
    except (ValueError, TypeError):  # TypeError: halves of characters
        return text
    return inside if isinstance(inside, list | dict) else text
