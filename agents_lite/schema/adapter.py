"""Types as pydantic sees them: reading their JSON, and their JSON schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from inspect import Parameter, isroutine
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import SchemaError, from_json, to_json
from typing_extensions import TypedDict

from ..concurrency.forks import without_fork
from ..exceptions import UserError
from ..shown import repr_of
from .plain import CONFIG, Argument

_OF_USERS = ("function-before", "function-wrap", "function-plain")
"""Parts that functions of the user's read, or prepare to be read."""


class _QuietGenerator(GenerateJsonSchema):
    """Leaves out, without a warning, a default that JSON cannot express."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}


_NO_TYPE = (NameError, TypeError, KeyError, ValueError, SyntaxError)
"""What comes of what is no type, also of a text that names none."""


def make_adapter(annotation: Any, subject: str) -> TypeAdapter[Any]:
    """What reads JSON of a type.

    Args:
        annotation: Any type that pydantic knows.
        subject: What has the type, for errors: "The output type list[int]".

    Raises:
        UserError: There is no such type, or none that pydantic knows.
    """
    if isinstance(annotation, Mapping) or isroutine(annotation):  # pydantic's own notations
        raise _no_schema(subject, f"{repr_of(annotation)} is no type")
    try:
        adapter: TypeAdapter[Any] = without_fork(TypeAdapter, annotation)
        _check_readable(adapter.core_schema, subject)
        return adapter
    except RecursionError as error:
        raise UserError(f"{subject} nests too deeply.") from error
    except (*_NO_TYPE, RuntimeError, SchemaError) as error:  # the second is pydantic's, too
        raise _no_schema(subject, error) from error


def make_arguments_adapter(
    title: str, arguments: Iterable[Argument], subject: str, extra: str
) -> TypeAdapter[dict[str, Any]]:
    """What reads the JSON object that holds a function's arguments; as in `make_adapter`.

    `extra` says whether to "ignore" or to "forbid" other names in it.
    """
    fields = {each.name: _field_type(each) for each in arguments}
    all_of_them: Any = make_object(title, fields, subject)
    all_of_them.__pydantic_config__ = {**CONFIG, "extra": extra}
    return make_adapter(all_of_them, subject)


def make_object(title: str, fields: dict[str, Any], subject: str) -> Any:
    """The type of an object with these fields, by name with their types.

    Raises:
        UserError: One of them is no type.
    """
    make: Any = TypedDict  # which type checkers know in another form
    try:
        return make(title, fields)
    except _NO_TYPE as error:  # such as a ClassVar
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


def _check_readable(core: Any, subject: str, by_name: bool = False) -> None:
    """Refuse what pydantic describes for the model, and then takes from no JSON at all.

    Args:
        core: A part of what pydantic reads JSON by.
        subject: What it is a part of.
        by_name: Whether fields are read by their names as well as by their aliases.

    Raises:
        UserError: There is such a part.
    """
    if isinstance(core, list):
        for each in core:
            _check_readable(each, subject, by_name)
    if not isinstance(core, dict) or core.get("type") in _OF_USERS:
        return
    if core.get("type") == "is-subclass":
        raise _no_schema(subject, f"no JSON is a class such as {core['cls'].__name__}")
    config = core.get("config")
    if config is not None:
        by_name = config.get("validate_by_name") or config.get("populate_by_name") or False
    if not by_name and _is_deep(core.get("validation_alias")):
        raise _no_schema(
            subject, f"it cannot say where {core['validation_alias']} is; write the alias as a text"
        )
    for value in core.get("expected", ()) if core.get("type") == "literal" else ():
        if isinstance(value, Enum) and not isinstance(value, str | int):
            raise _no_schema(
                subject, f"no JSON is {value}; write Literal[{value.value!r}], or the enum itself"
            )
    for member in core["members"] if core.get("type") == "enum" else ():
        if not (_is_json(member.value) or _takes_others(core["cls"])):
            raise _no_schema(
                subject, f"no JSON is {member}; give its members texts, numbers or lists of them"
            )
    for name, each in core.items():
        if name not in ("metadata", "python_schema", "serialization"):
            _check_readable(each, subject, by_name)


def _is_json(value: Any) -> bool:
    """Whether a value is what its JSON is read as, unlike a tuple or a date."""
    try:
        return bool(from_json(to_json(value)) == value)
    except ValueError:  # it has none
        return False


def _takes_others(kind: Any) -> bool:
    """Whether an enum has a function of its own for what is no value of its members."""
    return any("_missing_" in vars(each) for each in kind.__mro__ if each is not Enum)


def _is_deep(alias: Any) -> bool:
    """Whether the schema names another field than the one that is read: of an AliasPath alone, or
    of choices that all lead into other objects."""
    if not isinstance(alias, list):
        return False
    is_path = isinstance(alias[0], str)
    return is_path or all(len(path) > 1 for path in alias)


def _no_schema(subject: str, why: object) -> UserError:
    return UserError(f"{subject} has no JSON schema: {why}")
