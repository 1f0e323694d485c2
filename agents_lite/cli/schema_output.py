"""A final output that a JSON schema in a file describes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from ..exceptions import InvalidFinalOutputError, UserError
from ..output_schema import AgentOutputSchemaBase
from ..response_types import read_json
from ..schema.strict_schema import resolve_ref, schema_for_api


class SchemaOutput(AgentOutputSchemaBase):
    """JSON that a schema describes; the model's server holds the model to it.

    Types, enums and the names of properties are checked here as well, for servers that do not;
    patterns, formats and ranges are not.

    Args:
        path: A file with a JSON schema of an object.

    Raises:
        UserError: It cannot be read, or is no schema that the API takes.
    """

    def __init__(self, path: str) -> None:
        try:
            schema = read_json(Path(path).read_bytes())
        except (OSError, ValueError) as error:
            raise UserError(f"--schema {path} is no JSON file: {error}") from error
        if not isinstance(schema, dict):
            raise UserError(f"--schema {path} is no JSON schema: it has to be an object")
        self._schema = schema_for_api(schema, True, f"--schema {path}")

    def is_plain_text(self) -> bool:
        """No."""
        return False

    def name(self) -> str:
        """The schema's title."""
        return str(self._schema.get("title") or "output")

    def json_schema(self) -> dict[str, Any]:
        """The schema in the API's strict form."""
        return self._schema

    def is_strict_json_schema(self) -> bool:
        """Yes."""
        return True

    def validate_json(self, text: str) -> Any:
        """The JSON value.

        Raises:
            InvalidFinalOutputError: The text is no JSON, or does not fit the schema.
        """
        try:
            value = from_json(text)
        except (ValueError, TypeError) as error:  # TypeError: halves of characters
            raise InvalidFinalOutputError(f"The final output is no JSON: {error}") from error
        misfit = _misfit(value, self._schema, self._schema, "it")
        if misfit is not None:
            raise InvalidFinalOutputError(
                f"The final output does not fit the schema, as {misfit}: {text}"
            )
        return value


def _misfit(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str) -> str | None:
    """Why a value at a place does not fit a part of a schema in the strict form; None: it does."""
    if "$ref" in schema:
        return _misfit(value, resolve_ref(root, schema["$ref"], (), "--schema"), root, place)
    kinds = schema.get("type", list(_IS_KIND))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(_IS_KIND[kind](value) for kind in kinds):
        return f"{place} is not of type {' or '.join(kinds)}"
    allowed = [schema["const"]] if "const" in schema else schema.get("enum", [value])
    if value not in allowed:
        return f"{place} is none of {json.dumps(allowed)}"
    options = schema.get("anyOf")
    if options and all(_misfit(value, option, root, place) for option in options):
        return f"{place} fits none of its alternatives"
    if isinstance(value, list):
        items = schema.get("items", {})
        found = (_misfit(each, items, root, f"{place}[{n}]") for n, each in enumerate(value))
        return next(filter(None, found), None)
    return _misfit_inside(value, schema, root, place) if isinstance(value, dict) else None


def _misfit_inside(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], place: str
) -> str | None:
    parts = schema.get("properties", {})
    if missing := [name for name in schema.get("required", ()) if name not in value]:
        return f"{place} lacks {', '.join(missing)}"
    if schema.get("additionalProperties") is False and (extra := value.keys() - parts.keys()):
        return f"{place} has {', '.join(sorted(extra))}"
    found = (
        _misfit(value[name], part, root, f"{place}.{name}")
        for name, part in parts.items()
        if name in value
    )
    return next(filter(None, found), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS_KIND: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and value % 1 == 0,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
