"""Models of many servers, told apart by a prefix of their names."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType

from ..checks import check_kind, forgetful
from ..exceptions import UserError
from ..shown import repr_of
from .interface import Model, ModelProvider
from .known_servers import KNOWN_SERVERS
from .openai_provider import OpenAIProvider

__all__ = ["MultiProvider"]


class MultiProvider(ModelProvider):
    """Finds `"deepseek/deepseek-chat"` at DeepSeek, `"ollama/llama3.2"` at Ollama, and so on.

    ```python
    models = MultiProvider({"local": OpenAIProvider(client, use_responses=False)})
    config = RunConfig(model="local/my-model", model_provider=models)
    ```

    Prefixes that nobody gave a provider for are those of docs/models.md, with keys out of the
    usual environment variables. A name with any other prefix, or none, goes as it is to the
    default provider, since names of models may hold slashes; `openai/` is taken off.
    """

    @forgetful
    def __init__(
        self,
        providers: Mapping[str, ModelProvider] | None = None,
        *,
        default: ModelProvider | None = None,
    ) -> None:
        """Name providers by prefix, and the one for all other names.

        Args:
            providers: Without a slash, such as {"local": ...}; they win over those known by name.
            default: None takes an `OpenAIProvider`.

        Raises:
            UserError: A prefix holds a slash, or something else than a provider was given.
        """
        check_kind(providers, (Mapping, NoneType), "providers", "a dict of providers by prefix")
        for prefix, provider in (providers or {}).items():
            if not isinstance(prefix, str) or not prefix or "/" in prefix:
                raise UserError(f"{repr_of(prefix)} cannot be the prefix of a model's name")
            check_kind(provider, ModelProvider, f"The provider {prefix!r}", "a ModelProvider")
        check_kind(default, (ModelProvider, NoneType), "default", "a ModelProvider")
        self._providers = dict(providers or {})
        self._default = default or OpenAIProvider()

    def get_model(self, model_name: str | None) -> Model:
        """The model of that name at the server of its prefix; None: the default provider's.

        Raises:
            UserError: There is no key for that server, or no name behind the prefix.
        """
        prefix, slash, name = (model_name or "").partition("/")
        if slash and not name:
            raise UserError(f"There is no name of a model behind {model_name!r}")
        provider = self._provider(prefix) if slash else None
        if provider is not None:
            return provider.get_model(name)
        return self._default.get_model(name if slash and prefix == "openai" else model_name)

    def _provider(self, prefix: str) -> ModelProvider | None:
        provider = self._providers.get(prefix)
        if provider is None and prefix in KNOWN_SERVERS:
            provider = OpenAIProvider(KNOWN_SERVERS[prefix].client(), use_responses=False)
            self._providers[prefix] = provider
        return provider
