"""Input schemas of a server's tools, as models take them."""

from __future__ import annotations

from typing import Any

from ..schema.acceptance import (
    LISTED_PARTS,
    NAMED_PARTS,
    SINGLE_PARTS,
    TYPES,
    has_right_kind,
    types_of,
)
from ..schema.plain_meaning import structure_in

Schema = dict[str, Any]

_ALTERNATIVES = ("anyOf", "oneOf")
_EXCLUSIVE = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))
_NEVER_EMPTY = (*LISTED_PARTS, "type", "enum")
_MAY_BE_NULL = ("const", "default", "example")


def plain_schema(schema: Any) -> Any:
    """The schema with an object at its root, where it says nothing else.

    Models' servers refuse `anyOf` and the like at the root: its alternatives become one object that
    has the properties of all, and requires what each of them does. A schema that is null, or says
    that anything goes, is that of any object; what makes no sense in it is left out. What is no
    object at all stays as it is.
    """
    if schema is None or schema is True:
        return {"type": "object", "properties": {}}
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if isinstance(kind, list) and "object" in kind:
        schema = {**schema, "type": "object"}
    if any(isinstance(schema.get(word), list) for word in (*_ALTERNATIVES, "allOf")):
        schema = _merged(schema)
    plain: Schema = _plain_part(schema)
    return {"properties": {}, **plain} if "properties" in schema else plain


def has_optional_parts(schema: Any) -> bool:
    """Whether a property anywhere may be left out, or have any name, since none is named."""
    if isinstance(schema, list):
        return any(map(has_optional_parts, schema))
    if not isinstance(schema, dict):
        return False
    properties = schema.get("properties")
    if isinstance(properties, dict) and not set(properties) <= set(required_in(schema)):
        return True
    is_open = schema.get("additionalProperties") is not False
    if is_open and not properties_in(schema) and schema.get("type") == "object":
        return True
    return any(map(has_optional_parts, schema.values()))


def properties_in(schema: Any) -> Schema:
    """The schemas of an object's properties by name, none where it has none that make sense."""
    found = schema.get("properties") if isinstance(schema, dict) else None
    return found if isinstance(found, dict) else {}


def required_in(schema: Any) -> list[str]:
    """The names of an object's properties that may not be left out."""
    found = schema.get("required") if isinstance(schema, dict) else None
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def as_meant(value: Any, schemas: list[Any], root: Schema) -> Any:
    """A value of arguments where a text of JSON stands for the object or the list that it holds, if
    the schemas take one of these and no text.

    Args:
        value: What the model has given.
        schemas: Those that it may be meant for.
        root: The whole schema, to which others refer.
    """
    told = _alternatives(schemas, root)
    kinds = [each["type"] for each in told if "type" in each]
    kinds = [kind for each in kinds for kind in (each if isinstance(each, list) else [each])]
    if isinstance(value, str) and kinds and {"object", "array", "null"}.issuperset(kinds):
        value = structure_in(value)
    if isinstance(value, list):
        items = [each.get("items") for each in told]
        return [as_meant(inner, items, root) for inner in value]
    if not isinstance(value, dict):
        return value
    objects = [(properties_in(each), each.get("additionalProperties")) for each in told]
    return {
        name: as_meant(inner, [known.get(name, other) for known, other in objects], root)
        for name, inner in value.items()
    }


def _alternatives(schemas: list[Any], root: Schema) -> list[Schema]:
    """The schemas and their alternatives, each once: those of a tree lead to each other."""
    found = [_resolved(each, root) for each in schemas]
    for each in [*found]:
        for word in _ALTERNATIVES if isinstance(each, dict) else ():
            found += [_resolved(option, root) for option in each.get(word) or ()]
    return [*{id(each): each for each in found if isinstance(each, dict)}.values()]


def _merged(schema: Schema) -> Schema:
    """The schema with what stands beside its alternatives and in them, as far as it is plain."""
    rest = {name: value for name, value in schema.items() if name not in (*_ALTERNATIVES, "allOf")}
    properties = dict(properties_in(rest))
    required = set(required_in(rest))
    for word in (*_ALTERNATIVES, "allOf"):
        parts = [_resolved(part, schema) for part in schema.get(word) or ()]
        for name, value in [each for part in parts for each in properties_in(part).items()]:
            known = properties.setdefault(name, value)
            if known != value:
                properties[name] = {"anyOf": [*_options(known), value]}
        wanted = [set(required_in(part)) for part in parts]
        if wanted:
            required |= set.union(*wanted) if word == "allOf" else set.intersection(*wanted)
    kept = [name for name in properties if name in required]
    merged = {**rest, "type": "object", "properties": properties}
    return {**merged, "required": kept} if kept else merged


def _resolved(part: Any, root: Schema) -> Any:
    """A part, or what it refers to in the definitions of the root."""
    reference = part.get("$ref") if isinstance(part, dict) else None
    for place in ("$defs", "definitions"):
        if isinstance(reference, str) and reference.startswith(f"#/{place}/"):
            return (root.get(place) or {}).get(reference.removeprefix(f"#/{place}/"))
    return part


def _options(schema: Any) -> list[Any]:
    """The alternatives of a schema that has nothing else, or itself as the only one."""
    is_choice = isinstance(schema, dict) and list(schema) == ["anyOf"]
    return list(schema["anyOf"]) if is_choice else [schema]


def _plain_part(part: Any) -> Any:
    """A schema as one that models' servers read: for any nonsense in it they refuse all tools.

    Servers in Rust say `true` of what may be anything, those in Go null for an empty list. Others
    say of a bound that it is exclusive, as in draft 4, or of a property that it is required.
    """
    if part is True:
        return {}
    if not isinstance(part, dict):
        return part
    for exclusive, bound in _EXCLUSIVE:
        if part.get(exclusive) is True and bound in part:
            part = {**part, exclusive: part[bound], bound: None}
    return {
        keyword: _plain_value(keyword, value)
        for keyword, value in part.items()
        if (keyword in _MAY_BE_NULL if value is None else has_right_kind(keyword, value))
        and (value != [] or keyword not in _NEVER_EMPTY)
        and (keyword != "type" or types_of(part) <= TYPES)
    }


def _plain_value(keyword: str, value: Any) -> Any:
    if keyword in NAMED_PARTS:
        parts = {name: _plain_part(part) for name, part in value.items()}
        return {name: part for name, part in parts.items() if isinstance(part, dict)}
    if keyword in SINGLE_PARTS and isinstance(value, dict):
        return _plain_part(value)
    if keyword == "items" and value is True:
        return {}
    if keyword == "required":
        return [*dict.fromkeys(name for name in value if isinstance(name, str))]
    if keyword in LISTED_PARTS:
        return [_plain_part(part) for part in value if part is not False]
    return value
