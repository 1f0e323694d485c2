"""Which JSON schemas the API takes: what it would refuse in one, and where.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas, and the words
in which the API refuses the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf
from typing import Any, NamedTuple

FORMATS = frozenset("date-time time date duration email hostname ipv4 ipv6 uuid".split())
"""The formats of strings that the strict form knows."""
TYPES = frozenset("string number integer boolean object array null".split())
"""What a part may be said to be."""
NOT_PERMITTED = (
    "allOf not if then else dependentRequired dependentSchemas dependencies patternProperties "
    "propertyNames unevaluatedProperties minProperties maxProperties unevaluatedItems contains "
    "minContains maxContains uniqueItems prefixItems additionalItems contentSchema"
).split()
"""Keywords that the strict form does not know."""
NAMED_PARTS = ("properties", "$defs", "definitions")
"""Keywords that hold schemas by name."""
SINGLE_PARTS = ("items", "additionalProperties")
"""Keywords that hold a schema."""
LISTED_PARTS = ("anyOf", "allOf", "oneOf", "prefixItems")
"""Keywords that hold lists of schemas."""
BOUNDS = (
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems "
    "maxItems minProperties maxProperties"
).split()
"""Keywords that hold numbers."""
DEEPEST = 100
"""How many keys may lead to a part; more than any schema needs that is within the limits."""

_SHAPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(BOUNDS, (int, float)),
    **dict.fromkeys(NAMED_PARTS, dict),
    **dict.fromkeys((*LISTED_PARTS, "enum", "required"), list),
    **dict.fromkeys(("$ref", "format", "pattern", "description"), str),
    "type": (str, list),
    "items": (dict, bool, list),
    "additionalProperties": (dict, bool),
}
_MOST_LEVELS = 10
_MOST_PROPERTIES = 5_000
_MOST_ENUM_VALUES = 1_000
_MOST_CHARACTERS = 120_000
_LONG_ENUM = 250
_MOST_VALUES = 100_000
_MOST_PASSES = 20
_MOST_ENUM_CHARACTERS = 15_000
_NOT_AT_THE_ROOT = ("oneOf", "anyOf", "allOf", "enum", "not")
# Not compiled before they are needed, which is seldom.
_LITERALS = r"(?s:\\.|\[\^?\]?(?:\\.|[^\]\\])*\])"
_LOOKAROUND = r"\(\?<?[=!]"
_DEFINITION = r"#/(\$defs|definitions)/([^/]+)"


class Complaint(NamedTuple):
    """What the API would refuse."""

    path: tuple[str, ...] | None
    """The keys that lead to the part, such as ("properties", "size"); None: it is the whole."""
    words: str
    """What is wrong with it, as the API says it."""


def find_complaints(schema: Any, strict: bool = True) -> Iterator[Complaint]:
    """What the API would refuse in a schema, outermost first.

    Args:
        schema: The schema of a function's arguments or of an output.
        strict: Whether it is sent as strict; otherwise little is asked of it.
    """
    kind = schema.get("type") if isinstance(schema, dict) else schema
    if kind != "object":
        wanted = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
        yield Complaint(None, wanted)
        return
    if any(keyword in schema for keyword in _NOT_AT_THE_ROOT):
        yield Complaint(
            None,
            "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at "
            "the top level.",
        )
    if "properties" not in schema:
        yield Complaint((), "object schema missing properties.")
    size = _Size()
    parts: list[tuple[tuple[str, ...], Any, int]] = [((), schema, 0)]
    for path, part, level in parts:
        misshapen = find_misshapen(part)
        if misshapen is not None:
            yield Complaint(path, misshapen)
            continue
        inner = level + (_is(part, "object") or _is(part, "array"))
        if len(path) > DEEPEST or (strict and inner > _MOST_LEVELS):
            yield Complaint(None, f"{inner} levels of nesting exceeds limit of {_MOST_LEVELS}.")
            return
        for words in (_strict_complaints if strict else _loose_complaints)(part, schema):
            yield Complaint(path, words)
        if strict and (excess := size.excess(part)):
            yield Complaint(None, excess)
            return
        parts += [((*path, *keys), child, inner) for keys, child in children(part)]
    if strict and _least_values(schema) > _MOST_VALUES:
        yield Complaint(
            None,
            "parts of it hold themselves, or multiply, so that no answer to it ends, or none of "
            f"less than {_MOST_VALUES} values.",
        )


def children(part: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The schemas directly inside one, each with the keys that lead to it."""
    if not isinstance(part, dict):
        return
    for keyword in NAMED_PARTS:
        if isinstance(named := part.get(keyword), dict):
            yield from (((keyword, str(name)), child) for name, child in named.items())
    for keyword in SINGLE_PARTS:
        if isinstance(part.get(keyword), dict):
            yield (keyword,), part[keyword]
    for keyword in LISTED_PARTS:
        if isinstance(listed := part.get(keyword), list):
            yield from (((keyword, str(place)), child) for place, child in enumerate(listed))


def find_misshapen(part: Any) -> str | None:
    """Which keyword of a schema has a value of the wrong kind, or None."""
    if not isinstance(part, dict):
        return "schema must have a 'type' key."
    for keyword, value in part.items():
        if not has_right_kind(keyword, value):
            return f"{value!r} is no value for '{keyword}'."
    return None


def has_right_kind(keyword: str, value: Any) -> bool:
    """Whether a keyword of a schema has a value of its kind; any is right for one not known."""
    if isinstance(value, bool) and keyword in BOUNDS:
        return False
    return isinstance(value, _SHAPES.get(keyword, object))


def is_usable_pattern(pattern: str) -> bool:
    """Whether the API can follow a regular expression: it knows no lookaround."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return not re.search(_LOOKAROUND, re.sub(_LITERALS, "", pattern))


def is_definition(ref: str, root: dict[str, Any]) -> bool:
    """Whether a `$ref` leads to the schema itself or to one of its definitions."""
    found = re.fullmatch(_DEFINITION, ref)
    return ref == "#" or (found is not None and found[2] in root.get(found[1], {}))


class _Size:
    """Adds up what the API limits in a whole schema."""

    def __init__(self) -> None:
        self._properties = self._enum_values = self._characters = 0

    def excess(self, part: dict[str, Any]) -> str | None:
        """Count a part; which limit that exceeds, or None."""
        values = part.get("enum", [part["const"]] if "const" in part else [])
        names = [name for keyword in NAMED_PARTS for name in part.get(keyword, ())]
        texts = [value for value in values if isinstance(value, str)]
        self._properties += len(part.get("properties", ()))
        self._enum_values += len(part.get("enum", ()))
        self._characters += sum(map(len, texts)) + sum(map(len, names))
        if len(values) > _LONG_ENUM and sum(map(len, texts)) > _MOST_ENUM_CHARACTERS:
            return f"the values of one enum exceed the limit of {_MOST_ENUM_CHARACTERS} characters."
        for count, limit, what in (
            (self._properties, _MOST_PROPERTIES, "total object properties"),
            (self._enum_values, _MOST_ENUM_VALUES, "total enum values"),
            (self._characters, _MOST_CHARACTERS, "characters in names and enum values"),
        ):
            if count > limit:
                return f"{count} {what} exceeds limit of {limit}."
        return None


def _loose_complaints(part: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    if "$ref" in part and _is_circular(part["$ref"], root):
        yield "reference leads back to itself."
    if "oneOf" in part:
        yield "'oneOf' is not permitted."
    if _is(part, "array") and not isinstance(part.get("items"), dict | bool):
        yield "array schema missing items."
    if "pattern" in part and not is_usable_pattern(part["pattern"]):
        yield "regex lookaround is not supported."


def _strict_complaints(part: dict[str, Any], root: dict[str, Any]) -> Iterator[str]:
    yield from _loose_complaints(part, root)
    for keyword in NOT_PERMITTED:
        if keyword in part:
            yield f"'{keyword}' is not permitted."
    if "$ref" in part:
        if len(part) > 1:
            yield f"$ref cannot have keywords {set(part) - {'$ref'}}."
        if not is_definition(part["$ref"], root):
            yield "reference can only point to definitions defined at the top level of the schema."
    elif "type" not in part and "anyOf" not in part:
        yield "schema must have a 'type' key."
    for kind in types_of(part) - TYPES:
        yield f"'{kind}' is not a valid type."
    if part.get("format", "date") not in FORMATS:
        yield f"'{part['format']}' is not a valid format."
    if _is(part, "object"):
        yield from _object_complaints(part)


def _is_circular(ref: str, root: dict[str, Any]) -> bool:
    """Whether a `$ref` leads to nothing but further ones, and so back to itself."""
    followed: set[str] = set()
    while ref not in followed and is_definition(ref, root) and ref != "#":
        followed.add(ref)
        keyword, name = ref.split("/")[1:]
        target = root[keyword][name]
        ref = target.get("$ref", "#") if isinstance(target, dict) else "#"
    return ref in followed


def _object_complaints(part: dict[str, Any]) -> Iterator[str]:
    if part.get("additionalProperties") is not False:
        yield "'additionalProperties' is required to be supplied and to be false."
    properties, required = part.get("properties", {}), part.get("required", [])
    rule = (
        "'required' is required to be supplied and to be an array including every key in "
        "properties. "
    )
    for name in properties:
        if name not in required:
            yield f"{rule}Missing '{name}'."
    for name in required:
        if name not in properties:
            yield f"{rule}Extra required key '{name}' supplied."


def _least_values(schema: dict[str, Any]) -> float:
    """How many values the shortest answer to a strict schema has; infinity where none ends."""
    definitions = {
        f"#/{keyword}/{name}": part
        for keyword in ("$defs", "definitions")
        for name, part in schema.get(keyword, {}).items()
    }
    places = [("#", schema), *definitions.items()]
    known = dict.fromkeys(dict(places), inf)
    for number in range(_MOST_PASSES):  # forwards and back, so that chains are settled at once
        before = dict(known)
        for ref, part in places if number % 2 else reversed(places):
            known[ref] = _count_values(part, known)
        if known == before:
            break
    return known["#"]


def _count_values(part: Any, known: dict[str, float]) -> float:
    if not isinstance(part, dict):
        return 1
    if "$ref" in part:
        return known.get(part["$ref"], 1)
    if part.get("anyOf"):
        return min(_count_values(option, known) for option in part["anyOf"])
    properties = part.get("properties", {}).values()
    least_items = part.get("minItems")
    counts = [1, *(_count_values(each, known) for each in properties)]
    if isinstance(least_items, int) and least_items > 0 and "array" in types_of(part):
        counts.append(least_items * _count_values(part.get("items"), known))
    return sum(counts)


def types_of(part: dict[str, Any]) -> set[str]:
    """The types that a schema names."""
    kind = part.get("type", ())
    return {kind} if isinstance(kind, str) else set(map(str, kind))


def _is(part: Any, kind: str) -> bool:
    return isinstance(part, dict) and kind in types_of(part)
