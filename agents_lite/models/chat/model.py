"""A model behind the Chat Completions API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from ...checks import check_choice, check_kind
from ...response_types import ResponseStreamEvent
from ..default_client import OpenAIClient, as_client, default_client
from ..interface import Model, ModelRequest
from ..lost_reasoning import note_lost, without_lost
from ..sending import send
from .answer import chat_events
from .demands import Demand, known_demands, learn_demand, may_mean_tools, meet_demands
from .output_format import OutputFormat, format_for, next_format
from .request import chat_request_body

if TYPE_CHECKING:
    from ...exceptions import APIStatusError
    from ...http.answer import Translate
    from ...http.call import Reword
    from ...http.client import ResponsesClient


class Known(NamedTuple):
    """What is known of a server when a request is written."""

    host: str
    """Its name and port."""
    output_format: OutputFormat
    """How it is held to an output type."""
    demands: tuple[Demand, ...]
    """What it wants beyond the API."""


class OpenAIChatCompletionsModel(Model):
    """A model reached by `POST {base_url}/chat/completions`.

    In and out are the items and events of the Responses API, so that a conversation may go on with
    a model behind the other API. What this one cannot say is refused before anything is sent.

    An output type is asked for as a JSON schema. From a server that refuses such a format, JSON is
    asked for, and then plain text, each with the schema in the prompt; what it takes is remembered
    for as long as its client lives.

    Source: https://platform.openai.com/docs/api-reference/chat/create
    """

    tries_again = True
    _path: ClassVar[str] = "/chat/completions"

    def __init__(
        self,
        model: str,
        openai_client: ResponsesClient | OpenAIClient | None = None,
        *,
        replay_reasoning: Literal["auto"] | bool = "auto",
    ) -> None:
        """Name the model, and the client its requests go through.

        Args:
            model: The model's name.
            openai_client: None takes the default client.
            replay_reasoning: Whether the model's reasoning is sent back with the conversation,
                under the name it came by. "auto": to the server that it came from.

        Raises:
            UserError: It is no name, or no client; or `replay_reasoning` is none of these.
        """
        check_kind(model, str, f"{type(self).__name__}: model", "a model's name")
        self.model = model
        self._client = None if openai_client is None else as_client(openai_client)
        check_choice(replay_reasoning, "replay_reasoning", "auto", True, False)
        self._replay_reasoning = replay_reasoning

    @property
    def hostname(self) -> str:
        """The server that is asked."""
        return self._connected().hostname

    def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
        """Send the request and translate what comes back.

        Raises:
            APIError: The server could not be reached, refused, failed, or sent nonsense.
            UserError: The request cannot be sent, for want of an API key for example, or asks for
                what only the Responses API knows.
        """
        client = self._connected()
        known = self._known(request, client)
        body = self._body(request, known)
        return send(
            client,
            body,
            request,
            path=self._path,
            translate=self._translation(request, body, known.host),
            reword=self._rewording(request, client, known),
        )

    def request_body(self, request: ModelRequest) -> dict[str, Any]:
        """The JSON that is sent for a request.

        Raises:
            UserError: It asks for what this API does not know.
        """
        client = self._connected()
        return self._body(request, self._known(request, client))

    def _connected(self) -> ResponsesClient:
        """The client that requests go through."""
        return self._client or default_client()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"

    def _translation(self, request: ModelRequest, body: dict[str, Any], host: str) -> Translate:
        """What makes events of the answer to a body."""
        return partial(
            chat_events,
            host=host,
            several=body.get("n") not in (None, 1),
            streamed=request.stream,
            is_json=request.output_schema is not None,
        )

    def _known(self, request: ModelRequest, client: ResponsesClient) -> Known:
        return Known(
            client.address.host,
            format_for(client, self.model, request),
            known_demands(client, self.model),
        )

    def _chat_body(self, request: ModelRequest, known: Known) -> dict[str, Any]:
        body = chat_request_body(
            self.model,
            without_lost(request),
            host=known.host,
            output_format=known.output_format,
            replay_reasoning=self._replay_reasoning,
        )
        meet_demands(body, known.demands)
        return body

    _body = _chat_body
    """The JSON that is sent; models behind other APIs have it made of that of a chat completion."""

    def _rewording(self, request: ModelRequest, client: ResponsesClient, sent: Known) -> Reword:
        """What has another body for a server that turns out to want something otherwise.

        Of a refusal only what was sent is learned from: others may have learned the same by now.
        """

        def reword(refusal: APIStatusError) -> dict[str, Any]:
            nonlocal sent
            asked, model = sent.output_format, self.model
            body = self._chat_body(request, sent)
            learn = partial(learn_demand, client, model, body, sent.demands, refusal)
            is_of_tools = may_mean_tools(refusal) and learn()
            if not is_of_tools and not next_format(client, model, request, asked, refusal):
                learn()
                note_lost(request, client, refusal)
            sent = self._known(request, client)
            return self._body(request, sent)

        return reword
