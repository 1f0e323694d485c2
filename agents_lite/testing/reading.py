"""Reading values for a JSON schema out of plain text, by simple rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

from ..exceptions import UserError
from ..response_types import json_text
from ..schema.strict_schema import resolve_ref
from .words import stem, stems

Json = dict[str, Any]

_NOTHING = object()
"""What the text says nothing about; None is a value."""

_DEEPEST = 6
"""Objects and arrays nested deeper are left empty: schemas may be recursive."""

_NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
_CAPITALISED = r"[A-Z][\w'’-]*"
_DAYS = "Mon|Tues|Wednes|Thurs|Fri|Satur|Sun"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_TOKENS = {
    "quoted": r"\"([^\"]+)\"|“([^”]+)”|(?<!\w)['‘](.+?)['’](?!\w)",
    "email": r"[\w.+-]+@[\w-]+\.[\w.-]*\w",
    "uri": r"https?://\S+[\w/]",
    "date-time": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?",
    "date": r"\d{4}-\d\d-\d\d",
    "time": r"\d\d:\d\d(?::\d\d)?",
    "day": rf"\b(?:(?:{_DAYS})day|(?:{_MONTHS})(?:\s+\d+)?|today|tomorrow|tonight)\b",
    "code": r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9][\w-]*",
    "number": r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?|\b(?:" + "|".join(_NUMBER_WORDS) + r")\b",
    # Capitalised words inside a sentence; at its start only one that is clearly no other word.
    "name": rf"(?<=[^.!?\s]\s){_CAPITALISED}(?:\s+{_CAPITALISED})*"
    rf"|{_CAPITALISED}(?=,? and [A-Z]|, [A-Z]|\s+is\s)",
    "place": r"\b(?:in|at|near)\s+((?!(?:the|my|an?|your|this|that)\b)[^\W\d]{3,})",
}
"""Kinds of tokens; what an earlier pattern has taken, a later one does not see."""

_MADE_UP = {
    "email": "user@example.com",
    "uri": "https://example.com",
    "date": "2025-01-01",
    "date-time": "2025-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "uuid": "00000000-0000-0000-0000-000000000000",
}
"""String formats, each with a value for when the text holds none."""

_KINDS_BY_NAME = [
    (stems("email"), ("email",)),
    (stems("url uri link website"), ("uri",)),
    (stems("date day when time deadline"), ("date-time", "date", "day", "time")),
    (stems("id identifier code key sku reference number"), ("code", "number")),
    (
        stems(
            "input query question message text prompt content task reason summary description "
            "answer response explanation output result comment note body topic feedback"
        ),
        ("quoted",),
    ),
]
"""Words in the name of a string, and the tokens that may be its value."""

_PLACES = stems("path directory folder")
_HERE = re.compile(r"(?i)\b(?:this|the current|the working) (?:folder|directory)\b")

_SIDE_BY_SIDE = r"['\"”’]?\s*(?:,|and|,\s*and|&)\s*['\"“‘]?"
_OTHER_KINDS = ("quoted", "name", "code", "place")


@dataclass
class _Token:
    kind: str
    text: str
    start: int
    end: int


class SchemaReader:
    """Finds values for a JSON schema in a text; each thing found there is used once.

    Args:
        schema: The schema; `$ref`s into it are followed.
        text: The text.
        facts: Values known by name, which win over the text.
    """

    def __init__(self, schema: Json, text: str, facts: Json | None = None) -> None:
        self._schema = schema
        self._text = text.strip()
        self._facts = facts or {}
        self._tokens = _find_tokens(self._text)

    def read(self) -> Any:
        """A value that the schema accepts (`pattern` and `minLength` are not looked at).

        What the text does not tell is made up: defaults, null, 0, the text itself.
        """
        return self._fill(self._schema, "", 0)

    def _fill(self, schema: Json, name: str, depth: int) -> Any:
        value = self._find(schema, name, depth)
        return self._make_up(schema, name, depth) if value is _NOTHING else value

    def _find(self, schema: Json, name: str, depth: int) -> Any:
        """What text and facts tell about a value of that name, else `_NOTHING`."""
        schema = self._resolve(schema)
        if name in self._facts and _accepts(schema, self._facts[name]):
            return self._facts[name]
        if "enum" in schema or "const" in schema:
            return self._find_option(schema.get("enum", [schema.get("const")]))
        for option in schema.get("anyOf") or ():
            value = self._find(option, name, depth)
            if value is not _NOTHING:
                return value
        find = {
            "object": self._find_object,
            "array": self._find_array,
            "string": self._find_string,
            "number": self._find_number,
            "integer": self._find_number,
            "boolean": self._find_boolean,
        }.get(_type(schema))
        return find(schema, name, depth + 1) if find and depth < _DEEPEST else _NOTHING

    def _find_object(self, schema: Json, _name: str, depth: int) -> Any:
        properties = schema.get("properties", {})
        found = {name: self._find(part, name, depth) for name, part in properties.items()}
        if all(value is _NOTHING for value in found.values()):
            return _NOTHING
        for name in schema.get("required", ()):
            if found.get(name, _NOTHING) is _NOTHING:
                found[name] = self._make_up(properties.get(name, {}), name, depth)
        return {name: value for name, value in found.items() if value is not _NOTHING}

    def _find_array(self, schema: Json, name: str, depth: int) -> Any:
        if "prefixItems" in schema:
            return [self._fill(part, name, depth) for part in schema["prefixItems"]]
        elements: list[Any] = []
        while len(elements) < schema.get("maxItems", 10):
            tokens_left = len(self._tokens)
            element = self._find(schema.get("items", {}), name, depth)
            if element is _NOTHING or (elements and len(self._tokens) == tokens_left):
                break
            elements.append(element)
        if not elements:
            return _NOTHING
        missing = schema.get("minItems", 0) - len(elements)
        return elements + [self._make_up(schema["items"], name, depth) for _ in range(missing)]

    def _find_string(self, schema: Json, name: str, _depth: int) -> Any:
        if stems(name) & _PLACES and _HERE.search(self._text):
            return "."
        token = self._take(_string_kinds(schema, name), name)
        return _NOTHING if token is None else token.text[: schema.get("maxLength")]

    def _find_number(self, schema: Json, name: str, _depth: int) -> Any:
        token = self._take(("number",), name)
        return _NOTHING if token is None else _number(token.text, schema)

    def _find_boolean(self, _schema: Json, name: str, _depth: int) -> Any:
        return True if stems(name) & stems(self._text) else _NOTHING

    def _find_option(self, options: list[Any]) -> Any:
        for option in options:
            if isinstance(option, str) and re.search(rf"(?i)\b{re.escape(option)}", self._text):
                return option
        return _NOTHING

    def _take(self, kinds: tuple[str, ...], name: str) -> _Token | None:
        """Use up the token nearest to a word of that name, else the first of the first kind."""
        found = [token for token in self._tokens if token.kind in kinds]
        if not found:
            return None
        nearness = self._nearness(name)
        best = min(found, key=lambda each: (nearness(each), kinds.index(each.kind), each.start))
        self._tokens.remove(best)
        return best

    def _nearness(self, name: str) -> Callable[[_Token], int]:
        """Tells how many characters a token is away from a word of that name; 99 for far."""
        named = {stem(word) for word in re.findall(r"[a-z]+", name.lower())}
        words = [word for word in re.finditer(r"\w+", self._text) if stem(word[0]) in named]

        def distance(token: _Token) -> int:
            after = [token.start - word.end() for word in words]
            before = [word.start() - token.end for word in words]
            return min(
                [gap for gap in after if 0 < gap <= 12] + [gap for gap in before if 0 < gap <= 2],
                default=99,
            )

        return distance

    def _make_up(self, schema: Json, name: str, depth: int) -> Any:
        schema = self._resolve(schema)
        for keyword in ("default", "const"):
            if keyword in schema:
                return schema[keyword]
        if schema.get("enum"):
            return schema["enum"][0]
        if options := schema.get("anyOf"):
            nullable = any(self._resolve(option).get("type") == "null" for option in options)
            return None if nullable else self._make_up(options[0], name, depth)
        kind = _type(schema)
        if kind == "object":
            parts = schema.get("properties", {})
            required = schema.get("required", ()) if depth < _DEEPEST else ()
            return {key: self._make_up(parts.get(key, {}), key, depth + 1) for key in required}
        if kind == "array":
            items = schema.get("items", {})
            return [self._make_up(items, name, depth) for _ in range(schema.get("minItems", 0))]
        if kind in ("number", "integer"):
            return _number("0", schema)
        if kind == "string" or not kind:
            made_up = _MADE_UP.get(schema.get("format", ""), self._text)
            return made_up[: schema.get("maxLength")]
        return False if kind == "boolean" else None

    def _resolve(self, schema: Any, followed: frozenset[str] = frozenset()) -> Json:
        """The schema without references and nulls; what is none, such as `true`, takes everything.

        So does a reference to nowhere, or back to itself.
        """
        if not isinstance(schema, dict):
            return {}
        part: Json = {k: v for k, v in schema.items() if v is not None or k in ("const", "default")}
        ref, every = part.pop("$ref", ""), part.pop("allOf", ())
        target = every[0] if len(every) == 1 else None
        if ref:
            target = None if ref in followed else self._named(ref)
        part = {**self._resolve(target, followed | {ref}), **part}
        if "oneOf" in part:
            part = {**part, "anyOf": part["oneOf"]}
        if isinstance(part.get("items"), list):  # as tuples were told of earlier
            part = {**part, "prefixItems": part["items"], "items": True}
        return part

    def _named(self, ref: str) -> Json:
        try:
            return resolve_ref(self._schema, ref, (), "a request")
        except UserError:
            return {}


def argument_sets(schema: Json, text: str) -> list[Json]:
    """The arguments of the calls that the text asks for.

    One call, or one for each of several names side by side ("Paris and Tokyo") where just one
    parameter took such a name.
    """
    arguments: Json = SchemaReader({**schema, "type": "object"}, text).read()
    names = _listed(text)
    used = [name for name in names if name in json_text(arguments)]
    takers = [key for key, value in arguments.items() if value in used]
    if len(used) != 1 or not takers:
        return [arguments]
    return [{**arguments, takers[0]: name} for name in names]


def _find_tokens(text: str) -> list[_Token]:
    tokens, rest = [], text
    for kind, pattern in _TOKENS.items():
        for match in re.finditer(pattern, rest):
            start, end = match.span(match.lastindex or 0)
            found = re.sub(r"['’]s$", "", text[start:end])
            if kind != "name" or stems(found):
                tokens.append(_Token(kind, found, start, start + len(found)))
        rest = re.sub(pattern, lambda match: " " * len(match[0]), rest)
    return sorted(tokens, key=lambda token: token.start)


def _listed(text: str) -> list[str]:
    """The first names in the text that stand side by side."""
    names: list[str] = []
    end = 0
    for token in _find_tokens(text):
        if token.kind not in ("name", "quoted"):
            continue
        if names and not re.fullmatch(_SIDE_BY_SIDE, text[end : token.start]):
            if len(names) > 1:
                return names
            names = []
        names.append(token.text)
        end = token.end
    return names if len(names) > 1 else []


def _string_kinds(schema: Json, name: str) -> tuple[str, ...]:
    if "format" in schema:
        return (schema["format"],)
    words = stems(name)
    return next((kinds for named, kinds in _KINDS_BY_NAME if named & words), _OTHER_KINDS)


def _number(text: str, schema: Json) -> float | int:
    """The number, as near to it as the schema's bounds allow."""
    if text in _NUMBER_WORDS:
        text = str(_NUMBER_WORDS.index(text))
    value = float(text.replace(",", ""))
    whole = _type(schema) == "integer"
    low: Any = schema.get("minimum", schema.get("exclusiveMinimum", -inf))
    high: Any = schema.get("maximum", schema.get("exclusiveMaximum", inf))
    step = 1 if whole or inf in (high, -low) else (high - low) / 2
    if value < low or value == schema.get("exclusiveMinimum"):
        value = low + step * ("exclusiveMinimum" in schema)
    if value > high or value == schema.get("exclusiveMaximum"):
        value = high - step * ("exclusiveMaximum" in schema)
    return int(value) if whole or value == int(value) else value


def _type(schema: Json) -> str:
    kind = schema.get("type", "")
    return (
        kind if isinstance(kind, str) else next((each for each in kind if each != "null"), "null")
    )


def _accepts(schema: Json, value: Any) -> bool:
    """Whether the schema takes that plain value, as one with no restrictions surely does."""
    types: Json = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    plain = not {"enum", "format", "minimum", "maximum", "maxLength"} & set(schema)
    kind = types.get(_type(schema))
    return plain and kind is not None and isinstance(value, kind)
