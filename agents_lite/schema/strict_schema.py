"""The forms of JSON schemas that the API takes, above all the one that it calls strict."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from pydantic_core import to_json

from ..exceptions import UserError
from ..shown import repr_of
from .acceptance import (
    DEEPEST,
    FORMATS,
    LISTED_PARTS,
    NAMED_PARTS,
    SINGLE_PARTS,
    children,
    find_complaints,
    find_misshapen,
    is_definition,
    is_usable_pattern,
    types_of,
)

Json = dict[str, Any]
Path = tuple[str, ...]
"""The keys that lead to a part of a schema."""

_DEFINITIONS = ("$defs", "definitions")
_REFUSED = frozenset(
    "allOf not if then else dependentRequired dependentSchemas dependencies".split()
)
_KEPT = _REFUSED | frozenset(
    "type properties required additionalProperties items anyOf enum const title description "
    "default pattern format minLength maxLength multipleOf minimum maximum exclusiveMinimum "
    "exclusiveMaximum minItems maxItems $ref".split()
)
_TOLD = (
    "format pattern uniqueItems contains minContains maxContains minProperties maxProperties "
    "contentMediaType contentEncoding examples".split()
)
"""What the strict form cannot say, so that the description tells it."""
_IMPLIED_TYPES = {
    "object": ("properties", "required", "additionalProperties", "patternProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_TYPES_OF_VALUES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
_MOST_COPIED = 20  # parts and values of an enum

_REMEDY = (
    "Use a type that lists its fields, or give up the strict mode: strict_mode=False for a function"
    " tool, strict_json_schema=False for an AgentOutputSchema or a FunctionTool."
)
_REMEDY_AT_THE_ROOT = (
    'The model fills in an object: make it a property, {"type": "object", "properties": {...}}.'
)


def schema_for_api(schema: Any, strict: bool, owner: str) -> Json:
    """A JSON schema in a form that the API takes: itself, or a changed copy.

    Args:
        schema: A JSON schema of an object; {} stands for an object without properties.
        strict: Whether to use the strict form. Without, only that is changed which the API refuses
            in any case.
        owner: Whose schema it is, for errors: "tool f".

    Raises:
        UserError: There is no such form; the message names the place and the remedy.
    """
    if isinstance(schema, dict) and "title" in schema:
        owner = f"{schema['title']} ({owner})"
    checked = _checked(schema, owner)
    root = _followed(checked, checked, (), owner)
    formed: Json = _Strictness(root, owner).whole() if strict else _loose(root, (), owner)
    check_schema(formed, strict, owner)
    return schema if formed == schema else formed


def check_schema(schema: Any, strict: bool, owner: str) -> None:
    """Refuse a schema that the API would refuse.

    Raises:
        UserError: It would; the message names the place and the remedy.
    """
    for path, words in find_complaints(schema, strict):
        place = "" if path is None else f" (at {_pointer(path)})"
        remedy = _REMEDY_AT_THE_ROOT if "type" in words and path is None else _REMEDY
        raise UserError(
            f"The API does not take the JSON schema of {owner}{place}: {words} {remedy}"
        )


def ensure_strict_json_schema(schema: Json) -> Json:
    """A strict copy of a JSON schema: every object closed, all its properties required.

    Args:
        schema: A JSON schema; {} stands for an object without properties, and a `$ref` alone for
            itself. It is not changed.

    Raises:
        UserError: An object takes properties of any name, or a `$ref` leads nowhere; the message
            names the place.
    """
    owner = schema.get("title", "this object") if isinstance(schema, dict) else "this object"
    checked = _checked(schema, owner)
    if checked.keys() == {"$ref"}:
        return dict(checked)  # its definitions stand elsewhere
    return _Strictness(_followed(checked, checked, (), owner), owner).whole()


class _Strictness:
    """Makes one schema strict."""

    def __init__(self, root: Json, owner: str) -> None:
        self._root = root
        self._owner = owner
        self._moved: dict[str, str] = {}  # names of definitions that were none, by `$ref`

    def whole(self) -> Json:
        """The whole schema."""
        strict = self._of(self._root, ())
        for keyword in _DEFINITIONS:
            if keyword in self._root:
                strict[keyword] = self._of_each(self._root[keyword], (keyword,))
        refs = list(self._moved)
        for ref in refs:
            target = resolve_ref(self._root, ref, (), self._owner)
            strict.setdefault("$defs", {})[self._moved[ref]] = self._of(target, (ref,))
            refs += list(self._moved)[len(refs) :]
        return strict

    def _of(self, schema: Any, path: Path) -> Json:
        """A strict copy of the part at `path`."""
        if schema is True:
            schema = {}
        if wrong := find_misshapen(schema):
            raise _impossible(self._owner, path, wrong)
        if len(path) > DEEPEST:
            raise _too_deep(self._owner)
        part = merged(schema)
        strict = {key: value for key, value in part.items() if key in _KEPT}
        if strict.get("default", ...) is None:
            del strict["default"]
        _tell_the_unsayable(strict, part)
        if "$ref" in strict:
            return self._referring(strict, path)
        if not {"type", "anyOf", *_REFUSED} & strict.keys():
            _set_type(strict, part)
        kinds = types_of(strict)
        if "object" in kinds:
            self._close(strict, part, path)
        if "array" in kinds:
            self._describe_items(strict, part, path)
        if "anyOf" in strict:
            strict["anyOf"] = self._of_all(strict["anyOf"], (*path, "anyOf"))
        return strict

    def _close(self, strict: Json, part: Json, path: Path) -> None:
        if strict["type"] == "object" and "anyOf" in strict and "properties" not in strict:
            del strict["type"]  # closed, it would allow none of the options
            return
        names_nothing = path and not {"properties", "additionalProperties"} & part.keys()
        is_closed = strict.setdefault("additionalProperties", False) is False
        if names_nothing or not is_closed or part.get("patternProperties"):
            names = [name for keyword, name in pairwise(path) if keyword in NAMED_PARTS]
            field = repr(names[-1]) if names else "it"
            place = f" (at {_pointer(path)})" if path else ""
            raise UserError(
                f"The JSON schema of {self._owner} cannot be strict: {field}{place} takes "
                f"properties of any name. {_REMEDY}"
            )
        strict["properties"] = self._of_each(strict.get("properties", {}), (*path, "properties"))
        strict["required"] = list(strict["properties"])

    def _describe_items(self, strict: Json, part: Json, path: Path) -> None:
        """Items all of one kind, or, of a tuple, any of its kinds, whose order is told in words."""
        items = part.get("items", True)
        tuple_of = part.get("prefixItems", items if isinstance(items, list) else [])
        if not tuple_of:
            strict["items"] = self._of({} if items in (False, []) else items, (*path, "items"))
            return
        parts = self._of_all(tuple_of, (*path, "prefixItems"))
        if isinstance(items, dict):
            parts.append(self._of(items, (*path, "items")))
        options: list[Json] = []
        for each in parts:
            option = {key: value for key, value in each.items() if key not in ("title", "default")}
            if option not in options:
                options.append(option)
        strict["items"] = options[0] if len(options) == 1 else {"anyOf": options}
        if len(options) > 1 or any("title" in each for each in parts):
            tell(strict, f"in this order: {', '.join(map(_name_of, parts))}")

    def _of_each(self, schemas: Json, path: Path) -> Json:
        return {name: self._of(schema, (*path, str(name))) for name, schema in schemas.items()}

    def _of_all(self, schemas: list[Any], path: Path) -> list[Json]:
        return [self._of(schema, (*path, str(place))) for place, schema in enumerate(schemas)]

    def _referring(self, strict: Json, path: Path) -> Json:
        """A `$ref`, which has to be alone: keys beside it overlay a copy of what is small.

        Other definitions are referred to from inside an `anyOf`, which may have keys beside it.
        Copies of definitions that hold references themselves would double with each level.
        """
        ref = strict.pop("$ref")
        if not strict:
            resolve_ref(self._root, ref, path, self._owner)
            return {"$ref": self._definition_of(ref)}
        target = _followed({"$ref": ref}, self._root, path, self._owner)
        if _is_small(target):
            return self._of(_overlaid(target, strict), path)
        for keyword in ("anyOf", "properties"):
            if keyword in strict:
                raise _impossible(self._owner, path, f"there is {keyword} beside a $ref")
        return self._of({**strict, "anyOf": [{"$ref": ref}]}, path)

    def _definition_of(self, ref: str) -> str:
        """A `$ref` to a definition: the only one that the API follows."""
        if is_definition(ref, self._root):
            return ref
        name = re.sub(r"\W+", "_", ref).strip("_")
        while name in self._root.get("$defs", {}):
            name += "_"
        return f"#/$defs/{self._moved.setdefault(ref, name)}"


def _loose(schema: Any, path: Path, owner: str) -> Any:
    """A copy without what the API refuses in schemas that are not strict, either."""
    if not isinstance(schema, dict):
        return schema
    if wrong := find_misshapen(schema):
        raise _impossible(owner, path, wrong)
    if len(path) > DEEPEST:
        raise _too_deep(owner)

    def of(child: Any, *keys: str) -> Any:
        return _loose(child, (*path, *keys), owner)

    part = _joined_options(schema)
    if not path:
        part.setdefault("properties", {})
        if not {"type", "anyOf", "allOf", "not", "enum"} & part.keys():
            part["type"] = "object"
    if "array" in types_of(part) and not isinstance(part.get("items"), dict | bool):
        part["items"] = {}
    if "pattern" in part and not is_usable_pattern(part["pattern"]):
        del part["pattern"]
    for keyword in NAMED_PARTS:
        if isinstance(named := part.get(keyword), dict):
            part[keyword] = {name: of(child, keyword, name) for name, child in named.items()}
    for keyword in LISTED_PARTS:
        if isinstance(listed := part.get(keyword), list):
            part[keyword] = [of(child, keyword, "") for child in listed]
    for keyword in SINGLE_PARTS:
        if keyword in part:
            part[keyword] = of(part[keyword], keyword)
    return part


def _checked(schema: Any, owner: str) -> Json:
    if not isinstance(schema, dict):
        raise UserError(f"The JSON schema of {owner} has to be a dict, not {repr_of(schema)}.")
    return schema or {"type": "object", "properties": {}}


def _followed(schema: Json, root: Json, path: Path, owner: str) -> Json:
    """The schema itself, where it is a reference, as the root of a recursive type is, or an
    `allOf` of one.
    """
    followed: set[str] = set()
    part = schema if find_misshapen(schema) else merged(schema)
    while isinstance(ref := part.get("$ref"), str):
        if ref in followed and path:
            break  # nothing is there; `find_complaints` says so
        if ref in followed:
            raise _impossible(owner, path, f"the $ref {ref!r} leads back to itself")
        followed.add(ref)
        rest = {key: value for key, value in part.items() if key != "$ref"}
        target = resolve_ref(root, ref, path, owner)
        if wrong := find_misshapen(target) or find_misshapen(rest):
            raise _impossible(owner, path, wrong)
        part = _overlaid(merged(target), rest)
    return part


def resolve_ref(root: Json, ref: str, path: Path, owner: str) -> Json:
    """What a `$ref` leads to.

    Raises:
        UserError: It leads to no schema.
    """
    target: Any = root
    for key in unquote(ref).split("/")[1:]:
        key = key.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and key.isdecimal() and int(key) < len(target):
            target = target[int(key)]
        else:
            target = target.get(key) if isinstance(target, dict) else None
    if target is True:
        return {}
    if not ref.startswith("#") or not isinstance(target, dict):
        raise _impossible(owner, path, f"the $ref {ref!r} leads to no schema")
    return target


def _joined_options(schema: Json) -> Json:
    """A copy with its `oneOf` in `anyOf`."""
    part = dict(schema)
    if "oneOf" in part:
        part["anyOf"] = [*part.get("anyOf", ()), *part.pop("oneOf")]
        part.pop("discriminator", None)
    return part


def merged(schema: Json) -> Json:
    """A copy with its `oneOf` in `anyOf`, and without an `allOf` of one element."""
    part = _joined_options(schema)
    while len(every := part.get("allOf", ())) == 1 and not find_misshapen(every[0]):
        del part["allOf"]
        part = _joined_options(_overlaid(part, every[0]))
    return part


def _overlaid(below: Json, above: Json) -> Json:
    """Two schemas in one: what `above` says counts, but the properties of both are there."""
    part = {**below, **above}
    if "properties" in below and "properties" in above:
        part["properties"] = {**below["properties"], **above["properties"]}
    if "required" in below and "required" in above:
        more = [name for name in above["required"] if name not in below["required"]]
        part["required"] = [*below["required"], *more]
    return part


def _is_small(definition: Json) -> bool:
    """Whether a definition may be copied: it refers to nothing, and is short."""
    parts = [definition]
    size = 0
    for part in parts:
        if find_misshapen(part):
            return False
        parts += [child for _, child in children(part)]
        size += len(part.get("enum", ()))
        if "$ref" in part or len(parts) + size > _MOST_COPIED:
            return False
    return True


def _set_type(strict: Json, part: Json) -> None:
    """Name the type of a schema that does not, since the API wants to know."""
    values = strict.get("enum", [strict["const"]] if "const" in strict else [])
    kinds = list(dict.fromkeys(_TYPES_OF_VALUES.get(type(value), "string") for value in values))
    kinds += [
        kind
        for kind, keywords in _IMPLIED_TYPES.items()
        if not values and any(keyword in part for keyword in keywords)
    ][:1]
    if kinds:
        strict["type"] = kinds[0] if len(kinds) == 1 else kinds
    else:
        strict["anyOf"] = _anything()


def _anything() -> list[Json]:
    """The options of what asks for nothing: all but objects, whose names the API wants listed."""

    def scalars() -> list[Json]:
        return [{"type": kind} for kind in ("string", "number", "boolean", "null")]

    return [*scalars(), {"type": "array", "items": {"anyOf": scalars()}}]


def _tell_the_unsayable(strict: Json, part: Json) -> None:
    """Move what the strict form has no keyword for into the description."""
    sayable: dict[str, Callable[[Any], bool]] = {
        "format": lambda value: value in FORMATS,
        "pattern": is_usable_pattern,
    }
    for keyword in _TOLD:
        value = part.get(keyword)
        if keyword in part and not sayable.get(keyword, lambda _: False)(value):
            strict.pop(keyword, None)
            shown = value if isinstance(value, str) else to_json(value, fallback=str).decode()
            tell(strict, f"{keyword}: {shown}")


def tell(strict: Json, words: str) -> None:
    """Add words to a schema's description."""
    strict["description"] = " ".join(filter(None, [strict.get("description"), f"({words})"]))


def _name_of(part: Json) -> str:
    if "title" in part:
        return str(part["title"])
    if "$ref" in part:
        return str(part["$ref"]).rpartition("/")[2]
    if "anyOf" in part:
        return " or ".join(map(_name_of, part["anyOf"]))
    return " or ".join(sorted(types_of(part)))


def _pointer(path: Path) -> str:
    return "/".join(("#", *path))


def _too_deep(owner: str) -> UserError:
    return UserError(f"The JSON schema of {owner} nests deeper than the 10 levels the API takes.")


def _impossible(owner: str, path: Path, why: str) -> UserError:
    return UserError(
        f"The JSON schema of {owner} cannot be sent: at {_pointer(path)}, {why.removesuffix('.')}. "
        f"{_REMEDY}"
    )
