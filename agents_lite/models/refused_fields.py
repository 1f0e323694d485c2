"""Fields of items that a server gave, or another one, and does not know in a request."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from ..exceptions import APIStatusError
    from ..http.client import ResponsesClient

_REFUSAL = r"unknown[ _]parameter:? .?input\[(\d+)\]((?:\.\w+|\[\d+\])+)"
_NEEDED = frozenset(
    "type role call_id name arguments input output text "
    "image_url file_id file_data file_url input_audio".split()
)
"""Fields without which an item says something else."""

_logger = logging.getLogger("agents_lite")

_refused: WeakKeyDictionary[ResponsesClient, dict[str, set[tuple[str, ...]]]] = WeakKeyDictionary()
"""By the clients of servers, and by models: the item's type, and the names that lead to a field."""


def without_refused_fields(body: dict[str, Any], client: ResponsesClient) -> dict[str, Any]:
    """A body, changed to have no fields of items that have been refused for its model."""
    for kind, *path in _refused.get(client, {}).get(str(body.get("model")), ()):
        body["input"] = [
            _without(item, path) if _kind(item) == kind else item for item in body["input"]
        ]
    return body


def note_refused_field(
    body: dict[str, Any], client: ResponsesClient, refusal: APIStatusError
) -> None:
    """Note the field for which a body was refused: no item of that type is sent with it again."""
    found = re.search(_REFUSAL, str(refusal), re.IGNORECASE)
    if found is None or int(found[1]) >= len(body["input"]):
        return
    path = re.findall(r"\.(\w+)", found[2])
    kind = _kind(body["input"][int(found[1])])
    if not path or path[-1] in _NEEDED or (path == ["content"] and kind == "message"):
        return
    _refused.setdefault(client, {}).setdefault(str(body.get("model")), set()).add((kind, *path))
    _logger.warning("%s does not know %s of a %s", client.base_url, ".".join(path), kind)


def _kind(item: dict[str, Any]) -> str:
    return str(item.get("type") or "message")


def _without(value: Any, path: list[str]) -> Any:
    if isinstance(value, list):
        return [_without(each, path) for each in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    name, *rest = path
    if rest:
        return {**value, name: _without(value[name], rest)}
    return {each: its for each, its in value.items() if each != name}
