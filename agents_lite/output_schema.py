"""The type of an agent's final output: its JSON schema, and reading the model's JSON."""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from contextlib import suppress
from inspect import iscoroutinefunction
from types import FunctionType, NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from .exceptions import InvalidFinalOutputError, UserError
from .schema.adapter import json_schema_of, make_adapter, make_object
from .schema.plain_meaning import read_json
from .schema.strict_schema import check_schema, schema_for_api
from .shown import repr_of

__all__ = ["AgentOutputSchema", "AgentOutputSchemaBase"]

_STILL_TO_BE_DEFINED = ("class-not-fully-defined", "undefined-annotation")
_FENCED = re.compile(r"\s*(`{3,}|~{3,})[\w/+.-]*\s(.*)\1\s*", re.DOTALL)
_Described: TypeAlias = tuple[TypeAdapter[Any], dict[str, Any]]


class AgentOutputSchemaBase(ABC):
    """What the loop asks of an output type. Subclass it to parse final outputs your own way."""

    @abstractmethod
    def is_plain_text(self) -> bool:
        """Whether the output is text as it is; then no other method is called."""

    @abstractmethod
    def name(self) -> str:
        """The type's name, such as `list[int]`, for traces and errors."""

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """The JSON schema the model is held to; not to be changed."""

    @abstractmethod
    def is_strict_json_schema(self) -> bool:
        """Whether the schema is in the API's strict form."""

    @abstractmethod
    def validate_json(self, json_str: str) -> Any:
        """The output as a Python object.

        Raises:
            ModelBehaviorError: The text is not JSON of that type.
        """

    def as_answer(self, output: Any) -> Any:
        """The object as which a model would give an output."""
        return output


class AgentOutputSchema(AgentOutputSchemaBase):
    """An output type that pydantic knows: models, dataclasses, TypedDicts, lists, unions ...

    What is not an object by its nature travels as {"response": ...}, since the API wants an object.
    """

    def __init__(self, output_type: Any, strict_json_schema: bool = True) -> None:
        """Build the schema.

        Args:
            output_type: Any type of pydantic's; None and str mean plain text.
            strict_json_schema: Whether to use the API's strict form. Without, types such as
                dict[str, int] are possible and the model may stray from the schema.

        Raises:
            UserError: The type has no JSON schema, or no strict one.
        """
        self.output_type = output_type
        self._strict = strict_json_schema
        self._wrapped = not _is_object_type(output_type)
        if not self.is_plain_text():
            try:
                self._adapter, self._schema = _describe(output_type, strict_json_schema)
            except RecursionError as error:
                raise UserError("The output type nests too deeply.") from error

    def is_plain_text(self) -> bool:
        """Whether the output is text as it is: the output type is None or str."""
        return self.output_type is None or self.output_type is str

    def name(self) -> str:
        """The type's name, such as `list[int]`."""
        return _type_name(self.output_type)

    def json_schema(self) -> dict[str, Any]:
        """The JSON schema the model is held to; not to be changed."""
        if self.is_plain_text():
            raise UserError("Plain text has no JSON schema.")
        return self._schema

    def is_strict_json_schema(self) -> bool:
        """Whether the schema is in the API's strict form."""
        return self._strict

    def validate_json(self, json_str: str) -> Any:
        """The output as an object of the output type.

        Raises:
            InvalidFinalOutputError: The text is not JSON of that type.
        """
        fenced = _FENCED.fullmatch(json_str)  # as models write it that are not held to the schema
        json_text = fenced[2] if fenced else json_str.removeprefix("\ufeff")
        try:
            output = self._validated(json_text)
        except ValidationError as error:
            raise InvalidFinalOutputError(
                f"The model's final output is not valid JSON for {self.name()}: {error}\n"
                f"The output was: {json_str}"
            ) from error
        return output["response"] if self._wrapped else output

    def _validated(self, text: str) -> Any:
        """The object that a text stands for, also where a model has given it twice, or has not
        wrapped what is none.
        """
        try:
            return read_json(self._adapter.validator, text)
        except ValidationError:
            if once := _said_twice(text):
                return self._validated(once)
            if self._wrapped:
                with suppress(ValueError, TypeError):  # TypeError: halves of characters
                    value = from_json(text)
                    if not (isinstance(value, dict) and "response" in value):
                        return read_json(self._adapter.validator, to_json({"response": value}))
            raise

    def as_answer(self, output: Any) -> Any:
        """The object as which a model would give an output: what is no object is wrapped."""
        return {"response": output} if self._wrapped else output


def _said_twice(text: str) -> str:
    """JSON of an object or list that a text holds twice, one behind the other; else ""."""
    text = text.strip()
    middle = len(text) // 2
    once = text[:middle].strip()
    is_json = text[:1] in ("{", "[")
    return once if is_json and once == text[-middle:].strip() else ""


def check_output_type(output_type: Any, owner: str) -> None:
    """Refuse an output type that the API would refuse, when it is declared.

    A type that names another one which is still to be defined may pass.

    Args:
        output_type: What an agent was given; neither None nor str.
        owner: The agent, for errors.

    Raises:
        UserError: There is no such type, or its schema is none that the API takes.
    """
    if isinstance(output_type, AgentOutputSchemaBase):
        if iscoroutinefunction(output_type.validate_json):
            raise UserError(
                f"{owner}: {type(output_type).__name__}.validate_json is an `async def`, and it is"
                " called but not awaited: make it a `def`"
            )
        if not (isinstance(output_type, AgentOutputSchema) or output_type.is_plain_text()):
            strict = output_type.is_strict_json_schema()
            check_schema(output_type.json_schema(), strict, f"the output type {output_type.name()}")
        return
    if isinstance(output_type, dict | list | tuple | set | BaseModel | FunctionType):
        raise UserError(
            f"{owner}: output_type must be a type, and {repr_of(output_type)} is a value. Write a "
            "class with the fields, class Output(BaseModel): a: int; or subclass "
            "AgentOutputSchemaBase for a JSON schema of your own."
        )
    try:
        AgentOutputSchema(output_type)
    except UserError as error:
        if getattr(error.__cause__, "code", None) not in _STILL_TO_BE_DEFINED:
            raise


def _describe(output_type: Any, strict: bool) -> _Described:
    """The type's validator and JSON schema, remembered: the loop asks on every turn."""
    identity = _identity(output_type)
    try:
        hash((output_type, identity))
    except TypeError:  # such as Annotated with a list in it
        return _build(output_type, strict)
    return _build_once(output_type, strict, identity)


def _build(output_type: Any, strict: bool) -> _Described:
    fields = {"response": output_type}
    is_object = _is_object_type(output_type)
    subject = f"The output type {_type_name(output_type)}"
    object_type = output_type if is_object else make_object("OutputType", fields, subject)
    adapter = make_adapter(object_type, subject)
    schema = json_schema_of(adapter, subject)
    return adapter, schema_for_api(schema, strict, subject.replace("The", "the", 1))


@functools.lru_cache(maxsize=128)
def _build_once(output_type: Any, strict: bool, _identity: Any) -> _Described:
    return _build(output_type, strict)


def _identity(annotation: Any) -> Any:
    """What tells types apart that are equal to each other: `A | B` from `B | A`, 1 from True."""
    arguments = get_args(annotation)
    if not arguments:
        return type(annotation), annotation
    return get_origin(annotation), *map(_identity, arguments)


def _is_object_type(output_type: Any) -> bool:
    kind = get_origin(output_type) or output_type
    if not isinstance(kind, type) or issubclass(kind, RootModel):
        return False
    return issubclass(kind, (BaseModel, dict))


def _type_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin in (Union, UnionType):
        return " | ".join(map(_type_name, arguments))
    if origin is not None:
        return f"{_type_name(origin)}[{', '.join(map(_type_name, arguments))}]"
    if annotation is None or annotation is NoneType:
        return "None"
    if annotation is ...:
        return "..."
    return str(getattr(annotation, "__name__", repr_of(annotation)))
