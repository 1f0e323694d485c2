"""In which form a server is asked for a typed output, and what it has refused."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Literal, TypeAlias
from weakref import WeakKeyDictionary

from ...http.errors import words_of_refusal

if TYPE_CHECKING:
    from ...exceptions import APIStatusError
    from ...http.client import ResponsesClient
    from ..interface import ModelRequest

OutputFormat: TypeAlias = Literal["json_schema", "json_object", "text"]
"""How a server is held to an output type: by its schema, to JSON, or by the prompt alone."""

_FORMATS: tuple[OutputFormat, ...] = ("json_schema", "json_object", "text")
_ABOUT_THE_FORMAT = re.compile(
    r"response.?(?:format|mime|schema)|json.?schema|json.?object|json.?mode|structured.?output"
    r"|output.?format|output_config(?!.?effort)|grammar|too many states for serving",
    re.I,
)
_ABOUT_THE_SCHEMA = re.compile(r"invalid.{0,3}(json.?)?schema|schema is invalid", re.I)

_logger = logging.getLogger("agents_lite")

_Asked = tuple[str, bool]
"""A model, and whether it was given tools: some servers take either these or a format."""
_taken: WeakKeyDictionary[ResponsesClient, dict[_Asked, OutputFormat]] = WeakKeyDictionary()


def format_for(client: ResponsesClient, model: str, request: ModelRequest) -> OutputFormat:
    """The form to ask for: the strictest that the server has not refused; text for a text."""
    if request.output_schema is None:
        return "text"
    return _taken.get(client, {}).get(_asked(model, request), "json_schema")


def next_format(
    client: ResponsesClient,
    model: str,
    request: ModelRequest,
    refused: OutputFormat,
    refusal: APIStatusError,
) -> bool:
    """Fall back to the form next to the one that was refused; False if that was not it.

    What was sent at the same time may have been refused before: it does not fall any deeper.
    """
    text = words_of_refusal(refusal)
    if refused == "text" or _ABOUT_THE_SCHEMA.search(text) or not _ABOUT_THE_FORMAT.search(text):
        return False
    if format_for(client, model, request) != refused:
        return True
    fallback = _FORMATS[_FORMATS.index(refused) + 1]
    _taken.setdefault(client, {})[_asked(model, request)] = fallback
    _logger.warning(
        "%s does not take the response format %s for %s; the schema goes into the prompt, with %s",
        client.base_url,
        refused,
        model,
        "no format at all" if fallback == "text" else f"the format {fallback}",
    )
    return True


def _asked(model: str, request: ModelRequest) -> _Asked:
    return model, bool(request.tools or request.handoffs)
