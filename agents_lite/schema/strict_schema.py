"""The form of JSON schema that the API calls strict."""

from __future__ import annotations

from typing import Any

from ..exceptions import UserError

_NAMED_SCHEMAS = ("$defs", "definitions")
_SCHEMA_LISTS = ("anyOf", "allOf", "prefixItems")
_REMEDY = (
    "Use a type that lists its fields, or give up the strict mode: strict_mode=False for a function"
    " tool, strict_json_schema=False for an AgentOutputSchema or a FunctionTool."
)


def ensure_strict_json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A strict copy of a JSON schema: every object closed, all its properties required.

    Args:
        schema: A JSON schema of an object; {} stands for an object without properties. It is not
            changed.

    Raises:
        UserError: An object takes properties of any name, or a `$ref` leads nowhere; the message
            names the place.

    Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if not isinstance(schema, dict):
        raise UserError(f"A JSON schema has to be a dict, not {schema!r}.")
    if not schema:
        schema = {"type": "object", "properties": {}}
    strict: dict[str, Any] = _Strictness(schema).of(schema, "#")
    return strict


class _Strictness:
    """Makes the parts of one schema strict."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._inlining: list[str] = []

    def of(self, schema: Any, path: str) -> Any:
        """A strict copy of the part at `path`, a JSON pointer such as "#/properties/size"."""
        if not isinstance(schema, dict):  # true and false are schemas too
            return schema
        strict = dict(schema)
        if "properties" in strict or _allows_objects(strict):
            self._close(strict, path)
        for key in _NAMED_SCHEMAS:
            if key in strict:
                strict[key] = self._of_each_named(strict[key], f"{path}/{key}")
        if "items" in strict:
            strict["items"] = self.of(strict["items"], f"{path}/items")
        if "oneOf" in strict:
            strict["anyOf"] = [*strict.get("anyOf", ()), *strict.pop("oneOf")]
        for key in _SCHEMA_LISTS:
            if key in strict:
                strict[key] = [
                    self.of(part, f"{path}/{key}/{i}") for i, part in enumerate(strict[key])
                ]
        if len(strict.get("allOf", ())) == 1:
            strict.update(strict.pop("allOf")[0])
        if "default" in strict and strict["default"] is None:
            del strict["default"]
        if "$ref" in strict and len(strict) > 1:
            return self._inlined(strict, path)
        return strict

    def _close(self, strict: dict[str, Any], path: str) -> None:
        if strict.setdefault("additionalProperties", False) is not False:
            field = path.rpartition("/")[2]
            raise UserError(
                f"The JSON schema of {self._root.get('title', 'this object')} cannot be strict:"
                f" {field!r} (at {path}) takes properties of any name. {_REMEDY}"
            )
        if "properties" in strict:
            strict["required"] = list(strict["properties"])
            strict["properties"] = self._of_each_named(strict["properties"], f"{path}/properties")

    def _of_each_named(self, schemas: dict[str, Any], path: str) -> dict[str, Any]:
        return {name: self.of(schema, f"{path}/{name}") for name, schema in schemas.items()}

    def _inlined(self, strict: dict[str, Any], path: str) -> dict[str, Any]:
        """The schema behind a `$ref`, overlaid by the keys beside the `$ref`."""
        ref = strict.pop("$ref")
        if ref in self._inlining:  # a type that contains itself: the reference must stay one
            return {"$ref": ref}
        self._inlining.append(ref)
        inlined: dict[str, Any] = self.of({**self._resolve(ref, path), **strict}, path)
        self._inlining.pop()
        return inlined

    def _resolve(self, ref: str, path: str) -> dict[str, Any]:
        target: Any = self._root
        for key in ref.removeprefix("#").split("/")[1:]:
            key = key.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, dict) else None
        if not ref.startswith("#") or not isinstance(target, dict):
            raise UserError(f"The JSON schema's $ref {ref!r} (at {path}) leads to no schema.")
        return target


def _allows_objects(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)
