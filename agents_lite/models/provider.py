"""From a model's name to the model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .default_client import default_client
from .interface import Model, ModelProvider
from .openai_responses import OpenAIResponsesModel

if TYPE_CHECKING:
    from ..agent import Agent
    from ..http.client import ResponsesClient
    from ..run_config import RunConfig

FALLBACK_MODEL = "gpt-4o"


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


_default_provider = OpenAIProvider()
