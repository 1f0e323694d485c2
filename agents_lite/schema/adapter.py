"""Types as pydantic sees them: reading their JSON, and their JSON schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import Parameter, isroutine
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import SchemaError
from typing_extensions import TypedDict

from ..exceptions import UserError
from .plain import CONFIG, Argument


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
    if isinstance(annotation, Mapping) or isroutine(annotation):  # pydantic's own notations
        raise _no_schema(subject, f"{annotation!r} is no type")
    try:
        return TypeAdapter(annotation)
    except RecursionError as error:
        raise UserError(f"{subject} nests too deeply.") from error
    except (PydanticUserError, SchemaError, NameError, TypeError, KeyError) as error:
        raise _no_schema(subject, error) from error


def make_arguments_adapter(
    title: str, arguments: Iterable[Argument], subject: str
) -> TypeAdapter[dict[str, Any]]:
    """What reads the JSON object that holds a function's arguments; as in `make_adapter`."""
    make: Any = TypedDict  # which type checkers know in another form
    all_of_them = make(title, {each.name: _field_type(each) for each in arguments})
    all_of_them.__pydantic_config__ = CONFIG
    return make_adapter(all_of_them, subject)


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


def _field_type(argument: Argument) -> Any:
    """A type with its default and description, as pydantic takes them."""
    extras: list[Any] = []
    if isinstance(argument.default, FieldInfo):
        extras.append(argument.default)
    elif argument.default is not Parameter.empty:
        extras.append(Field(default=argument.default))
    if argument.description:
        extras.append(Field(description=argument.description))
    return Annotated[(argument.annotation, *extras)] if extras else argument.annotation


def _no_schema(subject: str, why: object) -> UserError:
    return UserError(f"{subject} has no JSON schema: {why}")
