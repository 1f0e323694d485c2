"""Schemas of tools for servers that know little of JSON Schema."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from ...schema.strict_schema import merged, resolve_ref, tell

Json = dict[str, Any]

_KEPT = ("type", "title", "description", "properties", "required", "items", "anyOf", "enum")
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
        target = resolve_ref(root, ref, (), "a tool")
        return _plain({**target, **rest}, root, (*within, ref))
    part = merged(schema)
    if isinstance(part.get("type"), list):
        options = [{"type": kind, **_without_type(part, kind)} for kind in part["type"]]
        part = {"anyOf": options}
    if "anyOf" in part:
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
        kept["items"] = _plain(kept.get("items"), root, within) or _ITEMS
    return kept


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
