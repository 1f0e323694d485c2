"""Having a form of an MCP server filled in at the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..mcp.forms import choices, fits_choices, form_fields
from ..mcp.objects import MCPElicitation
from ..mcp.schemas import required_in
from ..shown import escaped
from ..viewer.text import plain
from .terminal import ask, tell

_WORDS = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}


def filled_in(question: MCPElicitation, tool_name: str) -> dict[str, Any] | None:
    """The fields of the form, as the person at the terminal says; None: she does not answer.

    Raises:
        EOFError: There is nobody who types.
    """
    tell(f"\n{plain(question.server_name)} asks, before {plain(tool_name)} goes on:")
    tell("  " + escaped(question.message))
    if question.url is not None:
        tell("  " + escaped(question.url))
    done = "Answer it? y, n: " if question.url is None else "Have you been there? y, n: "
    while (word := ask(done).lower()) not in _WORDS:
        pass
    if not _WORDS[word]:
        return None
    required = required_in(question.requested_schema)
    content = {}
    for name, field in form_fields(question).items():
        value = _field(name, field, name in required)
        if value is not None:
            content[name] = value
    return content


def _field(name: str, field: Mapping[str, Any], is_required: bool) -> Any:
    """What is typed for a field; None: nothing, and nothing need be."""
    allowed, default = choices(field), field.get("default")
    listed = allowed and _listed(allowed, field.get("type") == "array")
    notes = [str(each) for each in (field.get("description"), listed) if each]
    if default is not None:
        notes.append(f"else {', '.join(default) if isinstance(default, list) else default}")
    elif not is_required:
        notes.append("may be left out")
    said = f" ({'; '.join(notes)})" if notes else ""
    prompt = f"{field.get('title') or name}{said}:"
    while True:
        typed = ask(f"{plain(prompt)} ")
        if not typed and (default is not None or not is_required):
            return default
        value = _read(typed, field.get("type")) if typed else None
        if value is not None and fits_choices(value, allowed):
            return value


def _listed(allowed: list[Any], may_be_several: bool) -> str:
    number = "any" if may_be_several else "one"
    return f"{number} of {', '.join(map(str, allowed))}"


def _read(typed: str, kind: Any) -> Any:
    """A value of that type, or None where this is none."""
    try:
        match kind:
            case "boolean":
                return _WORDS.get(typed.lower())
            case "integer":
                return int(typed)
            case "number":
                return float(typed)
            case "array":
                return [each.strip() for each in typed.split(",") if each.strip()]
    except ValueError:
        return None
    return typed
