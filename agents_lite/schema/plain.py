"""The schemas of plain types, written down as pydantic would, in a tenth of its time.

For other types pydantic's own machinery does it: both give the same schemas, and take the same
arguments.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from inspect import Parameter
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

Json = dict[str, Any]

CONFIG: Json = {"allow_inf_nan": False}
"""Of the object that holds the arguments. Infinity is no JSON, and NaN is under every limit."""

_SCALARS: dict[Any, tuple[Json, Json]] = {
    str: ({"type": "str"}, {"type": "string"}),
    int: ({"type": "int"}, {"type": "integer"}),
    float: ({"type": "float"}, {"type": "number"}),
    bool: ({"type": "bool"}, {"type": "boolean"}),
    NoneType: ({"type": "none"}, {"type": "null"}),
    None: ({"type": "none"}, {"type": "null"}),
    Any: ({"type": "any"}, {}),
}
_SIMPLE_DEFAULTS = (str, int, bool, NoneType)
_MOST_LEVELS = 5
_MOST_VALUES = 50


class Schemas(NamedTuple):
    """What a type is for pydantic's core, and for the model."""

    core: Any
    """What a `SchemaValidator` is made of."""
    json: Json
    """The JSON schema."""


class Argument(NamedTuple):
    """What is known of a parameter."""

    name: str
    annotation: Any
    default: Any
    """`Parameter.empty` where there is none."""
    description: str | None


def describe_arguments(title: str, arguments: Iterable[Argument]) -> Schemas | None:
    """The schemas of an object that holds the arguments, or None where one is not plain."""
    fields: Json = {}
    properties: Json = {}
    required: list[str] = []
    for name, annotation, default, description in arguments:
        described = describe(annotation)
        if described is None:
            return None
        core = described.core
        shown = {**described.json, "title": name.title().replace("_", " ").strip()}
        if description:
            shown["description"] = description
        if default is Parameter.empty:
            required.append(name)
        elif _is_simple(default):
            core = {"type": "default", "schema": core, "default": default}
            shown["default"] = default
        else:
            return None
        fields[name] = {
            "type": "typed-dict-field",
            "schema": core,
            "required": default is Parameter.empty,
        }
        properties[name] = dict(sorted(shown.items()))
    schema: Json = {"properties": properties, "title": title, "type": "object"}
    if required:
        schema = {"properties": properties, "required": required, **schema}
    config = {"title": title, **CONFIG}
    return Schemas({"type": "typed-dict", "fields": fields, "config": config}, schema)


def describe(annotation: Any, levels: int = _MOST_LEVELS) -> Schemas | None:
    """The schemas of a plain type: one of JSON's own, or lists, sets, unions, literals of them.

    What nests deeper than some levels, or has many values, is not plain: the API has limits.
    """
    is_class = isinstance(annotation, (type, NoneType))  # others may hold what has no hash
    if is_class and isinstance(annotation, Hashable) and annotation in _SCALARS:
        return Schemas(*_SCALARS[annotation])
    if levels == 0:
        return None
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in (list, set):
        origin = annotation
    if origin in (list, set):
        of_what = arguments[0] if arguments else Any  # typing.List without its kind
        return _describe_collection(origin, describe(of_what, levels - 1))
    if origin in (Union, UnionType):
        others = [option for option in arguments if option is not NoneType]
        described = [describe(option, levels - 1) for option in others]
        return _describe_union(described, NoneType in arguments)
    if origin is Literal and len(arguments) <= _MOST_VALUES:
        return _describe_literal(list(arguments))
    if origin is Annotated and all(isinstance(extra, str) for extra in annotation.__metadata__):
        return describe(arguments[0], levels)
    return None


def _is_simple(default: Any) -> bool:
    """Whether a default is written in JSON as it is."""
    if type(default) is float:
        return isfinite(default)
    return type(default) in _SIMPLE_DEFAULTS or (type(default) is list and not default)


def _describe_collection(kind: type, items: Schemas | None) -> Schemas | None:
    if items is None:
        return None
    schema: Json = {"items": items.json, "type": "array"}
    if kind is set:
        schema["uniqueItems"] = True
    return Schemas({"type": kind.__name__, "items_schema": items.core}, schema)


def _describe_union(described: list[Schemas | None], is_nullable: bool) -> Schemas | None:
    known = [each for each in described if each is not None]
    if len(known) < len(described):
        return None
    core: Json = {"type": "union", "choices": [each.core for each in known]}
    if len(known) == 1:
        core = known[0].core
    shown = [each.json for each in known]
    if is_nullable:
        core = {"type": "nullable", "schema": core}
        shown.append({"type": "null"})
    different: list[Json] = []
    for option in shown:
        for each in option["anyOf"] if option.keys() == {"anyOf"} else [option]:
            if each not in different:
                different.append(each)
    return Schemas(core, different[0] if len(different) == 1 else {"anyOf": different})


def _describe_literal(values: list[Any]) -> Schemas | None:
    if not all(type(value) is str for value in values):
        return None
    options: Json = {"const": values[0]} if len(values) == 1 else {"enum": values}
    return Schemas({"type": "literal", "expected": values}, {**options, "type": "string"})
