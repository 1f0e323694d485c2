"""Schemas of tools for servers that know little of JSON Schema."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from ...exceptions import UserError
from ...schema.strict_schema import merged, resolve_ref, tell

Json = dict[str, Any]

_KEPT = ("type", "title", "description", "properties", "required", "items", "enum")
_TOLD = (
    "enum const default format pattern minLength maxLength minimum maximum exclusiveMinimum "
    "exclusiveMaximum multipleOf minItems maxItems uniqueItems".split()
)
"""What the description tells instead."""
_ITEMS = {"type": "string"}
"""Of lists that do not say what they hold, as some servers insist on."""


def plain_schema(root: Json) -> Json:
    """A JSON schema of types, names and choices of texts alone; descriptions tell the rest.

    What refers to itself is any object from there on.
    """
    return _plain(root, root, ())


def _plain(schema: Any, root: Json, within: tuple[str, ...]) -> Json:
    if not isinstance(schema, dict):
        return {}
    ref = schema.get("$ref")
    if ref in within:
        return {"type": "object"}
    if ref is not None:
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        try:
            target = resolve_ref(root, ref, (), "a tool")
        except UserError:  # it leads nowhere: that says as little as no schema
            target = {}
        return _plain({**target, **rest}, root, (*within, ref))
    part = merged(schema)
    if isinstance(part.get("type"), list):
        options = [{"type": kind, **_without_type(part, kind)} for kind in part["type"]]
        part = {"anyOf": options}
    if "anyOf" in part and "properties" not in part:
        return _choice(part, root, within)
    kept = {name: part[name] for name in _KEPT if name in part}
    if isinstance(part.get("const"), str):
        kept["enum"] = [part["const"]]
    elif any(not isinstance(value, str) for value in kept.get("enum", ())):
        del kept["enum"]
    for name in _TOLD:
        if name in part and not ("enum" in kept and name in ("enum", "const")):
            value = part[name]
            shown = value if isinstance(value, str) else to_json(value, fallback=str).decode()
            tell(kept, f"{name}: {shown}")
    if "properties" in kept:
        named = kept["properties"].items()
        kept["properties"] = {name: _plain(each, root, within) for name, each in named}
    if kept.get("type") == "array":
        kept["items"] = _plain(_items(part), root, within) or _ITEMS
    for each in part.get("allOf", ()):
        _join(kept, _plain(each, root, within))
    options = [_plain(option, root, within) for option in part.get("anyOf", ())]
    if options:  # beside properties: they add some, or require them
        _join(kept, {"properties": _added(options)})
    return kept


def _join(kept: Json, added: Json) -> None:
    """Add to a plain schema what another one says of the same values."""
    for name, value in added.items():
        if name == "properties":
            kept[name] = {**value, **kept.get(name, {})}
        elif name == "required":
            kept[name] = list(dict.fromkeys([*kept.get(name, ()), *value]))
        else:
            kept.setdefault(name, value)


def _added(options: list[Json]) -> Json:
    """The properties that options of an object add, each with what it may be."""
    said: dict[str, list[Json]] = {}
    for option in options:
        for name, each in option.get("properties", {}).items():
            said.setdefault(name, []).append(each)
    return {name: _any_of(each) for name, each in said.items()}


def _items(part: Json) -> Any:
    """What a list holds, or any of its places where each holds something else."""
    return _any_of(part["prefixItems"]) if part.get("prefixItems") else part.get("items")


def _any_of(schemas: list[Any]) -> Any:
    different = [each for place, each in enumerate(schemas) if each not in schemas[:place]]
    return different[0] if len(different) == 1 else {"anyOf": different}


def _without_type(part: Json, kind: str) -> Json:
    """What a type of several has beside it."""
    return {} if kind == "null" else {name: part[name] for name in part if name != "type"}


def _choice(part: Json, root: Json, within: tuple[str, ...]) -> Json:
    """Options and nothing else, the first with what was said of them all."""
    options = [_plain(option, root, within) for option in part["anyOf"]]
    if "description" in part and options:
        words = [part["description"], options[0].get("description")]
        options[0] = {**options[0], "description": " ".join(filter(None, words))}
    return {"anyOf": options}
