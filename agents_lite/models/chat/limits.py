"""What a request may ask for and the Chat Completions API cannot say."""

from __future__ import annotations

from ...tool import FunctionTool
from ..interface import ModelRequest

_REMEDY = "Use a model behind the Responses API (OpenAIResponsesModel), or do without."


class CannotSay(Exception):
    """What cannot be said, as the end of a sentence: "an image by file_id"."""


def check_request(request: ModelRequest) -> None:
    """Refuse what would have to be left out.

    Raises:
        CannotSay: Hosted tools, what the server would have to keep, and the like.
    """
    settings = request.model_settings
    extra = {**(settings.extra_args or {}), **(settings.extra_body or {})}
    asked = {
        "previous_response_id": request.previous_response_id,
        "conversation_id": request.conversation_id,
        "a stored prompt": request.prompt,
        "truncation": settings.truncation == "auto",
        "background": getattr(settings, "background", None) or extra.get("background"),
        "context_management": getattr(settings, "context_management", None),
    }
    for feature, value in asked.items():
        if value:
            raise CannotSay(f"{feature}. {_REMEDY}")
    for tool in request.tools:
        if not isinstance(tool, FunctionTool):
            raise CannotSay(f"the hosted tool {tool.name}. {_REMEDY}")
