"""A final output that a JSON schema in a file describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from ..exceptions import InvalidFinalOutputError, UserError
from ..output_schema import AgentOutputSchemaBase
from ..schema.strict_schema import schema_for_api


class SchemaOutput(AgentOutputSchemaBase):
    """JSON that a schema describes; the model's server holds the model to it.

    Args:
        path: A file with a JSON schema of an object.

    Raises:
        UserError: It cannot be read, or is no schema that the API takes.
    """

    def __init__(self, path: str) -> None:
        try:
            schema = json.loads(Path(path).read_bytes())
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
            InvalidFinalOutputError: The text is no JSON, or lacks what the schema requires.
        """
        try:
            value = from_json(text)
        except ValueError as error:
            raise InvalidFinalOutputError(f"The final output is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise InvalidFinalOutputError(f"The final output is no object: {text}")
        missing = [name for name in self._schema.get("required", ()) if name not in value]
        if missing:
            raise InvalidFinalOutputError(f"The final output lacks {', '.join(missing)}: {text}")
        return value
