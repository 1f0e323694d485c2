"""From a model's name to the model, and the client that its requests go through."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from ..http.client import ResponsesClient
from ..tracing import get_trace_provider
from .interface import Model, ModelProvider
from .openai_responses import OpenAIResponsesModel

if TYPE_CHECKING:
    from ..agent import Agent
    from ..run_config import RunConfig

FALLBACK_MODEL = "gpt-4o"

_ENVIRONMENT = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")

_lock = threading.Lock()
_default_key: str | None = None
_default_client: ResponsesClient | None = None
_clients: dict[tuple[str | None, ...], ResponsesClient] = {}


class OpenAIProvider(ModelProvider):
    """Models of a server that speaks the Responses API."""

    def __init__(self, client: ResponsesClient | None = None) -> None:
        """Take a client, or None for the default one at the time of each call."""
        self._client = client

    def get_model(self, model_name: str | None) -> Model:
        """The model of that name; None: `OPENAI_DEFAULT_MODEL`, or else gpt-4o."""
        name = model_name or os.environ.get("OPENAI_DEFAULT_MODEL") or FALLBACK_MODEL
        return OpenAIResponsesModel(name, self._client or default_client())


def choose_model(agent: Agent[object], config: RunConfig) -> Model:
    """The model of the next call: the run's, else the agent's, else the provider's default."""
    wanted = agent.model if config.model is None else config.model
    if isinstance(wanted, Model):
        return wanted
    return (config.model_provider or _default_provider).get_model(wanted)


def set_default_openai_key(key: str, use_for_tracing: bool = True) -> None:
    """Use this API key where none is given, instead of `OPENAI_API_KEY`.

    Args:
        key: The key.
        use_for_tracing: Whether traces are sent with it too, where they go to OpenAI at all.
    """
    global _default_key
    _default_key = key
    if use_for_tracing:
        get_trace_provider().openai_processor.use_model_key(key)


def set_default_openai_client(client: ResponsesClient) -> None:
    """Use this client where none is given."""
    global _default_client
    _default_client = client


def default_client() -> ResponsesClient:
    """The client that was set, or one made of the environment's variables as they are now."""
    if _default_client is not None:
        return _default_client
    settings = (_default_key, *map(os.environ.get, _ENVIRONMENT))
    client = _clients.get(settings)
    if client is None:
        with _lock:
            client = _clients.setdefault(settings, ResponsesClient(api_key=_default_key))
    return client


_default_provider = OpenAIProvider()
