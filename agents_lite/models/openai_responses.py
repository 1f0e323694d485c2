"""A model behind the OpenAI Responses API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import is_
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..checks import check_kind
from ..exceptions import UserError
from ..history import without_stored_reasoning
from ..http.client import ResponsesClient
from ..items import as_input, is_taken_back
from ..model_settings import MCPToolChoice
from ..response_types import ResponseStreamEvent
from ..tool import FunctionTool
from .default_client import OpenAIClient, as_client, default_client
from .foreign_ids import is_foreign, without_foreign_ids
from .interface import Model, ModelRequest
from .lost_reasoning import note_lost, without_lost
from .refused_fields import note_refused_field, without_refused_fields
from .refused_streams import note_refused_stream, with_stream
from .replayed_reasoning import REPLAYED, without_replayed
from .sending import send
from .tool_json import handoff_to_request, tool_to_request, tools_to_include
from .unanswered_calls import note_unanswered

if TYPE_CHECKING:
    from ..concurrency.cancellation import Cancellation
    from ..exceptions import APIStatusError
    from ..model_settings import ModelSettings
    from ..output_schema import AgentOutputSchemaBase

_PLAIN_SETTINGS = (
    "temperature",
    "top_p",
    "parallel_tool_calls",
    "truncation",
    "metadata",
    "store",
    "top_logprobs",
    "prompt_cache_key",
    "prompt_cache_retention",
    "context_management",
    "background",
    "service_tier",
    "safety_identifier",
)
"""Settings whose names are those of the request's fields."""

_HOSTED_CHOICES = {
    "code_interpreter",
    "file_search",
    "image_generation",
    "mcp",
    "web_search",
    "web_search_preview",
}
"""Tools that a `tool_choice` names by their type."""
_COMPUTER_CHOICES = {"computer", "computer_use", "computer_use_preview"}
"""Names of the one for a computer."""


class OpenAIResponsesModel(Model):
    """A model reached by `POST {base_url}/responses`.

    Source: https://platform.openai.com/docs/api-reference/responses/create
    """

    tries_again = True

    def __init__(
        self,
        model: str,
        openai_client: ResponsesClient | OpenAIClient | None = None,
        *,
        is_default: bool = False,
    ) -> None:
        """Name the model, and the server.

        Args:
            model: The model's name.
            openai_client: What its requests go through; None: the default client.
            is_default: Whether nobody has chosen it, so that a stored prompt's own model counts.

        Raises:
            UserError: It is no name, or no client.
        """
        check_kind(model, str, "OpenAIResponsesModel: model", "a model's name")
        self.model = model
        self._client = None if openai_client is None else as_client(openai_client)
        self._is_default = is_default

    @property
    def hostname(self) -> str:
        """The server that is asked."""
        return (self._client or default_client()).hostname

    def stream(self, request: ModelRequest) -> Iterator[ResponseStreamEvent]:
        """Send the request and pass on what comes back.

        Raises:
            APIError: The server could not be reached, refused, failed, or sent nonsense.
            UserError: The request cannot be sent, for want of an API key for example.
        """
        client = self._client or default_client()
        reword = partial(self._other_body, request, client, [])
        return send(client, self._body(request, client, []), request, reword=reword)

    def request_body(self, request: ModelRequest) -> dict[str, Any]:
        """The JSON that is sent for a request.

        Raises:
            UserError: A setting is not one of this API.
        """
        is_named = not self._is_default or request.prompt is None
        return request_body(self.model if is_named else None, without_lost(request))

    def _other_body(
        self,
        request: ModelRequest,
        client: ResponsesClient,
        answers: list[dict[str, Any]],
        refusal: APIStatusError,
    ) -> dict[str, Any]:
        """The body without what the server turns out not to read, to know or to stream, and with
        what it misses.
        """
        sent = self._body(request, client, answers)
        note_refused_field(sent, client, refusal)
        note_refused_stream(sent, client, refusal)
        note_unanswered(request, refusal, answers)
        note_lost(request, client, refusal)
        return self._body(request, client, answers)

    def _body(
        self, request: ModelRequest, client: ResponsesClient, answers: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """The body as the server takes it, as far as it has refused others."""
        body = with_stream(self.request_body(request), client)
        if answers:
            body["input"] = [*answers, *body["input"]]
        return without_refused_fields(body, client)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"


def request_body(model: str | None, request: ModelRequest) -> dict[str, Any]:
    """The JSON of a request; what is None is left out.

    Raises:
        UserError: A setting is not one of this API.
    """
    settings = request.model_settings
    given = vars(settings)
    _check_settings(request)
    include = [
        *(settings.include or ()),
        *(settings.response_include or ()),
        *tools_to_include(request.tools),
    ]
    body = {
        "model": model,
        "input": as_sent(request.input, settings.store is not False, request.cancellation),
        "instructions": request.system_instructions,
        "tools": _tools(model, request),
        "tool_choice": _tool_choice(model, request),
        "text": _text(request.output_schema, settings),
        "include": list(dict.fromkeys(include)) or None,
        "max_output_tokens": settings.max_tokens,
        "previous_response_id": request.previous_response_id,
        "conversation": request.conversation_id,
        "prompt": request.prompt,
        **{name: given[name] for name in _PLAIN_SETTINGS},
        "reasoning": _plain(settings.reasoning),
        **(settings.extra_args or {}),
    }
    return {
        **{name: value for name, value in body.items() if value is not None},
        "stream": request.stream,
        **(settings.extra_body or {}),
    }


def as_sent(
    items: list[dict[str, Any]], is_kept: bool = True, run: Cancellation | None = None
) -> list[dict[str, Any]]:
    """Items without what the API refuses: what only answers have, ids and reasoning of other
    servers.

    Args:
        items: Input items.
        is_kept: Whether the server keeps what it answers; if not, reasoning without its content is
            left out, too.
        run: What stops the run of this request; what its last request held, item for item, is not
            looked at again. None: it is for itself.
    """
    if not is_kept:
        items = without_stored_reasoning(items)
    known = [] if run is None else _plain_items.get(run, [])
    goes_on = len(known) <= len(items) and all(map(is_, known, items))
    new = items[len(known) :] if goes_on else items
    if False not in [is_taken_back(item) for item in new] and True not in [
        is_foreign(item) or REPLAYED in item for item in new
    ]:
        if run is not None:
            _plain_items[run] = list(items)
        return items
    return without_replayed(without_foreign_ids([as_input(item) for item in items]))


_plain_items: WeakKeyDictionary[Cancellation, list[dict[str, Any]]] = WeakKeyDictionary()
"""The items of each run's last request of which all could be sent as they are, by what stops it."""


def _check_settings(request: ModelRequest) -> None:
    for name in ("frequency_penalty", "presence_penalty"):
        if getattr(request.model_settings, name) is not None:
            raise UserError(
                f"Agent {request.agent_name}: the Responses API has no {name}. Ask the model by "
                "Chat Completions, or, if this server takes it all the same, use "
                f"ModelSettings(extra_body={{{name!r}: ...}})."
            )


def _tools(model: str | None, request: ModelRequest) -> list[dict[str, Any]] | None:
    tools = [tool_to_request(tool) for tool in request.tools]
    if _computer(model) == "computer":  # which needs no description of the screen
        tools = [
            {"type": "computer"} if tool.get("type") == "computer_use_preview" else tool
            for tool in tools
        ]
    elif model is not None and {"type": "computer"} in tools:
        raise UserError(
            f"Agent {request.agent_name}: {model} has to be told of the screen. Write "
            "`environment` and `dimensions` of the Computer, or ask a newer model."
        )
    tools += [handoff_to_request(offer) for offer in request.handoffs]
    return tools or None


def _tool_choice(model: str | None, request: ModelRequest) -> Any:
    choice = request.model_settings.tool_choice
    if isinstance(choice, MCPToolChoice):
        return {"type": "mcp", "server_label": choice.server_label, "name": choice.name}
    if not isinstance(choice, str) or choice in ("auto", "required", "none"):
        return choice
    named = [tool for tool in request.tools if tool.name == choice]
    if not any(isinstance(tool, FunctionTool) for tool in named):
        if choice in _COMPUTER_CHOICES:
            return {"type": _computer(model)}
        if choice in _HOSTED_CHOICES:
            return {"type": choice}
        if named:  # a shell and the like are chosen by their type
            declared = tool_to_request(named[0])
            fields = ("type", "name", "server_label")
            return {name: declared[name] for name in fields if name in declared}
    return {"type": "function", "name": choice}


def _computer(model: str | None) -> str:
    """The tool for a computer: older models have their own, and who knows what a prompt names."""
    is_older = model is None or model.startswith("computer-use-preview")
    return "computer_use_preview" if is_older else "computer"


def _text(
    schema: AgentOutputSchemaBase | None, settings: ModelSettings
) -> dict[str, Any] | None:
    text: dict[str, Any] = {}
    if schema is not None:
        text["format"] = {
            "type": "json_schema",
            "name": "final_output",
            "schema": schema.json_schema(),
            "strict": schema.is_strict_json_schema(),
        }
    if settings.verbosity is not None:
        text["verbosity"] = settings.verbosity
    return text or None


def _plain(options: Any) -> Any:
    """Options as JSON, be they a mapping or an object such as `openai.types.Reasoning`."""
    dump = getattr(options, "model_dump", None)
    return options if dump is None else dump(exclude_none=True)
