"""The type of an agent's final output: its JSON schema, and reading the model's JSON."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError
from typing_extensions import TypedDict

from .exceptions import ModelBehaviorError, UserError
from .schema.strict_schema import ensure_strict_json_schema


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
    def validate_json(self, text: str) -> Any:
        """The output as a Python object.

        Raises:
            ModelBehaviorError: The text is not JSON of that type.
        """


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
            self._adapter, self._schema = _describe(output_type, strict_json_schema)

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

    def validate_json(self, text: str) -> Any:
        """The output as an object of the output type.

        Raises:
            ModelBehaviorError: The text is not JSON of that type.
        """
        try:
            output = self._adapter.validator.validate_json(text)
        except ValidationError as error:
            raise ModelBehaviorError(
                f"The model's final output is not valid JSON for {self.name()}: {error}\n"
                f"The output was: {text}"
            ) from error
        return output["response"] if self._wrapped else output


def _describe(output_type: Any, strict: bool) -> tuple[TypeAdapter[Any], dict[str, Any]]:
    """The type's validator and JSON schema, remembered: the loop asks on every turn."""
    try:
        hash(output_type)
    except TypeError:  # such as Annotated with a list in it
        return _build(output_type, strict)
    return _build_once(output_type, strict)


def _build(output_type: Any, strict: bool) -> tuple[TypeAdapter[Any], dict[str, Any]]:
    fields = {"response": output_type}
    is_object = _is_object_type(output_type)
    object_type = output_type if is_object else TypedDict("OutputType", fields)  # type: ignore[operator]
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(object_type)
        schema = adapter.json_schema()
    except (PydanticUserError, NameError, TypeError, SchemaError) as error:
        raise UserError(
            f"The output type {_type_name(output_type)} has no JSON schema: {error}"
        ) from error
    return adapter, ensure_strict_json_schema(schema) if strict else schema


_build_once = functools.lru_cache(maxsize=128)(_build)


def _is_object_type(output_type: Any) -> bool:
    if not isinstance(output_type, type) or issubclass(output_type, RootModel):
        return False
    return issubclass(output_type, (BaseModel, dict))


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
    return str(getattr(annotation, "__name__", repr(annotation)))
