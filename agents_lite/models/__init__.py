"""Models: what the loop asks of one, and those behind the APIs of OpenAI and of Anthropic."""

from .interface import Model, ModelProvider, ModelRequest, ModelTracing
from .openai_provider import OpenAIProvider, get_default_model, is_gpt_5_default
from .openai_responses import OpenAIResponsesModel

__all__ = [
    "Model",
    "ModelProvider",
    "ModelRequest",
    "ModelTracing",
    "OpenAIProvider",
    "OpenAIResponsesModel",
    "get_default_model",
    "is_gpt_5_default",
]
