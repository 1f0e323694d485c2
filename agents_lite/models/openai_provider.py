"""From a model's name to the model."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from ..checks import forgetful
from ..exceptions import UserError
from ..http.client import ResponsesClient
from ..shown import repr_of
from .default_client import OpenAIClient, as_client, default_api, default_client
from .interface import Model, ModelProvider
from .openai_responses import OpenAIResponsesModel

if TYPE_CHECKING:
    from ..agent import Agent
    from ..run_config import RunConfig
    from .chat.model import OpenAIChatCompletionsModel

FALLBACK_MODEL = "gpt-4o"


class OpenAIProvider(ModelProvider):
    """Models of one server, by either of OpenAI's APIs."""

    @forgetful
    def __init__(
        self,
        openai_client: ResponsesClient | OpenAIClient | None = None,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        organization: str | None = None,
        project: str | None = None,
        use_responses: bool | None = None,
    ) -> None:
        """Choose the server, and the API.

        Args:
            openai_client: None takes the default client at the time of each call, or makes one if
                anything of the following is given.
            api_key: As for `ResponsesClient`, like those that follow.
            base_url: The server.
            organization: The organization.
            project: The project.
            use_responses: Whether to ask by the Responses API, or else by Chat Completions; None
                does as `set_default_openai_api` or `OPENAI_API_TYPE` says at the time.

        Raises:
            UserError: Both a client and what makes one are given.
        """
        given: dict[str, Any] = {
            "api_key": api_key,
            "base_url": base_url,
            "organization": organization,
            "project": project,
        }
        self._client = None if openai_client is None else as_client(openai_client)
        if any(value is not None for value in given.values()):
            if openai_client is not None:
                raise UserError("An OpenAIProvider takes a client, or what makes one: not both")
            self._client = ResponsesClient(**given)
        self._use_responses = use_responses

    def get_model(self, model_name: str | None) -> Model:
        """The model of that name; None: `OPENAI_DEFAULT_MODEL`, or else gpt-4o."""
        name = model_name or get_default_model()
        client = self._client or default_client()
        if name.startswith("openai/") and client.hostname == "api.openai.com":
            name = name.removeprefix("openai/")
        use_responses = self._use_responses
        if use_responses is None:
            use_responses = default_api() == "responses"
        if use_responses:
            return OpenAIResponsesModel(name, client, is_default=model_name is None)
        return _chat_model()(name, client)


@cache
def _chat_model() -> type[OpenAIChatCompletionsModel]:
    from .chat.model import OpenAIChatCompletionsModel  # only those who need it pay for it

    return OpenAIChatCompletionsModel


def get_default_model() -> str:
    """The model where none is named: `OPENAI_DEFAULT_MODEL`, or else gpt-4o."""
    return os.environ.get("OPENAI_DEFAULT_MODEL") or FALLBACK_MODEL


def is_gpt_5_default() -> bool:
    """Whether that is a model of the GPT-5 family that reasons."""
    name = get_default_model()
    return name.startswith("gpt-5") and not name.startswith("gpt-5-chat")


def choose_model(agent: Agent[object], config: RunConfig) -> Model:
    """The model of the next call: the run's, else the agent's, else the provider's default."""
    wanted = agent.model if config.model is None else config.model
    if isinstance(wanted, Model):
        return wanted
    provider = config.model_provider
    if provider is None:
        return _default_provider.get_model(wanted)
    model = provider.get_model(wanted)
    if not isinstance(model, Model):
        raise UserError(
            f"{repr_of(provider)}.get_model({wanted!r}) must return a Model, got {repr_of(model)}"
        )
    return model


_default_provider = OpenAIProvider()


def default_provider() -> ModelProvider:
    """The provider of runs that name none."""
    return _default_provider
