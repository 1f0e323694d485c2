"""Models whose answers a server does not stream, to whoever asks or beside tools."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from ..exceptions import APIStatusError
    from ..http.client import ResponsesClient

REFUSAL = (
    r"must be verified to stream|\bstream\b.{0,3} does not support true|tool use in streaming mode"
)
"""What stands in a refusal; the first is OpenAI's, the last Bedrock's."""

_logger = logging.getLogger("agents_lite")

_refused: WeakKeyDictionary[ResponsesClient, set[str | None]] = WeakKeyDictionary()
"""The models, by the clients of their servers; None: those of stored prompts."""


def with_stream(body: dict[str, Any], client: ResponsesClient) -> dict[str, Any]:
    """A body, changed to ask for a whole answer if a stream has been refused for its model."""
    if body.get("model") in _refused.get(client, ()):
        body["stream"] = False
    return body


def note_refused_stream(
    body: dict[str, Any], client: ResponsesClient, refusal: APIStatusError
) -> None:
    """Note the model of a body that was refused, if that was for its stream."""
    if body["stream"] and re.search(REFUSAL, str(refusal)):
        model = body.get("model")  # a stored prompt may name it
        _refused.setdefault(client, set()).add(model)
        _logger.warning("%s does not stream %s: it answers whole", client.base_url, model)
