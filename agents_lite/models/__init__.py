"""Models: what the loop asks of one, and those behind the Responses API and Chat Completions."""

from .interface import Model, ModelProvider, ModelRequest
from .openai_provider import OpenAIProvider
from .openai_responses import OpenAIResponsesModel

__all__ = ["Model", "ModelProvider", "ModelRequest", "OpenAIProvider", "OpenAIResponsesModel"]
