"""Types as pydantic sees them: reading their JSON, and their JSON schema."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import SchemaError

from ..exceptions import UserError


class _QuietGenerator(GenerateJsonSchema):
    """Leaves out, without a warning, a default that JSON cannot express."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}


def make_adapter(annotation: Any, subject: str) -> TypeAdapter[Any]:
    """What reads JSON of a type.

    Args:
        annotation: Any type that pydantic knows.
        subject: What has the type, for errors: "The output type list[int]".

    Raises:
        UserError: There is no such type, or none that pydantic knows.
    """
    try:
        return TypeAdapter(annotation)
    except RecursionError as error:
        raise UserError(f"{subject} nests too deeply.") from error
    except (PydanticUserError, SchemaError, NameError, TypeError) as error:
        raise _no_schema(subject, error) from error


def json_schema_of(adapter: TypeAdapter[Any], subject: str) -> dict[str, Any]:
    """The JSON schema of a type, as pydantic writes it.

    Raises:
        UserError: It has none.
    """
    try:
        return adapter.json_schema(schema_generator=_QuietGenerator)
    except RecursionError as error:
        raise UserError(f"{subject} nests too deeply.") from error
    except PydanticUserError as error:
        raise _no_schema(subject, error) from error


def _no_schema(subject: str, error: Exception) -> UserError:
    return UserError(f"{subject} has no JSON schema: {error}")
