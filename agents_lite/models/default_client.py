"""The client that a model's requests go through where it was given none."""

from __future__ import annotations

import os
import threading

from ..http.client import ResponsesClient
from ..tracing import get_trace_provider

_ENVIRONMENT = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")

_lock = threading.Lock()
_default_key: str | None = None
_default_client: ResponsesClient | None = None
_clients: dict[tuple[str | None, ...], ResponsesClient] = {}


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
