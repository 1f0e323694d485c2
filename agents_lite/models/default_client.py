"""Through which client, and by which API, models are asked where nothing else was said."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, get_args
from urllib.parse import urlencode

from ..checks import check_choice, forgetful
from ..concurrency.forks import new_lock
from ..exceptions import UserError
from ..http.client import ResponsesClient
from ..tracing import get_trace_provider

__all__ = ["set_default_openai_api", "set_default_openai_client", "set_default_openai_key"]

_ENVIRONMENT = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID")

OpenAIAPI: TypeAlias = Literal["responses", "chat_completions"]
"""An API of a model's server."""
_OF_OTHERS = ("open_ai", "openai", "azure", "azure_ad", "azuread")
"""Values of `OPENAI_API_TYPE` that mean something to other programs, and nothing here."""


class OpenAIClient(Protocol):
    """What is asked of a client of the `openai` package: where it goes, and as whom."""

    api_key: str
    organization: str | None
    project: str | None
    max_retries: int

    @property
    def base_url(self) -> object:
        """The server."""


_lock = new_lock()
_default_key: str | None = None
_default_client: ResponsesClient | None = None
_default_api: OpenAIAPI | None = None
_clients: dict[tuple[str | None, ...], ResponsesClient] = {}


@forgetful
def set_default_openai_key(key: str, use_for_tracing: bool = True) -> None:
    """Use this API key where none is given, instead of `OPENAI_API_KEY`.

    Args:
        key: The key.
        use_for_tracing: Whether traces are sent with it too, where they go to OpenAI at all.

    Raises:
        UserError: The key is no text.
    """
    if not isinstance(key, str):
        kind = type(key).__name__
        del key  # or an error tracker records it
        raise UserError(
            f"The key must be text, not {kind}; one that expires is given by a function: "
            "set_default_openai_client(ResponsesClient(api_key=function))"
        )
    global _default_key
    _default_key = key
    if use_for_tracing:
        get_trace_provider().openai_processor.use_model_key(key)


def set_default_openai_client(
    client: ResponsesClient | OpenAIClient, use_for_tracing: bool = True
) -> None:
    """Use this client where none is given.

    Args:
        client: The client, or one of the `openai` package, of which only the settings are used.
        use_for_tracing: Whether traces are sent with its key too, where it is one for OpenAI.
    """
    global _default_client
    _default_client = as_client(client)
    key = getattr(client, "api_key", None)
    if use_for_tracing and isinstance(key, str) and _default_client.hostname == "api.openai.com":
        get_trace_provider().openai_processor.use_model_key(key)


def set_default_openai_api(api: OpenAIAPI) -> None:
    """Ask models that are known by name alone by this API, instead of `OPENAI_API_TYPE`.

    Raises:
        UserError: There is no such API.
    """
    global _default_api
    check_choice(api, "The API", *get_args(OpenAIAPI))
    _default_api = api


def default_api() -> OpenAIAPI:
    """The API that was set, or the one that the environment names now, or else "responses"."""
    if _default_api is not None:
        return _default_api
    named = os.environ.get("OPENAI_API_TYPE", "").lower()
    if not named or named in _OF_OTHERS:
        return "responses"
    check_choice(named, "OPENAI_API_TYPE", *get_args(OpenAIAPI))
    return named  # type: ignore[return-value]


def as_client(client: ResponsesClient | OpenAIClient) -> ResponsesClient:
    """The client itself, or one that asks the server of a client of the `openai` package.

    Raises:
        UserError: It is neither.
    """
    if isinstance(client, ResponsesClient):
        return client
    headers = dict(getattr(client, "_custom_headers", None) or {})
    timeout = getattr(client, "timeout", None)
    limits: dict[str, Any] = {"timeout": timeout} if isinstance(timeout, int | float) else {}
    try:
        return ResponsesClient(
            api_key=_key_of(client, headers),
            base_url=_address_of(client),
            organization=client.organization,
            project=client.project,
            max_retries=client.max_retries,
            default_headers={name: value for name, value in headers.items() if value},
            **limits,
        )
    except AttributeError:
        raise UserError(f"A client is a ResponsesClient, not {type(client).__name__}") from None


def _key_of(client: Any, headers: dict[str, str]) -> str | Callable[[], str]:
    """The key of a client of the `openai` package, or what gives it; Azure's goes into a header."""
    for name in ("_api_key_provider", "_azure_ad_token_provider", "_azure_ad_token"):
        found: str | Callable[[], str] | None = getattr(client, name, None)
        if found:
            return found
    key: str = client.api_key
    if not hasattr(client, "_azure_ad_token"):
        return key
    headers["api-key"] = key
    return ""


def _address_of(client: Any) -> str:
    """The base URL of a client of the `openai` package, with the query of all its requests."""
    url, query = str(client.base_url), getattr(client, "default_query", None)
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url


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
