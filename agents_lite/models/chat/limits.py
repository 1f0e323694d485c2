"""What a request may ask for and the Chat Completions API cannot say."""

from __future__ import annotations

from ...tool import FunctionTool
from ..interface import ModelRequest

_OF_REQUEST = (
    ("previous_response_id", "previous_response_id"),
    ("conversation_id", "conversation_id"),
    ("a stored prompt", "prompt"),
)
"""Features, and the fields of a request that ask for them."""
_OF_SETTINGS = ("truncation", "background", "context_management")
"""Settings, of which "disabled" and false ask for nothing."""
_REMEDY = "Use a model behind the Responses API (OpenAIResponsesModel), or do without."


class CannotSay(Exception):
    """What cannot be said, as the end of a sentence: "an image by file_id"."""


def check_request(request: ModelRequest) -> None:
    """Refuse what would have to be left out.

    Raises:
        CannotSay: Hosted tools, what the server would have to keep, and the like.
    """
    asked, settings = vars(request), vars(request.model_settings)
    for feature, name in _OF_REQUEST:
        if asked[name] is not None:
            raise CannotSay(f"{feature}. {_REMEDY}")
    for place in (settings, settings["extra_args"], settings["extra_body"]):
        for name in _OF_SETTINGS if place else ():
            if place.get(name) not in (None, False, "disabled"):
                raise CannotSay(f"{name}. {_REMEDY}")
    for tool in request.tools:
        if not isinstance(tool, FunctionTool):
            raise CannotSay(f"the hosted tool {tool.name}. {_REMEDY}")
