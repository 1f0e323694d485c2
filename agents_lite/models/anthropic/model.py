"""A model behind Anthropic's Messages API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from ...exceptions import UserError
from ...http.client import ResponsesClient
from ...response_types import as_json
from ..chat.limits import CannotSay
from ..chat.model import OpenAIChatCompletionsModel
from ..sending import send
from .answer import as_chunks
from .pauses import without_pauses
from .request import gone_on_with, messages_request

if TYPE_CHECKING:
    from ...http.answer import Translate
    from ..chat.model import Known
    from ..interface import ModelRequest

BASE_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"
_UNKNOWN = ("frequency_penalty", "presence_penalty", "top_logprobs", "verbosity")
"""Settings that the API would refuse, and that an answer depends on."""


class AnthropicModel(OpenAIChatCompletionsModel):
    """A model reached by `POST {base_url}/messages`.

    What is asked and answered takes the way over the messages and chunks of Chat Completions, and
    what they cannot say is refused here too. Thinking is asked for by
    `ModelSettings(extra_body={"thinking": {...}})`; it goes back with its signature.

    Source: https://docs.claude.com/en/api/messages
    """

    _path = "/messages"

    def __init__(
        self,
        model: str,
        client: ResponsesClient | None = None,
        *,
        replay_reasoning: Literal["auto"] | bool = "auto",
        cache_prompt: bool = True,
    ) -> None:
        """Name the model, and the client its requests go through.

        Args:
            model: The model's name.
            client: None makes one of `ANTHROPIC_API_KEY` and `ANTHROPIC_BASE_URL`, when it is
                first needed.
            replay_reasoning: Whether its thinking is sent back, see OpenAIChatCompletionsModel.
            cache_prompt: Whether to mark instructions and conversation as worth caching.
        """
        super().__init__(model, client, replay_reasoning=replay_reasoning)
        self._cache_prompt = cache_prompt

    def _connected(self) -> ResponsesClient:
        if self._client is None:
            self._client = anthropic_client()
        return self._client

    def _translation(self, request: ModelRequest, body: dict[str, Any], host: str) -> Translate:
        events_of = super()._translation(request, body, host)
        go_on = partial(self._events_behind, request)
        return lambda answer: events_of(as_chunks(without_pauses(answer, go_on)))

    def _events_behind(
        self, request: ModelRequest, said: list[dict[str, Any]], container: Any
    ) -> Iterator[dict[str, Any]]:
        """What the API answers to a request behind what the model has said to it so far."""
        client = self._connected()
        body = gone_on_with(self._body(request, self._known(request, client)), said, container)
        events = send(client, body, request, path=self._path, translate=_as_it_came)
        is_stream = False
        with closing(events):
            for event in map(as_json, events):
                if "event" in event:
                    is_stream = True
                    yield event["event"]
                elif not is_stream:
                    yield from event["response"]["output"]

    def _body(self, request: ModelRequest, known: Known) -> dict[str, Any]:
        chat = self._chat_body(request, known)
        try:
            for name in _UNKNOWN:
                if getattr(request.model_settings, name) is not None:
                    raise CannotSay(f"{name}; a server that does is given it in extra_body")
            return messages_request(chat, cache_prompt=self._cache_prompt)
        except CannotSay as what:
            agent = request.agent_name
            who = "" if agent is None else f"Agent {agent}: "
            raise UserError(f"{who}The Messages API does not take {what}") from None


def _as_it_came(answer: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Events of the Messages API, or a message, inside of such as a client here hands out."""
    event: dict[str, Any] = {}
    for event in answer:
        yield {"type": "message.event", "event": event}
        if event.get("type") in ("message", "message_stop") or "content" in event:
            break
    yield {"type": "response.completed", "response": {"status": "completed", "output": [event]}}


def anthropic_client() -> ResponsesClient:
    """A client for Anthropic's own server, or the one that `ANTHROPIC_BASE_URL` names.

    Raises:
        UserError: There is no key.
    """
    key = os.environ.get("ANTHROPIC_API_KEY")
    if not key:
        raise UserError("There is no key for Anthropic: set ANTHROPIC_API_KEY, or pass a client")
    server = (os.environ.get("ANTHROPIC_BASE_URL") or BASE_URL).rstrip("/")
    return ResponsesClient(
        api_key="",
        base_url=server if server.endswith("/v1") else f"{server}/v1",
        organization="",
        project="",
        default_headers={"x-api-key": key, "anthropic-version": VERSION},
    )
